"""What differs between two lists of ingredients."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from releaser.core.comparison import Change, How, compare, differences, renamed
from releaser.core.record import Record

pairs = st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=6)


@given(pairs)
def test_nothing_differs_from_itself(ingredients: list[tuple[str, str]]) -> None:
    assert differences(ingredients, ingredients) == ()


@given(pairs, pairs)
def test_the_other_way_round_added_is_removed(
    one: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    there = {(c.kind, c.where, c.name, c.before, c.after) for c in differences(one, other)}
    back = {(c.kind, c.where, c.name, c.after, c.before) for c in differences(other, one)}
    assert there == back


def test_a_change_is_read_from_the_name_of_its_ingredient() -> None:
    before = [("arg@linux/arm64 PYTHON", "=3.11"), ("dockerfile", "FROM a"), ("file x y", "1")]
    after = [("arg@linux/arm64 PYTHON", "=3.12"), ("dockerfile", "FROM b"), ("file@shared z", "1")]
    assert differences(before, after) == (
        Change("dockerfile", "", "FROM a", "FROM b"),
        Change("arg", "PYTHON", "=3.11", "=3.12", "linux/arm64"),
        Change("file", "x y", "1", None),
        Change("file", "z", None, "1", "shared"),
    )


def test_upstreams_come_late_and_what_nobody_knows_last() -> None:
    found = differences([], [("upstream base", "1"), ("zeal x", "1"), ("file a", "1")])
    assert [change.kind for change in found] == ["file", "upstream", "zeal"]
    assert {change.how for change in found} == {How.ADDED}


def test_one_arg_with_two_values_is_one_ingredient() -> None:
    (change,) = differences([("arg A", "=1"), ("arg A", "=2")], [("arg A", "=1")])
    assert (change.before, change.after) == ("=1, =2", "=1")


def test_the_instructions_that_differ() -> None:
    change = Change("dockerfile", "", "FROM a\nRUN x\nRUN z", "FROM a\nRUN y\nRUN z")
    assert change.instructions == (("-", "RUN x"), ("+", "RUN y"))


def test_files_that_only_bear_another_name() -> None:
    one, two = Change("file", "a", "x", None), Change("file", "b", None, "x")
    other, arg = Change("file", "c", None, "y"), Change("arg", "x", None, "x")
    assert list(renamed([one, two, other, arg])) == [(one, two)]
    assert list(renamed([two])) == []


def test_the_own_changes_are_those_that_are_no_upstreams() -> None:
    old = Record("api", "f", (("upstream base", "1"), ("arg A", "=1")), "1.0.0")
    found = compare(old, Record("api", "g", (("upstream base", "2"), ("arg A", "=2"))))
    assert found.since == "1.0.0"
    assert [change.kind for change in found.own] == ["arg"]
    assert len(found.changes) == 2
