"""The faults that a release is tried with, and what each of them must result in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """A fault: its number, what goes wrong, and what a run must come to."""

    number: str
    what: str
    required: str


LIST = Path(__file__).with_name("faults.txt")
"""A line each: the number, what goes wrong, what a run must come to."""


def faults() -> tuple[Fault, ...]:
    """All of them, by number."""
    found = []
    for line in LIST.read_text(encoding="utf-8").splitlines():
        number, what, required = (part.strip() for part in line.split(" | "))
        found.append(Fault(number, what, required))
    return tuple(found)
