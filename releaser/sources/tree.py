"""A build context on disk as a build sees it: listed when asked, an ignore file applied.

BuildKit walks the folder without following symbolic links, leaves out what the ignore file
excludes, and keeps an excluded folder where something in it is included again. Every folder is read
at most once in a tree's life, and an excluded one that nothing can come out of never is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import Literal, NamedTuple

from releaser.core.ignore import ROOT, IgnoreFile, Verdict
from releaser.errors import SpecError

MAX_ENTRIES = 2_000_000
"""A context of more files than this is a mistake: the home folder, the root of the disk."""

Kind = Literal["file", "directory", "symlink", "special"]


class Entry(NamedTuple):
    """Something in a context, by its path in it. ``special`` is a FIFO, a socket or a device."""

    path: str
    kind: Kind
    mode: int
    size: int
    modified: int
    inode: int
    device: int
    excluded: bool = False


class Tree:
    """A folder seen through an ignore file; paths are relative to it, ``""`` is itself."""

    def __init__(self, root: str, ignore: IgnoreFile) -> None:
        self.root = root
        self.ignore = ignore
        self._verdicts: dict[str, Verdict] = {"": ROOT}
        self._children: dict[str, tuple[Entry, ...]] = {}
        self._below: dict[str, tuple[Entry, ...]] = {}

    def absolute(self, path: str) -> str:
        """Where ``path`` is on the disk."""
        return f"{self.root}/{path}" if path else self.root

    def entry(self, path: str) -> Entry | None:
        """What is at ``path``, excluded or not, or ``None`` where nothing is."""
        try:
            found = os.lstat(self.absolute(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise unreadable(self.root, path, error) from None
        excluded = self._verdict(path).excluded
        if not excluded:
            _check_name(self.root, path)
        return _entry(path, found, excluded=excluded)

    def target(self, link: str) -> str:
        """What the symbolic link at ``link`` says."""
        try:
            return os.readlink(self.absolute(link))  # noqa: PTH115 (a Path would tidy the text)
        except OSError as error:
            raise unreadable(self.root, link, error) from None

    def children(self, folder: str) -> tuple[Entry, ...]:
        """What ``folder`` holds: all that is included, and the excluded folders worth a look."""
        found = self._children.get(folder)
        if found is None:
            found = self._children[folder] = tuple(self._list(folder))
        return found

    def below(self, folder: str) -> tuple[Entry, ...]:
        """Everything in ``folder``, at any depth, that a build sees; sorted by path."""
        found = self._below.get(folder)
        if found is None:
            found = self._below[folder] = self._walk(folder)
        return found

    def sees(self, folder: str) -> bool:
        """Whether a build sees this folder: it is included, or something in it is."""
        return not self._verdict(folder).excluded or bool(self.below(folder))

    def _walk(self, folder: str) -> tuple[Entry, ...]:
        included: list[Entry] = []
        excluded: dict[str, Entry] = {}
        folders = [folder] if self._worth_a_look(folder) else []
        while folders:
            for entry in self.children(folders.pop()):
                if entry.kind == "directory":
                    folders.append(entry.path)
                if entry.excluded:
                    excluded[entry.path] = entry
                else:
                    included.append(entry)
            if len(included) > MAX_ENTRIES:
                raise _too_many(self.root)
        return tuple(sorted([*included, *holders(included, excluded)]))

    def _worth_a_look(self, folder: str) -> bool:
        return not self._verdict(folder).excluded or self.ignore.reaches_into(folder)

    def _verdict(self, path: str) -> Verdict:
        verdict = self._verdicts.get(path)
        if verdict is None:
            verdict = self.ignore.verdict(path, self._verdict(path.rpartition("/")[0]))
            self._verdicts[path] = verdict
        return verdict

    def _list(self, folder: str) -> list[Entry]:
        verdict = self._verdict(folder)
        prefix = f"{folder}/" if folder else ""
        try:
            with os.scandir(self.absolute(folder)) as items:
                found = [self._seen(prefix + item.name, item, verdict) for item in items]
        except OSError as error:
            raise unreadable(self.root, folder or ".", error) from None
        return [entry for entry in found if entry is not None]

    def _seen(self, path: str, item: os.DirEntry[str], parent: Verdict) -> Entry | None:
        verdict = self.ignore.verdict(path, parent)
        folder = item.is_dir(follow_symlinks=False)
        if verdict.excluded and not (folder and self.ignore.reaches_into(path)):
            return None
        if not path.isascii():
            _check_name(self.root, path)
        if folder:
            self._verdicts[path] = verdict
        return _entry(path, item.stat(follow_symlinks=False), excluded=verdict.excluded)


def holders(entries: Iterable[Entry], folders: dict[str, Entry]) -> list[Entry]:
    """Those of ``folders`` (by path) that hold one of ``entries``, at any depth."""
    found: dict[str, Entry] = {}
    for entry in entries if folders else ():
        folder = entry.path.rpartition("/")[0]
        while folder and folder not in found:
            if folder in folders:
                found[folder] = folders[folder]
            folder = folder.rpartition("/")[0]
    return list(found.values())


def unreadable(root: str, path: str, error: OSError | ValueError) -> SpecError:
    """The complaint about something in the context ``root`` that cannot be read."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return SpecError(
        f'"{printable(path)}" in the build context cannot be read',
        details=(("context", root), ("reason", reason.lower())),
        hint="make it readable, or exclude it in .dockerignore",
    )


def printable(path: str) -> str:
    """``path`` with the bytes that are no UTF-8 written as ``\\xff``."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _entry(path: str, found: os.stat_result, *, excluded: bool) -> Entry:
    return Entry(
        path,
        _kind(found.st_mode),
        stat.S_IMODE(found.st_mode),
        found.st_size,
        found.st_mtime_ns,
        found.st_ino,
        found.st_dev,
        excluded,
    )


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "symlink" if stat.S_ISLNK(mode) else "special"


def _check_name(root: str, path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise SpecError(
            f'the name of "{printable(path)}" in the build context is not UTF-8',
            details=(("context", root),),
            hint="rename it, or exclude it in .dockerignore: BuildKit refuses such names",
        ) from None


def _too_many(root: str) -> SpecError:
    return SpecError(
        f"the build context holds more than {MAX_ENTRIES} files",
        details=(("context", root),),
        hint="choose a smaller folder, or exclude what no image needs in .dockerignore",
    )
