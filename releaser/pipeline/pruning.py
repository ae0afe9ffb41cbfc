"""The use case of pruning: look at repositories, decide, remove tags, and look again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from releaser.core.events import RunResult
from releaser.core.oci import Digest, Reference, Repository, Tag
from releaser.core.places import Place, places
from releaser.core.plan import Mode, Plan
from releaser.core.pruning import Pruning, Rules, ShelfPruning, prune_shelf
from releaser.core.spec import KEEP_NOTHING_SAID, PruneSpec, Spec
from releaser.errors import InterruptedRunError, RegistryError, ReleaserError, UnknownError
from releaser.executor import Doers, Limits, Stop, execute
from releaser.interfaces import Listener, Registry
from releaser.observe import concurrently, shelf, unknown
from releaser.pipeline.preflight import problems, raise_first
from releaser.pipeline.request import Adapters, Project
from releaser.pipeline.running import outcome_error


@dataclass(frozen=True, slots=True)
class PruneRequest:
    """What is asked for: images, registries, and rules in place of the spec's."""

    images: tuple[str, ...] = ()
    registries: tuple[str, ...] = ()
    rules: PruneSpec = KEEP_NOTHING_SAID


def plan_pruning(project: Project, adapters: Adapters, request: PruneRequest) -> Pruning:
    """Look at the repositories and decide.

    Raises:
        SpecError: a name matches nothing, or nothing says what to keep.
        SetupError, UnknownError: a registry cannot be asked, or would not say.
    """
    spec = project.spec
    rules = _rules(spec.prune, request.rules)
    found = _shared(spec, places(spec, request.images, request.registries))
    registry, now = adapters.registry, int(adapters.clock())
    shelves = [
        shelf(registry, spec, name, repository, images)
        for (name, repository), images in found.items()
    ]
    return Pruning(spec.project, tuple(prune_shelf(spec, one, rules, now) for one in shelves))


def prune(
    plan: Pruning,
    adapters: Adapters,
    listener: Listener,
    limits: Limits,
    stop: Stop | None = None,
) -> RunResult:
    """Remove what the plan says, then look whether all else is still there.

    Raises:
        SetupError: a registry does not delete, or does not let us; nothing was removed.
        RegistryError: one would not list its tags; nothing was removed.
    """
    registry = adapters.registry
    shelves = {one.shelf.repository for one in plan.shelves if one.removed}
    raise_first(problems(registry.check_delete, shelves))
    before = {repository: frozenset(registry.tags(repository)) for repository in shelves}
    steps = plan.steps()
    run = Plan(plan.project, None, Mode.PUBLISH, (), steps)
    result = execute(run, Doers(registry, journal=adapters.journal), listener, limits, stop)
    error = outcome_error(run, result)
    if not isinstance(error, InterruptedRunError | UnknownError):
        error = _loss(registry, plan, before) or error
    return RunResult(result.records, error)


def _rules(spec: PruneSpec, asked: PruneSpec) -> Rules:
    """The rules of the spec, with what the command line says in place of them."""
    given = {
        name: value
        for name, value in (("keep_last", asked.keep_last), ("keep_within", asked.keep_within))
        if value is not None
    }
    more = {"keep": (*spec.keep, *asked.keep), "commits": spec.commits or asked.commits}
    return Rules.of(spec.model_copy(update={**given, **more}))


def _shared(spec: Spec, found: Iterable[Place]) -> dict[tuple[str, Repository], tuple[str, ...]]:
    """The repositories of places, each with all images of the spec that are in it."""
    return {
        (one.registry, one.repository): tuple(
            name for name in spec.images if spec.repository(name, one.registry) == one.repository
        )
        for one in found
    }


def _loss(
    registry: Registry, plan: Pruning, before: Mapping[Repository, frozenset[str]]
) -> ReleaserError | None:
    """What is wrong with what should have stayed, if anything is.

    ``before`` are the tags that were there when the first one was to be removed.
    """
    shelves = [one for one in plan.shelves if one.removed]
    try:
        lost = [it for one in shelves for it in _lost(registry, one, before[one.shelf.repository])]
    except ReleaserError as error:
        return error
    if not lost:
        return None
    return UnknownError(
        f"{len(lost)} tags that should have stayed are gone",
        details=[(str(tag), f"was {digest or 'not looked at'}") for tag, digest in lost[:20]],
        hint="a release beside this, or somebody else who removes tags: release them again",
    )


def _lost(
    registry: Registry, one: ShelfPruning, before: frozenset[str]
) -> list[tuple[Reference, Digest | None]]:
    """The tags that should have stayed and are gone; siblings of what went are asked for.

    Those that are new since the plan are among them, without a digest.
    """
    repository = one.shelf.repository
    touched = {verdict.digest for verdict in one.removed}
    try:
        listed = frozenset(registry.tags(repository))
        asked = [tag for tag, digest in one.kept.items() if digest in touched]
        digests = concurrently(lambda tag: registry.digest(repository.tagged(tag)), asked)
    except RegistryError as error:
        raise unknown(str(repository), error) from error
    gone = {tag for tag, now in zip(asked, digests, strict=True) if now is None}
    stay = set(map(str, one.kept)) | before - {str(verdict.tag) for verdict in one.removed}
    gone |= {Tag(tag) for tag in stay - listed}
    return [(repository.tagged(tag), one.kept.get(tag)) for tag in sorted(gone)]
