"""What a CI system says a run is about: its variables, and the file that GitHub writes for it.

A checkout in CI is often on no branch (GitLab always, GitHub for tags and pull requests). What the
system says is believed only where the commit that it speaks of is the one checked out. Whatever is
missing, too long or of another type is not known; nothing here is an error.

https://docs.github.com/actions/reference/variables-reference and
https://docs.gitlab.com/ci/variables/predefined_variables/
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from releaser.core.facts import Concern, EventFacts, RepositoryFacts

MAX_EVENT_FILE = 8 * 1024 * 1024
_TEXT = re.compile(r"[^\x00-\x1f\x7f]{1,1000}")
_NAME = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\]{1,250}")
_REF = re.compile(rf"refs/(?:heads|tags|pull)/{_NAME.pattern}")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_GITLAB_NAMES = {
    "schedule": "schedule",
    "merge_request_event": "pull_request",
    "external_pull_request_event": "pull_request",
    "web": "workflow_dispatch",
    "api": "workflow_dispatch",
    "trigger": "workflow_dispatch",
}
"""GitLab's names of events, in the words that rules for tags use."""


@dataclass(frozen=True, slots=True)
class CiEvent:
    """What a CI system says.

    ``commit`` is the one that it speaks of, ``None`` where it names none. ``source`` is the branch
    of a pull or merge request, which its author chose; ``None`` where the event is no request.
    """

    facts: EventFacts
    commit: str | None = None
    source: str | None = None

    def is_about(self, commit: str) -> bool:
        """Whether it speaks of ``commit``: as what was checked out, or as a request's own."""
        return self.commit in {None, commit} or self.facts.head_sha == commit

    @property
    def is_sound(self) -> bool:
        """Whether its names are names; a request whose number is not known has no ref."""
        ref = _REF.fullmatch(self.facts.ref) is not None
        if self.source is None:
            return ref
        return bool(_NAME.fullmatch(self.source)) and (ref or not self.facts.ref)


def event(environment: Mapping[str, str]) -> CiEvent | None:
    """What GitHub Actions or GitLab CI says; ``None`` elsewhere, and where a name is malformed.

    Others have variables of the same names as GitLab's: Woodpecker calls the branch that a request
    goes to CI_COMMIT_BRANCH.
    """
    found = None
    if "GITHUB_REF" in environment:
        found = _github(environment)
    elif environment.get("GITLAB_CI"):
        found = _gitlab(environment)
    return found if found and found.is_sound else None


def request_event(environment: Mapping[str, str]) -> str:
    """What to call the event where it is of a pull or merge request; empty where it is of none.

    Whatever commit it is about, and whichever of its variables says so: GitHub checks the merge of
    a request out for its reviews as well, and GITHUB_REF tells what is checked out, whoever asked.
    """
    if environment.get("GITLAB_CI"):
        how = environment.get("CI_PIPELINE_SOURCE", "")
        if _GITLAB_NAMES.get(how.lower()) == "pull_request":
            return "pull_request"
        if environment.get("CI_MERGE_REQUEST_IID"):
            return "of a merge request"
    name, ref = environment.get("GITHUB_EVENT_NAME", ""), environment.get("GITHUB_REF", "")
    if name.strip().lower().startswith("pull_request"):
        return _text(name.strip()) or "pull_request"
    if ref.strip().lower().startswith("refs/pull/"):
        return f"{_text(name) or 'one'} of {_text(ref) or 'a pull request'}"
    return ""


def branch(
    attached: str | None, commit: str, said: CiEvent | None
) -> tuple[str | None, tuple[Concern, ...]]:
    """The branch of ``commit``, given the one that HEAD is on and what the CI system says."""
    if said is None:
        return attached, ()
    if not said.is_about(commit):
        return attached, (_contradiction(said.commit or "", commit),)
    if said.source is not None:
        # A fork may call its branch main: its images must not get the tags of ours.
        return None, (_request(said.source),)
    return (None if said.facts.tag else attached or said.facts.branch), ()


