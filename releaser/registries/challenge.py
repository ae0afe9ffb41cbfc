"""What a registry asks for in ``WWW-Authenticate`` (RFC 9110 §11.6.1): text in, values out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_HEADER = 8192

_PART = re.compile(
    r"""[\s,]*(?P<name>[!\#$%&'*+.^_`|~0-9A-Za-z-]+)
    (?:\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"]*(?=[\s,]|$))))?""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A scheme (in lower case) and its parameters (names in lower case)."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def challenges(header: str) -> tuple[Challenge, ...]:
    """The challenges in ``header``; what is malformed ends the reading.

    >>> challenges('Bearer realm="https://a/token",service=a, Basic realm="b"')[0].parameters
    {'realm': 'https://a/token', 'service': 'a'}
    """
    found: list[tuple[str, dict[str, str]]] = []
    position = 0
    header = header[:MAX_HEADER]
    while match := _PART.match(header, position):
        position = match.end()
        value = match["bare"] if match["quoted"] is None else _unquoted(match["quoted"])
        if value is None:
            if header[position : position + 1] not in {"", " ", ",", "\t"}:
                break
            found.append((match["name"].lower(), {}))
        elif found:
            found[-1][1].setdefault(match["name"].lower(), value)
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)


def wanted(header: str) -> Challenge | None:
    """The challenge that we answer: a token service with an address, else Basic, else none."""
    all_of_them = challenges(header)
    for challenge in all_of_them:
        if challenge.scheme == "bearer" and challenge.parameters.get("realm"):
            return challenge
    return next((c for c in all_of_them if c.scheme == "basic"), None)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
