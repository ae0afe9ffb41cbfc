"""Base images: what the lock pins them to, what else says which digest they have, who was asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from releaser.core.candidate import Candidate
from releaser.core.facts import Concern
from releaser.core.graph import Mention
from releaser.core.oci import Digest, Reference
from releaser.core.plan import Mode
from releaser.core.resolve import ResolvedImage
from releaser.interfaces import Engine, Registry
from releaser.observe import base_digests, concurrently
from releaser.pipeline.request import Project


def locked_digests(project: Project, images: Iterable[ResolvedImage]) -> dict[str, Digest | None]:
    """The digests of the base images that the project's lock pins, by reference."""
    if project.lock is None:
        return {}
    references = {base.reference for image in images for base in image.bases}
    found = {one: project.lock.of(one) for one in sorted(references)}
    return {one: entry.digest for one, entry in found.items() if entry is not None}


def observed_bases(
    project: Project,
    images: Sequence[ResolvedImage],
    engine: Engine | None,
    registry: Registry,
    *,
    offline: bool,
) -> dict[str, Digest | None]:
    """The digest of each base image: the lock's, else as asked for; ``None`` where nobody says.

    Where ``offline``, only the engine's own store is asked.
    """
    locked = locked_digests(project, images)
    rest = [base for image in images for base in image.bases if base.reference not in locked]
    if offline:
        return {**locked, **_stored_digests(rest, engine)}
    return {**locked, **base_digests(rest, engine, registry)}


def _stored_digests(mentions: Iterable[Mention], engine: Engine | None) -> dict[str, Digest | None]:
    references = sorted({one.reference for one in mentions})

    def ask(text: str) -> Digest | None:
        reference = Reference.parse(text)
        return engine.resolve_stored(reference) if engine else reference.digest

    return dict(zip(references, concurrently(ask, references), strict=True))


def base_concerns(project: Project, bases: Mapping[str, Digest | None]) -> tuple[Concern, ...]:
    """The base images that nothing pins, and those that a lock should pin and does not."""
    unknown = tuple(
        Concern(
            f'the digest of base image "{name}" could not be read, so it counts by its name',
            "a change of it will not be noticed",
        )
        for name, digest in bases.items()
        if digest is None
    )
    missing = tuple(
        Concern(f'base image "{name}" is not in the lock', "releaser lock adds it")
        for name in sorted(_unlocked(project, bases))
        if project.lock is not None
    )
    return (*missing, *unknown)


def _unlocked(project: Project, bases: Iterable[str]) -> list[str]:
    """The base images that are pinned neither by the lock nor by their own digest."""
    locked = project.lock.of if project.lock else lambda _: None
    return [name for name in bases if not Reference.parse(name).digest and locked(name) is None]


def offline_concern(
    project: Project,
    bases: Mapping[str, Digest | None],
    candidates: Iterable[Candidate],
    mode: Mode,
) -> tuple[Concern, ...]:
    """What a plan without a network could not ask, in one line; nothing where it missed nothing."""
    hosts = {repo.registry for one in candidates for _, repo in one.repositories}
    registries = sorted(hosts) if mode is Mode.PUBLISH else []
    unlocked = sorted(_unlocked(project, bases))
    said = [
        f"{kind} {', '.join(names)}"
        for kind, names in (("registry", registries), ("base image", unlocked))
        if names
    ]
    hint = (
        "what is published there is not known" if registries else "releaser lock pins base images"
    )
    return (Concern(f"offline, so not asked for: {'; '.join(said)}", hint),) if said else ()
