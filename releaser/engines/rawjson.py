"""What ``docker buildx --progress=rawjson`` says, as values: a pure parser of its stderr.

Each line is one JSON object, a ``SolveStatus`` of BuildKit (its ``client/graph.go``): ``vertexes``
are the parts of the build, each with a digest, ``logs`` what they printed (base64), ``statuses``
what goes on inside of one. Errors of buildx itself are plain lines between them. Nothing is
trusted: lines have a bounded length, and what is no JSON stays a plain line.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from releaser.core.harmless import harmless

LONGEST_RECORD = 16 * 1024 * 1024
"""How many bytes of a line of JSON are kept; BuildKit's longest are some hundred kilobytes."""

LONGEST_PLAIN = 8192
"""How many bytes of a line that is no JSON are kept."""


@dataclass(frozen=True, slots=True)
class Vertex:
    """A part of the build: an instruction, the load of a context, an export.

    ``began`` and ``ended`` are in seconds since 1970, as far as they are told.
    """

    digest: str
    name: str
    started: bool = False
    completed: bool = False
    cached: bool = False
    error: str = ""
    began: float | None = field(default=None, compare=False)
    ended: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Log:
    """Bytes that a vertex printed; ``stream`` is 1 for stdout and 2 for stderr."""

    vertex: str
    stream: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Status:
    """Something that goes on inside of a vertex: ``exporting manifest sha256:…``."""

    vertex: str
    id: str


@dataclass(frozen=True, slots=True)
class Plain:
    """A line that is no progress: an error of buildx, the lines of a Dockerfile below it."""

    text: str


Record = Vertex | Log | Status | Plain


class LineSplitter:
    """Makes whole lines of bytes that come in any pieces; a line is cut after ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tail = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that ``chunk`` completes, without their ends."""
        *whole, rest = chunk.split(b"\n")
        lines = [self._finish(piece) for piece in whole]
        self._keep(rest)
        return lines

    def end(self) -> list[bytes]:
        """The last line, where it has no end."""
        return [self._finish(b"")] if self._tail else []

    def _finish(self, piece: bytes) -> bytes:
        self._keep(piece)
        line = bytes(self._tail)
        self._tail.clear()
        return line

    def _keep(self, piece: bytes) -> None:
        self._tail += piece[: self._limit - len(self._tail)]


class RecordStream:
    """Makes records of the bytes that buildx writes, in whatever pieces they come."""

    def __init__(self) -> None:
        self._lines = LineSplitter(LONGEST_RECORD)

    def feed(self, chunk: bytes) -> Iterator[Record]:
        """The records that ``chunk`` completes."""
        for line in self._lines.feed(chunk):
            yield from records(line)

    def end(self) -> Iterator[Record]:
        """The records of a last line that has no end."""
        for line in self._lines.end():
            yield from records(line)


def records(line: bytes) -> Iterator[Record]:
    """What one line says; a line that is no JSON object is itself a record."""
    status = _object(line)
    if status is None:
        yield Plain(_text(line))
        return
    for vertex in _items(status, "vertexes"):
        yield _vertex(vertex)
    for item in _items(status, "statuses"):
        yield Status(_string(item, "vertex"), _string(item, "id"))
    for log in _items(status, "logs"):
        yield Log(_string(log, "vertex"), 2 if log.get("stream") == 2 else 1, _data(log))


def clean(text: str) -> str:
    """One line for people: without colours, control characters, and what ``\\r`` overwrote."""
    text = text.rstrip("\r\n").rpartition("\r")[2]
    return harmless(text.replace("\n", "")).rstrip()


def _text(line: bytes) -> str:
    text = line[:LONGEST_PLAIN].decode("utf-8", "replace")
    return text + "…" if len(line) >= LONGEST_PLAIN else text


def _object(line: bytes) -> Mapping[str, object] | None:
    if not line.startswith(b"{"):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _items(status: Mapping[str, object], key: str) -> Iterator[Mapping[str, object]]:
    items = status.get(key)
    if isinstance(items, list):
        yield from (item for item in items if isinstance(item, dict))


def _vertex(item: Mapping[str, object]) -> Vertex:
    return Vertex(
        digest=_string(item, "digest"),
        name=_string(item, "name"),
        started=bool(item.get("started")),
        completed=bool(item.get("completed")),
        cached=item.get("cached") is True,
        error=_string(item, "error"),
        began=_moment(_string(item, "started")),
        ended=_moment(_string(item, "completed")),
    )


def _moment(text: str) -> float | None:
    """RFC 3339 as seconds since 1970; Go writes nanoseconds, which Python does not read."""
    try:
        return datetime.fromisoformat(re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", text)).timestamp()
    except (ValueError, OverflowError):
        return None


def _string(item: Mapping[str, object], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def _data(log: Mapping[str, object]) -> bytes:
    try:
        return base64.b64decode(_string(log, "data"), validate=True)
    except (binascii.Error, ValueError):
        return b""
