"""The plan of a promotion: the same bytes under further tags, in the same registry or in another.

Nothing is built. Content and what is attached to it comes first, for all images; then tags that
never move, then lines, narrow to wide, and those only forward.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from releaser.core.oci import Digest, Reference, Repository, Tag
from releaser.core.plan import PlannedStep, ReferencePlan, TagAction
from releaser.core.promoted import Attached, Origin
from releaser.core.steps import AttachStep, CopyStep, Line, TagKind, TagStep
from releaser.core.tagging import WantedTag, line_of, newest_in_line
from releaser.core.version import Version


@dataclass(frozen=True, slots=True)
class Target:
    """An image where it goes to: what is there.

    ``named`` has what tags name, where anything; ``held`` the digests of the promoted content and
    of what is attached to it that are there.
    """

    registry: str
    repository: Repository
    named: Mapping[Tag, Digest] = field(default_factory=dict)
    held: frozenset[Digest] = frozenset()
    released: Sequence[Version] = ()
    withdrawn: frozenset[Version] = frozenset()


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something attached that goes along; it stays behind for a ``reason``."""

    attached: Attached
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ArrivingTag:
    """A tag that an image gets: what happens to it, and how much it stands for (0: one version).

    One of a ``line`` ends at the highest version of it.
    """

    plan: ReferencePlan
    width: int
    line: Line | None = None

    @property
    def written(self) -> bool:
        """Whether it is written."""
        return self.plan.action in {TagAction.CREATE, TagAction.MOVE}


@dataclass(frozen=True, slots=True)
class Arrival:
    """An image in a place that it is promoted to.

    ``tag`` is that of its content (``None``: it is there by its digest); it is ``copied`` where
    something of it is missing.
    """

    image: str
    registry: str
    source: Reference
    repository: Repository
    digest: Digest
    copied: bool
    tag: Tag | None
    attachments: tuple[Attachment, ...]
    tags: tuple[ArrivingTag, ...]

    @property
    def written(self) -> tuple[ArrivingTag, ...]:
        """The tags that are written."""
        return tuple(one for one in self.tags if one.written)

    @property
    def attaching(self) -> tuple[Attached, ...]:
        """What is attached there anew."""
        return tuple(one.attached for one in self.attachments if not one.reason)

    @property
    def changes(self) -> bool:
        """Whether anything is done."""
        return bool(self.written or self.attaching or self.copied)


@dataclass(frozen=True, slots=True)
class ImagePromotion:
    """An image, what it is promoted as, and where it arrives."""

    origin: Origin
    arrivals: tuple[Arrival, ...]


@dataclass(frozen=True, slots=True)
class Promotion:
    """The plan: images in the order of the spec."""

    project: str
    asked: str
    images: tuple[ImagePromotion, ...]

    @property
    def arrivals(self) -> tuple[Arrival, ...]:
        """All places that something arrives at."""
        return tuple(arrival for image in self.images for arrival in image.arrivals)

    @property
    def refused(self) -> tuple[ReferencePlan, ...]:
        """The references that stand in the way: an immutable tag that names something else."""
        references = (one.plan for arrival in self.arrivals for one in arrival.tags)
        return tuple(one for one in references if one.action is TagAction.REFUSE)

    @property
    def changes(self) -> bool:
        """Whether anything will be done at all."""
        return any(arrival.changes for arrival in self.arrivals)

    def steps(self) -> tuple[PlannedStep, ...]:
        """Content, then what is attached to it, then tags: each for all images."""
        arrivals = [one for one in self.arrivals if one.changes]
        widths = sorted({tag.width for one in arrivals for tag in one.written})
        stages = {width: 2 + n for n, width in enumerate(widths)}
        found = [step for one in arrivals for step in _content_steps(one)]
        tags = [(tag.width, _tag_step(one, tag)) for one in arrivals for tag in one.written]
        tags.sort(key=lambda ranked: ranked[0])
        return (*found, *(PlannedStep(step, stage=stages[width]) for width, step in tags))


def arrival(origin: Origin, target: Target, tags: Sequence[WantedTag]) -> Arrival:
    """What happens to an image where it goes to."""
    elsewhere = target.repository != origin.reference.repository
    found = tuple(_arriving(one, origin, target, tags) for one in tags)
    attachments = tuple(_attachment(one, target) for one in origin.attached) if elsewhere else ()
    writes = any(one.written for one in found)
    missing = origin.digest not in target.held or any(not one.reason for one in attachments)
    there = target.named.get(origin.fingerprint) if origin.fingerprint else None
    free = there in {None, origin.digest}
    return Arrival(
        origin.image,
        target.registry,
        origin.reference.repository.at(origin.digest),
        target.repository,
        origin.digest,
        elsewhere and (missing or writes),
        origin.fingerprint if free else None,
        attachments,
        found,
    )


def _arriving(
    wanted: WantedTag, origin: Origin, target: Target, tags: Sequence[WantedTag]
) -> ArrivingTag:
    gone = target.withdrawn | origin.withdrawn
    line = line_of(wanted, tags, withdrawn=gone)
    return ArrivingTag(_reference(wanted, origin.digest, target, gone), wanted.width, line)


def _reference(
    wanted: WantedTag, digest: Digest, target: Target, gone: frozenset[Version]
) -> ReferencePlan:
    before = target.named.get(wanted.tag)
    stays = newest_in_line(wanted, target.released, (), gone)
    action, reason = TagAction.MOVE, ""
    if before == digest:
        action = TagAction.KEEP
    elif before is not None and wanted.kind is TagKind.IMMUTABLE:
        action, reason = TagAction.REFUSE, "it names another content already"
    elif wanted.is_line and wanted.version is not None and wanted.version.prerelease:
        action, reason = TagAction.KEEP, f"{wanted.version} is a prerelease"
    elif stays is not None:
        action, reason = TagAction.KEEP, str(stays)
    elif before is None:
        action = TagAction.CREATE
    reference = target.repository.tagged(wanted.tag)
    return ReferencePlan(reference, target.registry, wanted.kind, action, before, reason)


def _attachment(one: Attached, target: Target) -> Attachment:
    """Whether something attached goes along; a signature's tag that has others is left alone."""
    if one.tag is None:
        return Attachment(one, "it is there" if one.digest in target.held else "")
    there = target.named.get(one.tag)
    if there is None:
        return Attachment(one)
    return Attachment(one, "it is there" if there == one.digest else f"there is another, {there}")


def _content_steps(one: Arrival) -> Iterator[PlannedStep]:
    if not one.copied:
        return
    to = one.repository.tagged(one.tag) if one.tag else one.repository.at(one.digest)
    yield PlannedStep(CopyStep(one.image, one.registry, one.source, to, checked=True))
    before: tuple[str, ...] = ()
    for attached in one.attaching:
        source = one.source.repository.at(attached.digest)
        step = AttachStep(one.image, one.registry, source, one.repository, attached.tag)
        # one after another: a registry that keeps no lists has them written by us
        yield PlannedStep(step, before, stage=1)
        before = (step.key,)


def _tag_step(one: Arrival, tag: ArrivingTag) -> TagStep:
    source, plan = one.repository.at(one.digest), tag.plan
    place = (one.image, one.registry, plan.reference)
    return TagStep(*place, plan.kind, source, plan.before, tag.line, guarded=True)
