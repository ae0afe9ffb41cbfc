"""The plan of a rollback: lines of versions go back, and no release moves them forward again.

A version that is rolled back is *withdrawn*: it stays where it is under its full name, and no line
of versions is at it. What a line is at follows from that: the highest version that is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from releaser.core.oci import Digest, Tag
from releaser.core.past_run import PastImage, PastReference
from releaser.core.places import Place
from releaser.core.plan import PlannedStep, ReferencePlan, TagAction
from releaser.core.spec import Spec
from releaser.core.steps import Line, TagKind, TagStep, WithdrawStep
from releaser.core.tagging import WantedTag, full_tags, highest_in_line, line_of, tags_of
from releaser.core.version import Version
from releaser.core.withdrawal import MAX_REASON, Withdrawal, Withdrawals, withdrawal_reference
from releaser.errors import PlanError


@dataclass(frozen=True, slots=True)
class GoBack:
    """Let lines be at ``version`` again: every higher one is withdrawn."""

    version: Version


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Let no line be at some versions; each is then at the highest that is left."""

    versions: tuple[Version, ...]


@dataclass(frozen=True, slots=True)
class Restore:
    """Take back that some versions were withdrawn."""

    versions: tuple[Version, ...]


@dataclass(frozen=True, slots=True)
class Undo:
    """Put what a run has moved back to where it was, and withdraw the versions that it released."""

    images: tuple[PastImage, ...]

    def of(self, image: str) -> PastImage | None:
        """What the run did to an image."""
        return next((one for one in self.images if one.name == image), None)


Wish = GoBack | Withdraw | Restore | Undo


@dataclass(frozen=True, slots=True)
class Standing:
    """What a registry has of an image: the full versions, and those that were withdrawn.

    ``kept`` is the digest of the list of the latter. ``named`` is what tags name, where anything;
    ``there`` the digests of the past that are still there. Both have what :func:`asked_for` names.
    """

    place: Place
    released: tuple[Version, ...]
    withdrawn: Withdrawals
    kept: Digest | None = None
    named: Mapping[Tag, Digest] = field(default_factory=dict)
    there: frozenset[Digest] = frozenset()


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
    standing: Standing, wish: Wish, at: str = "", reason: str = ""
) -> Withdrawals:
    """The versions that are withdrawn afterwards; new ones were so at a time, for a reason.

    Raises:
        PlanError: a version is not in the registry.
    """
    before, image = standing.withdrawn, standing.place.image
    out: tuple[Version, ...] = ()
    back: tuple[Version, ...] = ()
    match wish:
        case GoBack(version):
            _must_be_out(standing, [version])
            out = tuple(one for one in standing.released if one > version)
            back = (version,)
        case Withdraw(versions):
            _must_be_out(standing, versions)
            out = versions
        case Restore(versions):
            _must_be_out(standing, versions)
            back = versions
        case Undo():
            past = wish.of(image)
            out = tuple(one for one in standing.released if past and one == past.version)
        case _:
            assert_never(wish)
    more = [Withdrawal(one, at, reason[:MAX_REASON]) for one in out]
    return before.adding(more).without(back)


def lines(spec: Spec, standing: Standing, wish: Wish) -> tuple[LineTag, ...]:
    """The lines that a wish is about, and the version that each is to be at.

    Raises:
        PlanError: see :func:`withdrawals_after`.
    """
    if isinstance(wish, Undo):
        return ()
    image = standing.place.image
    after = withdrawals_after(standing, wish).versions
    found: dict[Tag, LineTag] = {}
    for version in _about(standing, wish):
        for wanted in tags_of(spec, image, version):
            if wanted.is_line:
                version_after = highest_in_line(wanted, standing.released, after)
                found.setdefault(wanted.tag, LineTag(wanted, version_after))
    return tuple(sorted(found.values(), key=lambda line: line.wanted.width))


def asked_for(spec: Spec, standing: Standing, wish: Wish) -> tuple[Tag, ...]:
    """The tags whose digests a plan needs to know."""
    image = standing.place.image
    found: dict[Tag, None] = {}
    for line in lines(spec, standing, wish):
        found[line.wanted.tag] = None
        if line.version is not None:
            found.update(dict.fromkeys(_full(spec, image, line.version)))
    for past in past_references(standing, wish):
        if past.reference.tag is not None:
            found[past.reference.tag] = None
    return tuple(found)


def past_references(standing: Standing, wish: Wish) -> tuple[PastReference, ...]:
    """What a run that is undone has moved in a registry: tags that may move."""
    past = wish.of(standing.place.image) if isinstance(wish, Undo) else None
    return tuple(
        one
        for one in (past.references if past else ())
        if one.written
        and one.kind is TagKind.FLOATING
        and one.reference.repository == standing.place.repository
    )


def roll_back(
    spec: Spec, standing: Standing, wish: Wish, at: str, reason: str = ""
) -> ImageRollback:
    """What happens to an image in a registry.

    Raises:
        PlanError: a version is not in the registry.
    """
    before = standing.withdrawn
    after = withdrawals_after(standing, wish, at, reason)
    moves = [_line_move(spec, standing, line) for line in lines(spec, standing, wish)]
    moves += [_past_move(standing, one) for one in past_references(standing, wish)]
    return ImageRollback(
        standing,
        tuple(sorted(after.versions - before.versions)),
        tuple(sorted(before.versions - after.versions)),
        after if after != before else None,
        tuple(moves),
    )


def _about(standing: Standing, wish: GoBack | Withdraw | Restore) -> Iterable[Version]:
    """The versions whose lines may move, the highest first."""
    match wish:
        case GoBack(version):
            return [one for one in reversed(standing.released) if one >= version]
        case Withdraw(versions) | Restore(versions):
            return sorted(versions, reverse=True)
        case _:
            assert_never(wish)


def _must_be_out(standing: Standing, versions: Iterable[Version]) -> None:
    for version in versions:
        if version not in standing.released:
            place = standing.place
            known = [str(one) for one in standing.released[-5:]]
            raise PlanError(
                f'{version} of image "{place.image}" is not in {place.registry}',
                details=(("there", ", ".join(known) or "no full version"),),
                hint="nothing was changed: name a version that is there, or images that have it",
            )


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
    action, reason = TagAction.MOVE, ""
    if past.before is None:
        action, reason = TagAction.KEEP, "there was nothing before"
    elif now == past.before:
        action = TagAction.KEEP
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
