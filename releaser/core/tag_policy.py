"""Which tags a version gets, and whether a tag may move: rules, version and source.

A rule is a template. One that spells a full version or a commit makes an *immutable* tag: it names
one content for ever. Every other makes a *floating* tag. Among those the *version lines*
(``{{major}}.{{minor}}``, ``{{major}}``, ``latest``) move only forward, and a prerelease never moves
them; a branch's tag follows the branch.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from releaser.core import template
from releaser.core.facts import SourceFacts
from releaser.core.oci import Tag
from releaser.core.record import PREFIX as RECORD_PREFIX
from releaser.core.steps import TagKind
from releaser.core.version import Version
from releaser.errors import SpecError

DEFAULT_TAGS = (
    "{{version}}",
    "{{major}}.{{minor}}",
    "{{major}}",
    "latest",
    "sha-{{sha}}",
    "{{branch}}",
)


def default_tags(version: Version | None) -> tuple[str, ...]:
    """The rules of an image that names none. Without a version nothing says what is latest."""
    return DEFAULT_TAGS if version else tuple(rule for rule in DEFAULT_TAGS if rule != "latest")


PLACEHOLDERS = frozenset(template.PLAN_NAMES)
RESERVED_TAG = re.compile(rf"fp-[0-9a-f]{{16}}|{re.escape(RECORD_PREFIX)}.*")
"""Tags of releaser's own: under them content is found again, and what it was made of."""


_VERSION_PARTS = frozenset({"version", "major", "minor", "patch", "prerelease"})
_COMMIT_PARTS = frozenset({"sha", "short_sha", "commit"})
_COMMIT_LIKE = re.compile(r"(?:sha-)?[0-9a-f]{7,40}")
_VERSION_LIKE = re.compile(r"v?[0-9]+(\.[0-9]+)*([-.].*)?")
_VERSION = "{{version}}"
_NUMBERS = r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
_LONGEST_TAG = 128


@dataclass(frozen=True, slots=True)
class WantedTag:
    """A tag that a rule gives: what it is, whether it may move, and the rule it came from."""

    tag: Tag
    kind: TagKind
    rule: str

    @property
    def is_line(self) -> bool:
        """Whether it stands for a line of versions, so that it may only move forward."""
        return self.kind is TagKind.FLOATING and (
            self.rule == "latest" or bool(_VERSION_PARTS & set(template.names(self.rule)))
        )

    @property
    def width(self) -> int:
        """How much it stands for: 0 immutable, then narrow to wide lines, others, ``latest``."""
        if self.kind is TagKind.IMMUTABLE:
            return 0
        if self.rule == "latest":
            return 9
        parts = set(template.names(self.rule))
        return 3 if not parts & _VERSION_PARTS else 1 if "minor" in parts else 2


@dataclass(frozen=True, slots=True)
class SkippedTag:
    """A rule that gives no tag here, and why."""

    rule: str
    reason: str


def values(
    version: Version | None, source: SourceFacts, *, image: str, project: str
) -> dict[str, str]:
    """What the placeholders of tags, labels and args stand for; only what is known is in it."""
    found = {"image": image, "project": project}
    if version is not None:
        found |= {
            "version": str(version),
            "major": str(version.major),
            "minor": str(version.minor),
            "patch": str(version.patch),
            "prerelease": version.prerelease or "",
        }
    if source.commit:
        short = source.commit[:7]
        found |= {"commit": source.commit, "sha": short, "short_sha": short}
    if source.branch:
        found["branch"] = source.branch
    return found


def evaluate(
    rules: Sequence[str], known: Mapping[str, str], version: Version | None, source: SourceFacts
) -> tuple[tuple[WantedTag, ...], tuple[SkippedTag, ...]]:
    """The tags that ``rules`` give, each once and in order, and the rules that give none.

    Raises:
        SpecError: a rule uses an unknown name, or what it gives is not a legal tag.
    """
    wanted: dict[Tag, WantedTag] = {}
    skipped: list[SkippedTag] = []
    for rule in rules:
        result = _evaluate_rule(rule, known, version, source)
        if isinstance(result, SkippedTag):
            skipped.append(result)
        else:
            wanted.setdefault(result.tag, result)
    return tuple(wanted.values()), tuple(skipped)


