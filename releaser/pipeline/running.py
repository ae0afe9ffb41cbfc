"""From a plan to its honest outcome: what stands in the way, what is needed, the run itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from releaser.core.events import Outcome, RunResult
from releaser.core.plan import Mode, Plan, PlannedStep
from releaser.core.steps import PushStep, TagStep
from releaser.errors import (
    InternalError,
    InterruptedRunError,
    PartialError,
    PlanError,
    ReleaserError,
    StepError,
    UnknownError,
)
from releaser.executor import Doers, Limits, Stop, execute
from releaser.interfaces import Builder, Listener
from releaser.pipeline.confirming import confirm
from releaser.pipeline.preflight import push_problems, raise_first
from releaser.pipeline.request import Adapters, Prepared
from releaser.pipeline.undoing import Undone, undo

NOTHING_UNDONE = Undone()


def run(
    prepared: Prepared,
    plan: Plan,
    adapters: Adapters,
    builder: Builder | None,
    listener: Listener,
    limits: Limits,
    stop: Stop | None = None,
    *,
    rollback: bool = True,
) -> RunResult:
    """Execute ``plan``, for which :func:`preflight` gave the builder, and say how that ended.

    The honest outcome is in ``RunResult.error``.
    Where it fails between public tags, the floating ones that were moved are put back, unless told
    not to (``rollback``). Where it ends well, every tag is looked at once more.
    """
    doers = Doers(adapters.registry, prepared.engine, builder, adapters.journal, adapters.secrets)
    result = execute(plan, doers, listener, limits, stop)
    return _concluded(plan, result, adapters, rollback=rollback)


def carry_out(
    project: str,
    steps: Sequence[PlannedStep],
    adapters: Adapters,
    listener: Listener,
    limits: Limits,
    stop: Stop | None = None,
    *,
    rollback: bool = True,
) -> RunResult:
    """Run steps that need registries and nothing else; it ends as :func:`run` does.

    Raises:
        SetupError: a registry refuses a push.
    """
    raise_first(push_problems(steps, adapters.registry))
    plan = Plan(project, None, Mode.PUBLISH, (), tuple(steps))
    doers = Doers(adapters.registry, journal=adapters.journal)
    result = execute(plan, doers, listener, limits, stop)
    return _concluded(plan, result, adapters, rollback=rollback)


def _concluded(plan: Plan, result: RunResult, adapters: Adapters, *, rollback: bool) -> RunResult:
    """A run's result after the last look, or after what it moved was put back."""
    if result.error is None:
        return replace(result, error=confirm(plan, result, adapters.fresh_registry()))
    undone = NOTHING_UNDONE
    if rollback and not isinstance(result.error, InterruptedRunError):
        undone = undo(plan, result, adapters.registry, adapters.journal)
    return replace(result, error=outcome_error(plan, result, undone), undone=undone.restored)


def _written(plan: Plan, result: RunResult, undone: Undone) -> tuple[list[str], list[str]]:
    """What people pull by: the references that were written, and those that are not as planned.

    An upload without a fingerprint's tag writes a public tag too. What was undone is not written. A
    tag that was written by a step which failed afterwards, as it looked again, is in both lists.
    """
    written: dict[str, None] = {}
    wanted: dict[str, bool] = {}
    for one in plan.steps:
        step = one.step
        if isinstance(step, TagStep) or (isinstance(step, PushStep) and step.kind is not None):
            name, record = str(step.reference), result.records[step.key]
            stays = step.reference not in undone.restored
            done = record.outcome is Outcome.DONE and stays
            wanted[name] = done or wanted.get(name, False)
            if done or (record.write is not None and stays):
                written[name] = None
    return list(written), [name for name, done in wanted.items() if not done]


def outcome_error(
    plan: Plan, result: RunResult, undone: Undone = NOTHING_UNDONE
) -> ReleaserError | None:
    """The error that a run ends in: partly published is told apart from nothing public changed."""
    written, missing = _written(plan, result, undone)
    failed = [one for one in result.records.values() if one.error is not None]
    if written and missing:
        return _partial(result, written, missing, undone)
    if result.error is None or len(failed) < 2 or isinstance(result.error, InterruptedRunError):
        return result.error
    # What nobody knows, and a bug of ours, must not hide behind the other failures.
    kinds = (UnknownError, InternalError, PlanError)
    kind = next((k for k in kinds if any(isinstance(f.error, k) for f in failed)), StepError)
    return kind(
        f"{len(failed)} steps failed",
        details=[(one.key, one.error.message if one.error else "") for one in failed],
    )


def _partial(
    result: RunResult, written: list[str], missing: list[str], undone: Undone
) -> ReleaserError:
    """The error of a run that wrote some public tags and not others."""
    details = [
        *(("written", reference) for reference in written[:20]),
        *(("not settled" if one in written else "missing", one) for one in missing),
    ][:40]
    details += [("put back", str(reference)) for reference in undone.restored[:20]]
    details += [("not put back", f"{reference}: {why}") for reference, why in undone.left[:20]]
    hint = "run it again: it will do what is missing"
    if isinstance(result.error, InterruptedRunError):
        result.error.details, result.error.hint = tuple(details), hint
        return result.error
    cause = result.error.message if result.error else "it did not end"
    count = f"{len(written)} of {len({*written, *missing})} tags were written"
    return PartialError(f"partly published: {count}: {cause}", details=details, hint=hint)
