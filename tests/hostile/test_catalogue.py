"""Every hostile input that is listed has a test, and every test is of one that is listed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.catalogue import HERE, Input, inputs, numbers_of
from tests.hostile.table import markdown

ROOT = HERE.parent.parent


@pytest.fixture(scope="module")
def collected() -> frozenset[str]:
    """The numbers of all tests in this folder; none of them can be skipped."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", str(HERE)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return frozenset().union(*map(numbers_of, done.stdout.splitlines()))


def test_every_input_has_a_test(collected: frozenset[str]) -> None:
    missing = [one.number for one in inputs() if one.number not in collected]
    assert missing == []


def test_every_test_is_of_an_input(collected: frozenset[str]) -> None:
    assert collected - {one.number for one in inputs()} == set()


def test_no_number_is_given_twice() -> None:
    numbers = [one.number for one in inputs()]
    assert sorted(set(numbers)) == sorted(numbers)


@pytest.mark.parametrize(
    ("node", "numbers"),
    [
        ("tests/hostile/test_x.py::test_s07_a_bomb", {"S7"}),
        ("tests/hostile/test_x.py::test_g21b_many[one-C4]", {"G21b"}),
        ("tests/hostile/test_x.py::test_it[C14a-broken]", {"C14a"}),
        ("tests/hostile/test_x.py::test_it[R10]", {"R10"}),
        ("tests/hostile/test_x.py::test_sets_of_7[S]", set()),
        ("tests/hostile/test_x.py::test_spec", set()),
    ],
    ids="abcdef",
)
def test_tests_say_what_they_are_about(node: str, numbers: set[str]) -> None:
    assert numbers_of(node) == numbers


def test_lists_are_read(tmp_path: Path) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("# heading\nS10 | a | b\nS9 | c | exit 2: d | e\n\n")
    two.write_text("R1 | f | g\nG2b | h | i\nG2a | j | k\n")
    found = inputs([one, two])
    assert [item.number for item in found] == ["S9", "S10", "G2a", "G2b", "R1"]
    assert found[0] == Input("S9", "c", "exit 2: d | e")


def test_the_page_has_a_row_for_each() -> None:
    page = markdown({"S1": 3}, {})
    assert page.count("\n| ") == len(inputs()) + 2 * page.count("\n## ")
    assert "| 3 |\n" in page
