"""Registries in memory: what the interface promises, scripted failures, and a record of calls."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from releaser.core.oci import (
    Digest,
    Flaw,
    Manifest,
    Platform,
    Reference,
    Repository,
    Tag,
    referrers_tag,
)
from releaser.core.placeholder import CONTENT, is_placeholder, placeholder
from releaser.errors import RegistryError, ReleaserError, SetupError

IMAGE_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
RECORD_TYPE = "application/vnd.releaser.record.v1"
MAX_RECORD = 16 * 1024 * 1024


@dataclass(frozen=True)
class Image:
    """A manifest or an index, and all that it consists of."""

    manifest: Manifest
    blobs: Mapping[Digest, bytes] = field(default_factory=dict)
    children: tuple[Image, ...] = ()

    @property
    def digest(self) -> Digest:
        return self.manifest.digest


def image(
    text: str = "hello",
    *,
    layers: int = 1,
    labels: Mapping[str, str] | None = None,
    created: str | None = None,
) -> Image:
    """An image whose layers hold ``text``: the same text, the same digest."""
    contents = [f"{text} {number}".encode() for number in range(layers)]
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": dict(labels or {})},
            **({"created": created} if created else {}),
            "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(c)) for c in contents]},
        }
    )
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_TYPE,
        "config": descriptor(config, CONFIG_TYPE),
        "layers": [descriptor(c, "application/vnd.oci.image.layer.v1.tar") for c in contents],
    }
    manifest = Manifest(IMAGE_TYPE, _json(document), Digest.of(config))
    return Image(manifest, {Digest.of(blob): blob for blob in (config, *contents)})


def index(*images: Image, attested: bool = False) -> Image:
    """An index over ``images``, the first one for amd64, the others for made-up platforms.

    ``attested`` puts an attestation before them, in the way of BuildKit.
    """
    platforms = ["amd64", *(f"cpu{n}" for n in range(1, len(images)))]
    entries = [_entry(child, "linux", cpu) for child, cpu in zip(images, platforms, strict=False)]
    if attested:
        images = (image("attestation", labels={"of": "nothing"}), *images)
        entries.insert(0, _entry(images[0], "unknown", "unknown"))
    document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}
    children = tuple(child.digest for child in images)
    inner = tuple(child.digest for child in images if child.manifest.media_type == INDEX_TYPE)
    return Image(Manifest(INDEX_TYPE, _json(document), None, children, inner), {}, images)


def signature(of: Image, text: str = "signed") -> Image:
    """An artifact that refers to ``of``."""
    content = text.encode()
    blob = descriptor(content, "application/vnd.example.signature")
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_TYPE,
        "artifactType": "application/vnd.example.signature",
        "config": blob,
        "layers": [blob],
        "subject": descriptor(of.manifest.body, of.manifest.media_type),
    }
    digest = Digest.of(content)
    manifest = Manifest(IMAGE_TYPE, _json(document), digest, subject=of.digest)
    return Image(manifest, {digest: content})


def listing(*signatures: Image) -> Image:
    """The list of referrers that clients keep where a registry keeps none."""
    entries = [descriptor(one.manifest.body, one.manifest.media_type) for one in signatures]
    document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}
    children = tuple(one.digest for one in signatures)
    return Image(Manifest(INDEX_TYPE, _json(document), None, children), {}, signatures)


def artifact(content: bytes) -> Image:
    """What a registry holds of a record."""
    blob = descriptor(content, f"{RECORD_TYPE}+zlib")
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_TYPE,
        "artifactType": RECORD_TYPE,
        "config": blob,
        "layers": [blob],
    }
    digest = Digest.of(content)
    return Image(Manifest(IMAGE_TYPE, _json(document), digest), {digest: content})


def _entry(child: Image, os: str, architecture: str) -> dict[str, object]:
    platform = {"os": os, "architecture": architecture}
    return {**descriptor(child.manifest.body, child.manifest.media_type), "platform": platform}


def descriptor(content: bytes, media_type: str) -> dict[str, object]:
    """What a manifest says of ``content``."""
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}


@dataclass(frozen=True)
class Call:
    """A method's name and what it was called with: a reference or a repository, as text."""

    method: str
    subject: str


@dataclass
class _Repository:
    blobs: dict[Digest, bytes] = field(default_factory=dict)
    manifests: dict[Digest, Manifest] = field(default_factory=dict)
    tags: dict[str, Digest] = field(default_factory=dict)


@dataclass
class _Fault:
    method: str
    subject: str
    error: ReleaserError
    times: int | None
    after: bool


