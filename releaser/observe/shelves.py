"""What a repository has on its shelf: every tag, what it names, and how old that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from releaser.core.oci import Digest, Manifest, Repository, Tag
from releaser.core.placeholder import placeholder
from releaser.core.pruning import Shelf, undated
from releaser.core.spec import Spec
from releaser.errors import RegistryError
from releaser.interfaces import Registry
from releaser.observe.registries import unknown
from releaser.observe.threads import concurrently

MAX_DEPTH = 4


def shelf(
    registry: Registry, spec: Spec, name: str, repository: Repository, images: Sequence[str]
) -> Shelf:
    """A repository that ``images`` are in, as the registry called ``name`` says.

    Raises:
        SetupError: the registry rejects the credentials or cannot be reached.
        UnknownError: it would not say.
    """
    try:
        tags = [Tag(tag) for tag in registry.tags(repository)]
        digests = concurrently(lambda tag: registry.digest(repository.tagged(tag)), tags)
        named = {tag: one for tag, one in zip(tags, digests, strict=True) if one is not None}
        named |= _begun(registry, repository, [tag for tag in tags if tag not in named])
        manifests = _manifests(registry, repository, tuple(dict.fromkeys(named.values())))
        found = Shelf(name, repository, tuple(images), named, manifests)
        return replace(found, created=_created(registry, repository, undated(spec, found)))
    except RegistryError as error:
        raise unknown(str(repository), error) from error


def _begun(registry: Registry, repository: Repository, silent: Sequence[Tag]) -> dict[Tag, Digest]:
    """The placeholders of the tags that are listed and name nothing, where there are any."""
    made = [placeholder(tag).digest for tag in silent]
    there = concurrently(lambda one: registry.digest(repository.at(one)), made)
    return {tag: one for tag, one in zip(silent, there, strict=True) if one is not None}


def _manifests(
    registry: Registry, repository: Repository, digests: Sequence[Digest]
) -> dict[Digest, Manifest]:
    """The manifests behind ``digests``, and those of the indexes below them."""
    found: dict[Digest, Manifest] = {}
    wanted = list(digests)
    for _ in range(MAX_DEPTH):
        read = concurrently(lambda one: registry.manifest(repository.at(one)), wanted)
        pairs = zip(wanted, read, strict=True)
        found |= {digest: manifest for digest, manifest in pairs if manifest is not None}
        below = (one for digest in wanted if digest in found for one in found[digest].indexes)
        wanted = [one for one in dict.fromkeys(below) if one not in found]
        if not wanted:
            break
    return found


def _created(
    registry: Registry, repository: Repository, digests: Sequence[Digest]
) -> dict[Digest, int]:
    made = concurrently(lambda one: registry.created(repository.at(one)), digests)
    return {digest: one for digest, one in zip(digests, made, strict=True) if one is not None}
