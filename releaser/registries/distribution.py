"""Registries through the OCI distribution API (specification 1.1), as the program sees them."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from threading import Lock
from typing import TYPE_CHECKING

from releaser.core.oci import Digest, Flaw, Manifest, Platform, Reference, Repository, Tag
from releaser.core.placeholder import is_placeholder
from releaser.logins.finding import DockerLogins
from releaser.logins.login import Logins
from releaser.registries.hosts import Endpoint, endpoint
from releaser.registries.retry import Clock, Patience

if TYPE_CHECKING:
    from releaser.registries.client import Client

IDLE_SECONDS = 30.0
"""How long a registry may be silent in the middle of an exchange."""


class Distribution:
    """All registries; implements :class:`releaser.interfaces.Registry`; callable from many threads.

    ``insecure`` are the hosts (``host`` or ``host:port``) that are spoken to in plain http, besides
    this machine itself. ``logins`` are Docker's by default. ``realms`` are hosts of token services
    that may be shown a login although they are not under the registry's own domain; by default
    those in ``RELEASER_AUTH_REALMS`` (separated by commas). Where ``fresh``, caches on the way are
    asked to keep out of it.

    Beyond what the interface says, :meth:`put`, :meth:`copy` and :meth:`write_record` raise
    :class:`~releaser.errors.UnknownError` where writes and reads contradict each other to the end.
    """

    def __init__(
        self,
        *,
        insecure: frozenset[str] = frozenset(),
        logins: Logins | None = None,
        realms: frozenset[str] | None = None,
        patience: Patience | None = None,
        clock: Clock | None = None,
        idle: float | None = None,
        fresh: bool = False,
    ) -> None:
        self._logins = logins
        self._realms = _realms_of_environment() if realms is None else realms
        self._patience = patience or Patience()
        self._clock = clock or Clock()
        self._idle = idle or IDLE_SECONDS
        self._fresh = fresh
        self._insecure = insecure
        self._made: Client | None = None
        self._making = Lock()

    @property
    def _client(self) -> Client:
        """Made when a registry is first asked: what it needs takes long to import."""
        with self._making:
            if self._made is None:
                from releaser.registries.authority import Authority
                from releaser.registries.client import Client
                from releaser.registries.transport import Transport

                transport = Transport(idle=self._idle)
                logins = self._logins or DockerLogins(os.environ)
                authority = Authority(transport, logins, self._realms, self._clock)
                self._made = Client(
                    transport, authority, self._patience, self._clock, fresh=self._fresh
                )
            return self._made

    def check_push(self, repository: Repository) -> None:
        """Raise where a push to ``repository`` would be refused; an upload is begun and cancelled.

        :raises SetupError: where the registry forbids it, rejects us or cannot be reached.
        """
        from releaser.registries.writing import check_push

        check_push(self._client, self._at(repository), repository)

    def digest(self, reference: Reference) -> Digest | None:
        """What ``reference`` names, as the registry says; ``None`` where it does not exist."""
        from releaser.registries.reading import read_digest

        found = read_digest(self._client, self._at(reference.repository), reference)
        return None if is_placeholder(reference, found) else found

    def manifest(self, reference: Reference) -> Manifest | None:
        """The bytes behind ``reference`` (at most 4 MiB), hashed and looked into."""
        from releaser.registries.reading import read_manifest

        found = read_manifest(self._client, self._at(reference.repository), reference)
        return None if found and is_placeholder(reference, found.digest) else found

    def platforms(self, repository: Repository, manifest: Manifest) -> tuple[Platform, ...]:
        """The platforms that ``manifest`` exists for, sorted; empty where nothing tells."""
        from releaser.registries.platforms import read_platforms

        return read_platforms(self._client, self._at(repository), repository, manifest)

    def tags(self, repository: Repository) -> tuple[str, ...]:
        """All tags of ``repository``, sorted; empty where it does not exist."""
        from releaser.registries.reading import read_tags

        return read_tags(self._client, self._at(repository), repository)

    def put(self, repository: Repository, tag: Tag, manifest: Manifest) -> None:
        """Let ``tag`` name ``manifest``; returns when a GET has returned exactly its bytes.

        :raises UnknownError: where nobody can say whether it does.
        """
        from releaser.registries.writing import write_manifest

        write_manifest(self._client, self._at(repository), repository.tagged(tag), manifest)

    def copy(self, source: Reference, to: Repository, tag: Tag | None) -> Digest:
        """Copy an image or an index with all that it consists of; the digest stays what it was.

        :raises UnknownError: as :meth:`put`.
        """
        from releaser.registries.copying import Side, copy_image

        side = Side(self._at(to), to)
        return copy_image(self._client, source, self._at(source.repository), side, tag)

    def read_record(self, reference: Reference) -> bytes | None:
        """What is kept under ``reference``, its digest checked, or ``None``; two requests."""
        from releaser.registries.records import read_record

        return read_record(self._client, self._at(reference.repository), reference)

    def write_record(self, reference: Reference, record: bytes) -> None:
        """Keep ``record`` under ``reference``; five requests, or one where it is there already.

        :raises UnknownError: as :meth:`put`.
        """
        from releaser.registries.records import write_record

        write_record(self._client, self._at(reference.repository), reference, record)

    def labels(self, reference: Reference) -> Mapping[str, str] | None:
        """The labels of an image, from its configuration; two requests, of an index three."""
        from releaser.registries.labels import read_labels

        return read_labels(self._client, self._at(reference.repository), reference)

    def created(self, reference: Reference) -> int | None:
        """When an image was made, from its configuration; requests as for :meth:`labels`."""
        from releaser.registries.labels import read_created

        return read_created(self._client, self._at(reference.repository), reference)

    def flaws(
        self, repository: Repository, manifest: Manifest, *, deep: bool = False
    ) -> tuple[Flaw, ...]:
        """What ``manifest`` needs and ``repository`` does not give; a request for each part."""
        from releaser.registries.checking import find_flaws

        return find_flaws(self._client, self._at(repository), repository, manifest, deep=deep)

    def referrers(self, repository: Repository, subject: Digest) -> tuple[Digest, ...]:
        """The manifests that refer to ``subject``, from the registry's list or a client's."""
        from releaser.registries.referrers import read_referrers

        return read_referrers(self._client, self._at(repository), repository, subject)

    def attach(self, source: Reference, to: Repository) -> Digest:
        """Copy what refers to another manifest, and see that it is listed there.

        :raises UnknownError: as :meth:`put`.
        """
        from releaser.registries.copying import Side
        from releaser.registries.referrers import attach

        side = Side(self._at(to), to)
        return attach(self._client, source, self._at(source.repository), side)

    def check_delete(self, repository: Repository) -> None:
        """Raise where a deletion would be refused: that of what cannot exist is asked for.

        :raises SetupError: where the registry does not delete, or does not let us.
        """
        from releaser.registries.deleting import check_delete

        check_delete(self._client, self._at(repository), repository)

    def untag(self, repository: Repository, tags: Collection[Tag]) -> bool:
        """Let ``tags`` name nothing, by deleting them or placeholders that they are moved to.

        :raises UnknownError: as :meth:`put`.
        """
        from releaser.registries.deleting import untag

        return untag(self._client, self._at(repository), repository, tags)

    def delete(self, repository: Repository, digest: Digest) -> None:
        """Delete a manifest, and every tag that names it."""
        from releaser.registries.deleting import delete_manifest

        delete_manifest(self._client, self._at(repository), repository, digest)

    def _at(self, repository: Repository) -> Endpoint:
        return endpoint(repository.registry, self._insecure)


def _realms_of_environment() -> frozenset[str]:
    value = os.environ.get("RELEASER_AUTH_REALMS", "")
    return frozenset(part.strip() for part in value.split(",") if part.strip())
