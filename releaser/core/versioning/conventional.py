"""What commits say that they change, in the words of Conventional Commits 1.0.0.

https://www.conventionalcommits.org/en/v1.0.0/ is kept to the letter: a type, a colon and a space;
``BREAKING CHANGE`` in upper case, as a footer, and footers begin after an empty line. Messages are
written by anybody: what is taken from one is short and has no control characters, and reading it
takes time in proportion to its length.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from releaser.core.history import Commit, History

MAX_SUBJECT = 500
MAX_NOTE = 2000
_MOST_READ = 100_000
"""Commits of which it is known what they say: many images ask for the same ones."""

DEPENDENCY_SCOPES = frozenset({"deps", "deps-dev"})

_SUBJECT = re.compile(r"([A-Za-z][\w-]*)(?:\(([^()]+)\))?(!)?: (.+)")
_FOOTER = re.compile(
    r"^(?:(BREAKING CHANGE|[A-Za-z0-9-]+)(?:: | #)|(BREAKING[ -]CHANGE):$)", re.MULTILINE
)
_FIRST_FOOTER = re.compile(rf"\n[ \t]*\n(?={_FOOTER.pattern})", re.MULTILINE)
_BREAKING = frozenset({"BREAKING CHANGE", "BREAKING-CHANGE"})
_REFERENCES = frozenset({"ref", "refs", "reverts"})

_REVERTING = re.compile(r'(Revert|Reapply) "(.+)"(?: \(#[0-9]+\))?')
_HASH = r"\b[0-9a-fA-F]{7,64}\b"
_REVERTED = re.compile(rf"[Tt]his reverts commits? ({_HASH}(?:(?:,| and|, and)\s{_HASH})*)")
_MAINLINE = re.compile(rf"reversing\schanges\smade\sto\s({_HASH})")

# Controls, marks that turn the direction of text, line separators, halves of characters.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit says that it changes; ``type`` is in lower case.

    ``note`` says what a breaking change breaks, where a footer does.
    """

    commit: Commit
    type: str
    description: str
    scope: str | None = None
    is_breaking: bool = False
    note: str | None = None

    @property
    def is_dependency(self) -> bool:
        """Whether it is about what the project depends on."""
        return self.type == "deps" or (self.scope or "").lower() in DEPENDENCY_SCOPES


@lru_cache(maxsize=_MOST_READ)
def change_of(commit: Commit) -> Change | None:
    """What ``commit`` says that it changes; ``None`` where it is no conventional commit.

    What git calls a revert is one of type ``revert``; the revert of a revert is what that took
    back.
    """
    subject, reverts = _subject(commit), 0
    while quoted := _REVERTING.fullmatch(subject):
        subject, reverts = quoted[2], reverts + (1 if quoted[1] == "Revert" else 2)
    if reverts % 2:
        return Change(commit, "revert", f'Revert "{subject}"')
    found = _SUBJECT.fullmatch(subject)
    if not found:
        return None
    notes = [value for token, value in _footers(commit) if token in _BREAKING]
    return Change(
        commit,
        found[1].lower(),
        found[4],
        (found[2] or "").strip() or None,
        bool(found[3] or notes),
        one_line(" ".join(notes), MAX_NOTE) or None,
    )


def changes_of(commits: Iterable[Commit]) -> tuple[Change, ...]:
    """What ``commits``, children before parents, change together, in their order.

    A commit that another of them reverts says nothing, and neither does its revert; so what is
    asked about is a whole range, and what matters to one image is chosen afterwards. The revert of
    what stands outside of the range is a change of its own.
    """
    every = tuple(commits)
    standing = _Range(every).standing()
    kept = (change_of(one) for one in every if one.sha in standing)
    return tuple(change for change in kept if change)


def one_line(text: str, most: int) -> str:
    """The beginning of ``text`` without control characters and with single spaces."""
    more = "…" if len(text) > most else ""
    return " ".join(_UNPRINTABLE.sub(" ", text[:most]).split()) + more


def _subject(commit: Commit) -> str:
    """The first line of the message, at most 500 characters of it."""
    return one_line(commit.message.lstrip().partition("\n")[0], MAX_SUBJECT)


def _footers(commit: Commit) -> Iterator[tuple[str, str]]:
    """Each footer's token and value, which goes on until the next footer."""
    text = commit.message.lstrip().replace("\r\n", "\n")
    first = _FIRST_FOOTER.search(text)
    tokens = list(_FOOTER.finditer(text, first.end())) if first else []
    ends = [*(one.start() for one in tokens[1:]), len(text)]
    for one, end in zip(tokens, ends, strict=False):
        yield one[1] or one[2], text[one.end() : end].strip()


class _Range:
    """The commits of a range, children before parents, and what reverts among them leave."""

    def __init__(self, commits: Sequence[Commit]) -> None:
        self.commits = commits

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each commit stands."""
        return {one.sha: place for place, one in enumerate(self.commits)}

    @cached_property
    def shas(self) -> list[str]:
        """The hashes in order."""
        return sorted(self.places)

    def standing(self) -> frozenset[str]:
        """The hashes of the commits whose changes are there at the end.

        A commit adds itself once, and a revert takes back what its targets add: what adds up to
        nothing is not there, however often it went and came. A revert with a target that stands
        outside of the range adds itself, too.
        """
        if not any(map(_named, self.commits)):
            return frozenset(one.sha for one in self.commits)
        added: dict[str, Counter[str]] = {}
        for place in range(len(self.commits) - 1, -1, -1):
            one = self.commits[place]
            targets = [self._before(place, sha) for sha in _named(one)]
            effect = Counter() if targets and all(targets) else Counter([one.sha])
            for sha in {sha for target in targets if target for sha in self._undone(target, one)}:
                effect.subtract(added.get(sha, {}))
            added[one.sha] = effect
        total = Counter[str]()
        for effect in added.values():
            total.update(effect)
        return frozenset(sha for sha, count in total.items() if count > 0)

    def _before(self, place: int, sha: str) -> Commit | None:
        """The commit that a whole or abbreviated hash means, where it comes before ``place``."""
        start = bisect_left(self.shas, sha)
        meant = [one for one in self.shas[start : start + 2] if one.startswith(sha)]
        if len(meant) != 1 or self.places[meant[0]] <= place:
            return None
        return self.commits[self.places[meant[0]]]

    def _undone(self, target: Commit, revert: Commit) -> frozenset[str]:
        """The hashes of what a revert of ``target`` undoes: of a merge, all that it brought in."""
        if len(target.parents) < 2:
            return frozenset([target.sha])
        found = _MAINLINE.search(revert.message)
        stated = found[1].lower() if found else ""
        first = target.parents[0]
        main = next((one for one in target.parents if one.startswith(stated)), first)
        history = History(tuple(self.commits), {"main": main, "merge": target.sha})
        return frozenset(one.sha for one in history.since("main", "merge"))


@lru_cache(maxsize=_MOST_READ)
def _named(commit: Commit) -> tuple[str, ...]:
    """The hashes that a revert names, in lower case: of any other commit none."""
    subject = _subject(commit)
    found = _SUBJECT.fullmatch(subject)
    is_typed = found is not None and found[1].lower() == "revert"
    if not is_typed and not _REVERTING.fullmatch(subject):
        return ()
    texts = [match[1] for match in _REVERTED.finditer(commit.message)]
    if is_typed:
        texts += [value for token, value in _footers(commit) if token.lower() in _REFERENCES]
    hashes = (sha.lower() for text in texts for sha in re.findall(_HASH, text))
    return tuple(dict.fromkeys(hashes))
