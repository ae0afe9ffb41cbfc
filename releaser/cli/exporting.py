"""``releaser export``: the images of the spec in the file of another tool."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from releaser.cli import options
from releaser.cli.compose import adapters, load_project, shown_path
from releaser.cli.concerns import say_concerns
from releaser.cli.reporting import check_writable, write_atomically
from releaser.core.facts import Concern
from releaser.pipeline import Request, describe


class Kind(StrEnum):
    """What can be exported."""

    BAKE = "bake"


def export(
    kind: Annotated[
        Kind, typer.Argument(metavar="bake", help="What to make: a file for docker buildx bake.")
    ],
    images: options.Images = None,
    file: options.File = None,
    var: options.Var = None,
    profile: options.Profile = None,
    version: options.VersionOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there.")
    ] = None,
) -> None:
    """Print a bake file that builds the same images; no registry and no engine is asked."""
    from releaser.exporting.bake import bake_file

    if output is not None:
        check_writable(output)
    project = load_project(file, var, profile)
    request = Request(tuple(images or ()), version=version, offline=True)
    found = describe(project, adapters(project), request)
    match kind:
        case Kind.BAKE:
            made = bake_file(found, project.spec.groups, project.root)
    say_concerns([*project.concerns, *(Concern(f"in the file {one}") for one in made.changes)])
    if output is None:
        sys.stdout.write(made.text)
        return
    write_atomically(output, made.text)
    sys.stderr.write(f"{shown_path(output)} is written; run bake in {project.root}\n")
