"""The use cases: the only module that knows the order of the phases.

load → observe → plan → execute → report. This module sees interfaces and no adapter, so that the
whole product runs in memory on fakes.
"""

from __future__ import annotations

import platform
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from releaser.core import tag_policy
from releaser.core.candidate import Candidate, World
from releaser.core.events import Outcome, RunResult
from releaser.core.facts import (
    FINGERPRINT_LABEL,
    Concern,
    EngineFacts,
    RegistryFacts,
    SourceFacts,
)
from releaser.core.fingerprint import Fingerprint
from releaser.core.graph import ImageGraph, Owners, select
from releaser.core.oci import Digest, Platform, Repository
from releaser.core.plan import Mode, Plan
from releaser.core.planner import make_plan
from releaser.core.platforms import uncovered
from releaser.core.resolve import ResolvedImage, Resolver, render_image
from releaser.core.spec import Spec
from releaser.core.steps import BuildStep, CopyStep, PushStep, TagStep
from releaser.core.version import Version, between_tags, dirty, highest, tagged_version
from releaser.errors import (
    InternalError,
    InterruptedRunError,
    Location,
    PartialError,
    PlanError,
    ReleaserError,
    SetupError,
    SpecError,
    StepError,
    UnknownError,
)
from releaser.executor import Doers, Limits, Stop, execute
from releaser.interfaces import (
    Builder,
    Contexts,
    Engine,
    Listener,
    Registry,
    SourceRepository,
)
from releaser.observe import (
    all_files,
    base_digests,
    concurrently,
    local_images,
    registry_facts,
    seen_from,
)

__all__ = [
    "Adapters",
    "Prepared",
    "Project",
    "Request",
    "build_graph",
    "check",
    "fingerprints",
    "host_platform",
    "prepare",
    "refuse",
    "run",
]

TAG_TEMPLATE = "v{{version}}"


@dataclass(frozen=True, slots=True)
class Adapters:
    """The outside world of one run. ``engine`` and ``builder`` are made when they are needed."""

    source: SourceRepository
    contexts: Contexts
    registry: Registry
    engine: Callable[[], Engine]
    builder: Callable[[EngineFacts], Builder]


