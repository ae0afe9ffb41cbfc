"""``releaser version``: what the version is, what comes next, and the git tags of that."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from releaser.cli import options
from releaser.cli.compose import adapters, load_project
from releaser.cli.concerns import say_concerns
from releaser.cli.options import DataFormat
from releaser.cli.signals import handled
from releaser.core.version import Version
from releaser.errors import SpecError
from releaser.pipeline import Request


def version(
    images: options.Images = None,
    file: options.File = None,
    var: options.Var = None,
    profile: options.Profile = None,
    version: options.VersionOption = None,
    prerelease: Annotated[
        str | None, typer.Option("--pre", metavar="NAME", help="A prerelease next: rc, beta.")
    ] = None,
    tag: Annotated[bool, typer.Option("--tag", help="Write the git tags of what is next.")] = False,
    push: Annotated[bool, typer.Option("--push", help="With --tag: push them as well.")] = False,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Tag although the tree has changes.")
    ] = False,
    output_format: options.DataFormatOption = DataFormat.TEXT,
) -> None:
    """Show current and next versions, read from the commits that changed the images."""
    from releaser.pipeline.upcoming import Outlook, write_tags
    from releaser.reports.versions import versions_json, versions_text

    if push and not tag:
        raise SpecError("--push pushes the tags of --tag", hint="releaser version --tag --push")
    project = load_project(file, var, profile)
    if prerelease is not None:
        _check_prerelease(prerelease, version or project.spec.versioning.file)
    request = Request(tuple(images or ()), version=version)
    outlook = Outlook(project, adapters(project), request)
    found = outlook.upcoming(prerelease)
    written: tuple[str, ...] = ()
    if tag:
        with handled():
            written = write_tags(outlook, found, push=push, dirty=allow_dirty)
    if output_format is DataFormat.JSON:
        data = versions_json(project.spec.project, found)
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(versions_text(found))
    say_concerns(outlook.concerns)
    if tag:
        _say_written(written, push=push)


def _check_prerelease(name: str, decided: str | None) -> None:
    """Raise :class:`SpecError` where a prerelease cannot have this name, or nobody asks for one."""
    if decided is not None:
        raise SpecError(
            f'--pre {name}: the version is decided already: "{decided}"', hint="leave --pre out"
        )
    if Version.find(f"0.0.0-{name}.1") is None or "+" in name:
        raise SpecError(
            f'"{name}" cannot stand in a version',
            details=(("allowed", "letters, digits, - and dots between them"),),
            hint="write the name of the prerelease without its number: rc",
        )


def _say_written(tags: tuple[str, ...], *, push: bool) -> None:
    what = f"{'pushed' if push else 'wrote'} {', '.join(tags)}" if tags else "nothing to tag"
    sys.stderr.write(what + "\n")
