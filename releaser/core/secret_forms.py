"""How the values of secrets may be written, and which of them cannot be looked for.

A value counts as raw text, as base64 at any of its three alignments, quoted as in a URL and escaped
as in JSON; a value of several lines counts line by line as well. Values of fewer than six
characters, and words that stand everywhere, are no needles: half of every text would be hidden.

Of a large value the whole is sought raw and in base64, and every line that looks like a key raw;
only its two ends are sought in all forms. So what it costs is bounded, whatever it is made of.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from releaser.core.harmless import harmless, in_markdown, printable

SHORTEST = 6
"""Values of fewer characters are not looked for."""

PIECE = 1024
"""The longest needle: longer values are looked for in pieces, so that little must be held back."""

LARGE = 16 * 1024
"""Bytes from which a value counts as large."""

_END = LARGE // 2
_COMMON = frozenset(
    ("default", "enabled", "disabled", "latest", "localhost", "production", "development")
)
# The names and the values of fields in plans, reports and journals, and what references are made
# of: what is a part of one of these is as common as they are.
_OURS = """
    action after all_withdrawn annotations application architecture attached before blocked
    groups instruction
    blocked_by branch buildx cancelled changed command commanded commit concerns containerd copied
    copies current delete detail details differences digest digests docker-api docker.io dockerfile
    documented duplicate engine exit_code expected failed fingerprint fixed floating immutable
    images index.docker.io interrupted labels linux/amd64 linux/arm64 linux/arm/v7 manifest markdown
    message nothing offline org.opencontainers.image.created org.opencontainers.image.description
    org.opencontainers.image.licenses org.opencontainers.image.revision
    org.opencontainers.image.source org.opencontainers.image.title org.opencontainers.image.url
    org.opencontainers.image.vendor org.opencontainers.image.version others outcome output partial
    planned platform platforms project promoted pruned pushed reason record reference references
    refused registries registry release released releaser removed repositories repository restored
    rolled-back schema seconds secret sha256 sha512 skipped source stable started stays_in subject
    succeeded superseded superseded_by target unchanged unknown up-to-date vendor verified verify
    version windows/amd64 withdraw withdrawn worker written
"""
_WRAPPED_AT = (76, 64)  # base64(1) of coreutils and MIME; PEM
_MOST_WRAPPED = 16 * 1024
_KEY_LENGTH = 16
_OF_HTML = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


def is_sought(value: str) -> bool:
    """Whether a value can be looked for: it is long enough, and no word that stands everywhere."""
    return len(value.strip()) >= SHORTEST and not is_common(value)


def is_common(value: str) -> bool:
    """Whether a value is a word, or a part of one, that stands everywhere."""
    value = value.strip().lower()
    return value in _COMMON or value in _OURS


def forms(value: bytes) -> frozenset[str]:
    """How a value may be written; empty where it cannot be looked for."""
    if len(value) > LARGE:
        whole = {*_in_base64(value.strip()), *_raw(value)}
        return frozenset(_cut_up(whole)).union(*map(_all_forms, _ends(value)))
    return _all_forms(value)


def _all_forms(value: bytes) -> frozenset[str]:
    found: set[str] = set()
    stripped = value.strip()
    text = stripped.decode("utf-8", "replace")
    if not is_sought(text):
        return frozenset()
    for raw in {text, text.strip(), harmless(text)}:
        found |= {raw, *_quoted(raw), *_escaped(raw)}
    for content in {stripped, text.strip().encode()}:
        found |= {*_in_base64(content), *_wrapped(value)}
    return frozenset(_cut_up(found))


def _ends(value: bytes) -> tuple[bytes, ...]:
    """The two ends of a large value, cut between characters; of no text only the first of them."""
    text = _text(value)
    if text is None:
        return (value[:_END],)
    return text[:_END].encode(), text[-_END:].encode()


def _raw(value: bytes) -> tuple[str, ...]:
    text = _text(value)
    return () if text is None else (text.strip(),)


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def line_forms(value: bytes) -> frozenset[str]:
    """How the lines of a value may be written, each for itself; a large value that is no text has
    none."""
    if len(value) > LARGE:
        return _lines_of_large(value)
    lines = value.splitlines()
    return frozenset().union(*(forms(line) for line in lines)) if len(lines) > 1 else frozenset()


def _lines_of_large(value: bytes) -> frozenset[str]:
    if _text(value) is None:
        return frozenset()
    near = (line for end in _ends(value) for line in end.splitlines())
    keys = (line.decode() for line in _keys(value))
    return frozenset(_cut_up(keys)).union(*map(_all_forms, near))


def key_forms(value: bytes) -> frozenset[str]:
    """As :func:`line_forms`, of lines that look like keys: long, with a digit and no blank.

    Others of a file of settings may well stand in an image: the address of a mirror, a heading.
    """
    if len(value) > LARGE:
        return _keys_of_large(value)
    keys = _keys(value)
    return frozenset().union(*map(forms, keys))


def _keys_of_large(value: bytes) -> frozenset[str]:
    if _text(value) is None:
        return frozenset()
    near = (line for end in _ends(value) for line in _keys(end))
    return frozenset(_cut_up(line.decode() for line in _keys(value))).union(*map(_all_forms, near))


def _keys(value: bytes) -> list[bytes]:
    """The lines that look like keys; none of a value of a single line."""
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) < 2:
        return []
    return [one for one in lines if len(one) >= _KEY_LENGTH and b" " not in one and _digit(one)]


def _digit(line: bytes) -> bool:
    return line.translate(None, b"0123456789") != line


def _quoted(text: str) -> Iterator[str]:
    for quoted in {quote(text, safe=s) for s in ("", "/", "!'()*")} | {quote_plus(text)}:
        yield quoted
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)


def _escaped(text: str) -> Iterator[str]:
    for ascii_only in (True, False):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield escaped.replace("/", "\\/")
        # Go escapes these three as well (encoding/json, "HTMLEscape").
        yield escaped.translate(_OF_HTML)
    # As reports and errors of our own write it.
    yield printable(text)
    yield in_markdown(text)


def _in_base64(value: bytes) -> Iterator[str]:
    """What stays the same of the value's base64 whatever stands before and behind it."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(value).decode()
        yield encode(value).decode().rstrip("=")
        for before in range(3):
            encoded = encode(b"\0" * before + value).decode()
            unsure = {0: 0, 1: 3, 2: 2}[(before + len(value)) % 3]
            yield encoded[(0, 2, 3)[before] : len(encoded) - unsure]


def _wrapped(value: bytes) -> Iterator[str]:
    """The lines in which programs print a longer value's base64."""
    if len(value) > _MOST_WRAPPED:
        return
    encoded = base64.b64encode(value).decode()
    for width in _WRAPPED_AT:
        if len(encoded) > width:
            lines = [encoded[at : at + width] for at in range(0, len(encoded), width)]
            yield from (line for line in lines if len(line) >= 2 * SHORTEST)


def _cut_up(found: Iterable[str]) -> Iterator[str]:
    return (piece for form in found for piece in _pieces(form))


def _pieces(form: str) -> Iterator[str]:
    for at in range(0, len(form), PIECE):
        piece = form[at : at + PIECE]
        if len(piece) >= SHORTEST:
            yield piece
