"""Everything that would stop a release, asked before its first step and said all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from releaser.core.facts import contradiction
from releaser.core.oci import Repository
from releaser.core.plan import Plan, PlannedStep
from releaser.core.steps import BuildStep, CopyStep, PushStep, RecordStep, TagStep, WithdrawStep
from releaser.errors import PlanError, ReleaserError, SetupError
from releaser.interfaces import Builder, Registry
from releaser.observe import concurrently
from releaser.pipeline.request import Adapters, Prepared

LEAST_FREE = 512 * 1024 * 1024
"""Bytes that an engine must have left before it builds anything."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a person allows: to ``push`` at all, with a ``dirty`` tree, under any ``event``."""

    push: bool = False
    dirty: bool = False
    event: bool = False


def preflight(
    prepared: Prepared, plan: Plan, adapters: Adapters, allowed: Allowed
) -> Builder | None:
    """Check that ``plan`` can and may be carried out; the builder, where anything is to be built.

    Raises:
        PlanError: an immutable tag names something else, the tree has uncommitted changes, or the
            event is one of strangers.
        SetupError: no engine answers or it has no room, a registry refuses a push or cannot be
            reached, or there is no history to take a version from.
        SpecError: an image asks for what the builder cannot do.
    """
    found = list(refusals(prepared, allowed))
    builder = None
    try:
        builder = _builder(prepared, plan, adapters)
    except ReleaserError as error:
        found.append(error)
    found.extend(push_problems(plan.steps, adapters.registry))
    raise_first(found)
    return builder


def refuse(prepared: Prepared, allowed: Allowed) -> None:
    """Raise where a release of what was prepared would be wrong; nothing is asked for it.

    Raises:
        PlanError, SetupError: see :func:`preflight`.
    """
    raise_first(list(refusals(prepared, allowed)))


def raise_first(problems: list[ReleaserError]) -> None:
    """Raise the first of ``problems``, if any, with the others among its details."""
    if problems:
        first, *others = problems
        first.details = (*first.details, *(("also", str(one)) for one in others[:20]))
        raise first


def refusals(prepared: Prepared, allowed: Allowed) -> Iterator[ReleaserError]:
    """Why a release would be wrong."""
    refused = prepared.plan.refused
    if refused:
        yield PlanError(
            f"{refused[0].reference} names another content already"
            + (f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""),
            details=[(str(one.reference), f"is {one.before}") for one in refused[:20]],
            hint="a released version never changes: release a new one",
        )
    if allowed.push:
        yield from _push_refusals(prepared, allowed)


def _push_refusals(prepared: Prepared, allowed: Allowed) -> Iterator[ReleaserError]:
    source = prepared.source
    if source.ci_request and not allowed.event:
        yield of_strangers(source.ci_request)
    if source.changes and not allowed.dirty:
        shown = ", ".join(source.changes[:5]) + (" …" if len(source.changes) > 5 else "")
        yield PlanError(
            "the tree has changes that are not committed",
            details=(("changed", shown),),
            hint="commit them, or pass --allow-dirty",
        )
    if not any(image.references for image in prepared.plan.images):
        skipped = {one.rule: one.reason for image in prepared.plan.images for one in image.skipped}
        yield SetupError(
            "no image would get a tag: none of the rules gives one here",
            details=list(skipped.items())[:20],
            hint="pass --version 1.0.0, or release from a git checkout",
        )
    odd = contradiction(source)
    if odd is not None:
        yield PlanError(odd.message, hint=odd.hint)
    if source.shallow and prepared.needs_history:
        yield SetupError(
            "the clone is shallow, so the last version is not known",
            hint="fetch it: actions/checkout with fetch-depth: 0, or git fetch --unshallow",
        )


def of_strangers(event: str) -> PlanError:
    """Why nothing is published under ``event``, a pull or merge request's."""
    return PlanError(
        f"the event is {event}: what it runs is not reviewed yet",
        hint="publish when it is merged; --allow-event publishes nevertheless",
    )


def _builder(prepared: Prepared, plan: Plan, adapters: Adapters) -> Builder | None:
    """The builder of a plan that builds, once it and the engine are known to be able to."""
    steps = [one.step for one in plan.steps]
    builds = [step for step in steps if isinstance(step, BuildStep)]
    needs_engine = any(not isinstance(step, CopyStep | TagStep | RecordStep) for step in steps)
    if needs_engine and prepared.engine is None and prepared.no_engine is not None:
        raise prepared.no_engine
    if not (builds and prepared.engine and prepared.engine_facts):
        return None
    free = prepared.engine_facts.free
    if free is not None and free < LEAST_FREE:
        raise SetupError(
            f"the engine has only {free // 1024**2} MiB left on its disk",
            details=(("needed", f"{LEAST_FREE // 1024**2} MiB"),),
            hint="docker system df says what uses it; docker buildx prune frees the cache",
        )
    builder = adapters.builder(prepared.engine_facts)
    builder.check(builds)
    return builder


def push_problems(steps: Iterable[PlannedStep], registry: Registry) -> list[ReleaserError]:
    """Why pushes would be refused, of every repository that ``steps`` write to."""
    kinds = PushStep | CopyStep | TagStep | WithdrawStep
    writes = [one.step for one in steps if isinstance(one.step, kinds)]
    return problems(registry.check_push, {step.reference.repository for step in writes})


def problems(
    ask: Callable[[Repository], None], repositories: Iterable[Repository]
) -> list[ReleaserError]:
    """What asking about all ``repositories`` at once complains of, each complaint once."""

    def check(repository: Repository) -> ReleaserError | None:
        try:
            ask(repository)
        except ReleaserError as error:
            return error
        return None

    found = [error for error in concurrently(check, sorted(repositories)) if error]
    return list({str(error): error for error in reversed(found)}.values())[::-1]
