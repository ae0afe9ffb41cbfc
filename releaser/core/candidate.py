"""What a plan is made from: the images that it is about, and the world it is measured against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from releaser.core.facts import LocalImage, RegistryFacts
from releaser.core.fingerprint import Fingerprint
from releaser.core.oci import Digest, Reference, Repository
from releaser.core.record import Record, Unreadable
from releaser.core.resolve import ResolvedImage
from releaser.core.tagging import SkippedTag, WantedTag
from releaser.core.version import Version


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image that the plan is about: resolved, fingerprinted, with the tags that it wants.

    ``repositories`` are where it goes, by registry. ``chosen`` is false for an upstream that the
    request leaves alone: it must exist already.

    ``version`` is the image's, which a person may have ``commanded``; it ``keeps`` one that was
    tagged at another commit. ``tagged`` are the full versions that git has tags of, in order.
    """

    image: ResolvedImage
    fingerprint: Fingerprint
    wanted: tuple[WantedTag, ...] = ()
    skipped: tuple[SkippedTag, ...] = ()
    repositories: tuple[tuple[str, Repository], ...] = ()
    chosen: bool = True
    version: Version | None = None
    keeps: bool = False
    commanded: bool = False
    tagged: tuple[Version, ...] = ()

    @property
    def name(self) -> str:
        """The image's name."""
        return self.image.name

    @property
    def is_of_one_release(self) -> bool:
        """Whether its fingerprint names the release it is for (it fetches something unpinned)."""
        return any(name == "release" for name, _ in self.fingerprint.ingredients)

    def record(self) -> Record:
        """What it is made of now, to be compared with what was kept of its last release."""
        return Record.of(self.name, str(self.fingerprint), self.fingerprint.ingredients)

    @property
    def published(self) -> dict[str, Reference]:
        """The reference of the fingerprint's tag in each registry."""
        return {name: repo.tagged(self.fingerprint.tag) for name, repo in self.repositories}

    @property
    def local_names(self) -> tuple[Reference, ...]:
        """What the engine calls the image: the fingerprint's tag in each of its repositories."""
        repositories = [repo for _, repo in self.repositories] or [Repository.parse(_plain(self))]
        return tuple(repository.tagged(self.fingerprint.tag) for repository in repositories)

    @property
    def references(self) -> tuple[tuple[str, WantedTag, Reference], ...]:
        """Every public reference that it wants, with the registry's name and the tag's rule."""
        targets = self.repositories or (("", Repository.parse(_plain(self))),)
        return tuple(
            (name, tag, repo.tagged(tag.tag)) for name, repo in targets for tag in self.wanted
        )


def _plain(candidate: Candidate) -> str:
    return candidate.image.spec.repository or candidate.name.lower()


@dataclass(frozen=True, slots=True)
class World:
    """What the plan is measured against: see :mod:`releaser.core.facts`.

    ``records`` are those of images that must be built, by image. Where the registries were not
    ``asked``, what they hold is unknown, and not nothing.
    """

    registries: RegistryFacts = field(default_factory=RegistryFacts)
    local: Mapping[str, LocalImage] = field(default_factory=dict)
    bases: Mapping[str, Digest | None] = field(default_factory=dict)
    records: Mapping[str, Record | Unreadable] = field(default_factory=dict)
    asked: bool = True
