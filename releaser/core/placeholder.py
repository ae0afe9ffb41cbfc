"""What a tag is moved to before it is deleted, where a registry deletes manifests by digest only.

It is made from the tag's name alone. So its digest is known without asking, no other tag ever names
it, and one that was left behind by a removal that did not end is told from an image at no cost.
"""

from __future__ import annotations

import json

from releaser.core.oci import Digest, Manifest, Reference, Tag

EMPTY = "application/vnd.oci.empty.v1+json"
CONTENT = b"{}"
"""The only blob of a placeholder (OCI image specification, "Guidance for an empty descriptor")."""

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def placeholder(tag: Tag) -> Manifest:
    """The placeholder of a tag."""
    entry = {"mediaType": EMPTY, "digest": str(Digest.of(CONTENT)), "size": len(CONTENT)}
    document = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "artifactType": EMPTY,
        "config": entry,
        "layers": [entry],
        "annotations": {"dev.releaser.removed": str(tag)},
    }
    body = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return Manifest(_MANIFEST, body, Digest.of(CONTENT))


def is_placeholder(reference: Reference, digest: Digest | None) -> bool:
    """Whether a tag names its own placeholder: it was being removed, and counts as absent."""
    tag = reference.tag if reference.digest is None else None
    return tag is not None and digest is not None and placeholder(tag).digest == digest
