"""The use case of promotion: the same bytes under other tags, or in another registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from releaser.core.events import RunResult
from releaser.core.graph import choose
from releaser.core.places import Place, check_registry, may_be_in
from releaser.core.promoted import Destinations, Origin, promoted_tags
from releaser.core.promotion import ImagePromotion, Promotion, arrival
from releaser.core.spec import Spec
from releaser.errors import PlanError, SpecError
from releaser.executor import Limits, Stop
from releaser.interfaces import Listener
from releaser.observe import concurrently, origin, target
from releaser.pipeline.request import Adapters, Project
from releaser.pipeline.running import carry_out


@dataclass(frozen=True, slots=True)
class Promoting:
    """What is asked for: a version or a tag, of which images, from where, and where to."""

    asked: str
    to: Destinations
    images: tuple[str, ...] = ()
    source: str | None = None


def plan_promotion(project: Project, adapters: Adapters, request: Promoting) -> Promotion:
    """Look at the registries and decide.

    Raises:
        SpecError: a name matches nothing, or a tag would be misleading.
        PlanError: an image is not there to be promoted, or was rolled back there.
        SetupError, UnknownError: a registry cannot be asked, or would not say.
    """
    spec = project.spec
    source = _source(spec, request)
    names = choose(spec, request.images)
    come = [place for name in names for place in _sources(spec, name, source)]
    if not come:
        raise SpecError("none of the images goes to a registry", hint="look at push_to")
    whole = bool(request.to.registries)
    found = concurrently(
        lambda place: origin(adapters.registry, spec, place, request.asked, whole=whole), come
    )
    missing = [place for place, one in zip(come, found, strict=True) if one is None]
    if missing:
        raise _not_there(missing, request.asked)
    origins = [one for one in found if one is not None]
    gone = [one for one in origins if one.version in one.withdrawn]
    if gone:
        raise _rolled_back(gone)
    images = concurrently(lambda one: _promotion(spec, adapters, one, request), origins)
    return Promotion(spec.project, request.asked, tuple(images))


def refuse_promotion(plan: Promotion) -> None:
    """Raise :class:`PlanError` where an immutable tag names something else."""
    refused = plan.refused
    if refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise PlanError(
            f"{refused[0].reference} names another content already{more}",
            details=[(str(one.reference), f"is {one.before}") for one in refused[:20]],
            hint="nothing was written: a released version never changes",
        )


def promote(
    plan: Promotion,
    adapters: Adapters,
    listener: Listener,
    limits: Limits,
    stop: Stop | None = None,
) -> RunResult:
    """Do what the plan says, and give its honest outcome in ``RunResult.error``.

    Raises:
        PlanError: see :func:`refuse_promotion`.
        SetupError: a registry refuses a push.
    """
    refuse_promotion(plan)
    return carry_out(plan.project, plan.steps(), adapters, listener, limits, stop)


def _source(spec: Spec, request: Promoting) -> str | None:
    """The registry that images come from; ``None``: each that they are in, which they stay in."""
    to = request.to.registries
    if request.source is not None:
        check_registry(spec, request.source)
        if request.source in to:
            raise SpecError(
                f'"{request.source}" is where the images come from', hint="leave it out of --to"
            )
        return request.source
    others = [name for name in spec.registries if name not in to]
    if not to:
        return None
    if not others:
        raise SpecError(
            "all registries of the spec are where the images go to",
            hint="leave out the one that they come from",
        )
    if len(others) != 1:
        raise SpecError(
            "nothing says which registry the images come from",
            hint=f"--from {others[0]}",
        )
    return others[0]


def _sources(spec: Spec, image: str, source: str | None) -> list[Place]:
    names = spec.push_to(image) if source is None else (source,)
    there = [name for name in names if may_be_in(spec, image, name)]
    return [Place(image, name, spec.repository(image, name)) for name in there]


def _not_there(missing: Sequence[Place], asked: str) -> PlanError:
    first = missing[0]
    more = f" (and {len(missing) - 1} more images)" if len(missing) > 1 else ""
    return PlanError(
        f'"{asked}" of image "{first.image}" is not in {first.registry}{more}',
        details=[("missing", f"{one.repository}:{asked}") for one in missing[:20]],
        hint="nothing was written: name the images that have it",
    )


def _rolled_back(gone: Sequence[Origin]) -> PlanError:
    first = gone[0]
    more = f" (and {len(gone) - 1} more images)" if len(gone) > 1 else ""
    return PlanError(
        f'{first.version} of image "{first.image}" was rolled back in {first.registry}{more}',
        details=[("rolled back", f"{one.reference.repository}:{one.version}") for one in gone[:20]],
        hint=f"releaser rollback --restore {first.version}",
    )


def _promotion(spec: Spec, adapters: Adapters, come: Origin, request: Promoting) -> ImagePromotion:
    arrivals = []
    for name in request.to.registries or (come.registry,):
        place = Place(come.image, name, spec.repository(come.image, name))
        elsewhere = place.repository != come.reference.repository
        tags = promoted_tags(spec, come, request.to, elsewhere=elsewhere)
        there = target(adapters.registry, spec, place, come, tags)
        arrivals.append(arrival(come, there, tags))
    return ImagePromotion(come, tuple(arrivals))
