"""Quotes, escapes and variables in the words of a Dockerfile.

It follows BuildKit's ``frontend/dockerfile/shell/lex.go``: ``$name``, ``${name}``, the operators
``:-`` ``-`` ``:+`` ``+`` ``:?`` ``?`` ``#`` ``##`` ``%`` ``%%`` ``/`` ``//``; single quotes are
literal, double quotes expand, the escape character protects what follows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from releaser.core.dockerfile.model import ExpansionError, Heredoc
from releaser.core.dockerfile.patterns import replaced, trimmed

SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What Go's ``unicode.IsSpace`` says; Python's ``str.isspace`` counts four more."""

MAX_VALUE = 65_536
"""Values that grow beyond this many characters by repeated substitution are refused."""
_MAX_DEPTH = 40
_SPECIAL = frozenset("@*#?-$!0")
_HEREDOC = re.compile(r"([0-9]*)<<(-?)([^<]*)")


@dataclass(frozen=True, slots=True)
class Expanded:
    """A word after expansion."""

    text: str
    words: tuple[str, ...]
    read: frozenset[str]
    """The variables that it names."""
    unset: frozenset[str]
    """Those of them that have no value."""
    certain: bool
    """False when it depends on a variable that only the base image could set."""


@dataclass(slots=True)
class Scope:
    """The variables that an instruction sees. A value of None is one that is not known."""

    values: dict[str, str | None] = field(default_factory=dict)
    open: bool = False
    """True when a base image can have set variables that are not listed."""

    def copy(self) -> Scope:
        """A scope that can go its own way."""
        return Scope(dict(self.values), self.open)

    def get(self, name: str) -> tuple[str | None, bool]:
        """The value and whether it is known; ``(None, True)`` is certainly unset."""
        if name in self.values:
            value = self.values[name]
            return value, value is not None
        return None, not self.open


_NOTHING = Scope()


def expand(word: str, scope: Scope, escape: str = "\\") -> Expanded:
    """``word`` with its quotes removed and its variables replaced.

    Raises ExpansionError for an unclosed quote or brace, an operator that does not exist, a failed
    ``${name:?message}``, and a value that grows out of bounds.
    """
    return _Lexer(word, scope, escape).run()


def heredocs(line: str) -> list[Heredoc]:
    """The heredocs that an instruction's line announces, without their content.

    Raises ExpansionError for an unclosed quote inside a terminator. A line that cannot be split
    into words has none (BuildKit, ``heredocsFromLine``).
    """
    if "<<" not in line:
        return []
    lexer = _Lexer(line, _NOTHING, "\\", raw_quotes=True, raw_escapes=True, keep_unset=True)
    try:
        words = lexer.run().words
    except ExpansionError:
        return []
    return [found for word in words if (found := heredoc(word))]


def heredoc(word: str) -> Heredoc | None:
    """The heredoc that ``word`` announces, or None; raises ExpansionError for an unclosed quote."""
    match = _HEREDOC.fullmatch(word)
    if not match or not match[3]:
        return None
    words = _Lexer(match[3], _NOTHING, "\\", keep_unset=True).run().words
    raw = _Lexer(match[3], _NOTHING, "\\", raw_quotes=True, keep_unset=True).run().words
    if len(words) != 1 or len(raw) != 1:
        return None
    quoted = _quotes(words[0]) != _quotes(raw[0])
    descriptor = int(match[1][:9] or 0)
    return Heredoc(words[0], "", not quoted, bool(match[2]), descriptor)


def _quotes(word: str) -> int:
    return word.count("'") + word.count('"')


@lru_cache(maxsize=16)
def _plain(escape: str, stop: str) -> re.Pattern[str]:
    """A run of characters without a meaning of their own."""
    return re.compile(f"[^$'\"{re.escape(escape + stop)}]+")


