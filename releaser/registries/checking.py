"""Whether a repository has all that an image consists of, looked at and not believed.

Manifests and configurations are read and hashed; of layers a HEAD is asked for, or all bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from releaser.core.oci import Digest, Flaw, Manifest, Repository
from releaser.errors import RegistryError
from releaser.registries import manifests
from releaser.registries.authority import pull
from releaser.registries.blobs import blob_ask, read_blob, transfer_seconds
from releaser.registries.client import Ask, Client
from releaser.registries.copying import MAX_DEPTH, MAX_MANIFESTS, WORKERS
from releaser.registries.hosts import Endpoint
from releaser.registries.labels import MAX_CONFIG
from releaser.registries.manifests import Descriptor
from releaser.registries.reading import NO_HEAD, absent, read_manifest
from releaser.registries.refusals import unusable

MISSING = "is missing"
CORRUPT = "is not what its digest says"


def find_flaws(
    client: Client, at: Endpoint, repository: Repository, manifest: Manifest, *, deep: bool
) -> tuple[Flaw, ...]:
    """What ``manifest`` needs and ``repository`` does not give, in the manifest's order.

    :raises RegistryError: where the registry would not say.
    """
    checking = _Checking(client, at, repository, deep)
    tree = tuple(checking.tree(manifest, 0))
    needed = {blob.digest: blob for one in tree for blob in checking.blobs(one)}
    with ThreadPoolExecutor(WORKERS, "releaser-check") as pool:
        found = pool.map(checking.blob, needed.values())
        blobs = [flaw for flaw in found if flaw is not None]
    return (*checking.flaws, *blobs)


@dataclass
class _Checking:
    """One image that is looked at."""

    client: Client
    at: Endpoint
    repository: Repository
    deep: bool
    flaws: list[Flaw] = field(default_factory=list)
    configs: set[Digest] = field(default_factory=set)
    seen: set[Digest] = field(default_factory=set)

    def tree(self, manifest: Manifest, depth: int) -> Iterator[Manifest]:
        """``manifest`` and all below it that can be read."""
        if depth > MAX_DEPTH or len(self.seen) > MAX_MANIFESTS:
            doing = f"read {self.repository.path}"
            raise unusable(self.at.registry, doing, "the image has too many manifests")
        yield manifest
        for child in manifest.children:
            if child in self.seen:
                continue
            self.seen.add(child)
            found = self._child(child)
            if found is not None:
                yield from self.tree(found, depth + 1)

    def blobs(self, manifest: Manifest) -> tuple[Descriptor, ...]:
        """The blobs of a manifest; its configuration is remembered as such."""
        try:
            found = manifests.blobs(manifest)
            config = manifests.image_config(manifest)
        except manifests.MalformedError as error:
            self.flaws.append(Flaw(manifest.digest, f"is malformed: {error}"))
            return ()
        if config is not None and config.size <= MAX_CONFIG:
            self.configs.add(config.digest)
        return found

    def blob(self, blob: Descriptor) -> Flaw | None:
        """What is wrong with a blob."""
        if blob.digest in self.configs:
            return self._read(blob)
        why = self._streamed(blob) if self.deep else self._head(blob)
        return Flaw(blob.digest, why) if why else None

    def _child(self, digest: Digest) -> Manifest | None:
        try:
            found = read_manifest(self.client, self.at, self.repository.at(digest))
        except RegistryError as error:
            if not error.is_corruption:
                raise
            self.flaws.append(Flaw(digest, CORRUPT))
            return None
        if found is None:
            self.flaws.append(Flaw(digest, MISSING))
        return found

    def _read(self, blob: Descriptor) -> Flaw | None:
        try:
            read_blob(self.client, self.at, self.repository, blob, MAX_CONFIG)
        except RegistryError as error:
            if error.status == 404:
                return Flaw(blob.digest, MISSING)
            if error.is_corruption:
                return Flaw(blob.digest, CORRUPT)
            raise
        return None

    def _head(self, blob: Descriptor) -> str | None:
        path = self.repository.path
        doing = f"look for blob {blob.digest.short} of {path}"
        ask = Ask(self.at, "HEAD", f"{path}/blobs/{blob.digest}", (pull(path),), doing)
        answer = self.client.call(ask)
        if answer.status == 404:
            return MISSING
        if answer.status in NO_HEAD:
            return self._streamed(blob)
        if answer.status != 200:
            raise self.client.refused(ask, answer)
        size = answer.headers.get("Content-Length", "")
        return CORRUPT if size.isdecimal() and int(size) != blob.size else None

    def _streamed(self, blob: Descriptor) -> str | None:
        seconds = transfer_seconds(blob)
        return self.client.persist(self.at, lambda: self._hashed(blob), seconds=seconds)

    def _hashed(self, blob: Descriptor) -> str | None:
        """Read all bytes, and no more than there should be; a single try."""
        ask = blob_ask(self.at, self.repository, blob)
        hashed = hashlib.new(blob.digest.value.partition(":")[0])
        size = 0
        with self.client.open(ask) as (answer, pieces):
            if absent(answer):
                return MISSING
            if answer.status != 200:
                raise self.client.refused(ask, answer)
            for piece in pieces:
                size += len(piece)
                hashed.update(piece)
                if size > blob.size:
                    return CORRUPT
        right = size == blob.size and hashed.hexdigest() == blob.digest.hex
        return None if right else CORRUPT
