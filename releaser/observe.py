"""Asks the interfaces for exactly the facts that a request needs, concurrently where it pays.

There are two rounds. The first is local: Dockerfiles, files, base images; from it the fingerprints
are computed. The second asks each registry once for every name that the plan is about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from releaser.core.candidate import Candidate
from releaser.core.facts import FINGERPRINT_LABEL, ContextFacts, LocalImage, RegistryFacts
from releaser.core.fingerprint import tag_of
from releaser.core.graph import Mention
from releaser.core.oci import Digest, Reference, Repository
from releaser.core.record import Record, Unreadable, UnreadableError, record_reference
from releaser.core.resolve import At, ResolvedImage
from releaser.core.spec import KEEP_ALL, Keeping
from releaser.errors import Location, RegistryError, ReleaserError, SpecError, UnknownError
from releaser.interfaces import Contexts, Engine, Registry

WORKERS = 16

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def concurrently(
    function: Callable[[_In], _Out], items: Iterable[_In], workers: int = WORKERS
) -> list[_Out]:
    """``function`` of every item, in their order; the first exception is raised."""
    asked = list(items)
    if len(asked) <= 1:
        return [function(item) for item in asked]
    with ThreadPoolExecutor(min(workers, len(asked))) as pool:
        return list(pool.map(function, asked))


def all_files(
    contexts: Contexts, images: Sequence[ResolvedImage], at: At, *, strict: bool = True
) -> dict[str, dict[str, ContextFacts]]:
    """The files that each image uses of its build context (``""``) and its additional folders.

    Raises:
        SpecError: contexts are not there, or (where ``strict``) COPY sources match nothing; all
            complaints at once.
    """
    looked = concurrently(lambda image: _files_of(contexts, image, at), images)
    complaints = [
        complaint
        for image, (found, own) in zip(images, looked, strict=True)
        for complaint in (*own, *(missing_sources(contexts, image, found) if strict else ()))
    ]
    if complaints:
        raise SpecError.together(complaints)
    return {image.name: found for image, (found, _) in zip(images, looked, strict=True)}


def _files_of(
    contexts: Contexts, image: ResolvedImage, at: At
) -> tuple[dict[str, ContextFacts], list[SpecError]]:
    """What an image uses, and a complaint about each folder that cannot be read."""
    found: dict[str, ContextFacts] = {}
    complaints: list[SpecError] = []
    main = (image.context, image.dockerfile)
    places = {"": main, **{name: (folder, "") for name, folder in image.folders}}
    for name, (folder, dockerfile) in places.items():
        field = ("additional_contexts", name) if name else ("context",)
        try:
            found[name] = contexts.files(folder, dockerfile, image.paths(name))
        except SpecError as error:
            where = error.at or at(("images", image.name, *field))
            message = f'image "{image.name}": {error.message}'
            complaints.append(SpecError(message, at=where, details=error.details, hint=error.hint))
    return found, complaints


def seen_from(error: SpecError, root: str, folder: str) -> SpecError:
    """The same complaints with paths as the author of the spec writes them.

    ``root`` is the absolute path of the spec's folder, ``folder`` how people see it from where
    they stand (empty: they stand in it).
    """
    if root == "/":
        return error
    inside = re.compile(rf"(?<![\w/.-]){re.escape(root.rstrip('/'))}(/|(?![\w.-]))")

    def shown(text: str) -> str:
        return inside.sub(lambda m: (folder and folder + m[1]) or ("" if m[1] else "."), text)

    def one(problem: SpecError) -> SpecError:
        where = problem.at and replace(problem.at, file=shown(problem.at.file))
        details = [(key, shown(value)) for key, value in problem.details]
        hint = problem.hint and shown(problem.hint)
        return SpecError(shown(problem.message), at=where, details=details, hint=hint)

    return SpecError.together([one(problem) for problem in error.problems])


def missing_sources(
    contexts: Contexts, image: ResolvedImage, files: dict[str, ContextFacts]
) -> list[SpecError]:
    """A complaint for each COPY source that matches nothing."""
    folders = {"": (image.context, image.dockerfile)}
    folders |= {name: (folder, "") for name, folder in image.folders}
    return [
        SpecError(
            f'image "{image.name}" copies "{source}", which is not in the build context',
            at=Location(image.dockerfile, line),
            details=(("context", folders[name][0]),),
            hint=contexts.explain_missing(*folders[name], source),
        )
        for name, facts in files.items()
        for source, line in facts.missing
    ]


def base_digests(
    mentions: Iterable[Mention], engine: Engine | None, registry: Registry
) -> dict[str, Digest | None]:
    """The digest of each base image, each reference asked for once; ``None`` where nobody says.

    The engine is asked first, since it is what will pull the image (through its own mirrors).
    """
    references = sorted({one.reference for one in mentions})

    def ask(text: str) -> Digest | None:
        reference = Reference.parse(text)
        if reference.digest:
            return reference.digest
        found = engine.resolve(reference) if engine else None
        if found is not None:
            return found
        try:
            return registry.digest(reference) if engine is None else None
        except ReleaserError:  # plan without it, and say so: see the concern
            return None

    return dict(zip(references, concurrently(ask, references), strict=True))


def local_images(
    engine: Engine, label: str, candidates: Sequence[Candidate]
) -> dict[str, LocalImage]:
    """Those of ``candidates`` that are in the engine's store, by fingerprint.

    Labels are inherited: whatever is built FROM one of our images carries its fingerprint too. So
    an image counts only under the tag that a build gives it, which is that of its own fingerprint.
    """
    found: dict[str, LocalImage] = {}
    names = [
        reference
        for one in candidates
        for reference in (*one.local_names, *(public for _, _, public in one.references))
    ]
    for image in engine.images(label, names) if names else ():
        own = tag_of(image.fingerprint or "")
        if any(str(reference.tag) == own for reference in image.references):
            found.setdefault(str(image.fingerprint), image)
    return found


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
    repositories = sorted(_to_list(candidates, found))
    listed = concurrently(lambda r: _tags(registry, r), repositories)
    tags = dict(zip(repositories, listed, strict=True))
    there = [ref for ref in public if str(ref.tag) in tags.get(ref.repository, ())]
    _ask_digests(registry, there, found)
    return RegistryFacts({**dict.fromkeys(public), **found}, tags)


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
        raise _unknown(str(reference), error) from error


def _tags(registry: Registry, repository: Repository) -> tuple[str, ...]:
    try:
        return registry.tags(repository)
    except RegistryError as error:
        raise _unknown(str(repository), error) from error


def _digest(registry: Registry, reference: Reference) -> Digest | None:
    try:
        return registry.digest(reference)
    except RegistryError as error:
        raise _unknown(str(reference), error) from error


def _unknown(what: str, error: RegistryError) -> UnknownError:
    return UnknownError(
        f"{what}: the registry would not say what it holds: {error.message}",
        details=error.details,
        hint=error.hint or "nothing was changed; try again",
    )
