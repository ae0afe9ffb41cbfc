"""The report of a past run, read back: what it published, and what was there before.

What is read is what ``--report`` wrote. Nobody signs a report: everything in it is checked for its
form, and what it says is compared with the registries, never believed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from releaser.core.oci import Digest, Platform, Reference
from releaser.core.steps import TagKind
from releaser.core.version import Version
from releaser.errors import SpecError

SCHEMA = 1
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PastReference:
    """A reference of a run: the digest that it had before, and the one that it had afterwards.

    ``written`` tells that the run wrote it.
    """

    reference: Reference
    registry: str
    kind: TagKind
    written: bool
    before: Digest | None
    digest: Digest | None


@dataclass(frozen=True, slots=True)
class PastImage:
    """An image of a run; ``digests`` are by registry."""

    name: str
    version: Version | None
    fingerprint: str
    platforms: tuple[Platform, ...]
    digests: Mapping[str, Digest]
    references: tuple[PastReference, ...]


@dataclass(frozen=True, slots=True)
class PastRun:
    """What a report says."""

    project: str
    images: tuple[PastImage, ...]

    @classmethod
    def parse(cls, content: bytes, name: str) -> PastRun:
        """The run that a report is about; ``name`` is what errors call the file.

        Raises:
            SpecError: it is no report of a run that pushed.
        """
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or not isinstance(document.get("images"), list):
            raise _no_report(name)
        if document.get("schema") != SCHEMA:
            raise SpecError(f"{name} is a report of schema {str(document.get('schema'))[:20]}")
        if document.get("pushed") is not True:
            raise SpecError(
                f"{name} is the report of a run that pushed nothing",
                hint="releaser release --push --report FILE writes one that can be used",
            )
        try:
            shared = _version(document.get("version"))
            images = tuple(_image(one, shared) for one in document["images"])
            return cls(_text(document, "project"), images)
        except (KeyError, TypeError, ValueError, SpecError):
            raise _no_report(name) from None


def _no_report(name: str) -> SpecError:
    return SpecError(
        f"{name} is not the report of a run",
        hint="releaser release --push --report FILE writes one",
    )


def _image(one: Mapping[str, object], shared: Version | None) -> PastImage:
    references, digests = one["references"], one["digests"]
    platforms = one.get("platforms") or []
    if not (isinstance(references, list) and isinstance(digests, dict)):
        raise TypeError
    if not isinstance(platforms, list):
        raise TypeError
    return PastImage(
        _text(one, "name"),
        _version(one.get("version")) or shared,
        str(one.get("fingerprint") or ""),
        tuple(Platform.parse(text) for text in platforms),
        {str(name): Digest(digest) for name, digest in digests.items()},
        tuple(_reference(reference) for reference in references),
    )


def _reference(one: Mapping[str, object]) -> PastReference:
    reference = Reference.parse(_text(one, "reference"))
    if reference.tag is None or reference.digest is not None:
        raise ValueError
    return PastReference(
        reference,
        str(one.get("registry") or ""),
        TagKind(one["kind"]),
        one.get("written") is True,
        _digest(one.get("before")),
        _digest(one.get("digest")),
    )


def _digest(value: object) -> Digest | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError
    return Digest(value)


def _version(value: object) -> Version | None:
    return Version.find(value) if isinstance(value, str) else None


def _text(one: Mapping[str, object], name: str) -> str:
    value = one[name]
    if not isinstance(value, str):
        raise TypeError
    return value
