"""What a path in the spec may name: something below the file's own folder, written with slashes."""

from __future__ import annotations

import re

from releaser.errors import SpecError

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|git@")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_CREDENTIALS = re.compile(r"https?://[^/@]*@|[a-z0-9+.-]+://[^/@]*:[^/@]*@", re.IGNORECASE)


def is_remote(context: str) -> bool:
    """Whether a build context is a URL (``https://…``, ``git@…``, ``docker-image://…``)."""
    return _REMOTE.match(context) is not None


def join(folder: str, path: str) -> str:
    """``path`` seen from ``folder``, both relative, with ``.`` and ``..`` worked out as far as
    they go; a result that begins with ``..`` leaves the tree. ``.`` is the tree itself."""
    parts: list[str] = []
    for part in f"{folder}/{path}".split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts) or "."


def check_inside(path: str, folder: str = ".") -> None:
    """Raise :class:`SpecError` where ``path``, seen from ``folder``, leaves the spec's folder.

    A reader that follows symbolic links must look again: only the text is judged here.
    """
    if not path:
        raise SpecError("the path is empty", hint='write "." for the folder of the file')
    if path.startswith("-"):
        raise SpecError(f'the path "{path}" begins with a dash', hint=f'write "./{path}"')
    if "\\" in path or _DRIVE.match(path):
        raise SpecError(f'the path "{path}" is not written with /', hint=_slashes(path))
    if path.startswith(("/", "~")):
        raise SpecError(
            f'the path "{path}" is not relative',
            hint="write it as seen from the folder of the file",
        )
    if join(folder, path).split("/")[0] == "..":
        raise SpecError(
            f'the path "{path}" leaves the folder of the file',
            hint="move the file up to a folder that holds everything it names",
        )


def check_remote(url: str) -> None:
    """Raise :class:`SpecError` where a URL carries a login; it is not repeated."""
    if _CREDENTIALS.match(url):
        raise SpecError(
            "the URL carries a login",
            hint="leave it out, and give the build the secret GIT_AUTH_TOKEN",
        )


def _slashes(path: str) -> str:
    if _DRIVE.match(path):
        return "write it as seen from the folder of the file, with /"
    return f'write "{path.replace(chr(92), "/")}"'
