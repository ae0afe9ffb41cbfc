"""The loop of a run: starts what the scheduler offers, feeds results back, ends in good order."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from releaser.core.events import (
    Event,
    Outcome,
    RunResult,
    StepFinished,
    StepRecord,
    StepStarted,
)
from releaser.core.plan import Plan
from releaser.core.schedule import Node, Schedule
from releaser.core.steps import (
    AttachStep,
    BuildStep,
    CopyStep,
    NameStep,
    PushStep,
    RecordStep,
    RemoveStep,
    Step,
    TagStep,
    WithdrawStep,
)
from releaser.errors import InternalError, InterruptedRunError, ReleaserError
from releaser.executor.work import Doers, Done, Workers
from releaser.interfaces import Listener

BUILD_POOL = "build"
ENGINE_POOL = "engine"
ENGINE_CALLS = 4
TRANSFERS = 8
GRACE_SECONDS = 20.0
_TICK = 0.1


class Stop:
    """Tells a run to end: set from a signal handler, read by the executor."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def set(self, signal: int) -> None:
        """Ask the run to end because of ``signal``; the first one counts."""
        if self.signal is None:
            self.signal = signal


@dataclass(frozen=True, slots=True)
class Limits:
    """How much at once: images built, and transfers to each registry by name.

    ``jobs`` is ``None`` where the builder knows best.
    """

    jobs: int | None = None
    transfers: Mapping[str, int] = field(default_factory=dict)
    keep_going: bool = False


class _Serial:
    """A listener that is never called twice at once, and whose failure ends no run."""

    def __init__(self, inner: Listener) -> None:
        self._inner = inner
        self._lock = threading.Lock()

    def on(self, event: Event) -> None:
        # A terminal that goes away, or a bug in a picture, must not stop a release half-way.
        with self._lock, contextlib.suppress(Exception):
            self._inner.on(event)


def execute(
    plan: Plan,
    doers: Doers,
    listener: Listener,
    limits: Limits,
    stop: Stop | None = None,
    clock: Callable[[], float] = time.monotonic,
    grace: float = GRACE_SECONDS,
) -> RunResult:
    """Run every step of ``plan`` and say of each what became of it.

    Failures of steps are in the result and not raised. After a signal, steps under way have
    ``grace`` seconds to end; what does not is left behind and counts as cancelled.
    """
    return _Run(plan, doers, _Serial(listener), limits, stop or Stop(), clock, grace).run()


