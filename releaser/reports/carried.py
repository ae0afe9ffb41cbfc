"""What is common to the reports of commands that build nothing: promotions, rollbacks, prunings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from releaser.core.events import RunResult, StepRecord
from releaser.core.plan import ReferencePlan
from releaser.errors import (
    InterruptedRunError,
    PartialError,
    PlanError,
    ReleaserError,
    UnknownError,
)
from releaser.reports.run import SCHEMA, error_json, reference_json

NO_RECORDS: Mapping[str, StepRecord] = {}


@dataclass(frozen=True, slots=True)
class Carried:
    """A command as far as it came; ``result`` is ``None`` where nothing was begun.

    ``dry`` tells that it was only to show its plan, ``done`` is what a good end is called.
    """

    command: str
    done: str
    dry: bool = False
    result: RunResult | None = None
    error: ReleaserError | None = None
    seconds: float = 0.0

    @property
    def records(self) -> Mapping[str, StepRecord]:
        """What became of each step."""
        return self.result.records if self.result else NO_RECORDS

    @property
    def outcome(self) -> str:
        """The ending in one word."""
        match self.error:
            case None:
                return self._good_outcome()
            case PartialError():
                return "partial"
            case UnknownError():
                return "unknown"
            case InterruptedRunError():
                return "interrupted"
            case PlanError() if self.result is None:
                return "refused"
            case _:
                return "failed"

    def _good_outcome(self) -> str:
        if self.dry:
            return "planned"
        return self.done if self.records else "nothing-to-do"


def envelope(
    carried: Carried, project: str | None, version: str | None, images: Iterable[object]
) -> dict[str, object]:
    """The report as plain data, in the form that a release's report has."""
    return {
        "schema": SCHEMA,
        "command": carried.command,
        "project": project,
        "version": version,
        "pushed": bool(carried.records),
        "outcome": carried.outcome,
        "exit_code": carried.error.code if carried.error else 0,
        "error": error_json(carried.error),
        "seconds": round(carried.seconds, 3),
        "images": list(images),
    }


def reference_of(plan: ReferencePlan, carried: Carried) -> dict[str, object]:
    """A reference's entry, as in a release's report, with why it stays."""
    return {**reference_json(plan, carried.result), "reason": plan.reason}


def ending(carried: Carried) -> str:
    """How a command ended, in a few words."""
    words = {"partial": "partly done", "unknown": "nobody knows what is there now"}
    return words.get(carried.outcome, carried.outcome.replace("-", " "))
