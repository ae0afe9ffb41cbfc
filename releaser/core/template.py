"""The template language of the spec: ``{{ name }}``, strict, and nothing more.

A placeholder is a dotted name between double braces. Every name must be defined: an unknown one is
an error that lists what is. What a placeholder stands for is never expanded again, and ``${NAME}``
is left alone: it belongs to the Dockerfile and the shell.

>>> render("v{{ major }}.{{minor}}", {"major": "1", "minor": "4"})
'v1.4'
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

from releaser.errors import SpecError

MAX_RENDERED = 64 * 1024

VERSION_NAMES = ("version", "major", "minor", "patch", "prerelease")
SOURCE_NAMES = ("sha", "short_sha", "commit", "branch")
IMAGE_NAMES = ("image", "project")
PLAN_NAMES = (*VERSION_NAMES, *SOURCE_NAMES, *IMAGE_NAMES)
"""The names that a plan defines, in args, labels and tags; a spec's variables are ``vars.NAME``."""

_PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")
_OPENED = re.compile(rf"{_PLACEHOLDER.pattern}|\{{\{{")
_NAME = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*", re.ASCII)


@lru_cache(maxsize=4096)  # a thousand images share a few texts
def names(text: str) -> tuple[str, ...]:
    """The names that the placeholders of ``text`` use, in order.

    Raises:
        SpecError: a brace pair is never closed, or what it holds is no name.
    """
    found = tuple(match[1].strip() for match in _PLACEHOLDER.finditer(text))
    if "{{" in _PLACEHOLDER.sub("", text):
        raise SpecError(
            f'"{_short(text)}" opens a placeholder with {{{{ and does not close it',
            hint="write a name between two pairs of braces: {{version}}",
        )
    for name in found:
        if not _NAME.fullmatch(name):
            raise SpecError(
                f'"{{{{{_short(name)}}}}}" is not a placeholder', hint=_plain_hint(name)
            )
    return found


def opened(text: str) -> Iterator[tuple[int, str]]:
    """The placeholders of ``text`` and where each begins; one that is not closed is mere braces."""
    for match in _OPENED.finditer(text):
        yield match.start(), match[0]


def render(text: str, values: Mapping[str, str]) -> str:
    """``text`` with every placeholder replaced by its value.

    Raises:
        SpecError: a name is not defined, or the result is longer than 64 KiB.
    """
    if "{{" not in text:
        return text
    check(text, values)
    # The length is known before the text is made: a short text may ask for gigabytes.
    length = len(text) + sum(len(values[name]) for name in names(text))
    if length > MAX_RENDERED:
        raise SpecError(f'"{_short(text)}" grows to {length} characters when it is rendered')
    return _PLACEHOLDER.sub(lambda match: values[match[1].strip()], text)


def render_known(text: str, values: Mapping[str, str]) -> str:
    """``text`` with the placeholders that ``values`` defines replaced and the others kept."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1].strip(), match[0]), text)


def blank(text: str, value: str = "x") -> str:
    """``text`` with ``value`` for every placeholder: for checks before the values are known."""
    return _PLACEHOLDER.sub(lambda _: value, text)


def check(text: str, defined: Collection[str]) -> None:
    """Raise :class:`SpecError` where ``text`` uses a name that is not in ``defined``."""
    for name in names(text):
        if name not in defined:
            known = sorted(defined)
            near = difflib.get_close_matches(name, known, n=1)
            raise SpecError(
                f'"{_short(name)}" is not defined in "{_short(text)}"',
                details=(("defined", ", ".join(known) or "nothing"),),
                hint=f"did you mean {{{{{near[0]}}}}}?" if near else None,
            )


def _plain_hint(name: str) -> str:
    """What was meant by a placeholder in the manner of Go templates or Handlebars."""
    word = re.sub(r"\W.*", "", name.lstrip(". ").lower())
    return f"write {{{{{word}}}}}" if word in PLAN_NAMES else "write a name: {{version}}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"
