"""Measures what a release holds: many images, many tags, limits, large layers; see docs/load.md.

python -m benchmarks.load --write docs/load.md
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks import load_scenarios as loads
from benchmarks import load_soak, place
from benchmarks.load_results import Figure, gathered, page

GB = 1_000_000_000

Load = Callable[[], Iterator[Figure]]

FULL: Mapping[str, Load] = {
    "images": lambda: loads.many_images(200),
    "tags": lambda: loads.many_tags(1000),
    "moving": lambda: loads.many_tags(1000, fixed=False),
    "limited": loads.limited,
    "plan": loads.planned,
    "jobs": loads.jobs,
    "layer": lambda: loads.large_layer(2 * GB),
    "copy": lambda: loads.large_copy(GB),
}
QUICK: Mapping[str, Load] = {
    "images": lambda: loads.many_images(4),
    "tags": lambda: loads.many_tags(20),
    "moving": lambda: loads.many_tags(20, fixed=False),
    "limited": lambda: loads.limited(2),
    "plan": lambda: loads.planned(20, 20, 40, 100, seeds=3),
    "jobs": lambda: loads.jobs(3, 100_000, (1, 4)),
    "layer": lambda: loads.large_layer(10_000_000),
    "copy": lambda: loads.large_copy(10_000_000),
}


def measured(chosen: Mapping[str, Load], times: int) -> Iterator[Figure]:
    """The figures of each load; one that fails is a figure too, and ends no other."""
    for name, load in chosen.items():
        for _ in range(times):
            begin = time.monotonic()
            try:
                yield from load()
            except RuntimeError as error:
                _tell(f"{name}: {error}")
                yield Figure(name, "it did not come to its end", 1, "", most=0)
            _tell(f"{name}: {time.monotonic() - begin:.0f} s (load {os.getloadavg()[0]:.1f})")


def main() -> None:
    """Parse the command line, measure, print and write."""
    given = _parser().parse_args()
    known = QUICK if given.quick else FULL
    chosen = {name: load for name, load in known.items() if name in (given.only or known)}
    busy = os.getloadavg()[0]
    if given.soak:
        chosen = {**chosen, "soak": lambda: load_soak.soak(given.soak)}
    lines = gathered(measured(chosen, given.times))
    machine = [
        *place.machine(place.environment()),
        f"load average {busy:.1f} when it began and {os.getloadavg()[0]:.1f} when it ended",
        *given.note,
    ]
    text = page(lines, machine, str(dt.datetime.now(dt.UTC).date()))
    sys.stdout.write(text)
    if given.write and not given.quick:
        given.write.write_text(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=FULL, metavar="LOAD", help=", ".join(FULL))
    parser.add_argument("--times", type=int, default=1, help="how often each load is measured")
    parser.add_argument("--quick", action="store_true", help="a small version of everything")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="faults and kills besides")
    parser.add_argument("--note", action="append", default=[], help="a line about the machine")
    parser.add_argument("--write", type=Path, metavar="FILE")
    return parser


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    main()
