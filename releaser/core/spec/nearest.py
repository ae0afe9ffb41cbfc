"""What may have been meant by a name that there is not."""

from __future__ import annotations

import difflib
from functools import lru_cache

MAX_CHOICES = 5_000


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
