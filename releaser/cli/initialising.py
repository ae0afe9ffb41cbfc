"""``releaser init``: a first ``images.yaml`` out of what a repository has already."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from releaser.cli import completion
from releaser.cli.compose import contexts, shown_path
from releaser.cli.reporting import check_writable, write_atomically
from releaser.core.graph import ImageGraph
from releaser.core.harmless import printable
from releaser.errors import SpecError

NAME = "images.yaml"


def init(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR", help="The folder to look through; with --from KIND, the file to read."
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="KIND",
            help="Read one file: bake, compose or metadata-action-workflow FILE; or only FILE.",
            autocompletion=completion.sources,
        ),
    ] = None,
    registry: Annotated[
        str | None,
        typer.Option(
            "--registry", metavar="PREFIX", help="Where images go, such as ghcr.io/acme/shop."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write there; - prints it."),
    ] = None,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print it and write nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a file that is there.")
    ] = False,
) -> None:
    """Write a first images.yaml from Dockerfiles, or from bake, Compose or a workflow."""
    from releaser.importing.importing import drafted
    from releaser.importing.moving import moved
    from releaser.importing.trying import tried

    stdout = stdout or output == Path("-") or path == Path("-")
    given = None if path == Path("-") else path
    draft, root = drafted(given, source, registry, contexts())
    elsewhere = output if output is not None and not stdout else None
    target, folder = elsewhere or root / NAME, elsewhere.parent.resolve() if elsewhere else root
    if not stdout:
        _check_free(target, force=force)
        draft = moved(draft, root, folder)
    result = tried(draft, folder, contexts())
    if stdout:
        sys.stdout.write(result.text)
    else:
        write_atomically(target, result.text)
    _say(_told(result.draft.found, result.graph, result.refused))
    _say(f"not carried over: {one}" for one in result.draft.lost)
    written = "" if stdout else f"{shown_path(target)} is written; "
    then = "releaser plan" + _option(target, root, stdout=stdout)
    if not result.graph.images:
        then = f"no image in it is enabled: enable one once it has what it lacks, then {then}"
    else:
        then = f"next: {then}"
    _say([written + then])


def _check_free(target: Path, *, force: bool) -> None:
    if os.path.lexists(target) and not force:
        raise SpecError(
            f"{shown_path(target)} is there already", hint="--force writes over it, --stdout prints"
        )
    check_writable(target)


def _option(target: Path, root: Path, *, stdout: bool) -> str:
    """What the next command needs to find the file."""
    usual = root / NAME
    if stdout or (target.absolute() == usual and root.resolve() == Path.cwd().resolve()):
        return ""
    return f" -f {shown_path(target)}"


def _told(found: Iterable[str], graph: ImageGraph, refused: Mapping[str, str]) -> Iterator[str]:
    yield from (f"found {one}" for one in found)
    for image in graph.order:
        needs = ", ".join(graph.needs(image))
        yield f"  {image}" + (f" stands on {needs}" if needs else "")
    for image, why in refused.items():
        yield f"  {image} is not enabled: {why}"


def _say(lines: Iterable[str]) -> None:
    """Lines for people, beside the result; that nobody listens any more ends nothing."""
    for line in lines:
        with suppress(OSError):
            sys.stderr.write(printable(line) + "\n")
