"""Asks the interfaces for exactly the facts that a request needs, concurrently where it pays.

There are two rounds. The first is local: Dockerfiles, files, base images; from it the fingerprints
are computed. The second asks each registry once for every name that the plan is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from releaser.core.candidate import Candidate
from releaser.core.facts import ContextFacts, LocalImage, RegistryFacts
from releaser.core.fingerprint import tag_of
from releaser.core.graph import Mention
from releaser.core.oci import Digest, Reference, Repository
from releaser.core.resolve import ResolvedImage
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


def context_files(contexts: Contexts, image: ResolvedImage) -> dict[str, ContextFacts]:
    """The files that an image uses of its build context (``""``) and of its additional folders.

    Raises:
        SpecError: a context is not there, or a COPY source in it is missing or ignored.
    """
    found = {"": contexts.files(image.context, image.dockerfile, image.paths())}
    for name, folder in image.folders:
        found[name] = contexts.files(folder, "", image.paths(name))
    return found


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
            details=(("context", image.context),),
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


def registry_facts(registry: Registry, candidates: Sequence[Candidate]) -> RegistryFacts:
    """What the registries hold of everything that ``candidates`` want.

    Raises:
        SetupError: a registry rejects the credentials or cannot be reached.
        UnknownError: a registry would not say.
    """
    repositories = sorted({repo for one in candidates for _, repo in one.repositories})
    tags = dict(
        zip(repositories, concurrently(lambda r: _tags(registry, r), repositories), strict=True)
    )
    wanted = [
        reference
        for one in candidates
        if one.repositories
        for reference in (*one.published.values(), *(ref for _, _, ref in one.references))
    ]
    present = [one for one in wanted if str(one.tag) in tags[one.repository]]
    digests = concurrently(lambda r: _digest(registry, r), present)
    found: dict[Reference, Digest | None] = dict.fromkeys(wanted)
    found.update(zip(present, digests, strict=True))
    return RegistryFacts(found, tags)


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
