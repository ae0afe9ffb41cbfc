"""What each command does: at most parse, compose, call the pipeline, print."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from releaser.cli import options
from releaser.cli.compose import adapters, contexts, load_project
from releaser.cli.concerns import say_concerns
from releaser.cli.errors import format_error
from releaser.cli.journaling import close, opened
from releaser.cli.options import DataFormat, EngineName, Format
from releaser.cli.reporting import (
    Recording,
    check_writable,
    read_bounded,
    recording,
    write_atomically,
)
from releaser.cli.signals import Signals, handled
from releaser.core.plan import Mode, Plan
from releaser.core.saved_plan import MAX_BYTES, SavedPlan, check_unmoved
from releaser.errors import ReleaserError, SetupError, SpecError
from releaser.executor import Limits
from releaser.interfaces import NO_JOURNAL, Builder, Listener
from releaser.observe import seen_from
from releaser.pipeline import (
    Adapters,
    Allowed,
    Prepared,
    Project,
    Request,
    check,
    preflight,
    prepare,
    refuse,
)
from releaser.pipeline import run as run_plan


def validate(file: options.File = None, var: options.Var = None) -> None:
    """Check the spec and every Dockerfile it names; nothing is asked of engine or registry."""
    project = load_project(file, var)
    graph = check(project, contexts())
    found = f"{_counted(len(graph.images), 'image')}, {_counted(len(graph.edges), 'edge')}"
    sys.stdout.write(f"{project.spec.project}: {found}, ok\n")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def plan(
    images: options.Images = None,
    file: options.File = None,
    var: options.Var = None,
    only: options.Only = False,
    version: options.VersionOption = None,
    offline: options.Offline = False,
    output_format: options.FormatOption = Format.TEXT,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Save the plan as JSON.")
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 10 where there is something to do.")
    ] = False,
) -> int:
    """Show what a release would build, push and tag, and why; nothing is changed."""
    if output is not None:
        check_writable(output)
    project = load_project(file, var)
    request = Request(tuple(images or ()), only, version, offline=offline)
    prepared = prepare(project, adapters(project), request)
    if output is not None:
        write_atomically(output, prepared.plan.to_json())
    sys.stdout.write(show_plan(prepared.plan, output_format))
    say_concerns(prepared.plan.concerns)
    refuse(prepared, Allowed())
    return 10 if exit_code and prepared.plan.changes else 0


def why(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE", help="Images or globs.")],
    file: options.File = None,
    var: options.Var = None,
    version: options.VersionOption = None,
    output_format: options.DataFormatOption = DataFormat.TEXT,
) -> None:
    """Say why images are built, or are not: what differs from their last release."""
    from releaser.core.graph import select
    from releaser.reports.why import why_json, why_text

    project = load_project(file, var)
    prepared = prepare(project, adapters(project), Request(tuple(images), version=version))
    chosen = select(tuple(project.spec.images), images)
    if output_format is DataFormat.JSON:
        sys.stdout.write(json.dumps(why_json(prepared.plan, chosen), indent=2) + "\n")
    else:
        sys.stdout.write(why_text(prepared.plan, chosen))
    say_concerns(prepared.plan.concerns)


def affected(
    since: Annotated[str, typer.Option("--since", metavar="REF", help="The git revision.")],
    file: options.File = None,
    var: options.Var = None,
    output_format: options.DataFormatOption = DataFormat.TEXT,
) -> None:
    """List the images that differ from a git revision, and what stands on them."""
    from releaser.affected import affected as compare
    from releaser.sources.revision import revision

    now = load_project(file, var)
    with revision(now.root, since) as folder:
        path = Path(folder) / Path(now.at(()).file).name
        with _told_as(since, folder):
            before = load_project(path, var, now.spec.project) if path.is_file() else None
        found = compare(now, contexts(), before, contexts())
    if output_format is DataFormat.JSON:
        images = [one.as_json() for one in sorted(found, key=lambda one: one.name)]
        data = {"schema": 1, "since": since, "images": images}
        sys.stdout.write(json.dumps(data, indent=2) + "\n")
        return
    for one in found:
        sys.stdout.write(f"{one.name}  {one.how}  {one.because}".rstrip() + "\n")


@contextmanager
def _told_as(since: str, folder: str) -> Iterator[None]:
    """Complaints about the files of another revision, which git calls ``REF:./path``."""
    try:
        yield
    except SpecError as error:
        raise seen_from(error, folder, f"{since}:.") from None


def build(
    images: options.Images = None,
    file: options.File = None,
    var: options.Var = None,
    only: options.Only = False,
    version: options.VersionOption = None,
    offline: options.Offline = False,
    output_format: options.FormatOption = Format.TEXT,
    engine: options.Engine = EngineName.AUTO,
    builder: options.BuilderName = None,
    jobs: options.Jobs = None,
    keep_going: options.KeepGoing = False,
    report: options.Report = None,
    verbose: options.Verbose = False,
) -> None:
    """Build images into the local engine, upstreams first; what is there already is kept."""
    request = Request(tuple(images or ()), only, version, Mode.LOCAL, offline)
    with handled() as signals, recording("build", report, pushed=False) as record:
        project = load_project(file, var)
        world = adapters(project, engine, builder)
        prepared = prepare(project, world, request)
        record.plan = prepared.plan
        limits = _limits(project, jobs, keep_going)
        chosen = preflight(prepared, prepared.plan, world, Allowed())
        _execute(prepared, prepared.plan, world, chosen, record, signals, limits, verbose)
        _finish(record, output_format)


def release(
    images: options.Images = None,
    file: options.File = None,
    var: options.Var = None,
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
    allow_event: Annotated[
        bool, typer.Option("--allow-event", help="Push although it is a pull request's event.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all that a release checks, and do nothing.")
    ] = False,
    rollback: Annotated[
        bool,
        typer.Option("--rollback/--no-rollback", help="Put moved tags back where a run fails."),
    ] = True,
    journal: Annotated[
        Path | None,
        typer.Option("--journal", metavar="FILE", help="Note every write there, before and after."),
    ] = None,
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
        project = load_project(file, var)
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
        limits = _limits(project, jobs, keep_going)
        kept = opened(journal, prepared, world) if push and chosen.steps else NO_JOURNAL
        world = replace(world, journal=kept)
        _execute(prepared, chosen, world, builds_with, record, signals, limits, verbose, rollback)
        close(kept, record.run().outcome)
        _finish(record, output_format)
        if not push:
            _tell("nothing was pushed: add --push to publish\n")


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


def show_plan(plan: Plan, output_format: Format) -> str:
    """A plan in the format asked for."""
    match output_format:
        case Format.JSON:
            return plan.to_json()
        case Format.MARKDOWN:
            from releaser.reports.markdown import plan_markdown

            return plan_markdown(plan)
        case Format.TEXT:
            from releaser.reports.text import plan_text

            return plan_text(plan)


def _limits(project: Project, jobs: int | None, keep_going: bool) -> Limits:
    transfers = {name: one.concurrency for name, one in project.spec.registries.items()}
    return Limits(jobs, transfers, keep_going)


def _execute(
    prepared: Prepared,
    plan: Plan,
    world: Adapters,
    builder: Builder | None,
    record: Recording,
    signals: Signals,
    limits: Limits,
    verbose: bool,
    rollback: bool = True,
) -> None:
    """Run a plan with its progress on stderr; the record gets the result."""
    say_concerns(plan.concerns)
    with progress(plan, verbose=verbose) as listener:
        signals.running = True
        record.result = run_plan(
            prepared, plan, world, builder, listener, limits, signals.stop, rollback=rollback
        )
        signals.running = False
    record.error = record.result.error


def progress(plan: Plan, *, verbose: bool) -> AbstractContextManager[Listener]:
    """The listener that fits where stderr goes: live on a terminal, else plain lines."""
    plain = verbose or os.environ.get("CI") or os.environ.get("TERM") == "dumb"
    if sys.stderr.isatty() and not plain:
        from rich.console import Console

        from releaser.reports.live import LiveProgress

        return LiveProgress(Console(stderr=True), len(plan.steps))
    from releaser.reports.progress import PlainProgress

    images = tuple(image.name for image in plan.images)
    return nullcontext(PlainProgress(sys.stderr, images, verbose=verbose))


def _show_ends(error: ReleaserError, record: Recording) -> None:
    """The failures of a run, each with the end of its output, before the one that sums them up."""
    for one in record.result.records.values() if record.result else ():
        if one.error is not None and one.error is not error:
            _tell(format_error(one.error))


def _finish(record: Recording, output_format: Format) -> None:
    """Print what a run came to, and raise what it ended in."""
    record.ended = True
    try:
        sys.stdout.write(_result(record, output_format))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SetupError(
            f"the result cannot be printed: {error.strerror}",
            hint=f"the run itself is over: {record.run().outcome}",
        ) from error
    if record.error is not None:
        _show_ends(record.error, record)
        raise record.error


def _result(record: Recording, output_format: Format) -> str:
    """What a run came to, in the format asked for."""
    from releaser.reports import markdown, run, text

    ended = record.run()
    match output_format:
        case Format.JSON:
            return json.dumps(run.as_json(ended), indent=2) + "\n"
        case Format.MARKDOWN:
            return markdown.run_markdown(ended)
        case Format.TEXT:
            return text.run_text(ended)


def _tell(text: str) -> None:
    """Say something on stderr; that nobody listens any more must not end a release."""
    with suppress(OSError):
        sys.stderr.write(text)
