"""What every implementation of SourceRepository must do; run on git and on the fake."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from releaser.core.facts import SourceFacts
from releaser.core.git_tags import TagTemplate
from releaser.interfaces import SourceRepository
from releaser.sources.git import GitSource
from tests.fakes.source import FixedSource

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
