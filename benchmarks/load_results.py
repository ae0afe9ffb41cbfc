"""What loads came to: figures with their bars, and the page that shows them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

_HEAD = """\
# What it holds

`make load` writes this page. Each load is a release by the program itself, on a real engine and to
registries of its own (the distribution project's); what a registry was asked is counted in its own
log, and what its tags name is read from it afterwards, past releaser. Memory is the most that
releaser itself had, without what it starts. Where a load was measured more than once, the median is
shown, with the least and the greatest.
"""
_REPEAT = """\
## Again

`make load` measures all of this in ten to fifteen minutes, `ARGS='--only tags limited'` a part of
it, `ARGS='--times 3'` each load three times; `ARGS=--quick` only shows that all of it works, and
writes nothing. `ARGS='--soak 30'` lets releases fail and be killed for so many minutes besides.
"""


@dataclass(frozen=True)
class Figure:
    """One number of a load; ``most`` and ``least`` are what it must keep to."""

    load: str
    what: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None


@dataclass(frozen=True)
class Line:
    """The same figure, as often as it was taken."""

    figure: Figure
    values: tuple[float, ...]

    @property
    def value(self) -> float:
        """The median."""
        return median(self.values)

    @property
    def bar(self) -> str:
        """What it must keep to; empty where nothing is asked."""
        one = self.figure
        if one.most is not None:
            return f"≤ {_number(one.most)}"
        return f"≥ {_number(one.least)}" if one.least is not None else ""

    @property
    def is_missed(self) -> bool:
        """Whether the median does not keep to it."""
        one = self.figure
        over = one.most is not None and self.value > one.most
        return over or (one.least is not None and self.value < one.least)


def gathered(figures: Iterable[Figure]) -> list[Line]:
    """The figures, those of one thing together, in the order in which they first came."""
    found: dict[tuple[str, str], list[Figure]] = {}
    for one in figures:
        found.setdefault((one.load, one.what), []).append(one)
    return [Line(same[0], tuple(one.value for one in same)) for same in found.values()]


def table(lines: Sequence[Line]) -> str:
    """The figures in Markdown."""
    rows = ["| load | what | measured | bar | |", "|---|---|--:|--:|---|"]
    before = ""
    for line in lines:
        one = line.figure
        shown = "" if one.load == before else one.load
        before = one.load
        verdict = ("missed" if line.is_missed else "met") if line.bar else ""
        rows.append(f"| {shown} | {one.what} | {_measured(line)} | {line.bar} | {verdict} |")
    return "\n".join(rows) + "\n"


def missed(lines: Sequence[Line]) -> list[str]:
    """The bars that are missed, one line each."""
    return [
        f"{line.figure.load}: {line.figure.what}: {_measured(line)}, and not {line.bar}"
        for line in lines
        if line.is_missed
    ]


def page(lines: Sequence[Line], machine: Sequence[str], date: str) -> str:
    """The whole page in Markdown."""
    parts = [
        _HEAD,
        "## Machine\n\n" + _listed([date, *machine]),
        "## Figures\n\n" + table(lines),
        "## Bars that are missed\n\n" + _listed(missed(lines)),
        _REPEAT,
    ]
    return "\n".join(parts)


def _measured(line: Line) -> str:
    unit = f" {line.figure.unit}" if line.figure.unit else ""
    least, most = _number(min(line.values)), _number(max(line.values))
    spread = f" ({least} to {most})" if least != most else ""
    return f"{_number(line.value)}{unit}{spread}"


def _number(value: float) -> str:
    if value == int(value) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _listed(lines: Sequence[str]) -> str:
    return "".join(f"* {line}\n" for line in lines) or "None.\n"
