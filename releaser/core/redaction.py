"""Finds the values of secrets in text, however they are written, and takes them out.

A value counts as raw text, as base64 at any of its three alignments, quoted as in a URL and escaped
as in JSON; a value of several lines counts line by line as well. Values of fewer than six
characters, and words that stand everywhere, are no needles: half of every text would be hidden.

Of a large value the whole is sought raw and in base64, and every line that looks like a key raw;
only its two ends are sought in all forms. So what it costs is bounded, whatever it is made of.

The search is meant for logs of any size. Each needle has a place in it with a character that is
rare in logs; text is looked through for these few characters, each in one pass of its own, which is
many times faster than one pattern with all needles in it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Self
from urllib.parse import quote, quote_plus

from releaser.core.harmless import harmless, in_markdown, printable

SHORTEST = 6
"""Values of fewer characters are not looked for."""

MASK = "***"
PIECE = 1024
"""The longest needle: longer values are looked for in pieces, so that little must be held back."""

LARGE = 16 * 1024
"""Bytes from which a value counts as large."""

_END = LARGE // 2
_SAMPLE = 64
_MANY = 1000
_COMMON = frozenset(
    ("default", "enabled", "disabled", "latest", "localhost", "production", "development")
)
_WRAPPED_AT = (76, 64)  # base64(1) of coreutils and MIME; PEM
_MOST_WRAPPED = 16 * 1024
_KEY_LENGTH = 16
_OF_HTML = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}
# From the most common in logs to the least; what is not in it is rarer still.
_BY_FREQUENCY = " etaoinsrlcdup0123456789mhg.-/:bf_vw,=ky'\"()[]{}<>ASTERINOLCDMPUBxjzq"
_WEIGHT = {character: 200 - 2 * at for at, character in enumerate(_BY_FREQUENCY)}
_RAREST = 40
_KEY = 3
_NONE: Mapping[tuple[int, int], set[str]] = {}


def is_sought(value: str) -> bool:
    """Whether a value can be looked for: it is long enough, and no word that stands everywhere."""
    value = value.strip()
    return len(value) >= SHORTEST and value.lower() not in _COMMON


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


class Needles:
    """Texts to look for, each with the name of what it belongs to; shows nothing of them."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._searches = tuple(_searches(names))
        self.longest = max(map(len, names), default=0)

    def __bool__(self) -> bool:
        return bool(self._names)

    def found(self, text: str) -> str | None:
        """The name that belongs to a needle in ``text``; of several any."""
        return next((self._names[text[begin:end]] for begin, end in self.spans(text)), None)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where needles stand in ``text``, in no order; they may overlap."""
        for search in self._searches:
            yield from search.spans(text)


@dataclass(frozen=True, slots=True)
class Sought:
    """What to look for, by the ids of secrets; and the ids of those that cannot be looked for.

    They are ``too_short`` (or words that stand everywhere), or ``absent``: nobody knows the value.
    """

    needles: Needles
    too_short: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, bytes | None]) -> Self:
        """What to look for of ``values``, by id."""
        names: dict[str, str] = {}
        for id_, value in values.items():
            found = forms(value) | key_forms(value) if value else frozenset()
            names.update(dict.fromkeys(found, id_))
        known = {id_ for id_, value in values.items() if value}
        short = tuple(sorted(known - set(names.values())))
        return cls(Needles(names), short, tuple(sorted(values.keys() - known)))


class _Search:
    """The needles that share their rarest character."""

    def __init__(self, character: str, needles: Iterable[str]) -> None:
        # By the key, then by the key's place and the length: lines of a file are often alike, and
        # a set tells at once which of a thousand it is.
        self._by_key: dict[str, dict[tuple[int, int], set[str]]] = {}
        for needle in needles:
            at = needle.index(character)
            alike = self._by_key.setdefault(needle[at : at + _KEY], {})
            alike.setdefault((at, len(needle)), set()).add(needle)
        seconds: dict[str, str] = {}
        for key in sorted(self._by_key):
            seconds[key[1]] = seconds.get(key[1], "") + key[2]
        # A single character in front lets the pattern skip what does not have it at memory's speed.
        behind = "|".join(f"{re.escape(two)}{_class(three)}" for two, three in seconds.items())
        self._pattern = re.compile(f"{re.escape(character)}(?={behind})", re.DOTALL)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        for match in self._pattern.finditer(text):
            at = match.start()
            for (before, length), needles in self._by_key.get(text[at : at + _KEY], _NONE).items():
                begin = at - before
                if begin >= 0 and text[begin : begin + length] in needles:
                    yield begin, begin + length


def _class(characters: str) -> str:
    return "[" + "".join(map(re.escape, characters)) + "]"


def _searches(needles: Iterable[str]) -> Iterator[_Search]:
    """The needles divided by a few rare characters, of which each has one not near its end."""
    left = set(needles)
    owners: dict[str, set[str]] = {}
    for needle in left:
        for character in set(needle[: min(len(needle) - _KEY + 1, _SAMPLE)]):
            owners.setdefault(character, set()).add(needle)
    while left:
        best = min(sorted(owners), key=lambda one: _cost(one, owners[one]))
        mine = owners.pop(best)
        yield _Search(best, mine)
        left -= mine
        owners = {one: rest for one, has in owners.items() if (rest := has - mine)}


def _cost(character: str, needles: set[str]) -> float:
    return (_RAREST + _WEIGHT.get(character, 0)) / len(needles)


NO_SECRETS_SOUGHT = Sought(Needles({}))


class Redactor:
    """Takes values out of text; learns further ones on the way. Shows nothing of them."""

    def __init__(self, values: Iterable[bytes] = ()) -> None:
        self._known: set[bytes] = set()
        self._forms: frozenset[str] = frozenset()
        self._needles = Needles({})
        self._many: tuple[Needles, ...] = ()
        self._learning = Lock()
        self.learn(*values)

    def learn(self, *values: bytes) -> None:
        """Take ``values`` out as well from now on, each line of theirs for itself too.

        May be called from many threads. What is known already costs nothing.
        """
        with self._learning:
            for value in values:
                if value not in self._known:
                    self._add(forms(value) | line_forms(value))
                    self._known.add(value)

    def _add(self, new: frozenset[str]) -> None:
        """Many needles stay by themselves, so that they are put in order once."""
        if len(new) > _MANY:
            self._many += (Needles(dict.fromkeys(new, "")),)
        elif not new <= self._forms:
            self._forms |= new
            self._needles = Needles(dict.fromkeys(self._forms, ""))

    @property
    def longest(self) -> int:
        """The length of the longest text that is taken out, at most :data:`PIECE`."""
        return max(one.longest for one in (self._needles, *self._many))

    def hide(self, text: str) -> str:
        """``text`` with asterisks in place of every value."""
        spans = sorted(span for one in (self._needles, *self._many) for span in one.spans(text))
        if not spans:
            return text
        parts: list[str] = []
        done = 0
        for begin, end in spans:
            if begin >= done:
                parts += (text[done:begin], MASK)
            done = max(done, end)
        return "".join((*parts, text[done:]))
