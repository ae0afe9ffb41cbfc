"""Build contexts on disk: what a build would see of them, as facts for a fingerprint.

One object looks at the disk once: whatever it has listed, hashed or parsed it answers from memory,
so that a thousand images over one folder cost one walk. Make a new one for a new look.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from releaser.core.dockerfile import Dockerfile, PathUse
from releaser.core.facts import ContextFacts, ContextFile
from releaser.core.ignore import glob
from releaser.errors import Location, SpecError
from releaser.sources.dockerfiles import (
    existing_dockerfile,
    read_dockerfile,
    read_ignore,
)
from releaser.sources.hashing import Hasher
from releaser.sources.listing import Listing, covered
from releaser.sources.lookup import Taken, follow, taken
from releaser.sources.tree import Entry, Tree

MOST_LISTINGS = 16
"""Each costs a look for each use: more become one, and the looking begins anew."""

_Kept = tuple[tuple[str, ...], tuple[str, ...], bool, bool]


class DiskContexts:
    """The build contexts and Dockerfiles of one run; safe to ask from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._dockerfiles: dict[tuple[str, int, int, int], Dockerfile] = {}
        self._contexts: dict[tuple[str, str], _Context] = {}
        self._hasher = Hasher()

    def dockerfile(self, path: str) -> Dockerfile:
        """The parsed Dockerfile at an absolute path.

        Raises:
            SpecError: it is missing, no regular file, over 1 MiB, not UTF-8, or malformed.
        """
        existing = existing_dockerfile(path)
        try:
            found = Path(existing).stat()
        except OSError:
            return read_dockerfile(existing)
        key = (existing, found.st_size, found.st_mtime_ns, found.st_ino)
        parsed = self._dockerfiles.get(key)
        if parsed is None:
            parsed = self._dockerfiles[key] = read_dockerfile(existing)
        return parsed

    def files(self, context: str, dockerfile: str, uses: Sequence[PathUse]) -> ContextFacts:
        """The files of the context (an absolute path) that ``uses`` take, hashed.

        With a ``dockerfile`` only the uses of the main context count; ``""`` stands for a named
        context, which only has its own ``.dockerignore``.

        Raises:
            SpecError: the context is no folder, a file cannot be read, or a pattern is malformed.
        """
        wanted = _of_context(uses, dockerfile)
        return self._context(context, dockerfile).facts(wanted, dockerfile)

    def taken(
        self, context: str, dockerfile: str, uses: Sequence[PathUse], paths: Collection[str]
    ) -> frozenset[str]:
        """Which of ``paths`` (relative to the context, with slashes) ``uses`` take.

        A path that is no more counts as a file that was there; links, and the ignore file, are
        those of today. A submodule's folder counts where something in it is taken.

        Raises:
            SpecError: as for :meth:`files`, but no file is read.
        """
        wanted = _of_context(uses, dockerfile)
        return self._context(context, dockerfile).taken(wanted, dockerfile, frozenset(paths))

    def explain_missing(self, context: str, dockerfile: str, source: str) -> str:
        """Why nothing is found for a COPY source: one line for people.

        Raises:
            SpecError: as for :meth:`files`.
        """
        return _explanation(self._context(context, dockerfile).tree, source)

    def _context(self, context: str, dockerfile: str) -> _Context:
        _check_folder(context)
        ignore = read_ignore(context, dockerfile)
        key = (str(Path(context).resolve()), ignore.text)
        with self._lock:
            found = self._contexts.get(key)
            if found is None:
                tree = Tree(key[0], ignore.parse())
                found = self._contexts[key] = _Context(tree, self._hasher)
            return found


