"""What the workers do: a batch of builds, or one other step, and what each came to.

Everything here runs in worker threads. Nothing is raised: a step that fails is a result, and so is
a bug of an adapter, since a worker that dies without a word would be waited for in vain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from releaser.core.events import (
    BuildCancelled,
    BuildFailed,
    BuildResult,
    Built,
    Event,
    Notice,
    Outcome,
    StepProgress,
    Write,
)
from releaser.core.oci import Digest
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
from releaser.errors import (
    EngineError,
    InternalError,
    RegistryError,
    ReleaserError,
)
from releaser.executor.carrying import carry
from releaser.executor.journaled import Journaled
from releaser.executor.searching import Gate
from releaser.executor.tags import TagWriter, taken
from releaser.interfaces import (
    NO_JOURNAL,
    NO_SECRETS,
    Builder,
    Engine,
    Journal,
    Listener,
    Registry,
    Secrets,
)


@dataclass(frozen=True, slots=True)
class Doers:
    """Those who do the steps; ``builder`` and ``engine`` may be absent where no step needs them."""

    registry: Registry
    engine: Engine | None = None
    builder: Builder | None = None
    journal: Journal = NO_JOURNAL
    secrets: Secrets = NO_SECRETS


@dataclass(frozen=True, slots=True)
class Done:
    """What a worker reports: a step, what it came to, and how long it took."""

    key: str
    outcome: Outcome
    seconds: float
    error: ReleaserError | None = None
    digest: Digest | None = None
    write: Write | None = None
    superseded_by: str | None = None


class _Named:
    """A listener for one step: gives its key and image to what an engine says of a transfer."""

    def __init__(self, inner: Listener, key: str, image: str) -> None:
        self._inner, self._key, self._image = inner, key, image

    def on(self, event: Event) -> None:
        if isinstance(event, StepProgress):
            event = replace(event, key=self._key, image=self._image)
        self._inner.on(event)


class Ending(Protocol):
    """Tells whether a run is being ended, so that what fails now was stopped by us."""

    @property
    def builds_stopped(self) -> bool:
        """Whether the builder was told to stop."""

    @property
    def uploads_stopped(self) -> bool:
        """Whether the engine was told to stop its uploads."""


class Workers:
    """Does the steps of one run; every method is called from many threads."""

    def __init__(
        self,
        steps: Mapping[str, Step],
        doers: Doers,
        listener: Listener,
        clock: Callable[[], float],
        ending: Ending,
    ) -> None:
        self._steps, self._doers, self._listener = steps, doers, listener
        self._clock, self._ending = clock, ending
        self._journaled = Journaled(doers.journal, listener)
        self._tags = TagWriter(doers.registry, self._journaled)
        self._gate = Gate(steps, doers.secrets, doers.engine, listener)
        self._ids: dict[str, Digest] = {}

    def build(self, keys: Sequence[str]) -> list[Done]:
        """Build a batch, upstreams before dependants."""
        begin = self._clock()
        results: dict[str, BuildResult] = {}
        error: ReleaserError | None = None
        try:
            if self._doers.builder is None:
                raise InternalError("a build was planned and there is no builder")
            steps = [self._linked(self._steps[key], set(keys)) for key in keys]
            found = self._doers.builder.build(steps, self._listener)
            results = {one.image: one for one in found}
        except ReleaserError as caught:
            error = caught
        except Exception as caught:  # noqa: BLE001 - a worker's bug must end the run, not hang it
            error = _bug(caught)
        if not error and not self._ending.builds_stopped and _only_cancelled(results):
            results = {}
            error = EngineError(
                "the build was stopped and nobody asked for it", hint="run it again"
            )
        seconds = self._clock() - begin
        return [self._built(self._steps[key], results, error, seconds) for key in keys]

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
        step: Step,
        results: Mapping[str, BuildResult],
        error: ReleaserError | None,
        seconds: float,
    ) -> Done:
        match results.get(step.image):
            case Built(_, image_id) as built:
                own = seconds if built.seconds is None else built.seconds
                if leaked := self._leaked(step):
                    return Done(step.key, Outcome.FAILED, own, leaked)
                self._ids[step.image] = image_id
                return Done(step.key, Outcome.DONE, own, digest=image_id)
            case BuildFailed(_, failure):
                return Done(step.key, Outcome.FAILED, seconds, failure)
            case BuildCancelled():
                return Done(step.key, Outcome.CANCELLED, seconds)
            case None:
                failure = error or InternalError(f'the builder said nothing of "{step.image}"')
                return Done(step.key, Outcome.FAILED, seconds, failure)

    def _leaked(self, step: Step) -> ReleaserError | None:
        """Why what was built must not be used, if so."""
        try:
            if isinstance(step, BuildStep):
                self._gate.check_build(step)
        except ReleaserError as error:
            return error
        except Exception as caught:  # noqa: BLE001 - a worker's bug must end the run, not hang it
            return _bug(caught)
        return None

    def do(self, key: str) -> list[Done]:
        """Do one step that is no build."""
        begin = self._clock()
        step = self._steps[key]
        error: ReleaserError | None = None
        digest: Digest | None = None
        try:
            digest = self._do(step)
        except ReleaserError as caught:
            error = caught
        except Exception as caught:  # noqa: BLE001 - a worker's bug must end the run, not hang it
            error = _bug(caught)
        seconds = self._clock() - begin
        # Only uploads are stopped by a signal; of everything else a failure stays a failure.
        if error and isinstance(step, PushStep) and self._ending.uploads_stopped:
            return [Done(key, Outcome.CANCELLED, seconds)]
        outcome = Outcome.FAILED if error else Outcome.DONE
        written, newer = self._tags.writes.get(key), self._tags.superseded.get(key)
        return [Done(key, outcome, seconds, error, digest, written, newer)]

    def _do(self, step: Step) -> Digest | None:
        match step:
            case NameStep(image, image_id, names):
                self._engine().name(image_id, names)
                self._ids[image] = image_id
                return image_id
            case PushStep():
                return self._push(step)
            case CopyStep() | AttachStep() | WithdrawStep() | RemoveStep():
                return carry(self._doers.registry, self._journaled, step)
            case TagStep():
                return self._tags.write(step)
            case RecordStep():
                self._record(step)
                return None
            case BuildStep():
                raise InternalError(f"{step.key} is done in batches")

    def _engine(self) -> Engine:
        if self._doers.engine is None:
            raise InternalError("a step needs an engine and there is none")
        return self._doers.engine

    def _push(self, step: PushStep) -> Digest:
        """Upload, and believe only what the registry then gives back (its bytes are hashed).

        What another release has uploaded meanwhile under the same fingerprint is as good as ours.
        """
        registry, reference = self._doers.registry, step.reference
        now = registry.digest(reference)
        if step.kind is not None and now != step.before:
            raise taken(step, self._ids.get(step.image), now)
        if step.kind is None and now is not None and not step.overwrite:
            return self._tags.kept(reference, registry.manifest(reference)).digest
        self._gate.check(step.image, step.secrets, reference)
        with self._journaled.writing(step.key, reference, now, None):
            self._engine().push(reference, _Named(self._listener, step.key, step.image))
        manifest = self._tags.kept(reference, registry.manifest(reference))
        local = self._ids.get(step.image)
        parts = {manifest.digest, manifest.config, *manifest.children}
        if local and local not in parts and not self._tags.is_ours(reference, manifest.digest):
            raise RegistryError(
                f"{reference} holds another content than was pushed",
                details=(("pushed", str(local)), ("found", str(manifest.digest))),
            )
        return manifest.digest

    def _record(self, step: RecordStep) -> None:
        """Keep what an image is made of. No release fails for want of it: it only explains."""
        try:
            with self._journaled.writing(step.key, step.reference, None, None):
                self._doers.registry.write_record(step.reference, step.record.pack())
        except ReleaserError as error:
            self._listener.on(
                Notice(
                    f"what {step.image} is made of could not be kept: {error.message}",
                    "the next plan cannot say what changed; fingerprints: {records: false}",
                )
            )


def _only_cancelled(results: Mapping[str, BuildResult]) -> bool:
    return bool(results) and all(isinstance(one, BuildCancelled) for one in results.values())


def _bug(error: Exception) -> InternalError:
    bug = InternalError(f"{type(error).__name__}: {error}")
    bug.__cause__ = error
    return bug
