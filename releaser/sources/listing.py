"""A build context as a mere list of paths: what a build would have taken of files that are gone."""

from __future__ import annotations

from collections.abc import Iterable

from releaser.sources.lookup import Taken
from releaser.sources.tree import Entry, Kind, Tree


class Listing(Tree):
    """A context that holds files at some paths, and the folders above them.

    Paths that lead out of the context are left out. Symbolic links are those of ``real``, the
    context as it is on the disk: a file that is gone may have been taken through one.
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
        if path and name not in self._names.get(folder, ()):
            return None
        return self._entry(path, excluded=self._verdict(path).excluded)

    def _put(self, path: str) -> None:
        while path:
            folder, _, name = path.rpartition("/")
            known = folder in self._names
            self._names.setdefault(folder, set()).add(name)
            if known:
                return
            path = folder

    def _list(self, folder: str) -> list[Entry]:
        parent = self._verdict(folder)
        found: list[Entry] = []
        for name in self._names.get(folder, ()):
            path = f"{folder}/{name}" if folder else name
            verdict = self.ignore.verdict(path, parent)
            held = path in self._names
            if not verdict.excluded or (held and self.ignore.reaches_into(path)):
                self._verdicts[path] = verdict
                found.append(self._entry(path, excluded=verdict.excluded))
        return found

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
