"""What the registries hold of what a plan is about: content, public tags, records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from releaser.core.candidate import Candidate
from releaser.core.facts import FINGERPRINT_LABEL, RegistryFacts
from releaser.core.oci import Digest, Reference, Repository
from releaser.core.record import Record, Unreadable, UnreadableError, record_reference
from releaser.core.spec import KEEP_ALL, Keeping
from releaser.core.withdrawal import Withdrawals, withdrawal_reference
from releaser.errors import RegistryError, ReleaserError, UnknownError
from releaser.interfaces import Registry
from releaser.observe.threads import concurrently


def registry_facts(
    registry: Registry, candidates: Sequence[Candidate], keeping: Keeping = KEEP_ALL
) -> RegistryFacts:
    """What the registries hold of everything that ``candidates`` want.

    First each registry is asked for each image's content; then for the public tags of what is
    there. The list of a repository's tags, which can be long, is asked for only where content is
    missing or a line's tag might move.

    Raises:
        SetupError: a registry rejects the credentials or cannot be reached.
        UnknownError: a registry would not say.
    """
    found: dict[Reference, Digest | None] = {}
    public = {ref: one for one in candidates if one.repositories for _, _, ref in one.references}
    content = [reference for one in candidates for reference in one.published.values()]
    if keeping.tags:
        _ask_digests(registry, content, found)
        held = {reference.repository for reference in content if found[reference]}
        _ask_digests(registry, [ref for ref in public if ref.repository in held], found)
    else:
        _ask_digests(registry, public, found)
        found.update(_by_labels(registry, candidates, found))
    tags = tag_lists(registry, sorted(_to_list(candidates, found)))
    there = [ref for ref in public if str(ref.tag) in tags.get(ref.repository, ())]
    _ask_digests(registry, there, found)
    kept = {
        withdrawal_reference(repository, one.name)
        for one in candidates
        for _, repository in one.repositories
    }
    withdrawn = withdrawals(registry, sorted(kept, key=str), tags)
    return RegistryFacts({**dict.fromkeys(public), **found}, tags, withdrawn)


def tag_lists(
    registry: Registry, repositories: Sequence[Repository]
) -> dict[Repository, tuple[str, ...]]:
    """All tags of each of ``repositories``, all asked at once.

    Raises:
        SetupError: a registry rejects the credentials or cannot be reached.
        UnknownError: a registry would not say.
    """
    listed = concurrently(lambda r: _tags(registry, r), repositories)
    return dict(zip(repositories, listed, strict=True))


def withdrawals(
    registry: Registry, kept: Iterable[Reference], tags: Mapping[Repository, tuple[str, ...]]
) -> dict[Reference, Withdrawals]:
    """The versions that were rolled back, of those of ``kept`` that ``tags`` has.

    Raises:
        UnknownError: a registry would not say, or what is kept there cannot be read.
    """
    there = [one for one in kept if str(one.tag) in tags.get(one.repository, ())]
    read = concurrently(lambda one: _withdrawals(registry, one), there)
    return {one: found for one, found in zip(there, read, strict=True) if found is not None}


def _withdrawals(registry: Registry, reference: Reference) -> Withdrawals | None:
    try:
        data = registry.read_record(reference)
    except RegistryError as error:
        raise unknown(str(reference), error) from error
    return Withdrawals.read(reference, data) if data is not None else None


def _ask_digests(
    registry: Registry, references: Iterable[Reference], found: dict[Reference, Digest | None]
) -> None:
    """Add what ``references`` name to ``found``; what is in it already is not asked for again."""
    asked = [reference for reference in dict.fromkeys(references) if reference not in found]
    found.update(zip(asked, concurrently(lambda r: _digest(registry, r), asked), strict=True))


def _by_labels(
    registry: Registry, candidates: Sequence[Candidate], found: Mapping[Reference, Digest | None]
) -> dict[Reference, Digest | None]:
    """The content of each image, by the label of what stands behind its public tags.

    It is told under the reference that the fingerprint's tag would have.
    """
    behind: dict[tuple[str, str], set[Digest]] = {}
    for one in candidates:
        for name, _, reference in one.references:
            if digest := found.get(reference):
                behind.setdefault((one.name, name), set()).add(digest)

    def look(item: tuple[Candidate, str, Reference]) -> Digest | None:
        one, name, published = item
        for digest in sorted(behind.get((one.name, name), ())):
            labels = _labels(registry, published.repository.at(digest))
            if labels.get(FINGERPRINT_LABEL) == str(one.fingerprint):
                return digest
        return None

    items = [(one, name, ref) for one in candidates for name, ref in one.published.items()]
    looked = concurrently(look, items)
    return {ref: digest for (_, _, ref), digest in zip(items, looked, strict=True)}


def _to_list(
    candidates: Sequence[Candidate], found: Mapping[Reference, Digest | None]
) -> set[Repository]:
    """The repositories whose tags must be known: content is missing, or a line's tag may move."""
    listed: set[Repository] = set()
    for one in candidates:
        published = one.published
        listed.update(ref.repository for ref in published.values() if not found.get(ref))
        for name, wanted, reference in one.references if published else ():
            if wanted.is_line and found.get(reference) != found.get(published[name]):
                listed.add(reference.repository)
    return listed


def records(
    registry: Registry, candidates: Sequence[Candidate], held: RegistryFacts
) -> dict[str, Record | Unreadable]:
    """What was kept of the images that no registry holds, by image, where anything was."""

    def look(one: Candidate) -> Record | Unreadable | None:
        for _, repository in one.repositories:
            reference = record_reference(repository, one.name)
            if str(reference.tag) in held.tags.get(repository, ()):
                return _record(registry, reference)
        return None

    missing = [one for one in candidates if not any(map(held.digests.get, one.published.values()))]
    looked = zip(missing, concurrently(look, missing), strict=True)
    return {one.name: record for one, record in looked if record is not None}


def _record(registry: Registry, reference: Reference) -> Record | Unreadable | None:
    """A record, or why there is none to be had: it explains a plan, and must never stop one."""
    try:
        data = registry.read_record(reference)
        return Record.unpack(data) if data is not None else None
    except UnreadableError as error:
        return Unreadable(f"{reference}: {error}")
    except ReleaserError as error:
        return Unreadable(error.message)


def _labels(registry: Registry, reference: Reference) -> Mapping[str, str]:
    try:
        return registry.labels(reference) or {}
    except RegistryError as error:
        raise unknown(str(reference), error) from error


def _tags(registry: Registry, repository: Repository) -> tuple[str, ...]:
    try:
        return registry.tags(repository)
    except RegistryError as error:
        raise unknown(str(repository), error) from error


def _digest(registry: Registry, reference: Reference) -> Digest | None:
    try:
        return registry.digest(reference)
    except RegistryError as error:
        raise unknown(str(reference), error) from error


def unknown(what: str, error: RegistryError) -> UnknownError:
    """The error of a registry that would not say what it holds, nothing having been changed."""
    return UnknownError(
        f"{what}: the registry would not say what it holds: {error.message}",
        details=error.details,
        hint=error.hint or "nothing was changed; try again",
    )
