"""``releaser rollback``: lines of versions go back, and stay there until a newer version comes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from releaser.cli import completion, options
from releaser.cli.carrying import Carrying, carried_out, carrying
from releaser.cli.compose import adapters, load_project
from releaser.cli.options import DataFormat
from releaser.cli.reporting import read_bounded
from releaser.cli.secrecy import redactor
from releaser.cli.signals import handled
from releaser.core.past_run import MAX_BYTES, PastRun
from releaser.core.rollback import Rollback
from releaser.core.version import Version
from releaser.core.wish import GoBack, Restore, Undo, Wish, Withdraw
from releaser.errors import SpecError
from releaser.pipeline import RollingBack, plan_rollback, refuse_rollback
from releaser.pipeline import rollback as run_rollback


def rollback(
    images: options.Images = None,
    file: options.File = None,
    var: options.Var = None,
    profile: options.Profile = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="VERSION",
            help="Go back to this version from higher ones.",
            autocompletion=completion.versions,
        ),
    ] = None,
    withdraw: Annotated[
        list[str] | None,
        typer.Option(
            "--withdraw",
            metavar="VERSION",
            help="Take out only this version. Repeat.",
            autocompletion=completion.versions,
        ),
    ] = None,
    restore: Annotated[
        list[str] | None,
        typer.Option("--restore", metavar="VERSION", help="Take back a rollback of it. Repeat."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Undo what this report of a run says."),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why, to be kept with the versions.")
    ] = "",
    registry: options.Registries = None,
    dry_run: options.DryRun = False,
    allow_event: options.AllowEvent = False,
    journal: options.Journal = None,
    output_format: options.DataFormatOption = DataFormat.TEXT,
) -> None:
    """Put latest and other lines back to an older version; no release moves them to what was."""
    from releaser.reports.rollback import rollback_ending, rollback_json, rollback_text

    wish = _wish(to, withdraw, restore, report)
    record: Carrying[Rollback] = Carrying(
        "rollback", "rolled-back", dry_run, output_format, rollback_json, rollback_text
    )
    with handled() as signals, carrying(record, None, allow_event=allow_event):
        project = load_project(file, var, profile)
        world = adapters(project)
        # the reason stays in the registry, where everybody who pulls can read it
        said = redactor().hide(reason)
        request = RollingBack(wish, tuple(images or ()), tuple(registry or ()), said)
        plan = record.planned(plan_rollback(project, world, request))
        refuse_rollback(plan)
        if not dry_run and plan.changes:
            carried_out(record, project, world, signals, journal, plan.steps(), run_rollback)
        record.finish(rollback_ending)


def _wish(
    to: str | None, withdraw: list[str] | None, restore: list[str] | None, report: Path | None
) -> Wish:
    """What the options ask for, one thing at a time."""
    if sum(one is not None for one in (to, withdraw or None, restore or None, report)) != 1:
        raise SpecError(
            "a rollback needs one of --to, --withdraw, --restore and --report",
            hint="releaser rollback --to 1.4.1",
        )
    if report is not None:
        return Undo(PastRun.parse(read_bounded(report, MAX_BYTES), str(report)).images)
    if to is not None:
        return GoBack(_version(to))
    if withdraw:
        return Withdraw(tuple(map(_version, withdraw)))
    return Restore(tuple(map(_version, restore or ())))


def _version(text: str) -> Version:
    found = Version.parse(text)
    if found.prerelease or found.build:
        raise SpecError(
            f"no line of versions is at {found}", hint="name a full version, such as 1.4.1"
        )
    return found
