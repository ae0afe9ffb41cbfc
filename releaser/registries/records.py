"""Records: bytes of ours that a registry keeps under a tag, as an OCI artifact with one blob.

The artifact is made so that old registries take it too (CNCF distribution 2.8 knows nothing of
artifacts): an image manifest, all of whose parts are there. Its bytes depend upon the record alone,
so the same record is the same manifest, and whether it is there takes one question.
"""

from __future__ import annotations

import json

from releaser.core.oci import Digest, Manifest, Reference
from releaser.errors import RegistryError
from releaser.registries import manifests
from releaser.registries.authority import push
from releaser.registries.blobs import Uploads, read_blob
from releaser.registries.client import Client
from releaser.registries.hosts import Endpoint
from releaser.registries.manifests import OCI_MANIFEST, Descriptor
from releaser.registries.reading import read_manifest, read_now

RECORD = "application/vnd.releaser.record.v1"
RECORD_BLOB = f"{RECORD}+zlib"
MAX_RECORD = 16 * 1024 * 1024


def read_record(client: Client, at: Endpoint, reference: Reference) -> bytes | None:
    """What is kept under ``reference``; ``None`` where nothing is.

    :raises RegistryError: also where it is no record, too large or does not have its digest.
    """
    manifest = read_manifest(client, at, reference)
    if manifest is None:
        return None
    blob = _blob(manifest)
    if blob is None:
        raise RegistryError(f"{reference} is not a record of releaser")
    return read_blob(client, at, reference.repository, blob, MAX_RECORD)


def write_record(client: Client, at: Endpoint, to: Reference, record: bytes) -> None:
    """Keep ``record`` under ``to``, a tag; returns when a GET has shown its manifest there.

    :raises RegistryError: also where it is larger than could be read again;
        :class:`UnknownError` where reads and writes contradict each other to the end.
    """
    if len(record) > MAX_RECORD:
        raise RegistryError(
            f"the record for {to} is too large", details=(("most", f"{MAX_RECORD} bytes"),)
        )
    blob = Descriptor(Digest.of(record), len(record), RECORD_BLOB)
    manifest = _manifest(blob)
    if client.persist(at, lambda: read_now(client, at, to, push)) == manifest.body:
        return
    uploads = Uploads(client, at, to.repository)
    uploads.upload(blob, record)
    uploads.write(to, manifest, lambda: uploads.upload(blob, record))


def _manifest(blob: Descriptor) -> Manifest:
    entry = {"mediaType": blob.media_type, "digest": str(blob.digest), "size": blob.size}
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": RECORD,
        # one blob in both places: a manifest must have either, and two would be two uploads
        "config": entry,
        "layers": [entry],
    }
    body = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return Manifest(OCI_MANIFEST, body, blob.digest)


def _blob(manifest: Manifest) -> Descriptor | None:
    if manifests.artifact_type(manifest) != RECORD:
        return None
    try:
        blobs = manifests.blobs(manifest)
    except manifests.MalformedError:
        return None
    return blobs[0] if [blob.media_type for blob in blobs] == [RECORD_BLOB] else None
