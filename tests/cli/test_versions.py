"""``releaser version``, ``changelog`` and ``tags`` on real repositories, for versions of git."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from releaser.cli import app
from tests.git_repository import Repo, set_apart

SPEC = """\
version: 1
project: shop
registries: {local: localhost:5000/shop}
versioning: {tag: "{{image}}/v{{version}}"}
defaults: {tags: ["{{version}}", latest]}
images:
  a: {context: a}
  b: {context: b}
"""
Ran = Callable[..., tuple[int, str, str]]


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """Two images, both at 1.0.0."""
    set_apart(monkeypatch)
    monkeypatch.delenv("RELEASER_VERSION", raising=False)
    made = Repo(tmp_path / "repo")
    monkeypatch.chdir(made.folder)
    made.write("images.yaml", SPEC)
    for name in "ab":
        made.write(f"{name}/Dockerfile", "FROM scratch\nCOPY f /\n")
        made.write(f"{name}/f", "1\n")
    made("add", "--all")
    made.commit("feat: start")
    made.tag("a/v1.0.0", "b/v1.0.0")
    return made


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str]) -> Ran:
    """Runs a command line: its code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = app.run(arguments)
        return code, *capsys.readouterr()

    return run


def versions(ran: Ran) -> dict[str, str]:
    code, out, err = ran("tags", "--offline", "--format", "json")
    assert code == 0, err
    return {name: image["version"] for name, image in json.loads(out)["images"].items()}


# -- merges


def test_a_conflict_that_a_merge_resolved_is_a_change(repo: Repo, ran: Ran) -> None:
    repo("checkout", "--quiet", "-b", "side")
    repo.commit("fix: f", b__f="2\n")
    repo("checkout", "--quiet", "main")
    repo.commit("docs: x", README="x")
    repo("merge", "--quiet", "--no-commit", "--no-ff", "side")
    repo.tag("b/v1.0.1", "a/v1.0.1")
    merge = repo.commit("merge", a__f="3\n")
    assert versions(ran)["a"] == f"1.0.2-dev.1.g{merge[:7]}"


@pytest.mark.parametrize(
    "how", [("--strategy=ours",), ("--strategy-option=ours",), ("--strategy-option=theirs",)]
)
def test_what_a_merge_threw_away_is_not_released_again(
    repo: Repo, ran: Ran, how: tuple[str, ...]
) -> None:
    repo("checkout", "--quiet", "-b", "hot")
    repo.commit("fix: hot", b__f="2\n")
    repo.tag("b/v1.0.2")
    repo("checkout", "--quiet", "main")
    repo.commit("docs: x", README="x")
    repo("merge", "--quiet", "--no-edit", "--no-ff", *how, "hot")
    merge = repo("rev-parse", "HEAD")
    thrown = how == ("--strategy=ours",)
    expected = f"1.0.3-dev.1.g{merge[:7]}" if thrown else "1.0.2"
    assert versions(ran) == {"a": "1.0.0", "b": expected}


# -- tags that are written and pushed


@pytest.fixture
def remote(repo: Repo, tmp_path: Path) -> Repo:
    """What ``repo`` pushes to, without tags; a fix of ``a`` has come since."""
    bare = Repo(tmp_path / "remote.git", "--bare")
    repo("remote", "add", "origin", bare.folder.as_uri())
    repo.commit("fix: f", a__f="2\n")
    repo("push", "--quiet", "origin", "main")
    return bare


def test_tags_that_are_here_alone_are_pushed_later(remote: Repo, ran: Ran) -> None:
    code, _, err = ran("version", "--tag")
    assert (code, err) == (0, "wrote a/v1.0.1\n")
    assert ran("version", "--tag")[2] == "nothing to tag\n"
    assert remote.tags() == []
    code, _, err = ran("version", "--tag", "--push")
    assert (code, err) == (0, "pushed a/v1.0.1\n")
    assert remote.tags() == ["a/v1.0.1"]
    assert ran("version", "--tag", "--push")[2] == "nothing to tag\n"


def test_only_version_tags_of_the_images_that_are_named_are_pushed(
    repo: Repo, remote: Repo, ran: Ran
) -> None:
    repo.tag("mine", "b/v1.0.1", "c/v1.0.0", "a/v1.0.1")
    assert ran("version", "b", "--tag", "--push")[2] == "pushed b/v1.0.1\n"
    assert remote.tags() == ["b/v1.0.1"]
    repo.write("images.yaml", SPEC.replace('"{{image}}/v{{version}}"', '"v{{version}}"'))
    repo("commit", "--all", "--quiet", "--message=feat: shared")
    repo.tag("v3.0.0", "vx")
    assert ran("version", "--tag", "--push")[2] == "pushed v3.0.0\n"
    assert remote.tags() == ["b/v1.0.1", "v3.0.0"]


