"""Which platforms an image exists for: its index lists them, or its configuration says the one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from releaser.core.oci import Manifest, Platform, Repository
from releaser.registries import manifests
from releaser.registries.blobs import read_blob
from releaser.registries.client import Client
from releaser.registries.hosts import Endpoint
from releaser.registries.labels import MAX_CONFIG


def read_platforms(
    client: Client, at: Endpoint, repository: Repository, manifest: Manifest
) -> tuple[Platform, ...]:
    """The platforms of ``manifest``, sorted; a registry is asked only where it is no index.

    :raises RegistryError: also where the image's configuration is not there.
    """
    config = manifests.image_config(manifest)
    if config is not None:
        body = read_blob(client, at, repository, config, MAX_CONFIG)
        described: list[object] = [_object(body)]
    else:
        described = list(_listed(manifest.body))
    found = {Platform.described(one) for one in described}
    return tuple(sorted((one for one in found if one), key=str))


def _listed(index: bytes) -> Iterator[object]:
    """What an index says of the platform of each of its manifests; an artifact lists none."""
    entries = _object(index).get("manifests")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            yield entry.get("platform")


def _object(content: bytes) -> Mapping[str, object]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
