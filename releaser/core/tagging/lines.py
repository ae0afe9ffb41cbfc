"""Lines of versions: which versions are out, and whether one of them is newer on the same line."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
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
    behind: str = "",
) -> tuple[Version, ...]:
    """The full versions among ``tags``, the highest last; prereleases are left out.

    ``spellings`` are the image's own rules for full versions (``{{version}}-alpine``); plain ones
    are always understood. Among versions of ``python`` 1.4 is one. Where something stands
    ``behind`` all tags of the image, those without it are another image's.
    """
    numbers = _PYTHON if python else _NUMBERS
    # The placeholder is given back, in one way of writing it, so that what stands around is seen.
    known = {"image": image, "project": project, "version": _VERSION}
    own = (template.render_known(one, known).removesuffix(behind) for one in spellings)
    around = dict.fromkeys(one.partition(_VERSION) for one in own if one.count(_VERSION) == 1)
    patterns = [re.compile(f"v?{numbers}")]
    patterns += [
        re.compile(re.escape(before) + numbers + re.escape(after))
        for before, _, after in around
        if (before, after) != ("", "")
    ]
    texts = tuple(tag.removesuffix(behind) for tag in tags if tag.endswith(behind))
    matches = (match for one in patterns for match in map(one.fullmatch, texts) if match)
    found = {(int(match[1]), int(match[2]), int(match[3] or 0)) for match in matches}
    return tuple(Version(*parts) for parts in sorted(found))


def released_as(
    wanted: Iterable[WantedTag], tags: Iterable[str], *, image: str, project: str
) -> tuple[Version, ...]:
    """The full versions among ``tags``, which are spelled as those that are ``wanted``."""
    every = tuple(wanted)
    own = [one for one in every if one.kind is TagKind.IMMUTABLE]
    return released(
        tags,
        image=image,
        project=project,
        spellings=[one.template for one in own],
        python=any(one.is_python for one in own),
        behind=next((one.behind for one in every), ""),
    )


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
    return _highest(wanted.template, wanted.version, _left(released, withdrawn))


def line_of(
    wanted: WantedTag,
    among: Iterable[WantedTag],
    tagged: tuple[Version, ...] = (),
    withdrawn: frozenset[Version] = frozenset(),
) -> Line | None:
    """The line that the tag of ``wanted`` is the end of; ``None`` where it is no line's.

    ``among`` are all tags of its version: those of full versions say how versions are spelled.
    """
    if not wanted.is_line or wanted.version is None:
        return None
    full = [one for one in among if one.kind is TagKind.IMMUTABLE and one.names_version]
    spellings = tuple(dict.fromkeys(one.template for one in full))
    python = any(one.is_python for one in full)
    behind = wanted.behind
    return Line(wanted.template, wanted.version, spellings, tagged, python, withdrawn, behind)


@dataclass(frozen=True, slots=True)
class Goal:
    """What the tag of a line shall name: a version, and the tag that has its content.

    ``is_own``: it is the version that is being released. Where no ``tag`` names another one, the
    line's tag is nobody's to write; ``version`` is ``None`` where none is left.
    """

    version: Version | None
    is_own: bool = False
    tag: str | None = None


def goal(line: Line, tags: Iterable[str], withdrawn: Collection[Version] = ()) -> Goal:
    """The highest version of a line among all ``tags`` of a repository and the tags of git.

    Those that are ``withdrawn``, by the repository's own word, do not count.
    """
    there = frozenset(tags)
    out = released(
        there,
        image="",
        project="",
        spellings=line.spellings,
        python=line.is_python,
        behind=line.behind,
    )
    known = sorted({*out, *line.tagged, line.version})
    left = _left(known, {*line.withdrawn, *withdrawn})
    version = _highest(line.template, line.version, left)
    if version is None:
        return Goal(None)
    spelled = (template.render_known(one, parts_of(version)) for one in line.spellings)
    tag = next((tag for tag in spelled if tag in there), None)
    return Goal(version, is_own=version == line.version, tag=tag)


def newer_in_line(rule: str, version: Version, released: Sequence[Version]) -> Version | None:
    """The highest of ``released`` that is above ``version`` on the line of ``rule``.

    A line is all the versions for which the rule gives the same tag. ``released`` are full
    versions in order; ``None``: ``version`` is the highest, so that the tag may move to it.
    """
    own = _line(rule, version)
    newer = released[bisect_right(released, version) :]
    return next((other for other in reversed(newer) if _line(rule, other) == own), None)


def _highest(rule: str, version: Version, versions: Sequence[Version]) -> Version | None:
    """The highest of ``versions``, which are in order, on the line of ``version``."""
    own = _line(rule, version)
    return next((one for one in reversed(versions) if _line(rule, one) == own), None)


def _left(versions: Sequence[Version], withdrawn: Collection[Version]) -> Sequence[Version]:
    return [one for one in versions if one not in withdrawn] if withdrawn else versions


def _line(rule: str, version: Version) -> str:
    return template.render_known(rule, parts_of(version))
