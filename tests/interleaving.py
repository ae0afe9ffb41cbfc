"""Runs that take turns at a registry in every order: each call to it is a point of one of them.

The functions under test are the real ones. They run in threads of which only one moves at a time,
and only from one call to the next, so that an order can be replayed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.fakes.registry import FakeRegistry

Run = Callable[[object], None]
POINTS = ("put", "digest", "tags", "manifest")


@dataclass
class _Turn:
    """One run: where it waits, what it has seen, and how it ended."""

    begin: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    seen: list[Hashable] = field(default_factory=list)
    over: bool = False
    killed: bool = False
    error: BaseException | None = None


class Killed(BaseException):
    """The process is gone."""


class _Seat:
    """The registry as one run sees it: before every call it waits for its turn."""

    def __init__(self, inner: FakeRegistry, turn: _Turn, back: threading.Semaphore) -> None:
        self._inner, self._turn, self._back = inner, turn, back

    def __getattr__(self, name: str) -> object:
        found = getattr(self._inner, name)
        if name not in POINTS:
            return found

        def called(*arguments: object, **named: object) -> object:
            self._back.release()
            self._turn.begin.acquire()
            if self._turn.killed:
                raise Killed
            answer = found(*arguments, **named)
            self._turn.seen.append((name, str(arguments), str(answer)))
            return answer

        return called


class Table:
    """A registry, and the runs that sit around it."""

    def __init__(self, registry: FakeRegistry, runs: Sequence[Run]) -> None:
        self.registry = registry
        self._back = threading.Semaphore(0)
        self.turns = [_Turn() for _ in runs]
        for run, turn in zip(runs, self.turns, strict=True):
            seat = _Seat(registry, turn, self._back)
            threading.Thread(target=self._run, args=(run, seat, turn), daemon=True).start()
            self._back.acquire()  # until it stands before its first call

    def _run(self, run: Run, seat: _Seat, turn: _Turn) -> None:
        try:
            run(seat)
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            turn.error = error
        turn.over = True
        self._back.release()

    def move(self, number: int, *, kill: bool = False) -> None:
        """Let one run do its next call, and go on until it stands before another."""
        turn = self.turns[number]
        turn.killed = kill
        turn.begin.release()
        self._back.acquire()

    @property
    def waiting(self) -> list[int]:
        """The runs that are not over."""
        return [number for number, turn in enumerate(self.turns) if not turn.over]

    def state(self) -> Hashable:
        """All that can decide about what happens from here on."""
        return (*(tuple(turn.seen) for turn in self.turns), str(sorted(self._tags())))

    def _tags(self) -> list[tuple[str, str]]:
        return [(str(key), str(value)) for key, value in self.registry.named().items()]


def every_end(make: Callable[[], Table]) -> Iterator[Table]:
    """A table for every end that the runs can come to, whatever their order.

    Orders that lead to the same state are the same from there on, and tried once.
    """
    seen: set[Hashable] = set()
    ahead: list[tuple[int, ...]] = [()]
    while ahead:
        order = ahead.pop()
        table = make()
        for number in order:
            table.move(number)
        while True:
            state = table.state()
            if state in seen:
                break
            seen.add(state)
            if not table.waiting:
                yield table
                break
            first, *others = table.waiting
            ahead.extend((*order, other) for other in others)
            order = (*order, first)
            table.move(first)
        _leave(table)


def some_ends(make: Callable[[], Table], random: Random, count: int) -> Iterator[Table]:
    """Tables for as many orders, each drawn anew."""
    for _ in range(count):
        table = make()
        while table.waiting:
            table.move(random.choice(table.waiting))
        yield table


def _leave(table: Table) -> None:
    """End the threads that still wait."""
    for number in table.waiting:
        while not table.turns[number].over:
            table.move(number, kill=True)
