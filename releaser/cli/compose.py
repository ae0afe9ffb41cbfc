"""The one place where adapters are chosen and put together."""

from __future__ import annotations

import os
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from releaser.cli.options import EngineName
from releaser.cli.secrecy import Remembered, keep_secret, redactor
from releaser.core.facts import EngineFacts
from releaser.core.spec import Spec
from releaser.errors import SetupError, SpecError
from releaser.interfaces import Builder, Contexts, Engine
from releaser.pipeline import Adapters, Project

if TYPE_CHECKING:
    from releaser.core.redaction import Redactor
    from releaser.engines.docker_client import Connection
    from releaser.engines.docker_engine import Pause
    from releaser.logins.login import Logins
    from releaser.registries.retry import Clock, Patience


@dataclass(frozen=True, slots=True)
class Waiting:
    """How registries and the engine are waited for, where not as the adapters themselves do.

    ``idle`` are the seconds that a registry, ``push_idle`` those that the engine may be silent for
    while it pushes; ``pause`` waits between two pushes.
    """

    patience: Patience | None = None
    clock: Clock | None = None
    idle: float | None = None
    push_idle: float | None = None
    pause: Pause | None = None


WAITING: ContextVar[Waiting] = ContextVar("WAITING", default=Waiting())  # noqa: B039 - frozen
"""For programs that run the command line and own its time, such as tests."""


def load_project(
    file: Path | None,
    variables: list[str] | None,
    profiles: list[str] | None = None,
    name: str | None = None,
) -> Project:
    """The project of ``--file`` (else of the ``images.yaml`` found upwards), with its lock.

    ``profiles`` are put upon it, or else those in ``RELEASER_PROFILE``. ``name`` is what it is
    called where the file does not say; else its folder's name. It is given for a state of the past.

    Raises:
        SpecError: there is no such file, or it or its lock is wrong.
        SetupError: the working folder is gone.
    """
    from releaser import loader

    here = _working_folder()
    path = file if file is not None else loader.find_spec(here)
    text = loader.read_spec(path)
    shown = shown_path(path)
    root = Path(os.path.abspath(path)).parent  # noqa: PTH100 - a symlinked file stays where it is
    given = dict(_variable(item) for item in variables or ())

    chosen = profiles or os.environ.get("RELEASER_PROFILE", "").replace(",", " ").split()

    def read(text: bytes, files: loader.Files, *, past: bool) -> loader.Loaded:
        return loader.load(
            text,
            shown,
            project=name or root.name,
            variables=given,
            environment=os.environ,
            profiles=chosen,
            files=files,
            past=past,
        )

    loaded = read(text, loader.DiskFiles(root), past=name is not None)
    loader.check_links(loaded.spec, root, loaded.location)
    lock = loader.lock_path(root / path.name)
    found = loader.read_lock(lock, shown_path(lock))
    project = Project(
        loaded.spec,
        str(root),
        loaded.location,
        loaded.concerns,
        found,
        read=lambda other, more: read(other, loader.KnownFiles(more), past=True).spec,
        file=lambda path: loader.read_below(root, path),
        included=loaded.included,
        document=loaded.document,
        origin=loaded.origin,
    )
    weak = keep_secret(project)
    return replace(project, concerns=(*project.concerns, *weak)) if weak else project


def contexts() -> Contexts:
    """Build contexts on disk, looked at once."""
    from releaser.sources.context import DiskContexts

    return DiskContexts()


def shown_path(path: Path) -> str:
    """A path as errors show it: relative to the working folder where that is no detour."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise SetupError(
            "the working folder cannot be used",
            details=(("cause", (error.strerror or str(error)).lower()),),
            hint="it may have been removed: go to one that is there",
        ) from None


def _variable(item: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not equals or not name:
        raise SpecError(f'--var "{item}" is not NAME=VALUE')
    return name, value


def adapters(
    project: Project,
    engine: EngineName = EngineName.AUTO,
    builder: str | None = None,
    *,
    fresh: bool = False,
) -> Adapters:
    """The adapters of a run; the engine is connected to when it is first asked for.

    Where ``fresh``, caches between us and the registries are passed by.
    """
    from releaser.logins.finding import DockerLogins
    from releaser.registries.distribution import Distribution
    from releaser.secret_values import SecretsAtHand
    from releaser.sources.context import DiskContexts
    from releaser.sources.git import GitSource

    waiting = WAITING.get()
    known = redactor()
    logins = Remembered(DockerLogins(os.environ), known)
    docker = _Docker(waiting, known, logins)

    def registry() -> Distribution:
        return Distribution(
            insecure=insecure_hosts(project.spec),
            logins=logins,
            patience=waiting.patience,
            clock=waiting.clock,
            idle=waiting.idle,
            fresh=fresh,
        )

    return Adapters(
        source=GitSource(project.root),
        contexts=DiskContexts(),
        registry=registry(),
        fresh_registry=registry,
        engine=lambda: docker.engine,
        builder=lambda facts: docker.builder(facts, engine, builder),
        secrets=SecretsAtHand(os.environ),
    )


def insecure_hosts(spec: Spec) -> frozenset[str]:
    """The hosts that the spec declares to speak plain HTTP."""
    return frozenset(
        registry.repository("x").registry
        for registry in spec.registries.values()
        if registry.insecure
    )


class _Docker:
    """The Docker Engine of the environment, connected to when it is first asked for."""

    def __init__(self, waiting: Waiting, known: Redactor, logins: Logins) -> None:
        self._waiting, self._redactor, self._logins = waiting, known, logins

    @cached_property
    def connection(self) -> Connection:
        """One connection for the store and for the engine's own builder."""
        from releaser.engines.docker_client import Connection

        return Connection(os.environ, self._logins)

    @cached_property
    def engine(self) -> Engine:
        """The engine's store."""
        from releaser.engines.docker_engine import DockerEngine

        waiting = self._waiting
        return DockerEngine(self.connection, pause=waiting.pause, idle_seconds=waiting.push_idle)

    def builder(self, facts: EngineFacts, name: EngineName, builder: str | None) -> Builder:
        """What builds: the one asked for, else buildx where it is there, else the engine."""
        from releaser.engines.buildx_plugin import available

        if name is EngineName.BUILDX or (name is EngineName.AUTO and available(os.environ)):
            from releaser.engines.buildx import Buildx

            store = facts.containerd_store
            return Buildx(
                environment=os.environ,
                builder=builder,
                containerd_store=store,
                redactor=self._redactor,
            )
        if builder:
            raise SpecError(
                "--builder needs docker buildx", hint="install buildx, or leave --builder out"
            )
        from releaser.engines.docker_api import DockerApi

        return DockerApi(self.connection, redactor=self._redactor)