def _github(environment: Mapping[str, str]) -> CiEvent:
    payload = _payload(environment.get("GITHUB_EVENT_PATH", ""))
    name, ref = environment.get("GITHUB_EVENT_NAME", ""), environment["GITHUB_REF"]
    number = _number(payload.get("number"))
    if name == "pull_request_target" and number is not None:
        ref = f"refs/pull/{number}/merge"  # its own ref is the branch that it goes to
    request = _inner(payload, "pull_request")
    base = environment.get("GITHUB_BASE_REF") or _text(_inner(request, "base").get("ref"))
    if ref.startswith("refs/tags/"):
        base = _text(payload.get("base_ref")).removeprefix("refs/heads/")
    source = None
    if ref.startswith("refs/pull/") or name == "pull_request_target":
        source = environment.get("GITHUB_HEAD_REF") or ref.removeprefix("refs/")
    facts = EventFacts(
        name=_text(name),
        ref=ref,
        base_ref=_text(base) or None,
        pull_request=number,
        head_sha=_commit(_inner(request, "head").get("sha")),
        default_branch=_text(_inner(payload, "repository").get("default_branch")) or None,
        repository=_github_repository(_inner(payload, "repository"), environment),
    )
    return CiEvent(facts, environment.get("GITHUB_SHA") or None, source)


def _github_repository(
    said: Mapping[str, object], environment: Mapping[str, str]
) -> RepositoryFacts:
    name = environment.get("GITHUB_REPOSITORY", "")
    url = f"{environment.get('GITHUB_SERVER_URL', 'https://github.com')}/{name}" if name else ""
    return RepositoryFacts(
        name=_text(said.get("name")) or _text(name.rpartition("/")[2]),
        description=_text(said.get("description")),
        url=_text(said.get("html_url")) or _text(url),
        licenses=_text(_inner(said, "license").get("spdx_id")),
    )


def _gitlab(environment: Mapping[str, str]) -> CiEvent:
    def get(name: str) -> str:
        return _text(environment.get(name))

    number = _number(get("CI_MERGE_REQUEST_IID"))
    ref, source = f"refs/heads/{get('CI_COMMIT_BRANCH')}", None
    if get("CI_COMMIT_TAG"):
        ref = f"refs/tags/{get('CI_COMMIT_TAG')}"
    elif number is not None or environment.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"):
        ref = f"refs/pull/{number}/merge" if number is not None else ""
        source = environment.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") or ref.removeprefix("refs/")
    how = get("CI_PIPELINE_SOURCE")
    facts = EventFacts(
        name=_GITLAB_NAMES.get(how, how),
        ref=ref,
        base_ref=get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME") or None,
        pull_request=number,
        head_sha=_commit(get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA")),
        default_branch=get("CI_DEFAULT_BRANCH") or None,
        repository=RepositoryFacts(
            get("CI_PROJECT_NAME"), get("CI_PROJECT_DESCRIPTION"), get("CI_PROJECT_URL")
        ),
    )
    return CiEvent(facts, environment.get("CI_COMMIT_SHA") or None, source)


def _payload(path: str) -> Mapping[str, object]:
    """GitHub's file about the event; empty where it is missing, too large, or no JSON map."""
    with suppress(OSError, ValueError, RecursionError):
        if path and Path(path).is_file():
            with Path(path).open("rb") as file:
                text = file.read(MAX_EVENT_FILE + 1)
            found = json.loads(text) if len(text) <= MAX_EVENT_FILE else None
            return found if isinstance(found, dict) else {}
    return {}


def _inner(value: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) and _TEXT.fullmatch(value) else ""


def _commit(value: object) -> str | None:
    return value if isinstance(value, str) and _COMMIT.fullmatch(value) else None


def _number(value: object) -> int | None:
    text = str(value) if isinstance(value, int | str) else ""
    return int(text) if re.fullmatch("[1-9][0-9]{0,9}", text) else None


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
