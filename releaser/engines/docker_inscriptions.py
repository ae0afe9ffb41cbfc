"""What an image in the engine says besides its files.

The engine's API tells the configuration and the history of one platform. Where the store keeps an
index (several platforms, attestations), the archive that the engine exports is read instead: all
documents are in it, between layers that are passed over. It is read as it comes, so memory stays
flat.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from releaser.core.inscriptions import Inscription, of_configuration, of_documents, parsed

MAX_DOCUMENT = 32 * 1024 * 1024
"""Bytes of a document at most; of a longer one, such as a list of all files, so much is read."""

_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_CHUNK = 1 << 18


class Api(Protocol):
    """What is needed of docker-py's client, which has no types."""

    def inspect_image(self, image: str) -> Mapping[str, Any]:
        """The engine's description of an image."""

    def history(self, image: str) -> Sequence[Mapping[str, Any]]:
        """Its history, the newest entry first."""

    def get_image(self, image: str, chunk_size: int) -> Iterable[bytes]:
        """Its archive."""


def read(api: Api, name: str) -> tuple[Inscription, ...]:
    """What the image ``name`` says, asked of docker-py's ``api``; its exceptions come through."""
    image = api.inspect_image(name)
    if _is_index(image):
        with tarfile.open(fileobj=_Pieces(api.get_image(name, _CHUNK)), mode="r|") as archive:
            return tuple(of_documents(parsed(content) for content in _documents(archive)))
    history = [
        {key: entry.get(key) for key in ("CreatedBy", "Comment")}
        for entry in reversed(api.history(name))
    ]
    more = {"author": image.get("Author"), "comment": image.get("Comment")}
    return tuple(of_configuration({"config": image.get("Config"), "history": history, **more}))


def _is_index(image: Mapping[str, Any]) -> bool:
    """Whether there may be more than one platform's configuration.

    Engines before API 1.48 do not say what they have. In the containerd store an image's id is the
    digest that it is known by; there it may be an index.
    """
    described = image.get("Descriptor")
    if isinstance(described, Mapping):
        return described.get("mediaType") in _INDEXES
    digests = image.get("RepoDigests") or ()
    return any(str(digest).endswith(f"@{image.get('Id')}") for digest in digests)


def _documents(archive: tarfile.TarFile) -> Iterator[bytes]:
    """The members that begin as JSON objects do; layers are gzip, zstd or tar."""
    for member in archive:
        stream = archive.extractfile(member) if member.isfile() else None
        if stream is not None and (begin := stream.read(1)) == b"{":
            yield begin + stream.read(MAX_DOCUMENT)


class _Pieces(io.RawIOBase):
    """A stream of bytes that come in pieces of any size."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        self._pieces = iter(pieces)
        self._left = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next ``size`` bytes, fewer at the end."""
        found = bytearray()
        while size < 0 or len(found) < size:
            self._left = self._left or next(self._pieces, b"")
            if not self._left:
                break
            wanted = len(self._left) if size < 0 else size - len(found)
            found += self._left[:wanted]
            self._left = self._left[wanted:]
        return bytes(found)
