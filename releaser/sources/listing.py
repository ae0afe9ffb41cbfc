"""A build context with files that are gone: what a build would have taken of them."""

from __future__ import annotations

from collections.abc import Iterable

from releaser.sources.lookup import Taken
from releaser.sources.tree import Entry, Kind, Tree


class Listing(Tree):
    """A context that holds files at some paths, and no others.

    Paths that lead out of the context are left out. Folders and symbolic links are those of
    ``real``, the context as it is on the disk, and the folders of the paths: a file that is gone
    may have been taken through a link.
    """

    def __init__(self, real: Tree, paths: Iterable[str]) -> None:
        super().__init__(real.root, real.ignore)
        self._real = real
        self._names: dict[str, set[str]] = {"": set()}
        for path in paths:
            if not path.startswith(("/", "../")):
                self._put(path)

    def entry(self, path: str) -> Entry | None:
        """What is at ``path``, excluded or not, or ``None`` where nothing is."""
        real = self._real.entry(path)
        if real is not None and real.kind == "symlink":
            return real
        folder, _, name = path.rpartition("/")
        if not path or name in self._names.get(folder, ()):
            return self._entry(path, excluded=self._verdict(path).excluded)
        return real if real is not None and real.kind == "directory" else None

    def _put(self, path: str) -> None:
        known = False
        while path and not known:
            folder, _, name = path.rpartition("/")
            known = folder in self._names
            self._names.setdefault(folder, set()).add(name)
            path = folder

    def _list(self, folder: str) -> list[Entry]:
        parent = self._verdict(folder)
        found = {entry.path: entry for entry in self._shape(folder)}
        for name in self._names.get(folder, ()):
            path = f"{folder}/{name}" if folder else name
            if path in found and found[path].kind == "symlink":
                continue
            verdict = self.ignore.verdict(path, parent)
            if not verdict.excluded or (path in self._names and self.ignore.reaches_into(path)):
                found[path] = self._entry(path, excluded=verdict.excluded)
        return list(found.values())

    def _shape(self, folder: str) -> list[Entry]:
        """The folders and links that ``folder`` really holds."""
        real = self._real.entry(folder)
        if real is None or real.kind != "directory":
            return []
        return [one for one in self._real.children(folder) if one.kind in {"directory", "symlink"}]

    def _entry(self, path: str, *, excluded: bool) -> Entry:
        kind: Kind = "directory" if path in self._names else "file"
        return Entry(path, kind, 0, 0, 0, 0, 0, excluded)


def covered(found: Taken) -> set[str]:
    """The paths that were taken, and the folders above them.

    Git calls a submodule by its folder: it counts where something in it is taken.
    """
    paths: set[str] = set()
    for entry in found.entries:
        path = entry.path
        while path and path not in paths:
            paths.add(path)
            path = path.rpartition("/")[0]
    return paths
