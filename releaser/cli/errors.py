"""Errors as text, in the one shape that they all have.

::

    error: images.yaml:12:5: unknown field "taggs" in image "api"
      12 |     taggs: [latest]
         |     ^
      allowed: context, dockerfile, …
    hint: did you mean "tags"?

What comes from outside (file names, values, build output) cannot play tricks on a terminal or on a
CI runner: control characters are shown as escapes, no line of it stands at a margin, and words that
a runner obeys wherever they stand are broken.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from releaser.core.harmless import printable
from releaser.errors import Location, ReleaserError, SpecError, StepError

MAX_SOURCE = 1 << 20
_WIDTH = 100
_LONGEST = 2_000
_BREAKS = {"\r\n": "\n", "\r": "\n"}

Read = Callable[[str], str | None]


def read_source(file: str) -> str | None:
    """The text of a file that an error points into; ``None`` where it cannot be shown."""
    try:
        path = Path(file)
        if not path.is_file() or path.stat().st_size > MAX_SOURCE:
            return None
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except (OSError, ValueError):
        return None


def format_error(error: ReleaserError, *, read: Read = read_source) -> str:
    """The lines that a user sees, each ended; every complaint of a :class:`SpecError`.

    The source line is shown where an error knows its column: one that must not be repeated,
    because a secret may stand in it, comes without.
    """
    found = error.problems if isinstance(error, SpecError) else (error,)
    # A line that one error must not repeat is repeated by no other.
    secret = {(e.at.file, e.at.line) for e in found if e.at and e.at.line and e.at.column is None}
    read_once = _Sources(read, frozenset(secret))
    return "\n".join("\n".join(_block(one, read_once)) + "\n" for one in found)


class _Sources:
    """The lines of files, each read once."""

    def __init__(self, read: Read, hidden: frozenset[tuple[str, int | None]]) -> None:
        self._read = read
        self._hidden = hidden
        self._lines: dict[str, list[str]] = {}

    def line(self, at: Location) -> str | None:
        """The line that ``at`` points to, unless it must not be shown."""
        if (at.file, at.line) in self._hidden:
            return None
        if at.file not in self._lines:
            text = self._read(at.file) or ""
            for mark, plain in _BREAKS.items():
                text = text.replace(mark, plain)
            self._lines[at.file] = text.split("\n")
        lines = self._lines[at.file]
        return lines[at.line - 1] if at.line and at.line <= len(lines) else None


def _block(error: ReleaserError, sources: _Sources) -> Iterator[str]:
    where = f"{printable(str(_near(error.at)))}: " if error.at else ""
    yield f"error: {where}{printable(_cropped(error.message))}"
    yield from _excerpt(error.at, sources)
    width = max((len(key) for key, _ in error.details), default=0)
    for key, value in error.details:
        yield f"  {printable(key)}: {' ' * (width - len(key))}{printable(_cropped(value))}"
    if isinstance(error, StepError):
        yield from (f"  | {printable(line)}" for line in error.output)
    if error.hint:
        yield f"hint: {printable(_cropped(error.hint))}"


def _cropped(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _near(at: Location) -> Location:
    """The place as seen from the working folder, where the file lies in it."""
    if not os.path.isabs(at.file):  # noqa: PTH117 - texts, not files
        return at
    relative = os.path.relpath(at.file)
    return at if relative.startswith("..") else replace(at, file=relative)


def _excerpt(at: Location | None, sources: _Sources) -> Iterator[str]:
    """The source line and a mark below the column."""
    if at is None or at.column is None:
        return
    line = sources.line(at)
    if not line or not line.strip():
        return
    start = max(0, at.column - 1 - _WIDTH // 2) if len(line) > _WIDTH else 0
    shown = printable(line[start : start + _WIDTH])
    before = printable(line[start : at.column - 1])
    number = str(at.line)
    yield f"  {number} | {shown}".rstrip()
    yield f"  {' ' * len(number)} | {' ' * _columns(before)}^"


def _columns(text: str) -> int:
    """How many columns a terminal uses for ``text``."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
