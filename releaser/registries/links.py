"""The next page that a ``Link`` header names (RFC 8288): text in, an address out.

A page that is overlooked is as bad as one that is invented: ``latest`` goes to the highest version
that is seen. So the header is read as its grammar has it, quoted commas and several relations
included; what is malformed is an error, not the end of a list.
"""

from __future__ import annotations

import re

MAX_HEADER = 16 * 1024

_TARGET = re.compile(r"[\s,]*<([^<>]*)>\s*")
_PARAMETER = re.compile(
    r""";\s*(?:(?P<name>[!\#$%&'*+.^_`|~0-9A-Za-z-]+)
    (?:\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,;"<>]*)))?)?\s*""",
    re.VERBOSE,
)
_REST = re.compile(r"[\s,]*")


class MalformedLinkError(Exception):
    """The header cannot be read."""


def next_link(header: str) -> str | None:
    """The target of the first link whose relations have ``next`` among them, as it is written.

    :raises MalformedLinkError: where it is no such header, or a longer one than we read.

    >>> next_link('</first>; rel="first", </v2/x?last=a,b>; title="a, b"; rel="prev next"')
    '/v2/x?last=a,b'
    """
    if len(header) > MAX_HEADER:
        raise MalformedLinkError
    found: str | None = None
    position = 0
    while match := _TARGET.match(header, position):
        relations, position = _relations(header, match.end())
        if found is None and "next" in relations:
            found = match[1]
        if header[position : position + 1] not in {"", ","}:
            break
    if _REST.fullmatch(header, position) is None:
        raise MalformedLinkError
    return found


def _relations(header: str, position: int) -> tuple[frozenset[str], int]:
    """The relations of the link whose parameters begin at ``position``, and where they end."""
    relations: frozenset[str] | None = None
    while match := _PARAMETER.match(header, position):
        position = match.end()
        if relations is None and (match["name"] or "").lower() == "rel":  # only the first counts
            value = match["bare"] or re.sub(r"\\(.)", r"\1", match["quoted"] or "")
            relations = frozenset(value.lower().split())
    return relations or frozenset(), position
