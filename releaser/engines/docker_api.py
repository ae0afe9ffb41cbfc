"""The engine's own builder, for machines without buildx: one image at a time, no BuildKit.

docker-py's ``build`` is not called: it looks for complaints under a key that engines are about to
stop sending, takes a missing result for one, and cannot be stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import IO

from releaser.core.events import BuildCancelled, BuildFailed, BuildResult, Built
from releaser.core.oci import Digest, Platform, Reference
from releaser.core.redaction import Redactor
from releaser.core.steps import BuildStep
from releaser.engines.classic_context import packed
from releaser.engines.classic_dockerfile import BUILDX_HINT, ClassicDockerfile, prepare, problems
from releaser.engines.classic_output import BuildStream
from releaser.engines.classic_request import (
    proxy_arguments,
    query,
    read_dockerfile,
    refused_fields,
    sources,
)
from releaser.engines.docker_client import Connection, header_value
from releaser.engines.docker_errors import translated
from releaser.engines.docker_stream import Transfer, Transfers
from releaser.errors import EngineError, ReleaserError, SpecError
from releaser.interfaces import Listener

IDLE_SECONDS = 4 * 3600.0
"""A command in a build may be silent for hours; but nothing is waited for without end."""

_CHUNK = 1 << 20


class DockerApi:
    """A :class:`~releaser.interfaces.Builder` that every engine has; see :meth:`check`."""

    name = "docker-api"
    batch_size = 1
    at_once = 8

    def __init__(
        self,
        connection: Connection,
        *,
        idle_seconds: float = IDLE_SECONDS,
        redactor: Redactor | None = None,
    ) -> None:
        self._connection = connection
        self._hide = (redactor or Redactor()).hide
        self._idle_seconds = idle_seconds
        self._transfers = Transfers()

    def check(self, steps: Sequence[BuildStep]) -> None:
        """Raise :class:`SetupError` where no engine answers, and :class:`SpecError` where a step
        asks for what only BuildKit does: secrets, ssh, several platforms, mounts and the like."""
        refused = [problem for step in steps for problem in self._refused(step)]
        if refused:
            raise SpecError.together(refused)

    def _refused(self, step: BuildStep) -> Iterator[SpecError]:
        fields = tuple(refused_fields(step))
        for field in fields:
            yield SpecError(
                f'image "{step.image}" needs BuildKit for "{field}"',
                details=(("field", f"images.{step.image}.{field}"),),
                hint=BUILDX_HINT,
            )
        if "context" not in fields:
            yield from problems(step, read_dockerfile(step.dockerfile), self._platform)

    @cached_property
    def _platform(self) -> Platform:
        with translated("the Docker engine does not say what it is"):
            return Platform.parse(self._connection.facts().platform)

    def build(self, batch: Sequence[BuildStep], listener: Listener) -> Sequence[BuildResult]:
        """Build the images of ``batch`` one after another; see the interface."""
        results: list[BuildResult] = []
        built: dict[str, Digest] = {}
        with self._transfers.begin() as transfer:
            for step in batch:
                result = self._build(step, built, listener, transfer)
                if isinstance(result, Built):
                    built[step.image] = result.image_id
                results.append(result)
        return results

    def cancel(self) -> None:
        """Stop every build under way, soon: the engine ends one whose connection closes."""
        self._transfers.cancel()

    def _build(
        self,
        step: BuildStep,
        built: Mapping[str, Digest],
        listener: Listener,
        transfer: Transfer,
    ) -> BuildResult:
        missing = any(link.source is None and link.image not in built for link in step.links)
        if missing or transfer.cancelled.is_set():
            return BuildCancelled(step.image)
        try:
            text = read_dockerfile(step.dockerfile)
            dockerfile = prepare(step, text, sources(step, built), self._platform)
            stream = BuildStream(step, dockerfile.instructions, listener, self._hide)
            result = self._run(step, dockerfile, stream, transfer)
        except _GaveUpError:
            if not transfer.cancelled.is_set():
                raise
            return BuildCancelled(step.image)
        except ReleaserError as error:
            result = BuildFailed(step.image, error)
        stopped = transfer.cancelled.is_set() and not isinstance(result, Built)
        return BuildCancelled(step.image) if stopped else result

    def _run(
        self,
        step: BuildStep,
        dockerfile: ClassicDockerfile,
        stream: BuildStream,
        transfer: Transfer,
    ) -> BuildResult:
        proxies = proxy_arguments(self._connection.config.proxies.get("default", {}))
        params = query(step, dockerfile, proxies)
        headers = {
            "Content-Type": "application/x-tar",
            "X-Registry-Config": header_value(self._logins(dockerfile.images)),
        }
        with (
            packed(
                step.context, step.dockerfile, dockerfile.text, changed=dockerfile.changed
            ) as sent,
            translated(f'build of "{step.image}" failed', _stopped(stream)),
            self._connection.stream(
                "/build",
                transfer,
                params={**params, "dockerfile": sent.dockerfile},
                headers=headers,
                seconds=self._idle_seconds,
                data=_chunks(sent.archive, transfer),
            ) as records,
        ):
            return stream.read(records)

    def _logins(self, images: Iterable[str]) -> dict[str, Mapping[str, str]]:
        """The logins for the registries that the build pulls from, and for no others."""
        hosts = {host for image in images if (host := _registry(image))}
        logins = (self._connection.login(host) for host in sorted(hosts))
        return {login["serveraddress"]: login for login in logins if login}


class _GaveUpError(EngineError):
    """The engine failed, not the build."""


def _stopped(stream: BuildStream) -> Callable[[str, str, BaseException], ReleaserError]:
    """The error for a build that the engine refused to begin, or whose connection broke off."""

    def making(doing: str, cause: str, error: BaseException) -> ReleaserError:
        if getattr(error, "explanation", None):
            return stream.failed(cause).error
        hint = "check that the engine runs: docker info"
        return _GaveUpError(f"{doing}: {cause}", hint=hint, output=tuple(stream.output))

    return making


def _chunks(archive: IO[bytes], transfer: Transfer) -> Iterator[bytes]:
    while chunk := archive.read(_CHUNK):
        if transfer.cancelled.is_set():
            raise _GaveUpError("the build was stopped")
        yield chunk


def _registry(image: str) -> str | None:
    try:
        return Reference.parse(image).repository.registry
    except SpecError:
        return None
