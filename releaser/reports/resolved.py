"""A spec as it is meant: every value in its place, with where it comes from behind it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import yaml

Path = tuple[str | int, ...]
Origin = Callable[[Path], str]

_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./@+-]*(?: [A-Za-z0-9_./@+-]+)*")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"})
_COLUMN = 48
"""Where comments begin, if the text before them is not longer."""


def resolved_text(document: Mapping[str, object], origin: Origin) -> str:
    """The spec as YAML, which reads as the same spec; a comment says where each value is from."""
    lines: list[str] = []
    for key, value in document.items():
        if lines and isinstance(value, dict) and value:
            lines.append("")
        lines.extend(_entry((key,), value, origin, 0))
    return "\n".join(lines) + "\n"


def _entry(path: Path, value: object, origin: Origin, depth: int) -> Iterator[str]:
    head = f"{'  ' * depth}{_scalar(str(path[-1]))}:"
    match value:
        case dict() if value:
            yield head
            for key, inner in value.items():
                yield from _entry((*path, key), inner, origin, depth + 1)
        case list() if value and not all(isinstance(one, str) for one in value):
            yield _commented(head, origin(path))
            for index, inner in enumerate(value):
                yield from _item((*path, index), inner, origin, depth + 1)
        case _:
            yield _commented(f"{head} {_inline(value)}", origin(path))


def _item(path: Path, value: object, origin: Origin, depth: int) -> Iterator[str]:
    yield _commented(f"{'  ' * depth}- {_inline(value)}", origin(path))


def _inline(value: object) -> str:
    match value:
        case None:
            return "~"
        case dict():
            inner = (f"{_scalar(str(key))}: {_inline(one)}" for key, one in value.items())
            return "{" + ", ".join(inner) + "}"
        case list():
            return "[" + ", ".join(map(_inline, value)) + "]"
        case _:
            return _scalar(str(value))


def _commented(text: str, comment: str) -> str:
    return f"{text.ljust(_COLUMN)}  # {comment}" if comment else text


def _scalar(text: str) -> str:
    """A text in plain style where every reader of YAML takes it for text, else in quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS and not text.startswith("."):
        return text
    quoted = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=2**31)
    return str(quoted).rstrip("\n")
