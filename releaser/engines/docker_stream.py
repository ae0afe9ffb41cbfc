"""The streams of JSON records that the engine answers builds and pushes with.

HTTP says 200 before anything has happened, so what became of the work stands in the records alone.
Records are separated by line ends (moby, ``streamformatter``), however the chunks fall. What is not
a JSON object is skipped: who reads the records must in any case see a sign of success at the end.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests

MAX_RECORD = 1 << 20
TOTAL_SECONDS = 12 * 3600.0
"""How long one transfer or build may take; the time between two bytes has a limit of its own."""
_CHUNK = 1 << 16

Record = Mapping[str, Any]
Clock = Callable[[], float]


class Transfer:
    """Something long under way in the engine, which another thread may stop."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self._lock = threading.Lock()
        self._response: requests.Response | None = None

    def cancel(self) -> None:
        """Stop it: the thread that reads sees the end of the stream."""
        with self._lock:
            self.cancelled.set()
            if self._response is not None:
                _shut(self._response)

    @contextmanager
    def reading(self, response: requests.Response) -> Iterator[None]:
        """While ``response`` is read; the connection is closed behind it, which ends the work."""
        with self._lock:
            self._response = response
            if self.cancelled.is_set():
                _shut(response)
        try:
            yield
        finally:
            with self._lock:
                self._response = None
            response.close()


def _shut(response: requests.Response) -> None:
    # Closing a socket does not wake a thread that reads from it; shutting it down does. Where the
    # answer has been read to its end, there is no connection any more.
    with suppress(OSError, ValueError, RuntimeError):
        response.raw.shutdown()


class Transfers:
    """All transfers under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[Transfer] = set()

    @contextmanager
    def begin(self) -> Iterator[Transfer]:
        """One more, until the block ends."""
        transfer = Transfer()
        with self._lock:
            self._open.add(transfer)
        try:
            yield transfer
        finally:
            with self._lock:
                self._open.discard(transfer)

    def cancel(self) -> None:
        """Stop all of them; those that begin later are not touched."""
        with self._lock:
            running = tuple(self._open)
        for transfer in running:
            transfer.cancel()


def records_of(
    response: requests.Response, *, total: float = TOTAL_SECONDS, clock: Clock = time.monotonic
) -> Iterator[Record]:
    """The records of an answer as they come in.

    :raises TimeoutError: where it has no end within ``total`` seconds, however much it says.
    """
    return records(_in_time(response.iter_content(_CHUNK), clock() + total, clock))


def _in_time(chunks: Iterable[bytes], end: float, clock: Clock) -> Iterator[bytes]:
    for chunk in chunks:
        if clock() > end:
            raise TimeoutError("the whole exchange took too long")
        yield chunk


def records(chunks: Iterable[bytes]) -> Iterator[Record]:
    """The JSON objects in a stream of bytes, cut anywhere.

    A line of more than a megabyte is dropped, so memory stays flat whatever is sent.
    """
    for line in _lines(chunks):
        yield from _objects(line)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        *complete, rest = chunk.split(b"\n")
        for part in complete:
            if size + len(part) <= MAX_RECORD:
                yield b"".join((*parts, part))
            parts, size = [], 0
        size += len(rest)
        # Past the limit only the size is kept, until the line ends.
        parts = [*parts, rest] if size <= MAX_RECORD else []
    if size <= MAX_RECORD:
        yield b"".join(parts)


_DECODER = json.JSONDecoder()


def _objects(line: bytes) -> Iterator[Record]:
    """The objects in a line: one, as a rule, but old engines ran several together."""
    text = line.decode(errors="replace").strip()
    while text:
        try:
            value, end = _DECODER.raw_decode(text)
        except (ValueError, RecursionError):
            return
        if isinstance(value, dict):
            yield value
        text = text[end:].lstrip()


def error_of(record: Record) -> str | None:
    """What a record complains of, ``None`` where it is no complaint.

    ``errorDetail`` is the present form and ``error`` the former one, which API 1.48 deprecates and
    may leave empty (moby, ``api/docs/CHANGELOG.md``).
    """
    if "errorDetail" not in record and "error" not in record:
        return None
    detail = record.get("errorDetail")
    message = detail.get("message") if isinstance(detail, dict) else detail
    return str(message or record.get("error") or "the engine gave no reason")
