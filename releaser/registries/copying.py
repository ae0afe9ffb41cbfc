"""Images from one repository to another, byte for byte: blobs, then manifests, the tag last.

What a registry has is not sent again; what its own other repository has is mounted; the rest flows
through in pieces, its digest checked before the last one is let go. Only what the source registry
itself serves is copied: ``urls`` of foreign layers and embedded ``data`` are never followed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from releaser.core.oci import Digest, Manifest, Reference, Repository, Tag
from releaser.errors import RegistryError, SetupError
from releaser.registries import manifests
from releaser.registries.authority import pull
from releaser.registries.blobs import Uploads, blob_ask, transfer_seconds
from releaser.registries.client import Ask, Client
from releaser.registries.hosts import Endpoint
from releaser.registries.manifests import Descriptor
from releaser.registries.reading import read_manifest
from releaser.registries.refusals import AttemptError, may_have_arrived, unusable
from releaser.registries.writing import write_manifest

MAX_MANIFESTS = 1000
MAX_DEPTH = 4
WORKERS = 4


@dataclass(frozen=True, slots=True)
class Side:
    """A repository and where its registry is reached."""

    at: Endpoint
    repository: Repository


def copy_image(
    client: Client, source: Reference, from_: Endpoint, to: Side, tag: Tag | None
) -> Digest:
    """Copy what ``source`` names, with all that it consists of, and let ``tag`` name it there.

    Without a tag it is there under its digest alone.

    :raises RegistryError: also where ``source`` does not exist.
    """
    copying = _Copying(client, Side(from_, source.repository), to)
    root = copying.fetch(source)
    target = to.repository.tagged(tag) if tag else to.repository.at(root.digest)
    if to.repository == source.repository:
        write_manifest(client, to.at, target, root)
        return root.digest
    tree = tuple(copying.tree(root.digest, root, 0))
    # the blobs of all manifests at once, so that small images do not wait for one another
    copying.blobs(tuple(manifest for _, manifest in tree))
    for digest, manifest in tree[:-1]:
        copying.write(to.repository.at(digest), manifest)
    copying.write(target, root)
    return root.digest


class _Copying:
    """One copy under way."""

    def __init__(self, client: Client, source: Side, to: Side) -> None:
        self._client = client
        self._source = source
        self._to = to
        self._uploads = Uploads(client, to.at, to.repository)
        self._seen: set[Digest] = set()

    def fetch(self, reference: Reference) -> Manifest:
        found = read_manifest(self._client, self._source.at, reference)
        if found is None:
            raise RegistryError(
                f"{reference} does not exist", status=404, reason="MANIFEST_UNKNOWN"
            )
        return found

    def tree(
        self, digest: Digest, manifest: Manifest, depth: int
    ) -> Iterator[tuple[Digest, Manifest]]:
        """``manifest`` and all below it, each once under its digest, children before parents."""
        self._seen.add(digest)
        if depth > MAX_DEPTH or len(self._seen) > MAX_MANIFESTS:
            doing = f"read {self._source.repository.path}"
            raise unusable(self._source.at.registry, doing, "the image has too many manifests")
        for child in manifest.children:
            if child not in self._seen:
                found = self.fetch(self._source.repository.at(child))
                yield from self.tree(child, found, depth + 1)
        yield digest, manifest

    def blobs(self, tree: tuple[Manifest, ...], *, again: bool = False) -> None:
        """Bring every blob of ``tree`` over; ``again`` does not ask whether it is there."""
        needed = {d.digest: d for manifest in tree for d in self._descriptors(manifest)}
        bring = partial(self._blob, again=again)
        with ThreadPoolExecutor(WORKERS, "releaser-copy") as pool:
            for _ in pool.map(bring, needed.values()):
                pass

    def write(self, reference: Reference, manifest: Manifest) -> None:
        """Write ``manifest``; where its blobs got lost meanwhile, bring them over again."""
        self._uploads.write(reference, manifest, partial(self.blobs, (manifest,), again=True))

    def _descriptors(self, manifest: Manifest) -> tuple[Descriptor, ...]:
        try:
            return manifests.blobs(manifest)
        except manifests.MalformedError as error:
            doing = f"read {self._source.repository.path}@{manifest.digest}"
            raise unusable(self._source.at.registry, doing, str(error)) from None

    def _blob(self, blob: Descriptor, *, again: bool) -> None:
        if not again and self._present(blob):
            return
        mount = not again and self._source.at == self._to.at
        doubtful = False

        def bring() -> None:
            nonlocal doubtful
            if doubtful and not again and self._present(blob):
                return  # it was stored although nobody said so
            try:
                self._bring(blob, mount=mount)
            except RegistryError as error:
                doubtful = may_have_arrived(error)
                raise

        self._client.persist(self._to.at, bring, seconds=transfer_seconds(blob))

    def _present(self, blob: Descriptor) -> bool:
        what = f"look for blob {blob.digest.short}"
        ask = self._uploads.ask("HEAD", f"blobs/{blob.digest}", what)
        return self._client.call(ask).status == 200

    def _bring(self, blob: Descriptor, *, mount: bool) -> None:
        location = self._mounted(blob) if mount else self._uploads.begin(blob)
        if location:
            self._stream(blob, location)

    def _mounted(self, blob: Descriptor) -> str | None:
        """Mount the blob: ``None`` where that was all, else where it can be uploaded."""
        there = self._source.repository.path
        query = f"blobs/uploads/?mount={quote(str(blob.digest))}&from={quote(there, safe='')}"
        ask = self._uploads.ask("POST", query, f"mount blob {blob.digest.short}", pull(there))
        try:
            answer = self._client.once(ask)
        except SetupError:  # a token for both repositories may be more than we get
            return self._uploads.begin(blob)
        if answer.status == 201:
            return None
        if answer.status == 202:
            return self._uploads.location(ask, answer)
        return self._uploads.begin(blob)

    def _stream(self, blob: Descriptor, location: str) -> None:
        read = blob_ask(self._source.at, self._source.repository, blob)
        with self._client.open(read) as (answer, pieces):
            if answer.status != 200:
                raise self._client.refused(read, answer)
            self._uploads.send(blob, location, _Checked(blob, pieces, read))


class _Checked:
    """A blob on its way: exactly its bytes, the last piece held back until the digest is right."""

    def __init__(self, blob: Descriptor, pieces: Iterator[bytes], ask: Ask) -> None:
        self._blob = blob
        self._pieces = pieces
        self._ask = ask

    def __len__(self) -> int:
        return self._blob.size

    def __iter__(self) -> Iterator[bytes]:
        hashed = hashlib.new(self._blob.digest.value.partition(":")[0])
        size, held = 0, b""
        for piece in self._pieces:
            yield held
            held = piece
            size += len(piece)
            hashed.update(piece)
            if size > self._blob.size:
                raise self._wrong(
                    f"it is larger than the {self._blob.size} bytes that it should be"
                )
        if size != self._blob.size or hashed.hexdigest() != self._blob.digest.hex:
            raise self._wrong("it does not have the digest that it should have")
        yield held

    def _wrong(self, why: str) -> AttemptError:
        return unusable(self._ask.at.registry, self._ask.doing, why)
