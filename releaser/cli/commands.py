"""What each command does: at most parse, compose, call the pipeline, print."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from releaser.cli import completion, options
from releaser.cli.compose import adapters, contexts, load_project
from releaser.cli.concerns import say_concerns
from releaser.cli.machine import save
from releaser.cli.options import DataFormat, EngineName, Format
from releaser.cli.reporting import check_document, recording
from releaser.cli.running import execute, finish, limits_of, show_plan
from releaser.cli.secrecy import redactor
from releaser.cli.signals import handled
from releaser.core.plan import Mode
from releaser.errors import SpecError
from releaser.observe import seen_from
from releaser.pipeline import Allowed, Request, check, preflight, prepare, refuse
from releaser.reports.words import counted


def validate(
    file: options.File = None,
    var: options.Var = None,
    profile: options.Profile = None,
    resolved: Annotated[
        bool,
        typer.Option("--resolved", help="Print what came of it, and where each value is from."),
    ] = False,
) -> None:
    """Check the spec and every Dockerfile it names; nothing is asked of engine or registry."""
    project = load_project(file, var, profile)
    if resolved:
        from releaser.reports.resolved import resolved_text

        sys.stdout.write(resolved_text(project.document, project.origin))
    found = check(project, contexts())
    say_concerns((*project.concerns, *found.concerns))
    if not resolved:
        images, edges = len(found.graph.images), len(found.graph.edges)
        sizes = f"{counted(images, 'image')}, {counted(edges, 'edge')}"
        sys.stdout.write(f"{project.spec.project}: {sizes}, ok\n")


def plan(
    images: options.Images = None,
    file: options.File = None,
    var: options.Var = None,
    profile: options.Profile = None,
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
        check_document(output)
    project = load_project(file, var, profile)
    request = Request(tuple(images or ()), only, version, offline=offline)
    prepared = prepare(project, adapters(project), request)
    if output is not None:
        save(output, redactor().hide(prepared.plan.to_json()))
    sys.stdout.write(show_plan(prepared.plan, output_format))
    say_concerns((*prepared.plan.concerns, *prepared.oversights))
    refuse(prepared, Allowed())
    return 10 if exit_code and prepared.plan.changes else 0


def why(
    images: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE", help="Images or globs.", autocompletion=completion.images),
    ],
    file: options.File = None,
    var: options.Var = None,
    profile: options.Profile = None,
    version: options.VersionOption = None,
    output_format: options.DataFormatOption = DataFormat.TEXT,
) -> None:
    """Say why images are built, or are not: what differs from their last release."""
    from releaser.core.graph import choose
    from releaser.reports.why import why_json, why_text

    project = load_project(file, var, profile)
    prepared = prepare(project, adapters(project), Request(tuple(images), version=version))
    chosen = choose(project.spec, images)
    if output_format is DataFormat.JSON:
        sys.stdout.write(json.dumps(why_json(prepared.plan, chosen), indent=2) + "\n")
    else:
        sys.stdout.write(why_text(prepared.plan, chosen))
    say_concerns(prepared.plan.concerns)


def affected(
    since: Annotated[str, typer.Option("--since", metavar="REF", help="The git revision.")],
    file: options.File = None,
    var: options.Var = None,
    profile: options.Profile = None,
    output_format: options.DataFormatOption = DataFormat.TEXT,
) -> None:
    """List the images that differ from a git revision, and what stands on them."""
    from releaser.affected import affected as compare
    from releaser.sources.revision import revision

    now = load_project(file, var, profile)
    with revision(now.root, since) as folder:
        path = Path(folder) / Path(now.at(()).file).name
        with _told_as(since, folder):
            before = load_project(path, var, profile, now.spec.project) if path.is_file() else None
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
    profile: options.Profile = None,
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
        project = load_project(file, var, profile)
        world = adapters(project, engine, builder)
        prepared = prepare(project, world, request)
        record.plan = prepared.plan
        limits = limits_of(project, jobs, keep_going)
        chosen = preflight(prepared, prepared.plan, world, Allowed())
        execute(prepared, prepared.plan, world, chosen, record, signals, limits, verbose)
        finish(record, output_format)
