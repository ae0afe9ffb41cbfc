"""What the machine itself refuses: room on a disk, files, threads. None of it is a bug."""

from __future__ import annotations

import errno

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


def machine_error(error: Exception) -> SetupError | None:
    """``error`` as what is missing in the set-up; ``None`` where the machine is not to blame."""
    found: SetupError | None = None
    if isinstance(error, MemoryError):
        found = SetupError("there is no memory left", hint=_HINTS[errno.ENOMEM])
    elif isinstance(error, RuntimeError) and "start new thread" in str(error):
        found = SetupError("no more threads can be started", hint="raise the limit: ulimit -u")
    elif isinstance(error, OSError) and error.errno in _HINTS:
        details = [("file", str(error.filename))] if error.filename else []
        reason = (error.strerror or "").lower()
        found = SetupError(
            f"the machine refuses: {reason}", details=details, hint=_HINTS[error.errno]
        )
    if found is not None:
        found.__cause__ = error
    return found
