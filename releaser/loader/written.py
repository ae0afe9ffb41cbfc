"""Where in its file a part of a scalar stands that is written upon several lines.

A parser tells where a scalar begins and what it means; between the two lie indentation, folding
and escapes. What all styles keep in its order are the visible characters (YAML 1.2.2, chapters 7
and 8), so a place is found by counting those, in the value and in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

_BLANK = " \t\n"
# An anchor or a tag may stand before a scalar, and a comment or a line's end behind it.
_PROPERTIES = re.compile(r"(?:[&!]\S*(?:\s|#[^\n]*\n)+)*")
_UNITS = {
    '"': re.compile(r"\\(?:x..|u.{4}|U.{8}|.)|.", re.DOTALL),
    "'": re.compile(r"''|.", re.DOTALL),
}
_UNSEEN = re.compile(r"[ \t\n]|\\(?:[ \t\ntn]|(?:x|u00|U000000)(?:09|0[aA]|20))")
_PLAIN = re.compile(r".", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Written:
    """How a scalar is written: the lines of its file, the last of its own, and its style.

    ``style`` is its indicator (``|``, ``>``, ``'``, ``"``), or empty where it is plain.
    ``before`` is what the scalar has in front of the text that is asked about.
    """

    lines: Sequence[str]
    last: int
    style: str
    before: str = ""

    def behind(self, text: str) -> Written:
        """The same scalar, for the part of it behind ``text``."""
        return replace(self, before=self.before + text)

    def place(self, line: int, column: int, value: str, offset: int) -> tuple[int, int]:
        """The line and the column of ``value[offset]`` in a scalar that begins where it is said."""
        source = "\n".join(self.lines[line - 1 : self.last])
        wanted = sum(1 for one in self.before + value[:offset] if one not in _BLANK)
        for number, at in enumerate(self._visible(source, self._start(source, column - 1))):
            if number == wanted:
                above = source[:at].split("\n")
                return line + len(above) - 1, len(above[-1]) + 1
        return line, column

    def _start(self, source: str, begin: int) -> int:
        """Where the text begins, behind its indicator."""
        properties = _PROPERTIES.match(source, begin)
        start = properties.end() if properties else begin
        if self.style in {"|", ">"}:
            header = source.find("\n", start)
            return header + 1 if header >= 0 else len(source)
        return start + len(self.style)

    def _visible(self, source: str, start: int) -> Iterator[int]:
        for unit in _UNITS.get(self.style, _PLAIN).finditer(source, start):
            if not _UNSEEN.fullmatch(unit[0]):
                yield unit.start()
