"""From a project to a plan: ask what must be known, in two rounds, and decide."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from releaser.core.candidate import Candidate, World
from releaser.core.facts import FINGERPRINT_LABEL, Concern, EngineFacts, RegistryFacts
from releaser.core.fingerprint import Fingerprint
from releaser.core.oci import Platform
from releaser.core.plan import Mode
from releaser.core.planner import make_plan
from releaser.core.resolve import ResolvedImage, render_image
from releaser.core.steps import TagKind
from releaser.core.tagging import Outcome, oci_labels
from releaser.errors import SetupError
from releaser.interfaces import Engine
from releaser.observe import local_images, records, registry_facts
from releaser.pipeline.bases import base_concerns, observed_bases, offline_concern
from releaser.pipeline.checkout import Seen, see, template_of
from releaser.pipeline.request import Adapters, Prepared, Project, Request
from releaser.pipeline.selection import Selection, build_graph, fingerprints, host_platform

NO_TAGS = Concern(
    "no image gets a tag: none of the rules gives one here", "releaser tags says why, rule by rule"
)


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a project before anything is asked about images: its checkout and graph.

    ``engine`` is ``None`` where none answered.
    """

    seen: Seen
    selection: Selection
    engine: Engine | None
    engine_facts: EngineFacts | None
    no_engine: SetupError | None

    @property
    def images(self) -> list[ResolvedImage]:
        """The images that the request is about, upstreams first."""
        return [self.selection.resolved[name] for name in self.selection.closure]


def survey(project: Project, adapters: Adapters, request: Request) -> Survey:
    """Look at the checkout, the engine and the Dockerfiles.

    Raises:
        SpecError, PlanError, SetupError: see :func:`build_graph`.
    """
    with ThreadPoolExecutor(1) as beside:  # git is a program, and mostly waited for
        asked = beside.submit(adapters.source.facts, template_of(project))
        engine, facts, no_engine = _ask_engine(adapters, request.mode)
        source = asked.result()
    host = Platform.parse(facts.platform) if facts else host_platform()
    seen = see(project, adapters, request, source, host)
    project = labelled(project, seen)
    selection = build_graph(project, adapters.contexts, seen.known, host, request)
    for name in selection.closure:
        render_image(name, project.spec.images[name], seen.known(name), project.at, strict=True)
    return Survey(seen, selection, engine, facts, no_engine)


def labelled(project: Project, seen: Seen) -> Project:
    """The project with the labels of the event under those of each image that asks for them."""
    images = dict(project.spec.images)
    for name, image in images.items():
        if image.oci_labels:
            said = oci_labels(seen.event, seen.tags(name).version)
            # What an event says is text, and no template.
            plain = {key: value.replace("{{", "{") for key, value in said if value}
            labels = tuple(sorted({**plain, **dict(image.labels)}.items()))
            images[name] = image.model_copy(update={"labels": labels})
    return replace(project, spec=project.spec.model_copy(update={"images": images}))


def prepare(project: Project, adapters: Adapters, request: Request) -> Prepared:
    """Observe and plan.

    Raises:
        SpecError, PlanError, SetupError, UnknownError: see the phases.
    """
    found = survey(project, adapters, request)
    source, engine = found.seen.source, found.engine
    offline = request.offline
    bases = observed_bases(project, found.images, engine, adapters.registry, offline=offline)
    wanted = {name: found.seen.tags(name) for name in found.selection.closure}
    releases = _releases(found.seen, wanted)
    prints = fingerprints(project, adapters.contexts, found.images, bases, releases=releases)
    candidates = _candidates(project, found, prints, wanted)
    held, keeping = RegistryFacts(), project.spec.fingerprints
    if request.mode is Mode.PUBLISH and not offline:
        held = registry_facts(adapters.registry, candidates, keeping)
    sought = [one for one in candidates if not _published(one, held)]
    local = local_images(engine, FINGERPRINT_LABEL, sought) if engine else {}
    kept = records(adapters.registry, candidates, held) if keeping.records else {}
    world = World(held, local, bases, kept, asked=not offline)
    concerns = (*project.concerns, *found.seen.concerns, *base_concerns(project, bases))
    if request.mode is Mode.PUBLISH and not any(one.wanted for one in candidates):
        concerns += (NO_TAGS,)
    if offline:
        concerns += offline_concern(project, bases, candidates, request.mode)
    plan = make_plan(
        project.spec.project,
        found.seen.versions.project,
        candidates,
        world,
        request.mode,
        concerns,
        project.root,
        source.commit,
        keeping,
    )
    needed = any(found.seen.current(name).needs_history for name in found.selection.closure)
    return Prepared(
        plan=plan,
        source=source,
        engine=engine,
        engine_facts=found.engine_facts,
        no_engine=found.no_engine,
        needs_history=needed,
        root=project.root,
        images=tuple(found.images),
        oversights=found.selection.concerns,
    )


def _published(candidate: Candidate, held: RegistryFacts) -> bool:
    """Whether every registry that the image goes to holds it, so that the engine need not."""
    found = [held.digests.get(reference) for reference in candidate.published.values()]
    return bool(found) and all(found)


def _ask_engine(
    adapters: Adapters, mode: Mode
) -> tuple[Engine | None, EngineFacts | None, SetupError | None]:
    """The engine, if one answers. A plan against the registries can do without."""
    try:
        engine = adapters.engine()
        return engine, engine.check(), None
    except SetupError as error:
        if mode is Mode.LOCAL:
            raise
        return None, None, error


def _releases(seen: Seen, wanted: Mapping[str, Outcome]) -> dict[str, str]:
    """What tells the release of each image from every other one.

    The same release made again, here or elsewhere, is the same one. There is none where no tag is
    for ever.
    """
    tags = (tag for outcome in wanted.values() for tag in outcome.wanted)
    if not any(tag.kind is TagKind.IMMUTABLE for tag in tags):
        return {}
    currents = {name: seen.current(name) for name in wanted}
    return {
        name: " ".join(str(part) for part in (one.version, one.commit) if part)
        for name, one in currents.items()
    }


def _candidates(
    project: Project,
    found: Survey,
    prints: Mapping[str, Fingerprint],
    wanted: Mapping[str, Outcome],
) -> list[Candidate]:
    spec, selection = project.spec, found.selection
    candidates = []
    for name in selection.closure:
        tags = wanted[name]
        repositories = tuple((r, spec.repository(name, r)) for r in spec.push_to(name))
        if not tags.wanted and not spec.fingerprints.tags:
            repositories = ()  # there is no tag to upload it under
        current = found.seen.current(name)
        candidates.append(
            Candidate(
                image=selection.resolved[name],
                fingerprint=prints[name],
                wanted=tags.wanted,
                skipped=tags.skipped,
                repositories=repositories,
                chosen=name in selection.chosen,
                version=current.version,
                keeps=current.is_kept,
                commanded=current.is_commanded,
                tagged=found.seen.tagged(name),
            )
        )
    return candidates
