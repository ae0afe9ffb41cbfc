"""The event that a checkout is about: from GitHub's variables and file, GitLab's, or git alone."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from releaser.core.facts import EventFacts, RepositoryFacts, event_of
from releaser.sources import ci_event
from releaser.sources.ci_event import event_facts
from releaser.sources.git import GitSource

SHA = "1" * 40
HEAD = "2" * 40
ABOUT = {
    "name": "shop",
    "description": "All of it",
    "html_url": "https://example.com/acme/shop",
    "default_branch": "main",
    "license": {"spdx_id": "MIT"},
}
REPOSITORY = RepositoryFacts("shop", "All of it", "https://example.com/acme/shop", "MIT")
PLAIN = RepositoryFacts("shop", "", "https://github.com/acme/shop")
PULL = {"number": 7, "pull_request": {"head": {"sha": HEAD}, "base": {"ref": "main"}}}


def github(folder: Path, ref: str, name: str, payload: object) -> EventFacts | None:
    path = folder / "event.json"
    path.write_text(json.dumps(payload))
    return event_facts(
        {
            "GITHUB_REF": ref,
            "GITHUB_EVENT_NAME": name,
            "GITHUB_EVENT_PATH": str(path),
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_SHA": SHA,
        }
    )


@pytest.mark.parametrize(
    ("ref", "name", "payload", "expected"),
    [
        pytest.param("refs/heads/main", "push", {"repository": ABOUT},
            EventFacts("push", "refs/heads/main", default_branch="main", repository=REPOSITORY),
            id="push"),
        pytest.param("refs/tags/v1", "push", {"base_ref": "refs/heads/dev"},
            EventFacts("push", "refs/tags/v1", base_ref="dev", repository=PLAIN), id="tag"),
        pytest.param("refs/tags/v1", "push", {"base_ref": None},
            EventFacts("push", "refs/tags/v1", repository=PLAIN), id="tag without a base"),
        pytest.param("refs/pull/7/merge", "pull_request", PULL,
            EventFacts("pull_request", "refs/pull/7/merge", base_ref="main", pull_request=7,
                head_sha=HEAD, repository=PLAIN), id="pull request"),
        pytest.param("refs/heads/main", "pull_request_target", PULL,
            EventFacts("pull_request_target", "refs/pull/7/merge", base_ref="main",
                pull_request=7, head_sha=HEAD, repository=PLAIN), id="target of a pull request"),
        pytest.param("refs/heads/main", "schedule", {"schedule": "0 3 * * *"},
            EventFacts("schedule", "refs/heads/main", repository=PLAIN), id="schedule"),
        pytest.param("refs/heads/main", "push", ["not", "a", "map"],
            EventFacts("push", "refs/heads/main", repository=PLAIN), id="no map"),
        pytest.param("refs/heads/main", "push",
            {"repository": {"name": 3, "html_url": "a\nb", "license": "x", "default_branch": []},
             "pull_request": 1, "number": True},
            EventFacts("push", "refs/heads/main", repository=PLAIN), id="other types"),
        pytest.param("refs/heads/a b", "push", {}, None, id="an odd ref"),
        pytest.param("main", "push", {}, None, id="half a ref"),
    ],
)  # fmt: skip
def test_github(
    tmp_path: Path, ref: str, name: str, payload: object, expected: EventFacts | None
) -> None:
    assert github(tmp_path, ref, name, payload) == expected


def test_a_file_that_cannot_be_read_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = EventFacts("", "refs/heads/main")
    file = tmp_path / "event.json"
    for content in (b"", b"{", b"\xff\xfe", b"[" * 100_000):
        file.write_bytes(content)
        given = {"GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_PATH": str(file)}
        assert event_facts(given) == expected
    for path in (str(tmp_path), str(tmp_path / "gone"), ""):
        assert event_facts({**given, "GITHUB_EVENT_PATH": path}) == expected
    monkeypatch.setattr(ci_event, "MAX_EVENT_FILE", 10)
    file.write_text(json.dumps({"repository": ABOUT}))
    assert event_facts(given) == expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"CI_PIPELINE_SOURCE": "push"}, None),
        (
            {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "a/b", "CI_DEFAULT_BRANCH": "main"},
            EventFacts("push", "refs/heads/a/b", default_branch="main"),
        ),
        (
            {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": "v1", "CI_PROJECT_NAME": "shop"},
            EventFacts("push", "refs/tags/v1", repository=RepositoryFacts("shop")),
        ),
        (
            {"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main"},
            EventFacts("schedule", "refs/heads/main"),
        ),
        (
            {"CI_PIPELINE_SOURCE": "web", "CI_COMMIT_BRANCH": "main"},
            EventFacts("workflow_dispatch", "refs/heads/main"),
        ),
        (
            {
                "CI_PIPELINE_SOURCE": "merge_request_event",
                "CI_MERGE_REQUEST_IID": "12",
                "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
                "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": HEAD,
            },
            EventFacts(
                "pull_request",
                "refs/pull/12/merge",
                base_ref="main",
                pull_request=12,
                head_sha=HEAD,
            ),
        ),
    ],
)
def test_gitlab(environment: dict[str, str], expected: EventFacts | None) -> None:
    assert event_facts(environment) == expected


# -- with a checkout -------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder)
    return folder


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def commit(folder: Path) -> str:
    own = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    git(folder, *own, "commit", "--quiet", "--allow-empty", "--message=x")
    return git(folder, "rev-parse", "HEAD")


def test_without_a_ci_system_the_checkout_is_the_event(checkout: Path) -> None:
    source = GitSource(str(checkout), {})
    assert source.facts("v{{version}}").event is None
    assert event_of(source.facts("v{{version}}")).ref == "refs/heads/main"
    git(checkout, "tag", "v1.2.3")
    git(checkout, "checkout", "--quiet", "--detach")
    assert event_of(source.facts("v{{version}}"), 5).ref == "refs/tags/v1.2.3"
    assert event_of(source.facts("v{{version}}"), 5).now == 5


def test_a_clone_knows_the_default_branch(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "checkout", "--quiet", "-b", "trunk")
    git(tmp_path, "clone", "--quiet", str(checkout), "clone")
    source = GitSource(str(tmp_path / "clone"), {})
    assert event_of(source.facts("v{{version}}")).default_branch == "trunk"
    said = {"GITHUB_REF": "refs/heads/trunk"}
    found = GitSource(str(tmp_path / "clone"), said).facts("v{{version}}")
    assert event_of(found).default_branch == "trunk"


def test_an_event_is_believed_where_it_is_about_what_is_checked_out(checkout: Path) -> None:
    here = git(checkout, "rev-parse", "HEAD")
    given = {"GITHUB_REF": "refs/heads/main", "GITHUB_SHA": here, "GITHUB_EVENT_NAME": "schedule"}
    found = GitSource(str(checkout), given).facts("v{{version}}")
    assert event_of(found).is_scheduled
    other = GitSource(str(checkout), {**given, "GITHUB_SHA": SHA}).facts("v{{version}}")
    assert other.event is None
    assert "speaks of commit" in other.concerns[0].message


@pytest.mark.parametrize(
    ("name", "ref"),
    [("pull_request", "refs/pull/7/merge"), ("pull_request_target", "refs/heads/main")],
)
def test_a_pull_request_s_own_commit_may_be_checked_out(
    checkout: Path, tmp_path: Path, name: str, ref: str
) -> None:
    here = git(checkout, "rev-parse", "HEAD")
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"number": 7, "pull_request": {"head": {"sha": here}}}))
    given = {"GITHUB_REF": ref, "GITHUB_SHA": SHA, "GITHUB_EVENT_NAME": name}
    given |= {"GITHUB_HEAD_REF": "main", "GITHUB_EVENT_PATH": str(path)}
    found = GitSource(str(checkout), given).facts("v{{version}}")
    assert event_of(found).request == "7"
    assert found.branch is None
    assert "pull request" in found.concerns[0].message
