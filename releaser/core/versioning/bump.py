"""How far a version moves for what was changed, and which version comes next.

The numbers are those of Semantic Versioning 2.0.0 (https://semver.org, 4 to 11): a breaking change
raises the first, a feature or a deprecation the second, whatever else a user notices the third.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import IntEnum

from releaser.core.version import Version
from releaser.core.versioning.conventional import Change
from releaser.errors import SpecError

FIRST = Version(0, 1, 0)


class Bump(IntEnum):
    """Which number of a version is raised."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3


_BY_TYPE = {
    "feat": Bump.MINOR,
    "deprecate": Bump.MINOR,
    **dict.fromkeys(("fix", "perf", "revert", "remove", "security", "deps"), Bump.PATCH),
}


@dataclass(frozen=True, slots=True)
class Bumping:
    """How versions are chosen.

    ``major_on_zero``: a breaking change raises the major number below 1.0.0 too; else it raises the
    minor number there.
    """

    major_on_zero: bool = True


USUAL = Bumping()


@dataclass(frozen=True, slots=True)
class Since:
    """A version that was released, and what the changes since it ask for.

    There is no version where none was released yet; then all changes count.
    """

    version: Version | None
    bump: Bump


def bump_of(changes: Iterable[Change]) -> Bump:
    """What ``changes`` ask for together: as much as the one that asks for most."""
    return max(map(_bump, changes), default=Bump.NONE)


def next_version(
    last: Since,
    final: Since,
    bumping: Bumping = USUAL,
    *,
    prerelease: str | None = None,
    taken: Iterable[Version] = (),
) -> Version | None:
    """The version that comes after ``last``; ``None`` where nothing asks for one.

    ``last`` is about the highest version before, ``final`` about the highest that is no prerelease:
    the same one but between prereleases. After 1.4.2 and 2.0.0-rc.1 comes 2.0.0, unless what was
    changed since 1.4.2 asks for more. A ``prerelease`` (``rc``) is asked for by what was changed
    since ``last`` and counts from 1: 2.0.0-rc.2.

    The version is above both and none of ``taken``: where it would not be, the next one is given
    that the same bump leads to.

    Raises:
        SpecError: ``prerelease`` cannot stand in a version.
    """
    asked = last.bump if prerelease else final.bump
    if asked is Bump.NONE:
        return None
    known = {*taken, *(one.version for one in (last, final) if one.version)}
    bump = max(asked, final.bump)
    core = _core(last.version, final.version, bump, bumping)
    found = _free(core, prerelease, known)
    while found is None or (last.version and last.version > found):
        core = _raised(core, bump, bumping)
        found = _free(core, prerelease, known)
    return found


def _bump(change: Change) -> Bump:
    if change.is_breaking:
        return Bump.MAJOR
    least = Bump.PATCH if change.is_dependency else Bump.NONE
    return max(_BY_TYPE.get(change.type, Bump.NONE), least)


def _core(last: Version | None, final: Version | None, bump: Bump, bumping: Bumping) -> Version:
    """The lowest full version that is far enough: one that a prerelease announced is taken up."""
    wanted = _raised(final, bump, bumping) if final else FIRST
    announced = last or FIRST
    return max(wanted, Version(announced.major, announced.minor, announced.patch))


def _raised(version: Version, bump: Bump, bumping: Bumping) -> Version:
    if bump is Bump.MAJOR and (version.major or bumping.major_on_zero):
        return Version(version.major + 1, 0, 0)
    if bump is Bump.PATCH:
        return Version(version.major, version.minor, version.patch + 1)
    return Version(version.major, version.minor + 1, 0)


def _free(core: Version, prerelease: str | None, taken: Collection[Version]) -> Version | None:
    """The next version of ``core``; ``None`` where that is out."""
    if core in taken:
        return None
    if not prerelease:
        return core
    numbers = (_number(one, core, prerelease) for one in taken)
    name = f"{prerelease}.{max(numbers, default=0) + 1}"
    read = Version.find(f"0.0.0-{name}")
    if read is None or read.prerelease != name:
        raise SpecError(
            f'"{prerelease}" cannot stand in a version',
            details=(("allowed", "letters, digits, - and dots between them"),),
            hint="write the name of the prerelease without its number: rc",
        )
    return replace(core, prerelease=name)


def _number(version: Version, core: Version, prerelease: str) -> int:
    """The number that ``version`` has among the prereleases of a core; 0 where it is none."""
    found = re.match(rf"{re.escape(prerelease)}\.([0-9]+)(?:\.|$)", version.prerelease or "")
    return int(found[1]) if found and version.core == core.core else 0
