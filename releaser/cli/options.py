"""The options that several commands share, each declared once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from releaser.cli import completion


class Format(StrEnum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


class DataFormat(StrEnum):
    """How a result is printed that has no form as a page."""

    TEXT = "text"
    JSON = "json"


class EngineName(StrEnum):
    """What builds the images."""

    AUTO = "auto"
    BUILDX = "buildx"
    DOCKER_API = "docker-api"


Images = Annotated[
    list[str] | None,
    typer.Argument(
        help="Images, groups or globs; all where none is given.", autocompletion=completion.images
    ),
]
File = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="The spec. Default: images.yaml, looked for upwards."),
]
Var = Annotated[
    list[str] | None,
    typer.Option(
        "--var",
        metavar="NAME=VALUE",
        help="Set a variable.",
        autocompletion=completion.variables,
    ),
]
Only = Annotated[bool, typer.Option("--only", help="Leave the images they stand on alone.")]
VersionOption = Annotated[
    str | None,
    typer.Option("--version", envvar="RELEASER_VERSION", help="The version, whatever git says."),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How the result is printed.")]
Offline = Annotated[
    bool, typer.Option("--offline", help="Ask no registry: only the lock and the engine's store.")
]
DataFormatOption = Annotated[
    DataFormat, typer.Option("--format", help="How the result is printed.")
]
Engine = Annotated[
    EngineName, typer.Option("--engine", help="What builds: by default, buildx where it is there.")
]
BuilderName = Annotated[
    str | None, typer.Option("--builder", metavar="NAME", help="The buildx builder to use.")
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, max=256, help="Images built at once.")
]
KeepGoing = Annotated[
    bool, typer.Option("--keep-going", "-k", help="Build on what a failure does not block.")
]
Registries = Annotated[
    list[str] | None,
    typer.Option(
        "--registry",
        metavar="NAME",
        help="Only in this registry; may be repeated. Default: those that images go to.",
        autocompletion=completion.registries,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE", help="Write a JSON report there, in every ending."),
]
AllowEvent = Annotated[
    bool, typer.Option("--allow-event", help="Publish although it is a pull request's event.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
Profile = Annotated[
    list[str] | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="Put a profile upon the file; may be repeated.",
        autocompletion=completion.profiles,
    ),
]
Journal = Annotated[
    Path | None,
    typer.Option("--journal", metavar="FILE", help="Note every write there, before and after."),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show what the builds print.")]
