"""A rollback, planned or done, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from releaser.core.plan import TagAction
from releaser.core.rollback import ImageRollback, Moved, Rollback
from releaser.core.version import Version
from releaser.reports.carried import Carried, ending, envelope, reference_of
from releaser.reports.text import reference_line
from releaser.reports.words import clean, counted


def rollback_json(plan: Rollback | None, carried: Carried) -> dict[str, object]:
    """The rollback as plain data; ``None`` where it ended before there was a plan."""
    if plan is None:
        return envelope(carried, None, None, ())
    images = (_image_json(image, carried) for image in plan.images)
    return envelope(carried, plan.project, None, images)


def _image_json(image: ImageRollback, carried: Carried) -> dict[str, object]:
    place = image.standing.place
    after = image.withdrawals or image.standing.withdrawn
    return {
        "name": place.image,
        "registry": place.registry,
        "withdrawn": [str(one) for one in image.withdrawn],
        "restored": [str(one) for one in image.restored],
        "all_withdrawn": [
            {"version": str(one.version), "at": one.at, "reason": one.reason}
            for one in after.entries
        ],
        "references": [_move_json(one, carried) for one in image.moves],
    }


def _move_json(one: Moved, carried: Carried) -> dict[str, object]:
    target = str(one.digest) if one.digest else None
    version = str(one.version) if one.version else None
    return {**reference_of(one.plan, carried), "target": target, "version": version}


def rollback_text(plan: Rollback) -> str:
    """The plan for people: per image the versions that are withdrawn, and where its tags go."""
    return "\n".join(_lines(plan)) + "\n"


def rollback_ending(plan: Rollback, carried: Carried) -> str:
    """How it ended, in a line."""
    said = ending(carried)
    if plan.restores and said == "rolled back":
        said = "restored"
    return f"{plan.project}: {said} in {carried.seconds:.1f} s\n"


def _lines(plan: Rollback) -> Iterator[str]:
    moves = sum(one.written for image in plan.images for one in image.moves)
    what = "restore" if plan.restores else "roll back"
    yield f"{plan.project}: {what}: {counted(moves, 'tag')} to move"
    for image in plan.images:
        yield ""
        yield clean(_headline(image))
        yield from (f"  {clean(_move_line(one))}" for one in image.moves)
    if not plan.changes:
        yield ""
        yield "nothing to do"


def _headline(image: ImageRollback) -> str:
    place = image.standing.place
    said = [
        f"{word} {_listed(versions)}"
        for word, versions in (("withdraws", image.withdrawn), ("restores", image.restored))
        if versions
    ]
    return f"{place.image} in {place.registry}" + (f"  {', '.join(said)}" if said else "")


def _move_line(one: Moved) -> str:
    if one.plan.action in {TagAction.MOVE, TagAction.CREATE} and one.digest is not None:
        goal = f"{one.version}, {one.digest.short}" if one.version else one.digest.short
        until = f", {one.plan.reason}" if one.plan.reason else ""
        return f"{reference_line(one.plan)} to {goal}{until}"
    return reference_line(one.plan)


def _listed(versions: Iterable[Version]) -> str:
    return ", ".join(map(str, versions))
