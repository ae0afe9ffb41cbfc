"""The plan of a promotion: the same bytes under further tags, in the same registry or in another.

Nothing is built. Content and what is attached to it comes first, for all images; then tags that
never move, then lines, narrow to wide, and those only forward.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from releaser.core.oci import Digest, Reference, Repository, Tag
from releaser.core.plan import PlannedStep, ReferencePlan, TagAction
from releaser.core.spec import Spec
from releaser.core.spec.nearest import nearest
from releaser.core.steps import AttachStep, CopyStep, Line, TagKind, TagStep
from releaser.core.tagging import WantedTag, legal, line_of, newest_in_line, tags_of
from releaser.core.version import Version
from releaser.errors import SpecError

COSIGN = ("sig", "att", "sbom")
"""What cosign attaches by a tag: ``sha256-<digits>.sig`` and so on (its "Signature Spec")."""

_COMMIT = re.compile(r"sha-[0-9a-f]{7,40}")
_NUMBERED = re.compile(r"v?[0-9]+(?:\.[0-9]+)*")


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where a promotion goes: to registries of the spec (none: those it comes from), under tags."""

    registries: tuple[str, ...]
    tags: tuple[Tag, ...]

    @classmethod
    def parse(
        cls, to: Sequence[str], tags: Sequence[str], registries: Sequence[str]
    ) -> Destinations:
        """What ``--to`` and ``--tag`` mean where the spec has ``registries``.

        Raises:
            SpecError: there are none, or one is no legal tag, or looks like a mistyped registry.
        """
        named = [one for one in to if one in registries]
        meant = [one for one in to if one not in registries]
        for one in meant:
            near = nearest(one, tuple(registries))
            if near is not None and one != "latest" and not _NUMBERED.match(one):
                raise SpecError(
                    f'"{one}" is no registry of the spec',
                    hint=f'did you mean "{near}"? (--tag {one} means the tag)',
                )
        found = tuple(dict.fromkeys(legal(one, "--to") for one in (*meant, *tags)))
        if not named and not found:
            raise SpecError("a promotion goes to a tag or a registry", hint="--to stable")
        return cls(tuple(dict.fromkeys(named)), found)


@dataclass(frozen=True, slots=True)
class Attached:
    """What refers to an image: a manifest, and its tag where cosign names it by one."""

    digest: Digest
    subject: Digest
    tag: Tag | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """An image where it comes from: what was asked for there, and what that is.

    ``fingerprint`` is the tag under which its content is found again, where it has one.
    """

    image: str
    registry: str
    reference: Reference
    digest: Digest
    version: Version | None = None
    fingerprint: Tag | None = None
    attached: tuple[Attached, ...] = ()
    withdrawn: frozenset[Version] = frozenset()


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


def promoted_tags(
    spec: Spec, origin: Origin, destinations: Destinations, *, elsewhere: bool
) -> tuple[WantedTag, ...]:
    """The tags that an image gets: those of its version where it goes ``elsewhere``, and those
    that were asked for.

    Raises:
        SpecError: one that was asked for would look like a version that the image is not.
    """
    own: tuple[WantedTag, ...] = ()
    if elsewhere and origin.version is not None:
        own = tags_of(spec, origin.image, origin.version)
    elif elsewhere and origin.reference.tag is not None:
        own = (_plain(origin.reference.tag, origin.version),)
    behind = spec.images[origin.image].tag_suffix
    known = _known(spec, origin, destinations)
    more = [_explicit(tag, known, origin, behind) for tag in destinations.tags]
    found = {one.tag: one for one in (*own, *more)}
    return tuple(sorted(found.values(), key=lambda one: one.width))


def _known(spec: Spec, origin: Origin, destinations: Destinations) -> dict[Tag, WantedTag]:
    """The tags of the versions that the image is: its own, and full ones that were asked for."""
    versions = [Version.find(str(tag).removeprefix("v")) for tag in destinations.tags]
    found: dict[Tag, WantedTag] = {}
    for version in (*versions, origin.version):
        if version is not None and not version.build:
            tags = tags_of(spec, origin.image, version)
            found = {**{one.tag: one for one in tags}, **found}
    return found


def _explicit(
    tag: Tag, known: Mapping[Tag, WantedTag], origin: Origin, behind: str = ""
) -> WantedTag:
    """A tag that was asked for, with what is ``behind`` every tag of its image: as the spec has it,
    else by what it looks like."""
    text = str(tag).removesuffix(behind)
    _check_true(text, origin)
    own = legal(f"{text}{behind}", "--to")
    if own in known:
        return known[own]
    if behind:
        return _explicit(legal(text, "--to"), {}, origin).with_behind(behind)
    version = Version.find(text.removeprefix("v"))
    if version is None and _NUMBERED.fullmatch(text):
        name = str(origin.version or origin.reference)
        raise SpecError(
            f'tag "{tag}" would look like a version that {name} is not',
            hint="name the full version that it shall be, or another tag",
        )
    return _plain(tag, version or origin.version)


def _check_true(text: str, origin: Origin) -> None:
    """See that a tag which was asked for says nothing of an image that is not so.

    Raises:
        SpecError: it would name a commit, or another version of what is a full version already.
    """
    if _COMMIT.fullmatch(text):
        raise SpecError(
            f'tag "{text}" would look like the commit that it was built from',
            hint="a release gives tags of commits; name another tag",
        )
    version, own = Version.find(text.removeprefix("v")), origin.version
    if version is None or own is None or own.prerelease or version == own:
        return
    raise SpecError(
        f'"{text}" is another version than {own}, which {origin.image} is already',
        hint=f"release it as that: releaser release --version {version} --push",
    )


def _plain(tag: Tag, version: Version | None) -> WantedTag:
    text = str(tag)
    if Version.find(text.removeprefix("v")) or _COMMIT.fullmatch(text):
        return WantedTag(tag, TagKind.IMMUTABLE, text, text, version, is_line=False, width=0)
    line = text == "latest" and version is not None
    return WantedTag(tag, TagKind.FLOATING, text, text, version, line, 9 if line else 3)


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
