"""The use case of rollback: look at what is there, decide, withdraw versions and move tags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from releaser.core.events import RunResult
from releaser.core.places import Place, places
from releaser.core.plan import PlannedStep
from releaser.core.rollback import ImageRollback, Rollback, asked_for, roll_back
from releaser.core.spec import Spec
from releaser.core.steps import TagStep
from releaser.core.tagging import versions_among
from releaser.core.wish import Change, Standing, Undo, Wish, changes
from releaser.core.withdrawal import Withdrawals, withdrawal_reference
from releaser.errors import PlanError, RegistryError, SpecError
from releaser.executor import Limits, Stop
from releaser.interfaces import Listener, Registry
from releaser.observe import concurrently, unknown, withdrawals
from releaser.pipeline.request import Adapters, Project
from releaser.pipeline.running import carry_out


@dataclass(frozen=True, slots=True)
class RollingBack:
    """What is asked for, of which images and where, and why."""

    wish: Wish
    images: tuple[str, ...] = ()
    registries: tuple[str, ...] = ()
    reason: str = ""


def plan_rollback(project: Project, adapters: Adapters, request: RollingBack) -> Rollback:
    """Look at the registries and decide.

    Raises:
        SpecError: a name matches nothing.
        PlanError: a version is not there, or a report has nothing to undo.
        SetupError, UnknownError: a registry cannot be asked, or would not say.
    """
    spec, wish = project.spec, request.wish
    at = datetime.fromtimestamp(int(adapters.clock()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = places(spec, request.images, request.registries)
    if isinstance(wish, Undo):
        found = _of_run(found, wish, request)
    standings = concurrently(lambda place: _standing(adapters.registry, spec, place), found)
    pairs = list(zip(standings, changes(spec, standings, wish), strict=True))
    known = concurrently(lambda pair: _known(adapters.registry, spec, *pair), pairs)
    images = (
        roll_back(spec, one, change, at, request.reason)
        for one, (_, change) in zip(known, pairs, strict=True)
    )
    return Rollback(spec.project, tuple(images))


def refuse_rollback(plan: Rollback) -> None:
    """Raise :class:`PlanError` where a tag cannot go back."""
    refused = plan.refused
    if refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise PlanError(
            f"{refused[0].reference} cannot go back: {refused[0].reason}{more}",
            details=[(str(one.reference), one.reason) for one in refused[:20]],
            hint="nothing was changed",
        )


def rollback(
    plan: Rollback,
    adapters: Adapters,
    listener: Listener,
    limits: Limits,
    stop: Stop | None = None,
) -> RunResult:
    """Do what the plan says, and give its honest outcome in ``RunResult.error``.

    Raises:
        PlanError: see :func:`refuse_rollback`.
        SetupError: a registry refuses a push.
    """
    refuse_rollback(plan)
    # half a rollback is better finished than taken back
    steps = rollback_steps(plan)
    return carry_out(plan.project, steps, adapters, listener, limits, stop, rollback=False)


def rollback_steps(plan: Rollback) -> tuple[PlannedStep, ...]:
    """What the plan says, and a look at the lines that were right when it was made.

    A release of a version that is withdrawn may look before the list is kept and move a line after
    that. So whoever keeps the list looks at all lines of it last.
    """
    planned = plan.steps()
    last = 1 + max((one.stage for one in planned), default=0)
    found = [step for image in plan.images for step in _looks(image)]
    return (*planned, *(PlannedStep(step, stage=last) for step in found))


def _looks(image: ImageRollback) -> Iterable[TagStep]:
    place = image.standing.place
    for one in image.moves if image.withdrawals is not None else ():
        if not one.written and one.line is not None and one.digest is not None:
            reference, kind, before = one.plan.reference, one.plan.kind, one.plan.before
            source = place.repository.at(one.digest)
            yield TagStep(place.image, place.registry, reference, kind, source, before, one.line)


def _of_run(found: Sequence[Place], wish: Undo, request: RollingBack) -> tuple[Place, ...]:
    """The places that a run has written to."""
    written = {one.reference.repository for image in wish.images for one in image.references}
    names = {image.name for image in wish.images}
    there = tuple(one for one in found if one.image in names and one.repository in written)
    if not there:
        raise SpecError(
            "the report is about none of these images",
            details=(("reported", ", ".join(sorted(names)) or "none"),),
            hint="look at --registry and the images" if request.images else None,
        )
    return there


def _standing(registry: Registry, spec: Spec, place: Place) -> Standing:
    """What is out in a place, and what was withdrawn there."""
    repository = place.repository
    kept = withdrawal_reference(repository, place.image)
    try:
        tags = registry.tags(repository)
        gone = withdrawals(registry, [kept], {repository: tags}).get(kept)
        return Standing(
            place,
            tags,
            versions_among(tags, spec, place.image),
            gone or Withdrawals(place.image),
            registry.digest(kept) if str(kept.tag) in tags else None,
        )
    except RegistryError as error:
        raise unknown(str(repository), error) from error


def _known(registry: Registry, spec: Spec, standing: Standing, change: Change) -> Standing:
    """The same, with the digests that the plan needs."""
    repository = standing.place.repository
    asked = [tag for tag in asked_for(spec, standing, change) if str(tag) in standing.tags]
    past = {one.before for one in change.moved if one.before is not None}
    try:
        digests = concurrently(lambda tag: registry.digest(repository.tagged(tag)), asked)
        there = {one for one in past if registry.digest(repository.at(one)) is not None}
    except RegistryError as error:
        raise unknown(str(repository), error) from error
    found = {tag: one for tag, one in zip(asked, digests, strict=True) if one is not None}
    return replace(standing, named=found, there=frozenset(there))
