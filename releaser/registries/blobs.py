"""Blobs, which manifests are made of: read whole, uploaded, uploaded anew where they got lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from releaser.core.oci import Manifest, Reference, Repository
from releaser.errors import RegistryError
from releaser.registries.authority import pull, push
from releaser.registries.client import Ask, Client
from releaser.registries.hosts import Endpoint, RefusedAddressError, follow
from releaser.registries.manifests import Descriptor
from releaser.registries.reading import CORRUPT, CORRUPTED, matches
from releaser.registries.refusals import unusable
from releaser.registries.transport import Answer, Body
from releaser.registries.writing import write_manifest

SLOWEST = 10_000
"""Bytes a second below which a transfer is given up."""

_LOST = frozenset({"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN"})


def blob_ask(at: Endpoint, repository: Repository, blob: Descriptor) -> Ask:
    """The question for a blob's bytes; how many are read is its size."""
    path = repository.path
    return Ask(
        at,
        "GET",
        f"{path}/blobs/{blob.digest}",
        (pull(path),),
        f"read blob {blob.digest.short} of {path}",
        limit=blob.size,
        seconds=transfer_seconds(blob),
    )


def read_blob(
    client: Client, at: Endpoint, repository: Repository, blob: Descriptor, limit: int
) -> bytes:
    """The bytes of ``blob``; one more try where their hash is wrong.

    :raises RegistryError: also where it is not there, or larger than ``limit`` bytes.
    """
    ask = blob_ask(at, repository, blob)
    if blob.size > limit:
        raise unusable(at.registry, ask.doing, f"it is larger than {limit} bytes")
    for _ in range(2):
        answer = client.persist(at, lambda: client.once(ask), seconds=ask.seconds)
        if answer.status != 200:
            raise client.refused(ask, answer)
        if matches(answer.body, blob.digest):
            return answer.body
    raise unusable(at.registry, ask.doing, CORRUPT, reason=CORRUPTED)


def transfer_seconds(blob: Descriptor) -> float:
    """How long one try to move ``blob`` may take."""
    return 60.0 + blob.size / SLOWEST


@dataclass(frozen=True, slots=True)
class Uploads:
    """A repository that blobs are uploaded to, and then the manifests that need them."""

    client: Client
    at: Endpoint
    repository: Repository

    def upload(self, blob: Descriptor, content: bytes) -> None:
        """Store ``content``, which ``blob`` describes, in as many tries as are sensible."""
        self.client.persist(
            self.at,
            lambda: self.send(blob, self.begin(blob), content),
            seconds=transfer_seconds(blob),
        )

    def begin(self, blob: Descriptor) -> str:
        """Where the registry wants ``blob`` to be sent; a single try."""
        ask = self.ask("POST", "blobs/uploads/", f"accept blob {blob.digest.short}")
        answer = self.client.once(ask)
        if answer.status != 202:
            raise self.client.refused(ask, answer)
        return self.location(ask, answer)

    def location(self, ask: Ask, answer: Answer) -> str:
        """The address that ``answer`` names for an upload."""
        try:
            return follow(answer.url, answer.headers.get("Location"))
        except RefusedAddressError as error:
            raise unusable(ask.at.registry, ask.doing, f"its upload location: {error}") from None

    def send(self, blob: Descriptor, location: str, body: bytes | Body) -> None:
        """Send all of ``blob`` to ``location``; a single try."""
        place = location.partition("#")[0]
        url = f"{place}{'&' if '?' in place else '?'}digest={quote(str(blob.digest))}"
        headers: Mapping[str, str] = {"Content-Type": "application/octet-stream"}
        doing = f"store blob {blob.digest.short} in {self.repository.path}"
        scopes = (push(self.repository.path),)
        seconds = transfer_seconds(blob)
        ask = Ask(self.at, "PUT", "", scopes, doing, headers, body, seconds=seconds, url=url)
        answer = self.client.once(ask)
        if not 200 <= answer.status < 300:
            raise _session_lost(self.client.refused(ask, answer))

    def write(self, to: Reference, manifest: Manifest, bring: Callable[[], None]) -> None:
        """Write ``manifest``; where its blobs got lost meanwhile, ``bring`` them again, twice."""
        for _ in range(2):
            try:
                return write_manifest(self.client, self.at, to, manifest)
            except RegistryError as error:
                if error.reason not in _LOST:
                    raise
            bring()
        return write_manifest(self.client, self.at, to, manifest)

    def ask(self, method: str, path: str, what: str, *more: str) -> Ask:
        """A question to the repository with the right to write, and with ``more`` scopes."""
        there = self.repository.path
        scopes = (push(there), *more)
        return Ask(self.at, method, f"{there}/{path}", scopes, f"{what} in {there}")


def _session_lost(error: RegistryError) -> RegistryError:
    # the upload is gone, the blob can be sent in a new one (distribution specification, code-8/416)
    error.retryable = error.retryable or error.status in {404, 416}
    return error
