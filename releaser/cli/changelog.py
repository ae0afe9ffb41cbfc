"""``releaser changelog``: what came out with every version, in the form of Keep a Changelog."""

from __future__ import annotations

import posixpath
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from releaser.cli import options
from releaser.cli.compose import adapters, load_project, shown_path
from releaser.cli.concerns import say_concerns
from releaser.cli.machine import save
from releaser.cli.reporting import check_writable, read_bounded
from releaser.core import template
from releaser.core.spec.paths import check_inside
from releaser.errors import SpecError
from releaser.pipeline import Project, Request
from releaser.pipeline.changelogs import Changelogs, Told

MAX_CHANGELOG = 16 * 1024 * 1024


def changelog(
    images: options.Images = None,
    file: options.File = None,
    var: options.Var = None,
    profile: options.Profile = None,
    version: options.VersionOption = None,
    following: Annotated[
        bool, typer.Option("--next", help="Tell what is unreleased as the next version, of today.")
    ] = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Put the newest version into this file, which is kept otherwise; "
            "{{image}} and {{context}} may stand in it.",
        ),
    ] = None,
) -> None:
    """Print what came out with every version, read from the commits that changed the images."""
    project = load_project(file, var, profile)
    request = Request(tuple(images or ()), version=version)
    found = Changelogs(project, adapters(project), request)
    day = datetime.now(UTC).date().isoformat() if following else None
    told = found.told(day=day)
    if output is not None:
        _write(project, told, output, found.url)
    else:
        from releaser.core.versioning.changelog import changelog as as_text

        sys.stdout.write("\n".join(as_text(one.name, one.releases, found.url) for one in told))
    say_concerns(found.concerns)


def _write(project: Project, told: tuple[Told, ...], output: str, url: str | None) -> None:
    """Put the newest version of each into its file."""
    paths = [_path(one, output) for one in told]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise SpecError(
            f'the changelogs of {len(paths)} images cannot all be in "{twice}"',
            hint="write -o '{{context}}/CHANGELOG.md', or name one image",
        )
    files = [_file(project, path) for path in paths]
    for one, file in zip(told, files, strict=True):
        _update(one, file, url)


def _path(told: Told, output: str) -> str:
    path = template.render(output, {"image": told.name, "context": told.folder})
    check_inside(path)
    return posixpath.normpath(path)


def _file(project: Project, path: str) -> Path:
    """The file that is written: what a link leads to, which must be below the spec's folder.

    Raises:
        SpecError: it leads elsewhere, is the spec or its lock, or cannot be written.
    """
    from releaser.loader import lock_path

    root = Path(project.root)
    try:
        file = (root / path).resolve()
    except (OSError, RuntimeError):
        raise SpecError(f'"{path}" is a link that leads to itself') from None
    if not file.is_relative_to(root.resolve()):
        raise SpecError(
            f'"{path}" is a link that leaves the folder of the file',
            hint="name a file below that folder",
        )
    spec = root / posixpath.basename(project.at(()).file)
    if file in {spec.resolve(), lock_path(spec).resolve()}:
        raise SpecError(
            f'"{path}" is no changelog: releaser reads it', hint="name another file: CHANGELOG.md"
        )
    check_writable(file)
    return file


def _update(told: Told, path: Path, url: str | None) -> None:
    from releaser.core.versioning.changelog import changelog as as_text
    from releaser.core.versioning.insertion import inserted

    released = [one for one in told.releases if one.version is not None]
    if path.exists():
        # Line ends stay what they are.
        text = _text(path)
        if released:
            newest, *older = released
            text = inserted(text, newest, before=older[0].tag if older else None, url=url)
    else:
        text = as_text(told.name, told.releases, url)
    save(path, text)
    sys.stderr.write(f"wrote {shown_path(path)}\n")


def _text(path: Path) -> str:
    try:
        return read_bounded(path, MAX_CHANGELOG).decode("utf-8")
    except UnicodeDecodeError:
        raise SpecError(f'"{path}" is not UTF-8', hint="name another file") from None
