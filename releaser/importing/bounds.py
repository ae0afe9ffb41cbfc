"""What HCL's values are here, and how large they may become.

A few lines of a file can double a text each.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"


MOST_TEXT = 1 << 16
"""The longest a text may become, in characters; as many parts a list or a map may have in all."""

_MOST_NUMBER = 1 << 512  # as precise as numbers of HCL are


class UnknowableError(ValueError):
    """An expression without a value here; says why."""


def put_together(texts: Iterable[str], separator: str = "") -> str:
    """Texts as one, which is measured before it is made; raises :class:`UnknowableError`."""
    found, length = [], 0
    for one in texts:
        length += len(one) + len(separator)
        if length - len(separator) > MOST_TEXT:
            raise UnknowableError(f"a text becomes longer than {MOST_TEXT} characters")
        found.append(one)
    return separator.join(found)


def bounded(value: Plain) -> Plain:
    """``value``, where it is no larger than a value may become; what is shared counts each time.

    Raises:
        UnknowableError: it is larger.
    """
    waiting, count = [value], 0
    while waiting:
        one = waiting.pop()
        match one:
            case str() if len(one) > MOST_TEXT:
                raise UnknowableError(f"a text becomes longer than {MOST_TEXT} characters")
            case int() | float() if abs(one) > _MOST_NUMBER:
                raise UnknowableError("a number becomes too large")
            case list():
                waiting += one
            case dict():
                waiting += one.values()
        count += 1
        if max(count, len(waiting)) > MOST_TEXT:
            raise UnknowableError(f"a value has more than {MOST_TEXT} parts")
    return value
