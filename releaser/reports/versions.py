"""Current and next versions, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from releaser.core.version import Version
from releaser.core.versioning.conventional import Change
from releaser.core.versioning.upcoming import Upcoming
from releaser.reports.words import clean, counted

SCHEMA = 1


def versions_json(project: str, found: Sequence[Upcoming]) -> dict[str, object]:
    """The versions as plain data, each with the changes that it is made of."""
    return {"schema": SCHEMA, "project": project, "versions": [_json(one) for one in found]}


def _json(one: Upcoming) -> dict[str, object]:
    return {
        "name": one.name,
        "current": _text(one.current),
        "last": _text(one.last),
        "next": _text(one.version),
        "tag": one.tag,
        "bump": one.bump.name.lower(),
        "decided_by": one.decided,
        "changes": [_change_json(change) for change in one.changes],
    }


def _change_json(change: Change) -> dict[str, object]:
    return {
        "commit": change.commit.sha,
        "type": change.type,
        "scope": change.scope,
        "breaking": change.is_breaking,
        "description": change.description,
    }


def versions_text(found: Sequence[Upcoming]) -> str:
    """A line for each: what it is now, what comes next, and what asks for that."""
    rows = [(one.name, _text(one.current) or "no version", _next(one)) for one in found]
    return "".join(f"{line}\n" for line in _aligned(rows))


def _aligned(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    names = max((len(name) for name, _, _ in rows), default=0)
    versions = max((len(version) for _, version, _ in rows), default=0)
    for name, version, following in rows:
        yield clean(f"{name:<{names}}  {version:<{versions}}  {following}".rstrip())


def _next(one: Upcoming) -> str:
    if one.version is None:
        if one.decided:
            return f"the version in {one.decided} is tagged already"
        count = len(one.changes)
        if not count:
            return "nothing has changed"
        return f"no change asks for a version ({counted(count, 'commit')})"
    return f"→ {one.version}  {_why(one)}"


def _why(one: Upcoming) -> str:
    if one.decided:
        return f"said by {one.decided}"
    because = one.because
    if because is None:
        return one.bump.name.lower()
    more = len(one.changes) - 1
    rest = f", and {more} more" if more else ""
    return f"{one.bump.name.lower()}: {_words(because)} ({because.commit.sha[:7]}){rest}"


def _words(change: Change) -> str:
    scope = f"({change.scope})" if change.scope else ""
    mark = "!" if change.is_breaking else ""
    return f"{change.type}{scope}{mark}: {change.description}"


def _text(version: Version | None) -> str | None:
    return str(version) if version else None
