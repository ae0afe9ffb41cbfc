"""When a failed request is made again: the only place where registries are waited for.

Engines retry at once, or never, or ignore what the registry asked for. Here each operation has a
number of tries and a time budget; between two tries passes a random part of a growing pause ("full
jitter"), or what ``Retry-After`` asks for, within a limit.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

RETRIED = frozenset({408, 425, 429, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
"""Statuses after which the same request may succeed; 499 and those from 520 come from proxies.

Other statuses of servers are refusals: 501, 505, 507 (the disk is full), 508, 511, 525, 526.
"""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance, so that a test can own them. All times are in seconds."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a registry is waited for; times in seconds.

    ``budget`` bounds one operation with all its tries, ``strange`` the tries of a registry that has
    never answered (a mistyped host should not cost minutes), ``settle`` the time that a written tag
    may take to be readable, ``request`` one exchange that moves no blob.
    """

    tries: int = 10
    budget: float = 300.0
    first: float = 0.5
    longest: float = 20.0
    asked: float = 120.0
    strange: int = 3
    settle: float = 60.0
    request: float = 60.0


class Attempts:
    """The tries of one operation."""

    def __init__(self, patience: Patience, clock: Clock) -> None:
        self._patience = patience
        self._clock = clock
        self._begin = clock.monotonic()
        self.made = 1

    def again(self, asked: float | None = None, *, most: int | None = None) -> bool:
        """Wait for the next try and say yes, or say no where tries or time are used up.

        ``asked`` is what the registry wants to be left alone for; ``most`` lowers the number of
        tries.
        """
        pause = self._pause(asked)
        if self.made >= min(most or self._patience.tries, self._patience.tries):
            return False
        if self.elapsed + pause > self._patience.budget:
            return False
        self._clock.sleep(pause)
        self.made += 1
        return True

    @property
    def elapsed(self) -> float:
        """The seconds since the operation began."""
        return self._clock.monotonic() - self._begin

    def _pause(self, asked: float | None) -> float:
        roof = min(self._patience.longest, self._patience.first * 2.0 ** min(self.made - 1, 16))
        jitter = roof * self._clock.random()
        if asked is None:
            return jitter
        # a little more than asked for, so that many clients do not come back as one
        return min(asked, self._patience.asked) + self._patience.first * self._clock.random()


def retry_after(value: str | None, now: float) -> float | None:
    """The seconds that a ``Retry-After`` header asks for (RFC 9110 §10.2.3), ``None`` for nonsense.

    ``now`` is the wall clock in seconds since 1970.

    >>> retry_after("3", 0.0)
    3.0
    >>> retry_after("soon", 0.0) is None
    True
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError, OSError):
        return None
