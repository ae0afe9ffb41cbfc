"""``releaser promote``: the same bytes under other tags, or in another registry."""

from __future__ import annotations

from typing import Annotated

import typer

from releaser.cli import completion, options
from releaser.cli.carrying import Carrying, carried_out, carrying
from releaser.cli.compose import adapters, load_project
from releaser.cli.options import DataFormat
from releaser.cli.signals import handled
from releaser.core.promoted import Destinations
from releaser.core.promotion import Promotion
from releaser.pipeline import Promoting, plan_promotion, refuse_promotion
from releaser.pipeline import promote as run_promotion


def promote(
    asked: Annotated[
        str,
        typer.Argument(
            metavar="VERSION|TAG",
            help="What is promoted: 1.4.2, latest, edge.",
            autocompletion=completion.versions,
        ),
    ],
    images: options.Images = None,
    file: options.File = None,
    var: options.Var = None,
    profile: options.Profile = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            metavar="TAG|REGISTRY",
            help="Where to: a registry's name, else a tag. Repeat.",
            autocompletion=completion.registries,
        ),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="A tag, whatever it is called.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="REGISTRY",
            help="The registry it comes from.",
            autocompletion=completion.registries,
        ),
    ] = None,
    dry_run: options.DryRun = False,
    allow_event: options.AllowEvent = False,
    journal: options.Journal = None,
    output_format: options.DataFormatOption = DataFormat.TEXT,
    report: options.Report = None,
) -> None:
    """Give a version further tags, or bring it to another registry: the same bytes, not built."""
    from releaser.reports.promotion import promotion_ending, promotion_json, promotion_text

    record: Carrying[Promotion] = Carrying(
        "promote", "promoted", dry_run, output_format, promotion_json, promotion_text
    )
    with handled() as signals, carrying(record, report, allow_event=allow_event):
        project = load_project(file, var, profile)
        goal = Destinations.parse(to or (), tag or (), tuple(project.spec.registries))
        world = adapters(project)
        request = Promoting(asked, goal, tuple(images or ()), source)
        plan = record.planned(plan_promotion(project, world, request))
        refuse_promotion(plan)
        if not dry_run and plan.changes:
            carried_out(record, project, world, signals, journal, plan.steps(), run_promotion)
        record.finish(promotion_ending)
