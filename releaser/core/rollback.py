"""The plan of a rollback: lines of versions go back, and no release moves them forward again.

A version that is rolled back is *withdrawn*: it stays where it is under its full name, and no line
of versions is at it. What a line is at follows from that: the highest version that is left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from releaser.core.oci import Digest, Tag
from releaser.core.past_run import PastReference
from releaser.core.plan import PlannedStep, ReferencePlan, TagAction
from releaser.core.spec import Spec
from releaser.core.steps import Line, TagKind, TagStep, WithdrawStep
from releaser.core.tagging import (
    WantedTag,
    full_tags,
    highest_in_line,
    line_of,
    other_floating,
    tags_of,
)
from releaser.core.version import Version
from releaser.core.wish import Change, Standing
from releaser.core.withdrawal import MAX_REASON, Withdrawal, Withdrawals, withdrawal_reference

_OTHERS = "another run released this version: --withdraw takes it out"
_BRANCH = "until the next run that gives this tag"


@dataclass(frozen=True, slots=True)
class Moved:
    """A tag of a rollback: what happens to it, what it is to name, and how much it stands for.

    One of a ``line`` ends at the highest ``version`` of it that is left.
    """

    plan: ReferencePlan
    digest: Digest | None
    width: int
    version: Version | None = None
    line: Line | None = None

    @property
    def written(self) -> bool:
        """Whether it is written."""
        return self.plan.action in {TagAction.CREATE, TagAction.MOVE}


@dataclass(frozen=True, slots=True)
class ImageRollback:
    """An image in a registry: the versions withdrawn and restored, and the tags that move.

    ``withdrawals`` is the list to keep, ``None`` where it stays as it is.
    """

    standing: Standing
    withdrawn: tuple[Version, ...]
    restored: tuple[Version, ...]
    withdrawals: Withdrawals | None
    moves: tuple[Moved, ...]

    @property
    def changes(self) -> bool:
        """Whether anything is done."""
        return self.withdrawals is not None or any(one.written for one in self.moves)


@dataclass(frozen=True, slots=True)
class Rollback:
    """The plan: images in the order of the spec, each in its registries."""

    project: str
    images: tuple[ImageRollback, ...]

    @property
    def refused(self) -> tuple[ReferencePlan, ...]:
        """The references that cannot go back: what they were is gone."""
        plans = (one.plan for image in self.images for one in image.moves)
        return tuple(one for one in plans if one.action is TagAction.REFUSE)

    @property
    def changes(self) -> bool:
        """Whether anything will be done at all."""
        return any(image.changes for image in self.images)

    @property
    def restores(self) -> bool:
        """Whether it takes rolled-back versions in again, and rolls none back."""
        return any(one.restored for one in self.images) and not any(
            one.withdrawn for one in self.images
        )

    def steps(self) -> tuple[PlannedStep, ...]:
        """What is withdrawn first, so that no release comes between; then tags, narrow to wide."""
        keep = [_withdraw_step(image) for image in self.images if image.withdrawals is not None]
        moves = [
            (one.width, _tag_step(image, one))
            for image in self.images
            for one in image.moves
            if one.written
        ]
        moves.sort(key=lambda ranked: ranked[0])
        stages = {width: 1 + n for n, width in enumerate(sorted({width for width, _ in moves}))}
        return (
            *(PlannedStep(step) for step in keep),
            *(PlannedStep(step, stage=stages[width]) for width, step in moves),
        )


@dataclass(frozen=True, slots=True)
class LineTag:
    """A line's tag, and the version that it is to be at (``None``: none is left)."""

    wanted: WantedTag
    version: Version | None


def withdrawals_after(
    standing: Standing, change: Change, at: str = "", reason: str = ""
) -> Withdrawals:
    """The versions that are withdrawn afterwards; new ones were so at a time, for a reason."""
    more = [Withdrawal(one, at, reason[:MAX_REASON]) for one in change.out]
    return standing.withdrawn.adding(more).without(change.back)


def lines(spec: Spec, standing: Standing, change: Change) -> tuple[LineTag, ...]:
    """The lines that a change is about, and the version that each is to be at."""
    after = withdrawals_after(standing, change).versions
    found: dict[Tag, LineTag] = {}
    for version in change.about:
        for wanted in tags_of(spec, standing.place.image, version):
            if wanted.is_line:
                version_after = highest_in_line(wanted, standing.released, after)
                found.setdefault(wanted.tag, LineTag(wanted, version_after))
    return tuple(sorted(found.values(), key=lambda line: line.wanted.width))


def asked_for(spec: Spec, standing: Standing, change: Change) -> tuple[Tag, ...]:
    """The tags whose digests a plan needs to know."""
    image = standing.place.image
    found: dict[Tag, None] = {}
    for line in lines(spec, standing, change):
        found[line.wanted.tag] = None
        if line.version is not None:
            found.update(dict.fromkeys(_full(spec, image, line.version)))
    for version in change.out:
        others = [one.tag for one in other_floating(spec, image, version)]
        found.update(dict.fromkeys((*_full(spec, image, version), *others)))
    found.update((one.wanted.tag, None) for one in _left_lines(spec, standing, change))
    found.update((one.reference.tag, None) for one in change.moved if one.reference.tag)
    return tuple(found)


