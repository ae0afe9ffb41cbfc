"""``releaser prune``: removes tags that nobody needs any more, by rules."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from releaser.cli import options
from releaser.cli.carrying import Carrying, carried_out, carrying
from releaser.cli.compose import adapters, load_project
from releaser.cli.options import DataFormat
from releaser.cli.signals import handled
from releaser.core.pruning import Pruning
from releaser.core.spec import PruneSpec, check_patterns, seconds_of
from releaser.pipeline import PruneRequest, plan_pruning
from releaser.pipeline import prune as run_pruning


def prune(
    images: options.Images = None,
    file: options.File = None,
    var: options.Var = None,
    profile: options.Profile = None,
    keep_last: Annotated[
        int | None,
        typer.Option(
            "--keep-last", metavar="N", min=0, max=1_000_000, help="Keep the last N of a kind."
        ),
    ] = None,
    keep_within: Annotated[
        str | None, typer.Option("--keep-within", metavar="AGE", help="Keep what is younger: 30d.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="GLOB", help="Keep tags that match. May be repeated."),
    ] = None,
    commits: Annotated[
        bool, typer.Option("--commits", help="Remove tags of commits (sha-…) as well.")
    ] = False,
    registry: options.Registries = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without it, only show what would be removed.")
    ] = False,
    allow_event: options.AllowEvent = False,
    journal: options.Journal = None,
    output_format: options.DataFormatOption = DataFormat.TEXT,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write a JSON report there."),
    ] = None,
) -> None:
    """Remove fingerprint tags and old prereleases; whatever a tag that stays needs is kept."""
    from releaser.reports.pruning import pruning_ending, pruning_json, pruning_text

    if keep_within is not None:
        seconds_of(keep_within)
    check_patterns(keep or ())
    given = {"keep_last": keep_last, "keep_within": keep_within, "keep": keep, "commits": commits}
    rules = PruneSpec.model_validate({name: one for name, one in given.items() if one is not None})
    record: Carrying[Pruning] = Carrying(
        "prune", "pruned", not yes, output_format, pruning_json, pruning_text
    )
    with handled() as signals, carrying(record, report, allow_event=allow_event):
        project = load_project(file, var, profile)
        world = adapters(project)
        request = PruneRequest(tuple(images or ()), tuple(registry or ()), rules)
        plan = record.planned(plan_pruning(project, world, request))
        if yes and plan.changes:
            carried_out(record, project, world, signals, journal, plan.steps(), run_pruning)
        record.finish(pruning_ending)
        if not yes and plan.changes:
            sys.stderr.write("nothing was removed: add --yes to do it\n")
