"""What a CI system says a run is about: its variables, and the file that GitHub writes for it.

Whatever is missing, too long or of another type is not known; nothing here is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from releaser.core.facts import EventFacts, RepositoryFacts

MAX_EVENT_FILE = 8 * 1024 * 1024
_TEXT = re.compile(r"[^\x00-\x1f\x7f]{1,1000}")
_REF = re.compile(r"refs/(?:heads|tags|pull)/[^\x00-\x20\x7f~^:?*\[\\]{1,250}")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_GITLAB_NAMES = {
    "schedule": "schedule",
    "merge_request_event": "pull_request",
    "web": "workflow_dispatch",
    "api": "workflow_dispatch",
    "trigger": "workflow_dispatch",
}
"""GitLab's names of events, in the words that rules for tags use."""


def event_facts(environment: Mapping[str, str]) -> EventFacts | None:
    """The event of GitHub Actions or GitLab CI; ``None`` elsewhere, and where its ref is odd."""
    found = _github(environment) if "GITHUB_REF" in environment else _gitlab(environment)
    return found if _REF.fullmatch(found.ref) else None


def _github(environment: Mapping[str, str]) -> EventFacts:
    payload = _payload(environment.get("GITHUB_EVENT_PATH", ""))
    name, ref = environment.get("GITHUB_EVENT_NAME", ""), environment["GITHUB_REF"]
    number = _number(payload.get("number"))
    if name == "pull_request_target" and number is not None:
        ref = f"refs/pull/{number}/merge"  # its own ref is the branch that it goes to
    request = _inner(payload, "pull_request")
    base = environment.get("GITHUB_BASE_REF") or _text(_inner(request, "base").get("ref"))
    if ref.startswith("refs/tags/"):
        base = _text(payload.get("base_ref")).removeprefix("refs/heads/")
    return EventFacts(
        name=_text(name),
        ref=ref,
        base_ref=_text(base) or None,
        pull_request=number,
        head_sha=_commit(_inner(request, "head").get("sha")),
        default_branch=_text(_inner(payload, "repository").get("default_branch")) or None,
        repository=_github_repository(_inner(payload, "repository"), environment),
    )


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


def _gitlab(environment: Mapping[str, str]) -> EventFacts:
    def get(name: str) -> str:
        return _text(environment.get(name))

    number = _number(get("CI_MERGE_REQUEST_IID"))
    source = get("CI_PIPELINE_SOURCE")
    ref = f"refs/heads/{get('CI_COMMIT_BRANCH')}"
    if get("CI_COMMIT_TAG"):
        ref = f"refs/tags/{get('CI_COMMIT_TAG')}"
    elif number is not None:
        ref = f"refs/pull/{number}/merge"
    return EventFacts(
        name=_GITLAB_NAMES.get(source, source),
        ref=ref,
        base_ref=get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME") or None,
        pull_request=number,
        head_sha=_commit(get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA")),
        default_branch=get("CI_DEFAULT_BRANCH") or None,
        repository=RepositoryFacts(
            get("CI_PROJECT_NAME"), get("CI_PROJECT_DESCRIPTION"), get("CI_PROJECT_URL")
        ),
    )


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
