"""Runs a plan: threads around the scheduler, results fed back, events sent out.

Nothing is decided here. The scheduler says what may start, the adapters do it, and what each step
came to is recorded. A run ends in one of three ways: everything is done, a step failed (what is
running is waited for or stopped, nothing new starts unless it may go on), or a signal came.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from releaser.core.events import (
    BuildCancelled,
    BuildFailed,
    BuildResult,
    Built,
    Event,
    Outcome,
    RunResult,
    StepFinished,
    StepProgress,
    StepRecord,
    StepStarted,
)
from releaser.core.oci import Digest, Manifest, Reference
from releaser.core.plan import Plan
from releaser.core.schedule import Node, Schedule
from releaser.core.steps import (
    BuildStep,
    CopyStep,
    NameStep,
    PushStep,
    Step,
    TagKind,
    TagStep,
)
from releaser.errors import (
    InternalError,
    InterruptedRunError,
    PlanError,
    RegistryError,
    ReleaserError,
)
from releaser.interfaces import Builder, Engine, Listener, Registry

BUILD_POOL = "build"
ENGINE_POOL = "engine"
GRACE_SECONDS = 20.0


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
    """How much at once: images built, and transfers to each registry by name."""

    jobs: int = 8
    transfers: Mapping[str, int] = field(default_factory=dict)
    keep_going: bool = False


@dataclass(frozen=True, slots=True)
class Doers:
    """Those who do the steps; ``builder`` and ``engine`` may be absent where no step needs them."""

    registry: Registry
    engine: Engine | None = None
    builder: Builder | None = None


@dataclass(frozen=True, slots=True)
class _Done:
    """What a worker reports: a step, what it came to, and how long it took."""

    key: str
    outcome: Outcome
    seconds: float
    error: ReleaserError | None = None
    digest: Digest | None = None


class _Serial:
    """A listener that is never called twice at once."""

    def __init__(self, inner: Listener) -> None:
        self._inner = inner
        self._lock = threading.Lock()

    def on(self, event: Event) -> None:
        with self._lock:
            self._inner.on(event)


class _Named:
    """A listener for one step: gives its key and image to what an engine says of a transfer."""

    def __init__(self, inner: Listener, key: str, image: str) -> None:
        self._inner, self._key, self._image = inner, key, image

    def on(self, event: Event) -> None:
        if isinstance(event, StepProgress):
            event = replace(event, key=self._key, image=self._image)
        self._inner.on(event)


def execute(
    plan: Plan,
    doers: Doers,
    listener: Listener,
    limits: Limits,
    stop: Stop | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> RunResult:
    """Run every step of ``plan`` and say of each what became of it.

    Failures of steps are in the result and not raised.
    """
    return _Run(plan, doers, _Serial(listener), limits, stop or Stop(), clock).run()


class _Run:
    def __init__(
        self,
        plan: Plan,
        doers: Doers,
        listener: Listener,
        limits: Limits,
        stop: Stop,
        clock: Callable[[], float],
    ) -> None:
        self._steps: dict[str, Step] = {one.key: one.step for one in plan.steps}
        self._doers, self._listener, self._limits = doers, listener, limits
        self._stop, self._clock = stop, clock
        self._begin = clock()
        nodes = [Node(one.key, one.needs, _pool(one.step), one.stage) for one in plan.steps]
        capacity = {BUILD_POOL: limits.jobs, ENGINE_POOL: 4}
        for node in nodes:
            name = node.pool.partition(":")[2]
            capacity.setdefault(node.pool, limits.transfers.get(name, 8))
        self._pools = tuple(dict.fromkeys(node.pool for node in nodes))
        self._schedule = Schedule(nodes, capacity)
        self._records: dict[str, StepRecord] = {}
        self._started: dict[str, float] = {}
        self._done: queue.SimpleQueue[Sequence[_Done]] = queue.SimpleQueue()
        self._manifests: dict[Reference, Manifest] = {}
        self._ids: dict[str, Digest] = {}
        self._stopping = False

    def run(self) -> RunResult:
        """Loop until nothing runs and nothing may start."""
        workers = max(4, sum(max(self._schedule.free(pool), 0) for pool in self._pools))
        threads = ThreadPoolExecutor(min(workers, 64))
        given_up = not self._loop(threads)
        # A worker that does not come back (an engine gone silent) must not keep the run alive.
        threads.shutdown(wait=not given_up, cancel_futures=True)
        self._close()
        return RunResult(self._in_order(), self._error())

    def _loop(self, threads: ThreadPoolExecutor) -> bool:
        """Whether the run came to its end; false where workers would not stop in time."""
        deadline: float | None = None
        while not self._over():
            if not self._stopping:
                self._start_all(threads)
            self._take()
            if self._stop.signal is not None and deadline is None:
                deadline = self._clock() + GRACE_SECONDS
                self._cancel()
            if deadline is not None and self._clock() > deadline:
                return False
        return True

    def _over(self) -> bool:
        if self._stopping:
            return not self._schedule.running
        return self._schedule.finished

    def _start_all(self, threads: ThreadPoolExecutor) -> None:
        for pool in self._pools:
            if pool == BUILD_POOL:
                self._start_builds(threads)
                continue
            for key in self._schedule.ready(pool):
                self._begin_step(key)
                threads.submit(self._work, key)

    def _start_builds(self, threads: ThreadPoolExecutor) -> None:
        builder = self._doers.builder
        size = builder.batch_size if builder else 1
        while keys := self._schedule.batch(BUILD_POOL, size):
            for key in keys:
                self._begin_step(key)
            threads.submit(self._build, keys)

    def _begin_step(self, key: str) -> None:
        self._schedule.start(key)
        self._started[key] = self._clock()
        self._listener.on(StepStarted(key, self._steps[key].image))

    def _take(self) -> None:
        """Wait a moment for results and feed them back."""
        try:
            results = self._done.get(timeout=0.1)
        except queue.Empty:
            return
        for result in results:
            self._feed(result)

    def _feed(self, result: _Done) -> None:
        if result.outcome is Outcome.CANCELLED:
            blocked = self._schedule.requeue(result.key)
        else:
            blocked = self._schedule.finish(result.key, ok=result.outcome is Outcome.DONE)
            self._record(result)
        for key in blocked:
            self._record(_Done(key, Outcome.BLOCKED, 0.0), self._schedule.blocker(key))
        if result.outcome is Outcome.FAILED and not self._limits.keep_going:
            self._cancel()

    def _record(self, done: _Done, blocked_by: str | None = None) -> None:
        image = self._steps[done.key].image
        started = self._started.get(done.key, self._begin) - self._begin
        self._records[done.key] = StepRecord(
            done.key,
            image,
            done.outcome,
            started,
            done.seconds,
            done.error,
            blocked_by,
            done.digest,
        )
        self._listener.on(
            StepFinished(
                done.key, image, done.outcome, done.seconds, done.error, blocked_by, done.digest
            )
        )

    def _cancel(self) -> None:
        """Start nothing more; stop the builds, and on a signal the transfers too."""
        self._stopping = True
        if self._doers.builder:
            self._doers.builder.cancel()
        if self._doers.engine and self._stop.signal is not None:
            self._doers.engine.cancel()

    def _close(self) -> None:
        """Record what never began, or was still under way when the run was given up."""
        for key in self._steps:
            if key not in self._records:
                self._record(_Done(key, Outcome.CANCELLED, 0.0))

    def _in_order(self) -> dict[str, StepRecord]:
        return {key: self._records[key] for key in self._steps}

    def _error(self) -> ReleaserError | None:
        if self._stop.signal is not None:
            return InterruptedRunError(self._stop.signal)
        failed = [one for one in self._records.values() if one.outcome is Outcome.FAILED]
        return failed[0].error if failed else None

    # What follows runs in the worker threads.

    def _build(self, keys: Sequence[str]) -> None:
        begin = self._clock()
        steps = [self._linked(self._steps[key], set(keys)) for key in keys]
        results: dict[str, BuildResult] = {}
        error: ReleaserError | None = None
        try:
            builder = self._doers.builder
            if builder is None:
                raise InternalError("a build was planned and there is no builder")
            results = {one.image: one for one in builder.build(steps, self._listener)}
        except ReleaserError as caught:
            error = caught
        except Exception as caught:  # noqa: BLE001 - a worker's bug must end the run, not hang it
            error = _bug(caught)
        seconds = self._clock() - begin
        self._done.put([self._built(step, results, error, seconds) for step in steps])

    def _linked(self, step: Step, batch: set[str]) -> BuildStep:
        """The step with its links outside the batch pointed at what the engine calls them."""
        if not isinstance(step, BuildStep):
            raise InternalError(f"{step.key} is no build")
        links = []
        for link in step.links:
            upstream = self._steps.get(f"build:{link.image}")
            outside = isinstance(upstream, BuildStep) and upstream.key not in batch
            if link.source is None and outside and isinstance(upstream, BuildStep):
                link = replace(link, source=upstream.names[0])  # noqa: PLW2901
            links.append(link)
        return replace(step, links=tuple(links))

    def _built(
        self,
        step: BuildStep,
        results: Mapping[str, BuildResult],
        error: ReleaserError | None,
        seconds: float,
    ) -> _Done:
        match results.get(step.image):
            case Built(_, image_id):
                self._ids[step.image] = image_id
                return _Done(step.key, Outcome.DONE, seconds, digest=image_id)
            case BuildFailed(_, failure):
                return _Done(step.key, Outcome.FAILED, seconds, failure)
            case BuildCancelled():
                return _Done(step.key, Outcome.CANCELLED, seconds)
            case None:
                failure = error or InternalError(f'the builder said nothing of "{step.image}"')
                return _Done(step.key, Outcome.FAILED, seconds, failure)

    def _work(self, key: str) -> None:
        begin = self._clock()
        error: ReleaserError | None = None
        digest: Digest | None = None
        try:
            digest = self._do(self._steps[key])
        except ReleaserError as caught:
            error = caught
        except Exception as caught:  # noqa: BLE001 - a worker's bug must end the run, not hang it
            error = _bug(caught)
        outcome = Outcome.FAILED if error else Outcome.DONE
        if error and self._stop.signal is not None:
            outcome = Outcome.CANCELLED
        self._done.put([_Done(key, outcome, self._clock() - begin, error, digest)])

    def _do(self, step: Step) -> Digest | None:
        match step:
            case NameStep(image, image_id, names):
                self._engine().name(image_id, names)
                self._ids[image] = image_id
                return image_id
            case PushStep():
                return self._push(step)
            case CopyStep(_, _, source, reference):
                tag = reference.tag
                if tag is None:
                    raise InternalError(f"{step.key} has no tag")
                return self._doers.registry.copy(source, reference.repository, tag)
            case TagStep():
                return self._tag(step)
            case BuildStep():
                raise InternalError(f"{step.key} is done in batches")

    def _engine(self) -> Engine:
        if self._doers.engine is None:
            raise InternalError("a step needs an engine and there is none")
        return self._doers.engine

    def _push(self, step: PushStep) -> Digest:
        """Upload, and believe only what the registry then gives back (its bytes are hashed)."""
        self._engine().push(step.reference, _Named(self._listener, step.key, step.image))
        manifest = self._doers.registry.manifest(step.reference)
        if manifest is None:
            raise RegistryError(
                f"{step.reference} was pushed and is not there", hint="run it again"
            )
        local = self._ids.get(step.image)
        if local and local not in {manifest.digest, manifest.config, *manifest.children}:
            raise RegistryError(
                f"{step.reference} holds another content than was pushed",
                details=(("pushed", str(local)), ("found", str(manifest.digest))),
            )
        return manifest.digest

    def _tag(self, step: TagStep) -> Digest:
        """Let a tag name the image. An immutable one that was taken meanwhile is left alone."""
        registry, tag = self._doers.registry, step.reference.tag
        manifest = self._manifests.get(step.source) or registry.manifest(step.source)
        if manifest is None or tag is None:
            raise RegistryError(f"{step.source} is not there", hint="run it again")
        self._manifests[step.source] = manifest
        now = registry.digest(step.reference)
        if now == manifest.digest:
            return manifest.digest
        if now is not None and step.kind is TagKind.IMMUTABLE:
            raise PlanError(
                f"{step.reference} was taken by another release meanwhile",
                details=(("ours", str(manifest.digest)), ("there", str(now))),
            )
        registry.put(step.repository, tag, manifest)
        return manifest.digest


def _pool(step: Step) -> str:
    match step:
        case BuildStep():
            return BUILD_POOL
        case NameStep():
            return ENGINE_POOL
        case PushStep() | CopyStep() | TagStep():
            return f"registry:{step.registry}"


def _bug(error: Exception) -> InternalError:
    bug = InternalError(f"{type(error).__name__}: {error}")
    bug.__cause__ = error
    return bug
