"""Which commits came out with which version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from releaser.core.history import Commit, History


def came_out(history: History, tags: Sequence[str]) -> Mapping[str | None, tuple[Commit, ...]]:
    """The commits that each of ``tags`` was the first to have, and under ``None`` those of HEAD.

    ``tags`` are in the order of their versions, the lowest first: a fix that was released as 1.0.1
    and merged afterwards is not told again with 1.1.0. Each group has children before parents.
    """
    parents = {one.sha: one.parents for one in history.commits}
    owner: dict[str, str] = {}
    for tag in tags:
        for sha in _new(history.tags[tag], parents, owner):
            owner[sha] = tag
    found: dict[str | None, list[Commit]] = {tag: [] for tag in (*tags, None)}
    for one in history.commits:
        found[owner.get(one.sha)].append(one)
    return {tag: tuple(commits) for tag, commits in found.items()}


def _new(
    start: str, parents: Mapping[str, Sequence[str]], known: Mapping[str, str]
) -> Iterator[str]:
    """The commits that ``start`` descends from, itself included, without what is known."""
    ahead, seen = [start], {start}
    while ahead:
        sha = ahead.pop()
        if sha in known or sha not in parents:
            continue
        yield sha
        following = [one for one in parents[sha] if one not in seen]
        seen.update(following)
        ahead.extend(following)
