"""A program that runs beside us: its stderr as it comes, and an end to it that is certain.

The program gets a session of its own, so that a Ctrl-C in the terminal reaches releaser alone. To
stop it is to stop the whole group: SIGINT, SIGTERM after some seconds, SIGKILL after some more.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import IO, Self

_CHUNK = 65536
_POLL = 0.5
PATIENCE = 5.0
"""How many seconds a signal has to work before the next, stronger one is sent."""


class IdleError(Exception):
    """The program has written nothing for longer than it may."""


class Child:
    """A running program; a context manager that leaves none behind."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: str,
        idle_limit: float,
        patience: float = PATIENCE,
    ) -> None:
        self._idle_limit = idle_limit
        self._patience = patience
        self._chunks: queue.Queue[bytes | None] = queue.Queue(maxsize=64)
        self._ended = False
        self._stopped_at: float | None = None
        self._signals = iter((signal.SIGTERM, signal.SIGKILL))
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            list(argv),
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stderr is not None  # noqa: S101 - a pipe was asked for
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stderr,), name="buildx-output", daemon=True
        )
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self.stop()
        for _ in self._rest():
            pass
        self._process.wait()
        self._reader.join(timeout=1)

    def chunks(self) -> Iterator[bytes]:
        """What the program writes to stderr, until it ends.

        Raises :class:`IdleError` when nothing has come for the idle limit; nobody has stopped the
        program then.
        """
        heard = time.monotonic()
        for chunk in self._rest():
            if chunk:
                heard = time.monotonic()
                yield chunk
            elif self._stopped_at is None and time.monotonic() - heard > self._idle_limit:
                raise IdleError

    def stop(self) -> None:
        """Ask the program to end; whoever reads :meth:`chunks` then sees to it that it does."""
        with self._lock:
            if self._stopped_at is None:
                self._stopped_at = time.monotonic()
                self._signal(signal.SIGINT)

    @property
    def code(self) -> int:
        """The exit code; waits for it."""
        return self._process.wait()

    def _rest(self) -> Iterator[bytes]:
        """Chunks to the end of the output, and an empty one each time that none has come."""
        while not self._ended and self._press():
            try:
                chunk = self._chunks.get(timeout=_POLL)
            except queue.Empty:
                if self._process.poll() is not None:
                    self.stop()  # something that it started keeps the pipe open
                yield b""
                continue
            if chunk is None:
                self._ended = True
                return
            yield chunk

    def _press(self) -> bool:
        """Send the next signal where the last one had its time; false where all of them had."""
        with self._lock:
            if self._stopped_at is None or time.monotonic() - self._stopped_at < self._patience:
                return True
            stronger = next(self._signals, None)
            if stronger is not None:
                self._stopped_at = time.monotonic()
                self._signal(stronger)
            return stronger is not None

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            while chunk := os.read(stream.fileno(), _CHUNK):
                self._chunks.put(chunk)
        self._chunks.put(None)
