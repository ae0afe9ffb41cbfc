"""Lines of versions: which versions are out, and whether one of them is newer on the same line."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from releaser.core import template
from releaser.core.tagging.situation import parts_of
from releaser.core.tagging.tags import WantedTag
from releaser.core.version import Version

_VERSION = "{{version}}"
_NUMBERS = r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"


def released(
    tags: Iterable[str], *, image: str, project: str, spellings: Iterable[str] = ()
) -> tuple[Version, ...]:
    """The full versions among ``tags``, the highest last; prereleases are left out.

    ``spellings`` are the image's own rules for full versions (``{{version}}-alpine``); plain ones
    are always understood.
    """
    # The placeholder is given back, in one way of writing it, so that what stands around is seen.
    known = {"image": image, "project": project, "version": _VERSION}
    own = (template.render_known(one, known) for one in spellings)
    around = dict.fromkeys(one.partition(_VERSION) for one in own if one.count(_VERSION) == 1)
    patterns = [re.compile(f"v?{_NUMBERS}")]
    patterns += [
        re.compile(re.escape(before) + _NUMBERS + re.escape(after))
        for before, _, after in around
        if (before, after) != ("", "")
    ]
    texts = tuple(tags)
    matches = (match for one in patterns for match in map(one.fullmatch, texts) if match)
    found = {(int(match[1]), int(match[2]), int(match[3])) for match in matches}
    return tuple(Version(*numbers) for numbers in sorted(found))


@dataclass(frozen=True, slots=True)
class Newer:
    """A version that keeps a line's tag where it is, and where it was seen."""

    version: Version
    in_git: bool = False

    def __str__(self) -> str:
        return f"{self.version} is newer{' (a git tag)' if self.in_git else ''}"


@dataclass(frozen=True, slots=True)
class RolledBack:
    """A version that no line's tag moves to, because it was rolled back."""

    version: Version

    def __str__(self) -> str:
        return f"{self.version} was rolled back"


Stays = Newer | RolledBack
"""Why a line's tag stays where it is."""


def newest_in_line(
    wanted: WantedTag,
    released: Sequence[Version],
    tagged: Sequence[Version] = (),
    withdrawn: Collection[Version] = (),
) -> Stays | None:
    """What keeps the tag of ``wanted`` where it is; ``None``: it may move.

    That is the highest version above that of ``wanted`` on its line, or that this one was rolled
    back. ``released`` are the full versions that a registry has, ``tagged`` those that git has tags
    of, both in order; the ``withdrawn`` ones among them do not count.
    """
    if not wanted.is_line or wanted.version is None:
        return None
    out = newer_in_line(wanted.template, wanted.version, _left(released, withdrawn))
    known = newer_in_line(wanted.template, wanted.version, _left(tagged, withdrawn))
    if known is not None and (out is None or out < known):
        return Newer(known, in_git=True)
    if out is not None:
        return Newer(out)
    return RolledBack(wanted.version) if wanted.version in withdrawn else None


def highest_in_line(
    wanted: WantedTag, released: Sequence[Version], withdrawn: Collection[Version] = ()
) -> Version | None:
    """The version that the tag of ``wanted`` stands for: the highest of its line that is left."""
    if wanted.version is None:
        return None
    own = _line(wanted.template, wanted.version)
    left = reversed(_left(released, withdrawn))
    return next((one for one in left if _line(wanted.template, one) == own), None)


def newer_in_line(rule: str, version: Version, released: Sequence[Version]) -> Version | None:
    """The highest of ``released`` that is above ``version`` on the line of ``rule``.

    A line is all the versions for which the rule gives the same tag. ``released`` are full
    versions in order; ``None``: ``version`` is the highest, so that the tag may move to it.
    """
    own = _line(rule, version)
    newer = released[bisect_right(released, version) :]
    return next((other for other in reversed(newer) if _line(rule, other) == own), None)


def _left(versions: Sequence[Version], withdrawn: Collection[Version]) -> Sequence[Version]:
    return [one for one in versions if one not in withdrawn] if withdrawn else versions


def _line(rule: str, version: Version) -> str:
    return template.render_known(rule, parts_of(version))
