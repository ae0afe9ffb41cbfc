"""The rules of a ``.dockerignore``, or of an ``--exclude`` list.

An ignore file is a list of rules. The last rule that matches a path, or a folder above it, decides:
it excludes the path, or includes it again where it starts with ``!``. What a folder matched counts
for everything in it, so a walk hands each folder's :class:`Verdict` down to what it holds:

>>> ignore = IgnoreFile.parse("*\\n!src\\nsrc/*.log")
>>> [ignore.matches(path) for path in ("README", "src/a.py", "src/a.log")]
[True, False, True]

The rules are those of the Go library ``github.com/moby/patternmatcher`` as BuildKit walks a context
with it (``MatchesUsingParentResults``), its oddities included: ``**foo`` is any path that ends in
``foo``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from releaser.core.ignore.patterns import clean, ignore_regex, illegal, match_regex, matcher
from releaser.errors import Location, SpecError

MAX_LINE = 64 * 1024
"""Docker reads no longer lines than this (Go's ``bufio.MaxScanTokenSize``)."""

_REGEX_CHARACTERS = frozenset("*?[]\\")


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an ignore file: as written, its line (from 1), and its pattern made clean."""

    written: str
    line: int
    pattern: str
    negated: bool
    match: Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a path is excluded, and which rules matched it or a folder above (a bit for each)."""

    excluded: bool = False
    matched: int = 0


ROOT = Verdict()
"""The verdict of the context's own folder, which no rule can exclude."""


class IgnoreFile:
    """The rules of a ``.dockerignore``, or of one ``--exclude`` list."""

    __slots__ = ("_exact", "_others", "_prefixes", "_suffixes", "rules")

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.rules = tuple(rules)
        exact: set[str] = set()
        prefixes: list[str] = []
        suffixes: list[str] = []
        others: list[str] = []
        for rule in self.rules:
            _sort_in(rule.pattern, exact, prefixes, suffixes, others)
        self._exact = frozenset(exact)
        self._prefixes = tuple(prefixes)
        self._suffixes = tuple(suffixes)
        self._others = re.compile("|".join(others), re.ASCII).fullmatch if others else None

    @classmethod
    def parse(cls, text: str, file: str = ".dockerignore") -> IgnoreFile:
        """The rules in the text of an ignore file; ``file`` is what errors call it.

        Raises:
            SpecError: a pattern is malformed, or a line is longer than 64 KiB.
        """
        lines = text.removeprefix("\ufeff").split("\n")
        return cls(_rules(_cleaned(lines, file), file))

    @classmethod
    def of(cls, patterns: Iterable[str]) -> IgnoreFile:
        """The rules of patterns that come one by one, as ``--exclude`` gives them.

        Here a leading ``/`` is kept, and so the pattern matches nothing, as in BuildKit.

        Raises:
            SpecError: a pattern is malformed.
        """
        return cls(_rules((pattern, 0, pattern.strip()) for pattern in patterns))

    def verdict(self, path: str, parent: Verdict = ROOT) -> Verdict:
        """What the rules say of ``path`` (relative, with slashes) in a folder with that verdict."""
        if not self._any_matches(path):
            return parent
        excluded, matched = False, 0
        for index, rule in enumerate(self.rules):
            bit = 1 << index
            if parent.matched & bit or (rule.negated == excluded and rule.match(path)):
                excluded, matched = not rule.negated, matched | bit
        return Verdict(excluded, matched)

    def verdict_of(self, path: str) -> Verdict:
        """What the rules say of ``path`` when each folder above it is asked first."""
        verdict = ROOT
        for prefix in _prefixes(path):
            verdict = self.verdict(prefix, verdict)
        return verdict

    def matches(self, path: str) -> bool:
        """Whether ``path`` is excluded."""
        return self.verdict_of(path).excluded

    def reaches_into(self, folder: str) -> bool:
        """Whether a ``!`` rule could include something below ``folder`` again.

        Where it cannot, everything below an excluded folder is excluded: nobody needs to look.
        """
        parts = folder.split("/")
        return any(rule.negated and _reaches(rule.pattern, parts) for rule in self.rules)

    def reason(self, path: str) -> Rule | None:
        """The rule that decides about ``path``, or ``None`` where none matches."""
        index = self.verdict_of(path).matched.bit_length() - 1
        return self.rules[index] if index >= 0 else None

    def _any_matches(self, path: str) -> bool:
        return (
            path in self._exact
            or path.endswith(self._suffixes)
            or path.startswith(self._prefixes)
            or (self._others is not None and self._others(path) is not None)
        )


def _prefixes(path: str) -> Iterator[str]:
    end = path.find("/")
    while end != -1:
        yield path[:end]
        end = path.find("/", end + 1)
    yield path


def _cleaned(lines: list[str], file: str) -> Iterator[tuple[str, int, str]]:
    """Each line that holds a pattern: as written, its number, its pattern made clean."""
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            raise SpecError("a line of more than 64 KiB", at=Location(file, number))
        written = line.strip()
        if written and not line.startswith("#"):
            mark = "!" * written.startswith("!")
            yield written, number, mark + _rootless(written[len(mark) :].strip())


def _rootless(text: str) -> str:
    """The pattern ``text`` made clean; it counts from the context, with a leading ``/`` or not."""
    path = clean(text) if text else ""
    return path if path == "/" else path.removeprefix("/")


def _rules(lines: Iterable[tuple[str, int, str]], file: str | None = None) -> Iterator[Rule]:
    for written, line, text in lines:
        if not text:
            continue
        negated = text.startswith("!")
        pattern = clean(text)[negated:]
        try:
            yield Rule(written, line, pattern, negated, _rule_matcher(pattern))
        except ValueError:
            at = Location(file, line) if file else None
            raise illegal(written, at) from None


def _sort_in(
    pattern: str,
    exact: set[str],
    prefixes: list[str],
    suffixes: list[str],
    others: list[str],
) -> None:
    """Put ``pattern`` where one look at all of its kind is cheapest."""
    kind, text = _kind(pattern)
    if kind == "exact":
        exact.add(text)
    elif kind == "prefix":
        prefixes.append(text)
    elif kind == "suffix":
        suffixes.append(text)
        exact.add(text.removeprefix("/"))
    else:
        others.append(ignore_regex(pattern))


def _rule_matcher(pattern: str) -> Callable[[str], object]:
    """How one pattern is tried; raises ValueError where Docker refuses it."""
    if not pattern:
        raise ValueError(pattern)
    match_regex(pattern)  # Docker lets filepath.Match judge whether a pattern is well formed
    kind, text = _kind(pattern)
    if kind == "exact":
        return text.__eq__
    if kind == "prefix":
        return lambda path: path.startswith(text)
    if kind == "suffix":
        return lambda path: path.endswith(text) or path == text.removeprefix("/")
    try:
        return re.compile(ignore_regex(pattern), re.ASCII).fullmatch
    except re.error:
        raise ValueError(pattern) from None


def _kind(pattern: str) -> tuple[str, str]:
    """``exact``, ``prefix``, ``suffix`` or ``regex``, and the text that is looked for."""
    if not _REGEX_CHARACTERS & set(pattern):
        return "exact", pattern
    if pattern.startswith("**") and not _REGEX_CHARACTERS & set(pattern[2:]):
        return "suffix", pattern[2:]
    if pattern.endswith("**") and not _REGEX_CHARACTERS & set(pattern[:-2]):
        return "prefix", pattern[:-2]
    return "regex", pattern


def _reaches(pattern: str, folder: list[str]) -> bool:
    """Whether ``pattern`` could match below ``folder``; in doubt it could."""
    segments = pattern.split("/")
    for part, segment in zip(folder, segments, strict=False):
        if "**" in segment or "\\" in segment or "[" in segment:
            return True
        if not matcher(segment)(part):
            return False
    return len(segments) > len(folder)
