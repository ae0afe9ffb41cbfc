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

    def among(self, changes: Iterable[Change], images: Iterable[str]) -> tuple[Change, ...]:
        """Those of ``changes`` that changed any of ``images``."""
        wanted = frozenset(images)
        return tuple(one for one in changes if wanted & self.of(one.commit))

    @cached_property
    def _changed(self) -> Mapping[str, frozenset[str]]:
        users = self._users()
        kept: dict[frozenset[str], frozenset[str]] = {}
        found = {}
        for commit in self.commits:
            own = frozenset(image for path in commit.paths for image in users.get(path, ()))
            own |= self._by_spec(commit) | self._by_lock(commit)
            if own not in kept:
                kept[own] = frozenset(self.selection.graph.with_dependants(own))
            found[commit.sha] = kept[own]
        return found

    def _users(self) -> Mapping[str, Sequence[str]]:
        """The images that use each of the paths, all of them as seen from the spec's folder."""
        paths = sorted({path for commit in self.commits for path in commit.paths})
        users: dict[str, list[str]] = {}
        for name, image in self.selection.resolved.items():
            for path in self._used(image, paths):
                users.setdefault(path, []).append(name)
        return users

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

    def _by_spec(self, commit: Commit) -> frozenset[str]:
        name = posixpath.basename(self.project.at(()).file)
        if name not in commit.paths:
            return frozenset()
        before = self._images(commit, "^", name)
        after = self._images(commit, "", name)
        return frozenset(
            one
            for one in self.selection.resolved
            if before is None or after is None or before.get(one) != after.get(one)
        )

    def _images(self, commit: Commit, parent: str, name: str) -> Mapping[str, object] | None:
        """What the spec said of each image, as far as it matters; ``None`` where it is unknown."""
        text = self.source.file_at(commit.sha + parent, name)
        if text is None:
            return {}
        try:
            spec = self.project.read(text)
        except SpecError:
            return None
        left_out = set(NOT_COUNTED)
        return {name: image.model_dump(exclude=left_out) for name, image in spec.images.items()}

    def _by_lock(self, commit: Commit) -> frozenset[str]:
        name = f"{posixpath.splitext(posixpath.basename(self.project.at(()).file))[0]}.lock"
        if name not in commit.paths:
            return frozenset()
        before = self._locked(commit, "^", name)
        after = self._locked(commit, "", name)
        return frozenset(
            one
            for one, image in self.selection.resolved.items()
            if before is None or after is None or _pins(image, before) != _pins(image, after)
        )

    def _locked(self, commit: Commit, parent: str, name: str) -> Lock | None:
        from releaser.loader import load_lock

        text = self.source.file_at(commit.sha + parent, name)
        try:
            return load_lock(text, name) if text is not None else Lock()
        except SpecError:
            return None


def _pins(image: ResolvedImage, lock: Lock) -> list[Digest | None]:
    found = (lock.of(base.reference) for base in image.bases)
    return [one.digest if one else None for one in found]


def _within(paths: Sequence[str], start: str) -> Sequence[str]:
    """Those of the sorted ``paths`` that begin with ``start``."""
    first = bisect_left(paths, start)
    return paths[first : bisect_left(paths, start + "\U0010ffff", first)]
