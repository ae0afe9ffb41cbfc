"""Which entries of a context an instruction takes: globs, links, folders and ``--exclude``.

The rules are BuildKit's, each tried with real builds: a source that is a symbolic link is followed,
but never out of the context; a link inside a folder that is copied stays a link; a pattern that
matches nothing is no fault, unless the folder in front of its first wildcard does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from releaser.core.dockerfile import PathUse
from releaser.core.ignore import Glob, IgnoreFile, glob
from releaser.sources.tree import Entry, Tree, holders

MAX_LINKS = 255
"""More links than this on one way is a loop (containerd's ``fs.RootPath``)."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What an instruction takes, and its sources that BuildKit would not find."""

    entries: tuple[Entry, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trail:
    """Where a path leads once every symbolic link is followed, and the links on the way."""

    path: str
    links: tuple[Entry, ...] = ()


def taken(tree: Tree, use: PathUse) -> Taken:
    """What ``use`` takes from ``tree``; raises :class:`SpecError` where a pattern is malformed."""
    exclude = IgnoreFile.of(() if use.parents else use.exclude)
    entries: dict[str, Entry] = {}
    missing: list[str] = []
    for source in use.sources:
        pattern = glob(source, literal=use.literal)
        found = _found(tree, pattern, exclude, parents=use.parents)
        if found is None:
            missing.append(source)
        else:
            entries.update((entry.path, entry) for entry in found)
    return Taken(tuple(entries.values()), tuple(missing))


def follow(tree: Tree, path: str) -> Trail | None:
    """Where ``path`` leads inside the context, or ``None`` where it leads nowhere.

    ``/`` and ``..`` in a link stop at the context's root. A link that the ignore file excludes
    leads nowhere: the build does not see it.
    """
    links: list[Entry] = []
    done, todo = "", path.split("/")[::-1]
    while todo:
        part = todo.pop()
        if part in {"", ".", ".."}:
            done = done.rpartition("/")[0] if part == ".." else done
            continue
        here = f"{done}/{part}" if done else part
        entry = tree.entry(here)
        if entry is None or (entry.kind == "symlink" and entry.excluded):
            return None
        if entry.kind != "symlink":
            done = here
            continue
        links.append(entry)
        if len(links) > MAX_LINKS:
            return None
        target = tree.target(here)
        done = "" if target.startswith("/") else done
        todo.extend(target.split("/")[::-1])
    return Trail(done, tuple(links))


def _found(tree: Tree, pattern: Glob, exclude: IgnoreFile, *, parents: bool) -> list[Entry] | None:
    trail = follow(tree, pattern.base)
    if trail is None:
        return None
    if pattern.literal:
        found = _whole(tree, trail.path, exclude)
    elif not _is_seen_folder(tree, trail.path):
        return None
    elif parents:
        found = list(_matched_deeply(tree, trail.path, pattern))
    else:
        found = _matched(tree, trail.path, pattern, exclude)
    if found is None:
        return None
    found.extend(trail.links)
    return found + _ancestors(tree, found) if parents else found


def _is_seen_folder(tree: Tree, path: str) -> bool:
    entry = tree.entry(path)
    return entry is not None and entry.kind == "directory" and tree.sees(path)


def _whole(tree: Tree, path: str, exclude: IgnoreFile) -> list[Entry] | None:
    """The file at ``path``, or the folder with all that it holds; ``None`` where none is seen."""
    entry = tree.entry(path)
    if entry is None or (entry.excluded and entry.kind != "directory"):
        return None
    if entry.kind != "directory":
        return [entry]
    if not tree.sees(path):
        return None
    # Docker makes the context's own folder itself, whatever its mode is here.
    own = [entry] if path else []
    return own + _without(tree.below(path), path, exclude)


def _without(entries: Iterable[Entry], folder: str, exclude: IgnoreFile) -> list[Entry]:
    """``entries`` without what ``--exclude`` says; its patterns count from the copied folder."""
    if not exclude.rules:
        return list(entries)
    start = len(folder) + 1 if folder else 0
    kept: list[Entry] = []
    folders: dict[str, Entry] = {}
    for entry in entries:
        if not exclude.matches(entry.path[start:]):
            kept.append(entry)
        elif entry.kind == "directory":
            folders[entry.path] = entry
    return kept + holders(kept, folders)


def _matched(tree: Tree, base: str, pattern: Glob, exclude: IgnoreFile) -> list[Entry] | None:
    """All that ``pattern`` takes below ``base``; ``None`` where it matches a link to nowhere."""
    found: list[Entry] = []
    for entry in _matches(tree, base, pattern):
        trail = follow(tree, entry.path)
        whole = None if trail is None else _whole(tree, trail.path, exclude)
        if trail is None or whole is None:
            return None
        found += [*trail.links, *whole]
    return found


def _matches(tree: Tree, base: str, pattern: Glob) -> Iterator[Entry]:
    """What ``pattern`` matches below ``base``, as Go's ``filepath.Walk`` meets it."""
    start = len(base) + 1 if base else 0
    folders = [base]
    while folders:
        for entry in tree.children(folders.pop()):
            if pattern.matches(entry.path[start:]):
                if not entry.excluded or tree.sees(entry.path):
                    yield entry
            elif entry.kind == "directory" and pattern.reaches_into(entry.path[start:]):
                folders.append(entry.path)


def _matched_deeply(tree: Tree, base: str, pattern: Glob) -> Iterator[Entry]:
    """What a pattern of ``--parents`` takes: there ``**`` is any depth, as in an ignore file."""
    start = len(base) + 1 if base else 0
    wanted = IgnoreFile.of([pattern.rest])
    return (entry for entry in tree.below(base) if wanted.matches(entry.path[start:]))


def _ancestors(tree: Tree, entries: Iterable[Entry]) -> list[Entry]:
    """The folders above ``entries``, which ``--parents`` makes with their modes."""
    paths: set[str] = set()
    for entry in entries:
        folder = entry.path.rpartition("/")[0]
        while folder and folder not in paths:
            paths.add(folder)
            folder = folder.rpartition("/")[0]
    found = (tree.entry(path) for path in paths)
    return [entry for entry in found if entry is not None]
