"""What the machine itself refuses: room on a disk, files, threads. None of it is a bug."""

from __future__ import annotations

import errno
from pathlib import Path

from releaser.cli.reporting import write_atomically
from releaser.errors import SetupError

_ROOM = "make room on the disk, or write elsewhere"
_FILES = "raise the limit of open files: ulimit -n 1024"
_HINTS = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EROFS: "write elsewhere: the disk is read-only",
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.ENOMEM: "give it more memory",
}


def save(path: Path, text: str) -> None:
    """Write a file whole or not at all; raise :class:`SetupError` where that fails."""
    try:
        write_atomically(path, text)
    except OSError as error:
        raise SetupError(
            f"{path} cannot be written: {(error.strerror or str(error)).lower()}",
            hint=_HINTS.get(error.errno or 0, "name a file in another folder"),
        ) from error


def machine_error(error: BaseException) -> SetupError | None:
    """``error`` as what is missing in the set-up; ``None`` where the machine is not to blame.

    What an error was raised from counts too: a library that could not be loaded for want of files.
    """
    cause = error.__cause__ or error.__context__
    found = _of(error) or (machine_error(cause) if cause is not None else None)
    if found is not None:
        found.__cause__ = error
    return found


def _of(error: BaseException) -> SetupError | None:
    if isinstance(error, MemoryError):
        return SetupError("there is no memory left", hint=_HINTS[errno.ENOMEM])
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return SetupError("no more threads can be started", hint="raise the limit: ulimit -u")
    if isinstance(error, OSError) and error.errno in _HINTS:
        details = [("file", str(error.filename))] if error.filename else []
        reason = (error.strerror or "").lower()
        return SetupError(
            f"the machine refuses: {reason}", details=details, hint=_HINTS[error.errno]
        )
    return None
