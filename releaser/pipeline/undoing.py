"""What a release that failed half-way takes back: the floating tags that it moved."""

from __future__ import annotations

from dataclasses import dataclass

from releaser.core.events import RunResult, Write
from releaser.core.oci import Reference
from releaser.core.plan import Plan
from releaser.core.steps import TagKind, TagStep
from releaser.errors import ReleaserError
from releaser.interfaces import Journal, Registry


@dataclass(frozen=True, slots=True)
class Undone:
    """The tags that name again what they named before, and those that do not, with the reason."""

    restored: tuple[Reference, ...] = ()
    left: tuple[tuple[Reference, str], ...] = ()


def undo(plan: Plan, result: RunResult, registry: Registry, journal: Journal) -> Undone:
    """Put the floating tags that a run moved back to what they named, the widest first.

    A tag that somebody else has moved since is left alone. Full versions stay: what was pulled by
    one must never be something else.
    """
    restored: list[Reference] = []
    left: list[tuple[Reference, str]] = []
    for step, write in reversed(_moved(plan, result)):
        why = _put_back(step, write, registry, journal)
        if why is None:
            restored.append(step.reference)
        else:
            left.append((step.reference, why))
    return Undone(tuple(restored), tuple(left))


def _moved(plan: Plan, result: RunResult) -> list[tuple[TagStep, Write]]:
    """The floating tags that were written and now name something else, in the order of the plan."""
    found = []
    for one in plan.steps:
        record = result.records.get(one.key)
        write = record.write if record else None
        if isinstance(one.step, TagStep) and one.step.kind is TagKind.FLOATING and write:
            found.append((one.step, write))
    return [(step, write) for step, write in found if write.before != write.after]


def _put_back(step: TagStep, write: Write, registry: Registry, journal: Journal) -> str | None:
    """Let a tag name what it named; why it does not, where that cannot be."""
    reference, tag = step.reference, step.reference.tag
    if write.before is None or tag is None:
        return "it did not exist before"
    try:
        if registry.digest(reference) != write.after:
            return "somebody else has moved it since"
        manifest = registry.manifest(step.repository.at(write.before))
        if manifest is None:
            return f"{write.before} is gone"
        journal.begin(f"undo:{reference}", reference, write.after, write.before)
        registry.put(step.repository, tag, manifest)
        journal.end(f"undo:{reference}", reference, None)
    except ReleaserError as error:
        return error.message
    return None
