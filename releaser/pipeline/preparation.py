"""From a project to a plan: ask what must be known, in two rounds, and decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from releaser.core import tagging
from releaser.core.candidate import Candidate, World
from releaser.core.facts import (
    FINGERPRINT_LABEL,
    EngineFacts,
    RegistryFacts,
    SourceFacts,
    event_of,
)
from releaser.core.fingerprint import Fingerprint
from releaser.core.git_tags import TagTemplate
from releaser.core.oci import Platform
from releaser.core.plan import Mode
from releaser.core.planner import make_plan
from releaser.core.resolve import ResolvedImage, render_image
from releaser.core.steps import TagKind
from releaser.core.tagging import Outcome, Policy, Safety, Situation, default_tags, evaluate
from releaser.core.version import Version, between_tags, dirty
from releaser.errors import SetupError, SpecError
from releaser.interfaces import Engine
from releaser.observe import local_images, records, registry_facts
from releaser.pipeline.bases import base_concerns, observed_bases, offline_concern
from releaser.pipeline.request import Adapters, Prepared, Project, Request
from releaser.pipeline.selection import Selection, build_graph, fingerprints, host_platform

TAG_TEMPLATE = TagTemplate()


def version_of(source: SourceFacts, override: str | None) -> Version | None:
    """The version of this checkout: the command line's, the tag's at HEAD, or one between tags.

    ``None`` where there is neither a version on the command line nor a commit.
    """
    if override is not None:
        return Version.parse(override)
    if source.commit is None:
        return None
    here = TAG_TEMPLATE.highest(source.tags)
    if here:
        version = here[1]
    else:
        last = TAG_TEMPLATE.version(source.last_tag) if source.last_tag else None
        version = between_tags(last, source.distance, source.commit)
    return dirty(version) if source.changes else version


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a project before anything is asked about images: its checkout and graph.

    ``known`` gives the values of an image's placeholders; ``engine`` is ``None`` where none
    answered.
    """

    source: SourceFacts
    version: Version | None
    known: Callable[[str], Mapping[str, str]]
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
        asked = beside.submit(adapters.source.facts, TAG_TEMPLATE)
        engine, facts, no_engine = _ask_engine(adapters, request.mode)
        source = asked.result()
    version = version_of(source, request.version)
    host = Platform.parse(facts.platform) if facts else host_platform()

    def known(image: str) -> Mapping[str, str]:
        return tagging.values(version, source, image=image, project=project.spec.project)

    selection = build_graph(project, adapters.contexts, known, host, request)
    for name in selection.closure:
        render_image(name, project.spec.images[name], known(name), project.at, strict=True)
    return Survey(source, version, known, selection, engine, facts, no_engine)


def prepare(project: Project, adapters: Adapters, request: Request) -> Prepared:
    """Observe and plan.

    Raises:
        SpecError, PlanError, SetupError, UnknownError: see the phases.
    """
    found = survey(project, adapters, request)
    source, version, engine = found.source, found.version, found.engine
    offline = request.offline
    bases = observed_bases(project, found.images, engine, adapters.registry, offline=offline)
    wanted = _wanted(project, found, int(adapters.clock()))
    release = _release(found, wanted.values())
    prints = fingerprints(project, adapters.contexts, found.images, bases, release=release)
    candidates = _candidates(project, found, prints, wanted)
    held, keeping = RegistryFacts(), project.spec.fingerprints
    if request.mode is Mode.PUBLISH and not offline:
        held = registry_facts(adapters.registry, candidates, keeping)
    sought = [one for one in candidates if not _published(one, held)]
    local = local_images(engine, FINGERPRINT_LABEL, sought) if engine else {}
    kept = records(adapters.registry, candidates, held) if keeping.records else {}
    world = World(held, local, bases, kept, asked=not offline)
    concerns = (*project.concerns, *source.concerns, *base_concerns(project, bases))
    if offline:
        concerns += offline_concern(project, bases, candidates, request.mode)
    plan = make_plan(
        project.spec.project,
        version,
        candidates,
        world,
        request.mode,
        concerns,
        project.root,
        source.commit,
        keeping,
    )
    return Prepared(plan, source, engine, found.engine_facts, found.no_engine)


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


def _wanted(project: Project, found: Survey, now: int) -> Mapping[str, Outcome]:
    """The tags that each image wants, and the rules that give none."""
    event = event_of(found.source, now)
    # A saved plan commands the version that it was made with: only another one is a person's word.
    commanded = str(found.version) != str(version_of(found.source, None))
    situation = Situation(
        version=found.version,
        source=found.source,
        event=event,
        image="",
        project=project.spec.project,
        commanded=commanded,
    )
    names = found.selection.closure
    return {name: _tags(project, name, replace(situation, image=name)) for name in names}


def _tags(project: Project, name: str, at: Situation) -> Outcome:
    spec = project.spec.tag_policy(name)
    try:
        if spec is None:
            return evaluate(Policy.of(default_tags(at.version)), at)
        safety = Safety(spec.tag_safety.immutable, spec.tag_safety.forward)
        return evaluate(Policy.of(spec.rules, spec.flavor, safety), at)
    except SpecError as error:
        raise SpecError(
            f'tags of image "{name}": {error.message}',
            at=project.at(("images", name, "tags")),
            details=error.details,
            hint=error.hint,
        ) from None


def _release(found: Survey, wanted: Iterable[Outcome]) -> str | None:
    """What tells this release from every other one; ``None`` where none of its tags is for ever.

    The same release made again, here or elsewhere, is the same one.
    """
    tags = (tag for outcome in wanted for tag in outcome.wanted)
    if not any(tag.kind is TagKind.IMMUTABLE for tag in tags):
        return None
    return " ".join(str(part) for part in (found.version, found.source.commit) if part)


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
        image, chosen = selection.resolved[name], name in selection.chosen
        candidates.append(
            Candidate(image, prints[name], tags.wanted, tags.skipped, repositories, chosen)
        )
    return candidates
