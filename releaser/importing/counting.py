"""A number of things in words."""

from __future__ import annotations


def counted(number: int, what: str) -> str:
    """How many of something there are.

    >>> counted(1, "step"), counted(2, "step")
    ('1 step', '2 steps')
    """
    return f"{number} {what}" + ("" if number == 1 else "s")
