"""What ``releaser tags`` prints at every kind of event, as text and JSON, in tests/golden/tags.

Each file begins with the command line. The whole product runs, on fakes.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from releaser.cli import app, tagging
from releaser.core.facts import EventFacts, SourceFacts
from releaser.core.history import Commit, History
from tests.world import World

DOCUMENT = (Path(__file__).parents[1] / "docs" / "tags.md").read_text()
GOLDEN = Path(__file__).parent / "golden" / "tags"
SPEC = """\
version: 1
project: shop
registries: {ghcr: ghcr.example/acme, hub: hub.example/acme}
tag_policies:
  release:
    rules: |
      type=schedule,pattern={{date 'YYYYMMDD'}}
      type=semver,pattern={{version}}
      type=semver,pattern={{major}}.{{minor}}
      type=semver,pattern={{major}}
      type=match,pattern=-(alpha|beta|rc),group=1
      type=edge
      type=ref,event=branch
      type=ref,event=pr
      type=sha
images:
  api: {context: api, tags: release, labels: {org.opencontainers.image.licenses: MIT}}
  worker: {context: worker}
"""
FILES = {
    "api/Dockerfile": "FROM scratch\nCOPY f /\n",
    "api/f": "one",
    "worker/Dockerfile": "FROM scratch\nCOPY f /\n",
    "worker/f": "one",
}
DOCUMENTED = SPEC.partition("tag_policies")[0] + DOCUMENT.split("```")[1].removeprefix("yaml\n")
COMMIT = "1a2b3c4" + "0" * 33
AFTER = SourceFacts(
    commit=COMMIT,
    branch="main",
    last_tag="v1.4.2",
    distance=3,
    remote="https://github.com/acme/shop.git",
    commit_time=1_769_774_400,
    default_branch="main",
    past_tags=("v1.4.2",),
    all_tags=("v1.4.2",),
)
HERE = replace(AFTER, tags=("v1.4.2",), distance=0)
OWN = replace(
    AFTER,
    tags=(),
    last_tag=None,
    past_tags=("api/v2.0.0", "worker/v1.4.2"),
    all_tags=("api/v2.0.0", "worker/v1.4.2"),
)
OWN_SPEC = SPEC.replace("shop\n", 'shop\nversioning: {tag: "{{image}}/v{{version}}"}\n', 1)
RELABELLED = History(
    (Commit(COMMIT, ("2" * 40,), paths=("images.yaml",)),),
    {"api/v2.0.0": "2" * 40, "worker/v1.4.2": "2" * 40},
)
OUT = ("ghcr.example/acme/api:1.4.2", "hub.example/acme/api:1.4.2")


@dataclass(frozen=True)
class Case:
    """A command line, and the world that it is run in; ``seeded`` are references in registries,
    ``before`` is the spec as it was before the last commit.
    """

    arguments: str = ""
    source: SourceFacts = AFTER
    seeded: tuple[str, ...] = OUT
    spec: str = SPEC
    history: History = field(default_factory=History)
    before: str = ""


def event(name: str, ref: str) -> EventFacts:
    return EventFacts(name, ref, default_branch="main")


NEWER = "ghcr.example/acme/api:2.0.0"
TAG = "--event push --ref refs/tags/v1.5.0"
CASES: Mapping[str, Case] = {
    "tag": Case(TAG),
    "documented": Case(f"api {TAG}", spec=DOCUMENTED, seeded=(NEWER, NEWER.replace("ghcr", "hub"))),
    "prerelease": Case("--ref refs/tags/v2.0.0-rc.1"),
    "branch": Case("--event push --ref refs/heads/feature/x"),
    "default-branch": Case("--event push --ref refs/heads/main"),
    "branch-that-looks-like-a-version": Case("--ref refs/heads/1.4"),
    "pull-request": Case("--event pull_request --pr 12 --base-ref main"),
    "schedule": Case("--event schedule --at 2027-03-01T05:00:00+02:00"),
    "checkout": Case(),
    "checkout-at-a-tag": Case(source=HERE),
    "ci-event": Case(source=replace(AFTER, event=event("workflow_dispatch", "refs/heads/main"))),
    "commanded": Case("--version 3.0.0"),
    "changes": Case(TAG, replace(AFTER, changes=("api/f",))),
    "latest-stays-for-a-registry": Case(TAG, seeded=(NEWER, NEWER.replace("ghcr", "hub"))),
    "latest-stays-for-git": Case(TAG, replace(AFTER, all_tags=("v1.4.2", "v2.0.0"))),
    "registries-that-differ": Case(TAG, seeded=(NEWER,)),
    "registries-that-differ-in-versions": Case(
        TAG, seeded=(NEWER, "hub.example/acme/api:1.6.0", "hub.example/acme/worker:1.5.1")
    ),
    "offline": Case(f"{TAG} --offline", seeded=(NEWER,)),
    "repeated-tag": Case(
        "api --ref refs/tags/v1.5.0",
        spec=SPEC.replace("type=edge", "type=ref,event=tag,prefix=\n      latest"),
    ),
    "no-version": Case(source=SourceFacts(), seeded=()),
    "no-registry": Case(
        TAG, spec=SPEC.replace("ghcr: ghcr.example/acme, hub: hub.example/acme", "")
    ),
    "versions-of-images": Case(
        source=OWN, spec=OWN_SPEC, history=RELABELLED, before=OWN_SPEC.replace("MIT", "none")
    ),
}  # fmt: skip


def printed(case: Case, monkeypatch: pytest.MonkeyPatch, *more: str) -> int:
    """The exit code of a case; what it prints is captured."""
    world = World(case.spec, FILES, case.source)
    world.history = case.history
    world.revisions = {
        (COMMIT, "images.yaml"): case.spec.encode(),
        (f"{COMMIT}^", "images.yaml"): case.before.encode(),
    }
    for reference in case.seeded:
        world.registry.seed_image(reference)
    monkeypatch.setattr(tagging, "load_project", lambda *_: world.project)
    monkeypatch.setattr(tagging, "adapters", lambda *_: world.adapters)
    monkeypatch.delenv("RELEASER_VERSION", raising=False)
    return app.run(("tags", *shlex.split(case.arguments), *more))


@pytest.mark.parametrize("name", CASES)
def test_the_text(
    name: str,
    golden: Callable[[Path, str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert printed(CASES[name], monkeypatch) == 0
    out, err = capsys.readouterr()
    command = f"$ releaser tags {CASES[name].arguments}".rstrip()
    golden(GOLDEN / f"{name}.txt", f"{command}\n{out}{err}")


AS_JSON = ("tag", "branch", "registries-that-differ", "latest-stays-for-git", "no-version")


@pytest.mark.parametrize("name", AS_JSON)
def test_the_json(
    name: str,
    golden: Callable[[Path, str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert printed(CASES[name], monkeypatch, "--format", "json") == 0
    golden(GOLDEN / f"{name}.json", capsys.readouterr().out)


@pytest.mark.parametrize("name", CASES)
def test_both_say_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed(CASES[name], monkeypatch, "--format", "json")
    images = json.loads(capsys.readouterr().out)["images"]
    printed(CASES[name], monkeypatch)
    _, *blocks = capsys.readouterr().out.split("\n\n")
    for image, block in zip(images.values(), blocks, strict=True):
        given = [rule["tag"] for rule in image["rules"] if rule["given"]]
        assert image["tags"] == list(dict.fromkeys(given))
        for rule, line in zip(image["rules"], block.splitlines()[1:], strict=True):
            tag, state, *_ = line.split()
            assert rule["fired"] == (rule["tag"] is not None)
            assert (tag, line.endswith(f"  {rule['rule']}")) == (rule["tag"] or "-", True)
            assert rule["given"] == (state not in {"skipped", "stays"})


def test_the_document_shows_what_is_printed() -> None:
    shown = DOCUMENT.partition("```console\n")[2].partition("```")[0]
    assert shown == (GOLDEN / "documented.txt").read_text()


def test_no_golden_file_is_left_over() -> None:
    wanted = {f"{name}.txt" for name in CASES} | {f"{name}.json" for name in AS_JSON}
    assert {path.name for path in GOLDEN.iterdir()} == wanted
