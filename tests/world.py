"""The whole product in memory: a spec, Dockerfiles, files, and fakes for everything outside."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from releaser import loader
from releaser.core.events import BuildResult, Built, Event, RunResult
from releaser.core.facts import FINGERPRINT_LABEL, SourceFacts
from releaser.core.history import History
from releaser.core.lock import Lock
from releaser.core.oci import Digest, Reference
from releaser.core.plan import Mode, Plan
from releaser.core.steps import BuildStep
from releaser.executor import Limits, Stop
from releaser.interfaces import NO_SECRETS, Listener, Secrets
from releaser.pipeline import (
    Adapters,
    Allowed,
    Prepared,
    Project,
    Request,
    preflight,
    prepare,
    run,
)
from tests.fakes.builder import FakeBuilder
from tests.fakes.contexts import MemoryContexts
from tests.fakes.engine import FakeEngine
from tests.fakes.registry import FakeRegistry, Image, image
from tests.fakes.source import FixedSource

ROOT = "/project"
BUSYBOX = Reference.parse("busybox:latest")
BASE = Digest("sha256:" + "b" * 64)
NOW = 1_769_860_800.0  # 2026-01-31T12:00:00Z
RELEASED = SourceFacts(commit="a" * 40, branch="main", tags=("v1.4.2",))


def released_at(version: str) -> SourceFacts:
    """A checkout of the tag of ``version``, each at a commit of its own."""
    commit = hashlib.sha1(version.encode(), usedforsecurity=False).hexdigest()
    return SourceFacts(commit=commit, branch="main", tags=(f"v{version}",))


@dataclass
class Heard:
    """A listener that keeps what it hears."""

    events: list[Event] = field(default_factory=list)

    def on(self, event: Event) -> None:
        self.events.append(event)


class RealIds(FakeBuilder):
    """A fake builder whose results are images that a registry accepts, under their digests.

    With another ``salt`` everything comes out different, as when what is fetched has changed.
    """

    salt = ""

    def build(self, batch: Sequence[BuildStep], listener: Listener) -> Sequence[BuildResult]:
        results = super().build(batch, listener)
        labels = {step.image: dict(step.labels) for step in batch}
        return [
            replace(
                one, image_id=image(f"{one.image_id}{self.salt}", labels=labels[one.image]).digest
            )
            if isinstance(one, Built)
            else one
            for one in results
        ]


def _load(text: bytes) -> loader.Loaded:
    return loader.load(text, "images.yaml", project="project")


class World:
    """A project, and an engine and registries that only it knows."""

    def __init__(self, spec: str, files: Mapping[str, str], source: SourceFacts = RELEASED) -> None:
        self.files = {f"{ROOT}/{name}": text for name, text in files.items()}
        self.modes: dict[str, int] = {}
        self.source = source
        self.registry = FakeRegistry()
        self.engine = FakeEngine(self._upload, bases={BUSYBOX: BASE})
        self.builder = RealIds(self._store)
        self.heard = Heard()
        self.spec = spec
        self.lock: Lock | None = None
        self.history = History()
        self.revisions: dict[tuple[str, str], bytes] = {}
        self.apart: dict[str, tuple[str, ...]] = {}
        self.secrets: Secrets = NO_SECRETS
        self._contents: dict[Digest, Image] = {}

    def _store(self, step: BuildStep, image_id: Digest) -> None:
        content = image(f"{image_id}{self.builder.salt}", labels=dict(step.labels))
        self._contents[content.digest] = content
        history = [f"ARG {name}={value}" for name, value in step.args]
        self.engine.add(content.digest, step.labels, step.names, history)

    def _upload(self, reference: Reference, image_id: Digest, labels: Mapping[str, str]) -> None:
        assert labels[FINGERPRINT_LABEL].startswith("sha256:")
        self.registry.seed(reference, self._contents[image_id])

    @property
    def project(self) -> Project:
        """The project as the loader makes it."""
        loaded = _load(self.spec.encode())
        return Project(
            loaded.spec,
            ROOT,
            loaded.location,
            loaded.concerns,
            self.lock,
            read=lambda text, _: _load(text).spec,
            file=lambda path: self.files[f"{ROOT}/{path}"].encode(),
        )

    @property
    def adapters(self) -> Adapters:
        """The fakes, put together."""
        return Adapters(
            source=FixedSource(self.source, self.history, self.revisions, self.apart),
            contexts=MemoryContexts(self.files, self.modes),
            registry=self.registry,
            engine=lambda: self.engine,
            builder=lambda _: self.builder,
            fresh_registry=lambda: self.registry,
            clock=lambda: NOW,
            secrets=self.secrets,
        )

    def prepare(self, *images: str, **fields: object) -> Prepared:
        """Observe and plan."""
        return prepare(self.project, self.adapters, Request(images, **fields))  # type: ignore[arg-type]

    def plan(self, *images: str, **fields: object) -> Plan:
        """The plan alone."""
        return self.prepare(*images, **fields).plan

    def release(
        self, *images: str, limits: Limits | None = None, stop: Stop | None = None, **fields: object
    ) -> RunResult:
        """Plan and run."""
        return self.run(self.prepare(*images, **fields), limits, stop)

    def run(
        self, prepared: Prepared, limits: Limits | None = None, stop: Stop | None = None
    ) -> RunResult:
        """Run a plan that was made before."""
        limits = limits or Limits()
        return self.carry_out(prepared, prepared.plan, limits, stop)

    def carry_out(
        self, prepared: Prepared, plan: Plan, limits: Limits, stop: Stop | None = None
    ) -> RunResult:
        """Run another plan than the one that was made."""
        adapters = self.adapters
        builder = preflight(prepared, plan, adapters, Allowed())
        return run(prepared, plan, adapters, builder, self.heard, limits, stop)

    def build(self, *images: str, limits: Limits | None = None) -> RunResult:
        """Plan against the engine and run."""
        return self.release(*images, limits=limits, mode=Mode.LOCAL)

    def public(self) -> dict[str, str]:
        """Every public tag with its digest."""
        found = {}
        for repository in {one.repository for one in self._repositories()}:
            for tag in self.registry.tags(repository):
                if not tag.startswith("fp-"):
                    reference = repository.tagged(tag)
                    found[str(reference)] = str(self.registry.digest(reference))
        return found

    def _repositories(self) -> list[Reference]:
        spec = self.project.spec
        return [
            repository.tagged("x") for name in spec.images for repository in spec.repositories(name)
        ]
