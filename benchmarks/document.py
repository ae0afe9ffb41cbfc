"""Writes the page of results: the tables, the machine, what is missed, how to do it again. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.results import (
    ENOUGH,
    Bar,
    Results,
    Row,
    complaints,
    cost_table,
    few,
    missed,
    own_table,
    table,
)

_HEAD = """\
# How fast

`make bench` writes this page. releaser and `docker buildx bake` run in turn, the first one
alternating, on repositories of the same shape (`benchmarks/generate.py`: a tree over one base, 20
files and two RUNs in each image) and on an engine that is new and empty for each side of a pair.
Both keep all images in the engine's store and write two tags of each. Times are medians with the
least and the greatest; the ratio is that of the medians, releaser to bake, and "by pairs" is the
median of each pair's own ratio, which what else the machine does moves less.

Provenance is bake's default; with it both sides make it (`provenance: true`), without it bake runs
with `BUILDX_NO_DEFAULT_ATTESTATIONS=1`.
"""

_COST = """\
## Cost of the client

CPU and memory of the programs themselves and of what they start, not of the engine.

"""
_REPEAT = """\
## Again

`make bench` measures everything, `make bench ARGS='--pairs 5 --sizes 50 --provenance off'` a part;
`--resume` goes on where a run has ended, `--quick` only shows that all of it works.
"""


def page(results: Results, bars: Mapping[Row, Bar], machine: Sequence[str], date: str) -> str:
    """The whole page in Markdown."""
    own = [(f"{row.text}, to {bar.than.text}", row, bar) for row, bar in bars.items() if bar.than]
    parts = [
        _HEAD,
        "## Machine\n\n" + _listed([f"{date}", *machine]),
        "## Times\n\n" + table(results, bars) + "\n",
        "## releaser to itself\n\n" + own_table(results, own) + "\n",
        "## Bars that are missed\n\n" + _listed(missed(results, bars)),
        f"## Measured in fewer than {ENOUGH} pairs\n\n" + _listed(few(results, bars)),
        "## Failures\n\n" + _listed(complaints(results)),
        _COST + cost_table(results) + "\n",
        _REPEAT,
    ]
    return "\n".join(parts)


def _listed(lines: Sequence[str]) -> str:
    return "".join(f"* {line}\n" for line in lines) or "None.\n"
