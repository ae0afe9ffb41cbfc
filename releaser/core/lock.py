"""The lock: the digest that each base image is pinned to until somebody moves it.

It is plain data here (maps, lists and text, as a YAML file holds them), read strictly: what is
wrong with it is told as problems with paths, all at once. A base image is known by one name however
a Dockerfile writes it: as people write it, always with its tag (``python:3.12``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from fnmatch import fnmatchcase
from typing import TypeVar

from releaser.core.oci import Digest, Platform, Reference, Repository
from releaser.core.spec.nearest import listed, nearest, selected
from releaser.core.spec.problem import Problem
from releaser.errors import SpecError

VERSION = "1"
_TOP = ("version", "bases")
_FIELDS = ("digest", "platforms", "date")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Path = tuple[str | int, ...]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a registry has under a name: the digest, and the platforms that it exists for."""

    digest: Digest
    platforms: tuple[Platform, ...] = ()


@dataclass(frozen=True, slots=True)
class Locked:
    """What a base image is pinned to, and the day (UTC) since when.

    No ``platforms``: the image itself does not say what it runs on.
    """

    digest: Digest
    platforms: tuple[Platform, ...]
    date: str


@dataclass(frozen=True, slots=True)
class Lock:
    """The base images that are pinned, by name."""

    entries: Mapping[str, Locked] = field(default_factory=dict)

    def of(self, reference: str) -> Locked | None:
        """What ``reference`` is pinned to; ``None`` where it is not, or is no reference."""
        try:
            name = name_of(reference)
        except SpecError:
            return None
        return self.entries.get(name) if name else None

    def as_data(self) -> dict[str, object]:
        """The lock as plain data, sorted."""
        return {
            "version": VERSION,
            "bases": {
                name: {
                    "digest": str(one.digest),
                    "platforms": sorted(map(str, one.platforms)),
                    "date": one.date,
                }
                for name, one in sorted(self.entries.items())
            },
        }


def name_of(text: str) -> str | None:
    """The name that a lock has for a reference; ``None`` where it names a digest itself.

    Raises:
        SpecError: ``text`` is no reference.
    """
    reference = Reference.parse(text)
    if reference.digest:
        return None
    repository = reference.repository
    short = repository.familiar
    same = Repository.parse(short) == repository
    return f"{short if same else repository}:{reference.tag or 'latest'}"


class Kind(Enum):
    """How a lock differs from what the spec needs and the registries have."""

    MISSING = "missing"
    MOVED = "moved"
    UNUSED = "unused"


@dataclass(frozen=True, slots=True)
class Difference:
    """A base image about which a lock is not current: the digest there, and the one it would be."""

    name: str
    kind: Kind
    before: Digest | None = None
    after: Digest | None = None


def differences(lock: Lock, now: Mapping[str, Digest]) -> tuple[Difference, ...]:
    """Where ``lock`` differs from the digests that the needed base images have ``now``, by name."""
    found = []
    for name in sorted(lock.entries.keys() | now.keys()):
        before, after = lock.entries.get(name), now.get(name)
        if before is None:
            found.append(Difference(name, Kind.MISSING, None, after))
        elif after is None:
            found.append(Difference(name, Kind.UNUSED, before.digest))
        elif before.digest != after:
            found.append(Difference(name, Kind.MOVED, before.digest, after))
    return tuple(found)


def updated(lock: Lock, needed: Iterable[str], offers: Mapping[str, Offer], day: str) -> Lock:
    """The lock of exactly the ``needed`` names: what was offered anew, else what it said before.

    An entry whose digest is offered again stays as it is, its day included. Every name must be in
    the lock or in ``offers``.
    """
    entries = {}
    for name in needed:
        entry, offer = lock.entries.get(name), offers.get(name)
        if offer is not None and (entry is None or entry.digest != offer.digest):
            entry = Locked(offer.digest, offer.platforms, day)
        if entry is not None:
            entries[name] = entry
    return Lock(entries)


