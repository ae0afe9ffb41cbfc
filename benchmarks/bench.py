"""Measures releaser against ``docker buildx bake``, in turn, on the same repositories and engine.

Each side of a pair begins with a new engine and a repository of new content; which side goes first
alternates. What a side has done is checked in the registry. Samples are kept in a
file after every pair, so that a run can be ended and gone on with (``--resume``).

    python -m benchmarks.bench --pairs 5 --write docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import document, generate, place
from benchmarks.generate import Shape
from benchmarks.measure import Sample, run
from benchmarks.results import SIDES, Bar, Results, Row

RELEASER = str(Path(sys.executable).with_name("releaser"))
BUILD, PUSH = "cold build", "cold build and push"
AGAIN, LEAF, ROOT = "nothing changed", "one leaf changed", "one root changed"
PLAN, FILES, START = "plan", "plan, 2,000 files each", "start-up"
GIVE_UP = 2
"""A side that fails so often in a row of one kind is not tried again."""

BARS: dict[Row, Bar] = {
    **{Row(AGAIN, 50, both): Bar(1 / 30) for both in (False, True)},
    **{Row(AGAIN, 100, both): Bar(1 / 60) for both in (False, True)},
    **{Row(LEAF, 50, both): Bar(1 / 8) for both in (False, True)},
    **{Row(PUSH, 50, both): Bar(0.8) for both in (False, True)},
    **{Row(PUSH, 100, both): Bar(0.6) for both in (False, True)},
    **{Row(PUSH, 200, both): Bar(2.3, Row(PUSH, 100, both)) for both in (False, True)},
    Row(PLAN, 1000): Bar(0.7),
    Row(PLAN, 10_000): Bar(10.0, Row(PLAN, 1000)),
    Row(START, 0): Bar(1.0),
}
CHAINS = {50: (PUSH, AGAIN, LEAF, ROOT), 100: (PUSH, AGAIN), 200: (PUSH,)}
PLANS = {Row(PLAN, 50): 5, Row(PLAN, 1000): 5, Row(PLAN, 10_000): 5, Row(FILES, 50): 2000}


@dataclass
class Bench:
    """A run of the benchmark: what is chosen, and what came of it so far."""

    pairs: int
    sizes: tuple[int, ...]
    scenarios: frozenset[str]
    attestations: tuple[bool, ...]
    keep: Path
    sides: tuple[str, ...] = SIDES
    calm: bool = True
    results: Results = field(default_factory=Results)

    def wants(self, scenario: str) -> bool:
        """Whether a scenario was chosen."""
        return not self.scenarios or scenario in self.scenarios

    def add(self, row: Row, side: str, sample: Sample) -> None:
        """Keep a sample and tell it."""
        self.results.add(row, side, sample)
        told = sample.complaint or f"{sample.cpu:.2f} s of CPU"
        load = os.getloadavg()[0]
        _tell(f"{row.text:48} {side:9} {sample.seconds:8.2f} s  {told}  (load {load:.1f})")
        self.keep.write_text(self.results.to_json())

    def hopeless(self, row: Row, side: str) -> bool:
        """Whether a side has failed so often that it is not tried again."""
        last = self.results.all(row, side)[-GIVE_UP:]
        return len(last) == GIVE_UP and not any(one.good for one in last)


@dataclass
class Side:
    """One side of a pair: its repository, its place in the registry, its commands."""

    name: str
    folder: Path
    shape: Shape
    environment: Mapping[str, str]
    tree: dict[str, str | None] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Write its repository."""
        self.tree = generate.write(self.folder, self.shape)

    def argv(self, *, push: bool) -> list[str]:
        """The command that builds, and publishes where it shall."""
        if self.name == "bake":
            return ["docker", "buildx", "bake", "-f", "docker-bake.json", *(["--push"] * push)]
        version = ("--version", "1.0.0")
        return [RELEASER, "release", "--push", *version] if push else [RELEASER, "build", *version]

    def run(self, *, push: bool = True, changed: str | None = None) -> Sample:
        """Run the command; the sample complains where the registry does not hold what it should."""
        if changed:
            generate.change(self.folder, changed)
        off = {} if self.shape.provenance else {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        settings = {**self.environment, **(off if self.name == "bake" else {})}
        sample = run(self.argv(push=push), self.folder, settings)
        wrong = self._wrong(changed) if push and sample.good else ""
        return replace(sample, complaint=wrong) if wrong else sample

    def _wrong(self, changed: str | None) -> str:
        found = place.digests(self.shape.registry or "", list(self.tree), generate.TAG)
        missing = len(self.tree) - len(found)
        before, self.seen = self.seen, found
        if missing:
            return f"{missing} images are not in the registry"
        return "what was changed is not published" if found == before and changed else ""


def order(pair: int) -> tuple[str, ...]:
    """Which side goes first: they take turns."""
    return SIDES if pair % 2 == 0 else SIDES[::-1]


def chain(bench: Bench, size: int, host: str, *, provenance: bool) -> None:
    """One pair of a size: each side has a new engine for its scenarios, one after the other."""
    rows = [Row(one, size, provenance) for one in CHAINS.get(size, (PUSH, AGAIN, LEAF))]
    rows = [row for row in rows if bench.wants(row.scenario)]
    alone = [Row(BUILD, size, provenance)] if size != max(CHAINS) and bench.wants(BUILD) else []
    for chosen in filter(None, (rows, alone)):
        for name in order(_pair(bench, chosen[0])):
            if name in bench.sides and not bench.hopeless(chosen[0], name):
                if bench.calm:
                    place.settle()
                with place.fresh_engine(place.environment()) as settings, _folder() as folder:
                    prefix = f"{host}/{name}-{uuid.uuid4().hex[:8]}"
                    shape = Shape(size, registry=prefix, provenance=provenance)
                    _in_turn(bench, chosen, Side(name, folder / name, shape, settings))


def _in_turn(bench: Bench, rows: list[Row], side: Side) -> None:
    side.prepare()
    if rows[0].scenario in {AGAIN, LEAF, ROOT} and not side.run().good:
        return  # a change is one of something that was released
    for row in rows:
        changed = {LEAF: generate.leaf, ROOT: generate.root}.get(row.scenario)
        push = row.scenario != BUILD
        sample = side.run(push=push, changed=changed(side.tree) if changed else None)
        bench.add(row, side.name, sample)
        if not sample.good:
            return  # what comes after stands on this


def _pair(bench: Bench, row: Row) -> int:
    return max(len(bench.results.all(row, side)) for side in SIDES)


def plans(bench: Bench) -> None:
    """``plan`` against ``bake --print``: nothing is asked of an engine or a registry."""
    for row, files in PLANS.items():
        if not bench.wants(row.scenario) or (bench.sizes and row.images not in bench.sizes):
            continue
        _tell(f"writing {row.images * files:,} files")
        with _folder() as folder:
            generate.write(folder / "r", Shape(row.images, files, base=generate.PINNED))
            commands = {
                "bake": ["docker", "buildx", "bake", "-f", "docker-bake.json", "--print"],
                "releaser": [RELEASER, "plan", "--version", "1.0.0", "--format", "json"],
            }
            _commands(bench, row, commands, folder / "r", _knows(row.images))


def start_up(bench: Bench) -> None:
    """``releaser --version`` against ``docker buildx version``."""
    commands = {"bake": ["docker", "buildx", "version"], "releaser": [RELEASER, "--version"]}
    with _folder() as folder:
        _commands(bench, Row(START, 0), commands, folder, lambda _: "", 3 * bench.pairs)


def _commands(
    bench: Bench,
    row: Row,
    commands: Mapping[str, list[str]],
    folder: Path,
    check: Callable[[Path], str],
    pairs: int = 0,
) -> None:
    settings = {**place.environment(), "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    output = folder.parent / f"{uuid.uuid4().hex}.out"
    for name in SIDES:  # once before it counts: files and bytecode are in memory then
        run(commands[name], folder, settings, 120)
    for pair in range(_pair(bench, row), pairs or bench.pairs):
        for name in order(pair):
            if not bench.hopeless(row, name):
                sample = run(commands[name], folder, settings, output=output)
                wrong = check(output) if sample.good else ""
                bench.add(row, name, replace(sample, complaint=wrong) if wrong else sample)
    output.unlink(missing_ok=True)


def _knows(count: int) -> Callable[[Path], str]:
    """Whether a printed plan or definition has all images."""

    def check(output: Path) -> str:
        data = json.loads(output.read_bytes())
        found = len(data["target"] if "target" in data else data["images"])
        return "" if found == count else f"it knows {found} images"

    return check


class _folder:  # noqa: N801 - used as a function
    def __enter__(self) -> Path:
        self._path = Path(tempfile.mkdtemp(prefix="bench-"))
        return self._path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._path, ignore_errors=True)


def measure(bench: Bench) -> Iterator[None]:
    """Measure pair after pair, all sizes in each, so that what the machine does meets all alike."""
    if bench.wants(START):
        start_up(bench)
    plans(bench)
    sizes = [size for size in bench.sizes or CHAINS if size <= max(CHAINS)]
    with _folder() as folder, place.registry(folder, place.environment()) as host:
        for _ in range(bench.pairs):
            for size in sizes:
                for provenance in bench.attestations:
                    chain(bench, size, host, provenance=provenance)
            yield


def main() -> None:
    """Parse the command line, measure, print and write."""
    given = _parser().parse_args()
    if given.quick:
        given.pairs, given.sizes, given.provenance = 1, [5], "off"
    bench = Bench(
        given.pairs,
        tuple(given.sizes or ()),
        frozenset(given.scenarios or ()),
        {"both": (True, False), "on": (True,), "off": (False,)}[given.provenance],
        given.samples,
        tuple(given.sides),
        calm=not given.quick,
    )
    given.samples.parent.mkdir(parents=True, exist_ok=True)
    if given.resume and given.samples.exists():
        bench.results = Results.from_json(given.samples.read_text())
    if not given.render:
        for _ in measure(bench):
            pass
    today = dt.datetime.now(dt.UTC).date()
    machine = [*place.machine(place.environment()), *given.note]
    text = document.page(bench.results, BARS, machine, str(today))
    sys.stdout.write(text)
    if given.write and not given.quick:
        given.write.write_text(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = (BUILD, PUSH, AGAIN, LEAF, ROOT, PLAN, FILES, START)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", help="images: 50 100 200 1000 10000")
    parser.add_argument("--scenarios", nargs="+", choices=known)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--provenance", choices=("both", "on", "off"), default="both")
    parser.add_argument("--quick", action="store_true", help="one pair of 5 images of everything")
    parser.add_argument("--samples", type=Path, default=place.ROOT / ".engine" / "bench.json")
    parser.add_argument("--resume", action="store_true", help="go on with the samples kept")
    parser.add_argument("--render", action="store_true", help="measure nothing, only print")
    parser.add_argument("--note", action="append", default=[], help="a line about the machine")
    parser.add_argument("--write", type=Path, metavar="FILE")
    return parser


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    main()
