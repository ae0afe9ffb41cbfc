"""What a rollback shall do, and what that means for the versions of an image in each registry.

A version that all images share is withdrawn in all of what was asked for, also where it is not out
yet: a release that was cut short is not finished later by half.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from releaser.core.oci import Digest, Tag
from releaser.core.past_run import PastImage, PastReference
from releaser.core.places import Place
from releaser.core.spec import Spec
from releaser.core.steps import TagKind
from releaser.core.tagging import tags_of, versions_among
from releaser.core.version import Version
from releaser.core.withdrawal import Withdrawals
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
    """Withdraw the versions that a run released, and put back what else it moved."""

    images: tuple[PastImage, ...]

    def of(self, image: str) -> PastImage | None:
        """What the run did to an image."""
        return next((one for one in self.images if one.name == image), None)


Wish = GoBack | Withdraw | Restore | Undo


@dataclass(frozen=True, slots=True)
class Standing:
    """What a registry has of an image: its tags, the full versions, and those withdrawn.

    ``kept`` is the digest of the list of the latter. ``named`` is what tags name, where anything;
    ``there`` the digests of the past that are still there; both have what a plan asks for.
    """

    place: Place
    tags: tuple[str, ...]
    released: tuple[Version, ...]
    withdrawn: Withdrawals
    kept: Digest | None = None
    named: Mapping[Tag, Digest] = field(default_factory=dict)
    there: frozenset[Digest] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to the versions of an image in a registry.

    ``out`` are withdrawn, ``back`` are taken in again. Of a run that is undone, ``moved`` are the
    tags that may go back although they are no lines, and ``others`` is the version that the report
    is about where another run released it, so that it stays.
    """

    out: tuple[Version, ...] = ()
    back: tuple[Version, ...] = ()
    moved: tuple[PastReference, ...] = ()
    others: Version | None = None

    @property
    def about(self) -> tuple[Version, ...]:
        """The versions whose lines may move, the highest first."""
        return tuple(sorted({*self.out, *self.back}, reverse=True))


def changes(spec: Spec, standings: Sequence[Standing], wish: Wish) -> tuple[Change, ...]:
    """What a wish means for each of ``standings``, which are all that was asked for.

    Raises:
        PlanError: a version is not there, or the run that is to be undone did nothing there.
    """
    if isinstance(wish, Undo):
        return _undone(spec, standings, wish)
    groups: dict[str, list[Standing]] = {}
    for one in standings:
        groups.setdefault(_group(spec, one), []).append(one)
    out = {key: frozenset(v for one in some for v in one.released) for key, some in groups.items()}
    gone = {
        key: frozenset(v for one in some for v in one.withdrawn.versions)
        for key, some in groups.items()
    }
    return tuple(
        _change(one, wish, out[_group(spec, one)], gone[_group(spec, one)]) for one in standings
    )


def _group(spec: Spec, standing: Standing) -> str:
    """What has versions in common: an image in all registries, or all images."""
    return standing.place.image if spec.versioning.is_per_image else ""


def _change(
    standing: Standing,
    wish: GoBack | Withdraw | Restore,
    released: frozenset[Version],
    withdrawn: frozenset[Version],
) -> Change:
    """What a wish means where ``released`` and ``withdrawn`` are known of all that is asked for."""
    match wish:
        case GoBack(version):
            _must_be_in(standing.released, standing, [version])
            return Change(tuple(sorted(one for one in released if one > version)), (version,))
        case Withdraw(versions):
            _must_be_in(released, standing, versions)
            return Change(out=versions)
        case Restore(versions):
            _must_be_in(released | withdrawn, standing, versions)
            return Change(back=versions)
        case _:
            assert_never(wish)


def _must_be_in(
    known: Collection[Version], standing: Standing, versions: Iterable[Version]
) -> None:
    for version in versions:
        if version not in known:
            place = standing.place
            there = [str(one) for one in standing.released[-5:]]
            raise PlanError(
                f'{version} of image "{place.image}" is not in {place.registry}',
                details=(("there", ", ".join(there) or "no full version"),),
                hint="nothing was changed: name a version that is there, or images that have it",
            )


def _undone(spec: Spec, standings: Sequence[Standing], wish: Undo) -> tuple[Change, ...]:
    found = tuple(_undoing(spec, one, wish) for one in standings)
    if not any(one.out or one.moved for one in found):
        versions = {str(one.version) for one in wish.images if one.version} or {"VERSION"}
        raise PlanError(
            "there is nothing to undo: the run of this report released no version here and moved "
            "no other tag",
            hint=f"releaser rollback --withdraw {min(versions)} takes out a version, whichever "
            "run released it",
        )
    return found


def _undoing(spec: Spec, standing: Standing, wish: Undo) -> Change:
    """What a run is undone by: only what it wrote itself in this registry counts."""
    image, repository = standing.place.image, standing.place.repository
    past = wish.of(image)
    written = [
        one
        for one in (past.references if past else ())
        if one.written and one.reference.repository == repository
    ]
    new = [one for one in written if one.kind is TagKind.IMMUTABLE or one.before is None]
    named = versions_among((str(one.reference.tag) for one in new), spec, image)
    out = tuple(one for one in named if one in standing.released)
    own = past.version if past and past.version in standing.released else None
    lines = {
        wanted.tag
        for version in {*named, *([past.version] if past and past.version else [])}
        for wanted in tags_of(spec, image, version)
        if wanted.is_line
    }
    moved = (one for one in written if one.kind is TagKind.FLOATING)
    return Change(
        out,
        moved=tuple(one for one in moved if one.reference.tag not in lines),
        others=None if own in out else own,
    )
