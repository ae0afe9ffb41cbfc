"""BuildKit, through ``docker buildx bake``: builds batches of images into the engine's store.

docker-py has no BuildKit, so the program is run: one definition per batch, its progress read as
JSON from stderr, its results from a metadata file, which bake writes after full success only.

Links: inside a batch ``target:``; to an image that exists, ``docker-image://`` with a tag, or with
a digest in a registry or in the containerd store. A tag that only the engine has is found in both
stores, a digest in the containerd store alone: the classic one keeps no manifests.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from releaser.core.events import BuildCancelled, BuildFailed, BuildResult, Built, Notice
from releaser.core.oci import Digest
from releaser.core.redaction import Redactor
from releaser.core.steps import BuildStep
from releaser.engines import bake_file, buildx_failure
from releaser.engines.buildx_plugin import available
from releaser.engines.buildx_process import Child, IdleError
from releaser.engines.buildx_secrets import missing
from releaser.engines.buildx_solve import Solve
from releaser.engines.rawjson import RecordStream
from releaser.errors import EngineError, ReleaserError, SetupError, SpecError
from releaser.interfaces import Listener
from releaser.secret_values import values_of

BATCH = 10
"""Images in one solve: more make it dearer for each, fewer start more programs (decision 9)."""

_LARGEST_METADATA = 64 * 1024 * 1024
# Settings of bake, buildx' own git labels, and a date that bake makes a build argument of, would
# change an image behind the plan's back. In "args" the date is one that the fingerprint knows.
_LEFT_OUT = ("BUILDX_BAKE_", "BUILDX_GIT_", "SOURCE_DATE_EPOCH")
_SETTINGS = {
    # The definition is ours and asks only for what the spec does: no question about paths.
    "BUILDX_BAKE_ENTITLEMENTS_FS": "0",
    "BUILDX_METADATA_PROVENANCE": "disabled",  # not looked at, and it costs time for every image
    "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
}


class _Run:
    """One call of :meth:`Buildx.build`: the program that works for it, and whether to stop it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: Child | None = None
        self.cancelled = False

    def works(self, child: Child) -> None:
        """``child`` works for this run from now on."""
        with self._lock:
            self._child = child
            if self.cancelled:
                child.stop()

    def cancel(self) -> None:
        """Stop what works now, and whatever would come next."""
        with self._lock:
            self.cancelled = True
            if self._child is not None:
                self._child.stop()


