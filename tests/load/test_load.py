"""Loads, small ones in every run; with ``slow`` those of docs/load.md, their bars with some slack.

Each is a release by the program itself, on a real engine and to real registries that count what
they are asked.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import load, load_scenarios, load_soak
from benchmarks.load_place import Asked, Ran
from benchmarks.load_results import Figure, Line, gathered, missed, page, table

ROOT = Path(__file__).parents[2]
GB = 1_000_000_000
ENGINE = pytest.mark.engine
SLACK = 3.0
"""A shared machine may be so much slower than the one that the bars are for."""


def figures(load: Iterator[Figure]) -> dict[str, float]:
    return {one.what: one.value for one in load}


@ENGINE
def test_where_nothing_is_to_do_nothing_is_written() -> None:
    """No tag, no blob, and no upload that is begun to see whether it may be."""
    found = figures(load_scenarios.many_images(2))
    assert found["PUT by releaser"] >= 2 * 2 * 5
    assert found["writes, nothing to do"] == 0
    assert found["requests, nothing to do"] == 2 * 2 * 6
    assert found["memory of releaser"] > 10


@ENGINE
@pytest.mark.parametrize("fixed", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_every_tag_is_read_after_it_was_written(fixed: bool) -> None:
    found = figures(load_scenarios.many_tags(50, fixed=fixed))
    assert found["tags that were not read after they were written"] == 0


@ENGINE
def test_a_registry_that_limits_requests_gets_everything() -> None:
    """Even one push needs more requests at once than are allowed in a second."""
    found = figures(load_scenarios.limited(1))
    assert found["requests that were turned away"] > 0
    assert found["longest that one image got nothing through"] < found["all released"]


def test_a_plan_is_the_same_for_every_seed() -> None:
    found = figures(load_scenarios.planned(20, 20, 60, 200, seeds=3))
    assert found["different outputs of 3 hash seeds"] == 1
    assert found["memory of releaser"] < 100


@ENGINE
def test_a_copy_does_not_go_through_memory() -> None:
    found = figures(load_scenarios.large_copy(100_000_000))
    assert found["memory of releaser"] < 80


# -- the figures themselves ------------------------------------------------------------------


def test_a_write_counts_as_read_when_a_good_answer_came_after_it() -> None:
    def asked(method: str, tag: str, status: int = 200) -> Asked:
        return Asked(method, f"/v2/load/app/manifests/{tag}", status, "releaser/1")

    log = [
        asked("PUT", "a", 201), asked("GET", "a"),
        asked("GET", "b"), asked("PUT", "b", 201),
        asked("PUT", "c", 201), asked("GET", "c", 404),
        asked("PUT", "d", 201), asked("HEAD", "d"),
        asked("PUT", "e", 201), asked("GET", "e"), asked("PUT", "e", 201),
    ]  # fmt: skip
    assert load_scenarios.unverified(log, ["a", "b", "c", "d", "e", "never"]) == [
        "b", "c", "d", "e", "never",
    ]  # fmt: skip


def test_a_gate_lets_in_what_is_allowed_in_a_second() -> None:
    gate = load_scenarios.Gate(2, says_when=False)
    times = (0.0, 0.1, 0.2, 0.9, 1.0, 1.05, 1.1)
    assert [gate._take(at) for at in times] == [True, True, False, False, True, False, True]
    assert (gate.refused, gate.let_in) == (3, [0.0, 0.1, 1.0, 1.1])
    assert gate.share() == pytest.approx(4 / (2 * 1.1))


def test_bars_are_met_or_missed_by_the_median() -> None:
    taken = [Figure("x", "seconds", value, "s", most=10) for value in (9, 11, 30)]
    lines = gathered([*taken, Figure("x", "writes", 0, "", most=0), Figure("y", "use", 60, "%")])
    assert [(one.value, one.is_missed) for one in lines] == [(11, True), (0, False), (60, False)]
    assert Line(Figure("y", "use", 60, "%", least=80), (60.0,)).is_missed
    assert missed(lines) == ["x: seconds: 11 s (9 to 30), and not ≤ 10"]
    assert (
        "| x | seconds | 11 s (9 to 30) | ≤ 10 | missed |\n|  | writes | 0 | ≤ 0 | met |"
        in table(lines)
    )
    text = page(lines, ["a machine"], "2026-01-02")
    assert "* 2026-01-02\n* a machine\n" in text
    assert "* x: seconds: 11 s" in text


def test_a_run_that_ends_otherwise_is_no_figure() -> None:
    with pytest.raises(RuntimeError, match="exit 1 instead of 0: no"):
        Ran(1, 1.0, 1.0, 1.0, "no").must()

    def fails() -> Iterator[Figure]:
        yield from ()
        raise RuntimeError("no")

    (line,) = gathered(load.measured({"x": fails}, 1))
    assert line.is_missed


# -- in full ---------------------------------------------------------------------------------


@ENGINE
@pytest.mark.slow
@pytest.mark.parametrize("name", list(load.FULL))
def test_the_bars(name: str) -> None:
    """Times have slack; what is counted, and memory, have none."""
    for line in gathered(load.measured({name: load.FULL[name]}, 1)):
        one = line.figure
        slack = SLACK if one.unit == "s" else 1.0
        if one.most is not None:
            assert line.value <= one.most * slack, line
        if one.least is not None:
            assert line.value >= one.least / (2 if one.unit == "%" else 1), line


@ENGINE
@pytest.mark.slow
def test_a_small_version_of_everything() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", "--quick"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "did not come to its end" not in done.stdout


@pytest.mark.slow
def test_a_soak_ends_right() -> None:
    found = figures(load_soak.soak(3))
    assert found["wrong ends"] == 0
    assert found["releases"] > 4
