"""A tag that is wanted, a rule that gives none, and what is legal and honest in a tag."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from releaser.core.oci import Tag
from releaser.core.record import PREFIX as RECORD_PREFIX
from releaser.core.steps import TagKind
from releaser.core.version import Version
from releaser.core.withdrawal import PREFIX as ROLLBACK_PREFIX
from releaser.errors import SpecError

FINGERPRINT_TAG = re.compile(r"fp-[0-9a-f]{16}")
"""Tags under which content is found again."""

RESERVED_TAG = re.compile(
    rf"{FINGERPRINT_TAG.pattern}|(?:{re.escape(RECORD_PREFIX)}|{re.escape(ROLLBACK_PREFIX)}).*"
)
"""Tags of releaser's own: of content, of what it was made of, of versions that were rolled back."""

LONGEST_TAG = 128
_COMMIT_LIKE = re.compile(r"(?:sha-)?[0-9a-f]{7,40}")
_VERSION_LIKE = re.compile(r"v?[0-9]+((\.[0-9]+)*|(\.[0-9]+){1,}[-.].*)")


@dataclass(frozen=True, slots=True)
class WantedTag:
    """A tag that a rule gives: what it is, whether it may move, and the rule it came from.

    ``template`` is its text with the names of a version's parts left in it, ``version`` the version
    that they stand for. ``is_line``: it stands for a line of versions, so that it may only move
    forward. ``width`` is how much it stands for: 0 immutable, then narrow to wide lines, others,
    ``latest``. ``reason`` says in a few words what lets it move, or not. ``behind`` is what stands
    behind all tags of its image.
    """

    tag: Tag
    kind: TagKind
    rule: str
    template: str
    version: Version | None
    is_line: bool
    width: int
    reason: str = ""
    behind: str = ""

    @property
    def names_version(self) -> bool:
        """Whether it stands for the version, as a whole or as one of its line."""
        return self.is_line or "{{" in self.template

    def with_behind(self, behind: str) -> WantedTag:
        """The same tag with something behind it; raises :class:`SpecError` where that is none."""
        tag = legal(f"{self.tag}{behind}", self.rule)
        return replace(self, tag=tag, template=f"{self.template}{behind}", behind=behind)

    @property
    def is_python(self) -> bool:
        """Whether its rule reads versions as Python's packages have them."""
        return self.rule.startswith("type=pep440")


@dataclass(frozen=True, slots=True)
class SkippedTag:
    """A rule that gives no tag here, and why."""

    rule: str
    reason: str


def _is_version_like(*texts: str) -> bool:
    return any(_VERSION_LIKE.fullmatch(text) for text in texts)


def slug(branch: str) -> str:
    """A branch's name as a tag: every run of characters that no tag may have becomes one ``-``."""
    return sanitized(branch).lstrip("-.")[:LONGEST_TAG]


def sanitized(text: str) -> str:
    """What an event says, in the characters of tags."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)


def legal(text: str, rule: str) -> Tag:
    """``text`` as a tag.

    Raises:
        SpecError: it is none, or one of releaser's own.
    """
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


def why_misleading(text: str, follows: str, name: str, endings: Iterable[str] = ()) -> str | None:
    """Why a tag that an event's name chose is not given: it would pass for what it is not.

    ``follows`` is what the name is of. A git tag may well be a version. ``endings`` are what stands
    behind a version in the image's other tags: with ``-alpine`` among them, 1-alpine is a line.
    """
    if not text:
        return f'nothing of {follows} "{name}" may stand in a tag'
    plain = next((text.removesuffix(end) for end in endings if end and text.endswith(end)), text)
    if "latest" in {text, plain} or (follows != "tag" and _is_version_like(text, plain)):
        return f'{follows} "{name}" would look like a version'
    if RESERVED_TAG.fullmatch(text):
        return f'{follows} "{name}" would look like a tag of releaser\'s own'
    # A git tag of digits alone is a date.
    if any(map(_COMMIT_LIKE.fullmatch, (text, plain))) and (
        follows != "tag" or re.search("[a-f]", plain)
    ):
        return f'{follows} "{name}" would look like a commit'
    return None
