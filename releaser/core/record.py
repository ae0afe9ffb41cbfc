"""What an image was made of when it was last released, kept so that the next plan can say why.

A record is kept beside the image in its repository. It decides nothing: whether an image is built
is told by its fingerprint alone. File names, build args and the text of the Dockerfile stand in it,
so it is as public as the repository is; args that look like secrets and hashes are shortened to
what is needed to see that they differ.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from releaser.core.oci import Reference, Repository
from releaser.core.spec import looks_secret

SCHEMA = 1
PREFIX = "fp-record-"
MAX_BYTES = 64 * 1024 * 1024
"""How large a record may become when it is unpacked."""

_HASH = re.compile(r"\b[0-9a-f]{64}\b")
_LOGIN = re.compile(r"//[^/@\s]*@")
_QUERY = re.compile(r"\?[^#\s]+")
_TAG = re.compile(r"[^A-Za-z0-9._-]")

Ingredients = tuple[tuple[str, str], ...]


class UnreadableError(Exception):
    """The bytes are no record that we can read; the text says why."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something is kept where a record should be, and it cannot be used: ``why`` in words."""

    why: str


@dataclass(frozen=True, slots=True)
class Record:
    """An image's fingerprint and ingredients, and the version and commit they were seen at."""

    image: str
    fingerprint: str
    ingredients: Ingredients
    version: str | None = None
    commit: str | None = None

    @classmethod
    def of(
        cls,
        image: str,
        fingerprint: str,
        ingredients: Iterable[tuple[str, str]],
        version: str | None = None,
        commit: str | None = None,
    ) -> Record:
        """A record of ingredients as a fingerprint has them."""
        kept = tuple((_kept_name(name), _kept(name, value)) for name, value in ingredients)
        return cls(image, fingerprint, kept, version, commit)

    @classmethod
    def unpack(cls, data: bytes) -> Record:
        """The record that :meth:`pack` made ``data`` of; raises :class:`UnreadableError`."""
        try:
            unpacker = zlib.decompressobj()
            text = unpacker.decompress(data, MAX_BYTES)
            document = json.loads(text) if unpacker.eof else None
        except (ValueError, RecursionError, zlib.error):
            document = None
        if not isinstance(document, dict):
            raise UnreadableError("it is cut off, too large or no record at all")
        if document.get("schema") != SCHEMA:
            raise UnreadableError(f"it is of schema {str(document.get('schema'))[:20]}")
        return cls(
            _text(document, "image"),
            _text(document, "fingerprint"),
            _pairs(document.get("ingredients")),
            _text(document, "version") or None,
            _text(document, "commit") or None,
        )

    def pack(self) -> bytes:
        """The record as bytes, the same for the same record."""
        document = {
            "schema": SCHEMA,
            "image": self.image,
            "fingerprint": self.fingerprint,
            "version": self.version or "",
            "commit": self.commit or "",
            "ingredients": self.ingredients,
        }
        return zlib.compress(json.dumps(document, separators=(",", ":")).encode(), 6)

    @property
    def since(self) -> str:
        """What people call the release that it was made in."""
        commit = f"commit {self.commit[:7]}" if self.commit else ""
        return f"{self.version} ({commit})" if self.version and commit else self.version or commit


def record_reference(repository: Repository, image: str) -> Reference:
    """Where the record of an image is kept: one moving tag for each image of a repository."""
    return repository.tagged(own_tag(PREFIX, image))


def own_tag(prefix: str, image: str) -> str:
    """The tag of releaser's own that begins with ``prefix`` and is about an image."""
    tag = f"{prefix}{_TAG.sub('_', image)}"
    if len(tag) > 128:
        tag = f"{tag[:111]}-{hashlib.sha256(image.encode()).hexdigest()[:16]}"
    return tag


def without_credentials(url: str) -> str:
    """``url`` without a login and without what its query says: tokens stand there."""
    return _QUERY.sub("?…", _LOGIN.sub("//", url))


def _kept_name(name: str) -> str:
    return without_credentials(name) if name.startswith("url") else name


def _kept(name: str, value: str) -> str:
    kind, _, rest = name.partition(" ")
    if kind == "context":
        return without_credentials(value)
    if kind.partition("@")[0] == "arg" and value.startswith("=") and looks_secret(rest):
        return "=" + hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return value if kind.startswith("base") else _HASH.sub(lambda found: found[0][:12], value)


def _text(document: Mapping[str, object], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str):
        raise UnreadableError(f'it has no "{key}"')
    return value


def _pairs(value: object) -> Ingredients:
    if not isinstance(value, list):
        raise UnreadableError("it has no ingredients")
    for one in value:
        if not (isinstance(one, list) and [type(part) for part in one] == [str, str]):
            raise UnreadableError("an ingredient in it is none")
    return tuple((name, text) for name, text in value)