class Buildx:
    """A :class:`~releaser.interfaces.Builder` that gives whole batches to BuildKit.

    ``environment`` is what the programs see; values of secrets reach them in no other way.
    ``builder`` is the name of a buildx builder, ``containerd_store`` how the engine keeps images,
    ``idle_limit`` the seconds after which a program that says nothing counts as hung, ``redactor``
    what takes secrets out of its output; it learns those of the builds.
    """

    name = "buildx"

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        docker: str = "docker",
        builder: str | None = None,
        containerd_store: bool = False,
        batch_size: int = BATCH,
        idle_limit: float = 1800.0,
        redactor: Redactor | None = None,
    ) -> None:
        self._redactor = redactor or Redactor()
        kept = {k: v for k, v in environment.items() if not k.startswith(_LEFT_OUT)}
        self._environment = kept | _SETTINGS
        self._docker = docker
        self._builder = builder
        self._containerd_store = containerd_store
        self.batch_size = batch_size
        self.at_once = batch_size * max(2, (os.cpu_count() or 1) // 2)
        self._idle_limit = idle_limit
        self._lock = threading.Lock()
        self._runs: set[_Run] = set()

    def check(self, steps: Sequence[BuildStep]) -> None:
        """Raise :class:`SetupError` where docker, buildx or a secret is missing, and
        :class:`SpecError` where a step asks for what the engine's store cannot hold."""
        if not available(self._environment, self._docker):
            raise SetupError(
                "docker buildx is not installed",
                hint="install Docker's buildx plug-in (package docker-buildx-plugin)",
            )
        refused = [problem for step in steps for problem in self._refused(step)]
        if refused:
            raise SpecError.together(refused)
        for step in steps:
            for error in missing(step, self._environment):
                raise error

    def build(self, batch: Sequence[BuildStep], listener: Listener) -> Sequence[BuildResult]:
        """Build ``batch`` in one solve; an engine that loses the solve is asked once more."""
        if not batch:
            return ()
        run = _Run()
        with self._lock:
            self._runs.add(run)
        try:
            return self._build(batch, listener, run)
        finally:
            with self._lock:
                self._runs.discard(run)

    def cancel(self) -> None:
        """Stop every build under way; builds that are asked for later are not concerned."""
        with self._lock:
            runs = tuple(self._runs)
        for run in runs:
            run.cancel()

    def _refused(self, step: BuildStep) -> Iterator[SpecError]:
        if self._containerd_store:
            return
        if len(step.platforms) > 1:
            yield SpecError(
                f'image "{step.image}" has {len(step.platforms)} platforms, '
                "and the engine's classic image store holds one",
                details=(("field", f"images.{step.image}.platforms"),),
                hint="turn on the containerd image store of the engine, or build one platform",
            )
        if step.provenance:
            yield SpecError(
                f'image "{step.image}" has provenance, '
                "which the engine's classic image store cannot hold",
                details=(("field", f"images.{step.image}.provenance"),),
                hint="turn on the containerd image store of the engine, or leave provenance out",
            )
        if self._builder is None and not all(_inline(cache) for cache in step.cache_to):
            yield SpecError(
                f'image "{step.image}" exports its cache, '
                "which the engine's classic image store cannot do",
                details=(("field", f"images.{step.image}.cache_to"),),
                hint="turn on the containerd image store of the engine, or use type=inline",
            )

    def _build(
        self, batch: Sequence[BuildStep], listener: Listener, run: _Run
    ) -> Sequence[BuildResult]:
        targets = bake_file.target_names(batch)
        digests, solve = self._solve(batch, listener, run)
        if digests is None and not run.cancelled and buildx_failure.transient(solve, batch):
            listener.on(Notice("the engine lost the build: trying once more"))
            digests, solve = self._solve(batch, listener, run)
        if run.cancelled:
            return [BuildCancelled(step.image) for step in batch]
        if digests is not None:
            for image, why in solve.lost_caches().items():
                listener.on(Notice(f"the cache of {image} could not be written: {why}"))
            return [_built(step, digests.get(targets[step.image]), solve) for step in batch]
        errors = buildx_failure.failures(solve, batch, targets)
        return [_outcome(step, errors, solve) for step in batch]

    def _solve(
        self, batch: Sequence[BuildStep], listener: Listener, run: _Run
    ) -> tuple[Mapping[str, Digest] | None, Solve]:
        """Run bake once: the digest of each target, or ``None`` where it did not succeed."""
        secrets = (secret for step in batch for secret in step.secrets)
        self._redactor.learn(*values_of(secrets, self._environment))
        solve = Solve(batch, bake_file.target_names(batch), self._redactor.hide)
        with contextlib.ExitStack() as stack:
            with _room():
                place = tempfile.TemporaryDirectory(prefix="releaser-bake-")
                folder = stack.enter_context(place)
                argv = self._command(batch, Path(folder))
            traced = any(step.provenance for step in batch)
            with self._start(argv, folder, traced=traced) as child:
                run.works(child)
                self._follow(child, solve, listener)
                succeeded = child.code == 0 and not run.cancelled
            return (self._digests(Path(folder)) if succeeded else None), solve

    def _command(self, batch: Sequence[BuildStep], folder: Path) -> list[str]:
        definition = folder / "bake.json"
        with open(definition, "w", encoding="utf-8", opener=_private) as file:
            file.write(bake_file.text(batch))
        builder = ["--builder", self._builder] if self._builder is not None else []
        return [
            self._docker,
            "buildx",
            "bake",
            *builder,
            "--file",
            str(definition),
            "--progress=rawjson",
            "--metadata-file",
            str(folder / "metadata.json"),
            *bake_file.grants(batch),
            *bake_file.target_names(batch).values(),
        ]

    def _start(self, argv: Sequence[str], folder: str, *, traced: bool) -> Child:
        # What was built from which commit is a part of provenance, and of nothing else.
        environment = {**self._environment, "BUILDX_GIT_INFO": "1" if traced else "0"}
        try:
            return Child(
                argv,
                environment=environment,
                folder=folder,
                idle_limit=self._idle_limit,
            )
        except OSError as error:
            raise SetupError(
                f'"{self._docker}" cannot be run: {error.strerror or error}',
                hint="install the docker command line and its buildx plug-in",
            ) from error

    def _follow(self, child: Child, solve: Solve, listener: Listener) -> None:
        stream = RecordStream()
        with self._patience():
            for chunk in child.chunks():
                for record in stream.feed(chunk):
                    for event in solve.take(record):
                        listener.on(event)
        for record in stream.end():
            for event in solve.take(record):
                listener.on(event)

    @contextlib.contextmanager
    def _patience(self) -> Iterator[None]:
        try:
            yield
        except IdleError:
            raise EngineError(
                f"docker buildx has said nothing for {self._idle_limit / 60:g} minutes",
                hint="check that the engine still works: docker info",
            ) from None

    def _digests(self, folder: Path) -> Mapping[str, Digest]:
        """What the engine calls the result of each target.

        The containerd store calls an image by its manifest or index, the classic one by its
        configuration.
        """
        key = "containerimage.digest" if self._containerd_store else "containerimage.config.digest"
        try:
            with (folder / "metadata.json").open("rb") as file:
                metadata = json.loads(file.read(_LARGEST_METADATA))
            return {
                target: Digest(result[key])
                for target, result in metadata.items()
                if isinstance(result, dict) and key in result
            }
        except (OSError, ValueError, AttributeError, TypeError, RecursionError, ReleaserError):
            raise EngineError(
                "docker buildx succeeded but left no legible result",
                hint="look whether docker buildx is a wrapper, or an old release of it",
            ) from None


@contextlib.contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SetupError(
            f"temporary files cannot be written: {error.strerror or error}",
            hint="make room, or let TMPDIR name another folder",
        ) from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _inline(cache: str) -> bool:
    return "type=inline" in cache.split(",")


def _built(step: BuildStep, image_id: Digest | None, solve: Solve) -> Built:
    if image_id is None:
        raise EngineError(
            f'docker buildx does not say what it built for "{step.image}"',
            hint="look whether the builder in use puts images into the engine: docker buildx ls",
        )
    instructions = solve.instructions(step.image)
    cached = sum(part.cached for part in instructions)
    return Built(step.image, image_id, cached, len(instructions), solve.seconds(step.image))


def _outcome(step: BuildStep, errors: Mapping[str, EngineError], solve: Solve) -> BuildResult:
    if step.image in errors:
        return BuildFailed(step.image, errors[step.image])
    exported = solve.exported(step.image)
    return _built(step, Digest(exported), solve) if exported else BuildCancelled(step.image)
