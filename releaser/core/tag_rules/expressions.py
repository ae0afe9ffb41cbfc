"""The expressions in rules: names between braces, and dates with their format.

``{{branch}}`` is a name, ``{{date 'YYYYMMDD' tz='Europe/Berlin'}}`` a call. Names are those of
:mod:`releaser.core.template`, and as there an unknown one is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from releaser.core import template
from releaser.core.tag_rules.dates import check_format, zone
from releaser.errors import SpecError

EVENT_NAMES = ("branch", "tag", "base_ref", "is_default_branch", "is_not_default_branch")
COMMIT_NAMES = ("sha", "short_sha", "commit")
VERSION_NAMES = (*template.VERSION_NAMES, "raw")
CALLS = ("date", "commit_date")

GLOBAL = (*EVENT_NAMES, *COMMIT_NAMES, *template.IMAGE_NAMES)
"""What may stand in the attributes of every rule."""
RAW = tuple(dict.fromkeys((*template.PLAN_NAMES, *GLOBAL)))
"""What may stand in a tag that is written by hand."""
ALL = tuple(dict.fromkeys((*RAW, *VERSION_NAMES)))

_CALL = re.compile(r"\{\{\s*(date|commit_date)\b([^{}]*)\}\}")
_TEXT = r"'([^']*)'|\"([^\"]*)\""
_ARGUMENTS = re.compile(rf"\s*(?:{_TEXT})(?:\s+([\w-]+)=(?:{_TEXT}))?\s*")


@dataclass(frozen=True, slots=True)
class DateCall:
    """``{{date 'format' tz='zone'}}``: the name of the clock, the format, the zone."""

    name: str
    format: str
    zone: str = "UTC"


def calls(text: str) -> tuple[DateCall, ...]:
    """The dates that ``text`` asks for.

    Raises:
        SpecError: a call has no format, another argument, or a zone that there is not.
    """
    return tuple(_call(match) for match in _CALL.finditer(text))


def _call(match: re.Match[str]) -> DateCall:
    given = _ARGUMENTS.fullmatch(match[2])
    if not given:
        raise SpecError(
            f'"{match[0]}" is not a date', hint=f"write {{{{{match[1]} 'YYYYMMDD' tz='UTC'}}}}"
        )
    form, key = given[1] or given[2] or "", given[3]
    name = given[4] or given[5] or "UTC"
    if key not in {None, "tz"}:
        raise SpecError(f'"{key}" is not an argument of {match[1]}', hint="write tz='UTC'")
    check_format(form)
    zone(name)
    return DateCall(match[1], form, name)


def without_calls(text: str, said: Callable[[DateCall], str]) -> str:
    """``text`` with every call replaced by what is said of it."""
    return _CALL.sub(lambda match: said(_call(match)), text)


def around_calls(text: str) -> tuple[str, ...]:
    """``text`` in parts, each of which is one call or has none."""
    ends = [0, *(end for match in _CALL.finditer(text) for end in match.span()), len(text)]
    return tuple(text[start:end] for start, end in pairwise(ends))


@lru_cache(maxsize=4096)  # a thousand images share a few rules
def names(text: str) -> tuple[str, ...]:
    """The names in ``text``, those of its calls left out.

    Raises:
        SpecError: a pair of braces is not closed or holds neither a name nor a call.
    """
    return template.names(without_calls(text, lambda _: ""))


def check(text: str, defined: Collection[str], *, dates: bool = True) -> None:
    """Raise :class:`SpecError` where ``text`` uses what is not defined."""
    if "${{" in text:
        raise SpecError(
            f'"{text}" has an expression of GitHub Actions, which only a workflow can evaluate',
            hint="write {{is_default_branch}} and the like, or keep the rule in the workflow",
        )
    if calls(text) and not dates:
        raise SpecError(f'no date can stand in "{text}"', hint="write it in prefix or suffix")
    template.check(without_calls(text, lambda _: ""), defined)


def render_known(text: str, known: Mapping[str, str]) -> str:
    """``text`` with the names of ``known`` replaced; the others and all calls stay."""
    return template.render_known(text, known)


def blank(text: str, value: str = "0") -> str:
    """``text`` with ``value`` for every expression."""
    return template.blank(text, value)
