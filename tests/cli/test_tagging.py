"""``releaser tags`` on fakes: what its options pretend, what it asks, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from releaser.cli import app, tagging
from releaser.core.facts import EventFacts, RepositoryFacts, SourceFacts
from releaser.errors import SetupError
from tests.world import World

SPEC = """\
version: 1
project: shop
registries: {main: main.example/shop}
images:
  api:
    context: api
    tags:
      - type=schedule,pattern={{date 'YYYY-MM-DD' tz='Asia/Tokyo'}}
      - type=semver,pattern={{version}}
      - type=ref,event=branch
      - type=ref,event=pr
      - type=raw,value=to-{{base_ref}}
      - type=raw,value=main-only,enable={{is_default_branch}}
  worker: {context: worker, tags: ["{{version}}", latest]}
"""
HERE = SourceFacts(
    commit="a" * 40, branch="main", tags=("v1.4.2",), last_tag="v1.4.2", default_branch="main"
)
Said = Callable[..., dict[str, list[str]]]
Ran = Callable[..., tuple[int, str, str]]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> World:
    """A world that the command runs in instead of this machine."""
    files = {f"{name}/Dockerfile": "FROM scratch\nCOPY f /\n" for name in ("api", "worker")}
    world = World(SPEC, files, HERE)
    monkeypatch.setattr(tagging, "load_project", lambda *_: world.project)
    monkeypatch.setattr(tagging, "adapters", lambda *_: world.adapters)
    monkeypatch.delenv("RELEASER_VERSION", raising=False)
    return world


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str]) -> Ran:
    """Runs a command line: its code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = app.run(("tags", *arguments))
        return code, *capsys.readouterr()

    return run


def data(ran: Ran, *arguments: str) -> dict[str, Any]:
    code, out, err = ran(*arguments, "--format", "json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def api(ran: Ran, *arguments: str) -> str:
    """The tags of one image."""
    return " ".join(data(ran, "api", *arguments)["images"]["api"]["tags"])


PULL = EventFacts("pull_request", "refs/pull/7/merge", base_ref="dev", default_branch="main")


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("expected", "arguments"),
    [
        ("1.4.2 main main-only latest", ""),
        ("1.2.3 latest", "--event push --ref refs/tags/v1.2.3"),
        ("1.2.3 latest", "--ref refs/tags/v1.2.3"),
        ("feature-x", "--ref refs/heads/feature/x"),
        ("dev main-only", "--ref refs/heads/dev --default-branch dev"),
        ("1.4.2 main latest", "--default-branch dev"),
        ("pr-12", "--pr 12"),
        ("pr-12", "--event pull_request --pr 12"),
        ("pr-12", "--ref refs/pull/12/merge"),
        ("pr-12 to-dev", "--pr 12 --base-ref dev"),
        ("2026-01-31 main main-only", "--event schedule"),
        ("2026-02-01 main main-only", "--event schedule --at 2026-01-31T23:00:00Z"),
        ("2026-01-31 main main-only", "--event schedule --at 2026-01-31T23:00:00+09:00"),
        ("2026-01-31 main main-only", "--event schedule --at 2026-01-31"),
        ("main main-only", "--event workflow_dispatch"),
        ("9.0.0 main main-only latest", "--version 9.0.0"),
        ("9.0.0 x latest", "--version 9.0.0 --ref refs/heads/x"),
    ],
)
def test_what_is_pretended(ran: Ran, expected: str, arguments: str) -> None:
    assert expected == api(ran, *arguments.split())


def test_what_is_not_pretended_stays_what_the_ci_system_says(made: World, ran: Ran) -> None:
    about = RepositoryFacts("shop", "all we sell", "https://example.com/shop", "MIT")
    made.source = replace(HERE, branch=None, event=replace(PULL, repository=about))
    assert api(ran) == "pr-7 to-dev"
    assert api(ran, "--base-ref", "main") == "pr-7 to-main"
    assert api(ran, "--pr", "8") == "pr-8"
    assert api(ran, "--ref", "refs/heads/main") == "main main-only"
    labels = data(ran, "api", "--pr", "8")["images"]["api"]["labels"]
    assert labels["org.opencontainers.image.description"] == "all we sell"


