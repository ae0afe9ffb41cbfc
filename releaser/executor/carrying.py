"""What workers do with content that is somewhere already: copy it, attach what belongs to it."""

from __future__ import annotations

from typing import assert_never

from releaser.core.oci import Digest, Reference, Repository
from releaser.core.steps import AttachStep, CopyStep, WithdrawStep
from releaser.errors import RegistryError, StepError
from releaser.interfaces import Registry


def carry(registry: Registry, step: CopyStep | AttachStep | WithdrawStep) -> Digest | None:
    """Do a step that needs registries alone; the digest that it came to.

    Raises:
        StepError: see the functions below.
    """
    match step:
        case CopyStep():
            return copy(registry, step)
        case AttachStep():
            return attach(registry, step)
        case WithdrawStep():
            return withdraw(registry, step)
        case _:
            assert_never(step)


def copy(registry: Registry, step: CopyStep) -> Digest:
    """Copy an image; where it is to be checked, believe only what is then read there.

    Raises:
        RegistryError: also where a part is missing in the end, or the digest is another one.
    """
    repository, tag = step.reference.repository, step.reference.tag
    digest = registry.copy(step.source, repository, tag)
    if step.source.digest not in {None, digest}:
        raise RegistryError(
            f"{step.source} was copied and came out as another image",
            details=(("found", str(digest)),),
        )
    if step.checked:
        _check(registry, repository, digest)
    return digest


def attach(registry: Registry, step: AttachStep) -> Digest:
    """Copy what refers to an image; one that has a tag meanwhile is left alone.

    Raises:
        RegistryError: also where a part is missing in the end.
    """
    if step.tag is None:
        digest = registry.attach(step.source, step.repository)
    else:
        there = registry.digest(step.repository.tagged(step.tag))
        if there not in {None, step.source.digest}:
            raise RegistryError(
                f"{step.repository.tagged(step.tag)} was written by somebody else meanwhile",
                details=(("there", str(there)),),
                hint="run it again: the plan is made anew from what is there",
            )
        digest = registry.copy(step.source, step.repository, step.tag)
    _check(registry, step.repository, digest)
    return digest


def withdraw(registry: Registry, step: WithdrawStep) -> Digest | None:
    """Keep a list of versions, where it is still the one that the plan was made from.

    Raises:
        StepError: somebody else has changed it meanwhile.
    """
    now = registry.digest(step.reference)
    if now != step.before:
        raise StepError(
            f"{step.reference} was changed by another rollback meanwhile",
            details=(("expected", str(step.before or "nothing")), ("there", str(now or "nothing"))),
            hint="run it again: the plan is made anew from what is there",
        )
    registry.write_record(step.reference, step.record)
    return registry.digest(step.reference)


def _check(registry: Registry, repository: Repository, digest: Digest) -> None:
    place: Reference = repository.at(digest)
    manifest = registry.manifest(place)
    if manifest is None:
        raise RegistryError(f"{place} was copied and is not there", hint="run it again")
    flaws = registry.flaws(repository, manifest)
    if flaws:
        raise RegistryError(
            f"{place} was copied and is not whole",
            details=[(str(one.digest), one.why) for one in flaws[:20]],
            hint="run it again: what is missing is copied anew",
        )
