"""The sources of COPY and ADD: what a path or a pattern in them means."""

from __future__ import annotations

import re

from releaser.core.ignore.patterns import clean, illegal, match_regex, matcher


class Glob:
    """A source of COPY or ADD: a path without wildcards, and a pattern for what lies below it.

    ``base`` is the path (``""`` is the context itself), ``rest`` the pattern, which begins with the
    first name that has a wildcard; it is empty where none has.
    """

    __slots__ = ("_match", "_segments", "base", "rest")

    def __init__(self, base: str, rest: str) -> None:
        self.base = base
        self.rest = rest
        self._match = re.compile(match_regex(rest)).fullmatch
        segments = rest.split("/") if rest else []
        # In Go a negated class, or one that names it, matches a slash: then any depth may match.
        crosses = re.search(r"\[\^|\[[^]]*/", rest) is not None
        self._segments = None if crosses else [matcher(segment) for segment in segments]

    @property
    def literal(self) -> bool:
        """Whether there is no pattern: ``base`` then is the file or the folder that is meant."""
        return not self.rest

    def matches(self, path: str) -> bool:
        """Whether the pattern matches ``path``, which is relative to ``base``."""
        return self._match(path) is not None

    def reaches_into(self, folder: str) -> bool:
        """Whether the pattern could match something below ``folder``, relative to ``base``."""
        if self._segments is None:
            return True
        parts = folder.split("/")
        pairs = zip(self._segments, parts, strict=False)
        return len(parts) < len(self._segments) and all(match(part) for match, part in pairs)


def glob(source: str, *, literal: bool = False) -> Glob:
    """What a source of COPY or ADD means; ``.`` is everything, ``..`` never leaves the context.

    ``*``, ``?`` and ``[…]`` stay within one name; a folder that matches is taken whole. They mean
    nothing where the source is ``literal``, as that of a mount.

    Raises:
        SpecError: the pattern is malformed.
    """
    path = clean("/" + source)[1:]
    parts = path.split("/") if path else []
    wild = (i for i, part in enumerate(parts) if not literal and has_wildcard(part))
    first = next(wild, len(parts))
    try:
        return Glob("/".join(parts[:first]), "/".join(parts[first:]))
    except ValueError:
        raise illegal(source) from None


def has_wildcard(name: str) -> bool:
    """Whether BuildKit takes ``name`` for a pattern: ``*``, ``?`` or ``[`` without a backslash."""
    return any(mark in "*?[" for mark in re.sub(r"\\.?", "", name))
