"""Known causes of failed builds: how BuildKit words them, how we do, and what helps."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Saying:
    """How a known cause shows in a vertex's text and error, what to call it, and what helps."""

    pattern: re.Pattern[str]
    message: str
    hint: str | None = None


_METADATA = r"load metadata for (\S+)\n.*"
_NO_NETWORK = (
    r"dial tcp|i/o timeout|no such host|TLS handshake timeout|connection refused"
    r"|network is unreachable"
)
_CHECK_NETWORK = "check the network, the proxy and the DNS of the engine"
_SAYINGS = (
    _Saying(
        re.compile(r"exit code: 137\b"),
        "{instruction} exited with 137",
        "137 is SIGKILL: most often memory ran out; give the engine more, or build less at once",
    ),
    _Saying(re.compile(r"exit code: (\d+)"), "{instruction} exited with {1}"),
    _Saying(
        re.compile(r"secret (\S+): not found"),
        'secret "{1}" is not given',
        'list it under "secrets" of the image, with "env" or "file"',
    ),
    _Saying(
        re.compile(r"^resolve image config for docker-image://(\S+)"),
        "its syntax {1} cannot be fetched",
        'remove the line "# syntax=", or let the engine reach the registry of {1}',
    ),
    _Saying(
        re.compile(_METADATA + r"(?:denied|insufficient_scope|authorization failed|401 |403 )"),
        "base image {1} may not be read",
        "check its name, or log in to its registry with docker login",
    ),
    _Saying(
        re.compile(_METADATA + r"not found"),
        "base image {1} was not found",
        "check the name and the tag that the Dockerfile gives it",
    ),
    _Saying(
        re.compile(f"{_METADATA}(?:{_NO_NETWORK})"),
        "the registry of base image {1} cannot be reached",
        _CHECK_NETWORK,
    ),
    _Saying(
        re.compile(r'failed to calculate checksum of ref [^"]*"([^"]*)": not found'),
        '{instruction}: "{1}" does not exist',
        "check the path, and whether .dockerignore leaves it out",
    ),
)
# These may also be seen in what a command printed before it failed.
_HINTS = (
    (re.compile(r"no space left on device", re.IGNORECASE), "free space: docker builder prune"),
    (
        re.compile(r"exec format error", re.IGNORECASE),
        "this is for another architecture: install emulation (tonistiigi/binfmt) in the engine",
    ),
    (
        re.compile(f"could not resolve|failure in name resolution|{_NO_NETWORK}", re.IGNORECASE),
        _CHECK_NETWORK,
    ),
)


def said(subject: str, instruction: str) -> tuple[str, str | None] | None:
    """A known cause in our words, and its hint.

    ``subject`` is the text of the vertex and, on the next line, its error; ``instruction`` the
    Dockerfile's, short.
    """
    for saying in _SAYINGS:
        if match := saying.pattern.search(subject):
            groups = (match[0], *match.groups())
            hint = saying.hint.format(*groups) if saying.hint else None
            return saying.message.format(*groups, instruction=instruction or "a command"), hint
    return None


def hinted(text: str) -> str | None:
    """What helps against a cause that shows anywhere in ``text``, output included."""
    return next((hint for pattern, hint in _HINTS if pattern.search(text)), None)
