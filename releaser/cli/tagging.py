"""``releaser tags``: which tags the images get, at this event or at a pretended one."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from releaser.cli import options
from releaser.cli.compose import adapters, load_project
from releaser.cli.concerns import say_concerns
from releaser.cli.options import DataFormat
from releaser.core.facts import EventFacts
from releaser.errors import SpecError
from releaser.pipeline import Request, tags_at

_LAST_SECOND = 253_370_764_800  # the year 9999 begins: every time zone can still write it
_REF = re.compile(
    r"refs/(?:heads|tags)/[^\x00-\x20\x7f~^:?*\[\\]{1,250}|refs/pull/[0-9]{1,10}/(?:merge|head)"
)


def tags(
    images: options.Images = None,
    file: options.File = None,
    var: options.Var = None,
    profile: options.Profile = None,
    version: options.VersionOption = None,
    event: Annotated[
        str | None,
        typer.Option("--event", metavar="NAME", help="Pretend this event: push, schedule, …"),
    ] = None,
    ref: Annotated[
        str | None,
        typer.Option("--ref", metavar="REF", help="Pretend this ref: refs/tags/v1.2.3."),
    ] = None,
    pull_request: Annotated[
        int | None, typer.Option("--pr", min=1, help="Pretend this pull request.")
    ] = None,
    base_ref: Annotated[
        str | None, typer.Option("--base-ref", metavar="BRANCH", help="Pretend this base.")
    ] = None,
    default_branch: Annotated[
        str | None,
        typer.Option("--default-branch", metavar="BRANCH", help="Pretend this default branch."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="Pretend this time: 2026-01-31T12:00:00Z."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not ask which versions the registries have.")
    ] = False,
    output_format: options.DataFormatOption = DataFormat.TEXT,
) -> None:
    """Show which tags the images get, by which rules, and why; nothing is changed."""
    from releaser.reports.tags import tags_json, tags_text

    pretended = _pretended(event, ref, pull_request, base_ref, default_branch)
    project = load_project(file, var, profile)
    world = adapters(project)
    if at is not None:
        world = replace(world, clock=_clock(at))
    request = Request(tuple(images or ()), version=version, offline=offline, event=pretended)
    found = tags_at(project, world, request)
    if output_format is DataFormat.JSON:
        sys.stdout.write(json.dumps(tags_json(found), indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(tags_text(found))
    say_concerns(found.concerns)


def _pretended(
    event: str | None,
    ref: str | None,
    pull_request: int | None,
    base_ref: str | None,
    default_branch: str | None,
) -> EventFacts | None:
    """The event that the options describe; ``None`` where they describe none.

    What they do not say stays what it is.
    """
    given = (event, ref, pull_request, base_ref, default_branch)
    if all(one is None for one in given):
        return None
    if pull_request is not None:
        if ref is not None:
            raise SpecError("--pr has a ref of its own", hint="leave --ref out")
        ref = f"refs/pull/{pull_request}/merge"
    if ref is not None and not _REF.fullmatch(ref):
        raise SpecError(
            f'--ref "{ref}" is not a whole ref',
            details=(("allowed", "refs/heads/BRANCH, refs/tags/TAG, refs/pull/NUMBER/merge"),),
            hint=f"write refs/heads/{ref} or refs/tags/{ref}" if "refs/" not in ref else None,
        )
    if event is not None and event.startswith("pull_request") and ref is None:
        raise SpecError(f"--event {event} does not say which one", hint="write --pr 12")
    if event is None and ref is not None:
        event = "pull_request" if ref.startswith("refs/pull/") else "push"
    return EventFacts(
        name=event or "",
        ref=ref or "",
        base_ref=base_ref,
        pull_request=pull_request,
        default_branch=default_branch,
    )


def _clock(text: str) -> Callable[[], float]:
    try:
        moment = datetime.fromisoformat(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        seconds = -1
    if not 0 <= seconds < _LAST_SECOND:
        raise SpecError(f'--at "{text}" is not a time', hint="write it as 2026-01-31T12:00:00Z")
    return lambda: seconds
