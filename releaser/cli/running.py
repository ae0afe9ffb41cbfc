"""A run on the command line: its progress, its result, and what it ended in."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace

from releaser.cli.concerns import say_concerns
from releaser.cli.errors import format_error
from releaser.cli.options import Format
from releaser.cli.reporting import Recording
from releaser.cli.secrecy import conceal, redactor
from releaser.cli.signals import Signals
from releaser.core.events import Event, Notice, StepProgress
from releaser.core.plan import Plan
from releaser.errors import ReleaserError, SetupError
from releaser.executor import Limits
from releaser.interfaces import Builder, Listener
from releaser.pipeline import Adapters, Prepared, Project
from releaser.pipeline import run as run_plan


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


def limits_of(project: Project, jobs: int | None, keep_going: bool) -> Limits:
    """How much at once: what the command line says, and what the spec says of its registries."""
    transfers = {name: one.concurrency for name, one in project.spec.registries.items()}
    return Limits(jobs, transfers, keep_going)


def execute(
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
    with progress(plan, verbose=verbose) as shown:
        listener = Discreet(shown, redactor().hide)
        signals.running = True
        record.result = run_plan(
            prepared, plan, world, builder, listener, limits, signals.stop, rollback=rollback
        )
        signals.running = False
    record.error = record.result.error
    for one in record.result.records.values():
        if one.error is not None:
            conceal(one.error)


class Discreet:
    """A listener that is told no secrets; lines of output have none when they come."""

    def __init__(self, inner: Listener, hide: Callable[[str], str]) -> None:
        self._inner, self._hide = inner, hide

    def on(self, event: Event) -> None:
        """Pass on what may be said."""
        match event:
            case Notice(message, hint):
                event = Notice(self._hide(message), self._hide(hint) if hint else None)
            case StepProgress(activity=str(activity)):
                event = replace(event, activity=self._hide(activity))
            case _:
                pass
        self._inner.on(event)


def progress(plan: Plan, *, verbose: bool) -> AbstractContextManager[Listener]:
    """The listener that fits where stderr goes: live on a terminal, else plain lines."""
    plain = verbose or os.environ.get("CI") or os.environ.get("TERM") == "dumb"
    if sys.stderr.isatty() and not plain:
        from rich.console import Console

        from releaser.reports.live import LiveProgress

        return LiveProgress(Console(stderr=True), len(plan.steps))
    from releaser.reports.progress import PlainProgress

    images = tuple(dict.fromkeys(one.step.image for one in plan.steps))
    return nullcontext(PlainProgress(sys.stderr, images, verbose=verbose))


def _show_ends(error: ReleaserError, record: Recording) -> None:
    """The failures of a run, each with the end of its output, before the one that sums them up."""
    for one in record.result.records.values() if record.result else ():
        if one.error is not None and one.error is not error:
            tell(format_error(one.error))


def finish(record: Recording, output_format: Format) -> None:
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


def tell(text: str) -> None:
    """Say something on stderr; that nobody listens any more must not end a release."""
    with suppress(OSError):
        sys.stderr.write(text)
