"""The commits of a checkout's history, and which of them came after which tag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: its whole hash, its parents, its time in seconds since 1970, its message.

    ``paths`` are those that it changed against its parent, as seen from the spec's folder (what
    lies outside begins with ``../``), sorted; of a merge those in which it differs from all of its
    parents.
    """

    sha: str
    parents: tuple[str, ...] = ()
    time: int = 0
    message: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """Commits of HEAD's history, children before parents, and the commit that each tag is at.

    What every tag has that was asked about is missing, so that such a tag's own commit may be.
    ``beside`` are the commits that one of these tags has and HEAD has not, children before parents,
    as hashes and parents only: through them such a tag is known to have some of ``commits``.
    """

    commits: tuple[Commit, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    beside: tuple[Commit, ...] = ()

    def since(self, tag: str | None, until: str | None = None) -> tuple[Commit, ...]:
        """The commits that ``until`` (a tag; HEAD) has and ``tag`` has not: all without a tag."""
        gone = _one(self.tags, tag)
        wanted = _one(self.tags, until)
        for one in self.beside:
            gone.update(one.parents if one.sha in gone else ())
            wanted.update(one.parents if one.sha in wanted else ())
        kept: list[Commit] = []
        for one in self.commits:
            # Its children were here before, so it is known by now whose ancestor it is.
            if one.sha in gone:
                gone.update(one.parents)
            elif until is None:
                kept.append(one)
            elif one.sha in wanted:
                wanted.update(one.parents)
                kept.append(one)
        return tuple(kept)


def _one(tags: Mapping[str, str], tag: str | None) -> set[str]:
    return set() if tag is None else {tags[tag]}
