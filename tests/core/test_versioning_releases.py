"""Which commits came out with which version."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from releaser.core.history import Commit, History
from releaser.core.versioning.releases import came_out


def groups(history: History, *tags: str) -> dict[str | None, list[str]]:
    found = came_out(history, tags)
    return {tag: [one.sha for one in commits] for tag, commits in found.items()}


def test_a_line_of_commits() -> None:
    commits = (Commit("d", ("c",)), Commit("c", ("b",)), Commit("b", ("a",)), Commit("a"))
    history = History(commits, {"v1": "a", "v2": "c"})
    assert groups(history, "v1", "v2") == {"v1": ["a"], "v2": ["c", "b"], None: ["d"]}
    assert groups(history) == {None: ["d", "c", "b", "a"]}


def test_a_fix_of_an_older_line_is_told_once() -> None:
    commits = (
        Commit("merge", ("feature", "fix")),
        Commit("feature", ("start",)),
        Commit("fix", ("start",)),
        Commit("start"),
    )
    history = History(commits, {"v1.0.0": "start", "v1.0.1": "fix", "v1.1.0": "merge"})
    assert groups(history, "v1.0.0", "v1.0.1", "v1.1.0") == {
        "v1.0.0": ["start"], "v1.0.1": ["fix"], "v1.1.0": ["merge", "feature"], None: [],
    }  # fmt: skip


@st.composite
def histories(draw: st.DrawFn) -> History:
    size = draw(st.integers(1, 12))
    commits = [
        Commit(str(n), tuple(map(str, draw(st.sets(st.integers(n + 1, size - 1), max_size=2)))))
        if n + 1 < size
        else Commit(str(n))
        for n in range(size)
    ]
    tagged = draw(st.lists(st.integers(0, size - 1), max_size=4))
    return History(tuple(commits), {f"t{n}": str(at) for n, at in enumerate(tagged)})


@given(histories())
def test_every_commit_comes_out_once_with_the_first_tag_that_has_it(history: History) -> None:
    tags = tuple(history.tags)
    found = groups(history, *tags)
    assert sorted(sha for one in found.values() for sha in one) == sorted(
        one.sha for one in history.commits
    )
    parents = {one.sha: one.parents for one in history.commits}

    def has(sha: str) -> set[str]:
        return {sha}.union(*(has(parent) for parent in parents[sha]))

    for sha in parents:
        first = next((tag for tag in tags if sha in has(history.tags[tag])), None)
        assert sha in found[first]
