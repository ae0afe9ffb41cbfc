"""What every builder keeps to: the fake, BuildKit, and whatever is added to ``BUILDERS``.

A rig is a builder with the means to look at what it did. To run the suite on another builder, write
a function that yields a :class:`Rig` and add it to the list.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, Unpack

import pytest

from releaser.core.events import (
    BuildCancelled,
    BuildFailed,
    BuildResult,
    Built,
    Event,
    StepProgress,
)
from releaser.core.oci import Digest, Reference
from releaser.core.steps import BuildStep, Link
from releaser.engines.buildx import Buildx
from releaser.engines.docker_api import DockerApi
from releaser.engines.docker_client import Connection
from releaser.errors import EngineError
from releaser.interfaces import Builder
from tests.fakes.builder import FakeBuilder, StepFields


class Prepare(Protocol):
    """Tells a fake what shall become of an image; real builders read it in the Dockerfile."""

    def __call__(self, image: str, /, *, fails: bool, waits: bool) -> None: ...


def _nothing(_image: str, *, fails: bool, waits: bool) -> None:
    """The Dockerfile says it all."""


@dataclass
class Heard:
    events: list[Event] = field(default_factory=list)

    def on(self, event: Event) -> None:
        self.events.append(event)


@dataclass
class Rig:
    """A builder, a folder for contexts, and a look into the store that it builds to."""

    builder: Builder
    folder: Path
    look_up: Callable[[Reference], Digest | None]
    labels: Callable[[Reference], dict[str, str]]
    prepare: Prepare = _nothing
    prefix: str = field(default_factory=lambda: f"contract-{uuid.uuid4().hex[:8]}")
    heard: Heard = field(default_factory=Heard)

    def name(self, image: str) -> Reference:
        return Reference.parse(f"{self.prefix}/{image.lower()}:1")

    def step(
        self,
        image: str,
        *,
        base: str = "busybox",
        fails: bool = False,
        waits: bool = False,
        **fields: Unpack[StepFields],
    ) -> BuildStep:
        """An image with a file and a command of its own; ``base`` is what its FROM says."""
        folder = self.folder / image
        folder.mkdir(exist_ok=True)
        (folder / "file").write_text(image)
        command = "sleep 60" if waits else "exit 7" if fails else "true"
        (folder / "Dockerfile").write_text(
            f"FROM {base}\nCOPY file /{image}\nRUN echo begins {image} && {command}\n"
        )
        self.prepare(image, fails=fails, waits=waits)
        fields.setdefault("names", (self.name(image),))
        return BuildStep(image, str(folder), str(folder / "Dockerfile"), **fields)

    def on_top_of(self, upstream: BuildStep, image: str, **fields: Unpack[StepFields]) -> BuildStep:
        fields.setdefault("links", (Link(upstream.image, ("upstream",)),))
        return self.step(image, base="upstream", **fields)

    def build(self, *steps: BuildStep) -> list[BuildResult]:
        """Build in the largest batches that the builder takes."""
        if self.builder.batch_size > 1:
            return list(self.builder.build(steps, self.heard))
        return [r for step in steps for r in self.builder.build([self.placed(step)], self.heard)]

    def placed(self, step: BuildStep) -> BuildStep:
        """The step with its links to what is in the store by now."""
        links = [replace(link, source=self.name(link.image)) for link in step.links]
        return replace(step, links=tuple(links))


@contextmanager
def fake(folder: Path) -> Iterator[Rig]:
    stored: dict[Reference, tuple[Digest, BuildStep]] = {}
    builder = FakeBuilder(
        lambda step, image_id: stored.update(dict.fromkeys(step.names, (image_id, step)))
    )

    def prepare(image: str, *, fails: bool, waits: bool) -> None:
        if fails:
            builder.failures[image] = EngineError(
                f'build of "{image}" failed', output=(f"begins {image}",)
            )
        if waits:
            builder.waiting.add(image)

    yield Rig(
        builder,
        folder,
        look_up=lambda reference: stored[reference][0] if reference in stored else None,
        labels=lambda reference: dict(stored[reference][1].labels),
        prepare=prepare,
    )


@contextmanager
def buildx(folder: Path) -> Iterator[Rig]:
    builder = Buildx(environment=os.environ, containerd_store=containerd_store())
    with docker_rig(builder, folder) as rig:
        yield rig


@contextmanager
def docker_rig(builder: Builder, folder: Path) -> Iterator[Rig]:
    """A rig for whatever builds into the engine of the environment; its images go afterwards."""
    rig = Rig(builder, folder, look_up=docker_look_up, labels=docker_labels)
    try:
        yield rig
    finally:
        # By name: an id is kept while others stand on it.
        names = ("--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={rig.prefix}/*")
        found = docker("image", "ls", *names)
        if found.split():
            docker("image", "rm", "--force", *sorted(set(found.split())))


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def containerd_store() -> bool:
    return "io.containerd.snapshotter" in docker("info", "--format", "{{.DriverStatus}}")


def docker_look_up(reference: Reference) -> Digest | None:
    argv = ["docker", "image", "inspect", "--format", "{{.Id}}", str(reference)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return Digest(done.stdout.strip()) if done.returncode == 0 else None


def docker_labels(reference: Reference) -> dict[str, str]:
    template = '{{range $k, $v := .Config.Labels}}{{$k}}={{$v}}{{"\\n"}}{{end}}'
    found = docker("image", "inspect", "--format", template, str(reference))
    pairs = (line.partition("=") for line in found.splitlines() if line)
    return {key: value for key, _, value in pairs}


def engine_s_own(folder: Path) -> AbstractContextManager[Rig]:
    return docker_rig(DockerApi(Connection(os.environ)), folder)


BUILDERS = [
    pytest.param(fake, id="fake"),
    pytest.param(buildx, id="buildx", marks=pytest.mark.engine),
    pytest.param(engine_s_own, id="docker-api", marks=pytest.mark.engine),
]


@pytest.fixture(params=BUILDERS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    make: Callable[[Path], AbstractContextManager[Rig]] = request.param
    with make(tmp_path) as made:
        yield made


def images(results: Sequence[BuildResult], kind: type[BuildResult]) -> list[str]:
    return [result.image for result in results if isinstance(result, kind)]


def test_it_says_what_it_is_and_how_much_it_takes(rig: Rig) -> None:
    assert rig.builder.name
    assert rig.builder.batch_size >= 1


def test_it_accepts_what_it_can_build(rig: Rig) -> None:
    rig.builder.check([rig.step("api")])


def test_a_built_image_is_in_the_store_under_its_names(rig: Rig) -> None:
    names = (rig.name("api"), rig.name("api").with_tag("two"))
    (built,) = rig.build(rig.step("api", names=names))
    assert isinstance(built, Built)
    assert [rig.look_up(name) for name in names] == [built.image_id, built.image_id]


def test_labels_are_in_the_image(rig: Rig) -> None:
    labels = (("dev.releaser.image", "api"), ("org.opencontainers.image.title", "a b = c"))
    rig.build(rig.step("api", labels=labels))
    found = rig.labels(rig.name("api"))
    assert {key: found.get(key) for key, _ in labels} == dict(labels)


def test_the_same_step_has_the_same_id(rig: Rig) -> None:
    step = rig.step("api")
    (first,) = rig.build(step)
    (second,) = rig.build(step)
    assert isinstance(first, Built)
    assert isinstance(second, Built)
    assert first.image_id == second.image_id


def test_a_name_with_dots_builds(rig: Rig) -> None:
    assert images(rig.build(rig.step("api.v2"), rig.step("api_v2")), Built) == ["api.v2", "api_v2"]


def test_results_come_in_the_order_of_the_batch(rig: Rig) -> None:
    names = ["c", "a", "b"]
    results = rig.build(*(rig.step(name) for name in names))
    assert [result.image for result in results] == names


def test_images_stand_on_one_another(rig: Rig) -> None:
    base = rig.step("base")
    middle = rig.on_top_of(base, "middle")
    assert images(rig.build(base, middle, rig.on_top_of(middle, "top")), Built) == [
        "base",
        "middle",
        "top",
    ]


def test_an_image_stands_on_one_that_is_in_the_store_only(rig: Rig) -> None:
    base = rig.step("base")
    rig.build(base)
    (result,) = rig.build(rig.placed(rig.on_top_of(base, "top")))
    assert isinstance(result, Built)


def test_progress_is_told_under_the_key_of_the_step(rig: Rig) -> None:
    rig.build(rig.step("api"))
    progress = [event for event in rig.heard.events if isinstance(event, StepProgress)]
    assert {(event.key, event.image) for event in progress} == {("build:api", "api")}
    assert any(event.activity and event.activity.startswith("RUN ") for event in progress)
    assert all((event.activity is None) != (event.line is None) for event in progress)


def test_a_failed_build_is_a_result(rig: Rig) -> None:
    (result,) = rig.build(rig.step("api", fails=True))
    assert isinstance(result, BuildFailed)
    assert isinstance(result.error, EngineError)
    assert 'build of "api" failed' in result.error.message
    assert "begins api" in result.error.output
    assert rig.look_up(rig.name("api")) is None


def test_one_failure_in_a_batch_is_told_of_the_right_image(rig: Rig) -> None:
    results = rig.build(rig.step("a"), rig.step("b", fails=True), rig.step("c"))
    assert [result.image for result in results] == ["a", "b", "c"]
    assert images(results, BuildFailed) == ["b"]


@pytest.mark.parametrize("rig", BUILDERS[:2], indirect=True)  # batches of one hold no links
def test_what_stands_on_a_failed_image_has_not_failed_itself(rig: Rig) -> None:
    base = rig.step("base", fails=True)
    results = rig.build(base, rig.on_top_of(base, "top"))
    assert images(results, BuildFailed) == ["base"]
    assert images(results, BuildCancelled) == ["top"]


def test_builds_can_be_cancelled_within_seconds(rig: Rig) -> None:
    results: list[BuildResult] = []
    step = rig.step("slow", waits=True)
    thread = threading.Thread(target=lambda: results.extend(rig.build(step)))
    thread.start()
    wait_for(lambda: any("RUN" in str(event) for event in rig.heard.events))
    began = time.monotonic()
    rig.builder.cancel()
    rig.builder.cancel()
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert time.monotonic() - began < 15
    assert images(results, BuildCancelled) == ["slow"]


def test_a_cancelled_builder_still_builds(rig: Rig) -> None:
    rig.builder.cancel()
    assert images(rig.build(rig.step("api")), Built) == ["api"]


def test_two_builds_at_once(rig: Rig) -> None:
    results: list[BuildResult] = []
    steps = [rig.step("left"), rig.step("right")]
    threads = [threading.Thread(target=lambda s=s: results.extend(rig.build(s))) for s in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert sorted(images(results, Built)) == ["left", "right"]


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
