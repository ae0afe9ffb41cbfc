"""The commits of a checkout's history, and which of them came after which tag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: its whole hash, its parents, its time in seconds since 1970, its message.

    ``paths`` are those that it changed against its parent, as seen from the spec's folder (what
    lies outside begins with ``../``), sorted; a merge has none of its own.
    """

    sha: str
    parents: tuple[str, ...] = ()
    time: int = 0
    message: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """Commits, children before parents, and the commit of each tag that stands on HEAD's history.

    What lies before the oldest tag that was asked about may be missing.
    """

    commits: tuple[Commit, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    def since(self, tag: str | None, until: str | None = None) -> tuple[Commit, ...]:
        """The commits that ``until`` (a tag; HEAD) has and ``tag`` has not: all without a tag."""
        kept = self._reached([self.tags[until]]) if until else None
        gone = self._reached([self.tags[tag]]) if tag else frozenset[str]()
        return tuple(
            one for one in self.commits if one.sha not in gone and (kept is None or one.sha in kept)
        )

    def _reached(self, starts: Iterable[str]) -> frozenset[str]:
        """The commits that ``starts`` descend from, themselves included."""
        found = set(starts)
        for one in self.commits:
            if one.sha in found:
                found.update(one.parents)
        return frozenset(found)
