"""The rebuilder: whether one image must be built, and why.

The registry is the memory. An image that was released is found again in its own repository under
the tag of its fingerprint; one that was built here is found in the engine by its label. So the
decision needs the fingerprint and two look-ups, and comes out the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from releaser.core.comparison import Comparison
from releaser.core.facts import LocalImage
from releaser.core.oci import Digest, Reference


class ReasonCode(Enum):
    """Why an image gets the action it gets."""

    FIRST_BUILD = "first-build"
    DOCKERFILE_CHANGED = "dockerfile-changed"
    FILE_CHANGED = "file-changed"
    FILE_ADDED = "file-added"
    FILE_REMOVED = "file-removed"
    ARG_CHANGED = "arg-changed"
    BASE_CHANGED = "base-changed"
    DEFINITION_CHANGED = "definition-changed"
    UPSTREAM_CHANGED = "upstream-changed"
    INPUTS_CHANGED = "inputs-changed"
    RECORD_UNREADABLE = "record-unreadable"
    CONTENT_GONE = "content-gone"
    ALWAYS_BUILT = "always-built"
    NOT_IN_ENGINE = "not-in-engine"
    NOT_PUSHED = "not-pushed"
    TAGS_DIFFER = "tags-differ"
    NOTHING_CHANGED = "nothing-changed"
    NOT_NEEDED = "not-needed"
    NOT_ASKED = "not-asked"


@dataclass(frozen=True, slots=True)
class Reason:
    """A code that machines read, and what it is about in words."""

    code: ReasonCode
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Build:
    """It must be built.

    ``comparison`` is what differs from its last release, where that is known; ``unpinned`` tells
    that it fetches, or stands on, something whose content its fingerprint cannot know.
    """

    reason: Reason
    comparison: Comparison | None = None
    unpinned: bool = False


@dataclass(frozen=True, slots=True)
class Push:
    """It is in the engine's store and must be uploaded to ``missing`` (names of registries)."""

    reason: Reason
    local: LocalImage
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """It is in one registry (``source``, by digest) and must be copied to ``missing``."""

    reason: Reason
    source: Reference
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reuse:
    """It exists wherever it should: ``digests`` by registry, or ``local`` in the engine."""

    reason: Reason
    digests: tuple[tuple[str, Digest], ...] = ()
    local: LocalImage | None = None


Decision = Build | Push | Copy | Reuse


def is_always_built(decision: Decision) -> bool:
    """Whether an image is built because of something that is not pinned, its own or an upstream's.

    Its fingerprint then says nothing of its content, nor do those of what stands on it.
    """
    return isinstance(decision, Build) and decision.unpinned


def decide_published(
    published: Mapping[str, Reference],
    digests: Mapping[Reference, Digest | None],
    local: LocalImage | None,
    build: Build,
) -> Decision:
    """What must happen so that every registry of ``published`` holds the image.

    ``published`` maps a registry's name to the reference of the fingerprint's tag there; ``build``
    is the decision where it is nowhere. Copying is preferred to pushing, because it keeps one
    digest in all registries.
    """
    found = {name: digests.get(reference) for name, reference in published.items()}
    missing = tuple(name for name, digest in found.items() if digest is None)
    present = tuple((name, digest) for name, digest in found.items() if digest is not None)
    if not missing:
        return Reuse(Reason(ReasonCode.NOTHING_CHANGED), digests=present)
    where = ", ".join(missing)
    if present:
        name, digest = present[0]
        source = published[name].repository.at(digest)
        return Copy(Reason(ReasonCode.NOT_PUSHED, f"in {name}, not in {where}"), source, missing)
    if local is not None:
        return Push(Reason(ReasonCode.NOT_PUSHED, f"built here, not in {where}"), local, missing)
    return build


def decide_unasked(published: Iterable[str], local: LocalImage | None) -> Decision:
    """What must happen where nobody knows what the registries ``published`` (names) hold."""
    if local is None:
        return Build(Reason(ReasonCode.NOT_ASKED, "not in the engine"))
    return Push(Reason(ReasonCode.NOT_ASKED, "in the engine"), local, tuple(published))


def decide_local(local: LocalImage | None, build: Build) -> Decision:
    """What must happen so that the engine's store holds the image."""
    if local is None:
        return build
    return Reuse(Reason(ReasonCode.NOTHING_CHANGED), local=local)
