"""Shell patterns in ``${name#pattern}`` and its relatives: ``*`` and ``?``, no brackets.

It follows ``convertShellPatternToRegex`` in BuildKit's ``shell/lex.go``.
"""

from __future__ import annotations

import re

from releaser.core.dockerfile.model import ExpansionError

_MAX_SUBJECT = 4_096


def trimmed(value: str, pattern: str, *, greedy: bool, end: bool) -> str:
    """``value`` without the shortest or longest part at one end that matches ``pattern``."""
    segments = _segments(pattern)
    subject = _bounded(value)
    if end:
        segments = [segment[::-1] for segment in reversed(segments)]
        subject = subject[::-1]
    match = re.match(_regex(segments, greedy=greedy), subject)
    kept = subject[match.end() :] if match else subject
    return kept[::-1] if end else kept


def replaced(value: str, pattern: str, replacement: str, *, every: bool) -> str:
    """``value`` with the first, or every, longest match of ``pattern`` replaced."""
    regex = re.compile(_regex(_segments(pattern), greedy=True))
    out, done, last = [], 0, -1
    for match in regex.finditer(_bounded(value)):
        # Go ignores an empty match that touches the match before it; Python does not.
        if match.start() == match.end() == last:
            continue
        out += [value[done : match.start()], replacement]
        done = last = match.end()
        if not every:
            break
    return "".join([*out, value[done:]])


def _bounded(value: str) -> str:
    if len(value) > _MAX_SUBJECT:
        raise ExpansionError(f"patterns apply to at most {_MAX_SUBJECT} characters")
    return value


def _segments(pattern: str) -> list[list[str]]:
    """The parts of a shell pattern between its stars, each a list of one-character regexes."""
    segments: list[list[str]] = [[]]
    chars = iter(range(len(pattern)))
    for at in chars:
        char = pattern[at]
        if char == "*":
            segments.append([])
        elif char == "?":
            segments[-1].append(".")
        elif char == "\\" and pattern[at + 1 : at + 2] not in ("}", "/"):
            escaped = pattern[at + 1 : at + 2]
            if escaped not in ("*", "?", "\\"):
                raise ExpansionError(f"invalid escape \\{escaped} in a pattern")
            segments[-1].append(re.escape(escaped))
            next(chars)
        elif char != "\\":
            segments[-1].append(re.escape(char))
    return segments


def _regex(segments: list[list[str]], *, greedy: bool) -> str:
    """A regular expression that no pattern can make exponential.

    Stars are atomic and lazy, since the earliest place of each part is always good enough; only the
    last star decides how long the match is.
    """
    first, *others = ["".join(segment) for segment in segments]
    regex = [first, *(f"(?>.*?{part})" for part in others)]
    if greedy and others:
        regex[-1] = f".*{others[-1]}"
    return "".join(regex)
