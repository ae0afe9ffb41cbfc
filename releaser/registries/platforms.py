"""Which platforms an image exists for: its index lists them, or its configuration says the one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from releaser.core.oci import Digest, Manifest, Platform, Repository
from releaser.registries.authority import pull
from releaser.registries.client import Ask, Client
from releaser.registries.hosts import Endpoint
from releaser.registries.manifests import MAX_MANIFEST
from releaser.registries.reading import matches
from releaser.registries.refusals import unusable


def read_platforms(
    client: Client, at: Endpoint, repository: Repository, manifest: Manifest
) -> tuple[Platform, ...]:
    """The platforms of ``manifest``, sorted; a registry is asked only where it is no index."""
    if manifest.config is None:
        described = list(_listed(manifest.body))
    else:
        described = [_object(_config(client, at, repository, manifest.config))]
    found = {Platform.described(one) for one in described}
    return tuple(sorted((one for one in found if one), key=str))


def _listed(index: bytes) -> Iterator[object]:
    """What an index says of the platform of each of its manifests."""
    entries = _object(index).get("manifests")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            yield entry.get("platform")


def _config(client: Client, at: Endpoint, repository: Repository, digest: Digest) -> bytes:
    path = repository.path
    doing = f"read the configuration {digest.short} of {path}"
    ask = Ask(at, "GET", f"{path}/blobs/{digest}", (pull(path),), doing, limit=MAX_MANIFEST)
    answer = client.call(ask)
    if answer.status != 200:
        raise client.refused(ask, answer)
    if not matches(answer.body, digest):
        raise unusable(at.registry, doing, "what it sent does not have its digest")
    return answer.body


def _object(content: bytes) -> Mapping[str, object]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
