"""What a run is about: a checkout, an event, versions, and the tags that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from releaser.core import tagging
from releaser.core.facts import (
    Concern,
    EventFacts,
    SourceFacts,
    contradiction,
    event_of,
    pretended,
)
from releaser.core.git_tags import TagTemplate
from releaser.core.oci import Platform
from releaser.core.resolve import render_image
from releaser.core.tagging import Outcome, Situation, evaluate, policy_for
from releaser.core.version import Version
from releaser.core.versioning.current import Current
from releaser.errors import SpecError
from releaser.pipeline.request import Adapters, Project, Request
from releaser.pipeline.selection import Selection, build_graph, host_platform
from releaser.pipeline.versions import Versioner, Versions


@dataclass(frozen=True, slots=True)
class Seen:
    """A project's checkout at an event, with the version of every image.

    ``owner`` is the image that the event's tag names a version of, where every image has versions
    of its own; ``concerns`` are about the checkout and its versions.
    """

    project: Project
    source: SourceFacts
    event: EventFacts
    versions: Versions
    versioner: Versioner
    owner: str | None = None
    concerns: tuple[Concern, ...] = ()

    def current(self, image: str) -> Current:
        """The version of an image."""
        return self.versions.images[image]

    def known(self, image: str) -> Mapping[str, str]:
        """What the placeholders of an image's args and labels stand for.

        Of an image with versions of its own the commit is the last one that changed it, so that it
        stays the same image until the next one does.
        """
        current = self.current(image)
        source = replace(self.source, commit=current.commit or self.source.commit)
        name = self.project.spec.project
        return tagging.values(current.version, source, image=image, project=name)

    def tags(self, image: str) -> Outcome:
        """The tags that an image wants, and the rules that give none.

        Raises:
            SpecError: a rule gives what is not legal.
        """
        current = self.current(image)
        # The tag of one image's version says nothing of the others: for them there is no tag.
        elsewhere = self.owner not in {None, image}
        situation = Situation(
            version=current.version,
            source=self.source,
            event=replace(self.event, ref="") if elsewhere else self.event,
            image=image,
            project=self.project.spec.project,
            commanded=current.is_commanded,
            is_release=current.is_release,
        )
        try:
            policy = policy_for(self.project.spec, image, current.version)
            return evaluate(policy, situation)
        except SpecError as error:
            raise SpecError(
                f'tags of image "{image}": {error.message}',
                at=self.project.at(("images", image, "tags")),
                details=error.details,
                hint=error.hint,
            ) from None

    def labels(self, image: str) -> tuple[tuple[str, str], ...]:
        """The labels that the spec gives an image; a placeholder that nobody knows stays."""
        spec = self.project.spec.images[image]
        return render_image(image, spec, self.known(image), self.project.at, strict=False).labels

    def tagged(self, image: str) -> tuple[Version, ...]:
        """The full versions of an image that git has tags of, in order."""
        return self.versioner.tagged(image)


def see(
    project: Project,
    adapters: Adapters,
    request: Request,
    source: SourceFacts,
    platform: Platform | None = None,
) -> Seen:
    """The event and the versions of a checkout, which is ``source``.

    Raises:
        SpecError, PlanError, SetupError: see :class:`Versioner` and :func:`build_graph`.
    """
    odd = contradiction(source) if request.event is None else None
    if request.event is not None:
        source = pretended(source, request.event)
    event = event_of(source, int(adapters.clock()))

    def whole() -> Selection:
        host = platform or host_platform()
        return build_graph(project, adapters.contexts, lambda _: {}, host, Request())

    versioner = Versioner(project, adapters, source, event, whole)
    versions = versioner.versions(request)
    behind = versioner.behind(versions)
    concerns = (*source.concerns, *(one for one in (odd, behind) if one))
    return Seen(project, source, event, versions, versioner, versioner.owner(event.tag), concerns)


def template_of(project: Project) -> TagTemplate:
    """How the git tags of a project's versions are spelled."""
    return TagTemplate(project.spec.versioning.tag)
