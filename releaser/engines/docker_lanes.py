"""How a registry is pushed to that says "too many requests": one image at a time, with patience.

An engine meets such an answer with five tries at once and gives up, and it sends the requests for
all layers together. So a push of two blobs needs more requests in a moment than a strict limit
lets through, and several pushes take them from one another. What an attempt has uploaded stays,
though: alone and with pauses, each attempt gets further than the one before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from releaser.errors import RegistryError

TOO_MANY = "TOOMANYREQUESTS"
PAUSES = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0)
"""The seconds before each further attempt of a push that was turned away for its many requests."""

_LOOK_SECONDS = 0.1


@dataclass
class Lane:
    """The pushes to one registry.

    ``narrow``: it has complained, and pushes take turns. ``closed``: one of them has come to the
    end of its patience, so that the others need none.
    """

    narrow: bool = False
    closed: bool = False
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def narrowed(self) -> bool:
        """Let pushes take turns from now on; whether they did not before."""
        before, self.narrow = self.narrow, True
        return not before

    @contextmanager
    def turn(self, gave_up: Callable[[], bool]) -> Iterator[None]:
        """Wait for one's turn, or until there is nothing to wait for any more."""
        has_it = False
        while not has_it and not gave_up():
            has_it = self._turn.acquire(timeout=_LOOK_SECONDS)
        try:
            yield
        finally:
            if has_it:
                self._turn.release()


class Lanes:
    """The lanes to all registries, by host."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lanes: dict[str, Lane] = {}

    def to(self, host: str) -> Lane:
        """The lane to a registry."""
        with self._lock:
            return self._lanes.setdefault(host, Lane())


def is_limit(error: RegistryError) -> bool:
    """Whether a push failed because the registry takes no more requests for the moment."""
    return error.reason == TOO_MANY
