"""How fast a registry is asked that refuses what is too much for it, in simulated time."""

from __future__ import annotations

from collections import deque

import pytest

from releaser.registries.pacing import LEAST, Pacing
from releaser.registries.retry import Clock

HOST = "registry.example"


class Simulated:
    """A registry that lets so many requests through in a second, and time that only passes here."""

    def __init__(self, rate: int) -> None:
        self.now = 0.0
        self.rate = rate
        self.slept: list[float] = []
        self.refused = 0
        self._recent: deque[float] = deque()

    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: self.now, self.sleep, lambda: 0.5)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def ask(self) -> int:
        self.now += 0.002
        while self._recent and self.now - self._recent[0] >= 1:
            self._recent.popleft()
        if len(self._recent) >= self.rate:
            self.refused += 1
            return 429
        self._recent.append(self.now)
        return 200


@pytest.mark.parametrize("rate", [2, 5, 20, 100])
def test_what_is_allowed_is_used_and_little_is_refused(rate: int) -> None:
    registry = Simulated(rate)
    pacing = Pacing(registry.clock())
    done = asked = 0
    while registry.now < 120:
        pacing.wait(HOST)
        status = registry.ask()
        pacing.answered(HOST, status)
        asked += 1
        done += status == 200
    assert done >= 0.8 * rate * 120
    assert registry.refused <= 0.25 * asked


def test_nobody_waits_for_a_registry_that_never_complained() -> None:
    registry = Simulated(1000)
    pacing = Pacing(registry.clock())
    pacing.answered("other.example", 429)
    for status in (200, 404, 503):
        pacing.wait(HOST)
        pacing.answered(HOST, status)
    assert registry.slept == []


def test_a_registry_that_only_refuses_is_waited_for_with_an_end() -> None:
    registry = Simulated(0)
    pacing = Pacing(registry.clock())
    for _ in range(100):
        pacing.wait(HOST)
        pacing.answered(HOST, registry.ask())
    assert max(registry.slept) <= 1 / LEAST


def test_a_registry_that_answers_again_is_soon_asked_as_before() -> None:
    registry = Simulated(0)
    pacing = Pacing(registry.clock())
    for _ in range(20):
        pacing.wait(HOST)
        pacing.answered(HOST, registry.ask())
    registry.rate = 10**6
    for _ in range(3500):
        pacing.wait(HOST)
        pacing.answered(HOST, registry.ask())
    before = len(registry.slept)
    pacing.wait(HOST)
    assert len(registry.slept) == before
