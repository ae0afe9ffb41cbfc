"""Writes public tags: what never moves once, lines of versions to the highest that is out."""

from __future__ import annotations

from releaser.core.events import Write
from releaser.core.facts import FINGERPRINT_LABEL
from releaser.core.fingerprint import tag_of
from releaser.core.oci import Digest, Manifest, Reference
from releaser.core.steps import Line, PushStep, TagKind, TagStep
from releaser.core.tagging import Goal, goal
from releaser.core.withdrawal import Withdrawals, withdrawal_reference
from releaser.errors import (
    InternalError,
    PlanError,
    RegistryError,
    ReleaserError,
    StepError,
    UnknownError,
)
from releaser.executor.journaled import Journaled
from releaser.interfaces import Registry

REPAIRS = 20
"""How often a line's tag is looked at and written before somebody else must be at it too."""


class TagWriter:
    """Writes the tags of one run; every method is called from many threads.

    ``manifests`` are those that were read, by the reference that they were read from; ``writes``
    what was written, and ``superseded`` the newer version that a tag was left to, by step.
    """

    def __init__(self, registry: Registry, journaled: Journaled) -> None:
        self._registry, self._journaled = registry, journaled
        self.manifests: dict[Reference, Manifest] = {}
        self.writes: dict[str, Write] = {}
        self.superseded: dict[str, str] = {}

    def write(self, step: TagStep) -> Digest | None:
        """Let a tag name the image; one that somebody else has written meanwhile is left alone."""
        registry, tag = self._registry, step.reference.tag
        manifest = self.manifests.get(step.source) or registry.manifest(step.source)
        if manifest is None or tag is None:
            raise RegistryError(f"{step.source} is not there", hint="run it again")
        self.manifests[step.source] = manifest
        if step.line is not None:
            return self._settled(step, step.line, manifest)
        now = registry.digest(step.reference)
        if now == manifest.digest:
            return manifest.digest
        if now != step.before and (step.kind is TagKind.IMMUTABLE or step.guarded):
            adopted = self._adopted(step, now)
            if adopted is None:
                raise taken(step, manifest.digest, now)
            return adopted
        self._put(step, manifest, now)
        return manifest.digest

    def _settled(self, step: TagStep, line: Line, own: Manifest) -> Digest | None:
        """Let the tag of a line name the highest version of it, until nothing is left to repair.

        The own version is up already: so of any releases at once the one that looks last sees all
        of them, and ends at the highest (there is no compare-and-swap in a registry).
        """
        for _ in range(REPAIRS):
            found = self._goal(step, line)
            wanted = self._wanted(step, found, own)
            now = self._registry.digest(step.reference)
            if not found.is_own:
                self.superseded[step.key] = str(found.version or "no version")
            if wanted is None or now == wanted.digest:
                if found.is_own and now != own.digest:
                    raise taken_over(step, found, own, now)
                return now
            self._put(step, wanted, now)
        raise StepError(
            f"{step.reference} was moved again and again while it was written",
            details=(("tries", str(REPAIRS)),),
            hint="somebody else writes it too: run releases one after another",
        )

    def _goal(self, step: TagStep, line: Line) -> Goal:
        """The version that a line's tag shall name, from what the repository has at this moment."""
        tags = self._registry.tags(step.repository)
        kept = withdrawal_reference(step.repository, step.image)
        data = self._registry.read_record(kept) if str(kept.tag) in tags else None
        gone = Withdrawals.read(kept, data).versions if data is not None else frozenset()
        return goal(line, tags, gone)

    def _wanted(self, step: TagStep, found: Goal, own: Manifest) -> Manifest | None:
        """The image that a line's tag shall name: what the version's own tag names now.

        ``None``: nothing names that version, or no longer.
        """
        if found.tag is None:
            return own if found.is_own else None
        reference = step.repository.tagged(found.tag)
        if found.is_own and self._registry.digest(reference) == own.digest:
            return own
        return self._registry.manifest(reference)

    def _put(self, step: TagStep, manifest: Manifest, before: Digest | None) -> None:
        """Write a tag; a write that failed may have been done nevertheless."""
        if step.reference.tag is None:
            raise InternalError(f"{step.key} has no tag")
        first = self.writes.get(step.key)
        try:
            with self._journaled.writing(step.key, step.reference, before, manifest.digest):
                self._registry.put(step.repository, step.reference.tag, manifest)
        except RegistryError as error:
            there = self._look_again(step, error)
            if step.kind is TagKind.IMMUTABLE and there not in {None, before, manifest.digest}:
                raise taken(step, manifest.digest, there) from error
            if there != manifest.digest:
                raise
        self.writes[step.key] = Write(first.before if first else before, manifest.digest)

    def _adopted(self, step: TagStep, now: Digest | None) -> Digest | None:
        """What a release of the same content has published meanwhile; its other tags follow it."""
        source, tag = step.source, step.source.tag
        if now is None or tag is None or not self.is_ours(source, now):
            return None
        theirs = self._registry.manifest(source.repository.at(now))
        if theirs is None:
            return None
        with self._journaled.writing(step.key, source, None, theirs.digest):
            self._registry.put(source.repository, tag, theirs)
        self.manifests[source] = theirs
        return theirs.digest

    def _look_again(self, step: TagStep, error: RegistryError) -> Digest | None:
        """What a tag names after a write that failed: an answer can get lost after the deed."""
        try:
            return self._registry.digest(step.reference)
        except ReleaserError:
            raise UnknownError(
                f"it is unknown whether {step.reference} was written: {error.message}",
                details=error.details,
                hint="run it again: what is in place is left alone",
            ) from error

    def is_ours(self, source: Reference, digest: Digest) -> bool:
        """Whether an image says that it was built from what the tag of ``source`` stands for."""
        labels = self._registry.labels(source.repository.at(digest)) or {}
        return tag_of(labels.get(FINGERPRINT_LABEL, "")) == str(source.tag)

    def kept(self, reference: Reference, manifest: Manifest | None) -> Manifest:
        """A manifest that was read back, remembered for the tags that shall name it."""
        if manifest is None:
            raise RegistryError(f"{reference} was pushed and is not there", hint="run it again")
        self.manifests[reference] = manifest
        return manifest


def taken_over(step: TagStep, found: Goal, ours: Manifest, there: Digest | None) -> PlanError:
    """The complaint about a version that became another release's while it was released."""
    version = step.repository.tagged(found.tag or str(found.version))
    return PlanError(
        f"{version} was taken by another release meanwhile",
        details=(("ours", str(ours.digest)), ("there", str(there or "nothing"))),
        hint="a released version never changes: release a new one",
    )


def taken(step: TagStep | PushStep, ours: Digest | None, there: Digest | None) -> ReleaserError:
    """The complaint about a tag that names something else than it was seen to name.

    A version that is another release's by now is refused, as it would have been in the plan.
    """
    is_fixed = step.kind is TagKind.IMMUTABLE
    return (PlanError if is_fixed else StepError)(
        f"{step.reference} was {'taken' if is_fixed else 'moved'} by another release meanwhile",
        details=(
            ("ours", str(ours or "not known yet")),
            ("expected", str(step.before or "nothing")),
            ("there", str(there or "nothing")),
        ),
        hint="run it again: the plan is made anew from what is there",
    )
