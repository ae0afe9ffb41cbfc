"""``releaser lock``: pin base images to digests, move them, and tell what has moved."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from releaser.cli import options
from releaser.cli.compose import adapters, load_project, shown_path
from releaser.cli.machine import save
from releaser.cli.options import DataFormat
from releaser.cli.reporting import check_writable
from releaser.core.harmless import printable
from releaser.core.lock import Difference, Kind
from releaser.errors import SpecError
from releaser.pipeline import Project, Request, check_lock, relock

DONE = {Kind.MISSING: "added", Kind.MOVED: "moved", Kind.UNUSED: "dropped"}
SEEN = {Kind.MISSING: "missing", Kind.MOVED: "moved", Kind.UNUSED: "unused"}


def lock(
    references: Annotated[
        list[str] | None,
        typer.Argument(metavar="REF", help="With --update: references or globs to move."),
    ] = None,
    file: options.File = None,
    var: options.Var = None,
    profile: options.Profile = None,
    version: options.VersionOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only tell what is not current, and exit 10 then.")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Ask for digests anew; all where no REF is given.")
    ] = False,
    output_format: options.DataFormatOption = DataFormat.TEXT,
) -> int:
    """Pin every base image to the digest that it has now, in images.lock beside the spec."""
    _check_usage(references, check=check, update=update)
    project = load_project(file, var, profile)
    path = lock_file(project)
    request = Request(version=version)
    if check:
        found = check_lock(project, adapters(project), request)
        _show(path, found, SEEN, output_format, current=not found)
        return 10 if found else 0
    check_writable(path)
    moving = tuple(references or ()) if update else None
    day = datetime.now(UTC).date().isoformat()
    relocked = relock(project, adapters(project), request, day=day, moving=moving)
    if relocked.differences or project.lock is None:
        from releaser.loader import lock_text

        save(path, lock_text(relocked.lock))
    _show(path, relocked.differences, DONE, output_format, current=True)
    return 0


def _check_usage(references: Sequence[str] | None, *, check: bool, update: bool) -> None:
    if check and update:
        raise SpecError("--check changes nothing, and --update does", hint="choose one of them")
    if references and not update:
        raise SpecError(
            "only --update takes references",
            details=(("given", ", ".join(references)),),
            hint=f"releaser lock --update {' '.join(references)}",
        )


def lock_file(project: Project) -> Path:
    """Where the lock of a project is."""
    from releaser.loader import lock_path

    return lock_path(Path(project.root) / Path(project.at(()).file).name)


def _show(
    path: Path,
    found: Iterable[Difference],
    words: Mapping[Kind, str],
    output_format: DataFormat,
    *,
    current: bool,
) -> None:
    """Print what was found or done, one line for each base image."""
    changes = tuple(found)
    if output_format is DataFormat.JSON:
        data = {
            "schema": 1,
            "lock": path.name,
            "current": current,
            "changes": [_as_json(one, words) for one in changes],
        }
        sys.stdout.write(json.dumps(data, indent=2) + "\n")
        return
    width = max((len(one.name) for one in changes), default=0)
    for one in changes:
        line = f"{one.name:<{width}}  {words[one.kind]:<7}  {_digests(one)}"
        sys.stdout.write(printable(line.rstrip()) + "\n")
    if not changes:
        sys.stdout.write(f"{shown_path(path)}: current\n")


def _as_json(one: Difference, words: Mapping[Kind, str]) -> dict[str, str | None]:
    return {
        "reference": one.name,
        "change": words[one.kind],
        "from": str(one.before) if one.before else None,
        "to": str(one.after) if one.after else None,
    }


def _digests(one: Difference) -> str:
    return " → ".join(digest.short for digest in (one.before, one.after) if digest)
