"""From a plan to its honest outcome: what stands in the way, what is needed, the run itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from releaser.core.events import Outcome, RunResult
from releaser.core.oci import Repository
from releaser.core.plan import Plan
from releaser.core.steps import BuildStep, CopyStep, PushStep, RecordStep, TagStep, WithdrawStep
from releaser.errors import (
    InternalError,
    InterruptedRunError,
    PartialError,
    PlanError,
    ReleaserError,
    SetupError,
    StepError,
    UnknownError,
)
from releaser.executor import Doers, Limits, Stop, execute
from releaser.interfaces import Builder, Listener, Registry
from releaser.observe import concurrently
from releaser.pipeline.request import Adapters, Prepared


def refuse(prepared: Prepared, *, push: bool, allow_dirty: bool) -> None:
    """Raise where a release of this plan would be wrong, before anything is touched.

    Raises:
        PlanError: an immutable tag names something else, or the tree has uncommitted changes.
        SetupError: there is no history to take a version from.
    """
    refused = prepared.plan.refused
    if refused:
        raise PlanError(
            f"{refused[0].reference} names another content already"
            + (f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""),
            details=[(str(one.reference), f"is {one.before}") for one in refused[:20]],
            hint="a released version never changes: release a new one",
        )
    source = prepared.source
    if push and source.changes and not allow_dirty:
        shown = ", ".join(source.changes[:5]) + (" …" if len(source.changes) > 5 else "")
        raise PlanError(
            "the tree has changes that are not committed",
            details=(("changed", shown),),
            hint="commit them, or pass --allow-dirty",
        )
    if push and not any(image.references for image in prepared.plan.images):
        skipped = {one.rule: one.reason for image in prepared.plan.images for one in image.skipped}
        raise SetupError(
            "no image would get a tag: none of the rules gives one here",
            details=list(skipped.items())[:20],
            hint="pass --version 1.0.0, or release from a git checkout",
        )
    if push and source.shallow and prepared.needs_history:
        raise SetupError(
            "the clone is shallow, so the last version is not known",
            hint="fetch it: actions/checkout with fetch-depth: 0, or git fetch --unshallow",
        )


def preflight(prepared: Prepared, plan: Plan, adapters: Adapters) -> Builder | None:
    """Everything that a run of ``plan`` needs, asked before its first step; all problems at once.

    Returns the builder, where anything is to be built.

    Raises:
        SetupError: no engine answers, a registry refuses a push or cannot be reached.
        SpecError: an image asks for what the builder cannot do.
    """
    steps = [one.step for one in plan.steps]
    builds = [step for step in steps if isinstance(step, BuildStep)]
    needs_engine = any(not isinstance(step, CopyStep | TagStep | RecordStep) for step in steps)
    if needs_engine and prepared.engine is None and prepared.no_engine is not None:
        raise prepared.no_engine
    builder: Builder | None = None
    if builds and prepared.engine and prepared.engine_facts:
        builder = adapters.builder(prepared.engine_facts)
        builder.check(builds)
    check_pushes(plan, adapters.registry)
    return builder


def check_pushes(plan: Plan, registry: Registry) -> None:
    """Ask every registry that a plan writes to whether we may; all problems at once.

    Raises:
        SetupError: a registry refuses a push or cannot be reached.
    """
    kinds = PushStep | CopyStep | TagStep | WithdrawStep
    writes = [one.step for one in plan.steps if isinstance(one.step, kinds)]
    check_all(registry.check_push, {step.reference.repository for step in writes})


def check_all(ask: Callable[[Repository], None], repositories: Iterable[Repository]) -> None:
    """Ask about all ``repositories`` at once; the first error has the others in its details."""

    def check(repository: Repository) -> ReleaserError | None:
        try:
            ask(repository)
        except ReleaserError as error:
            return error
        return None

    found = [error for error in concurrently(check, sorted(repositories)) if error]
    problems = list({str(error): error for error in reversed(found)}.values())[::-1]
    if problems:
        first, rest = problems[0], problems[1:]
        first.details = (*first.details, *(("also", str(one)) for one in rest[:20]))
        raise first


def run(
    prepared: Prepared,
    plan: Plan,
    adapters: Adapters,
    listener: Listener,
    limits: Limits,
    stop: Stop | None = None,
) -> RunResult:
    """Execute ``plan`` and give its honest outcome in ``RunResult.error``."""
    builder = preflight(prepared, plan, adapters)
    doers = Doers(adapters.registry, prepared.engine, builder)
    result = execute(plan, doers, listener, limits, stop)
    return RunResult(result.records, outcome_error(plan, result))


def _written(plan: Plan, result: RunResult) -> tuple[list[str], list[str]]:
    """What people pull by: the references that were written, and those that should have been.

    An upload without a fingerprint's tag writes a public tag too.
    """
    found: dict[str, bool] = {}
    for one in plan.steps:
        step = one.step
        if isinstance(step, TagStep) or (isinstance(step, PushStep) and step.kind is not None):
            done = result.records[step.key].outcome is Outcome.DONE
            found[str(step.reference)] = done or found.get(str(step.reference), False)
    written = [reference for reference, done in found.items() if done]
    return written, [reference for reference in found if reference not in written]


def outcome_error(plan: Plan, result: RunResult) -> ReleaserError | None:
    """The error that a run ends in: partly published is told apart from nothing public changed."""
    written, missing = _written(plan, result)
    failed = [one for one in result.records.values() if one.error is not None]
    if written and missing:
        cause = result.error.message if result.error else "it did not end"
        count = f"{len(written)} of {len(written) + len(missing)} tags were written"
        return PartialError(
            f"partly published: {count}: {cause}",
            details=[
                *(("written", reference) for reference in written[:20]),
                *(("missing", reference) for reference in missing),
            ][:40],
            hint="run it again: it will do what is missing",
        )
    if result.error is None or len(failed) < 2 or isinstance(result.error, InterruptedRunError):
        return result.error
    # What nobody knows, and a bug of ours, must not hide behind the other failures.
    kinds = (UnknownError, InternalError)
    kind = next((k for k in kinds if any(isinstance(f.error, k) for f in failed)), StepError)
    return kind(
        f"{len(failed)} steps failed",
        details=[(one.key, one.error.message if one.error else "") for one in failed],
    )
