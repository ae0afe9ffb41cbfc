"""Sizes in the spec: a number of bytes with a unit."""

from __future__ import annotations

import re

from releaser.core.spec.fields import refused
from releaser.core.template import blank

MOST = 2**40
"""Bytes; more is a slip, and a number that no engine can hold."""

SIZE = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*(?:[Bb]|([KMGkmg])(?:[Ii]?[Bb])?)?")


def check_size(value: str) -> None:
    """Raise what the spec raises where ``value`` is no size of at most :data:`MOST` bytes."""
    found = SIZE.fullmatch(blank(value, "1"))
    if not found:
        raise refused(f'"{value}" is not a size', "write 128m or 1g")
    if float(found[1]) * 1024 ** " kmg".index((found[2] or " ").lower()) > MOST:
        raise refused(f'"{value}" is more than 1 TiB', "write 128m or 1g")
