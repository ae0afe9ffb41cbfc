"""What a plan would build, for another tool: the images and their tags, with nothing asked for."""

from __future__ import annotations

from dataclasses import dataclass

from releaser.core.oci import Digest, Reference
from releaser.core.resolve import ResolvedImage, render_image
from releaser.pipeline.bases import locked_digests
from releaser.pipeline.checkout import see, template_of
from releaser.pipeline.preparation import labelled
from releaser.pipeline.request import Adapters, Project, Request
from releaser.pipeline.selection import build_graph, host_platform


@dataclass(frozen=True, slots=True)
class Described:
    """An image as a release at this version would build it: ``names`` are its full references.

    ``pins`` are the digests that the lock gives to its base images, by reference.
    """

    image: ResolvedImage
    names: tuple[Reference, ...]
    pins: tuple[tuple[str, Digest], ...]


def describe(project: Project, adapters: Adapters, request: Request) -> tuple[Described, ...]:
    """The images of a request and what they stand on, upstreams first; no registry is asked.

    Raises:
        SpecError, PlanError, SetupError: as for a plan.
    """
    source = adapters.source.facts(template_of(project))
    seen = see(project, adapters, request, source)
    project = labelled(project, seen)
    selection = build_graph(project, adapters.contexts, seen.known, host_platform(), request)
    for name in selection.closure:
        render_image(name, project.spec.images[name], seen.known(name), project.at, strict=True)
    images = [selection.resolved[name] for name in selection.closure]
    pins = {key: one for key, one in locked_digests(project, images).items() if one is not None}
    found = []
    for image in images:
        spec = project.spec
        tags = [one.tag for one in seen.tags(image.name).wanted]
        homes = [spec.repository(image.name, registry) for registry in spec.push_to(image.name)]
        names = tuple(home.tagged(tag) for home in homes for tag in tags)
        mine = {one.reference for one in image.bases}
        own = tuple((key, one) for key, one in pins.items() if key in mine)
        found.append(Described(image, names, own))
    return tuple(found)