@dataclass(frozen=True, slots=True)
class Project:
    """A loaded spec: ``root`` is the absolute folder of its file, ``at`` where a path in it is."""

    spec: Spec
    root: str
    at: Callable[[tuple[str | int, ...]], Location]
    concerns: tuple[Concern, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    images: tuple[str, ...] = ()
    only: bool = False
    version: str | None = None
    mode: Mode = Mode.PUBLISH


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan and what it was made with; ``engine`` is ``None`` where none answered."""

    plan: Plan
    source: SourceFacts
    engine: Engine | None = None
    engine_facts: EngineFacts | None = None
    no_engine: SetupError | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """The graph of a spec, and the images of it that a request is about (upstreams first)."""

    graph: ImageGraph
    resolved: Mapping[str, ResolvedImage]
    closure: tuple[str, ...]
    chosen: frozenset[str]


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
    chosen = select(tuple(spec.images), request.images)
    resolver = Resolver(project.root, platform, Owners.of(spec), project.at)
    resolved: dict[str, ResolvedImage] = {}
    complaints: list[SpecError] = []
    for name in spec.images:
        try:
            with _paths_shown(project):
                resolved[name] = _resolve(project, resolver, contexts, name, known(name))
        except SpecError as error:
            complaints.extend(error.problems)
    if not complaints:
        complaints.extend(uncovered(resolved))
    if complaints:
        raise SpecError.together(complaints)
    edges = tuple(edge for image in resolved.values() for edge in image.edges)
    graph = ImageGraph(tuple(spec.images), edges)
    closure = graph.with_upstreams(chosen)
    return Selection(graph, resolved, closure, frozenset(chosen if request.only else closure))


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


def prepare(project: Project, adapters: Adapters, request: Request) -> Prepared:
    """Observe and plan.

    Raises:
        SpecError, PlanError, SetupError, UnknownError: see the phases.
    """
    source = adapters.source.facts(TAG_TEMPLATE)
    version = version_of(source, request.version)
    engine, facts, no_engine = _ask_engine(adapters, request.mode)
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
    held = RegistryFacts()
    if request.mode is Mode.PUBLISH:
        held = registry_facts(adapters.registry, candidates)
    sought = [one for one in candidates if not _published(one, held)]
    local = local_images(engine, FINGERPRINT_LABEL, sought) if engine else {}
    world = World(held, local, bases)
    concerns = (*project.concerns, *source.concerns, *_base_concerns(bases))
    plan = make_plan(
        project.spec.project, version, candidates, world, request.mode, concerns, project.root
    )
    return Prepared(plan, source, engine, facts, no_engine)


def _published(candidate: Candidate, held: RegistryFacts) -> bool:
    """Whether every registry that the image goes to holds it, so that the engine need not."""
    found = [held.digests.get(reference) for reference in candidate.published.values()]
    return bool(found) and all(found)


def host_platform() -> Platform:
    """What an image is built for where no engine says: Linux on this machine's architecture."""
    return Platform.canonical("linux", platform.machine().lower() or "amd64")


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


def fingerprints(
    project: Project,
    contexts: Contexts,
    images: Sequence[ResolvedImage],
    bases: Mapping[str, Digest | None],
    *,
    strict: bool = True,
) -> dict[str, Fingerprint]:
    """The fingerprints of ``images`` (upstreams first).

    Raises:
        SpecError: a context or (where ``strict``) a COPY source is missing.
    """
    with _paths_shown(project):
        files = all_files(contexts, images, project.at, strict=strict)
    prints: dict[str, Fingerprint] = {}
    for image in images:
        prints[image.name] = image.fingerprint(files[image.name], bases, prints)
    return prints


@contextmanager
def _paths_shown(project: Project) -> Iterator[None]:
    """Complaints about files name them as the spec's author sees them, not as we do."""
    try:
        yield
    except SpecError as error:
        folder = posixpath.dirname(project.at(()).file)
        raise seen_from(error, project.root, folder) from None


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


def refuse(
    prepared: Prepared, *, push: bool, allow_dirty: bool, given_version: bool = False
) -> None:
    """Raise where a release of this plan would be wrong, before anything is touched.

    Raises:
        PlanError: an immutable tag names something else, or the tree has uncommitted changes.
        SetupError: there is no history to take a version from.
    """
    refused = prepared.plan.refused
    if refused:
        raise PlanError(
            f"{refused[0].reference} names another content already"
            + (f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""),
            details=[(str(one.reference), f"is {one.before}") for one in refused],
            hint="a released version never changes: release a new one",
        )
    source = prepared.source
    if push and source.changes and not allow_dirty:
        shown = ", ".join(source.changes[:5]) + (" …" if len(source.changes) > 5 else "")
        raise PlanError(
            "the tree has changes that are not committed",
            details=(("changed", shown),),
            hint="commit them, or pass --allow-dirty",
        )
    if push and not any(image.references for image in prepared.plan.images):
        raise SetupError(
            "no image would get a tag: there is neither a version nor a commit to name them by",
            hint="pass --version 1.0.0, or release from a git checkout",
        )
    if push and source.shallow and not given_version and not source.tags:
        raise SetupError(
            "the clone is shallow, so the last version is not known",
            hint="fetch it: actions/checkout with fetch-depth: 0, or git fetch --unshallow",
        )


def preflight(prepared: Prepared, plan: Plan, adapters: Adapters) -> Builder | None:
    """Everything that a run of ``plan`` needs, asked before its first step; all problems at once.

    Returns the builder, where anything is to be built.

    Raises:
        SetupError: no engine answers, a registry refuses a push or cannot be reached.
        SpecError: an image asks for what the builder cannot do.
    """
    steps = [one.step for one in plan.steps]
    builds = [step for step in steps if isinstance(step, BuildStep)]
    needs_engine = any(not isinstance(step, CopyStep | TagStep) for step in steps)
    if needs_engine and prepared.engine is None and prepared.no_engine is not None:
        raise prepared.no_engine
    builder: Builder | None = None
    if builds and prepared.engine and prepared.engine_facts:
        builder = adapters.builder(prepared.engine_facts)
        builder.check(builds)
    _check_pushes(plan, adapters.registry)
    return builder


def _check_pushes(plan: Plan, registry: Registry) -> None:
    writes = [one.step for one in plan.steps if isinstance(one.step, PushStep | CopyStep | TagStep)]
    repositories = sorted({step.reference.repository for step in writes})

    def check(repository: Repository) -> ReleaserError | None:
        try:
            registry.check_push(repository)
        except ReleaserError as error:
            return error
        return None

    problems = [error for error in concurrently(check, repositories) if error]
    if problems:
        first, rest = problems[0], problems[1:]
        first.details = (*first.details, *(("also", str(one)) for one in rest[:20]))
        raise first


def run(
    prepared: Prepared,
    plan: Plan,
    adapters: Adapters,
    listener: Listener,
    limits: Limits,
    stop: Stop | None = None,
) -> RunResult:
    """Execute ``plan`` and give its honest outcome in ``RunResult.error``."""
    builder = preflight(prepared, plan, adapters)
    doers = Doers(adapters.registry, prepared.engine, builder)
    result = execute(plan, doers, listener, limits, stop)
    return RunResult(result.records, outcome_error(plan, result))


def outcome_error(plan: Plan, result: RunResult) -> ReleaserError | None:
    """The error that a run ends in: partly published is told apart from nothing public changed."""
    tags = [result.records[one.key] for one in plan.steps if isinstance(one.step, TagStep)]
    moved = [one for one in tags if one.outcome is Outcome.DONE]
    failed = [one for one in result.records.values() if one.error is not None]
    if moved and len(moved) < len(tags):
        cause = result.error.message if result.error else "it did not end"
        return PartialError(
            f"partly published: {len(moved)} of {len(tags)} tags were written: {cause}",
            details=[
                *(("written", one.key.removeprefix("tag:")) for one in moved[:20]),
                *(("missing", t.key.removeprefix("tag:")) for t in tags if t not in moved),
            ][:40],
            hint="run it again: it will do what is missing",
        )
    if result.error is None or len(failed) < 2 or isinstance(result.error, InterruptedRunError):
        return result.error
    # What nobody knows, and a bug of ours, must not hide behind the other failures.
    kinds = (UnknownError, InternalError)
    kind = next((k for k in kinds if any(isinstance(f.error, k) for f in failed)), StepError)
    return kind(
        f"{len(failed)} steps failed",
        details=[(one.key, one.error.message if one.error else "") for one in failed],
    )


def check(project: Project, contexts: Contexts) -> ImageGraph:
    """Check everything that needs neither engine nor registry: Dockerfiles, targets, sources.

    Raises:
        SpecError: all complaints at once.
        PlanError: the images need each other in a cycle.
    """
    request = Request()
    selection = build_graph(project, contexts, lambda _: {}, host_platform(), request)
    images = list(selection.resolved.values())
    with _paths_shown(project):
        all_files(contexts, images, project.at)
    return selection.graph
