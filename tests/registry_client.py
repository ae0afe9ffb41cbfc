"""What tests of the distribution adapter need on their side of the wire."""

from __future__ import annotations

from releaser.errors import ReleaserError
from releaser.logins.login import Login
from releaser.registries.distribution import Distribution
from releaser.registries.retry import Clock, Patience


class Time:
    """A clock that sleeping moves, and nothing else."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: self.now, self.sleep, lambda: 1.0)


class Known:
    """The same login for every registry."""

    def __init__(self, login: Login | None = None) -> None:
        self.login = login

    def of(self, registry: str) -> Login | None:  # noqa: ARG002
        return self.login


def distribution(
    login: Login | None = None,
    *,
    when: Time | None = None,
    realms: frozenset[str] = frozenset(),
    insecure: frozenset[str] = frozenset(),
    patience: Patience | None = None,
    idle: float = 3.0,
) -> Distribution:
    """The adapter, with a clock of its own, knowing nothing of this machine's logins."""
    clock = (when or Time()).clock
    return Distribution(
        insecure=insecure,
        logins=Known(login),
        realms=realms,
        patience=patience,
        clock=clock,
        idle=idle,
    )


def told(error: ReleaserError) -> str:
    """Everything that a user gets to see of ``error``."""
    return "\n".join([str(error), *(f"{k}: {v}" for k, v in error.details), error.hint or ""])
