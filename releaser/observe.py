"""Asks the interfaces for exactly the facts that a request needs, concurrently where it pays.

There are two rounds. The first is local: Dockerfiles, files, base images; from it the fingerprints
are computed. The second asks each registry once for every name that the plan is about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from releaser.core.candidate import Candidate
from releaser.core.facts import ContextFacts, LocalImage, RegistryFacts
from releaser.core.fingerprint import tag_of
from releaser.core.graph import Mention
from releaser.core.oci import Digest, Reference, Repository
from releaser.core.resolve import At, ResolvedImage
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
