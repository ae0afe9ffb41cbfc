"""``releaser verify``: what is in the registries, against a report or a version."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from releaser.cli import completion, options
from releaser.cli.compose import adapters, load_project
from releaser.cli.options import DataFormat
from releaser.cli.reporting import read_bounded
from releaser.core.past_run import MAX_BYTES, PastRun
from releaser.core.verification import Verification
from releaser.errors import SpecError, UnknownError
from releaser.pipeline import Check
from releaser.pipeline import verify as verify_images


def verify(
    images: options.Images = None,
    file: options.File = None,
    var: options.Var = None,
    profile: options.Profile = None,
    version: Annotated[
        str | None,
        typer.Option(
            "--version",
            metavar="VERSION",
            help="What this version is.",
            autocompletion=completion.versions,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="What this report of a run says."),
    ] = None,
    registry: options.Registries = None,
    deep: Annotated[bool, typer.Option("--deep", help="Read all bytes of all layers.")] = False,
    output_format: options.DataFormatOption = DataFormat.TEXT,
) -> int:
    """Compare what the registries hold with a report or a version; exit 1 where they differ."""
    from releaser.reports.verification import verification_json, verification_text

    if (version is None) == (report is None):
        raise SpecError(
            "verify needs something to compare with: a version or a report",
            hint="releaser verify --version 1.4.2, or releaser verify --report release.json",
        )
    project = load_project(file, var, profile)
    past = PastRun.parse(read_bounded(report, MAX_BYTES), str(report)) if report else None
    check = Check(tuple(images or ()), tuple(registry or ()), version, past, deep)
    found = verify_images(project, adapters(project, fresh=True), check)
    if output_format is DataFormat.JSON:
        text = json.dumps(verification_json(found), indent=2, ensure_ascii=False) + "\n"
    else:
        text = verification_text(found)
    sys.stdout.write(text)
    _raise_unsaid(found)
    return 1 if found.differences else 0


def _raise_unsaid(found: Verification) -> None:
    """Raise :class:`UnknownError` where a registry would not say."""
    if found.unsaid:
        raise UnknownError(
            "a registry would not say what it holds",
            details=[(one.where, one.why) for one in found.unsaid[:20]],
            hint="what is known is above; try again",
        )
