"""The hostile inputs that releaser is tried with, and what each of them must come to.

Every ``*.txt`` beside this file lists some, a line each: the number, the input, what it must come
to, with `` | `` between them. Lines that begin with ``#`` are headings. A number is the letter of a
group, digits, and a small letter where one number has several endings: ``S7``, ``S28c``.

A test says what it is about by its name: ``test_s07_...`` or ``test_s28c_...``, or by the first
part of a parameter's id: ``[S28c]``, ``[S28c-a-name]``. Zeros in front of a number do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
GROUPS = {
    "S": "The spec",
    "C": "The command line",
    "G": "Git",
    "R": "What registries answer",
    "E": "What engines answer",
}

_IN_NAME = re.compile(r"::test_([scgre])0*([1-9][0-9]*[a-z]?)(?=_|\[|$)")
_IN_ID = re.compile(r"\[([SCGRE])0*([1-9][0-9]*[a-z]?)(?=[-\]])")
_NUMBER = re.compile(r"([SCGRE])([1-9][0-9]*)([a-z]?)")


@dataclass(frozen=True)
class Input:
    """A hostile input: its number, what is given, and what it must come to."""

    number: str
    what: str
    required: str

    @property
    def order(self) -> tuple[int, int, str]:
        """Where it stands among the others."""
        found = _NUMBER.fullmatch(self.number)
        assert found, f"{self.number} is not a number"
        return list(GROUPS).index(found[1]), int(found[2]), found[3]


def inputs(files: Iterable[Path] | None = None) -> tuple[Input, ...]:
    """All that ``files`` list (every list that there is), by number."""
    lists = sorted(HERE.glob("*.txt")) if files is None else files
    lines = (line for one in lists for line in one.read_text(encoding="utf-8").splitlines())
    found = [
        Input(*(part.strip() for part in line.split(" | ", 2)))
        for line in lines
        if line.strip() and not line.startswith("#")
    ]
    return tuple(sorted(found, key=lambda one: one.order))


def numbers_of(node: str) -> frozenset[str]:
    """The numbers that a test is about, by its node id (``tests/x.py::test_s07_y[S7-z]``)."""
    named = (*_IN_NAME.findall(node), *_IN_ID.findall(node))
    return frozenset(letter.upper() + number for letter, number in named)