class _Context:
    """A context with its ignore file, and what was taken from it so far."""

    def __init__(self, tree: Tree, hasher: Hasher) -> None:
        self.tree = tree
        self._hasher = hasher
        self._lock = threading.Lock()
        self._taken: dict[_Kept, Taken] = {}
        self._files: dict[frozenset[_Kept], tuple[ContextFile, ...]] = {}
        self._listed: set[str] = set()
        self._listings: list[Listing] = []
        self._judged: dict[_Kept, _Judged] = {}

    def facts(self, uses: Sequence[PathUse], dockerfile: str) -> ContextFacts:
        with self._lock:
            found = [(use, self._take(use, dockerfile)) for use in uses]
            key = frozenset(_kept(use) for use in uses)
            files = self._files.get(key)
            if files is None:
                files = self._files[key] = self._hashed([one for _, one in found])
        missing = {(source, use.line) for use, one in found for source in one.missing}
        return ContextFacts(files, tuple(sorted(missing, key=lambda pair: (pair[1], pair[0]))))

    def taken(
        self, uses: Sequence[PathUse], dockerfile: str, paths: frozenset[str]
    ) -> frozenset[str]:
        with self._lock:
            new = paths - self._listed
            if new:
                self._list(new)
            found: set[str] = set()
            for use in uses:
                found |= paths & self._judge(use, dockerfile)
            return frozenset(found)

    def _list(self, new: frozenset[str]) -> None:
        """Add paths to those that are known; what was judged holds, unless there is too much."""
        self._listed |= new
        if len(self._listings) < MOST_LISTINGS:
            self._listings.append(Listing(self.tree, new))
        else:
            self._listings = [Listing(self.tree, self._listed)]
            self._judged.clear()

    def _judge(self, use: PathUse, dockerfile: str) -> set[str]:
        """Of all that is here or was asked about: what ``use`` takes.

        Whether a path is taken does not depend on other paths, so that each is looked at once.
        """
        key = _kept(use)
        judged = self._judged.get(key)
        if judged is None:
            judged = self._judged[key] = _Judged(covered(self._take(use, dockerfile)))
        for listing in self._listings[judged.listings :]:
            judged.paths |= covered(_located(listing, use, dockerfile))
        judged.listings = len(self._listings)
        return judged.paths

    def _take(self, use: PathUse, dockerfile: str) -> Taken:
        key = _kept(use)
        found = self._taken.get(key)
        if found is None:
            found = self._taken[key] = _located(self.tree, use, dockerfile)
        return found

    def _hashed(self, found: Sequence[Taken]) -> tuple[ContextFile, ...]:
        paths = {entry.path: entry for one in found for entry in one.entries}
        entries = sorted(paths.values())
        digests = self._hasher.digests(self.tree, entries)
        return tuple(_file(entry, digests[entry.path]) for entry in entries)


@dataclass(slots=True)
class _Judged:
    """The paths that a use takes, the first so many listings being looked through."""

    paths: set[str]
    listings: int = 0


def _of_context(uses: Sequence[PathUse], dockerfile: str) -> list[PathUse]:
    return [use for use in uses if use.context is None or not dockerfile]


def _kept(use: PathUse) -> _Kept:
    """What decides about the files that ``use`` takes."""
    return (use.sources, use.exclude, use.parents, use.literal)


def _file(entry: Entry, digest: str) -> ContextFile:
    kind = "file" if entry.kind == "special" else entry.kind
    return ContextFile(entry.path, kind, entry.mode, digest)


def _located(tree: Tree, use: PathUse, dockerfile: str) -> Taken:
    """What ``use`` takes; a complaint that has no place gets the line of the instruction."""
    try:
        return taken(tree, use)
    except SpecError as error:
        if error.at or error.details or not dockerfile:
            raise
        at = Location(dockerfile, use.line)
        raise SpecError(error.message, at=at, hint=error.hint) from None


def _check_folder(context: str) -> None:
    path = Path(context)
    if path.is_symlink():
        raise SpecError(
            f'the build context "{context}" is a symbolic link',
            hint=f'name the folder itself: "{path.resolve()}"',
        )
    if path.is_dir():
        return
    if path.exists():
        raise SpecError(
            f'the build context "{context}" is not a folder',
            hint=f'a context is a folder: "{path.parent}"',
        )
    raise SpecError(f'there is no build context "{context}"', hint=_near_folder(path))


def _near_folder(path: Path) -> str:
    try:
        names = [one.name for one in path.parent.iterdir() if one.is_dir()]
    except OSError:
        return f'there is no folder "{path.parent}" either'
    near = difflib.get_close_matches(path.name, names, n=1)
    return f'did you mean "{near[0]}"?' if near else "paths are relative to the spec's folder"


def _explanation(tree: Tree, source: str) -> str:
    base = glob(source).base or glob(source, literal=True).base
    trail = follow(tree, base)
    path = trail.path if trail else base
    rule = tree.ignore.reason(path) if path else None
    if rule and not rule.negated and tree.entry(path) is not None:
        return f'"{path}" is excluded by "{rule.written}" in .dockerignore, line {rule.line}'
    entry = tree.entry(base)
    if entry is not None and entry.kind == "symlink" and trail is None:
        return f'"{base}" is a symbolic link that leads nowhere inside the build context'
    return _did_you_mean(tree, base)


def _inner(tree: Tree, path: str) -> str | None:
    """The end of a path that exists: the path may be seen from a folder above the context."""
    parts = path.split("/")
    ends = ("/".join(parts[start:]) for start in range(1, len(parts)))
    return next((one for one in ends if tree.entry(one) is not None), None)


def _did_you_mean(tree: Tree, path: str) -> str:
    """What lies beside the first part of ``path`` that does not exist."""
    known = ""
    for part in path.split("/"):
        here = f"{known}/{part}" if known else part
        entry = tree.entry(here)
        if entry is None:
            names = [one.path.rpartition("/")[2] for one in tree.children(known)]
            near = difflib.get_close_matches(part, names, n=1)
            found = here[: -len(part)] + near[0] if near else _inner(tree, path)
            return f'did you mean "{found}"?' if found else f'"{here}" does not exist'
        trail = follow(tree, here)
        target = tree.entry(trail.path) if trail else None
        if trail is None or target is None or target.kind != "directory":
            return f'"{here}" is not a folder'
        known = trail.path
    return f'"{path}" holds nothing that is not excluded'