def test_a_signal_during_a_push_leaves_no_tag(repo: Repo, remote: Repo, tmp_path: Path) -> None:
    began = tmp_path / "began"
    hook = remote.folder / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {began}\nsleep 2\n")
    hook.chmod(0o755)
    command = [sys.executable, "-m", "releaser", "version", "--tag", "--push"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        until = time.monotonic() + 30
        while not began.exists() and time.monotonic() < until:
            time.sleep(0.05)
        process.terminate()
        _, err = process.communicate(timeout=30)
    assert (process.returncode, "interrupted by SIGTERM" in err) == (143, True), err
    assert "a/v1.0.1" not in repo.tags()
    time.sleep(2.5)
    assert remote.tags() == []


# -- clocks, links and modes that are wrong


def test_a_commit_of_a_far_future_is_told_without_a_day(
    repo: Repo, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "@99999999999999 +0000")
    repo.commit("fix: f", a__f="2\n")
    repo.tag("a/v1.0.1")
    code, out, err = ran("changelog", "a")
    assert (code, err) == (0, "")
    assert "## [1.0.1]\n" in out
    dated = SPEC.replace("latest]", "\"{{commit_date 'YYYY'}}\"]")
    repo.write("images.yaml", dated)
    code, _, err = ran("tags", "--offline")
    assert code == 2
    assert "out of range" in err


def test_a_file_of_versions_that_leads_to_itself(repo: Repo, ran: Ran) -> None:
    repo.write("images.yaml", SPEC.replace('{tag: "{{image}}/v{{version}}"}', "{file: VERSION}"))
    (repo.folder / "VERSION").symlink_to("VERSION")
    code, _, err = ran("version")
    assert code == 2
    assert "leads to itself" in err


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("nodir/x.md", "cannot be written"),
        ("images.yaml", "releaser reads it"),
        ("images.lock", "releaser reads it"),
        ("link-to-spec", "releaser reads it"),
        ("outside", "leaves the folder"),
        ("loop", "leads to itself"),
        ("closed", "cannot be written"),
        ("a", "cannot be written"),
    ],
)
def test_what_a_changelog_is_not_written_to(
    repo: Repo, ran: Ran, tmp_path: Path, output: str, said: str
) -> None:
    (tmp_path / "other").write_text("mine\n")
    for name, target in (
        ("outside", "../other"), ("loop", "loop"), ("link-to-spec", "images.yaml"),
    ):  # fmt: skip
        (repo.folder / name).symlink_to(target)
    repo.write("closed", "mine\n").chmod(0o444)
    code, _, err = ran("changelog", "a", "-o", output)
    assert code == 2
    assert said in err
    assert (tmp_path / "other").read_text() == (repo.folder / "closed").read_text() == "mine\n"
    assert (repo.folder / "images.yaml").read_text() == SPEC
    assert not (repo.folder / "images.lock").exists()


def test_a_link_stays_one_and_a_file_keeps_its_mode(repo: Repo, ran: Ran) -> None:
    target = repo.write("docs/LOG.md", "# Mine\n")
    target.chmod(0o664)
    (repo.folder / "CHANGELOG.md").symlink_to("docs/LOG.md")
    code, _, err = ran("changelog", "a", "-o", "CHANGELOG.md")
    assert (code, err) == (0, "wrote docs/LOG.md\n")
    assert (repo.folder / "CHANGELOG.md").is_symlink()
    assert "1.0.0" in target.read_text()
    assert target.stat().st_mode & 0o777 == 0o664


# -- tags of tags and of files


def test_a_tag_of_a_tag_is_at_head_and_one_of_a_file_is_nowhere(repo: Repo, ran: Ran) -> None:
    repo.commit("fix: f", a__f="2\n")
    repo("tag", "--annotate", "--message=x", "a/v1.0.1")
    repo("tag", "--annotate", "--message=x", "b/v1.0.1", "a/v1.0.1")
    repo("tag", "a/v9.0.0", "HEAD:a/f")
    repo("tag", "--annotate", "--message=x", "b/v9.0.0", "HEAD^{tree}")
    assert versions(ran) == {"a": "1.0.1", "b": "1.0.1"}
    tags = json.loads(ran("tags", "--offline", "--format", "json")[1])["images"]
    assert [tags[name]["tags"] for name in "ab"] == [["1.0.1", "latest"]] * 2


INCLUDING = """\
version: 1
project: shop
registries: {local: localhost:5000/shop}
include: [parts/*.yaml]
images:
  b: {context: b}
"""


@pytest.fixture
def parted(repo: Repo) -> Repo:
    """Image a is declared in another file, and ``v1.0.0`` is out."""
    repo.write("images.yaml", INCLUDING)
    repo.write("parts/one.yaml", "images:\n  a: {context: ../a, args: {X: 1}}\n")
    repo("add", "--all")
    repo.commit("chore: take it apart")
    repo.tag("v1.0.0")
    return repo


def test_a_change_in_an_included_file_counts_whatever_it_is_called_later(
    parted: Repo, ran: Ran
) -> None:
    parted.write("parts/one.yaml", "images:\n  a: {context: ../a, args: {X: 2}}\n")
    parted("commit", "--quiet", "--all", "--message", "feat!: X is two")
    before = ran("version")[1]
    assert "2.0.0" in before
    parted("mv", "parts/one.yaml", "parts/two.yaml")
    parted.commit("chore: rename a part")
    code, after, err = ran("version")
    assert code == 0, err
    assert "2.0.0" in after
    assert "X is two" in ran("changelog")[1]


def test_a_profile_that_is_new_is_none_in_the_past(parted: Repo, ran: Ran) -> None:
    parted.write("images.yaml", INCLUDING + "profiles: {p: {defaults: {labels: {x: y}}}}\n")
    parted("commit", "--quiet", "--all", "--message", "feat: a profile")
    code, out, err = ran("affected", "--since", "HEAD~1", "--profile", "p")
    assert (code, err) == (0, "")
    assert sorted(line.split()[0] for line in out.splitlines()) == ["a", "b"]
    assert ran("affected", "--since", "HEAD~1")[:2] == (0, "")
    code, _, err = ran("validate", "--profile", "q")
    assert code == 2
    assert 'unknown profile "q"' in err
