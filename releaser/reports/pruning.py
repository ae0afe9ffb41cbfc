"""A pruning, planned or done, as text and as JSON: of each tag whether it goes, and why."""

from __future__ import annotations

from collections.abc import Iterator

from releaser.core.events import Outcome
from releaser.core.pruning import Pruning, ShelfPruning, Verdict
from releaser.core.steps import RemoveStep
from releaser.reports.carried import Carried, ending, envelope
from releaser.reports.words import clean


def pruning_json(plan: Pruning | None, carried: Carried) -> dict[str, object]:
    """The pruning as plain data; ``None`` where it ended before there was a plan."""
    if plan is None:
        return envelope(carried, None, None, ())
    done = _done(plan, carried)
    shelves = [_shelf_json(one, done) for one in plan.shelves]
    return {**envelope(carried, plan.project, None, ()), "repositories": shelves}


def _done(plan: Pruning, carried: Carried) -> set[str]:
    """The tags whose step came to its end."""
    return {
        str(planned.step.repository.tagged(tag))
        for planned in plan.steps()
        if isinstance(planned.step, RemoveStep) and planned.key in carried.records
        if carried.records[planned.key].outcome is Outcome.DONE
        for removal in planned.step.removals
        for tag in removal.tags
    }


def _shelf_json(one: ShelfPruning, done: set[str]) -> dict[str, object]:
    shelf = one.shelf
    return {
        "repository": str(shelf.repository),
        "registry": shelf.registry,
        "images": list(shelf.images),
        "tags": [
            {
                "tag": str(verdict.tag),
                "digest": str(verdict.digest),
                "kind": verdict.kind.value,
                "action": "remove" if verdict.removed else "keep",
                "reason": verdict.reason,
                "removed": str(shelf.repository.tagged(verdict.tag)) in done,
            }
            for verdict in one.verdicts
        ],
    }


def pruning_text(plan: Pruning) -> str:
    """The plan for people: per repository the tags that go, then those that stay, and why."""
    return "\n".join(_lines(plan)) + "\n"


def pruning_ending(plan: Pruning, carried: Carried) -> str:
    """How it ended, in a line."""
    return f"{plan.project}: {ending(carried)} in {carried.seconds:.1f} s\n"


def _lines(plan: Pruning) -> Iterator[str]:
    removed = sum(len(one.removed) for one in plan.shelves)
    total = sum(len(one.verdicts) for one in plan.shelves)
    yield f"{plan.project}: prune: {removed} of {total} tags to remove"
    for one in plan.shelves:
        yield ""
        yield f"{one.shelf.repository}"
        width = max((len(str(verdict.tag)) for verdict in one.verdicts), default=0)
        for verdict in sorted(one.verdicts, key=lambda verdict: not verdict.removed):
            yield clean(_line(verdict, width))
        if not one.verdicts:
            yield "  no tags"
    if not plan.changes:
        yield ""
        yield "nothing to do"


def _line(one: Verdict, width: int) -> str:
    mark = "-" if one.removed else "="
    return f"  {mark} {one.tag!s:<{min(width, 40)}}  {one.digest.short}  {one.reason}"
