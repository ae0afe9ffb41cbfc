"""Versions that were rolled back, kept beside the image so that no release moves a tag to them.

A repository keeps one such list for each of its images, under a tag that moves. Unlike a record of
what an image is made of it decides: ``latest`` and the lines of versions are those of the highest
version that is not in it. So one that cannot be read is an error, and not nothing.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from releaser.core.oci import Reference, Repository
from releaser.core.record import UnreadableError, own_tag
from releaser.core.version import Version
from releaser.errors import UnknownError

SCHEMA = 1
PREFIX = "fp-rollback-"
MAX_BYTES = 4 * 1024 * 1024
MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A version that was rolled back: when (ISO 8601, UTC), and why where somebody said it."""

    version: Version
    at: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawals:
    """The versions of an image that were rolled back, in their order."""

    image: str
    entries: tuple[Withdrawal, ...] = ()

    @property
    def versions(self) -> frozenset[Version]:
        """The versions alone."""
        return frozenset(one.version for one in self.entries)

    def adding(self, more: Iterable[Withdrawal]) -> Withdrawals:
        """The same list with further versions; what it has already keeps its time and reason."""
        found = {one.version: one for one in (*more, *self.entries)}
        return Withdrawals(self.image, tuple(found[version] for version in sorted(found)))

    def without(self, versions: Iterable[Version]) -> Withdrawals:
        """The same list less some versions."""
        gone = frozenset(versions)
        kept = tuple(one for one in self.entries if one.version not in gone)
        return Withdrawals(self.image, kept)

    def pack(self) -> bytes:
        """The list as bytes, the same for the same list."""
        entries = [
            {"version": str(one.version), "at": one.at, "reason": one.reason}
            for one in self.entries
        ]
        document = {"schema": SCHEMA, "image": self.image, "withdrawn": entries}
        return zlib.compress(json.dumps(document, separators=(",", ":")).encode(), 6)

    @classmethod
    def read(cls, reference: Reference, data: bytes) -> Withdrawals:
        """The list that is kept under ``reference``.

        Raises:
            UnknownError: ``data`` is none; what it would say decides, so nobody can go on.
        """
        try:
            return cls.unpack(data)
        except UnreadableError as error:
            raise UnknownError(
                f"{reference}: which versions were rolled back cannot be read: {error}",
                hint="delete this tag, and roll back again what has to be",
            ) from None

    @classmethod
    def unpack(cls, data: bytes) -> Withdrawals:
        """The list that :meth:`pack` made ``data`` of; raises :class:`UnreadableError`."""
        try:
            unpacker = zlib.decompressobj()
            text = unpacker.decompress(data, MAX_BYTES)
            document = json.loads(text) if unpacker.eof else None
        except (ValueError, RecursionError, zlib.error):
            document = None
        if not isinstance(document, dict) or not isinstance(document.get("image"), str):
            raise UnreadableError("it is cut off, too large or no list of versions at all")
        if document.get("schema") != SCHEMA:
            raise UnreadableError(f"it is of schema {str(document.get('schema'))[:20]}")
        entries = document.get("withdrawn")
        if not isinstance(entries, list):
            raise UnreadableError("it has no versions")
        return cls(document["image"], tuple(_entry(one) for one in entries))


def withdrawal_reference(repository: Repository, image: str) -> Reference:
    """Where the list of an image is kept: one moving tag for each image of a repository."""
    return repository.tagged(own_tag(PREFIX, image))


def _entry(one: object) -> Withdrawal:
    fields = one if isinstance(one, dict) else {}
    texts = [fields.get(name) for name in ("version", "at", "reason")]
    found, at, reason = (text if isinstance(text, str) else None for text in texts)
    version = Version.find(found or "")
    if version is None or at is None or reason is None:
        raise UnreadableError("an entry in it is none")
    return Withdrawal(version, at, reason[:MAX_REASON])
