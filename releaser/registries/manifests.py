"""What a manifest or an index says, read from bytes that a registry sent.

The bytes are never changed, only looked into, and only as far as is needed: what they are, which
blobs and which other manifests they need. A document that can be read in two ways (a manifest that
is also an index: CVE-2021-41190; a key that stands twice) is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from releaser.core.oci import Digest, Manifest
from releaser.errors import SpecError

MAX_MANIFEST = 4 * 1024 * 1024
MAX_ENTRIES = 5000

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEXES = frozenset({OCI_INDEX, DOCKER_INDEX})
KNOWN = INDEXES | {OCI_MANIFEST, DOCKER_MANIFEST}
CONFIGS = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    }
)
ACCEPT = f"{OCI_INDEX}, {OCI_MANIFEST}, {DOCKER_INDEX}, {DOCKER_MANIFEST}"

_FOREIGN = ("application/vnd.docker.image.rootfs.foreign.", "application/vnd.oci.image.layer.nond")
"""Layers that registries need not hold; their ``urls`` are never followed."""


class MalformedError(Exception):
    """The bytes are no manifest that we can use; the text says why."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest says of a blob: its digest, its size in bytes, and what it is."""

    digest: Digest
    size: int
    media_type: str

    @property
    def foreign(self) -> bool:
        """Whether a registry may lack it."""
        return self.media_type.startswith(_FOREIGN)


def parse(body: bytes, content_type: str) -> Manifest:
    """The manifest in ``body``, which came as ``content_type`` (a header; it may be empty).

    :raises MalformedError: where it is none, is ambiguous or of a kind that we do not know.
    """
    document = _document(body)
    media_type = _media_type(document, content_type)
    about = document.get("subject")
    subject = _descriptor(about).digest if about is not None else None
    if media_type in INDEXES:
        listed = _list(document, "manifests")
        children = tuple(d.digest for d in listed)
        inner = tuple(d.digest for d in listed if d.media_type in INDEXES)
        return Manifest(media_type, body, None, children, inner, subject)
    config = _descriptor(document.get("config")).digest
    return Manifest(media_type, body, config, subject=subject)


def blobs(manifest: Manifest) -> tuple[Descriptor, ...]:
    """The blobs that a registry must hold before it takes ``manifest``, each once; no foreign ones.

    :raises MalformedError: as :func:`parse`.
    """
    if manifest.media_type in INDEXES:
        return ()
    document = _document(manifest.body)
    found = (_descriptor(document.get("config")), *_list(document, "layers"))
    return tuple({d.digest: d for d in found if not d.foreign}.values())


def artifact_type(manifest: Manifest) -> str | None:
    """What ``manifest`` says that it is; ``None`` where it says nothing, as images do."""
    kind = _document(manifest.body).get("artifactType")
    return kind if isinstance(kind, str) else None


def entry(manifest: Manifest) -> dict[str, object]:
    """What a list of referrers says of ``manifest`` (distribution specification, "Listing
    Referrers"): its descriptor, what kind of artifact it is, and its annotations."""
    document = _document(manifest.body)
    found: dict[str, object] = {
        "mediaType": manifest.media_type,
        "digest": str(manifest.digest),
        "size": len(manifest.body),
    }
    config = document.get("config")
    kind = document.get("artifactType")
    if not kind and isinstance(config, dict):
        kind = config.get("mediaType")
    annotations = document.get("annotations")
    found |= {"artifactType": kind} if isinstance(kind, str) and kind else {}
    return found | ({"annotations": annotations} if isinstance(annotations, dict) else {})


def listing(entries: Iterable[object]) -> Manifest:
    """The index that lists ``entries``, the same for the same ones."""
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries)}
    body = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return parse(body, OCI_INDEX)


def entries(index: Manifest) -> list[object]:
    """What ``index`` lists, as it stands there."""
    return _entries(_document(index.body), "manifests")


def image_config(manifest: Manifest) -> Descriptor | None:
    """An image's configuration; ``None`` of an index, and of an artifact that is no image."""
    if manifest.media_type in INDEXES:
        return None
    config = _descriptor(_document(manifest.body).get("config"))
    return config if config.media_type in CONFIGS else None


def first_image(index: Manifest) -> Digest | None:
    """The first manifest in ``index`` that is for a platform; an attestation is for none."""
    for entry in _entries(_document(index.body), "manifests"):
        found = _descriptor(entry)
        if found.media_type in KNOWN and _may_be_an_image(entry):
            return found.digest
    return None


def _may_be_an_image(entry: object) -> bool:
    if not isinstance(entry, dict) or entry.get("artifactType"):
        return False
    platform = entry.get("platform")  # optional: the image's configuration has it as well
    return not (
        isinstance(platform, dict)
        and platform.get("os") == platform.get("architecture") == "unknown"
    )


def _document(body: bytes) -> Mapping[str, object]:
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise MalformedError("it is not the JSON of a manifest") from None
    if not isinstance(document, dict):
        raise MalformedError("it is not a JSON object")
    _check_names(document)
    return document


def _check_names(item: Mapping[str, object]) -> None:
    # Go reads "Layers" for "layers", and of both the last one; we would see only the one
    if len({name.casefold() for name in item}) != len(item):
        raise MalformedError("two names in it differ in case only")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError
    return made


def _media_type(document: Mapping[str, object], content_type: str) -> str:
    header = content_type.partition(";")[0].strip().lower()
    inside = document.get("mediaType") or _shape(document)
    if document.get("schemaVersion") != 2:
        raise MalformedError("it is a manifest of an old schema")
    if not isinstance(inside, str) or inside not in KNOWN:
        raise MalformedError("it is a manifest of an unknown kind")
    if header in KNOWN and header != inside and document.get("mediaType"):
        raise MalformedError(f"it was sent as {header} and calls itself {inside}")
    kind = header if header in KNOWN and not document.get("mediaType") else inside
    if ("manifests" in document) != (kind in INDEXES) or ("layers" in document) == (
        kind in INDEXES
    ):
        raise MalformedError("it is both a manifest and an index, or neither")
    return kind


def _shape(document: Mapping[str, object]) -> str:
    # "mediaType" is optional in OCI documents (image-spec, "Image Manifest Property Descriptions")
    return OCI_INDEX if "manifests" in document else OCI_MANIFEST


def _list(document: Mapping[str, object], name: str) -> tuple[Descriptor, ...]:
    return tuple(_descriptor(entry) for entry in _entries(document, name))


def _entries(document: Mapping[str, object], name: str) -> list[object]:
    entries = document.get(name)
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        raise MalformedError(f'its "{name}" is no list, or a list that is too long')
    return entries


def _descriptor(entry: object) -> Descriptor:
    if not isinstance(entry, dict):
        raise MalformedError("a descriptor in it is no JSON object")
    _check_names(entry)
    digest, size, kind = entry.get("digest"), entry.get("size"), entry.get("mediaType", "")
    if not isinstance(digest, str) or not isinstance(kind, str):
        raise MalformedError("a descriptor in it has no digest")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 50:
        raise MalformedError("a descriptor in it has no proper size")
    try:
        return Descriptor(Digest(digest), size, kind)
    except SpecError:  # whose words would quote it
        raise MalformedError("a descriptor in it has no proper digest") from None
