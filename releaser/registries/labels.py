"""What an image says of itself in its configuration, a blob that its manifest names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from releaser.core.oci import Manifest, Reference
from releaser.errors import RegistryError
from releaser.registries import manifests
from releaser.registries.blobs import read_blob
from releaser.registries.client import Client
from releaser.registries.hosts import Endpoint
from releaser.registries.reading import read_manifest
from releaser.registries.refusals import unusable

MAX_CONFIG = 4 * 1024 * 1024
MAX_DEPTH = 4
EARLIEST = 1980


def read_labels(client: Client, at: Endpoint, reference: Reference) -> Mapping[str, str] | None:
    """The labels of the image that ``reference`` names; ``None`` where there is no image.

    :raises RegistryError: also where the image is there in part only, or is malformed.
    """
    document = _configuration(client, at, reference)
    return None if document is None else _labels(document)


def read_created(client: Client, at: Endpoint, reference: Reference) -> int | None:
    """When the image that ``reference`` names was made, in seconds since 1970, as it says itself.

    ``None`` where there is no image, or it does not say; years before 1980 say nothing, since they
    are what reproducible builds write.

    :raises RegistryError: as :func:`read_labels`.
    """
    said = (_configuration(client, at, reference) or {}).get("created")
    try:
        moment = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
    if moment is None or moment.year < EARLIEST:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _configuration(
    client: Client, at: Endpoint, reference: Reference
) -> Mapping[str, object] | None:
    manifest = _image(client, at, reference)
    config = manifests.image_config(manifest) if manifest else None
    if config is None:
        return None
    body = read_blob(client, at, reference.repository, config, MAX_CONFIG)
    document = _parsed(body)
    if not isinstance(document, dict):
        doing = f"read the configuration of {reference.repository.path}"
        raise unusable(at.registry, doing, "it is not the JSON of an image")
    return document


def _image(client: Client, at: Endpoint, reference: Reference) -> Manifest | None:
    """What ``reference`` names; where that is an index, the manifest of its first image."""
    manifest = read_manifest(client, at, reference)
    for _ in range(MAX_DEPTH + 1):
        if manifest is None or manifest.media_type not in manifests.INDEXES:
            return manifest
        digest = manifests.first_image(manifest)
        if digest is None:
            return None
        child = reference.repository.at(digest)
        manifest = read_manifest(client, at, child)
        if manifest is None:
            raise RegistryError(f"{child} does not exist", status=404, reason="MANIFEST_UNKNOWN")
    raise unusable(at.registry, f"read {reference.repository.path}", "the index has no end")


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def _labels(document: Mapping[str, object]) -> Mapping[str, str]:
    config = document.get("config")
    labels = config.get("Labels") if isinstance(config, dict) else None
    if not isinstance(labels, dict):
        return {}
    return {name: label for name, label in labels.items() if isinstance(label, str)}
