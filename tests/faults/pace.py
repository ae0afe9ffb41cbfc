"""A clock that runs faster than the wall's, so that the pauses of production pass quickly.

Everything that is waited for takes the same share of its time, so what happens at once still
happens at once. Limits on single exchanges are held by the sockets and pass in real seconds.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

from releaser.cli.compose import Waiting
from releaser.registries.retry import Clock, Patience

FACTOR = 40.0
IDLE = 2.0
REQUEST = 4.0


@dataclass
class Pace:
    """``factor`` seconds of the run pass in one; ``pauses`` are what it waited, in its seconds."""

    factor: float = FACTOR
    pauses: list[float] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    wall: float = field(default_factory=time.time)

    def now(self) -> float:
        """The run's monotonic clock."""
        return (time.monotonic() - self.began) * self.factor

    def today(self) -> float:
        """The run's wall clock, in seconds since 1970."""
        return self.wall + self.now()

    def sleep(self, seconds: float) -> None:
        """Wait for so many of the run's seconds."""
        self.pauses.append(seconds)
        time.sleep(seconds / self.factor)

    def pause(self, event: threading.Event, seconds: float) -> bool:
        """Wait for so many of the run's seconds, or until the event."""
        self.pauses.append(seconds)
        return event.wait(seconds / self.factor)

    def waiting(self, idle: float = IDLE, request: float = REQUEST, push: float = 10.0) -> Waiting:
        """Production's patience on this clock; the limits of single exchanges in real seconds."""
        clock = Clock(self.now, self.today, self.sleep, random.random)
        patience = Patience(request=request)
        return Waiting(patience, clock, idle, push, self.pause)
