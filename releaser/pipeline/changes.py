"""Which commits changed which images: by the paths that an image uses, and by what it stands on."""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from releaser.core.history import Commit
from releaser.core.resolve import ResolvedImage
from releaser.core.versioning.conventional import Change
from releaser.interfaces import Contexts, SourceRepository
from releaser.pipeline.request import Project
from releaser.pipeline.selection import Selection
from releaser.pipeline.states import SpecText, States

Files = dict[tuple[str, str], bytes | None]
"""Files by the commit and the path."""

_AT_ONCE = 128
"""Commits whose files are in memory together."""


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

    @property
    def revisions(self) -> tuple[str, ...]:
        """All of its commits, the last one behind those before."""
        return (*self.before, self.after)


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
        self._learn(paths)
        step = _Step((start,), end, paths)
        return self._touched(step, self._files([step]))

    def among(self, changes: Iterable[Change], images: Iterable[str]) -> tuple[Change, ...]:
        """Those of ``changes`` that changed any of ``images``."""
        wanted, changed = frozenset(images), self._changed
        return tuple(
            one for one in changes if not wanted.isdisjoint(changed.get(one.commit.sha, ()))
        )

    @cached_property
    def _changed(self) -> Mapping[str, frozenset[str]]:
        self._learn({path for commit in self.commits for path in commit.paths})
        found = {}
        for start in range(0, len(self.commits), _AT_ONCE):
            steps = [_Step.of(one) for one in self.commits[start : start + _AT_ONCE]]
            files = self._files(steps)
            found.update({step.after: self._touched(step, files) for step in steps})
        return found

    def _touched(self, step: _Step, files: Files) -> frozenset[str]:
        own = frozenset(image for path in step.paths for image in self._users[path])
        own |= self._by_spec(step, files) | self._by_lock(step, files)
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

    @cached_property
    def _states(self) -> States:
        return States(self.project, self.selection.resolved)

    def _by_spec(self, step: _Step, files: Files) -> frozenset[str]:
        if not set(self._specs).intersection(step.paths):
            return frozenset()
        return self._states.unlike_spec([self._spec_at(one, files) for one in step.revisions])

    def _spec_at(self, revision: str, files: Files) -> SpecText | None:
        first, *others = self._specs
        text = files[revision, first]
        found = ((path, files[revision, path]) for path in others)
        there = tuple((path, content) for path, content in found if content is not None)
        return SpecText(text, there) if text is not None else None

    def _by_lock(self, step: _Step, files: Files) -> frozenset[str]:
        if self._lock not in step.paths:
            return frozenset()
        return self._states.unlike_lock([files[one, self._lock] for one in step.revisions])

    def _files(self, steps: Sequence[_Step]) -> Files:
        """The files of the spec, and the lock, on both sides of the steps that changed them."""
        found: Files = {}
        specs = set(self._specs)
        for path in (*self._specs, self._lock):
            group = specs if path in specs else {path}
            changed = [step for step in steps if group.intersection(step.paths)]
            revisions = {one for step in changed for one in step.revisions}
            texts = self.source.files_at(sorted(revisions), path) if revisions else ()
            found.update(zip([(one, path) for one in sorted(revisions)], texts, strict=True))
        return found

    @cached_property
    def _spec(self) -> str:
        return posixpath.basename(self.project.at(()).file)

    @cached_property
    def _specs(self) -> tuple[str, ...]:
        """The files of the spec, the first one before those that it includes.

        What a file is called may have changed, and so may what is included: each file that may
        have been a part of it counts as one, and the state of a commit tells whether it was.
        """
        known = set(self.project.included)
        if known:
            touched = {path for commit in self.commits for path in commit.paths}
            known |= {path for path in touched if path.endswith((".yaml", ".yml"))}
        return (self._spec, *sorted(known - {self._spec}))

    @cached_property
    def _lock(self) -> str:
        return f"{posixpath.splitext(self._spec)[0]}.lock"


def _within(paths: Sequence[str], start: str) -> Sequence[str]:
    """Those of the sorted ``paths`` that begin with ``start``."""
    first = bisect_left(paths, start)
    return paths[first : bisect_left(paths, start + "\U0010ffff", first)]
