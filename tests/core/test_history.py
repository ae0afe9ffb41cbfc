"""Which commits came after which tag: against the plain meaning of a commit's ancestors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.history import Commit, History


@dataclass(frozen=True)
class Graph:
    """Commits by number, each with its parents' numbers, which are lower; and tags on them."""

    parents: tuple[tuple[int, ...], ...]
    head: int
    tags: dict[str, int]

    def has(self, commit: int) -> frozenset[int]:
        """All that ``commit`` descends from, itself included."""
        return frozenset({commit}).union(*map(self.has, self.parents[commit]))

    def commits(self, numbers: Iterable[int]) -> tuple[Commit, ...]:
        return tuple(
            Commit(str(number), tuple(map(str, self.parents[number])))
            for number in sorted(numbers, reverse=True)
        )

    def history(self, since: Iterable[str]) -> History:
        """What a source repository says."""
        asked = [self.has(self.tags[name]) for name in since]
        here = self.has(self.head) - (frozenset.intersection(*asked) if asked else frozenset())
        beside = frozenset[int]().union(*asked) - self.has(self.head)
        tags = {name: at for name, at in self.tags.items() if at in here or name in since}
        texts = {name: str(at) for name, at in tags.items()}
        return History(self.commits(here), texts, self.commits(beside))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    size = draw(st.integers(1, 12))
    parents = tuple(
        tuple(draw(st.lists(st.integers(0, number - 1), max_size=3, unique=True)) if number else ())
        for number in range(size)
    )
    places = draw(st.lists(st.integers(0, size - 1), max_size=5))
    tags = {f"t{number}": place for number, place in enumerate(places)}
    return Graph(parents, draw(st.integers(0, size - 1)), tags)


@given(graphs(), st.data())
def test_a_tag_is_lacked_what_it_does_not_descend_from(graph: Graph, data: st.DataObject) -> None:
    names = sorted(graph.tags)
    since = data.draw(st.lists(st.sampled_from(names), unique=True)) if names else []
    history = graph.history(since)
    everything = graph.has(graph.head)
    if not since:
        assert history.since(None) == graph.commits(everything)
    for tag in since:
        after = everything - graph.has(graph.tags[tag])
        assert history.since(tag) == graph.commits(after)
        for until in history.tags:
            wanted = after & graph.has(graph.tags[until])
            assert history.since(tag, until) == graph.commits(wanted)


def test_a_line_of_commits() -> None:
    commits = tuple(Commit(str(n), (str(n - 1),)) for n in (4, 3, 2))
    history = History(commits, {"v1": "1", "v2": "3"})
    assert [one.sha for one in history.since(None)] == ["4", "3", "2"]
    assert [one.sha for one in history.since("v1")] == ["4", "3", "2"]
    assert [one.sha for one in history.since("v2")] == ["4"]
    assert [one.sha for one in history.since("v1", "v2")] == ["3", "2"]
    assert history.since("v2", "v1") == ()


def test_a_tag_that_was_not_asked_about_is_no_empty_answer() -> None:
    with pytest.raises(KeyError):
        History().since("v1")
