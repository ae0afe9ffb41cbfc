"""What is suspicious, said on stderr beside a result."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress

from releaser.core.facts import Concern
from releaser.core.harmless import printable


def say_concerns(concerns: Iterable[Concern]) -> None:
    """One line for each; that nobody listens any more must not end anything."""
    for concern in concerns:
        hint = f" ({concern.hint})" if concern.hint else ""
        with suppress(OSError):
            sys.stderr.write(printable(f"warning: {concern.message}{hint}") + "\n")
