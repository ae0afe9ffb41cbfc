"""Names that people give: the ones that are meant, and what may have been by one there is not."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from functools import lru_cache

MAX_CHOICES = 5_000
MOST_LISTED = 12


@lru_cache(maxsize=256)
def nearest(name: str, choices: tuple[str, ...]) -> str | None:
    """The one of ``choices`` that ``name`` is most like, or ``None``; cases are not told apart.

    Among more than 5,000 choices nothing is looked for: it would take longer than it helps.
    """
    if len(choices) > MAX_CHOICES:
        return None
    alike = {choice.lower(): choice for choice in choices if abs(len(choice) - len(name)) <= 4}
    found = difflib.get_close_matches(name.lower(), alike, n=1)
    return alike[found[0]] if found else None


def selected(
    names: Sequence[str],
    patterns: Sequence[str],
    matches: Callable[[str, str], bool],
    unknown: Callable[[str], Exception],
) -> tuple[str, ...]:
    """Those of ``names`` that any of ``patterns`` means, in their order; all without a pattern.

    Raises:
        Exception: what ``unknown`` makes of a pattern that matches nothing.
    """
    if not patterns:
        return tuple(names)
    found: set[str] = set()
    for pattern in patterns:
        matching = {name for name in names if matches(name, pattern)}
        if not matching:
            raise unknown(pattern)
        found |= matching
    return tuple(name for name in names if name in found)


def listed(names: Sequence[str]) -> str:
    """The first of ``names``, and how many there are where those are not all."""
    more = f" … ({len(names)} in all)" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more