def chosen(names: Sequence[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """The base images that the references and globs of a command line mean; all if there are none.

    Raises:
        SpecError: a pattern matches nothing.
    """
    return selected(names, patterns, _matches, lambda one: _no_such_base(one, names))


def _matches(name: str, pattern: str) -> bool:
    if fnmatchcase(name, pattern):
        return True
    try:
        return name_of(pattern) == name
    except SpecError:
        return False


def _no_such_base(pattern: str, names: Sequence[str]) -> SpecError:
    near = nearest(pattern, tuple(names))
    return SpecError(
        f'no image needs a base image "{pattern}"',
        details=(("needed", listed(names) or "none"),),
        hint=f'did you mean "{near}"?' if near else None,
    )


def parse(data: Mapping[str, object]) -> tuple[Lock, tuple[Problem, ...]]:
    """The lock in ``data``, and everything that is wrong with it (then the lock is not whole)."""
    problems = list(_wrong_fields((), data, _TOP, "the lock"))
    version, bases = data.get("version", VERSION), data.get("bases", {})
    if version != VERSION:
        problems.append(
            Problem(
                ("version",),
                f"{_shown(version)} is not a version of a lock",
                "remove the file, and run releaser lock",
                (("allowed", VERSION),),
            )
        )
    if not isinstance(bases, Mapping):
        problems.append(Problem(("bases",), f'"bases" must be a map, not {_shown(bases)}'))
        return Lock(), tuple(problems)
    return Lock(dict(_entries(bases, problems))), tuple(problems)


def _entries(bases: Mapping[str, object], problems: list[Problem]) -> Iterator[tuple[str, Locked]]:
    first: dict[str, str] = {}
    for written, value in bases.items():
        path = ("bases", written)
        name = _name(written, path, problems)
        if name is not None and name in first:
            message = f'"{written}" is the same base image as "{first[name]}"'
            problems.append(Problem(path, message, "remove one of them", about_key=True))
        elif name is not None:
            first[name] = written
        entry = _entry(value, path, problems)
        if name is not None and entry is not None:
            yield name, entry


def _name(written: str, path: Path, problems: list[Problem]) -> str | None:
    try:
        name = name_of(written)
    except SpecError as error:
        problems.append(Problem(path, error.message, error.hint, error.details, about_key=True))
        return None
    if name is None:
        message = f'"{written}" names a digest itself, so there is nothing to lock'
        problems.append(Problem(path, message, "remove it", about_key=True))
    return name


def _entry(value: object, path: Path, problems: list[Problem]) -> Locked | None:
    subject = f'base image "{path[-1]}"'
    if not isinstance(value, Mapping):
        problems.append(Problem(path, f"{subject} must be a map, not {_shown(value)}"))
        return None
    problems.extend(_wrong_fields(path, value, _FIELDS, subject))
    digest = _read(_digest, value, (*path, "digest"), problems)
    platforms = _read(_platforms, value, (*path, "platforms"), problems)
    day = _read(_day, value, (*path, "date"), problems)
    if digest is None or platforms is None or day is None:
        return None
    return Locked(digest, platforms, day)


def _wrong_fields(
    path: Path, found: Mapping[str, object], allowed: Sequence[str], subject: str
) -> Iterator[Problem]:
    """Complaints about the fields of a map that are unknown, and about those that are not there."""
    for name in found:
        if name not in allowed:
            near = nearest(name, tuple(allowed))
            yield Problem(
                (*path, name),
                f'unknown field "{name}" in {subject}',
                f'did you mean "{near}"?' if near else None,
                (("allowed", ", ".join(allowed)),),
                about_key=True,
            )
    for name in allowed:
        if name not in found:
            yield Problem(path, f'"{name}" is missing in {subject}', about_key=True)


def _read(
    reader: Callable[[object, Path], _T],
    entry: Mapping[str, object],
    path: Path,
    problems: list[Problem],
) -> _T | None:
    """One field of an entry; ``None`` where it is not there, or is wrong and was complained of."""
    if path[-1] not in entry:
        return None
    try:
        return reader(entry[str(path[-1])], path)
    except _WrongError as wrong:
        problems.append(wrong.problem)
    except SpecError as error:
        problems.append(Problem(path, error.message, error.hint, error.details))
    return None


class _WrongError(Exception):
    """A value is wrong in a way that knows its own place."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def _text(value: object, path: Path) -> str:
    if isinstance(value, str):
        return value
    raise _wrong_kind(value, path, "text")


def _wrong_kind(value: object, path: Path, wanted: str) -> _WrongError:
    subject = f'"{path[2]}" in base image "{path[1]}"'
    return _WrongError(Problem(path, f"{subject} must be {wanted}, not {_shown(value)}"))


def _digest(value: object, path: Path) -> Digest:
    return Digest(_text(value, path))


def _platforms(value: object, path: Path) -> tuple[Platform, ...]:
    if not isinstance(value, list):
        raise _wrong_kind(value, path, "a list of text")
    found = {_platform(item, (*path, number)) for number, item in enumerate(value)}
    return tuple(sorted(found, key=str))


def _platform(value: object, path: Path) -> Platform:
    try:
        return Platform.parse(_text(value, path))
    except SpecError as error:
        raise _WrongError(Problem(path, error.message, error.hint, error.details)) from None


def _day(value: object, path: Path) -> str:
    text = _text(value, path)
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise SpecError(f'"{text}" is not a day', hint="a day is year-month-day: 2024-02-29")


def _shown(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 40 and value.isprintable() else "text"
    return "a map" if isinstance(value, Mapping) else "a list"
