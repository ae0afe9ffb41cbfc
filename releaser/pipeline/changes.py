"""Which commits changed which images: by the paths that an image uses, and by what it stands on."""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from releaser.core.fingerprint import NOT_COUNTED
from releaser.core.history import Commit
from releaser.core.lock import Lock
from releaser.core.oci import Digest
from releaser.core.resolve import ResolvedImage
from releaser.core.versioning.conventional import Change
from releaser.errors import SpecError
from releaser.interfaces import Contexts, SourceRepository
from releaser.pipeline.request import Project
from releaser.pipeline.selection import Selection


@dataclass(frozen=True, slots=True)
class _Step:
    """What lies between two commits: ``paths`` differ from every one of those before."""

    before: tuple[str, ...]
    after: str
    paths: Sequence[str]

    @classmethod
    def of(cls, commit: Commit) -> _Step:
        """The step that a commit is; that it has no parent, or none here, is seen in its files."""
        is_merge = len(commit.parents) > 1
        return cls(commit.parents if is_merge else (f"{commit.sha}^",), commit.sha, commit.paths)


@dataclass(frozen=True)
class Changes:
    """The images of a project that each of some commits changed.

    A path counts for an image where its Dockerfile, its build contexts or their ignore files have
    it, as they are now; the spec and the lock count where they say something else of the image than
    before. What stands on an image changes with it.
    """

    project: Project
    contexts: Contexts
    source: SourceRepository
    selection: Selection
    commits: Sequence[Commit]

    def of(self, commit: Commit) -> frozenset[str]:
        """The images that a commit changed."""
        return self._changed.get(commit.sha, frozenset())

    def between(self, start: str, end: str, paths: Sequence[str]) -> frozenset[str]:
        """The images that are not the same in two commits, which differ in ``paths``."""
        return self._touched(_Step((start,), end, paths))

    def among(self, changes: Iterable[Change], images: Iterable[str]) -> tuple[Change, ...]:
        """Those of ``changes`` that changed any of ``images``."""
        wanted = frozenset(images)
        return tuple(one for one in changes if wanted & self.of(one.commit))

    @cached_property
    def _changed(self) -> Mapping[str, frozenset[str]]:
        self._learn({path for commit in self.commits for path in commit.paths})
        return {one.sha: self._touched(_Step.of(one)) for one in self.commits}

    def _touched(self, step: _Step) -> frozenset[str]:
        self._learn(step.paths)
        own = frozenset(image for path in step.paths for image in self._users[path])
        own |= self._by_spec(step) | self._by_lock(step)
        if own not in self._kept:
            self._kept[own] = frozenset(self.selection.graph.with_dependants(own))
        return self._kept[own]

    @cached_property
    def _kept(self) -> dict[frozenset[str], frozenset[str]]:
        return {}

    @cached_property
    def _users(self) -> dict[str, list[str]]:
        """The images that use each path that is known, all as seen from the spec's folder."""
        return {}

    def _learn(self, paths: Iterable[str]) -> None:
        """Find the images that use ``paths``."""
        new = sorted(set(paths).difference(self._users))
        self._users.update({path: [] for path in new})
        for name, image in self.selection.resolved.items() if new else ():
            for path in self._used(image, new):
                self._users[path].append(name)

    def _used(self, image: ResolvedImage, paths: Sequence[str]) -> frozenset[str]:
        dockerfile = self._shown(image.dockerfile)
        found = {dockerfile, f"{dockerfile}.dockerignore"}.intersection(paths)
        found |= self._taken(image, "", image.context, image.dockerfile, paths)
        for name, folder in image.folders:
            found |= self._taken(image, name, folder, "", paths)
        return frozenset(found)

    def _taken(
        self, image: ResolvedImage, name: str, folder: str, dockerfile: str, paths: Sequence[str]
    ) -> frozenset[str]:
        """What an image takes of one of its contexts, its ignore file included."""
        uses = image.paths(name)
        shown = self._shown(folder)
        start = "" if shown == "." else f"{shown}/"
        within = _within(paths, start)
        below = [path.removeprefix(start) for path in within if not path.startswith("../")]
        if not uses or not below:
            return frozenset()
        taken = set(self.contexts.taken(folder, dockerfile, uses, below))
        taken |= {".dockerignore"} & set(below)
        return frozenset(start + path for path in taken)

    def _shown(self, path: str) -> str:
        return posixpath.relpath(path, self.project.root)

    def _by_spec(self, step: _Step) -> frozenset[str]:
        name = posixpath.basename(self.project.at(()).file)
        if name not in step.paths:
            return frozenset()
        return self._unlike([self._images(one, name) for one in (*step.before, step.after)])

    def _unlike(self, states: Sequence[Mapping[str, object] | None]) -> frozenset[str]:
        """The images of which the last of ``states`` says something else than each one before."""
        *before, after = states
        return frozenset(
            one
            for one in self.selection.resolved
            if all(
                state is None or after is None or state.get(one) != after.get(one)
                for state in before
            )
        )

    def _images(self, revision: str, name: str) -> Mapping[str, object] | None:
        """What the spec said of each image, as far as it matters; ``None`` where it is unknown."""
        text = self.source.file_at(revision, name)
        if text is None:
            return {}
        try:
            spec = self.project.read(text)
        except SpecError:
            return None
        left_out = set(NOT_COUNTED)
        return {name: image.model_dump(exclude=left_out) for name, image in spec.images.items()}

    def _by_lock(self, step: _Step) -> frozenset[str]:
        name = f"{posixpath.splitext(posixpath.basename(self.project.at(()).file))[0]}.lock"
        if name not in step.paths:
            return frozenset()
        return self._unlike([self._locked(one, name) for one in (*step.before, step.after)])

    def _locked(self, revision: str, name: str) -> Mapping[str, object] | None:
        """The digests that the lock gave each image's bases; ``None`` where it is unknown."""
        from releaser.loader import load_lock

        text = self.source.file_at(revision, name)
        try:
            lock = load_lock(text, name) if text is not None else Lock()
        except SpecError:
            return None
        return {one: _pins(image, lock) for one, image in self.selection.resolved.items()}


def _pins(image: ResolvedImage, lock: Lock) -> list[Digest | None]:
    found = (lock.of(base.reference) for base in image.bases)
    return [one.digest if one else None for one in found]


def _within(paths: Sequence[str], start: str) -> Sequence[str]:
    """Those of the sorted ``paths`` that begin with ``start``."""
    first = bisect_left(paths, start)
    return paths[first : bisect_left(paths, start + "\U0010ffff", first)]