def test_the_first_tag_is_the_version_of_labels(made: World, ran: Ran) -> None:
    made.spec = SPEC.replace(
        "context: worker", 'context: worker, labels: {a: "{{version}}", b: "{{sha}}"}'
    )
    found = data(ran, "--ref", "refs/tags/v2.0.0-rc.1")
    name = "org.opencontainers.image.version"
    assert [image["labels"][name] for image in found["images"].values()] == ["2.0.0-rc.1"] * 2
    worker = found["images"]["worker"]
    assert (worker["labels"]["a"], worker["labels"]["b"]) == ("2.0.0-rc.1", "aaaaaaa")
    assert "a" not in worker["annotations"]
    assert data(ran, "api", "--pr", "12")["images"]["api"]["labels"][name] == "pr-12"


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("message", "hint", "arguments"),
    [
        ('--ref "v1.2.3" is not a whole ref', "refs/tags/v1.2.3", ["--ref", "v1.2.3"]),
        ('--ref "refs/notes/x" is not', "", ["--ref", "refs/notes/x"]),
        ('--ref "refs/heads/" is not', "", ["--ref", "refs/heads/"]),
        ('--ref "refs/heads/a b" is not', "", ["--ref", "refs/heads/a b"]),
        ('--ref "" is not', "", ["--ref", ""]),
        ("--pr has a ref of its own", "--ref", ["--pr", "1", "--ref", "refs/heads/main"]),
        ("pull_request does not say which", "--pr 12", ["--event", "pull_request"]),
        ("pull_request_target does not", "--pr 12", ["--event", "pull_request_target"]),
        ('--at "tomorrow" is not a time', "2026-01-31T12:00:00Z", ["--at", "tomorrow"]),
        ('--at "2026-02-30" is not', "", ["--at", "2026-02-30"]),
        ('--at "1969-12-31" is not', "", ["--at", "1969-12-31"]),
        ('--at "9999-12-31" is not', "", ["--at", "9999-12-31"]),
        ('--at "0001-01-01T00:00:00+14:00" is not', "", ["--at", "0001-01-01T00:00:00+14:00"]),
        ('"nothing"', "", ["nothing"]),
        ('"1.4" is not a version', "", ["--version", "1.4"]),
        ("--pr", "", ["--pr", "0"]),
        ("--pr", "", ["--pr", "twelve"]),
        ("--format", "", ["--format", "markdown"]),
    ],
)
def test_what_is_refused(ran: Ran, message: str, hint: str, arguments: list[str]) -> None:
    code, out, err = ran(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert hint in err


def test_a_rule_that_gives_an_illegal_tag_says_where_it_stands(made: World, ran: Ran) -> None:
    made.spec = SPEC.replace("latest]", '"{{version}}.{{branch}}"]')
    assert ran("worker")[0] == 0
    made.spec = SPEC.replace("latest]", '"{{version}}{{commit}}{{commit}}{{commit}}{{commit}}"]')
    code, out, err = ran("worker")
    assert (code, out) == (2, "")
    assert 'images.yaml:14:29: tags of image "worker": "1.4.2aaaa' in err


@pytest.mark.parametrize("times", ["2026-01-31T23:59:59Z", "9998-12-31T23:59:59Z", "1970-01-01"])
def test_every_time_that_is_taken_can_be_written(made: World, ran: Ran, times: str) -> None:
    made.spec = SPEC.replace("{{version}}", "{{date 'X' tz='Pacific/Kiritimati'}}", 1).replace(
        "type=semver,pattern=", "type=raw,value="
    )
    assert ran("--event", "schedule", "--at", times)[0] == 0


def test_images_are_chosen_by_name_or_glob(made: World, ran: Ran) -> None:
    assert list(data(ran)["images"]) == ["api", "worker"]
    assert list(data(ran, "w*")["images"]) == ["worker"]
    code, out, _ = ran("worker")
    assert code == 0
    assert "api" not in out
    assert made.builder.batches == []


def test_only_lists_of_tags_are_asked_for(made: World, ran: Ran) -> None:
    assert ran("--ref", "refs/tags/v1.5.0")[0] == 0
    assert {(call.method, call.subject) for call in made.registry.calls} == {
        ("tags", "main.example/shop/api"),
        ("tags", "main.example/shop/worker"),
    }


@pytest.mark.parametrize("arguments", [["--offline"], ["api", "--ref", "refs/heads/x"]])
def test_nothing_is_asked_where_nothing_may_move_or_offline(
    made: World, ran: Ran, arguments: list[str]
) -> None:
    code, _, err = ran(*arguments)
    assert (code, made.registry.calls) == (0, [])
    assert ("offline, so not asked for: registry main.example" in err) is (
        arguments == ["--offline"]
    )


def test_a_registry_that_cannot_be_asked(made: World, ran: Ran) -> None:
    made.registry.fail("tags", "main.example/shop/api", SetupError("the credentials are rejected"))
    code, out, err = ran()
    assert (code, out) == (4, "")
    assert "the credentials are rejected" in err
    assert ran("--offline")[0] == 0


def test_concerns_are_told_and_names_cannot_play_tricks(made: World, ran: Ran) -> None:
    made.source = replace(HERE, branch="a\x1b[31m", event=EventFacts("ev\x1bil", "refs/heads/x"))
    code, out, _ = ran()
    assert code == 0
    assert "\x1b" not in out
