"""What every implementation of SourceRepository must do; run on git and on the fake."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from releaser.core.facts import SourceFacts
from releaser.core.git_tags import TagTemplate
from releaser.core.history import Commit, History
from releaser.errors import PlanError, SetupError
from releaser.interfaces import SourceRepository
from releaser.sources.git import GitSource
from tests.fakes.source import FixedSource
from tests.git_repository import Repo, set_apart

TEMPLATE = TagTemplate("v{{version}}")
SHA = "0123456789abcdef0123456789abcdef01234567"

FAKES = {
    "fake: nothing": SourceFacts(),
    "fake: at a tag": SourceFacts(
        SHA, "main", ("latest", "v1.4.2"), "v1.4.2", 0, (), remote="https://example.com/a",
        commit_time=1_700_000_000,
    ),
    "fake: after a tag": SourceFacts(SHA, None, (), "v1.4.2", 3, ("a", "b"), commit_time=1),
}  # fmt: skip

GIT = {
    "git: nothing": "",
    "git: empty": "init",
    "git: a commit": "init commit",
    "git: at a tag": "init commit tag",
    "git: after a tag": "init commit tag commit",
    "git: detached": "init commit tag commit detach",
}


def git_repository(folder: Path, history: str, monkeypatch: pytest.MonkeyPatch) -> GitSource:
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    own = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    commands = {
        "init": ["init", "--quiet", "--initial-branch=main"],
        "commit": [*own, "commit", "--quiet", "--allow-empty", "--message=x"],
        "tag": ["tag", "v1.4.2"],
        "detach": ["checkout", "--quiet", "--detach"],
    }
    for step in history.split():
        subprocess.run(["git", *commands[step]], cwd=folder, check=True, timeout=60)
    return GitSource(str(folder), {})


@pytest.fixture(params=[*FAKES, *GIT])
def source(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SourceRepository:
    if request.param in FAKES:
        return FixedSource(FAKES[request.param])
    return git_repository(tmp_path, GIT[request.param], monkeypatch)


def test_a_commit_is_a_full_hash_and_without_one_there_is_nothing(
    source: SourceRepository,
) -> None:
    facts = source.facts(TEMPLATE)
    if facts.commit is None:
        assert facts == SourceFacts(concerns=facts.concerns)
    else:
        assert re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", facts.commit)
        assert facts.commit_time is not None


def test_the_last_tag_names_a_version(source: SourceRepository) -> None:
    last = source.facts(TEMPLATE).last_tag
    assert last is None or TEMPLATE.version(last) is not None
    assert source.facts(TagTemplate("nobody-uses-this-{{version}}")).last_tag is None


def test_at_the_last_tag_the_distance_is_zero(source: SourceRepository) -> None:
    facts = source.facts(TEMPLATE)
    assert facts.distance >= 0
    if facts.last_tag is not None:
        assert (facts.distance == 0) == (facts.last_tag in facts.tags)


def test_lists_are_sorted_and_hold_nothing_twice(source: SourceRepository) -> None:
    facts = source.facts(TEMPLATE)
    for names in (facts.tags, facts.changes):
        assert list(names) == sorted(set(names))


def test_the_same_question_gets_the_same_answer(source: SourceRepository) -> None:
    assert source.facts(TEMPLATE) == source.facts(TEMPLATE)


# -- commits, their files, and tags ---------------------------------------------------------------

Released = tuple[SourceRepository, str, str, str]


def released_fake() -> Released:
    one, two, three = ("1" * 40, "2" * 40, "3" * 40)
    commits = (
        Commit(three, (two,), 30, "three", ("../b", "c")),
        Commit(two, (one,), 20, "two", ("c",)),
        Commit(one, (), 10, "one", ("c",)),
    )
    tags = ("v1.0.0", "v1.1.0")
    facts = SourceFacts(three, "main", past_tags=tags, all_tags=tags, commit_time=30)
    files = {(f"{three}^", "c"): b"2", (two, "c"): b"2", (three, "../b"): b"1"}
    history = History(commits, {"v1.0.0": one, "v1.1.0": two})
    return FixedSource(facts, history, files), one, two, three


@pytest.fixture(params=["fake", "git"])
def released(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Released:
    """Three commits seen from a folder, the first two with a tag: the source and their hashes."""
    if request.param == "fake":
        return released_fake()
    set_apart(monkeypatch)
    repo = Repo(tmp_path / "repo")
    one = repo.commit("one", sub__c="1")
    repo.tag("v1.0.0")
    two = repo.commit("two", sub__c="2")
    repo.tag("v1.1.0", annotated=True)
    three = repo.commit("three", b="1", sub__c="3")
    return repo.source("sub"), one, two, three


def test_commits_come_children_first_with_their_paths(released: Released) -> None:
    source, one, two, three = released
    found = source.history([])
    assert [(c.sha, c.parents, c.message, c.paths) for c in found.commits] == [
        (three, (two,), "three", ("../b", "c")),
        (two, (one,), "two", ("c",)),
        (one, (), "one", ("c",)),
    ]
    assert found.tags == {"v1.0.0": one, "v1.1.0": two}


@pytest.mark.parametrize(
    ("since", "messages", "tags"),
    [
        (["v1.0.0"], ["three", "two"], {"v1.0.0", "v1.1.0"}),
        (["v1.1.0"], ["three"], {"v1.1.0"}),
        (["v1.1.0", "v1.0.0"], ["three", "two"], {"v1.0.0", "v1.1.0"}),
    ],
)
def test_what_every_tag_has_is_left_out(
    released: Released, since: list[str], messages: list[str], tags: set[str]
) -> None:
    found = released[0].history(since)
    assert [one.message for one in found.commits] == messages
    assert set(found.tags) == tags
    assert [one.message for one in found.since("v1.1.0")] == ["three"]


def test_differences_are_those_of_head(released: Released) -> None:
    source, one, two, three = released
    assert source.differences([three, two, one]) == {
        three: (), two: ("../b", "c"), one: ("../b", "c"),
    }  # fmt: skip
    assert source.differences([]) == {}


def test_a_file_is_that_of_the_commit(released: Released) -> None:
    source, one, two, three = released
    assert source.files_at([two], "c")[0] == source.files_at([f"{three}^"], "c")[0] == b"2"
    assert source.files_at([three], "../b")[0] == b"1"
    assert source.files_at([two], "../b")[0] is None
    assert source.files_at([f"{one}^"], "c")[0] is None


def test_tags_are_written_once_and_kept(released: Released) -> None:
    source = released[0]
    source.write_tags({"v2.0.0": "two", "api/v2.0.0": "api"}, push=False)
    source.write_tags({"v2.0.0": "again", "v2.0.1": "more"}, push=False)


def test_a_tag_of_another_commit_is_refused(released: Released) -> None:
    source = released[0]
    with pytest.raises(PlanError, match=r"v1\.0\.0"):
        source.write_tags({"v2.0.0": "two", "v1.0.0": "one"}, push=False)
    source.write_tags({"v2.0.0": "two"}, push=False)


def test_without_a_commit_there_is_no_history_and_nothing_to_tag(tmp_path: Path) -> None:
    for source in (FixedSource(), GitSource(str(tmp_path), {})):
        assert source.history([]) == History()
        assert source.files_at([SHA], "a")[0] is None
        assert source.differences([SHA]) == {}
        with pytest.raises(SetupError):
            source.write_tags({"v1": "x"}, push=False)