def _evaluate_rule(
    rule: str, known: Mapping[str, str], version: Version | None, source: SourceFacts
) -> WantedTag | SkippedTag:
    template.check(rule, PLACEHOLDERS)
    parts = set(template.names(rule))
    reason = _why_not(rule, parts, known, version, source)
    if reason:
        return SkippedTag(rule, reason)
    kind = _kind(parts, version)
    text = _render(rule, known)
    if "branch" in parts and kind is TagKind.FLOATING:
        reason = _why_no_branch(known["branch"], text)
    elif not text:
        reason = "it comes out empty"
    return SkippedTag(rule, reason) if reason else WantedTag(_legal(text, rule), kind, rule)


def _render(rule: str, known: Mapping[str, str]) -> str:
    """The text of a tag: of a branch's name, as much as there is room for."""
    room = _LONGEST_TAG - len(template.render(rule, {**known, "branch": ""}))
    branch = slug(known.get("branch", ""))[: max(room, 0)]
    return template.render(rule, {**known, "branch": branch})


def _why_no_branch(branch: str, text: str) -> str | None:
    """Why the tag of a branch is not given: it would pass for something that it is not."""
    if not text:
        return f'nothing of branch "{branch}" may stand in a tag'
    if text == "latest" or _VERSION_LIKE.fullmatch(text):
        return f'branch "{branch}" would look like a version'
    if RESERVED_TAG.fullmatch(text):
        return f'branch "{branch}" would look like a tag of releaser\'s own'
    if _COMMIT_LIKE.fullmatch(text):
        return f'branch "{branch}" would look like a commit'
    return None


def _why_not(
    rule: str,
    parts: set[str],
    known: Mapping[str, str],
    version: Version | None,
    source: SourceFacts,
) -> str | None:
    """Why ``rule`` gives no tag here, or ``None`` where it does."""
    unknown = min(parts - known.keys(), default=None)
    if unknown is not None:
        return _unknown_reason(unknown)
    line = rule == "latest" or (parts & _VERSION_PARTS and not _names_one(parts))
    if line and version is not None and version.prerelease:
        return f"{version} is a prerelease"
    if parts & _VERSION_PARTS == {"major"} and line and version is not None and version.major == 0:
        return "0 is no line of compatible versions"
    if parts & _COMMIT_PARTS and source.changes:
        return "the tree has changes that the commit does not"
    return None


def _unknown_reason(part: str) -> str:
    if part == "branch":
        return "HEAD is on no branch"
    if part in _COMMIT_PARTS:
        return "there is no commit"
    return "there is no version"


def _names_one(parts: set[str]) -> bool:
    """Whether a tag of these parts names one content: it spells a full version or a commit."""
    full = "version" in parts or {"major", "minor", "patch"} <= parts
    return full or bool(parts & _COMMIT_PARTS)


def _kind(parts: set[str], version: Version | None) -> TagKind:
    """Immutable where the tag names one content, which a version marked as dirty does not."""
    dirty = version is not None and (version.prerelease or "").split(".")[-1] == "dirty"
    movable = dirty and not parts & _COMMIT_PARTS
    return TagKind.IMMUTABLE if _names_one(parts) and not movable else TagKind.FLOATING


def _legal(text: str, rule: str) -> Tag:
    try:
        tag = Tag(text)
    except SpecError as error:
        raise SpecError(
            f'"{text}" is not a legal tag',
            details=(("rule", rule), *error.details),
            hint="build metadata (+…) cannot be in a tag" if "+" in text else None,
        ) from None
    if RESERVED_TAG.fullmatch(text):
        raise SpecError(f'"{text}" is a name that releaser keeps for itself', hint="choose another")
    return tag


def slug(branch: str) -> str:
    """A branch's name as a tag: every run of characters that no tag may have becomes one ``-``."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", branch).lstrip("-.")[:128]


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


def newer_in_line(
    rule: str, version: Version, released: Sequence[Version], *, image: str, project: str
) -> Version | None:
    """The highest of ``released`` that is above ``version`` on the line of ``rule``.

    A line is all the versions for which the rule gives the same tag. ``released`` are full
    versions in order; ``None``: ``version`` is the highest, so that the tag may move to it.
    """

    def line(one: Version) -> str:
        known = values(one, SourceFacts(), image=image, project=project)
        return template.render_known(rule, known)

    own = line(version)
    newer = released[bisect_right(released, version) :]
    return next((other for other in reversed(newer) if line(other) == own), None)
