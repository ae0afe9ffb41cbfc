"""Lines for people out of the bytes that a build prints, in whatever pieces they come.

Memory stays flat: of a line that has no end, only a bounded part is kept. Secrets are taken out of
whole lines, and before a line is cut, so neither the seams of the pieces nor the cut leave a part
of one. What a build prints within one piece is treated together, since that is ten times as quick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby, repeat

from releaser.core.harmless import harmless, unspoken
from releaser.core.secret_forms import PIECE

LONGEST_LINE = 4096
"""How many characters of a line are shown; a longer one ends in an ellipsis."""

REPEATED = 500
"""How often a line may come again within one piece before it is counted instead."""

_KEPT = 4 * (LONGEST_LINE + PIECE)
_QUIET = bytes({*range(9), *range(0x0B, 0x0D), *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x7F})

Hide = Callable[[str], str]


class OutputLines:
    """One stream of a build's output; ``hide`` takes out what nobody may see."""

    def __init__(self, hide: Hide = str) -> None:
        self._hide = hide
        self._tail = bytearray()

    def feed(self, piece: bytes) -> list[str]:
        """The lines that ``piece`` completes."""
        whole, end, rest = piece.rpartition(b"\n")
        if not end:
            self._keep(rest)
            return []
        head, first_end, others = whole.partition(b"\n")
        self._keep(head)
        block = bytes(self._tail) + first_end + others
        self._tail.clear()
        self._keep(rest)
        return shown(block, self._hide)

    def end(self) -> list[str]:
        """The last line, where it has no end."""
        block = bytes(self._tail)
        self._tail.clear()
        return shown(block, self._hide) if block else []

    def _keep(self, part: bytes) -> None:
        self._tail += part[: _KEPT - len(self._tail)]


def shown(block: bytes, hide: Hide) -> list[str]:
    """Lines as people may see them: no sequences, no secrets, nothing that ``\\r`` overwrote."""
    if b"\x1b" not in block and block.isascii():
        text = _overwritten(block.translate(None, _QUIET).decode("ascii"))
        return _lines(hide(unspoken(text)))
    text = _overwritten(block.decode("utf-8", "replace"))
    return _lines(hide(harmless(text)))


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return [_cut(line) for line in (lines if len(lines) <= REPEATED else _told_once(lines))]


def _told_once(lines: list[str]) -> Iterator[str]:
    """``lines``, of which one that comes again and again (``yes``) is told once and counted."""
    for line, same in groupby(lines):
        number = sum(1 for _ in same)
        if number <= REPEATED:
            yield from repeat(line, number)
        else:
            yield line
            yield f"… the same {number - 1} times more"


def _overwritten(text: str) -> str:
    """What is left on a terminal where lines are written again and again, as progress bars do."""
    if "\r" not in text:
        return text
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _cut(line: str) -> str:
    line = line.rstrip()
    return line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + "…"
