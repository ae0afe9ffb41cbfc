"""What the variables and files of CI systems mean, alone and together with a checkout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from releaser.core.facts import EventFacts, RepositoryFacts, event_of
from releaser.sources import ci
from releaser.sources.ci import CiEvent, branch, event, request_event
from tests.git_repository import Repo

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
GITLAB = {"GITLAB_CI": "true"}
PULL_REF = {"GITHUB_REF": "refs/pull/1/merge"}
PULL = {"number": 7, "pull_request": {"head": {"sha": HEAD}, "base": {"ref": "main"}}}


def on(ref: str, commit: str | None = None, source: str | None = None) -> CiEvent:
    return CiEvent(EventFacts(ref=ref), commit, source)


# -- which event it is ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"GITHUB_REF": "refs/heads/main", "GITHUB_SHA": SHA}, on("refs/heads/main", SHA)),
        ({"GITHUB_REF": "refs/heads/a/b"}, on("refs/heads/a/b")),
        ({"GITHUB_REF": "refs/tags/v1.0.0", "GITHUB_SHA": SHA}, on("refs/tags/v1.0.0", SHA)),
        (
            {"GITHUB_REF": "refs/pull/7/merge", "GITHUB_HEAD_REF": "fix", "GITHUB_SHA": SHA},
            on("refs/pull/7/merge", SHA, "fix"),
        ),
        ({"GITHUB_REF": "refs/pull/7/merge"}, on("refs/pull/7/merge", None, "pull/7/merge")),
        ({"GITHUB_REF": "refs/pull/7/merge", "GITHUB_HEAD_REF": "a b"}, None),
        ({"GITHUB_REF": ""}, None),
        ({"GITHUB_REF": "main"}, None),
        ({"GITHUB_REF": "refs/heads/a b"}, None),
        ({"GITHUB_REF": "refs/heads/a\nb"}, None),
        ({"GITHUB_REF": "refs/heads/" + "a" * 251}, None),
        ({"GITHUB_REF": "refs/notes/commits"}, None),
        ({**GITLAB, "CI_COMMIT_BRANCH": "main", "CI_COMMIT_SHA": SHA}, on("refs/heads/main", SHA)),
        ({**GITLAB, "CI_COMMIT_TAG": "v1", "CI_COMMIT_SHA": SHA}, on("refs/tags/v1", SHA)),
        (
            {**GITLAB, "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "fix", "CI_COMMIT_SHA": SHA},
            on("", SHA, "fix"),
        ),
        ({**GITLAB, "CI_COMMIT_BRANCH": ""}, None),
        ({"CI_COMMIT_BRANCH": "main", "CI_COMMIT_SHA": SHA}, None),
        ({**GITLAB, "CI_PIPELINE_SOURCE": "push"}, None),
    ],
)
def test_an_event(environment: dict[str, str], expected: CiEvent | None) -> None:
    assert event(environment) == expected


def github(folder: Path, ref: str, name: str, payload: object) -> CiEvent | None:
    path = folder / "event.json"
    path.write_text(json.dumps(payload))
    return event(
        {
            "GITHUB_REF": ref,
            "GITHUB_EVENT_NAME": name,
            "GITHUB_EVENT_PATH": str(path),
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_SHA": SHA,
        }
    )


@pytest.mark.parametrize(
    ("ref", "name", "payload", "source", "expected"),
    [
        pytest.param("refs/heads/main", "push", {"repository": ABOUT}, None,
            EventFacts("push", "refs/heads/main", default_branch="main", repository=REPOSITORY),
            id="push"),
        pytest.param("refs/tags/v1", "push", {"base_ref": "refs/heads/dev"}, None,
            EventFacts("push", "refs/tags/v1", base_ref="dev", repository=PLAIN), id="tag"),
        pytest.param("refs/tags/v1", "push", {"base_ref": None}, None,
            EventFacts("push", "refs/tags/v1", repository=PLAIN), id="tag without a base"),
        pytest.param("refs/pull/7/merge", "pull_request", PULL, "pull/7/merge",
            EventFacts("pull_request", "refs/pull/7/merge", base_ref="main", pull_request=7,
                head_sha=HEAD, repository=PLAIN), id="pull request"),
        pytest.param("refs/heads/main", "pull_request_target", PULL, "pull/7/merge",
            EventFacts("pull_request_target", "refs/pull/7/merge", base_ref="main",
                pull_request=7, head_sha=HEAD, repository=PLAIN), id="target of a pull request"),
        pytest.param("refs/heads/main", "schedule", {"schedule": "0 3 * * *"}, None,
            EventFacts("schedule", "refs/heads/main", repository=PLAIN), id="schedule"),
        pytest.param("refs/heads/main", "push", ["not", "a", "map"], None,
            EventFacts("push", "refs/heads/main", repository=PLAIN), id="no map"),
        pytest.param("refs/heads/main", "push",
            {"repository": {"name": 3, "html_url": "a\nb", "license": "x", "default_branch": []},
             "pull_request": 1, "number": True}, None,
            EventFacts("push", "refs/heads/main", repository=PLAIN), id="other types"),
    ],
)  # fmt: skip
def test_github(
    tmp_path: Path, ref: str, name: str, payload: object, source: str | None, expected: EventFacts
) -> None:
    assert github(tmp_path, ref, name, payload) == CiEvent(expected, SHA, source)


def test_a_file_that_cannot_be_read_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = on("refs/heads/main")
    file = tmp_path / "event.json"
    for content in (b"", b"{", b"\xff\xfe", b"[" * 100_000):
        file.write_bytes(content)
        given = {"GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_PATH": str(file)}
        assert event(given) == expected
    for path in (str(tmp_path), str(tmp_path / "gone"), ""):
        assert event({**given, "GITHUB_EVENT_PATH": path}) == expected
    monkeypatch.setattr(ci, "MAX_EVENT_FILE", 10)
    file.write_text(json.dumps({"repository": ABOUT}))
    assert event(given) == expected


@pytest.mark.parametrize(
    ("environment", "source", "expected"),
    [
        (
            {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "a/b", "CI_DEFAULT_BRANCH": "main"},
            None,
            EventFacts("push", "refs/heads/a/b", default_branch="main"),
        ),
        (
            {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": "v1", "CI_PROJECT_NAME": "shop"},
            None,
            EventFacts("push", "refs/tags/v1", repository=RepositoryFacts("shop")),
        ),
        (
            {"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main"},
            None,
            EventFacts("schedule", "refs/heads/main"),
        ),
        (
            {"CI_PIPELINE_SOURCE": "web", "CI_COMMIT_BRANCH": "main"},
            None,
            EventFacts("workflow_dispatch", "refs/heads/main"),
        ),
        (
            {
                "CI_PIPELINE_SOURCE": "merge_request_event",
                "CI_MERGE_REQUEST_IID": "12",
                "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
                "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": HEAD,
            },
            "pull/12/merge",
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
def test_gitlab(environment: dict[str, str], source: str | None, expected: EventFacts) -> None:
    assert event({**GITLAB, **environment}) == CiEvent(expected, None, source)


# -- the branch ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attached", "said", "expected"),
    [
        ("main", None, "main"),
        (None, None, None),
        (None, on("refs/heads/main", SHA), "main"),
        (None, on("refs/heads/main"), "main"),
        ("local", on("refs/heads/main", SHA), "local"),
        ("main", on("refs/tags/v1", SHA), None),
        (None, on("refs/tags/v1"), None),
        ("main", on("refs/tags/v1", HEAD), "main"),
        (None, on("refs/heads/main", HEAD), None),
        (None, on("refs/pull/7/merge", SHA, "main"), None),
        ("main", on("refs/pull/7/merge", SHA, "main"), None),
        ("main", on("", SHA, "main"), None),
    ],
)
def test_the_branch(attached: str | None, said: CiEvent | None, expected: str | None) -> None:
    assert branch(attached, SHA, said)[0] == expected


def test_a_contradiction_and_a_pull_request_are_said() -> None:
    _, (concern,) = branch(None, SHA, on("refs/tags/v1", HEAD))
    assert "222222222222" in concern.message
    _, (concern,) = branch(None, SHA, on("refs/pull/7/merge", SHA, "main"))
    assert 'pull request from "main"' in concern.message
    assert branch("main", SHA, on("refs/heads/main", SHA))[1] == ()


# -- with a checkout -----------------------------------------------------------------------------


def test_without_a_ci_system_the_checkout_is_the_event(repo: Repo) -> None:
    repo.commit()
    assert repo.facts().event is None
    assert event_of(repo.facts()).ref == "refs/heads/main"
    repo.tag("v1.2.3")
    repo("checkout", "--quiet", "--detach")
    assert event_of(repo.facts(), 5).ref == "refs/tags/v1.2.3"
    assert event_of(repo.facts(), 5).now == 5


def test_a_clone_knows_the_default_branch(repo: Repo, tmp_path: Path) -> None:
    repo("checkout", "--quiet", "-b", "trunk")
    repo.commit()
    clone = repo.clone(tmp_path / "clone")
    assert event_of(clone.facts()).default_branch == "trunk"
    assert event_of(clone.facts(GITHUB_REF="refs/heads/trunk")).default_branch == "trunk"


def test_an_event_is_believed_where_it_is_about_what_is_checked_out(repo: Repo) -> None:
    here = repo.commit()
    given = {"GITHUB_REF": "refs/heads/main", "GITHUB_SHA": here, "GITHUB_EVENT_NAME": "schedule"}
    assert event_of(repo.facts(**given)).is_scheduled
    other = repo.facts(**{**given, "GITHUB_SHA": SHA})
    assert other.event is None
    assert "speaks of commit" in other.concerns[0].message


@pytest.mark.parametrize(
    ("name", "ref"),
    [("pull_request", "refs/pull/7/merge"), ("pull_request_target", "refs/heads/main")],
)
def test_a_pull_request_s_own_commit_may_be_checked_out(
    repo: Repo, tmp_path: Path, name: str, ref: str
) -> None:
    here = repo.commit()
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"number": 7, "pull_request": {"head": {"sha": here}}}))
    given = {"GITHUB_REF": ref, "GITHUB_SHA": SHA, "GITHUB_EVENT_NAME": name}
    given |= {"GITHUB_HEAD_REF": "main", "GITHUB_EVENT_PATH": str(path)}
    found = repo.facts(**given)
    assert event_of(found).request == "7"
    assert found.branch is None
    assert "pull request" in found.concerns[0].message


def test_the_merge_of_a_pull_request_as_github_checks_it_out(repo: Repo, tmp_path: Path) -> None:
    repo.commit()
    repo.tag("v1.2.0")
    repo("checkout", "--quiet", "-b", "fix")
    own = repo.commit("fix: it", a="1")
    repo("checkout", "--quiet", "main")
    repo.commit("feat: other", b="1")
    repo("checkout", "--quiet", "--detach")
    repo("merge", "--quiet", "--no-ff", "--message", "Merge", "fix")
    repo("update-ref", "refs/pull/12/merge", "HEAD")
    repo("checkout", "--quiet", "main")
    runner = Repo(tmp_path / "runner")
    runner("remote", "add", "origin", repo.folder.as_uri())
    refspec = "+refs/pull/12/merge:refs/remotes/pull/12/merge"
    runner("fetch", "--quiet", "--tags", "origin", refspec)
    runner("checkout", "--quiet", "--force", "refs/remotes/pull/12/merge")
    merge = runner("rev-parse", "HEAD")
    path = tmp_path / "event.json"
    request = {"head": {"sha": own, "ref": "fix"}, "base": {"ref": "main"}}
    path.write_text(json.dumps({"number": 12, "pull_request": request, "repository": ABOUT}))
    facts = runner.facts(
        CI="true",
        GITHUB_ACTIONS="true",
        GITHUB_EVENT_NAME="pull_request",
        GITHUB_EVENT_PATH=str(path),
        GITHUB_REF="refs/pull/12/merge",
        GITHUB_REF_NAME="12/merge",
        GITHUB_HEAD_REF="fix",
        GITHUB_BASE_REF="main",
        GITHUB_SHA=merge,
        GITHUB_REPOSITORY="acme/shop",
    )
    assert (facts.commit, facts.branch, facts.last_tag, facts.distance) == (
        merge, None, "v1.2.0", 3,
    )  # fmt: skip
    about = event_of(facts)
    assert (about.request, about.pull_request, about.head_sha) == ("12", 12, own)
    assert (about.base_ref, about.default_branch, about.sha) == ("main", "main", merge)
    assert about.repository == REPOSITORY
    (concern,) = facts.concerns
    assert 'pull request from "fix"' in concern.message
    found = runner.source().history(["v1.2.0"])
    assert sorted(one.message for one in found.commits) == ["Merge", "feat: other", "fix: it"]
    assert runner.source().files_at([merge], "a")[0] == b"1"
    assert runner.source().files_at([f"{merge}^"], "a")[0] is None


def test_a_detached_head_gets_its_branch_from_the_ci_system(repo: Repo) -> None:
    commit = repo.commit()
    repo("checkout", "--quiet", "--detach")
    github = {"GITHUB_REF": "refs/heads/release/1.x", "GITHUB_SHA": commit}
    assert repo.facts(**github).branch == "release/1.x"
    assert repo.facts(**GITLAB, CI_COMMIT_BRANCH="main", CI_COMMIT_SHA=commit).branch == "main"
    repo.tag("v1.0.0")
    assert repo.facts(**github).concerns == ()


def test_a_tag_event_is_on_no_branch(repo: Repo) -> None:
    commit = repo.commit()
    assert repo.facts(GITHUB_REF="refs/tags/v1.0.0", GITHUB_SHA=commit).branch is None
    assert repo.facts(**GITLAB, CI_COMMIT_TAG="v1.0.0", CI_COMMIT_SHA=commit).branch is None


def test_a_commit_that_is_not_checked_out_is_a_concern(repo: Repo) -> None:
    commit = repo.commit()
    repo("checkout", "--quiet", "--detach")
    facts = repo.facts(GITHUB_REF="refs/heads/main", GITHUB_SHA="0" * 40)
    assert facts.branch is None
    (concern,) = facts.concerns
    assert concern.message == (
        f"the CI system speaks of commit 000000000000, but {commit[:12]} is checked out"
    )


JENKINS = {
    "JENKINS_URL": "https://ci.example.com/",
    "CI": "true",
    "BRANCH_NAME": "main",
    "GIT_BRANCH": "origin/main",
    "GIT_LOCAL_BRANCH": "main",
    "GIT_COMMIT": SHA,
    "GIT_URL": "https://example.com/other.git",
    "CHANGE_ID": "7",
    "CHANGE_BRANCH": "main",
    "TAG_NAME": "v9.9.9",
}
WOODPECKER = {
    "CI": "woodpecker",
    "CI_PIPELINE_EVENT": "pull_request",
    "CI_COMMIT_BRANCH": "main",
    "CI_COMMIT_SOURCE_BRANCH": "fix",
    "CI_COMMIT_TAG": "",
    "CI_COMMIT_SHA": SHA,
}


@pytest.mark.parametrize("environment", [JENKINS, WOODPECKER])
def test_another_system_is_not_believed(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    commit = repo.commit()
    repo("checkout", "--quiet", "--detach")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    facts = repo.facts(**environment)
    assert (facts.commit, facts.branch, facts.event, facts.concerns) == (commit, None, None, ())
    assert repo.source(**environment).history([]).commits[0].sha == commit
    repo.tag("v1.2.3")
    assert event_of(repo.facts(**environment)).tag == "v1.2.3"


def test_a_clone_without_tags_is_a_concern_in_ci_alone(repo: Repo, tmp_path: Path) -> None:
    repo.commit()
    repo.tag("other")
    repo.commit()
    clone = repo.clone(tmp_path / "clone", "--no-tags")
    here = clone("rev-parse", "HEAD")
    assert clone.facts().concerns == ()
    github = {"GITHUB_REF": "refs/heads/main", "GITHUB_SHA": here}
    (concern,) = clone.facts(**github).concerns
    assert concern.message == "the clone has no tags, so versions begin at 0.0.0"
    assert "fetch-tags: true" in str(concern.hint)
    (concern,) = clone.facts(**{**github, "GITHUB_SHA": SHA}).concerns
    assert "speaks of commit" in concern.message
    (concern,) = repo.clone(tmp_path / "shallow", "--depth=1", "--no-tags").facts(**github).concerns
    assert "shallow" in concern.message
    clone("fetch", "--quiet", "--tags")
    assert clone.facts(**github).concerns == ()


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, ""),
        ({"GITHUB_EVENT_NAME": "pull_request_target"}, "pull_request_target"),
        ({"GITHUB_EVENT_NAME": "pull_request_review"}, "pull_request_review"),
        ({"GITHUB_EVENT_NAME": "PULL_REQUEST"}, "PULL_REQUEST"),
        ({"GITHUB_EVENT_NAME": "pull_request\x1b"}, "pull_request"),
        (PULL_REF | {"GITHUB_EVENT_NAME": "push"}, "push of refs/pull/1/merge"),
        (PULL_REF, "one of refs/pull/1/merge"),
        ({"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/refs/pull/1"}, ""),
        ({"GITHUB_EVENT_NAME": "issue_comment", "GITHUB_REF": "refs/heads/main"}, ""),
        ({"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "merge_request_event"}, "pull_request"),
        ({"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "Merge_Request_Event"}, "pull_request"),
        (
            {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "external_pull_request_event"},
            "pull_request",
        ),
        ({"GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": "7"}, "of a merge request"),
        ({"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push"}, ""),
        ({"CI_PIPELINE_SOURCE": "merge_request_event"}, ""),
    ],
)
def test_an_event_of_a_request_is_known_whatever_it_is_about(
    environment: dict[str, str], name: str
) -> None:
    assert request_event(environment) == name
