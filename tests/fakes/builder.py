"""A builder in memory: every build is at once, unless it is told to fail or to wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict

from releaser.core.events import BuildCancelled, BuildFailed, BuildResult, Built, StepProgress
from releaser.core.oci import Digest, Platform, Reference
from releaser.core.steps import Base, BuildStep, Link, NamedContext, Secret
from releaser.errors import EngineError, ReleaserError, SetupError
from releaser.interfaces import Listener


class StepFields(TypedDict, total=False):
    """What a build step may have besides its image, context and Dockerfile, for tests' helpers."""

    names: tuple[Reference, ...]
    target: str | None
    args: tuple[tuple[str, str], ...]
    labels: tuple[tuple[str, str], ...]
    platforms: tuple[Platform, ...]
    links: tuple[Link, ...]
    bases: tuple[Base, ...]
    contexts: tuple[NamedContext, ...]
    secrets: tuple[Secret, ...]
    ssh: tuple[str, ...]
    extra_hosts: tuple[tuple[str, str], ...]
    network: str | None
    no_cache: bool
    pull: bool
    shm_size: str | None
    provenance: str | None
    cache_from: tuple[str, ...]
    cache_to: tuple[str, ...]


Store = Callable[[BuildStep, Digest], None]


def _keep_nothing(_step: BuildStep, _image_id: Digest) -> None:
    pass


class FakeBuilder:
    """Builds by hashing: the same step has the same id, always.

    ``store`` is told every result, so that a fake engine has it too. ``failures`` are the images
    that fail, each with its error; ``waiting`` those that never end unless cancelled; ``absent``
    an error for :meth:`check`. ``batches`` records what was asked for. As with BuildKit, the first
    failure stops the rest of its batch.
    """

    name = "fake"

    def __init__(
        self,
        store: Store = _keep_nothing,
        *,
        failures: Mapping[str, ReleaserError] | None = None,
        waiting: Sequence[str] = (),
        absent: SetupError | None = None,
        batch_size: int = 20,
    ) -> None:
        self.batch_size = batch_size
        self.at_once = 8
        self.batches: list[tuple[BuildStep, ...]] = []
        self._store = store
        self.failures = dict(failures or {})
        self.waiting = set(waiting)
        self._absent = absent
        self._lock = threading.Lock()
        self._under_way: set[threading.Event] = set()

    def check(self, steps: Sequence[BuildStep]) -> None:  # noqa: ARG002 - the interface's
        """Raise what ``absent`` was set to."""
        if self._absent is not None:
            raise self._absent

    def build(self, batch: Sequence[BuildStep], listener: Listener) -> Sequence[BuildResult]:
        """Build one after another; raises :class:`EngineError` for a link into nowhere."""
        cancelled = threading.Event()
        with self._lock:
            self.batches.append(tuple(batch))
            self._under_way.add(cancelled)
        try:
            return self._build(batch, listener, cancelled)
        finally:
            with self._lock:
                self._under_way.discard(cancelled)

    def cancel(self) -> None:
        """Stop the builds under way."""
        with self._lock:
            for event in self._under_way:
                event.set()

    def _build(
        self, batch: Sequence[BuildStep], listener: Listener, cancelled: threading.Event
    ) -> Sequence[BuildResult]:
        results: list[BuildResult] = []
        for step in batch:
            self._check_links(step, results)
            listener.on(StepProgress(step.key, step.image, activity=f"RUN build {step.image}"))
            if step.image in self.waiting:
                cancelled.wait()
            if cancelled.is_set():
                return [BuildCancelled(s.image) for s in batch]
            if step.image in self.failures:
                results.append(BuildFailed(step.image, self.failures[step.image]))
                return [*results, *(BuildCancelled(s.image) for s in batch[len(results) :])]
            results.append(self._built(step))
        return results

    def _built(self, step: BuildStep) -> Built:
        image_id = Digest.of(repr(step).encode())
        self._store(step, image_id)
        return Built(step.image, image_id, cached=0, instructions=1)

    def _check_links(self, step: BuildStep, results: Sequence[BuildResult]) -> None:
        built = {result.image for result in results}
        missing = [k.image for k in step.links if k.source is None and k.image not in built]
        if missing:
            raise EngineError(f'"{step.image}" is linked to "{missing[0]}", which is not built yet')
