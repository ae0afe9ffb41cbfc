"""What registries say of an image that is promoted: where it comes from, and where it goes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from releaser.core.facts import FINGERPRINT_LABEL
from releaser.core.fingerprint import tag_of
from releaser.core.oci import Digest, Reference, Tag
from releaser.core.places import Place
from releaser.core.promoted import COSIGN, Attached, Origin
from releaser.core.promotion import Target
from releaser.core.spec import Spec
from releaser.core.tagging import (
    WantedTag,
    asked_tags,
    full_tags,
    tags_of,
    version_asked,
    versions_among,
)
from releaser.core.version import Version
from releaser.core.withdrawal import withdrawal_reference
from releaser.errors import RegistryError, UnknownError
from releaser.interfaces import Registry
from releaser.observe.registries import unknown, withdrawals
from releaser.observe.threads import concurrently

MAX_ATTACHED = 1000

_T = TypeVar("_T")


def origin(
    registry: Registry, spec: Spec, place: Place, asked: str, *, whole: bool
) -> Origin | None:
    """What is asked for as ``asked`` (a version or a tag) in a place; ``None``: it is not there.

    What is attached to it is looked for where the ``whole`` of it is to go elsewhere.

    Raises:
        SetupError: a registry rejects the credentials or cannot be reached.
        UnknownError: a registry would not say.
    """
    return _said(place, lambda: _Origin(registry, spec, place).found(asked, whole=whole))


def target(
    registry: Registry, spec: Spec, place: Place, come: Origin, tags: Sequence[WantedTag]
) -> Target:
    """What is in a place that ``come`` goes to under ``tags``.

    Raises:
        SetupError, UnknownError: as :func:`origin`.
    """
    return _said(place, lambda: _target(registry, spec, place, come, tags))


def _said(place: Place, ask: Callable[[], _T]) -> _T:
    try:
        return ask()
    except RegistryError as error:
        raise unknown(str(place.repository), error) from error


class _Origin:
    """Looks at one image where it comes from."""

    def __init__(self, registry: Registry, spec: Spec, place: Place) -> None:
        self._registry = registry
        self._spec = spec
        self._place = place
        self._repository = place.repository
        self._tags = registry.tags(place.repository)

    def found(self, asked: str, *, whole: bool) -> Origin | None:
        """The image, or ``None`` where nothing is there under the name."""
        names = asked_tags(self._spec, self._place.image, asked)
        tag = next((one for one in names if str(one) in self._tags), None)
        reference = self._repository.tagged(tag) if tag else None
        digest = self._registry.digest(reference) if reference else None
        if reference is None or digest is None:
            return None
        gone = _withdrawn(self._registry, self._place, self._tags)
        return Origin(
            self._place.image,
            self._place.registry,
            reference,
            digest,
            version_asked(asked) or self._version(digest, gone),
            self._fingerprint(digest) if whole else None,
            self._attached(digest) if whole else (),
            gone,
        )

    def _version(self, digest: Digest, gone: frozenset[Version]) -> Version | None:
        """The highest full version that is the same image: what ``latest`` is.

        One that was rolled back (``gone``) is it only where no other is.
        """
        released = versions_among(self._tags, self._spec, self._place.image)
        left = [one for one in released if one not in gone]
        for some in (left[-1:], left[:-1], [one for one in released if one in gone]):
            digests = concurrently(self._digest_of, some)
            same = [one for one, its in zip(some, digests, strict=True) if its == digest]
            if same:
                return same[-1]
        return None

    def _digest_of(self, version: Version) -> Digest | None:
        full = full_tags(tags_of(self._spec, self._place.image, version))
        there = [one.tag for one in full if str(one.tag) in self._tags]
        return self._registry.digest(self._repository.tagged(there[0])) if there else None

    def _fingerprint(self, digest: Digest) -> Tag | None:
        labels = self._registry.labels(self._repository.at(digest)) or {}
        tag = tag_of(labels.get(FINGERPRINT_LABEL, ""))
        if tag not in self._tags:
            return None
        reference = self._repository.tagged(tag)
        return reference.tag if self._registry.digest(reference) == digest else None

    def _attached(self, digest: Digest) -> tuple[Attached, ...]:
        """What refers to an image, to a manifest in it, or to what refers to these."""
        manifest = self._registry.manifest(self._repository.at(digest))
        subjects = [digest, *(manifest.children if manifest else ())]
        found: dict[Digest | Tag, Attached] = {}
        seen: set[Digest] = set()
        while subjects and len(found) <= MAX_ATTACHED:
            seen.update(subjects)
            more = [one for some in concurrently(self._referring, subjects) for one in some]
            found.update((one.tag or one.digest, one) for one in more)
            subjects = [one for one in dict.fromkeys(one.digest for one in more) if one not in seen]
        if len(found) > MAX_ATTACHED:
            raise UnknownError(f"{self._repository.at(digest)} has too much attached to it")
        return tuple(found.values())

    def _referring(self, subject: Digest) -> list[Attached]:
        listed = self._registry.referrers(self._repository, subject)
        found = [Attached(one, subject) for one in listed]
        for tag in cosign_tags(subject):
            if str(tag) in self._tags:
                digest = self._registry.digest(self._repository.tagged(tag))
                found += [Attached(digest, subject, tag)] if digest else []
        return found


def cosign_tags(subject: Digest) -> tuple[Tag, ...]:
    """The tags under which cosign attaches something to ``subject``."""
    return tuple(Tag(f"{subject.value.replace(':', '-')}.{kind}") for kind in COSIGN)


def _target(
    registry: Registry, spec: Spec, place: Place, come: Origin, tags: Iterable[WantedTag]
) -> Target:
    repository = place.repository
    listed = registry.tags(repository)
    names = [one.tag for one in tags]
    elsewhere = repository != come.reference.repository
    if elsewhere:
        names += [one.tag for one in come.attached if one.tag]
        names += [come.fingerprint] if come.fingerprint else []
    there = [tag for tag in dict.fromkeys(names) if str(tag) in listed]
    digests = concurrently(lambda tag: registry.digest(repository.tagged(tag)), there)
    named = {tag: one for tag, one in zip(there, digests, strict=True) if one is not None}
    return Target(
        place.registry,
        repository,
        named,
        _held(registry, repository.at(come.digest), come) if elsewhere else frozenset(),
        versions_among(listed, spec, place.image),
        _withdrawn(registry, place, listed),
    )


def _held(registry: Registry, content: Reference, come: Origin) -> frozenset[Digest]:
    """What of an image is there already: all of itself, and what is listed as attached to it."""
    if not _whole(registry, content):
        return frozenset()
    subjects = list(dict.fromkeys(one.subject for one in come.attached if one.tag is None))
    listed = concurrently(lambda one: registry.referrers(content.repository, one), subjects)
    return frozenset({come.digest, *(digest for some in listed for digest in some)})


def _whole(registry: Registry, content: Reference) -> bool:
    """Whether an image is there with every part of it: registries have lost blobs of one."""
    try:
        manifest = registry.manifest(content)
    except RegistryError as error:
        if error.is_corruption:
            return False
        raise
    return manifest is not None and not registry.flaws(content.repository, manifest)


def _withdrawn(registry: Registry, place: Place, tags: Sequence[str]) -> frozenset[Version]:
    kept = withdrawal_reference(place.repository, place.image)
    found = withdrawals(registry, [kept], {place.repository: tuple(tags)}).get(kept)
    return found.versions if found else frozenset()