class FakeRegistry:
    """All registries, in memory; callable from many threads.

    Like a real one it refuses a manifest whose blobs or children it lacks. ``calls`` has every call
    of the interface's methods in the order in which they came. ``lists_referrers`` tells whether it
    does so itself, ``deletes`` whether it deletes at all, ``deletes_tags`` whether it deletes a tag
    by its name, or manifests alone with every tag that names them.
    """

    def __init__(
        self, *, lists_referrers: bool = True, deletes: bool = True, deletes_tags: bool = True
    ) -> None:
        self.lists_referrers = lists_referrers
        self.deletes = deletes
        self.deletes_tags = deletes_tags
        self.calls: list[Call] = []
        self.repositories: dict[Repository, _Repository] = {}
        self._faults: list[_Fault] = []
        self._lock = threading.RLock()

    # -- what a test arranges and looks at

    def seed(self, reference: Reference | str, content: Image) -> Digest:
        """Let ``reference`` name ``content``, complete; not recorded as a call."""
        at = Reference.parse(reference) if isinstance(reference, str) else reference
        with self._lock:
            held = self._hold(at.repository)
            self._fill(held, content)
            if at.tag:
                held.tags[at.tag.value] = content.digest
        return content.digest

    def seed_image(self, reference: Reference | str, text: str = "hello") -> Digest:
        """Let ``reference`` name a small image; the same text, the same digest."""
        return self.seed(reference, image(text))

    def fail(
        self,
        method: str,
        subject: str,
        error: ReleaserError,
        *,
        times: int | None = 1,
        after: bool = False,
    ) -> None:
        """Let the next ``times`` calls (``None``: all) of ``method`` raise ``error``.

        ``subject`` is a reference or repository in full, or ``"*"``. ``after`` lets the call have
        its effect first, as when an acknowledgement gets lost.
        """
        self._faults.append(_Fault(method, subject, error, times, after))

    def heal(self) -> None:
        """Forget all failures that were asked for."""
        self._faults.clear()

    def tag_of(self, reference: str) -> Digest | None:
        """What a tag names now; not recorded as a call."""
        at = Reference.parse(reference)
        return self._find(at)

    def named(self) -> dict[str, str]:
        """What every tag names."""
        with self._lock:
            return {
                f"{repository}:{tag}": str(digest)
                for repository, held in self.repositories.items()
                for tag, digest in held.tags.items()
            }

    def called(self, method: str) -> list[str]:
        """The subjects of all calls of ``method`` so far."""
        with self._lock:
            return [call.subject for call in self.calls if call.method == method]

    def twin(self) -> FakeRegistry:
        """Another one that holds the same, and whose calls do not count here."""
        made = FakeRegistry(
            lists_referrers=self.lists_referrers,
            deletes=self.deletes,
            deletes_tags=self.deletes_tags,
        )
        with self._lock:
            for name, held in self.repositories.items():
                made.repositories[name] = _Repository(
                    dict(held.blobs), dict(held.manifests), dict(held.tags)
                )
        return made

    # -- the interface

    def check_push(self, repository: Repository) -> None:
        self._enter("check_push", repository)
        self._leave("check_push", repository)

    def digest(self, reference: Reference) -> Digest | None:
        self._enter("digest", reference)
        found = self._find(reference)
        self._leave("digest", reference)
        return found

    def manifest(self, reference: Reference) -> Manifest | None:
        self._enter("manifest", reference)
        found = self._manifest(reference)
        self._leave("manifest", reference)
        return found

    def platforms(self, repository: Repository, manifest: Manifest) -> tuple[Platform, ...]:
        self._enter("platforms", repository)
        document = json.loads(manifest.body)
        said = [entry.get("platform", {}) for entry in document.get("manifests", ())]
        if manifest.config:
            with self._lock:
                said = [json.loads(self._hold(repository).blobs[manifest.config])]
        named = [one for one in said if one.get("os", "unknown") != "unknown"]
        found = {Platform.canonical(one["os"], one["architecture"]) for one in named}
        self._leave("platforms", repository)
        return tuple(sorted(found, key=str))

    def tags(self, repository: Repository) -> tuple[str, ...]:
        self._enter("tags", repository)
        with self._lock:
            held = self.repositories.get(repository)
            found = tuple(sorted(held.tags)) if held else ()
        self._leave("tags", repository)
        return found

    def put(self, repository: Repository, tag: Tag, manifest: Manifest) -> None:
        subject = repository.tagged(tag)
        self._enter("put", subject)
        self._put(repository, tag, manifest)
        self._leave("put", subject)

    def copy(self, source: Reference, to: Repository, tag: Tag | None) -> Digest:
        subject = to.tagged(tag) if tag else Reference(to, None, source.digest)
        self._enter("copy", subject)
        with self._lock:
            root = self._manifest(source)
            if root is None:
                raise RegistryError(
                    f"{source} does not exist", status=404, reason="MANIFEST_UNKNOWN"
                )
            self._transfer(self._hold(source.repository), self._hold(to), root)
            self._put(to, tag, root)
        self._leave("copy", subject)
        return root.digest

    def read_record(self, reference: Reference) -> bytes | None:
        self._enter("read_record", reference)
        found = self._record(reference)
        self._leave("read_record", reference)
        return found

    def write_record(self, reference: Reference, record: bytes) -> None:
        self._enter("write_record", reference)
        if len(record) > MAX_RECORD:
            raise RegistryError(f"the record for {reference} is too large")
        self.seed(reference, artifact(record))
        self._leave("write_record", reference)

    def labels(self, reference: Reference) -> Mapping[str, str] | None:
        self._enter("labels", reference)
        found = self._labels(reference)
        self._leave("labels", reference)
        return found

    def created(self, reference: Reference) -> int | None:
        self._enter("created", reference)
        said = (self._configuration(reference) or {}).get("created")
        self._leave("created", reference)
        return int(datetime.fromisoformat(str(said)).timestamp()) if said else None

    def flaws(
        self, repository: Repository, manifest: Manifest, *, deep: bool = False
    ) -> tuple[Flaw, ...]:
        self._enter("flaws", repository.at(manifest.digest))
        with self._lock:
            found = tuple(self._flaws(self._hold(repository), manifest, deep=deep))
        self._leave("flaws", repository.at(manifest.digest))
        return found

    def referrers(self, repository: Repository, subject: Digest) -> tuple[Digest, ...]:
        self._enter("referrers", repository.at(subject))
        with self._lock:
            held = self._hold(repository)
            if self.lists_referrers:
                found = [d for d, one in held.manifests.items() if one.subject == subject]
            else:
                listed = held.tags.get(str(referrers_tag(subject)))
                found = list(held.manifests[listed].children) if listed else []
        self._leave("referrers", repository.at(subject))
        return tuple(found)

    def attach(self, source: Reference, to: Repository) -> Digest:
        subject = Reference(to, None, source.digest)
        self._enter("attach", subject)
        with self._lock:
            manifest = self._manifest(source)
            if manifest is None:
                raise RegistryError(
                    f"{source} does not exist", status=404, reason="MANIFEST_UNKNOWN"
                )
            self._transfer(self._hold(source.repository), self._hold(to), manifest)
            self._put(to, None, manifest)
            if manifest.subject and not self.lists_referrers:
                self._list(to, manifest.subject, manifest)
        self._leave("attach", subject)
        return manifest.digest

    def check_delete(self, repository: Repository) -> None:
        self._enter("check_delete", repository)
        self._must_delete(repository)
        self._leave("check_delete", repository)

    def untag(self, repository: Repository, tags: Collection[Tag]) -> bool:
        subject = ",".join(str(repository.tagged(tag)) for tag in tags)
        self._enter("untag", subject)
        self._must_delete(repository)
        for tag in tags:
            if self.deletes_tags:
                with self._lock:
                    self._hold(repository).tags.pop(tag.value, None)
            else:
                self._bury(repository, tag)
        self._leave("untag", subject)
        return not self.deletes_tags

    def delete(self, repository: Repository, digest: Digest) -> None:
        self._enter("delete", repository.at(digest))
        self._must_delete(repository)
        self._drop(repository, digest)
        self._leave("delete", repository.at(digest))

    # -- inside

    def _bury(self, repository: Repository, tag: Tag) -> None:
        """As where manifests alone can be deleted; a fault of ``bury`` leaves the placeholder."""
        made = placeholder(tag)
        with self._lock:
            held = self._hold(repository)
            held.blobs[Digest.of(CONTENT)] = CONTENT
            held.manifests[made.digest] = made
            held.tags[tag.value] = made.digest
        self._strike("bury", repository.tagged(tag), after=False)
        self._drop(repository, made.digest)

    def _drop(self, repository: Repository, digest: Digest) -> None:
        """Delete a manifest, and all tags that name it."""
        with self._lock:
            held = self._hold(repository)
            held.manifests.pop(digest, None)
            for tag in [tag for tag, named in held.tags.items() if named == digest]:
                del held.tags[tag]

    def _must_delete(self, repository: Repository) -> None:
        if not self.deletes:
            raise SetupError(f"registry {repository.registry} does not delete")

    def _list(self, to: Repository, subject: Digest, manifest: Manifest) -> None:
        held = self._hold(to)
        place = str(referrers_tag(subject))
        before = held.manifests[held.tags[place]].children if place in held.tags else ()
        found = dict.fromkeys((*before, manifest.digest))
        listed = listing(*(Image(held.manifests[digest]) for digest in found))
        self._put(to, Tag(place), listed.manifest)

    def _flaws(self, held: _Repository, manifest: Manifest, *, deep: bool) -> Iterator[Flaw]:
        for digest in _blobs(manifest):
            if digest not in held.blobs:
                yield Flaw(digest, "is missing")
            elif Digest.of(held.blobs[digest]) != digest and (deep or digest == manifest.config):
                yield Flaw(digest, "is not what its digest says")
        for child in manifest.children:
            found = held.manifests.get(child)
            if found is None:
                yield Flaw(child, "is missing")
            else:
                yield from self._flaws(held, found, deep=deep)

    def _enter(self, method: str, subject: object) -> None:
        with self._lock:
            self.calls.append(Call(method, str(subject)))
        self._strike(method, subject, after=False)

    def _leave(self, method: str, subject: object) -> None:
        self._strike(method, subject, after=True)

    def _strike(self, method: str, subject: object, *, after: bool) -> None:
        with self._lock:
            for fault in self._faults:
                fits = fault.method == method and fault.subject in {"*", str(subject)}
                if fits and fault.after == after and fault.times != 0:
                    fault.times = None if fault.times is None else fault.times - 1
                    raise fault.error

    def _hold(self, repository: Repository) -> _Repository:
        return self.repositories.setdefault(repository, _Repository())

    def _fill(self, held: _Repository, content: Image) -> None:
        held.blobs.update(content.blobs)
        for child in content.children:
            self._fill(held, child)
        held.manifests[content.digest] = content.manifest

    def _find(self, reference: Reference) -> Digest | None:
        found = self._manifest(reference)
        return found.digest if found else None

    def _manifest(self, reference: Reference) -> Manifest | None:
        with self._lock:
            held = self.repositories.get(reference.repository)
            if held is None:
                return None
            digest = reference.digest or held.tags.get(reference.wanted)
            if is_placeholder(reference, digest):
                return None
            return held.manifests.get(digest) if digest else None

    def _record(self, reference: Reference) -> bytes | None:
        manifest = self._manifest(reference)
        if manifest is None:
            return None
        if json.loads(manifest.body).get("artifactType") != RECORD_TYPE:
            raise RegistryError(f"{reference} is not a record of releaser")
        return self._blob(reference, manifest)

    def _labels(self, reference: Reference) -> Mapping[str, str] | None:
        found = self._configuration(reference)
        return None if found is None else dict((found.get("config") or {}).get("Labels") or {})

    def _configuration(self, reference: Reference) -> Mapping[str, Any] | None:
        manifest = self._manifest(reference)
        if manifest is None:
            return None
        document = json.loads(manifest.body)
        if manifest.children:
            unknown = {"os": "unknown", "architecture": "unknown"}
            entries = [e for e in document["manifests"] if e.get("platform") != unknown]
            first = Digest(entries[0]["digest"]) if entries else None
            return self._configuration(reference.repository.at(first)) if first else None
        if document["config"]["mediaType"] != CONFIG_TYPE:
            return None
        found: dict[str, Any] = json.loads(self._blob(reference, manifest))
        return found

    def _blob(self, reference: Reference, manifest: Manifest) -> bytes:
        [digest, *_] = _blobs(manifest)
        with self._lock:
            found = self.repositories[reference.repository].blobs.get(digest)
        if found is None:
            raise RegistryError(f"{reference} lacks a blob", status=404, reason="BLOB_UNKNOWN")
        if Digest.of(found) != digest or len(found) > MAX_RECORD:
            raise RegistryError(f"{reference} is not what it should be")
        return found

    def _put(self, repository: Repository, tag: Tag | None, manifest: Manifest) -> None:
        with self._lock:
            held = self._hold(repository)
            missing = [d for d in _blobs(manifest) if d not in held.blobs]
            missing += [d for d in manifest.children if d not in held.manifests]
            if missing:
                raise RegistryError(
                    f"registry {repository.registry} would not write {repository.path}:{tag}",
                    status=400,
                    reason="MANIFEST_BLOB_UNKNOWN",
                    details=(("missing", str(missing[0])),),
                )
            held.manifests[manifest.digest] = manifest
            if tag is not None:
                held.tags[tag.value] = manifest.digest

    def _transfer(self, source: _Repository, to: _Repository, manifest: Manifest) -> None:
        for digest in _blobs(manifest):
            to.blobs[digest] = source.blobs[digest]
        for child in manifest.children:
            self._transfer(source, to, source.manifests[child])
            to.manifests[child] = source.manifests[child]


def _blobs(manifest: Manifest) -> list[Digest]:
    document = json.loads(manifest.body)
    found = [document.get("config"), *document.get("layers", ())]
    return [Digest(entry["digest"]) for entry in found if entry]


def _json(document: object) -> bytes:
    # indented as few programs do it, so that whoever writes manifests anew is found out
    return json.dumps(document, indent=3).encode()
