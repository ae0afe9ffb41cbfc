"""Finds texts among others of any size, and takes the values of secrets out.

The search is meant for logs of any size. Each needle has a place in it with a character that is
rare in logs; text is looked through for these few characters, each in one pass of its own, which is
many times faster than one pattern with all needles in it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from releaser.core.secret_forms import forms, key_forms, line_forms

MASK = "***"
_DIGEST = re.compile(r"sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})")
_LONGER_THAN_CHANCE = 16
_SAMPLE = 64
# From the most common in logs to the least; what is not in it is rarer still.
_BY_FREQUENCY = " etaoinsrlcdup0123456789mhg.-/:bf_vw,=ky'\"()[]{}<>ASTERINOLCDMPUBxjzq"
_WEIGHT = {character: 200 - 2 * at for at, character in enumerate(_BY_FREQUENCY)}
_RAREST = 40
_KEY = 3
_NONE: Mapping[tuple[int, int], set[str]] = {}


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


def _by_chance(text: str, spans: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those of ``spans`` that are a small part of a digest."""
    short = [(begin, end) for begin, end in spans if end - begin < _LONGER_THAN_CHANCE]
    if not short:
        return set()
    digests = [match.span() for match in _DIGEST.finditer(text)]
    begins = [begin for begin, _ in digests]
    found = set()
    for begin, end in short:
        at = bisect_right(begins, begin) - 1
        if at >= 0 and end <= digests[at][1]:
            found.add((begin, end))
    return found


class Redactor:
    """Takes values out of text; learns further ones on the way. Shows nothing of them."""

    def __init__(self, values: Iterable[bytes] = ()) -> None:
        self._known: set[bytes] = set()
        self._needles: list[Needles] = []
        self.learn(*values)

    def learn(self, *values: bytes) -> None:
        """Take ``values`` out as well from now on, each line of theirs for itself too.

        Many threads may: what is known is only ever added to. What is known already costs nothing.
        """
        fresh = [one for one in values if one not in self._known]
        new = frozenset().union(*(forms(one) | line_forms(one) for one in fresh))
        if new:
            self._needles.append(Needles(dict.fromkeys(new, "")))
        self._known.update(fresh)

    @property
    def longest(self) -> int:
        """The length of the longest text that is taken out, at most :data:`PIECE`."""
        return max((one.longest for one in self._needles), default=0)

    def hide(self, text: str) -> str:
        """``text`` with asterisks in place of every value.

        Digests stay whole, unless a value is as long as none is in one by chance.
        """
        found = {span for one in self._needles for span in one.spans(text)}
        spans = sorted(found - _by_chance(text, found))
        if not spans:
            return text
        parts: list[str] = []
        done = 0
        for begin, end in spans:
            if begin >= done:
                parts += (text[done:begin], MASK)
            done = max(done, end)
        return "".join((*parts, text[done:]))
