"""The use cases of the lock: write it, move what it pins, tell what has moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from releaser.core.graph import Mention
from releaser.core.lock import Difference, Lock, Offer, chosen, differences, name_of, updated
from releaser.core.oci import Digest, Reference
from releaser.errors import RegistryError, ReleaserError, SetupError, SpecError, UnknownError
from releaser.interfaces import Engine, Registry
from releaser.observe import concurrently
from releaser.pipeline.preparation import survey
from releaser.pipeline.request import Adapters, Project, Request


@dataclass(frozen=True, slots=True)
class Relocked:
    """A lock as it is to be, and in what it differs from the one that was there."""

    lock: Lock
    differences: tuple[Difference, ...]


def relock(
    project: Project,
    adapters: Adapters,
    request: Request,
    *,
    day: str,
    moving: Sequence[str] | None = None,
) -> Relocked:
    """The lock of everything that the project needs; the digests that it has already are kept.

    ``moving`` are references and globs whose digests are asked for anew (all, where it is empty).

    Raises:
        SpecError: a base image is in no registry, or ``moving`` names one that nobody needs.
        SetupError, UnknownError: a registry cannot be asked, or would not say.
    """
    needed, engine = _needed(project, adapters, request)
    lock = project.lock or Lock()
    asked = {name for name in needed if name not in lock.entries}
    if moving is not None:
        asked |= set(chosen(tuple(needed), moving))
    wanted = {name: mention for name, mention in needed.items() if name in asked}
    after = updated(lock, needed, _offers(wanted, engine, adapters.registry), day)
    return Relocked(after, differences(lock, _digests(after)))


def check_lock(project: Project, adapters: Adapters, request: Request) -> tuple[Difference, ...]:
    """In what the lock is not current: what has moved upstream, is missing, or is used no more.

    Raises:
        SpecError, SetupError, UnknownError: see :func:`relock`.
    """
    needed, engine = _needed(project, adapters, request)
    offers = _offers(needed, engine, adapters.registry)
    now = {name: offer.digest for name, offer in offers.items()}
    return differences(project.lock or Lock(), now)


def _digests(lock: Lock) -> dict[str, Digest]:
    return {name: one.digest for name, one in lock.entries.items()}


def _needed(
    project: Project, adapters: Adapters, request: Request
) -> tuple[dict[str, Mention], Engine | None]:
    """The base images that any image needs, each with a place that says so, and the engine.

    What the lock says of them does not count yet: it may be just that which is to be put right.
    """
    found = survey(replace(project, lock=None), adapters, request)
    needed: dict[str, Mention] = {}
    for image in found.images:
        for base in image.bases:
            name = name_of(base.reference)
            if name is not None:
                needed.setdefault(name, base)
    return dict(sorted(needed.items())), found.engine


def _offers(
    needed: Mapping[str, Mention], engine: Engine | None, registry: Registry
) -> dict[str, Offer]:
    """What the registries have under the names that are ``needed``, all asked at once."""

    def ask(item: tuple[str, Mention]) -> Offer | ReleaserError:
        name, mention = item
        try:
            return _offer(name, mention, engine, registry)
        except ReleaserError as error:
            return error

    answers = dict(zip(needed, concurrently(ask, needed.items()), strict=True))
    _raise_first(one for one in answers.values() if isinstance(one, ReleaserError))
    return {name: one for name, one in answers.items() if isinstance(one, Offer)}


def _raise_first(errors: Iterable[ReleaserError]) -> None:
    """Raise all complaints about the spec together, else the first error with the others below."""
    found = list(errors)
    others = [error for error in found if not isinstance(error, SpecError)]
    if others:
        first, *rest = others
        first.details = (*first.details, *(("also", str(one)) for one in rest[:20]))
        raise first
    if found:
        raise SpecError.together([error for error in found if isinstance(error, SpecError)])


def _offer(name: str, mention: Mention, engine: Engine | None, registry: Registry) -> Offer:
    """What the registry has under ``name``; through the engine where only that can reach it."""
    reference = Reference.parse(name)
    try:
        manifest = registry.manifest(reference)
        if manifest is not None:
            return Offer(manifest.digest, registry.platforms(reference.repository, manifest))
    except (RegistryError, SetupError) as error:
        found = engine.offered(reference) if engine else None
        if found is not None:
            return found
        if isinstance(error, SetupError):
            error.message = f'base image "{name}": {error.message}'
            raise
        raise _unknown(name, error) from error
    raise _not_there(name, mention, engine, reference)


def _unknown(name: str, error: RegistryError) -> UnknownError:
    return UnknownError(
        f'base image "{name}": the registry would not say which digest it has: {error.message}',
        details=error.details,
        hint=error.hint or "the lock is as it was; try again",
    )


def _not_there(
    name: str, mention: Mention, engine: Engine | None, reference: Reference
) -> SpecError:
    registry = reference.repository.registry
    if engine is not None and engine.resolve_stored(reference) is not None:
        return SpecError(
            f'base image "{name}" is in this engine only, so nothing can pin it elsewhere',
            at=mention.at,
            details=(("asked", registry),),
            hint="push it to a registry, or declare it as an image of this file",
        )
    return SpecError(
        f'base image "{name}" does not exist in its registry',
        at=mention.at,
        details=(("asked", registry),),
        hint=f"look at the name and the tag: {mention.instruction}",
    )
