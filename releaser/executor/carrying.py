"""What workers do with content that is somewhere already: copy it, attach what belongs to it."""

from __future__ import annotations

from typing import assert_never

from releaser.core.oci import Digest, Manifest, Reference, Repository
from releaser.core.placeholder import is_placeholder
from releaser.core.steps import AttachStep, CopyStep, Removal, RemoveStep, WithdrawStep
from releaser.errors import RegistryError, StepError, UnknownError
from releaser.executor.journaled import Journaled
from releaser.interfaces import Registry

CarryingStep = CopyStep | AttachStep | WithdrawStep | RemoveStep


def carry(registry: Registry, journaled: Journaled, step: CarryingStep) -> Digest | None:
    """Do a step that needs registries alone; the digest that it came to.

    Raises:
        StepError: see the functions below.
    """
    match step:
        case CopyStep():
            return copy(registry, journaled, step)
        case AttachStep():
            return attach(registry, journaled, step)
        case WithdrawStep():
            return withdraw(registry, journaled, step)
        case RemoveStep():
            remove(registry, journaled, step)
            return None
        case _:
            assert_never(step)


def copy(registry: Registry, journaled: Journaled, step: CopyStep) -> Digest:
    """Copy an image; where it is to be checked, believe only what is then read there.

    Raises:
        RegistryError: also where a part is missing in the end, or the digest is another one.
    """
    repository, tag = step.reference.repository, step.reference.tag
    with journaled.writing(step.key, step.reference, None, step.source.digest):
        digest = registry.copy(step.source, repository, tag)
    if step.source.digest not in {None, digest}:
        raise RegistryError(
            f"{step.source} was copied and came out as another image",
            details=(("found", str(digest)),),
        )
    if step.checked:
        _check(registry, repository, digest)
    return digest


def attach(registry: Registry, journaled: Journaled, step: AttachStep) -> Digest:
    """Copy what refers to an image; one that has a tag meanwhile is left alone.

    Raises:
        RegistryError: also where a part is missing in the end.
    """
    if step.tag is None:
        place = step.repository.at(step.source.digest) if step.source.digest else step.source
        with journaled.writing(step.key, place, None, step.source.digest):
            digest = registry.attach(step.source, step.repository)
    else:
        place = step.repository.tagged(step.tag)
        there = registry.digest(place)
        if there not in {None, step.source.digest}:
            raise RegistryError(
                f"{place} was written by somebody else meanwhile",
                details=(("there", str(there)),),
                hint="run it again: the plan is made anew from what is there",
            )
        with journaled.writing(step.key, place, there, step.source.digest):
            digest = registry.copy(step.source, step.repository, step.tag)
    _check(registry, step.repository, digest)
    return digest


def withdraw(registry: Registry, journaled: Journaled, step: WithdrawStep) -> Digest | None:
    """Keep a list of versions, where it is still the one that the plan was made from.

    Two rollbacks may both have looked before either writes, so it is read once more afterwards.

    Raises:
        StepError: somebody else has changed it meanwhile.
    """
    now = registry.digest(step.reference)
    if now != step.before:
        raise _changed(step, now)
    with journaled.writing(step.key, step.reference, now, None):
        registry.write_record(step.reference, step.record)
    digest = registry.digest(step.reference)
    if registry.read_record(step.reference) != step.record:
        raise _changed(step, digest)
    return digest


def _changed(step: WithdrawStep, now: Digest | None) -> StepError:
    return StepError(
        f"{step.reference} was changed by another rollback meanwhile",
        details=(("expected", str(step.before or "nothing")), ("there", str(now or "nothing"))),
        hint="run it again: the plan is made anew from what is there",
    )


def remove(registry: Registry, journaled: Journaled, step: RemoveStep) -> None:
    """Remove tags that still name what they were seen to name; what else names it stays.

    Raises:
        StepError: one of them names something else by now.
        UnknownError: a tag that should have stayed went with what a deleted one had named.
    """
    repository = step.repository
    for one in step.removals:
        there = [tag for tag in one.tags if _is_still(registry, repository.tagged(tag), one.digest)]
        if there:
            with journaled.writing(step.key, repository.tagged(there[0]), one.digest, None):
                if registry.untag(repository, there) and one.spare:
                    _delete(registry, step, one)


def _delete(registry: Registry, step: RemoveStep, one: Removal) -> None:
    """Delete what no tag names any more, by its digest, with which every tag of it goes.

    Nothing in a registry compares and deletes at once: between the last look and the deletion
    there must be nothing else.
    """
    repository = step.repository
    own = frozenset(map(str, one.tags))
    looked = [tag for tag in registry.tags(repository) if tag not in step.settled or tag in own]
    there = {tag: registry.manifest(repository.tagged(tag)) for tag in looked}
    if any(found is not None and _needs(found, one.digest) for found in there.values()):
        return
    registry.delete(repository, one.digest)
    listed = frozenset(registry.tags(repository))
    gone = [tag for tag, found in there.items() if found is not None and tag not in listed]
    if gone:
        raise UnknownError(
            f"{len(gone)} tags are gone that were there before {repository.at(one.digest)} went",
            details=[("gone", str(repository.tagged(tag))) for tag in gone[:20]],
            hint="a release may have run beside this: run it again, and prune when none runs",
        )


def _needs(found: Manifest, digest: Digest) -> bool:
    return digest in {found.digest, found.subject, *found.children}


def _is_still(registry: Registry, reference: Reference, digest: Digest) -> bool:
    now = registry.digest(reference)
    if now is None and is_placeholder(reference, digest):
        return True  # what an earlier removal left; it is not told from nothing otherwise
    if now not in {None, digest}:
        raise StepError(
            f"{reference} was moved by a release meanwhile",
            details=(("expected", str(digest)), ("there", str(now))),
            hint="run it again: the plan is made anew from what is there",
        )
    return now is not None


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
