"""The tags of images at an event, real or pretended, with nothing built and nothing changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from releaser.core.event_tags import ImageTags, TagsAtEvent
from releaser.core.facts import Concern, RegistryFacts
from releaser.core.graph import choose
from releaser.core.oci import Repository, Tag
from releaser.core.tagging import (
    Outcome,
    Stays,
    newest_in_line,
    oci_labels,
    released_as,
)
from releaser.core.version import Version
from releaser.core.withdrawal import withdrawal_reference
from releaser.observe import tag_lists, withdrawals
from releaser.pipeline.checkout import Seen, see, template_of
from releaser.pipeline.request import Adapters, Project, Request


def tags_at(project: Project, adapters: Adapters, request: Request) -> TagsAtEvent:
    """The tags that the images of ``request`` get, in the order of the spec.

    Raises:
        SpecError: a rule gives what is not legal, or a name matches no image.
        SetupError, UnknownError: a registry cannot be asked, or would not say.
    """
    names = choose(project.spec, request.images)
    source = adapters.source.facts(template_of(project))
    seen = see(project, adapters, request, source)
    outcomes = {name: seen.tags(name) for name in names}
    wanted = _to_list(project, outcomes)
    lists = {} if request.offline else tag_lists(adapters.registry, wanted)
    kept = [withdrawal_reference(repository, name) for name in names for repository in lists]
    held = RegistryFacts({}, lists, withdrawals(adapters.registry, kept, lists))
    images = tuple(_image(seen, name, outcome, held) for name, outcome in outcomes.items())
    concerns = [*project.concerns, *seen.concerns]
    if request.offline and wanted:
        hosts = sorted({repository.registry for repository in wanted})
        hint = "a newer version there would keep a line where it is"
        concerns.append(Concern(f"offline, so not asked for: registry {', '.join(hosts)}", hint))
    return TagsAtEvent(project.spec.project, seen.event, images, tuple(concerns))


def _to_list(project: Project, outcomes: Mapping[str, Outcome]) -> list[Repository]:
    """The repositories of the images that have a line among their tags."""
    spec = project.spec
    wanted = {
        spec.repository(name, registry)
        for name, outcome in outcomes.items()
        if any(one.is_line for one in outcome.wanted)
        for registry in spec.push_to(name)
    }
    return sorted(wanted)


def _image(seen: Seen, name: str, outcome: Outcome, held: RegistryFacts) -> ImageTags:
    spec = seen.project.spec
    places = (spec.push_to(name) if held.tags else ()) or ("",)
    out = {
        place: _released(seen, name, outcome, held.tags.get(spec.repository(name, place), ()))
        if place
        else ()
        for place in places
    }
    tagged = seen.tagged(name)
    stays: dict[Tag, dict[str, Stays]] = {}
    for one in outcome.wanted:
        for place, versions in out.items():
            withdrawn = _withdrawn(seen, name, place, held)
            newer = newest_in_line(one, versions, tagged, withdrawn)
            if newer is not None:
                stays.setdefault(one.tag, {})[place] = newer
    return ImageTags(
        name=name,
        current=seen.current(name),
        outcome=outcome,
        stays=stays,
        places=places,
        labels=oci_labels(seen.event, outcome.version, seen.labels(name)),
        annotations=oci_labels(seen.event, outcome.version),
    )


def _withdrawn(seen: Seen, name: str, place: str, held: RegistryFacts) -> frozenset[Version]:
    if not place:
        return frozenset()
    kept = withdrawal_reference(seen.project.spec.repository(name, place), name)
    found = held.withdrawn.get(kept)
    return found.versions if found else frozenset()


def _released(seen: Seen, name: str, outcome: Outcome, tags: Iterable[str]) -> tuple[Version, ...]:
    project = seen.project.spec.project
    return released_as(outcome.wanted, tags, image=name, project=project)
