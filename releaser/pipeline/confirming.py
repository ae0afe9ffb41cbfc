"""The last look at a release: what every tag names, asked over connections of its own."""

from __future__ import annotations

from collections.abc import Iterable

from releaser.core.events import Outcome, RunResult, StepRecord
from releaser.core.oci import Digest
from releaser.core.plan import Plan
from releaser.core.steps import TagStep, WithdrawStep
from releaser.errors import ReleaserError, UnknownError
from releaser.interfaces import Registry
from releaser.observe import concurrently


def confirm(plan: Plan, result: RunResult, registry: Registry) -> ReleaserError | None:
    """Why the tags that a run wrote are not all what it wrote; ``None`` where they are.

    A line that a newer release has moved on since is as it should be. A list of withdrawn versions
    is not: another rollback that had looked before may have written over it.
    """
    written = list(_written(plan, result))
    answers = concurrently(lambda one: _differs(*one, registry), written)
    problems = [answer for answer in answers if answer is not None]
    if not problems:
        return None
    return UnknownError(
        f"{len(problems)} of {len(written)} tags are not what was written, seen once more",
        details=problems[:40],
        hint="run it again: it will do what is missing",
    )


def _written(plan: Plan, result: RunResult) -> Iterable[tuple[TagStep | WithdrawStep, StepRecord]]:
    for one in plan.steps:
        step, record = one.step, result.records.get(one.key)
        if record is None or record.outcome is not Outcome.DONE:
            continue
        if isinstance(step, WithdrawStep) or (isinstance(step, TagStep) and record.write):
            yield step, record


def _differs(
    step: TagStep | WithdrawStep, record: StepRecord, registry: Registry
) -> tuple[str, str] | None:
    """What is wrong with a tag, as a pair of its name and the reason."""
    try:
        manifest = registry.manifest(step.reference)
    except ReleaserError as error:
        return str(step.reference), error.message
    found = manifest.digest if manifest else None
    is_line = isinstance(step, TagStep) and step.line is not None
    if found == record.digest or (found is not None and is_line):
        return None
    return str(step.reference), f"is {found or 'not there'}, and not {_short(record.digest)}"


def _short(digest: Digest | None) -> str:
    return digest.short if digest else "what was written"
