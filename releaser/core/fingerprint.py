"""The fingerprint of an image: a hash of everything that can change it, its upstreams' included.

It is computed from named *ingredients*, so that two fingerprints can be compared by name: a kind,
``@`` and where it belongs (a platform, a named context) if there is more than one, a name: ``arg
PYTHON``, ``arg@linux/arm64 PYTHON``, ``file app.py``, ``file@shared lib.py``, ``base debian:12``.
The same ingredients give the same fingerprint on every machine and in every order; nothing in it
says when or where. The whole plan is known before anything is built, because an image counts its
upstreams by their fingerprints and not by their digests.

Every field of an image in the spec is listed below: as one that counts, with how, or as one that
does not, with why.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from releaser.core.dockerfile import TargetUse
from releaser.core.facts import ContextFacts, ContextFile
from releaser.core.oci import Digest, Platform
from releaser.core.spec import ImageSpec

SCHEME = "2"
"""Changes whenever the meaning of an ingredient does: every image is then built anew once."""

KINDS = (
    "scheme", "dockerfile", "base", "arg", "file", "platforms", "url", "context",
    "label", "secret", "ssh", "host", "network", "provenance", "release", "upstream",
)  # fmt: skip
"""The first words of all ingredients, the telling ones first."""

CREATED = "org.opencontainers.image.created"

COUNTED = {
    "context": "by the files that the reached stages use: path, kind, bytes, whether it may be run",
    "dockerfile": "by the text of the reached stages, comments and layout aside",
    "target": "by the stages that it reaches",
    "args": "by the effective value of every ARG that a reached stage declares",
    "labels": "they are part of the image; when it was made says nothing of what it is",
    "oci_labels": "by the labels that it adds",
    "platforms": "each is an image of its own",
    "needs": "by the fingerprints of the images it leads to",
    "secrets": "by id; the value is never read for it",
    "ssh": "by id",
    "extra_hosts": "RUN instructions can read them",
    "network": "RUN instructions can see less or more",
    "provenance": "it is part of the image's index",
    "additional_contexts": "by the files used, the digest of an image, or the URL as written",
}

NOT_COUNTED = {
    "repository": "where an image goes does not change it",
    "push_to": "where an image goes does not change it",
    "tags": "what an image is called does not change it",
    "tag_suffix": "what an image is called does not change it",
    "no_cache": "how it is built, not what",
    "pull": "base images count by their digests: the lock's, else asked for in every run",
    "shm_size": "a resource of the build",
    "enabled": "an image that is not is never built",
    "cache_from": "a cache changes how fast, not what",
    "cache_to": "a cache changes how fast, not what",
}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The hash, and what it was made of as sorted pairs of a name and a value."""

    value: str
    ingredients: tuple[tuple[str, str], ...] = ()

    @property
    def tag(self) -> str:
        """The tag under which a registry remembers the image: ``fp-`` and 16 hex digits."""
        return tag_of(str(self))

    def __str__(self) -> str:
        return f"sha256:{self.value}"


def tag_of(fingerprint: str) -> str:
    """The tag of a fingerprint as a label holds it (``sha256:…``)."""
    return f"fp-{fingerprint.removeprefix('sha256:')[:16]}"


def fingerprint(
    image: ImageSpec,
    uses: Mapping[Platform, TargetUse],
    files: Mapping[str, ContextFacts],
    bases: Mapping[str, Digest | None],
    upstreams: Mapping[str, Fingerprint],
    release: str | None = None,
) -> Fingerprint:
    """The fingerprint of an image with what its Dockerfile uses on each of its platforms.

    ``files`` are the files used of each local context by name (``""`` is the main one), ``bases``
    the digests of the base images by reference, ``upstreams`` the fingerprints of the images it
    needs by what its Dockerfile calls them; ``release`` is what it is built for anew each time,
    where it cannot be known by what it is made of. The labels and args of ``image`` are rendered.
    """
    # Pairs and not a map: two stages may give one ARG different values, and both count.
    found = [("scheme", SCHEME), ("platforms", " ".join(sorted(map(str, uses))))]
    for platform, use in uses.items():
        found.extend(_use_ingredients(use, f"@{platform}" if len(uses) > 1 else ""))
    named = {name for use in uses.values() for name in use.contexts} - files.keys()
    found.extend(_spec_ingredients(image, named))
    found.extend((f"base {name}", str(digest or "unknown")) for name, digest in bases.items())
    found.extend((f"upstream {name}", upstream.value) for name, upstream in upstreams.items())
    found.extend(_file_ingredients(files))
    if release is not None:
        found.append(("release", release))
    return of_ingredients(found)


def of_ingredients(pairs: Iterable[tuple[str, str]]) -> Fingerprint:
    """The fingerprint of named ingredients, each counted once, whatever order they come in."""
    ingredients = tuple(sorted(set(pairs)))
    canonical = json.dumps(ingredients, ensure_ascii=True, separators=(",", ":"))
    return Fingerprint(hashlib.sha256(canonical.encode()).hexdigest(), ingredients)


def _spec_ingredients(image: ImageSpec, named: AbstractSet[str]) -> Iterable[tuple[str, str]]:
    """What counts of the spec itself; ``named`` are the contexts used that are no folders."""
    yield from ((f"label {name}", value) for name, value in image.labels if name != CREATED)
    yield from ((f"host {name}", value) for name, value in _hosts(image))
    yield from ((f"secret {secret.id}", "") for secret in image.secrets)
    yield from ((f"ssh {item.partition('=')[0]}", "") for item in image.ssh)
    for name, source in image.additional_contexts:
        if name in named:
            yield f"context {name}", source
    if image.network:
        yield "network", image.network
    if image.provenance:
        yield "provenance", image.provenance


def _hosts(image: ImageSpec) -> Iterable[tuple[str, str]]:
    """Each host with all its addresses, whose order counts: programs try the first one first."""
    for name in dict(image.extra_hosts):
        yield name, " ".join(address for host, address in image.extra_hosts if host == name)


def _use_ingredients(use: TargetUse, where: str) -> Iterable[tuple[str, str]]:
    yield f"dockerfile{where}", "\n".join(use.text)
    for name, value in use.args:
        yield f"arg{where} {name}", "" if value is None else f"={value}"
    for url in use.urls:
        yield f"url{where} {url.url}", url.checksum or ""


def _file_ingredients(files: Mapping[str, ContextFacts]) -> Iterable[tuple[str, str]]:
    for context, facts in files.items():
        prefix = f"file@{context}" if context else "file"
        for file in facts.files:
            yield f"{prefix} {file.path}", f"{file.kind} {_mode(file):o} {file.digest}"


def _mode(file: ContextFile) -> int:
    """The permissions that count: may it be run, and the special bits (setuid, setgid, sticky).

    Who may read or write differs between two checkouts of one commit by their umask alone, and git
    keeps only what is kept here.
    """
    usual = 0o755 if file.kind == "directory" or file.mode & 0o100 else 0o644
    return (file.mode & 0o7000) | (0o777 if file.kind == "symlink" else usual)
