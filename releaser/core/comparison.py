"""What differs between two lists of ingredients: the changes that made an image another one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from releaser.core.fingerprint import KINDS
from releaser.core.record import Record


class How(Enum):
    """In which way an ingredient differs."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """An ingredient that differs.

    ``kind`` is the first word of the ingredient (``file``, ``arg``, ``base``, ``upstream``, …),
    ``where`` the platform or the named context it belongs to (else empty), ``name`` the rest;
    ``before`` and ``after`` are its values, ``None`` where it was not there.
    """

    kind: str
    name: str
    before: str | None
    after: str | None
    where: str = ""

    @property
    def how(self) -> How:
        """Added, removed or changed."""
        if self.before is None:
            return How.ADDED
        return How.REMOVED if self.after is None else How.CHANGED

    @property
    def instructions(self) -> tuple[tuple[str, str], ...]:
        """The instructions of a Dockerfile that differ, each with ``-`` or ``+``, in order."""
        from difflib import unified_diff

        before, after = (self.before or "").split("\n"), (self.after or "").split("\n")
        lines = list(unified_diff(before, after, n=0, lineterm=""))[2:]
        return tuple((line[0], line[1:]) for line in lines if line[0] in "+-" and line[1:])


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs from a record; ``since`` is what people call the release it was made in."""

    since: str
    changes: tuple[Change, ...]

    @property
    def own(self) -> tuple[Change, ...]:
        """The changes that are no upstream's."""
        return tuple(change for change in self.changes if change.kind != "upstream")


def compare(record: Record, now: Record) -> Comparison:
    """What differs between a record and the image as it would be built now."""
    return Comparison(record.since, differences(record.ingredients, now.ingredients))


def differences(
    before: Iterable[tuple[str, str]], after: Iterable[tuple[str, str]]
) -> tuple[Change, ...]:
    """The ingredients that differ, the telling ones first."""
    old, new = _by_name(before), _by_name(after)
    names = [name for name in old.keys() | new.keys() if old.get(name) != new.get(name)]
    found = (_change(name, old.get(name), new.get(name)) for name in names)
    return tuple(sorted(found, key=_rank))


def _by_name(pairs: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    # Two stages may give one ARG different values, and both count.
    found: dict[str, str] = {}
    for name, value in pairs:
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _change(ingredient: str, before: str | None, after: str | None) -> Change:
    head, _, name = ingredient.partition(" ")
    kind, _, where = head.partition("@")
    return Change(kind, name, before, after, where)


def _rank(change: Change) -> tuple[int, str, str]:
    # A record of a later scheme may have kinds that are not known here.
    known = change.kind in KINDS
    return (KINDS.index(change.kind) if known else len(KINDS), change.where, change.name)


def renamed(changes: Iterable[Change]) -> Iterator[tuple[Change, Change]]:
    """Pairs of a file that is gone and a new one with the same content."""
    gone: dict[str, list[Change]] = {}
    new: list[Change] = []
    for change in changes:
        if change.kind == "file" and change.how is How.REMOVED and change.before:
            gone.setdefault(change.before, []).append(change)
        elif change.kind == "file" and change.how is How.ADDED:
            new.append(change)
    for change in new:
        if gone.get(change.after or ""):
            yield gone[change.after or ""].pop(0), change
