"""Dockerfiles and ignore files on disk: small texts, read whole and within bounds."""

from __future__ import annotations

import difflib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from releaser.core.dockerfile import Dockerfile, parse
from releaser.core.ignore import IgnoreFile
from releaser.errors import Location, SpecError
from releaser.sources.lookup import follow
from releaser.sources.tree import Tree

MAX_BYTES = 1 << 20
IGNORE_NAME = ".dockerignore"


@dataclass(frozen=True, slots=True)
class IgnoreText:
    """The ignore file that counts for a build: its text, and its path for errors ("": none)."""

    text: str = ""
    path: str = ""

    def parse(self) -> IgnoreFile:
        """Its rules; raises :class:`SpecError` where one is malformed."""
        return IgnoreFile.parse(self.text, self.path)


def read_dockerfile(path: str) -> Dockerfile:
    """The Dockerfile at ``path``; ``dockerfile`` does for ``Dockerfile``, as in BuildKit.

    Raises:
        SpecError: it is missing, no regular file, over 1 MiB, not UTF-8, or malformed.
    """
    existing = existing_dockerfile(path)
    return parse(read_text(existing), existing)


def existing_dockerfile(path: str) -> str:
    """``path``, or its lower-case twin where only that exists.

    Raises:
        SpecError: neither exists; the details name what lies near.
    """
    lower = Path(path).with_name("dockerfile")
    if os.path.lexists(path):
        return path
    if Path(path).name == "Dockerfile" and os.path.lexists(lower):
        return str(lower)
    raise _missing(path)


def read_text(path: str) -> str:
    """The text of a regular file of at most 1 MiB; raises :class:`SpecError`."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _refused(path, (error.strerror or str(error)).lower()) from None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _refused(path, "it is not a regular file")
        with os.fdopen(handle, "rb", closefd=False) as file:
            content = file.read(MAX_BYTES + 1)
    finally:
        os.close(handle)
    if len(content) > MAX_BYTES:
        raise _refused(path, "it is larger than 1 MiB")
    return _decoded(path, content)


def read_ignore(context: str, dockerfile: str) -> IgnoreText:
    """The ignore file of a build: ``<dockerfile>.dockerignore`` first, then the context's own.

    The first one that exists counts, even where it is empty. ``dockerfile`` is ``""`` for a context
    that has none. A link is followed within the folder that it lies in, as BuildKit does.

    Raises:
        SpecError: it cannot be read, or is not UTF-8.
    """
    places = [(context, IGNORE_NAME)]
    if dockerfile:
        own = Path(dockerfile + IGNORE_NAME)
        places.insert(0, (str(own.parent), own.name))
    for folder, name in places:
        found = _inside(folder, name)
        if found is not None:
            return IgnoreText(read_text(found), f"{folder}/{name}")
    return IgnoreText()


def _inside(folder: str, name: str) -> str | None:
    """The regular file that ``name`` in ``folder`` leads to, without ever leaving ``folder``."""
    tree = Tree(folder, IgnoreFile())
    trail = follow(tree, name)
    entry = tree.entry(trail.path) if trail else None
    return tree.absolute(entry.path) if entry and entry.kind == "file" else None


def _decoded(path: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SpecError(
            "the text is not UTF-8",
            at=Location(path, line),
            details=(("byte", f"0x{content[error.start]:02x}"),),
            hint="save it as UTF-8",
        ) from None


def _refused(path: str, reason: str) -> SpecError:
    return SpecError(f'"{path}" cannot be read', details=(("reason", reason),))


def _missing(path: str) -> SpecError:
    folder, name = Path(path).parent, Path(path).name
    try:
        names = sorted(one.name for one in folder.iterdir())
    except OSError as error:
        return SpecError(f'there is no Dockerfile "{path}"', hint=_no_folder(folder, error))
    likely = [one for one in names if _looks_like_one(one)]
    near = difflib.get_close_matches(name, likely or names, n=1)
    details = (("found here", ", ".join(likely[:8])),) if likely else ()
    hint = f'did you mean "{near[0]}"?' if near else "name the file with dockerfile:"
    return SpecError(f'there is no Dockerfile "{path}"', details=details, hint=hint)


def _no_folder(folder: Path, error: OSError) -> str:
    """Why nothing can be looked for in ``folder``, and what may have been meant by it."""
    if isinstance(error, NotADirectoryError):
        return f'"{folder}" is no folder'
    if not isinstance(error, FileNotFoundError):
        return f'"{folder}" cannot be read: {(error.strerror or str(error)).lower()}'
    missing = folder
    while not missing.parent.exists():
        missing = missing.parent
    above = missing.parent
    names = [one.name for one in above.iterdir() if one.is_dir()] if above.is_dir() else []
    near = difflib.get_close_matches(missing.name, names, n=1)
    if near:
        return f'did you mean the folder "{above / near[0] / folder.relative_to(missing)}"?'
    return f'there is no folder "{folder}" either'


def _looks_like_one(name: str) -> bool:
    lower = name.lower()
    return not lower.endswith(IGNORE_NAME) and (
        lower.startswith(("dockerfile", "containerfile")) or lower.endswith(".dockerfile")
    )
