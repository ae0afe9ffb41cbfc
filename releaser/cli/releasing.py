"""``releaser release``: build what must be built, push it, and move the tags."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from releaser.cli import options
from releaser.cli.compose import adapters, load_project
from releaser.cli.concerns import say_concerns
from releaser.cli.journaling import close, opened
from releaser.cli.options import EngineName, Format
from releaser.cli.reporting import read_bounded, recording
from releaser.cli.running import execute, finish, limits_of, show_plan, tell
from releaser.cli.signals import handled
from releaser.core.saved_plan import MAX_BYTES, SavedPlan, check_unmoved
from releaser.errors import SpecError
from releaser.interfaces import NO_JOURNAL
from releaser.pipeline import Allowed, Request, preflight, prepare
from releaser.pipeline.taken import check_apart


def release(
    images: options.Images = None,
    file: options.File = None,
    var: options.Var = None,
    profile: options.Profile = None,
    only: options.Only = False,
    version: options.VersionOption = None,
    push: Annotated[
        bool, typer.Option("--push", help="Publish; without it, build and show what would be.")
    ] = False,
    saved: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="Do what this saved plan says, or nothing."),
    ] = None,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Push although the tree has changes.")
    ] = False,
    allow_event: options.AllowEvent = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all that a release checks, and do nothing.")
    ] = False,
    rollback: Annotated[
        bool,
        typer.Option("--rollback/--no-rollback", help="Put moved tags back where a run fails."),
    ] = True,
    journal: options.Journal = None,
    offline: Annotated[bool, typer.Option("--offline", hidden=True)] = False,
    output_format: options.FormatOption = Format.TEXT,
    engine: options.Engine = EngineName.AUTO,
    builder: options.BuilderName = None,
    jobs: options.Jobs = None,
    keep_going: options.KeepGoing = False,
    report: options.Report = None,
    verbose: options.Verbose = False,
) -> None:
    """Build what must be built, push it, and move the tags: all of them or none."""
    if offline:
        raise SpecError(
            "--offline: a release asks the registries what they hold",
            hint="leave it out; releaser plan and releaser build can do without them",
        )
    with handled() as signals, recording("release", report, pushed=push) as record:
        project = load_project(file, var, profile)
        if push and not project.spec.registries:
            raise SpecError("there is no registry to push to", hint='declare one in "registries"')
        world = adapters(project, engine, builder)
        plan_before = load_plan(saved, images, version) if saved else None
        request = Request(tuple(images or ()), only, version)
        if plan_before:
            commanded, named = plan_before.commanded
            request = Request(plan_before.images, only=True, version=commanded, commanded=named)
        prepared = prepare(project, world, request)
        record.plan = prepared.plan
        if push:
            written = {"--report": report, "--journal": journal}
            check_apart(written, prepared.images, world.contexts)
        if plan_before:
            check_unmoved(plan_before, prepared.plan)
        allowed = Allowed(push, allow_dirty, allow_event)
        chosen = prepared.plan if push else prepared.plan.without_push()
        builds_with = preflight(prepared, chosen, world, allowed)
        if dry_run or (not push and output_format is Format.TEXT):
            sys.stdout.write(show_plan(prepared.plan, output_format))
            sys.stdout.flush()
        if dry_run:
            say_concerns(prepared.plan.concerns)
            record.dry = True
            return
        limits = limits_of(project, jobs, keep_going)
        kept = opened(journal, prepared, world) if push and chosen.steps else NO_JOURNAL
        world = replace(world, journal=kept)
        execute(prepared, chosen, world, builds_with, record, signals, limits, verbose, rollback)
        close(kept, record.run().outcome)
        finish(record, output_format)
        if not push:
            tell("nothing was pushed: add --push to publish\n")


def load_plan(path: Path, images: list[str] | None, version: str | None) -> SavedPlan:
    """The saved plan in ``path``; it says itself what it is about.

    Raises:
        SpecError: it cannot be read, is no plan, or the command line says something else as well.
    """
    if images or version:
        raise SpecError(
            "a saved plan names its images and its version", hint="leave both out with --plan"
        )
    return SavedPlan.parse(read_bounded(path, MAX_BYTES), str(path))
