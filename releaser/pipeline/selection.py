"""Reads every Dockerfile of a project, and chooses the images that a request is about."""

from __future__ import annotations

import platform
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from releaser.core.facts import Concern
from releaser.core.fingerprint import Fingerprint
from releaser.core.graph import ImageGraph, Owners, choose
from releaser.core.lock import Lock
from releaser.core.oci import Digest, Platform
from releaser.core.oversights import oversights
from releaser.core.platforms import not_offered, uncovered
from releaser.core.resolve import ResolvedImage, Resolver, render_image
from releaser.errors import SpecError
from releaser.interfaces import Contexts
from releaser.observe import all_files, paths_seen_from, seen_from
from releaser.pipeline.copied_secrets import check_secrets
from releaser.pipeline.request import Project, Request

NO_RELEASES: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Selection:
    """The graph of a spec, and the images of it that a request is about (upstreams first).

    ``concerns`` are about the Dockerfiles of all of its images.
    """

    graph: ImageGraph
    resolved: Mapping[str, ResolvedImage]
    closure: tuple[str, ...]
    chosen: frozenset[str]
    concerns: tuple[Concern, ...] = ()


def build_graph(
    project: Project,
    contexts: Contexts,
    known: Callable[[str], Mapping[str, str]],
    platform: Platform,
    request: Request,
) -> Selection:
    """Read every Dockerfile, and choose the images that the request is about.

    ``known`` gives the values of an image's placeholders. All complaints about Dockerfiles come at
    once.

    Raises:
        SpecError: a Dockerfile or a target is missing or wrong, or a name matches no image.
        PlanError: the images need each other in a cycle.
    """
    spec = project.spec
    chosen = choose(spec, request.images)
    resolved, complaints = _all_resolved(project, contexts, known, platform)
    if complaints:
        raise SpecError.together(complaints)
    return _selected(project, resolved, chosen, request)


def _all_resolved(
    project: Project,
    contexts: Contexts,
    known: Callable[[str], Mapping[str, str]],
    platform: Platform,
) -> tuple[dict[str, ResolvedImage], list[SpecError]]:
    """The images whose Dockerfiles are right, and what is wrong with the others."""
    resolver = Resolver(project.root, platform, Owners.of(project.spec), project.at)
    resolved: dict[str, ResolvedImage] = {}
    complaints: list[SpecError] = []
    for name in project.spec.images:
        try:
            with paths_shown(project):
                resolved[name] = _resolve(project, resolver, contexts, name, known(name))
        except SpecError as error:
            complaints.extend(error.problems)
    if not complaints:
        complaints.extend(uncovered(resolved))
        complaints.extend(not_offered(resolved, project.lock or Lock()))
    return resolved, complaints


def _selected(
    project: Project,
    resolved: dict[str, ResolvedImage],
    chosen: Sequence[str],
    request: Request,
) -> Selection:
    """What a request is about; an image on one with triggers is marked in ``resolved``."""
    for name, image in resolved.items():
        if any(resolved[edge.needs].has_triggers for edge in image.edges):
            resolved[name] = replace(image, triggered=True)
    edges = tuple(edge for image in resolved.values() for edge in image.edges)
    graph = ImageGraph(tuple(project.spec.images), edges)
    closure = graph.with_upstreams(chosen)
    chosen_now = frozenset(chosen if request.only else closure)
    return Selection(graph, resolved, closure, chosen_now, _concerns(project, resolved))


def _concerns(project: Project, resolved: Mapping[str, ResolvedImage]) -> tuple[Concern, ...]:
    """The oversights in all Dockerfiles, each with its file as the spec's author sees it."""
    folder = posixpath.dirname(project.at(()).file)
    return tuple(
        Concern(paths_seen_from(one.message, project.root, folder), one.hint)
        for one in oversights(resolved, project.root, project.at, project.lock)
    )


def _resolve(
    project: Project, resolver: Resolver, contexts: Contexts, name: str, known: Mapping[str, str]
) -> ResolvedImage:
    image = render_image(name, project.spec.images[name], known, project.at, strict=False)
    _, path = resolver.paths(image)
    try:
        dockerfile = contexts.dockerfile(path)
    except SpecError as error:
        if error.at is not None:
            raise
        field = "context" if project.spec.images[name].dockerfile is None else "dockerfile"
        raise SpecError(
            f'image "{name}": {error.message}',
            at=project.at(("images", name, field)),
            details=error.details,
            hint=error.hint,
        ) from None
    return resolver.resolve(name, image, dockerfile)


def host_platform() -> Platform:
    """What an image is built for where no engine says: Linux on this machine's architecture."""
    return Platform.canonical("linux", platform.machine().lower() or "amd64")


def fingerprints(
    project: Project,
    contexts: Contexts,
    images: Sequence[ResolvedImage],
    bases: Mapping[str, Digest | None],
    *,
    strict: bool = True,
    releases: Mapping[str, str] = NO_RELEASES,
) -> dict[str, Fingerprint]:
    """The fingerprints of ``images`` (upstreams first), each as a part of its release, if any.

    Raises:
        SpecError: a context or (where ``strict``) a COPY source is missing, or a secret is copied.
    """
    with paths_shown(project):
        files = all_files(contexts, images, project.at, strict=strict)
        if strict:
            check_secrets(project, images, files)
    prints: dict[str, Fingerprint] = {}
    for image in images:
        release = releases.get(image.name)
        prints[image.name] = image.fingerprint(files[image.name], bases, prints, release)
    return prints


@contextmanager
def paths_shown(project: Project) -> Iterator[None]:
    """Complaints about files name them as the spec's author sees them, not as we do."""
    try:
        yield
    except SpecError as error:
        folder = posixpath.dirname(project.at(()).file)
        raise seen_from(error, project.root, folder) from None


def check(project: Project, contexts: Contexts) -> Selection:
    """Check everything that needs neither engine nor registry: Dockerfiles, targets, sources.

    Raises:
        SpecError: all complaints at once.
        PlanError: the images need each other in a cycle.
    """
    resolved, complaints = _all_resolved(project, contexts, lambda _: {}, host_platform())
    try:
        images = list(resolved.values())
        with paths_shown(project):
            check_secrets(project, images, all_files(contexts, images, project.at))
    except SpecError as error:
        complaints.extend(error.problems)
    if complaints:
        raise SpecError.together(complaints)
    return _selected(project, resolved, tuple(project.spec.images), Request())
