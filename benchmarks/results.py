"""Turns samples into the tables that are printed and kept: medians, ratios, bars. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median

from benchmarks.measure import Sample

SIDES = ("bake", "releaser")
ENOUGH = 5


@dataclass(frozen=True, order=True)
class Row:
    """What is compared: a scenario, how many images, and whether both sides make provenance."""

    scenario: str
    images: int
    provenance: bool = False

    @property
    def text(self) -> str:
        """``cold build and push, 50 images, provenance``."""
        images = f", {self.images:,} images" if self.images else ""
        return self.scenario + images + (", provenance" if self.provenance else "")


@dataclass(frozen=True)
class Bar:
    """What a row must reach: a ratio to bake, or to another row of releaser's own."""

    most: float
    than: Row | None = None


@dataclass
class Results:
    """The samples of each row and side, one for each pair that was run."""

    samples: dict[Row, dict[str, list[Sample]]] = field(default_factory=dict)

    def add(self, row: Row, side: str, sample: Sample) -> None:
        """Keep a sample."""
        self.samples.setdefault(row, {one: [] for one in SIDES})[side].append(sample)

    def seconds(self, row: Row, side: str) -> list[float]:
        """How long the runs took that count."""
        return [one.seconds for one in self.all(row, side) if one.good]

    def all(self, row: Row, side: str) -> list[Sample]:
        """Every run, also those that failed."""
        return self.samples.get(row, {}).get(side, [])

    def ratio(self, row: Row) -> float | None:
        """The ratio of medians, releaser to bake."""
        return _ratio(self.seconds(row, "releaser"), self.seconds(row, "bake"))

    def paired(self, row: Row) -> float | None:
        """The median of the pairs' ratios: less moved by what else the machine does."""
        pairs = zip(self.all(row, "releaser"), self.all(row, "bake"), strict=False)
        ratios = [ours.seconds / bakes.seconds for ours, bakes in pairs if ours.good and bakes.good]
        return median(ratios) if ratios else None

    def reached(self, row: Row, bar: Bar) -> float | None:
        """What is held against a bar."""
        if bar.than is None:
            return self.ratio(row)
        return _ratio(self.seconds(row, "releaser"), self.seconds(bar.than, "releaser"))

    def to_json(self) -> str:
        """All samples, to go on with later."""
        rows = [
            {"row": asdict(row), "side": side, "sample": asdict(sample)}
            for row, sides in self.samples.items()
            for side, samples in sides.items()
            for sample in samples
        ]
        return json.dumps(rows, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Results:
        """What :meth:`to_json` wrote."""
        found = cls()
        for item in json.loads(text):
            found.add(Row(**item["row"]), item["side"], Sample(**item["sample"]))
        return found


def table(results: Results, bars: Mapping[Row, Bar]) -> str:
    """The times as a table in Markdown."""
    head = (
        "| what | images | provenance | pairs | bake, s | releaser, s | ratio | by pairs | bar | |",
        "|---|--:|---|--:|--:|--:|--:|--:|--:|---|",
    )
    return "\n".join((*head, *(_line(results, row, bars.get(row)) for row in results.samples)))


def own_table(results: Results, bars: Iterable[tuple[str, Row, Bar]]) -> str:
    """The bars that compare releaser with itself."""
    lines = ["| what | ratio | bar | |", "|---|--:|--:|---|"]
    for what, row, bar in bars:
        reached = results.reached(row, bar)
        if reached is not None:
            lines.append(f"| {what} | {reached:.2f} | {bar.most:g} | {verdict(reached, bar)} |")
    return "\n".join(lines)


def cost_table(results: Results) -> str:
    """CPU and memory of the two clients as a table in Markdown."""
    lines = [
        "| what | bake: CPU s | MB | releaser: CPU s | MB |",
        "|---|--:|--:|--:|--:|",
    ]
    for row in results.samples:
        cells = (cell for side in SIDES for cell in _cost(results.all(row, side)))
        lines.append(f"| {row.text} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def complaints(results: Results) -> list[str]:
    """What went wrong, for each row and side."""
    found = []
    for row, sides in results.samples.items():
        for side, samples in sides.items():
            bad = [one for one in samples if not one.good]
            if bad:
                what = bad[-1].complaint
                found.append(
                    f"{row.text}: {side} failed {len(bad)} of {len(samples)} times: {what}"
                )
    return found


def few(results: Results, bars: Mapping[Row, Bar]) -> list[str]:
    """The rows with a bar that were measured in fewer pairs than a verdict needs."""
    counts = {row: max(len(results.all(row, side)) for side in SIDES) for row in results.samples}
    return [f"{row.text}: {n}" for row, n in counts.items() if row in bars and n < ENOUGH]


def missed(results: Results, bars: Mapping[Row, Bar]) -> list[str]:
    """The bars that are not met, each with how far off it is."""
    found = []
    for row, bar in bars.items():
        reached = results.reached(row, bar)
        if reached is not None and reached > bar.most:
            far = reached / bar.most
            found.append(f"{row.text}: {reached:.3g} instead of {bar.most:.3g} ({far:.2f} times)")
    return found


def verdict(reached: float, bar: Bar) -> str:
    """``met``, or by how much it is not."""
    return "met" if reached <= bar.most else f"missed by {reached / bar.most:.2f} times"


def _line(results: Results, row: Row, bar: Bar | None) -> str:
    ratio, paired = results.ratio(row), results.paired(row)
    against_bake = bar is not None and bar.than is None
    cells = (
        row.scenario,
        f"{row.images:,}" if row.images else "",
        "yes" if row.provenance else "no",
        str(max(len(results.all(row, side)) for side in SIDES)),
        *(_times(results, row, side) for side in SIDES),
        _figure(ratio),
        _figure(paired),
        _figure(bar.most) if bar and against_bake else "",
        verdict(ratio, bar) if bar and against_bake and ratio is not None else "",
    )
    return "| " + " | ".join(cells) + " |"


def _times(results: Results, row: Row, side: str) -> str:
    good = results.seconds(row, side)
    if not good:
        return "fails" if results.all(row, side) else ""
    some = "" if len(good) == len(results.all(row, side)) else ", some failed"
    return f"{median(good):.3g} ({min(good):.3g} to {max(good):.3g}{some})"


def _cost(samples: Iterable[Sample]) -> tuple[str, str]:
    good = [one for one in samples if one.good]
    if not good:
        return "", ""
    cpu, memory = (
        median(values) for values in zip(*((s.cpu, s.megabytes) for s in good), strict=True)
    )
    return f"{cpu:.2f}", f"{memory:.0f}"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")


def _ratio(above: list[float], below: list[float]) -> float | None:
    return median(above) / median(below) if above and below else None
