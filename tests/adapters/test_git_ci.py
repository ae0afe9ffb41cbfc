"""What the variables of CI systems mean."""

from __future__ import annotations

import pytest

from releaser.sources.ci import CiEvent, OnBranch, OnRequest, OnTag, branch, event

SHA = "1" * 40


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"GITHUB_REF": "refs/heads/main", "GITHUB_SHA": SHA}, OnBranch("main", SHA)),
        ({"GITHUB_REF": "refs/heads/a/b"}, OnBranch("a/b", None)),
        ({"GITHUB_REF": "refs/tags/v1.0.0", "GITHUB_SHA": SHA}, OnTag(SHA)),
        (
            {"GITHUB_REF": "refs/pull/7/merge", "GITHUB_HEAD_REF": "fix", "GITHUB_SHA": SHA},
            OnRequest("fix", SHA),
        ),
        ({"GITHUB_REF": "refs/pull/7/merge"}, OnRequest("pull/7/merge", None)),
        ({"GITHUB_REF": ""}, None),
        ({"GITHUB_REF": "main"}, None),
        ({"GITHUB_REF": "refs/heads/a\nb"}, None),
        ({"GITHUB_REF": "refs/heads/" + "a" * 251}, None),
        ({"CI_COMMIT_BRANCH": "main", "CI_COMMIT_SHA": SHA}, OnBranch("main", SHA)),
        ({"CI_COMMIT_TAG": "v1", "CI_COMMIT_SHA": SHA}, OnTag(SHA)),
        (
            {"CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "fix", "CI_COMMIT_SHA": SHA},
            OnRequest("fix", SHA),
        ),
        ({"CI_COMMIT_BRANCH": ""}, None),
    ],
)
def test_an_event(environment: dict[str, str], expected: CiEvent | None) -> None:
    assert event(environment) == expected


@pytest.mark.parametrize(
    ("attached", "said", "expected"),
    [
        ("main", None, "main"),
        (None, None, None),
        (None, OnBranch("main", SHA), "main"),
        (None, OnBranch("main", None), "main"),
        ("local", OnBranch("main", SHA), "local"),
        ("main", OnTag(SHA), None),
        (None, OnTag(None), None),
        ("main", OnTag("2" * 40), "main"),
        (None, OnBranch("main", "2" * 40), None),
        (None, OnRequest("main", SHA), None),
        ("main", OnRequest("main", SHA), None),
    ],
)
def test_the_branch(attached: str | None, said: CiEvent | None, expected: str | None) -> None:
    assert branch(attached, SHA, said)[0] == expected


def test_a_contradiction_and_a_pull_request_are_said() -> None:
    _, (concern,) = branch(None, SHA, OnTag("2" * 40))
    assert "222222222222" in concern.message
    _, (concern,) = branch(None, SHA, OnRequest("main", SHA))
    assert 'pull request from "main"' in concern.message
    assert branch("main", SHA, OnBranch("main", SHA))[1] == ()
