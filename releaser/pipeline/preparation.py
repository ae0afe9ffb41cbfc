"""From a project to a plan: ask what must be known, in two rounds, and decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from releaser.core import tag_policy
from releaser.core.candidate import Candidate, World
from releaser.core.facts import (
    FINGERPRINT_LABEL,
    Concern,
    EngineFacts,
    RegistryFacts,
    SourceFacts,
)
from releaser.core.fingerprint import Fingerprint
from releaser.core.oci import Digest, Platform
from releaser.core.plan import Mode
from releaser.core.planner import make_plan
from releaser.core.resolve import render_image
from releaser.core.version import Version, between_tags, dirty, highest, tagged_version
from releaser.errors import SetupError, SpecError
from releaser.interfaces import Engine
from releaser.observe import base_digests, local_images, records, registry_facts
from releaser.pipeline.request import Adapters, Prepared, Project, Request
from releaser.pipeline.selection import Selection, build_graph, fingerprints, host_platform

TAG_TEMPLATE = "v{{version}}"


def version_of(source: SourceFacts, override: str | None) -> Version | None:
    """The version of this checkout: the command line's, the tag's at HEAD, or one between tags.

    ``None`` where there is neither a version on the command line nor a commit.
    """
    if override is not None:
        return Version.parse(override)
    if source.commit is None:
        return None
    here = highest(source.tags, TAG_TEMPLATE)
    if here:
        version = here[1]
    else:
        last = tagged_version(source.last_tag, TAG_TEMPLATE) if source.last_tag else None
        version = between_tags(last, source.distance, source.commit)
    return dirty(version) if source.changes else version


def prepare(project: Project, adapters: Adapters, request: Request) -> Prepared:
    """Observe and plan.

    Raises:
        SpecError, PlanError, SetupError, UnknownError: see the phases.
    """
    with ThreadPoolExecutor(1) as beside:  # git is a program, and mostly waited for
        asked = beside.submit(adapters.source.facts, TAG_TEMPLATE)
        engine, facts, no_engine = _ask_engine(adapters, request.mode)
        source = asked.result()
    version = version_of(source, request.version)
    host = Platform.parse(facts.platform) if facts else host_platform()

    def known(image: str) -> Mapping[str, str]:
        return tag_policy.values(version, source, image=image, project=project.spec.project)

    selection = build_graph(project, adapters.contexts, known, host, request)
    for name in selection.closure:
        render_image(name, project.spec.images[name], known(name), project.at, strict=True)
    images = [selection.resolved[name] for name in selection.closure]
    bases = base_digests(
        (base for image in images for base in image.bases), engine, adapters.registry
    )
    prints = fingerprints(project, adapters.contexts, images, bases)
    candidates = _candidates(project, selection, prints, known, version, source)
    held, keeping = RegistryFacts(), project.spec.fingerprints
    if request.mode is Mode.PUBLISH:
        held = registry_facts(adapters.registry, candidates, keeping)
    sought = [one for one in candidates if not _published(one, held)]
    local = local_images(engine, FINGERPRINT_LABEL, sought) if engine else {}
    kept = records(adapters.registry, candidates, held) if keeping.records else {}
    world = World(held, local, bases, kept)
    concerns = (*project.concerns, *source.concerns, *_base_concerns(bases))
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
    return Prepared(plan, source, engine, facts, no_engine)


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


def _candidates(
    project: Project,
    selection: Selection,
    prints: Mapping[str, Fingerprint],
    known: Callable[[str], Mapping[str, str]],
    version: Version | None,
    source: SourceFacts,
) -> list[Candidate]:
    spec = project.spec
    found = []
    for name in selection.closure:
        rules = spec.images[name].tags
        rules = tag_policy.default_tags(version) if rules is None else rules
        try:
            wanted, skipped = tag_policy.evaluate(rules, known(name), version, source)
        except SpecError as error:
            raise SpecError(
                f'tags of image "{name}": {error.message}',
                at=project.at(("images", name, "tags")),
                details=error.details,
                hint=error.hint,
            ) from None
        repositories = tuple((r, spec.repository(name, r)) for r in spec.push_to(name))
        chosen = name in selection.chosen
        image = selection.resolved[name]
        found.append(Candidate(image, prints[name], wanted, skipped, repositories, chosen))
    return found


def _base_concerns(bases: Mapping[str, Digest | None]) -> tuple[Concern, ...]:
    return tuple(
        Concern(
            f'the digest of base image "{name}" could not be read, so it counts by its name',
            "a change of it will not be noticed",
        )
        for name, digest in bases.items()
        if digest is None
    )
