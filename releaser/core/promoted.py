"""What is promoted, where to, and the tags that it gets there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from releaser.core.oci import Digest, Reference, Tag
from releaser.core.spec import Spec
from releaser.core.spec.nearest import nearest
from releaser.core.steps import TagKind
from releaser.core.tagging import WantedTag, legal, tags_of
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
