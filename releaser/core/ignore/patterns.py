r"""Go's path patterns as Python's regular expressions, and Go's idea of a clean path.

Docker knows two translations. ``filepath.Match`` of Go is what COPY's sources follow, and what
judges whether any pattern is well formed. ``github.com/moby/patternmatcher`` adds ``**`` and turns
an ignore file's pattern into a regular expression of Go's; its oddities are kept here, because they
decide what a build sees: ``\d`` is a digit, ``[*]`` is no star.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from releaser.errors import Location, SpecError

_LETTER_ESCAPES = frozenset("dDsSwW")
_TOKEN = re.compile(r"\*\*/?|\\.|.", re.DOTALL)
_CHARACTER = r"(?:\\.|[^\]\\-])"
_RANGE = re.compile(rf"({_CHARACTER})(?:-({_CHARACTER}))?", re.DOTALL)
_GO_TOKEN = re.compile(
    rf"\*+|\?|\[(?P<negated>\^?+)(?P<ranges>(?:{_CHARACTER}(?:-{_CHARACTER})?)+)\]"
    r"|\\(?P<escaped>.)|(?P<plain>[^\[\\])",
    re.DOTALL,
)


def clean(path: str) -> str:
    """The shortest spelling of ``path``: Go's ``path.Clean``, which looks at no disk."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in {"", "."} and not (part == ".." and path.startswith("/")):
            parts.append(part)
    rooted = "/" if path.startswith("/") else ""
    return rooted + "/".join(parts) or "."


def illegal(pattern: str, at: Location | None = None) -> SpecError:
    """The complaint about a pattern that Go refuses."""
    return SpecError(
        f'"{pattern}" is not a legal pattern',
        at=at,
        hint="close every [ with ], and write a backslash before a *, ? or [ that is no wildcard",
    )


def matcher(pattern: str) -> Callable[[str], object]:
    """Something truthy for a whole text that ``filepath.Match`` would match with ``pattern``."""
    return re.compile(match_regex(pattern)).fullmatch


def ignore_regex(pattern: str) -> str:
    """``pattern`` as patternmatcher translates it for Go's ``regexp``, written for ``re``."""
    pieces: list[str] = []
    inside = False
    for token in _TOKEN.finditer(pattern):
        last = token.end() == len(pattern)
        piece, inside = _ignore_piece(token[0], inside=inside, last=last)
        pieces.append(piece)
    return "".join(pieces)


def _ignore_piece(text: str, *, inside: bool, last: bool) -> tuple[str, bool]:
    """The translation of one token, and whether it leaves a ``[…]`` open (``inside``: one is)."""
    if text.startswith("**"):
        return ".*" if last else "(?:.*/)?", inside
    if text in {"*", "?"}:
        # The ] of this translation closes a class that is open: so [*] never means a star.
        return ("\\" if inside else "") + "[^/]" + text.removesuffix("?"), False
    if text in {"[", "]"}:
        return (text if inside == (text == "]") else "\\" + text), text == "["
    if text.startswith("\\"):
        return _escape(text[1:]), inside
    return (text if text in {"^", "-"} else re.escape(text)), inside


def _escape(character: str) -> str:
    if not (character.isascii() and character.isalnum()):
        return re.escape(character)
    if character in _LETTER_ESCAPES:
        return "\\" + character
    raise ValueError(character)


def match_regex(pattern: str) -> str:
    """``pattern`` as Go's ``filepath.Match`` reads it; raises ValueError where it is malformed."""
    pieces: list[str] = []
    at = 0
    while at < len(pattern):
        token = _GO_TOKEN.match(pattern, at)
        if token is None:
            raise ValueError(pattern)
        pieces.append(_match_piece(token))
        at = token.end()
    return "".join(pieces)


def _match_piece(token: re.Match[str]) -> str:
    if token["ranges"] is not None:
        return _class(token["ranges"], negated=bool(token["negated"]))
    if token["escaped"] or token["plain"]:
        return re.escape(token["escaped"] or token["plain"])
    return "[^/]*" if token[0].startswith("*") else "[^/]"


def _class(ranges: str, *, negated: bool) -> str:
    """A class of Go as one of ``re``; a range that runs backwards holds nothing."""
    items = []
    for first, last in _RANGE.findall(ranges):
        low, high = first[-1], (last or first)[-1]
        if low <= high:
            items.append(f"{re.escape(low)}-{re.escape(high)}")
    if not items:
        return r"[\s\S]" if negated else "(?!)"
    return f"[{'^' if negated else ''}{''.join(items)}]"
