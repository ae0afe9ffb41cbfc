"""Versions: their order, and the one that a commit gets from the tags of its history.

The order and the grammar are those of Semantic Versioning 2.0.0, read by the ``semver`` library;
its order is worked out anew with every comparison, and a repository may have 100,000 tags.
Between two tags a commit gets a prerelease that sorts after the last tag and before the next
release, and that names the distance and the commit: three commits after ``v1.2.3`` it is
``1.2.4-dev.3.gabc1234``; after ``v1.3.0-rc.1`` it is ``1.3.0-rc.1.dev.3.gabc1234``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

import semver

from releaser.errors import SpecError

MAX_LENGTH = 128


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A semantic version. Two that differ in build metadata alone are equal in order."""

    major: int
    minor: int
    patch: int
    prerelease: str | None = None
    build: str | None = None

    @classmethod
    def parse(cls, text: str) -> Version:
        """The version that ``text`` spells, with or without a leading ``v``.

        Raises:
            SpecError: ``text`` is not a semantic version.
        """
        found = cls.find(text.removeprefix("v"))
        if found is None:
            raise SpecError(
                f'"{text}" is not a version',
                hint="a version is MAJOR.MINOR.PATCH, perhaps with -PRERELEASE: 1.4.2, 2.0.0-rc.1",
            )
        return found

    @classmethod
    def find(cls, text: str) -> Version | None:
        """The version that ``text`` spells (no ``v``), or ``None``."""
        if len(text) > MAX_LENGTH or not (text.isascii() and text.isprintable()):
            return None
        try:
            parsed = semver.Version.parse(text)
        except ValueError:
            return None
        return cls(parsed.major, parsed.minor, parsed.patch, parsed.prerelease, parsed.build)

    @property
    def core(self) -> str:
        """``MAJOR.MINOR.PATCH``."""
        return f"{self.major}.{self.minor}.{self.patch}"

    def __str__(self) -> str:
        prerelease = f"-{self.prerelease}" if self.prerelease else ""
        build = f"+{self.build}" if self.build else ""
        return f"{self.core}{prerelease}{build}"

    @property
    def precedence(self) -> tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]:
        """What versions are sorted by (Semantic Versioning 2.0.0, item 11)."""
        parts = tuple(map(_identifier, self.prerelease.split("."))) if self.prerelease else ()
        return self.major, self.minor, self.patch, not parts, parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.precedence == other.precedence

    def __lt__(self, other: Version) -> bool:
        return self.precedence < other.precedence

    def __hash__(self) -> int:
        return hash((self.major, self.minor, self.patch, self.prerelease))


def _identifier(text: str) -> tuple[bool, int, str]:
    """A part of a prerelease: numbers come before words."""
    return (False, int(text), "") if text.isdigit() else (True, 0, text)


def between_tags(last: Version | None, distance: int, commit: str) -> Version:
    """The version of a commit that is ``distance`` commits after the tag of ``last``.

    It sorts after ``last`` and, among commits of one line of history, by distance.
    """
    suffix = f"dev.{distance}.g{re.sub('[^0-9a-z]', '', commit)[:7]}"
    if last is None:
        return Version(0, 0, 0, suffix)
    if last.prerelease:
        return Version(last.major, last.minor, last.patch, f"{last.prerelease}.{suffix}")
    return Version(last.major, last.minor, last.patch + 1, suffix)


def dirty(version: Version) -> Version:
    """The same version, marked as made from a tree with uncommitted changes."""
    mark = f"{version.prerelease}.dirty" if version.prerelease else "dirty"
    return Version(version.major, version.minor, version.patch, mark)
