"""The labels of an image, which stand in its configuration: a blob that its manifest names."""

from __future__ import annotations

import json
from collections.abc import Mapping

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


def read_labels(client: Client, at: Endpoint, reference: Reference) -> Mapping[str, str] | None:
    """The labels of the image that ``reference`` names; ``None`` where there is no image.

    :raises RegistryError: also where the image is there in part only, or is malformed.
    """
    manifest = _image(client, at, reference)
    config = manifests.image_config(manifest) if manifest else None
    if config is None:
        return None
    body = read_blob(client, at, reference.repository, config, MAX_CONFIG)
    document = _parsed(body)
    if not isinstance(document, dict):
        doing = f"read the configuration of {reference.repository.path}"
        raise unusable(at.registry, doing, "it is not the JSON of an image")
    return _labels(document)


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