class _Lexer:
    """One pass over one word. Text is gathered as (text, may be split at spaces) pieces."""

    __slots__ = (
        "certain", "depth", "escape", "keep_unset", "length", "pos", "raw_escapes", "raw_quotes",
        "read", "scope", "text", "unset",
    )  # fmt: skip

    def __init__(
        self,
        text: str,
        scope: Scope,
        escape: str,
        *,
        raw_quotes: bool = False,
        raw_escapes: bool = False,
        keep_unset: bool = False,
    ) -> None:
        self.text, self.scope, self.escape = text, scope, escape
        self.raw_quotes, self.raw_escapes = raw_quotes, raw_escapes
        self.keep_unset = keep_unset
        self.pos, self.length, self.depth = 0, len(text), 0
        self.read: set[str] = set()
        self.unset: set[str] = set()
        self.certain = True

    def run(self) -> Expanded:
        pieces = self._until("", raw_escapes=self.raw_escapes)
        text = _joined(pieces)
        if len(text) > max(MAX_VALUE, self.length):
            raise ExpansionError(f"the value is longer than {MAX_VALUE} characters")
        read, unset = frozenset(self.read), frozenset(self.unset)
        return Expanded(text, _words(pieces), read, unset, self.certain)

    def _peek(self) -> str:
        return self.text[self.pos : self.pos + 1]

    def _next(self) -> str:
        char = self.text[self.pos : self.pos + 1]
        self.pos += 1
        return char

    def _until(self, stop: str, *, raw_escapes: bool) -> list[tuple[str, bool]]:
        before, self.raw_escapes = self.raw_escapes, raw_escapes
        plain = _plain(self.escape, stop)
        pieces: list[tuple[str, bool]] = []
        while self.pos < self.length:
            char = self.text[self.pos]
            if char == stop:
                self.pos += 1
                self.raw_escapes = before
                return pieces
            if match := plain.match(self.text, self.pos):
                self.pos = match.end()
                pieces.append((match[0], True))
            else:
                pieces.append(self._special(char))
        if stop:
            raise ExpansionError(f"unexpected end while looking for {stop}")
        return pieces

    def _special(self, char: str) -> tuple[str, bool]:
        if char == "$":
            return self._dollar(), True
        if char == "'":
            return self._single(), False
        if char == '"':
            return self._double(), False
        self.pos += 1
        return (char if self.raw_escapes else "") + self._next(), False

    def _single(self) -> str:
        end = self.text.find("'", self.pos + 1)
        if end < 0:
            raise ExpansionError("unexpected end while looking for the closing '")
        inner = self.text[self.pos + 1 : end]
        self.pos = end + 1
        return f"'{inner}'" if self.raw_quotes else inner

    def _double(self) -> str:
        self.pos += 1
        out: list[str] = []
        while (char := self._peek()) != '"':
            if not char:
                raise ExpansionError('unexpected end while looking for the closing "')
            out.append(self._dollar() if char == "$" else self._inside_double())
        self.pos += 1
        inner = "".join(out)
        return f'"{inner}"' if self.raw_quotes else inner

    def _inside_double(self) -> str:
        char = self._next()
        if char != self.escape:
            return char
        kept = char if self.raw_escapes else ""
        if self._peek() in ('"', "$", self.escape):
            char = self._next()
        return kept + char

    def _dollar(self) -> str:
        self.pos += 1
        if self._peek() != "{":
            name = self._name()
            return self._value(name, f"${name}") if name else "$"
        self.pos += 1
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise ExpansionError(f"variables are nested more than {_MAX_DEPTH} deep")
        out = self._braced()
        self.depth -= 1
        return out

    def _braced(self) -> str:
        if self._peek() in ("", "{", "}", ":"):
            raise ExpansionError("bad substitution after ${")
        name = self._name()
        operator = self._next()
        if operator == "}":
            return self._value(name, f"${{{name}}}")
        if operator == "/":
            return self._replace(name)
        strict = operator == ":"
        if strict:
            operator = self._next()
        if operator not in ("+", "-", "?", "#", "%"):
            raise ExpansionError(f"unsupported operator {operator!r} in ${{{name}…}}")
        word = _joined(self._until("}", raw_escapes=operator in "#%"))
        return self._operate(name, operator, word, strict=strict)

    def _operate(self, name: str, operator: str, word: str, *, strict: bool) -> str:
        value, known = self._lookup(name)
        if self.keep_unset and value is None:
            return f"${{{name}{':' if strict else ''}{operator}{word}}}"
        if not known:
            return ""
        missing = value is None or (strict and value == "")
        match operator:
            case "-":
                return word if missing else value or ""
            case "+":
                return "" if missing else word
            case "?" if missing:
                raise ExpansionError(f"{name}: {word or 'is not allowed to be unset or empty'}")
            case "?":
                return value or ""
        greedy = word.startswith(operator)
        return trimmed(value or "", word[greedy:], greedy=greedy, end=operator == "%")

    def _replace(self, name: str) -> str:
        every = self._peek() == "/"
        self.pos += every
        pattern = _joined(self._until("/", raw_escapes=True))
        replacement = _joined(self._until("}", raw_escapes=True))
        value, known = self._lookup(name)
        if self.keep_unset and value is None:
            return f"${{{name}/{pattern}/{replacement}}}"
        return replaced(value or "", pattern, replacement, every=every) if known else ""

    def _value(self, name: str, written: str) -> str:
        value, _known = self._lookup(name)
        if value is None and self.keep_unset:
            return written
        return value or ""

    def _lookup(self, name: str) -> tuple[str | None, bool]:
        self.read.add(name)
        value, known = self.scope.get(name)
        if value is None:
            self.unset.add(name)
        self.certain = self.certain and known
        return value, known

    def _name(self) -> str:
        start, first = self.pos, self._peek()
        if first.isdecimal():
            while self._peek().isdecimal():
                self.pos += 1
        elif first in _SPECIAL:
            self.pos += 1
        else:
            while (char := self._peek()).isalpha() or char.isdecimal() or char == "_":
                self.pos += 1
        return self.text[start : self.pos]


def _joined(pieces: list[tuple[str, bool]]) -> str:
    return "".join(text for text, _split in pieces)


def _words(pieces: list[tuple[str, bool]]) -> tuple[str, ...]:
    words: list[str] = []
    word: list[str] = []
    for text, split in pieces:
        if not split:
            word.append(text)
            continue
        for part in re.split(f"([{SPACE}]+)", text):
            if part and part[0] in SPACE:
                words.append("".join(word))
                word = []
            else:
                word.append(part)
    return tuple(filter(None, [*words, "".join(word)]))
