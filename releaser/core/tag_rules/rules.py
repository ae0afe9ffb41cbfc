"""A rule: what kind of tag, and its attributes; read from a line, a map, or a bare template.

``type=semver,pattern={{version}}`` is docker/metadata-action's line; the map
``{type: semver, pattern: "{{version}}"}`` says the same; a text with neither ``=`` nor ``,``
outside of its expressions is a bare template and means ``type=raw,value=…``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from releaser.core import template
from releaser.core.oci import Tag
from releaser.core.tag_rules import expressions
from releaser.core.tag_rules.words import check_word, fields_of, joined
from releaser.errors import SpecError


class RuleType(Enum):
    """What a rule makes a tag of."""

    SCHEDULE = "schedule"
    SEMVER = "semver"
    PEP440 = "pep440"
    MATCH = "match"
    EDGE = "edge"
    REF = "ref"
    RAW = "raw"
    SHA = "sha"


PRIORITIES: Mapping[RuleType, int] = {
    RuleType.SCHEDULE: 1000,
    RuleType.SEMVER: 900,
    RuleType.PEP440: 900,
    RuleType.MATCH: 800,
    RuleType.EDGE: 700,
    RuleType.REF: 600,
    RuleType.RAW: 200,
    RuleType.SHA: 100,
}
COMMON = ("enable", "priority", "prefix", "suffix")
OWN: Mapping[RuleType, tuple[str, ...]] = {
    RuleType.SCHEDULE: ("pattern",),
    RuleType.SEMVER: ("pattern", "value", "match"),
    RuleType.PEP440: ("pattern", "value", "match"),
    RuleType.MATCH: ("pattern", "group", "value"),
    RuleType.EDGE: ("branch",),
    RuleType.REF: ("event",),
    RuleType.RAW: ("value",),
    RuleType.SHA: ("format",),
}
NEEDED: Mapping[RuleType, str] = {
    RuleType.SEMVER: "pattern",
    RuleType.PEP440: "pattern",
    RuleType.MATCH: "pattern",
    RuleType.REF: "event",
    RuleType.RAW: "value",
}
WORDS: Mapping[str, tuple[str, ...]] = {
    "event": ("branch", "tag", "pr"),
    "format": ("short", "long"),
}
_SLASHES = re.compile(r"/(.+)/(.*)", re.DOTALL)
_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that is legal in itself. ``attributes`` are those that are written, in order.

    A ``bare`` one was written as a template alone.
    """

    type: RuleType
    attributes: tuple[tuple[str, str], ...] = ()
    bare: bool = False

    @classmethod
    def parse(cls, text: str) -> Rule:
        """The rule of a line or a bare template.

        Raises:
            SpecError: it is not legal.
        """
        if "${{" in text:
            expressions.check(text, ())
        if not re.search("[,=]", expressions.blank(text)):
            return _checked(cls(RuleType.RAW, (("value", text),), bare=True))
        fields = tuple(fields_of(text))
        if sum(not key for key, _ in fields) > 1:
            raise SpecError(
                f'"{text}" is more than one tag',
                hint="write each as an item of its own: no tag has a comma in it",
            )
        return cls.of((key or "value", value) for key, value in fields)

    @classmethod
    def of(cls, fields: Iterable[tuple[str, str]]) -> Rule:
        """The rule with these attributes, ``type`` among them; the last of a name counts.

        Raises:
            SpecError: it is not legal.
        """
        given = {key: value.strip() for key, value in fields}
        name = given.pop("type", "raw")
        check_word("type of rule", name, [one.value for one in RuleType])
        return _checked(cls(RuleType(name), tuple(given.items())))

    def __str__(self) -> str:
        if self.bare:
            return dict(self.attributes)["value"]
        return joined((("type", self.type.value), *self.attributes))

    def get(self, name: str) -> str | None:
        """A written attribute, else its default, else ``None``."""
        return dict(self.attributes).get(name, self._default(name))

    def _default(self, name: str) -> str | None:
        match self.type, name:
            case RuleType.SCHEDULE, "pattern":
                return "nightly"
            case RuleType.SHA, "prefix":
                return "sha-"
            case RuleType.SHA, "format":
                return "short"
            case RuleType.REF, "prefix" if dict(self.attributes).get("event") == "pr":
                return "pr-"
            case RuleType.MATCH, "group":
                return "0"
        return "true" if name == "enable" else None

    @property
    def priority(self) -> int:
        """Rules of a higher one come first."""
        return int(self.get("priority") or PRIORITIES[self.type])

    @property
    def pattern(self) -> re.Pattern[str]:
        """The expression of a ``match`` rule, or of the ``match`` attribute of a version."""
        if self.type is RuleType.MATCH:
            found = _SLASHES.fullmatch(self.get("pattern") or "")
            if found:
                return regex(found[1], found[2])
            return regex(self.get("pattern") or "")
        return regex(self.get("match") or "(.*)")

    def check_legal(self) -> None:
        """Raise :class:`SpecError` where what is written by hand is not legal in any tag."""
        if self.type in {RuleType.SEMVER, RuleType.PEP440, RuleType.SCHEDULE}:
            body = self.get("pattern") or ""
        else:
            body = (self.get("value") or "") if self.type is RuleType.RAW else "0"
        whole = f"{self.get('prefix') or ''}{body}{self.get('suffix') or ''}"
        try:
            Tag(expressions.blank(whole))
        except SpecError as error:
            shown = whole if len(whole) <= 60 else f"{whole[:60]}…"
            message = f'"{shown}" is not a legal tag'
            raise SpecError(message, details=error.details, hint=error.hint) from None