class _Run:
    def __init__(
        self,
        plan: Plan,
        doers: Doers,
        listener: Listener,
        limits: Limits,
        stop: Stop,
        clock: Callable[[], float],
        grace: float,
    ) -> None:
        self._steps: dict[str, Step] = {one.key: one.step for one in plan.steps}
        self._doers, self._listener, self._limits = doers, listener, limits
        self._stop, self._clock, self._grace = stop, clock, grace
        self._begin = clock()
        nodes = [Node(one.key, one.needs, _pool(one.step), one.stage) for one in plan.steps]
        jobs = limits.jobs or (doers.builder.at_once if doers.builder else 1)
        capacity = {BUILD_POOL: jobs, ENGINE_POOL: ENGINE_CALLS}
        for node in nodes:
            name = node.pool.partition(":")[2]
            capacity.setdefault(node.pool, limits.transfers.get(name, TRANSFERS))
        self._pools = tuple(dict.fromkeys(node.pool for node in nodes))
        self._unbuilt = {key for key, step in self._steps.items() if isinstance(step, BuildStep)}
        self._patient = {_pool(step) for step in self._steps.values() if _is_near(step)}
        self._schedule = Schedule(nodes, capacity)
        self._workers = Workers(self._steps, doers, listener, clock, self)
        self._records: dict[str, StepRecord] = {}
        self._started: dict[str, float] = {}
        self._cut: dict[str, Done] = {}
        self._done: queue.SimpleQueue[Sequence[Done]] = queue.SimpleQueue()
        self._stopping = False

    @property
    def builds_stopped(self) -> bool:
        """Whether what the builder gives up now was stopped by us."""
        return self._stopping or self.uploads_stopped

    @property
    def uploads_stopped(self) -> bool:
        """Whether an upload that fails now was stopped by us."""
        return self._stop.signal is not None

    def run(self) -> RunResult:
        """Loop until nothing runs and nothing may start."""
        deadline: float | None = None
        while not self._over():
            if self._stop.signal is not None and deadline is None:
                deadline = self._clock() + self._grace
                self._stopping = True
            if self._stopping:
                self._cancel()
            else:
                self._start_all()
            self._take()
            if deadline is not None and self._clock() > deadline:
                break
        self._close()
        return RunResult(self._in_order(), self._error())

    def _over(self) -> bool:
        if self._stopping:
            return not self._schedule.running
        return self._schedule.finished

    def _start_all(self) -> None:
        for pool in self._pools:
            if pool == BUILD_POOL:
                self._start_builds()
                continue
            if pool in self._patient and self._unbuilt:
                continue
            for key in self._schedule.ready(pool):
                self._begin_step(key)
                self._hand_out(partial(self._workers.do, key), key)

    def _start_builds(self) -> None:
        builder = self._doers.builder
        size = builder.batch_size if builder else 1
        while keys := self._schedule.batch(BUILD_POOL, size):
            for key in keys:
                self._begin_step(key)
            self._hand_out(partial(self._workers.build, keys), keys[0])

    def _hand_out(self, work: Callable[[], Sequence[Done]], name: str) -> None:
        # Daemons: the program must be able to end although an engine has gone silent. There are
        # never more of them than the pools allow.
        threading.Thread(target=lambda: self._done.put(work()), name=name, daemon=True).start()

    def _begin_step(self, key: str) -> None:
        self._schedule.start(key)
        self._started[key] = self._clock()
        self._listener.on(StepStarted(key, self._steps[key].image))

    def _take(self) -> None:
        """Wait a moment for results and feed them back."""
        try:
            results = self._done.get(timeout=_TICK)
        except queue.Empty:
            return
        for result in results:
            self._feed(result)

    def _feed(self, result: Done) -> None:
        if result.outcome is Outcome.CANCELLED:
            self._cut[result.key] = result
            blocked = self._schedule.requeue(result.key)
        else:
            blocked = self._schedule.finish(result.key, ok=result.outcome is Outcome.DONE)
            self._record(result)
        for key in blocked:
            self._record(Done(key, Outcome.BLOCKED, 0.0), self._schedule.blocker(key))
        if result.outcome is Outcome.FAILED and not self._limits.keep_going:
            self._stopping = True

    def _record(self, done: Done, blocked_by: str | None = None) -> None:
        self._unbuilt.discard(done.key)
        image = self._steps[done.key].image
        began = self._started.get(done.key, self._begin) - self._begin
        end = (done.outcome, done.seconds, done.error, blocked_by, done.digest)
        finished = StepFinished(done.key, image, *end)
        self._records[done.key] = StepRecord(
            done.key, image, done.outcome, began, *end[1:], done.write, done.superseded_by
        )
        self._listener.on(finished)

    def _cancel(self) -> None:
        """Stop the builds, and on a signal the uploads; again and again, since a worker that was
        just handed out may not have begun the last time."""
        if self._doers.builder:
            self._doers.builder.cancel()
        if self._doers.engine and self._stop.signal is not None:
            self._doers.engine.cancel()

    def _close(self) -> None:
        """Record what never began, was stopped, or was still under way when time was up."""
        for key in self._steps:
            if key not in self._records:
                left = self._clock() - self._started[key] if key in self._started else 0.0
                self._record(self._cut.get(key) or Done(key, Outcome.CANCELLED, left))

    def _in_order(self) -> dict[str, StepRecord]:
        return {key: self._records[key] for key in self._steps}

    def _error(self) -> ReleaserError | None:
        records = self._records.values()
        if self._stop.signal is not None and any(r.outcome is not Outcome.DONE for r in records):
            return InterruptedRunError(self._stop.signal)
        failed = next((one.error for one in records if one.outcome is Outcome.FAILED), None)
        left = [one.key for one in records if one.outcome is not Outcome.DONE]
        if left and failed is None:
            return InternalError(f"{len(left)} steps could never begin, {left[0]} first")
        return failed


def _is_near(step: Step) -> bool:
    """Whether an upload needs no network, so that it only takes the processors from the builds.

    Uploads to elsewhere mostly wait, and are hidden behind the builds (decision 9).
    """
    return isinstance(step, PushStep) and step.reference.repository.on_this_machine


def _pool(step: Step) -> str:
    match step:
        case BuildStep():
            return BUILD_POOL
        case NameStep():
            return ENGINE_POOL
        case PushStep() | CopyStep() | AttachStep() | TagStep() | RecordStep() | WithdrawStep():
            return f"registry:{step.registry}"
        case RemoveStep():
            return f"registry:{step.registry}"
