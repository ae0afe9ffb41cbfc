"""The commands, grouped by what people do, and the way from an error to an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated

import typer

from releaser import __version__
from releaser.cli import (
    changelog,
    commands,
    completion,
    editors,
    exporting,
    graphing,
    initialising,
    locking,
    promoting,
    pruning,
    releasing,
    rolling_back,
    secrecy,
    tagging,
    verifying,
    versions,
)
from releaser.cli.errors import format_error
from releaser.cli.machine import machine_error
from releaser.cli.signals import SignalReceived, handled
from releaser.cli.usage import Grouped, usage_error
from releaser.errors import InternalError, InterruptedRunError, ReleaserError

LOOK, MAKE, AFTER = "Look before you leap", "Build and release", "After a release"

app = typer.Typer(
    name="releaser",
    cls=Grouped,
    help="Turns one images.yaml into released container images: plan, build, tag and publish, "
    "all or nothing.",
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"releaser {__version__}")
        raise typer.Exit


@app.callback()
def main_options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print releaser's version."
        ),
    ] = False,
    _debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
) -> None:
    """Options that stand before every command."""


app.command("init", rich_help_panel=LOOK)(initialising.init)
app.command("validate", rich_help_panel=LOOK)(commands.validate)
app.command("plan", rich_help_panel=LOOK)(commands.plan)
app.command("why", rich_help_panel=LOOK)(commands.why)
app.command("graph", rich_help_panel=LOOK)(graphing.graph)
app.command("affected", rich_help_panel=LOOK)(commands.affected)
app.command("tags", rich_help_panel=LOOK)(tagging.tags)
app.command("version", rich_help_panel=LOOK)(versions.version)
app.command("changelog", rich_help_panel=LOOK)(changelog.changelog)
app.command("schema", rich_help_panel=LOOK)(editors.schema)
app.command("lock", rich_help_panel=LOOK)(locking.lock)
app.command("export", rich_help_panel=LOOK)(exporting.export)
app.command("build", rich_help_panel=MAKE)(commands.build)
app.command("release", rich_help_panel=MAKE)(releasing.release)
app.command("verify", rich_help_panel=AFTER)(verifying.verify)
app.command("promote", rich_help_panel=AFTER)(promoting.promote)
app.command("rollback", rich_help_panel=AFTER)(rolling_back.rollback)
app.command("prune", rich_help_panel=AFTER)(pruning.prune)


def run(arguments: Sequence[str]) -> int:
    """Run a command line and give its exit code; no traceback reaches a user without --debug."""
    # A closed stdout or stderr (>&-) is None in Python: what is said to it is said to nobody.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):  # a terminal that knows no arrows gets a "?"
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    debug = "--debug" in arguments or bool(os.environ.get("RELEASER_DEBUG"))
    kept = [argument for argument in arguments if argument != "--debug"]
    with secrecy.guarded():
        return guarded(lambda: _handling(kept or ["--help"]), debug=debug)


def _handling(arguments: list[str]) -> int:
    try:
        with handled():
            return _invoke(arguments)
    except SignalReceived as received:
        raise InterruptedRunError(received.number) from None


def _invoke(arguments: list[str]) -> int:
    match arguments:
        case ["--show-completion", shell]:  # without one: this shell's
            typer.echo(completion.script(shell))
            return 0
        case ["--install-completion", *shell] if len(shell) <= 1:
            typer.echo(completion.install(shell[0] if shell else None))
            return 0
    completion.join_words(os.environ)
    result = app(arguments, prog_name="releaser", standalone_mode=False)
    sys.stdout.flush()
    return result if isinstance(result, int) else 0


def guarded(action: Callable[[], int], *, debug: bool) -> int:
    """The exit code of ``action``, with whatever it raises printed on stderr."""
    try:
        return action()
    except BrokenPipeError:
        _forget_stdout()
        return 141
    except SystemExit as left:  # the command line's parser meets a broken pipe like this
        if not isinstance(left.__context__, BrokenPipeError):
            raise
        _forget_stdout()
        return 141
    except (KeyboardInterrupt, typer.Abort):
        return _say(InterruptedRunError(2), debug=debug)
    except ReleaserError as error:
        return _say(error, debug=debug)
    except Exception as error:  # noqa: BLE001 - whatever else escapes is our bug, and says so
        return _say(_translated(error), debug=debug)


def _forget_stdout() -> None:
    """Nobody reads stdout any more: what is left in its buffer must not fail again at the end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _translated(error: Exception) -> ReleaserError:
    """What the command line's parser or the machine complains of, in our shape; else our bug."""
    usage = usage_error(error, [command.name or "" for command in app.registered_commands])
    known = usage or machine_error(error)
    if known is not None:
        return known
    bug = InternalError(
        f"a bug of releaser: {type(error).__name__}: {error}",
        hint="please report it with the output of --debug",
    )
    bug.__cause__ = error
    return bug


def _say(error: ReleaserError, *, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exception(error)
    try:
        sys.stdout.flush()
        sys.stderr.write(format_error(secrecy.conceal(error)))
        sys.stderr.flush()
    except OSError:  # nobody listens any more; the exit code still tells
        pass
    return error.code