@lru_cache(maxsize=4096)
def parsed(text: str) -> Rule:
    """:meth:`Rule.parse`, once for each text: a thousand images share a few rules."""
    return Rule.parse(text)


def regex(text: str, flags: str = "") -> re.Pattern[str]:
    """A regular expression of JavaScript's.

    Raises:
        SpecError: it cannot be understood, or its flags are not known.
    """
    for flag in flags:
        check_word("flag of a regular expression", flag, (*_FLAGS, "g", "u"))
    python = re.sub(r"\(\?<(?![=!])", "(?P<", text)
    try:
        options = sum((_FLAGS[flag] for flag in set(flags) & _FLAGS.keys()), re.ASCII)
        return re.compile(python, options)
    except (re.error, RecursionError, OverflowError) as error:
        raise SpecError(f'"{text}" is not a regular expression: {error}') from None


def _checked(rule: Rule) -> Rule:
    allowed = (*OWN[rule.type], *COMMON)
    for name, value in rule.attributes:
        check_word(f"{rule.type.value} attribute", name, allowed)
        _check_value(rule, name, value)
    needed = NEEDED.get(rule.type)
    if needed and rule.get(needed) is None:
        raise SpecError(
            f'"{needed}" is missing in the {rule.type.value} rule "{rule}"',
            details=(("allowed", ", ".join(allowed)),),
        )
    _check_regex(rule)
    return rule


def _check_value(rule: Rule, name: str, value: str) -> None:
    if re.search(r"\s#", value):
        raise SpecError(
            f'"{value}" has a comment behind it', hint="a comment stands on a line of its own"
        )
    if name in WORDS:
        check_word(name, value, WORDS[name])
    elif name in {"priority", "group"}:
        if not re.fullmatch("[0-9]{1,9}", value):
            raise SpecError(f'"{name}" must be a whole number, not "{value}"')
    elif name == "pattern" and rule.type in {RuleType.SEMVER, RuleType.PEP440}:
        known = expressions.VERSION_NAMES if rule.type is RuleType.SEMVER else _PEP440_NAMES
        expressions.check(value, (*known, *template.IMAGE_NAMES), dates=False)
    elif name == "pattern" and rule.type is RuleType.SCHEDULE:
        expressions.check(value, template.IMAGE_NAMES)
    elif name == "value" and rule.type is RuleType.RAW:
        expressions.check(value, expressions.RAW)
    elif name not in {"pattern", "match", "branch"}:
        expressions.check(value, expressions.GLOBAL)
    if name == "enable" and "{{" not in value:
        check_word("value of enable", value, ("true", "false"))


_PEP440_NAMES = ("version", "raw", "major", "minor", "patch")


def _check_regex(rule: Rule) -> None:
    if rule.type is RuleType.MATCH:
        group = int(rule.get("group") or 0)
    elif rule.type in {RuleType.SEMVER, RuleType.PEP440} and rule.get("match"):
        group = 1
    else:
        return
    if rule.pattern.groups < group:
        raise SpecError(
            f'"{rule.pattern.pattern}" has no group {group}',
            hint="put what is meant between parentheses",
        )
