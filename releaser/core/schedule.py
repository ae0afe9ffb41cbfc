"""The scheduler: which step may start now, and what a failure blocks; no threads, no clock.

Every step belongs to a *pool* with a capacity (builds at once, transfers to one registry at once)
and to a *stage*: no step of a stage starts before all of the stages below are done. Among the steps
that may start, those with the longest chain of dependants behind them come first, then those that
stand first in the plan.

::

    schedule = Schedule(nodes, {"build": 4})
    while not schedule.finished:
        for key in schedule.ready("build"): schedule.start(key)
        ...
        blocked = schedule.finish(key, ok=False)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from heapq import heappop, heappush

_Rank = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Node:
    """A step as the scheduler sees it."""

    key: str
    needs: tuple[str, ...] = ()
    pool: str = ""
    stage: int = 0


class State(Enum):
    """Where a step is: it ends in DONE, FAILED or BLOCKED, or stays WAITING when a run stops."""

    WAITING = auto()
    RUNNING = auto()
    DONE = auto()
    FAILED = auto()
    BLOCKED = auto()


class Schedule:
    """The state of a run: drive it with :meth:`ready`, :meth:`start` and :meth:`finish`.

    ``nodes`` must be free of cycles; a need that is no node counts as done.
    """

    def __init__(self, nodes: Iterable[Node], capacity: Mapping[str, int]) -> None:
        self._nodes = {node.key: node for node in nodes}
        self._capacity = dict(capacity)
        self._position = {key: index for index, key in enumerate(self._nodes)}
        self._state = dict.fromkeys(self._nodes, State.WAITING)
        self._dependants: dict[str, list[str]] = {key: [] for key in self._nodes}
        self._missing: dict[str, int] = {}
        for node in self._nodes.values():
            needs = [need for need in dict.fromkeys(node.needs) if need in self._nodes]
            self._missing[node.key] = len(needs)
            for need in needs:
                self._dependants[need].append(node.key)
        self._height = self._heights()
        self._running: dict[str, int] = {}
        self._left: dict[int, int] = {}
        for node in self._nodes.values():
            self._left[node.stage] = self._left.get(node.stage, 0) + 1
        self._stages = sorted(self._left)
        # A step stays in its heap when it starts, and is left out when it comes to the top.
        self._heaps: dict[str, list[_Rank]] = {}
        self._offered: set[str] = set()
        self._parked: dict[int, list[str]] = {}
        self._blocked_stage = False
        self._blockers: dict[str, str] = {}
        for key, missing in self._missing.items():
            if not missing:
                self._offer(key)

    @property
    def finished(self) -> bool:
        """Whether nothing is running and nothing will become ready."""
        return not self._offered and not self.running

    @property
    def running(self) -> int:
        """How many steps are running."""
        return sum(self._running.values())

    def state(self, key: str) -> State:
        """Where a step is."""
        return self._state[key]

    def free(self, pool: str) -> int:
        """How many more steps of ``pool`` may start now."""
        return self._capacity.get(pool, 1) - self._running.get(pool, 0)

    def ready(self, pool: str) -> tuple[str, ...]:
        """The steps of ``pool`` that may start now, the most urgent first, as many as are free."""
        return tuple(key for _, _, key in self._first(pool, self.free(pool)))

    def batch(self, pool: str, size: int) -> tuple[str, ...]:
        """A batch of at most ``size`` steps of ``pool`` that may start together.

        It begins with the most urgent that is ready; a step also belongs when all that it still
        needs is in the batch before it. Never more than the pool has free.
        """
        size = min(size, self.free(pool))
        queue = self._first(pool, size)  # in order, which makes it a heap
        missing: dict[str, int] = {}
        batch: list[str] = []
        while queue and len(batch) < size:
            key = heappop(queue)[2]
            batch.append(key)
            for dependant in self._dependants[key]:
                missing[dependant] = missing.get(dependant, self._missing[dependant]) - 1
                if not missing[dependant] and self._fits(dependant, pool):
                    heappush(queue, self._rank(dependant))
        return tuple(batch)

    def start(self, key: str) -> None:
        """A step has begun. In a batch, upstreams are started before their dependants."""
        pool = self._nodes[key].pool
        self._offered.discard(key)
        self._state[key] = State.RUNNING
        self._running[pool] = self._running.get(pool, 0) + 1

    def finish(self, key: str, *, ok: bool) -> tuple[str, ...]:
        """A step has ended; the steps that this blocks, if it did not end well.

        A failure blocks everything that needs the step, and every step of a later stage.
        """
        self._stop(key)
        self._state[key] = State.DONE if ok else State.FAILED
        if not ok:
            later = [] if self._blocked_stage else self._later(key)
            self._blocked_stage = True
            return self._block(key, [*self._dependants[key], *later])
        self._leave_stage(self._nodes[key].stage)
        for dependant in self._dependants[key]:
            self._missing[dependant] -= 1
            if not self._missing[dependant] and self._state[dependant] is State.WAITING:
                self._offer(dependant)
        return ()

    def requeue(self, key: str) -> tuple[str, ...]:
        """A running step was stopped through no fault of its own and shall start again.

        In a batch it may have started together with what it needs: if that has failed meanwhile,
        the step is blocked after all, and this and its dependants are what is given back.
        """
        self._stop(key)
        self._state[key] = State.WAITING
        culprit = self._culprit(key)
        if culprit is not None:
            return self._block(culprit, [key])
        if not self._missing[key]:
            self._offer(key)
        return ()

    def blocker(self, key: str) -> str | None:
        """The step whose failure blocks ``key``, or ``None``."""
        return self._blockers.get(key)

    def _culprit(self, key: str) -> str | None:
        """The failed step that ``key`` stands on, directly or through a blocked one."""
        for need in self._nodes[key].needs:
            if self._state.get(need) is State.FAILED:
                return need
            if self._state.get(need) is State.BLOCKED:
                return self._blockers[need]
        return None

    def _stop(self, key: str) -> None:
        self._running[self._nodes[key].pool] -= 1

    def _fits(self, key: str, pool: str) -> bool:
        node = self._nodes[key]
        waiting = self._state[key] is State.WAITING
        return waiting and node.pool == pool and node.stage == self._stage()

    def _stage(self) -> int:
        return self._stages[0] if self._stages else 0

    def _first(self, pool: str, count: int) -> list[_Rank]:
        """The ``count`` most urgent steps of ``pool`` that are offered, in order."""
        heap = self._heaps.get(pool, [])
        found: list[_Rank] = []
        while heap and len(found) < count:
            rank = heappop(heap)
            twice = bool(found) and rank == found[-1]  # requeued before it was left out
            if rank[2] in self._offered and not twice:
                found.append(rank)
        for rank in found:
            heappush(heap, rank)
        return found

    def _rank(self, key: str) -> _Rank:
        return (-self._height[key], self._position[key], key)

    def _offer(self, key: str) -> None:
        node = self._nodes[key]
        if node.stage == self._stage():
            self._offered.add(key)
            heappush(self._heaps.setdefault(node.pool, []), self._rank(key))
        else:
            self._parked.setdefault(node.stage, []).append(key)

    def _leave_stage(self, stage: int) -> None:
        self._left[stage] -= 1
        while self._stages and not self._left[self._stages[0]]:
            self._stages.pop(0)
            for key in self._parked.pop(self._stage(), []):
                self._offer(key)

    def _later(self, key: str) -> list[str]:
        """The steps of the stages above that of ``key``."""
        stage = self._nodes[key].stage
        return [node.key for node in self._nodes.values() if node.stage > stage]

    def _block(self, culprit: str, ahead: list[str]) -> tuple[str, ...]:
        """Block the waiting steps of ``ahead`` and all that needs them, because of ``culprit``."""
        blocked: list[str] = []
        while ahead:
            key = ahead.pop()
            if self._state[key] is State.WAITING:
                self._state[key] = State.BLOCKED
                self._blockers[key] = culprit
                blocked.append(key)
                ahead.extend(self._dependants[key])
        return tuple(sorted(blocked, key=self._position.__getitem__))

    def _heights(self) -> dict[str, int]:
        """The number of steps on the longest chain of dependants that begins with each step."""
        missing = {key: len(dependants) for key, dependants in self._dependants.items()}
        height = dict.fromkeys(self._nodes, 1)
        ready = [key for key, count in missing.items() if not count]
        while ready:
            key = ready.pop()
            for need in dict.fromkeys(self._nodes[key].needs):
                if need in self._nodes:
                    height[need] = max(height[need], height[key] + 1)
                    missing[need] -= 1
                    if not missing[need]:
                        ready.append(need)
        return height
