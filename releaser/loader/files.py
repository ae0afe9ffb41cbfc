"""Finding the spec on disk, and reading it without being fooled by what else may lie there."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Mapping
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from releaser.errors import Location, SpecError
from releaser.loader.yaml_text import MAX_BYTES

NAMES = ("images.yaml", "images.yml")
MAX_MATCHES = 1001


def find_spec(directory: Path) -> Path:
    """The ``images.yaml`` of ``directory``, or of the nearest folder above it that has one.

    The search ends at the top of the repository, as git's does: a file above it is not its own.

    Raises:
        SpecError: there is none, or a folder has one under both names.
    """
    start = directory.absolute()
    for folder in (start, *start.parents):
        found = [folder / name for name in NAMES if (folder / name).exists()]
        if len(found) > 1:
            raise SpecError(
                f"{folder} has both {NAMES[0]} and {NAMES[1]}", hint="remove one of them"
            )
        if found:
            return found[0]
        if (folder / ".git").exists():
            break
    raise SpecError(
        f"no {NAMES[0]} here or above",
        details=[("looked from", str(start)), ("up to", str(folder))],
        hint="write one as images.yaml.example shows, or name one with -f",
    )


def read_spec(path: Path) -> bytes:
    """The bytes of a spec file, at most 1 MiB.

    Raises:
        SpecError: it cannot be read, is no regular file, or is longer.
    """
    try:
        # A FIFO blocks when it is opened; O_NONBLOCK makes it fail or be seen for what it is.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        _check_regular(path, os.fstat(descriptor).st_mode)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    finally:
        os.close(descriptor)
    if len(content) > MAX_BYTES:
        raise SpecError("the file is longer than 1 MiB", at=Location(str(path)))
    return content


def read_below(root: Path, path: str) -> bytes:
    """The bytes of a file below ``root``, at most 1 MiB; a link must not lead out of it.

    Raises:
        SpecError: it leads out, cannot be read, is no regular file, or is longer.
    """
    file = root / path
    try:
        target = file.resolve()
    except (OSError, RuntimeError):
        raise SpecError(f'"{path}" is a link that leads to itself') from None
    if not target.is_relative_to(root.resolve()):
        raise SpecError(f'"{path}" is a link that leaves the folder of the file')
    if not file.exists():
        raise SpecError(f'there is no file "{path}"', hint=_near(root, path))
    if file.is_dir():
        raise SpecError(f'"{path}" is a folder', hint=f"name the file in it: {path}/{NAMES[0]}")
    return read_spec(file)


def _near(root: Path, path: str) -> str:
    """What lies beside the first part of ``path`` that does not exist."""
    folder, *rest = root, *path.split("/")
    while (folder / rest[0]).exists():
        folder /= rest.pop(0)
    known = folder.relative_to(root).as_posix()
    names = [one.name for one in folder.iterdir()] if folder.is_dir() else []
    found = difflib.get_close_matches(rest[0], names, n=1)
    if found:
        better = "/".join([*([] if known == "." else [known]), *found, *rest[1:]])
        return f'did you mean "{better}"?'
    return "paths are seen from the folder of the file that names them"


def is_of_folders(pattern: str) -> bool:
    """Whether a glob ends in ``**``, which stands for folders only."""
    return pattern.rsplit("/", maxsplit=1)[-1] == "**"


class DiskFiles:
    """The files below a folder, for what a spec in it includes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, path: str) -> bytes:
        """See :func:`read_below`."""
        return read_below(self._root, path)

    def matching(self, pattern: str) -> tuple[str, ...]:
        """The files that a glob names (``*``, ``?``, ``[…]``, ``**``), sorted, at most 1001.

        Folders whose name begins with a dot are left out unless the glob names them.

        Raises:
            SpecError: it is no glob.
        """
        if is_of_folders(pattern):  # from Python 3.13 on, it matches files as well
            return ()
        try:
            matches = list(islice(self._root.glob(pattern), 100_000))
        except (ValueError, NotImplementedError):
            hint = 'write "**" between slashes, for any number of folders'
            raise SpecError(f'"{pattern}" is not a glob', hint=hint) from None
        found = (one.relative_to(self._root).as_posix() for one in matches if one.is_file())
        hidden = "/." in f"/{pattern}"
        shown = (path for path in found if hidden or "/." not in f"/{path}")
        return tuple(sorted(islice(shown, MAX_MATCHES)))


class KnownFiles:
    """Files whose bytes are known, such as those of a commit of the past."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def read(self, path: str) -> bytes:
        """The bytes of a file; raises :class:`SpecError` where it is not known."""
        if path not in self._files:
            raise SpecError(f'there is no file "{path}"')
        return self._files[path]

    def matching(self, pattern: str) -> tuple[str, ...]:
        """The known files that a glob names, as :meth:`DiskFiles.matching` does."""
        parts = pattern.split("/")
        hidden = "/." in f"/{pattern}"
        shown = (path for path in sorted(self._files) if hidden or "/." not in f"/{path}")
        return tuple(path for path in shown if _fits(path.split("/"), parts))


def _fits(path: list[str], parts: list[str]) -> bool:
    """Whether the names of a path fit the parts of a glob, of which ``**`` is any folders."""
    if not parts or not path:
        return not path and not parts
    if parts[0] == "**":
        return _fits(path, parts[1:]) or _fits(path[1:], parts)
    return fnmatchcase(path[0], parts[0]) and _fits(path[1:], parts[1:])


def _check_regular(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise SpecError(f'"{path}" is a folder', hint=f"name the file in it: -f {path / NAMES[0]}")
    if not stat.S_ISREG(mode):
        raise SpecError(f'"{path}" is no regular file', hint="name a file with -f")


def _unreadable(path: Path, error: OSError) -> SpecError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        hint = "write one as images.yaml.example shows, or name another with -f"
        return SpecError(f'"{path}" does not exist', hint=hint)
    reason = (error.strerror or "unknown reason").lower()
    return SpecError(f'"{path}" cannot be read: {reason}')
