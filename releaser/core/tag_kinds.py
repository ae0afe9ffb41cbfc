"""What a tag in a repository is: a full version, a prerelease, a fingerprint, or something else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum

from releaser.core.oci import Digest, Tag
from releaser.core.spec import Spec
from releaser.core.tagging import FINGERPRINT_TAG, RESERVED_TAG, full_tags, tags_of
from releaser.core.version import Version

_VERSION = "{{version}}"
_PLAIN = Version(1, 0, 0)
_COMMIT = re.compile(r"sha-[0-9a-f]{7,40}")
_ATTACHED = re.compile(r"sha256-([0-9a-f]{64})(?:\.(?:sig|att|sbom))?")
_PRERELEASE = re.compile(
    r"(?:alpha|beta|canary|ci|dev|milestone|next|nightly|pr|pre|preview|rc|snapshot)"
    r"[0-9]*(?:[.-].*)?",
    re.IGNORECASE,
)
"""What a prerelease is called; anything else behind a version may be a variant (``-alpine``)."""


class Kind(Enum):
    """What a tag is, as far as pruning goes."""

    VERSION = "version"
    PRERELEASE = "prerelease"
    FINGERPRINT = "fingerprint"
    COMMIT = "commit"
    OWN = "own"
    ATTACHED = "attached"
    OTHER = "other"


_FIXED = (
    (FINGERPRINT_TAG, Kind.FINGERPRINT),
    (RESERVED_TAG, Kind.OWN),
    (_ATTACHED, Kind.ATTACHED),
    (_COMMIT, Kind.COMMIT),
)


def kind_of(tag: str, spellings: Iterable[tuple[str, str]]) -> tuple[Kind, Version | None]:
    """What a tag is, and the version in it; ``spellings`` stand around the image's versions."""
    for pattern, kind in _FIXED:
        if pattern.fullmatch(tag):
            return kind, None
    found = [version for one in spellings if (version := _spelled(tag, *one)) is not None]
    full = next((one for one in found if not one.prerelease), None)
    if full is not None:
        return Kind.VERSION, full
    early = [one for one in found if _PRERELEASE.fullmatch(one.prerelease or "")]
    return (Kind.PRERELEASE, early[0]) if early else (Kind.OTHER, None)


def spellings(spec: Spec, images: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """What stands before and after the versions of images, the longest first.

    Plain versions are always understood.
    """
    found = [("", ""), ("v", "")]
    for image in images:
        for one in full_tags(tags_of(spec, image, _PLAIN)):
            before, mark, after = one.template.partition(_VERSION)
            if mark and _VERSION not in after:
                found.append((before, after))
    return tuple(sorted(dict.fromkeys(found), key=lambda one: -len("".join(one))))


def subject_of(tag: Tag) -> Digest | None:
    """The digest that an attached tag is about; ``None`` where it is of another kind."""
    found = _ATTACHED.fullmatch(str(tag))
    return Digest(f"sha256:{found[1]}") if found else None


def _spelled(tag: str, before: str, after: str) -> Version | None:
    if len(tag) <= len(before) + len(after):
        return None
    if not (tag.startswith(before) and tag.endswith(after)):
        return None
    found = Version.find(tag[len(before) : len(tag) - len(after)])
    return None if found is None or found.build else found
