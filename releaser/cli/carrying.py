"""What is common to the commands that build nothing: their plan, their run, and their report."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

from releaser.cli.errors import format_error
from releaser.cli.journaling import close, opened_beside
from releaser.cli.options import DataFormat
from releaser.cli.reporting import check_document, write_atomically
from releaser.cli.running import limits_of, progress
from releaser.cli.signals import SignalReceived, Signals
from releaser.core.events import RunResult
from releaser.core.plan import Mode, Plan, PlannedStep
from releaser.errors import InternalError, InterruptedRunError, ReleaserError, SetupError
from releaser.executor import Limits, Stop
from releaser.interfaces import Listener
from releaser.pipeline import Adapters, Project, of_strangers
from releaser.reports.carried import Carried

P = TypeVar("P")


@dataclass
class Carrying(Generic[P]):
    """A command under way: its plan as soon as there is one, its result as soon as it ran.

    ``as_json`` says all of it as data, ``as_text`` the plan.
    """

    command: str
    done: str
    dry: bool
    output: DataFormat
    as_json: Callable[[P | None, Carried], dict[str, object]]
    as_text: Callable[[P], str]
    plan: P | None = None
    result: RunResult | None = None
    error: ReleaserError | None = None
    began: float = field(default_factory=time.monotonic)

    def carried(self) -> Carried:
        """What it has come to so far."""
        seconds = time.monotonic() - self.began
        return Carried(self.command, self.done, self.dry, self.result, self.error, seconds)

    def planned(self, plan: P) -> P:
        """Take note of the plan, and show it to a person before anything is done."""
        self.plan = plan
        if self.output is DataFormat.TEXT:
            sys.stdout.write(self.as_text(plan))
            sys.stdout.flush()
        return plan

    def document(self) -> str:
        """All of it as JSON."""
        data = self.as_json(self.plan, self.carried())
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"

    def finish(self, ending: Callable[[P, Carried], str]) -> None:
        """Raise what the run ended in, after its failures; else say how it ended."""
        if self.result is not None and self.result.error is not None:
            for one in self.result.records.values():
                if one.error is not None and one.error is not self.result.error:
                    sys.stderr.write(format_error(one.error))
            raise self.result.error
        if self.output is DataFormat.TEXT and self.plan is not None and self.result is not None:
            sys.stdout.write(ending(self.plan, self.carried()))


@contextmanager
def carrying(
    record: Carrying[P], report: Path | None, *, allow_event: bool
) -> Iterator[Carrying[P]]:
    """Whatever ends the block, ``report`` is written, and JSON printed where it is asked for.

    Nothing is published under a pull request's event, unless ``allow_event``.
    """
    if report is not None:
        check_document(report)
    try:
        if not (record.dry or allow_event):
            _refuse_strangers()
        yield record
    except ReleaserError as error:
        record.error = error
        raise
    except SignalReceived as received:
        record.error = InterruptedRunError(received.number)
        raise record.error from None
    except BrokenPipeError:
        raise
    except Exception as error:
        record.error = InternalError(f"{type(error).__name__}: {error}")
        raise
    finally:
        text = record.document()
        if report is not None:
            _write(report, text, record.error)
        if record.output is DataFormat.JSON and record.plan is not None:
            sys.stdout.write(text)


def _refuse_strangers() -> None:
    from releaser.sources.ci import request_event

    event = request_event(os.environ)
    if event:
        raise of_strangers(event)


def _write(path: Path, text: str, ended: ReleaserError | None) -> None:
    try:
        write_atomically(path, text)
    except OSError as error:
        problem = f"the report cannot be written to {path}: {error.strerror}"
        if ended is None:
            raise SetupError(problem, hint="what was to be done is done") from error
        ended.details = (*ended.details, ("report", problem))


def carried_out(
    record: Carrying[P],
    project: Project,
    world: Adapters,
    signals: Signals,
    journal: Path | None,
    steps: Sequence[PlannedStep],
    run: Callable[[P, Adapters, Listener, Limits, Stop], RunResult],
) -> None:
    """Run what was planned, with its progress and its journal; the record gets the result."""
    if record.plan is None:
        raise InternalError(f"{record.command} has no plan yet")
    kept = opened_beside(journal, project.root)
    world = replace(world, journal=kept)
    plan = Plan(project.spec.project, None, Mode.PUBLISH, (), tuple(steps))
    limits = limits_of(project, None, keep_going=False)
    with progress(plan, verbose=False) as listener:
        signals.running = True
        record.result = run(record.plan, world, listener, limits, signals.stop)
        signals.running = False
    close(kept, record.carried().outcome)