def roll_back(
    spec: Spec, standing: Standing, change: Change, at: str, reason: str = ""
) -> ImageRollback:
    """What happens to an image in a registry."""
    before = standing.withdrawn
    after = withdrawals_after(standing, change, at, reason)
    found = [_line_move(spec, standing, line) for line in lines(spec, standing, change)]
    moves = [one for one in found if one.digest is not None or one.plan.before is not None]
    moves += [_past_move(standing, one) for one in change.moved]
    moves += [
        _staying(standing, one.wanted, _OTHERS) for one in _left_lines(spec, standing, change)
    ]
    moves += _other_moves(spec, standing, change, moves)
    return ImageRollback(
        standing,
        tuple(sorted(after.versions - before.versions)),
        tuple(sorted(before.versions - after.versions)),
        after if after != before else None,
        tuple(moves),
    )


def _left_lines(spec: Spec, standing: Standing, change: Change) -> list[LineTag]:
    """The lines of the version that another run released than the one that is undone."""
    if change.others is None:
        return []
    taken = {one.wanted.tag for one in lines(spec, standing, change)}
    wanted = tags_of(spec, standing.place.image, change.others)
    left = [one for one in wanted if one.is_line and one.tag not in taken]
    return [LineTag(one, change.others) for one in left]


def _other_moves(
    spec: Spec, standing: Standing, change: Change, moves: Iterable[Moved]
) -> list[Moved]:
    """Floating tags that are no lines and stay at what is withdrawn: told, since nobody moves them.

    What a line is to be at is not withdrawn, even if a version that is has the same content.
    """
    image, named = standing.place.image, standing.named
    known = {one.plan.reference.tag for one in moves}
    good = {one.digest for one in moves}
    found: dict[Tag, Moved] = {}
    for version in change.out:
        gone = {named[tag] for tag in _full(spec, image, version) if tag in named} - good
        for one in other_floating(spec, image, version):
            if named.get(one.tag) in gone and one.tag not in known:
                reason = f"{version} is there, and it is no line: promote a version to it"
                found.setdefault(one.tag, _staying(standing, one, reason))
    return list(found.values())


def _staying(standing: Standing, wanted: WantedTag, reason: str) -> Moved:
    plan = _plan(standing, wanted.tag, TagAction.KEEP, reason)
    return Moved(plan, plan.before, wanted.width)


def _full(spec: Spec, image: str, version: Version) -> tuple[Tag, ...]:
    return tuple(one.tag for one in full_tags(tags_of(spec, image, version)))


def _line_move(spec: Spec, standing: Standing, line: LineTag) -> Moved:
    wanted = line.wanted
    before = standing.named.get(wanted.tag)
    action, reason = TagAction.KEEP, "no other version of its line is left"
    digest: Digest | None = None
    settled: Line | None = None
    if line.version is not None:
        tags = tags_of(spec, standing.place.image, line.version)
        settled = line_of(replace(wanted, version=line.version), tags)
        full = [one.tag for one in full_tags(tags)]
        digest = next((standing.named[tag] for tag in full if tag in standing.named), None)
        if digest is None:
            action, reason = TagAction.REFUSE, f"{line.version} is gone"
        elif digest == before:
            reason = ""
        else:
            action, reason = _moving(before), ""
    plan = _plan(standing, wanted.tag, action, reason)
    return Moved(plan, digest, wanted.width, line.version, settled)


def _past_move(standing: Standing, past: PastReference) -> Moved:
    tag = past.reference.tag or Tag("latest")
    now = standing.named.get(tag)
    action, reason = TagAction.MOVE, _BRANCH
    if past.before is None:
        action, reason = TagAction.KEEP, "there was nothing before"
    elif now == past.before:
        action, reason = TagAction.KEEP, ""
    elif now != past.digest:
        action, reason = TagAction.KEEP, "it has moved since"
    elif past.before not in standing.there:
        action, reason = TagAction.REFUSE, f"what it was is gone: {past.before.short}"
    return Moved(
        _plan(standing, tag, action, reason), past.before, 9 if str(tag) == "latest" else 3
    )


def _moving(before: Digest | None) -> TagAction:
    return TagAction.CREATE if before is None else TagAction.MOVE


def _plan(standing: Standing, tag: Tag, action: TagAction, reason: str) -> ReferencePlan:
    place = standing.place
    reference = place.repository.tagged(tag)
    before = standing.named.get(tag)
    return ReferencePlan(reference, place.registry, TagKind.FLOATING, action, before, reason)


def _withdraw_step(image: ImageRollback) -> WithdrawStep:
    place = image.standing.place
    record = (image.withdrawals or image.standing.withdrawn).pack()
    reference = withdrawal_reference(place.repository, place.image)
    return WithdrawStep(place.image, place.registry, reference, record, image.standing.kept)


def _tag_step(image: ImageRollback, one: Moved) -> TagStep:
    place = image.standing.place
    if one.digest is None:
        raise ValueError(one.plan.reference)
    source = place.repository.at(one.digest)
    reference, kind, before = one.plan.reference, one.plan.kind, one.plan.before
    tag = (place.image, place.registry, reference, kind, source, before)
    return TagStep(*tag, one.line, guarded=True)
