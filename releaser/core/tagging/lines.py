"""Lines of versions: which versions are out, and whether one of them is newer on the same line."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from releaser.core import template
from releaser.core.steps import Line, TagKind
from releaser.core.tagging.situation import parts_of
from releaser.core.tagging.tags import WantedTag
from releaser.core.version import Version

_VERSION = "{{version}}"
_NUMBERS = r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
_PYTHON = r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(?:\.(0|[1-9][0-9]*))?(?:\.[0-9]+)*"


def released(
    tags: Iterable[str],
    *,
    image: str,
    project: str,
    spellings: Iterable[str] = (),
    python: bool = False,
) -> tuple[Version, ...]:
    """The full versions among ``tags``, the highest last; prereleases are left out.

    ``spellings`` are the image's own rules for full versions (``{{version}}-alpine``); plain ones
    are always understood. Among versions of ``python`` 1.4 is one.
    """
    numbers = _PYTHON if python else _NUMBERS
    # The placeholder is given back, in one way of writing it, so that what stands around is seen.
    known = {"image": image, "project": project, "version": _VERSION}
    own = (template.render_known(one, known) for one in spellings)
    around = dict.fromkeys(one.partition(_VERSION) for one in own if one.count(_VERSION) == 1)
    patterns = [re.compile(f"v?{numbers}")]
    patterns += [
        re.compile(re.escape(before) + numbers + re.escape(after))
        for before, _, after in around
        if (before, after) != ("", "")
    ]
    texts = tuple(tags)
    matches = (match for one in patterns for match in map(one.fullmatch, texts) if match)
    found = {(int(match[1]), int(match[2]), int(match[3] or 0)) for match in matches}
    return tuple(Version(*parts) for parts in sorted(found))


def released_as(
    wanted: Iterable[WantedTag], tags: Iterable[str], *, image: str, project: str
) -> tuple[Version, ...]:
    """The full versions among ``tags``, which are spelled as those that are ``wanted``."""
    own = [one for one in wanted if one.kind is TagKind.IMMUTABLE]
    return released(
        tags,
        image=image,
        project=project,
        spellings=[one.template for one in own],
        python=any(one.is_python for one in own),
    )


@dataclass(frozen=True, slots=True)
class Newer:
    """A version that keeps a line's tag where it is, and where it was seen."""

    version: Version
    in_git: bool = False

    def __str__(self) -> str:
        return f"{self.version} is newer{' (a git tag)' if self.in_git else ''}"


@dataclass(frozen=True, slots=True)
class Goal:
    """What the tag of a line shall name: a version, and the tag that has its content.

    ``is_own``: it is the version that is being released. Where no ``tag`` names another one, the
    line's tag is nobody's to write.
    """

    version: Version
    is_own: bool = False
    tag: str | None = None


def goal(line: Line, tags: Iterable[str]) -> Goal:
    """The highest version of a line among all ``tags`` of a repository and the tags of git."""
    there = frozenset(tags)
    out = released(there, image="", project="", spellings=line.spellings, python=line.is_python)
    newer = newest(line.template, line.version, out, line.tagged)
    version = newer.version if newer else line.version
    spelled = (template.render_known(one, parts_of(version)) for one in line.spellings)
    tag = next((tag for tag in spelled if tag in there), None)
    return Goal(version, is_own=newer is None, tag=tag)


def newest_in_line(
    wanted: WantedTag, released: Sequence[Version], tagged: Sequence[Version] = ()
) -> Newer | None:
    """The highest version above that of ``wanted`` on its line; ``None``: the tag may move.

    ``released`` are the full versions that a registry has, ``tagged`` those that git has tags of,
    both in order.
    """
    if not wanted.is_line or wanted.version is None:
        return None
    return newest(wanted.template, wanted.version, released, tagged)


def newest(
    rule: str, version: Version, released: Sequence[Version], tagged: Sequence[Version]
) -> Newer | None:
    """The highest version above ``version`` on the line of ``rule``, and where it was seen."""
    out = newer_in_line(rule, version, released)
    known = newer_in_line(rule, version, tagged)
    if known is not None and (out is None or out < known):
        return Newer(known, in_git=True)
    return Newer(out) if out is not None else None


def newer_in_line(rule: str, version: Version, released: Sequence[Version]) -> Version | None:
    """The highest of ``released`` that is above ``version`` on the line of ``rule``.

    A line is all the versions for which the rule gives the same tag. ``released`` are full
    versions in order; ``None``: ``version`` is the highest, so that the tag may move to it.
    """
    own = _line(rule, version)
    newer = released[bisect_right(released, version) :]
    return next((other for other in reversed(newer) if _line(rule, other) == own), None)


def _line(rule: str, version: Version) -> str:
    return template.render_known(rule, parts_of(version))
