"""A run as the command line sees it: timed, recorded, and reported in every ending."""

from __future__ import annotations

import errno
import json
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from releaser.cli.secrecy import hidden
from releaser.cli.signals import SignalReceived
from releaser.core.events import RunResult
from releaser.core.plan import Plan
from releaser.errors import (
    InternalError,
    InterruptedRunError,
    ReleaserError,
    SetupError,
    SpecError,
)
from releaser.reports.run import Run, as_json

ROOM = 4 * 1024 * 1024
"""Bytes that must be free for a report: one of a thousand images with five tags each has less."""

_PIPES: dict[Path, int] = {}
"""Named pipes that are to be written at the end, and stay open until then."""


@dataclass
class Recording:
    """What is known of a run so far."""

    command: str
    pushed: bool
    plan: Plan | None = None
    result: RunResult | None = None
    error: ReleaserError | None = None
    dry: bool = False
    ended: bool = False
    """Whether the run is over: what fails afterwards, such as printing, is no part of it."""
    began: float = field(default_factory=time.monotonic)

    def run(self) -> Run:
        """The run as a value."""
        seconds = time.monotonic() - self.began
        pushed = self.pushed and not self.dry
        return Run(self.command, pushed, self.plan, self.result, self.error, seconds)


@contextmanager
def recording(command: str, report: Path | None, *, pushed: bool) -> Iterator[Recording]:
    """Record a run; whatever ends the block, ``report`` is written, and the error goes on."""
    if report is not None:
        check_document(report)
    record = Recording(command, pushed)
    try:
        yield record
    except ReleaserError as error:
        if not record.ended:
            record.error = error
        raise
    except SignalReceived as received:
        interrupted = InterruptedRunError(received.number)
        if not record.ended:
            record.error = interrupted
        raise interrupted from None
    except BrokenPipeError:  # nobody reads our output: that says nothing of the run
        raise
    except Exception as error:
        record.error = InternalError(f"{type(error).__name__}: {error}")
        raise
    finally:
        if report is not None:
            _write_report(report, record)


def _write_report(path: Path, record: Recording) -> None:
    """Write the report; that it cannot be written never hides how the run itself ended."""
    try:
        data = hidden(as_json(record.run()))
        write_atomically(path, json.dumps(data, indent=2) + "\n")
    except OSError as error:
        problem = f"the report cannot be written to {path}: {error.strerror}"
        if record.error is None:
            raise SetupError(problem, hint="what the run did is done; see above") from error
        record.error.details = (*record.error.details, ("report", problem))


def read_bounded(path: Path, most: int) -> bytes:
    """The bytes of a regular file; raises :class:`SpecError` where there are none, or too many."""
    try:
        if not path.is_file():
            raise SpecError(f'"{path}" is no file')
        with path.open("rb") as stream:
            content = stream.read(most + 1)
    except OSError as error:
        raise SpecError(f'"{path}" cannot be read: {error.strerror}') from None
    if len(content) > most:
        raise SpecError(f'"{path}" is longer than {most // 1024**2} MiB')
    return content


def check_writable(path: Path) -> None:
    """See that ``path`` could be written at the end of a long run.

    Raises:
        SpecError: it could not, whatever is done.
        SetupError: its disk is full, or takes no files.
    """
    folder = path.parent
    closed = path.is_file() and not path.stat().st_mode & 0o222
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK) or closed:
        raise SpecError(
            f"{path} cannot be written", hint="name a file in a folder that is there and writable"
        )
    if path.is_file() or not path.exists():  # not /dev/stdout, a named pipe
        _check_room(path)


def check_document(path: Path) -> None:
    """:func:`check_writable`, and that a file which is there is a report or a plan of ours.

    Raises:
        SpecError, SetupError: it is not, or see there.
    """
    if path.is_fifo():
        _check_reader(path)
    check_writable(path)
    if not path.is_file():
        return
    with path.open("rb") as stream:
        start = stream.read(4096).lstrip()
    ours = not start or (start.startswith(b"{") and b'"schema"' in start)
    if not ours or ".git" in path.resolve().parts:
        raise SpecError(
            f"{path} is there, and is no report or plan: it is not overwritten",
            hint="name another file, or remove it",
        )


def _check_reader(path: Path) -> None:
    """Hold a named pipe open, so that its reader waits for us; one without a reader is refused."""
    try:
        _PIPES[path] = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise SpecError(
            f"{path} is a pipe that nobody reads from"
            if error.errno == errno.ENXIO
            else f"{path} cannot be written: {(error.strerror or str(error)).lower()}",
            hint="name a file, or start what reads it first",
        ) from None


def _write_device(path: Path, text: str) -> None:
    """Write to a device or a pipe; a pipe that nobody reads any more fails at once."""
    descriptor = _PIPES.pop(path, None)
    if descriptor is None:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    os.set_blocking(descriptor, True)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)


def _check_room(path: Path) -> None:
    """Raise :class:`SetupError` where there is no room for a report (:data:`ROOM` bytes)."""
    try:
        with tempfile.TemporaryFile(dir=path.parent) as probe:
            os.posix_fallocate(probe.fileno(), 0, ROOM)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise SetupError(
                f"{path} cannot be written: {(error.strerror or str(error)).lower()}",
                hint="name a file in another folder",
            ) from error
        raise SetupError(
            f"there is no room for {path}: {error.strerror}",
            details=(("needed", f"{ROOM // 1024**2} MiB"),),
            hint="nothing was done: free some, or name a file elsewhere",
        ) from error


def _mode(path: Path) -> int:
    """The mode of a file, or the one that a new file gets."""
    with suppress(FileNotFoundError):
        return stat.S_IMODE(path.stat().st_mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def write_atomically(path: Path, text: str) -> None:
    """Write a file whole or not at all; one that is there keeps its mode."""
    if path.exists() and not path.is_file():  # /dev/stdout, a named pipe
        _write_device(path, text)
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        Path(name).chmod(_mode(path))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
