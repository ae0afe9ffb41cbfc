"""The report of a run: one JSON document, written in every ending.

``schema`` 1. Per image: the action and its reason, what became of it, the digest per registry, the
references with the digest each had before and has now, results of gates, and its steps with times
in seconds since the run began.
"""

from __future__ import annotations

from dataclasses import dataclass

from releaser.core.events import Outcome, RunResult, StepRecord
from releaser.core.oci import Digest
from releaser.core.plan import ImagePlan, Plan, ReferencePlan, TagAction
from releaser.core.steps import CopyStep, PushStep, TagStep
from releaser.errors import (
    InterruptedRunError,
    PartialError,
    PlanError,
    ReleaserError,
    UnknownError,
)

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Run:
    """A run as far as it came: ``plan`` and ``result`` are ``None`` where it ended before them.

    ``pushed`` tells whether it was to push at all.
    """

    command: str
    pushed: bool
    plan: Plan | None = None
    result: RunResult | None = None
    error: ReleaserError | None = None
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """The exit code that the run ends with."""
        return self.error.code if self.error else 0

    @property
    def outcome(self) -> str:
        """The ending in one word: released, superseded, nothing-to-do, failed, refused, …."""
        match self.error:
            case None:
                return self._good_outcome()
            case PartialError():
                return "partial"
            case UnknownError():
                return "unknown"
            case InterruptedRunError():
                return "interrupted"
            case PlanError():
                return "refused"
            case _:
                return "failed"

    def _good_outcome(self) -> str:
        if self.result is None:
            return "planned"
        if not self.result.records:
            return "nothing-to-do"
        if not self.pushed:
            return "built"
        return "superseded" if self.result.superseded_by else "released"


def as_json(run: Run) -> dict[str, object]:
    """The report as plain data."""
    images = run.plan.images if run.plan else ()
    return {
        "schema": SCHEMA,
        "command": run.command,
        "project": run.plan.project if run.plan else None,
        "version": run.plan.version if run.plan else None,
        "pushed": run.pushed,
        "outcome": run.outcome,
        "exit_code": run.exit_code,
        "error": error_json(run.error),
        "seconds": round(run.seconds, 3),
        "images": [_image(image, run) for image in images],
        "concerns": [concern.message for concern in run.plan.concerns] if run.plan else [],
    }


def error_json(error: ReleaserError | None) -> dict[str, object] | None:
    """An error's entry."""
    if error is None:
        return None
    return {
        "kind": type(error).__name__.removesuffix("Error").removesuffix("Run").lower(),
        "message": str(error),
        "details": [[key, value] for key, value in error.details],
        "hint": error.hint,
        "others": [str(other) for other in getattr(error, "others", ())],
    }


def _image(image: ImagePlan, run: Run) -> dict[str, object]:
    records = run.result.records if run.result else {}
    own = [record for record in records.values() if record.image == image.name]
    digests = digests_of(image, run)
    return {
        "name": image.name,
        **({"version": image.version} if image.version else {}),
        "needs": sorted(image.needs),
        "action": image.action.value,
        "reason": {"code": image.reason.code.value, "detail": image.reason.detail},
        "outcome": image_outcome(image, own, run),
        "fingerprint": str(image.fingerprint),
        "platforms": [str(platform) for platform in image.platforms],
        "digest": next(iter(digests.values()), None),
        "digests": digests,
        "references": [reference_json(one, run.result) for one in image.references],
        "gates": [],
        "steps": [_step(record) for record in own],
    }


def digests_of(image: ImagePlan, run: Run) -> dict[str, str]:
    """The digest of an image in each registry that is known to hold it, by registry name."""
    found: dict[str, Digest] = dict(image.digests)
    for planned in run.plan.steps if run.plan else ():
        step = planned.step
        record = run.result.records.get(step.key) if run.result else None
        if isinstance(step, PushStep | CopyStep) and step.image == image.name:
            if record and record.digest:
                found[step.registry] = record.digest
            if isinstance(step, CopyStep) and step.source.digest:
                found.setdefault(_registry_of(step, image), step.source.digest)
    return {name: str(digest) for name, digest in sorted(found.items())}


def _registry_of(step: CopyStep, image: ImagePlan) -> str:
    """The registry that a copy reads from."""
    for one in image.references:
        if one.reference.repository == step.source.repository:
            return one.registry
    return str(step.source.repository.registry)


def image_outcome(image: ImagePlan, own: list[StepRecord], run: Run) -> str:
    """What became of an image: done, up-to-date, failed, blocked, cancelled or not-started."""
    if run.result is None:
        return "not-started"
    outcomes = {record.outcome for record in own}
    for outcome in (Outcome.FAILED, Outcome.BLOCKED, Outcome.CANCELLED):
        if outcome in outcomes:
            return str(outcome.value)
    if own:
        return str(Outcome.DONE.value)
    return "up-to-date" if not image.changes else "not-pushed"


def reference_json(one: ReferencePlan, result: RunResult | None) -> dict[str, object]:
    """A reference's entry: the digests that it had and has, and what became of it."""
    records = result.records if result else {}
    record = records.get(TagStep.key_of(one.reference))
    undone = result is not None and one.reference in result.undone
    write = record.write if record else None
    seen = write.before if write else one.before
    before = str(seen) if seen else None
    named = record.digest if record else None
    if write is not None:  # also where the step failed afterwards, while it looked again
        named = named or write.after
    digest = str(named) if named and not undone else before
    kept = one.action is TagAction.KEEP and not one.reason
    return {
        "reference": str(one.reference),
        "registry": one.registry or None,
        "kind": one.kind.value,
        "action": one.action.value,
        "outcome": _ending(record, undone=undone) if record else _left(kept=kept),
        "written": write is not None and not undone,
        "before": before,
        "digest": digest,
        "superseded_by": record.superseded_by if record else None,
    }


def _ending(record: StepRecord, *, undone: bool) -> str:
    return "undone" if undone else record.outcome.value


def _left(*, kept: bool) -> str:
    return "kept" if kept else "not-written"


def _step(record: StepRecord) -> dict[str, object]:
    return {
        "step": record.key,
        "outcome": record.outcome.value,
        "started": round(record.started, 3),
        "seconds": round(record.seconds, 3),
        "digest": str(record.digest) if record.digest else None,
        "blocked_by": record.blocked_by,
        "error": error_json(record.error),
        "output": list(getattr(record.error, "output", ())),
    }
