"""The benchmark's own parts: what it generates, what it makes of samples, and one pair of runs."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import document, generate
from benchmarks.bench import BARS, order
from benchmarks.generate import Shape
from benchmarks.measure import TIMED_OUT, Sample, run
from benchmarks.results import Bar, Results, Row, complaints, missed, own_table, table

ROOT = Path(__file__).parents[2]
BUILD, TWICE = Row("build", 50), Row("build", 100)


def files(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in found}


def sample(seconds: float, complaint: str = "") -> Sample:
    return Sample(seconds, seconds / 10, 50.0, 1 if complaint else 0, complaint)


def results(row: Row, bake: list[float], releaser: list[float]) -> Results:
    found = Results()
    for side, times in (("bake", bake), ("releaser", releaser)):
        for seconds in times:
            found.add(row, side, sample(seconds))
    return found


def test_a_repository_is_the_same_but_for_its_nonce(tmp_path: Path) -> None:
    shape = Shape(6, files=2, registry="localhost:5000/x", provenance=True)
    for name, nonce in (("a", "1"), ("b", "1"), ("c", None)):
        generate.write(tmp_path / name, shape, nonce)
    first, same, other = (files(tmp_path / name) for name in "abc")
    assert first == same
    assert {name for name in first if first[name] != other[name]} == {
        name for name in first if name.endswith(".txt")
    }


def test_both_files_tell_of_the_same_images(tmp_path: Path) -> None:
    tree = generate.write(tmp_path / "r", Shape(20, 1, "localhost:5000/x"))
    targets = json.loads((tmp_path / "r" / "docker-bake.json").read_text())["target"]
    text = (tmp_path / "r" / "images.yaml").read_text()
    assert list(targets) == list(tree) == generate.names(20)
    assert all(f"  {name}: {{context: {name}}}\n" in text for name in tree)
    assert targets["image-00000"]["contexts"] == {}
    assert tree[generate.root(tree)] is None
    assert generate.leaf(tree) not in tree.values()


def test_a_change_is_one_file(tmp_path: Path) -> None:
    generate.write(tmp_path / "r", Shape(3, 2))
    before = files(tmp_path / "r")
    generate.change(tmp_path / "r", "image-00001")
    after = files(tmp_path / "r")
    assert [name for name in after if after[name] != before[name]] == ["image-00001/src/000.txt"]


def test_a_ratio_is_of_medians() -> None:
    found = results(BUILD, [10, 20, 90], [9, 10, 5])
    assert found.ratio(BUILD) == 9 / 20
    assert found.paired(BUILD) == 0.5
    assert found.ratio(TWICE) is None


def test_failures_are_told_and_not_counted() -> None:
    found = results(BUILD, [10], [5])
    found.add(BUILD, "bake", sample(1, "exit 1: no such job"))
    assert found.ratio(BUILD) == 0.5
    assert complaints(found) == ["build, 50 images: bake failed 1 of 2 times: exit 1: no such job"]
    assert "10 (10 to 10, some failed)" in table(found, {})
    alone = Results()
    alone.add(BUILD, "bake", sample(1, "exit 1: no such job"))
    assert "| 1 | fails |" in table(alone, {})


def test_bars() -> None:
    found = results(BUILD, [10], [9])
    found.add(TWICE, "releaser", sample(27))
    bars = {BUILD: Bar(0.8), TWICE: Bar(2.3, BUILD)}
    assert "| 0.9 | 0.9 | 0.8 | missed by 1.12 times |" in table(found, bars)
    assert "| twice | 3.00 | 2.3 | missed by 1.30 times |" in own_table(
        found, [("twice", TWICE, bars[TWICE])]
    )
    assert [line.partition(":")[0] for line in missed(found, bars)] == [
        "build, 50 images",
        "build, 100 images",
    ]
    assert missed(found, {BUILD: Bar(0.9)}) == []


def test_samples_come_back() -> None:
    found = results(replace(BUILD, provenance=True), [1], [2])
    assert Results.from_json(found.to_json()) == found


def test_the_page_is_whole_even_of_nothing() -> None:
    page = document.page(Results(), BARS, ["a machine"], "2026-01-02")
    assert "* 2026-01-02\n* a machine\n" in page
    assert page.count("None.") == 3


def test_sides_take_turns() -> None:
    assert order(0) == order(2) == order(1)[::-1]


def test_a_run_tells_what_it_took_and_how_it_ended(tmp_path: Path) -> None:
    settings = {"PATH": "/usr/bin:/bin"}
    good = run([sys.executable, "-c", "sum(range(10**6))"], tmp_path, settings)
    assert good.good
    assert good.cpu > 0
    assert good.megabytes > 1
    bad = run(["sh", "-c", "echo 'ERROR: no'; echo 'error: yes' >&2; exit 3"], tmp_path, settings)
    assert (bad.code, bad.complaint) == (3, "exit 3: error: yes")
    slow = run(["sleep", "60"], tmp_path, settings, limit=0.2)
    assert (slow.code, slow.seconds < 30) == (TIMED_OUT, True)


@pytest.mark.engine
@pytest.mark.slow
def test_one_small_pair(tmp_path: Path) -> None:
    """Everything once, with five images."""
    kept = tmp_path / "samples.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench", "--quick", "--samples", kept],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = Results.from_json(kept.read_text())
    assert {row.scenario for row in found.samples} >= {"cold build and push", "nothing changed"}
    assert complaints(found) == []
    assert "## Failures\n\nNone." in done.stdout
