"""How fast a registry is asked that has said "too many requests": about as fast as it allows.

Every request of its own accord would only meet the next refusal, and be tried again beside all
others. Therefore such a registry's requests leave at a rate, which falls by a fifth with a refusal
and rises a little with each answer (as TCP does, RFC 5681 §3.1), so that it stays near what is
allowed without anybody saying what that is. A registry that has never complained is never waited
for, nor is one that has taken hundreds a second since.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from releaser.registries.retry import Clock

TOO_MANY = 429
FIRST = 20.0
LEAST = 0.5
ENOUGH = 300.0
FALLS = 0.8


@dataclass
class _Rate:
    """Requests a second, when the next one may leave, and when the rate last fell."""

    value: float
    next: float
    fell: float

    @property
    def gap(self) -> float:
        """The seconds between two requests."""
        return 1 / self.value


class Pacing:
    """The rates of all registries, by host; callable from many threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rates: dict[str, _Rate] = {}

    def wait(self, host: str) -> None:
        """Wait until a request to ``host`` may leave."""
        with self._lock:
            rate = self._rates.get(host)
            if rate is None:
                return
            now = self._clock.monotonic()
            begin = max(now, rate.next)
            rate.next = begin + rate.gap
        if begin > now:
            self._clock.sleep(begin - now)

    def answered(self, host: str, status: int) -> None:
        """Learn from an answer."""
        with self._lock:
            rate = self._rates.get(host)
            if status == TOO_MANY:
                self._refused(host, rate)
            elif rate is not None:
                rate.value += max(0.2 / rate.value, 0.1)  # in a second by a tenth, or by 0.2
                if rate.value > ENOUGH:
                    del self._rates[host]

    def _refused(self, host: str, rate: _Rate | None) -> None:
        now = self._clock.monotonic()
        if rate is None:
            self._rates[host] = _Rate(FIRST, now + 1 / FIRST, now)
        elif now - rate.fell >= rate.gap:  # what was under way together is refused together
            rate.value, rate.fell = max(rate.value * FALLS, LEAST), now
