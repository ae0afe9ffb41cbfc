"""What a CI system says of the commit it checked out, where git itself cannot know the branch.

A checkout in CI is often on no branch (GitLab always, GitHub for tags and pull requests). The
variables that name the branch are believed only where the commit they name is the one checked out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from releaser.core.facts import Concern

_NAME = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\]{1,250}")


@dataclass(frozen=True, slots=True)
class OnBranch:
    """The event is about a branch."""

    name: str
    commit: str | None


@dataclass(frozen=True, slots=True)
class OnTag:
    """The event is about a tag."""

    commit: str | None


@dataclass(frozen=True, slots=True)
class OnRequest:
    """The event is a pull or merge request; ``name`` is its branch, which its author chose."""

    name: str
    commit: str | None


CiEvent = OnBranch | OnTag | OnRequest


def event(environment: Mapping[str, str]) -> CiEvent | None:
    """What GitHub Actions or GitLab CI says; ``None`` elsewhere, and where a name is malformed.

    https://docs.github.com/actions/reference/variables-reference and
    https://docs.gitlab.com/ci/variables/predefined_variables/
    """
    found = _github(environment) if "GITHUB_REF" in environment else _gitlab(environment)
    if isinstance(found, OnTag) or (found and _NAME.fullmatch(found.name)):
        return found
    return None


def branch(
    attached: str | None, commit: str, said: CiEvent | None
) -> tuple[str | None, tuple[Concern, ...]]:
    """The branch of ``commit``, given the one that HEAD is on and what the CI system says."""
    if said is None:
        return attached, ()
    if said.commit and said.commit != commit:
        return attached, (_contradiction(said.commit, commit),)
    match said:
        case OnTag():
            return None, ()
        case OnBranch():
            return attached or said.name, ()
        case OnRequest():
            # A fork may call its branch main: its images must not get the tags of ours.
            return None, (_request(said.name),)
        case _:
            assert_never(said)


def _github(environment: Mapping[str, str]) -> CiEvent:
    commit = environment.get("GITHUB_SHA") or None
    kind, _, name = environment["GITHUB_REF"].removeprefix("refs/").partition("/")
    if kind == "tags":
        return OnTag(commit)
    if kind == "pull" or environment.get("GITHUB_EVENT_NAME") == "pull_request_target":
        return OnRequest(environment.get("GITHUB_HEAD_REF") or f"pull/{name}", commit)
    return OnBranch(name if kind == "heads" else "", commit)


def _gitlab(environment: Mapping[str, str]) -> CiEvent | None:
    commit = environment.get("CI_COMMIT_SHA") or None
    if environment.get("CI_COMMIT_TAG"):
        return OnTag(commit)
    request = environment.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME")
    if request:
        return OnRequest(request, commit)
    name = environment.get("CI_COMMIT_BRANCH")
    return OnBranch(name, commit) if name else None


def _contradiction(said: str, commit: str) -> Concern:
    return Concern(
        f"the CI system speaks of commit {said[:12]}, but {commit[:12]} is checked out",
        "check out the commit of the event; its branch is not believed",
    )


def _request(name: str) -> Concern:
    return Concern(
        f'this is a pull request from "{name}": its commit counts as on no branch',
        "tags that follow a branch are written when the branch itself is built",
    )
