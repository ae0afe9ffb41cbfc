"""What refers to a manifest: signatures, SBOMs and the like, which name it as their subject.

A registry lists them by itself (OCI distribution specification 1.1, "Listing Referrers"), or says
404: then whoever attaches something keeps the list, an index under the tag ``sha256-<digits>``
("Referrers Tag Schema"). Such a list is read, changed and written: nobody guards it meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator

from releaser.core.oci import Digest, Manifest, Reference, Repository, referrers_tag
from releaser.core.placeholder import is_placeholder
from releaser.errors import RegistryError
from releaser.registries import manifests
from releaser.registries.authority import pull
from releaser.registries.client import Ask, Client
from releaser.registries.copying import Side, copy_image
from releaser.registries.hosts import Endpoint
from releaser.registries.reading import MAX_PAGES, next_page, read_manifest, with_type
from releaser.registries.refusals import unusable
from releaser.registries.writing import write_manifest

MAX_REFERRERS = 1000
_NO_LIST = frozenset({400, 404, 405, 501})
"""What registries say that know nothing of referrers."""


def read_referrers(
    client: Client, at: Endpoint, repository: Repository, subject: Digest
) -> tuple[Digest, ...]:
    """The manifests of ``repository`` that refer to ``subject``, as the registry lists them.

    :raises RegistryError: also where there are more than a thousand.
    """
    listed = _listed(client, at, repository, subject)
    if listed is None:
        index = read_manifest(client, at, repository.tagged(referrers_tag(subject)))
        listed = index.children if index is not None else ()
    found = tuple(dict.fromkeys(listed))
    if len(found) > MAX_REFERRERS:
        raise unusable(at.registry, _doing(repository, subject), "the list has no end")
    return found


def attach(client: Client, source: Reference, from_: Endpoint, to: Side) -> Digest:
    """Copy what ``source`` names and see that it is listed as referring to its subject there.

    :raises RegistryError: also where ``source`` does not exist.
    """
    digest = copy_image(client, source, from_, to, None)
    manifest = read_manifest(client, to.at, to.repository.at(digest))
    if manifest is None:
        at = to.repository.at(digest)
        raise RegistryError(f"{at} was copied and is not there", hint="run it again")
    if manifest.subject is not None:
        _list(client, to, manifest.subject, manifest)
    return digest


def _list(client: Client, to: Side, subject: Digest, manifest: Manifest) -> None:
    """Add ``manifest`` to the list under the tag of its subject, where the registry keeps none."""
    if _listed(client, to.at, to.repository, subject) is not None:
        return
    place = to.repository.tagged(referrers_tag(subject))
    index = read_manifest(client, to.at, place)
    if index is not None and is_placeholder(place, index.digest):
        index = None
    if index is not None and index.media_type not in manifests.INDEXES:
        raise unusable(to.at.registry, _doing(to.repository, subject), f"{place} is no list")
    if index is not None and manifest.digest in index.children:
        return
    before = manifests.entries(index) if index is not None else []
    write_manifest(client, to.at, place, manifests.listing([*before, manifests.entry(manifest)]))


def _listed(
    client: Client, at: Endpoint, repository: Repository, subject: Digest
) -> tuple[Digest, ...] | None:
    """What the registry lists by itself; ``None`` where it keeps no lists."""
    found: list[Digest] = []
    for index in _pages(client, at, repository, subject):
        if index is None:
            return None
        found += index.children
        if len(found) > MAX_REFERRERS:
            raise unusable(at.registry, _doing(repository, subject), "the list has no end")
    return tuple(found)


def _pages(
    client: Client, at: Endpoint, repository: Repository, subject: Digest
) -> Iterator[Manifest | None]:
    path = repository.path
    url = f"{at.base}{path}/referrers/{subject}"
    headers = {"Accept": manifests.OCI_INDEX}
    seen: set[str] = set()
    while url:
        if url in seen or len(seen) == MAX_PAGES:
            raise unusable(at.registry, _doing(repository, subject), "the list has no end")
        seen.add(url)
        doing = _doing(repository, subject)
        limit = manifests.MAX_MANIFEST
        ask = Ask(at, "GET", "", (pull(path),), doing, headers, limit=limit, url=url)
        answer = client.call(ask)
        if answer.status in _NO_LIST:
            yield None
            return
        if answer.status != 200:
            raise client.refused(ask, answer)
        try:
            yield manifests.parse(answer.body, manifests.OCI_INDEX)
        except manifests.MalformedError as error:
            raise with_type(unusable(at.registry, doing, str(error)), answer) from None
        url = next_page(ask, answer)


def _doing(repository: Repository, subject: Digest) -> str:
    return f"list what refers to {repository.path}@{subject.short}"
