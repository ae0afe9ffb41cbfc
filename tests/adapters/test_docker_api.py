"""The engine's own builder, against an engine that plays a script."""

from __future__ import annotations

import io
import json
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from releaser.core.events import (
    BuildCancelled,
    BuildFailed,
    BuildResult,
    Built,
    Event,
    StepProgress,
)
from releaser.core.oci import Digest, Platform, Reference
from releaser.core.steps import BuildStep, Link, NamedContext, Secret
from releaser.engines.classic_context import GENERATED
from releaser.engines.docker_api import DockerApi
from releaser.engines.docker_client import Connection
from releaser.errors import EngineError, ReleaserError, SpecError
from tests.engine_server import Answer, ScriptedEngine, refusal, scripted_engine, stream

AMD = Platform.parse("linux/amd64")
ID = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
OURS = Reference.parse("localhost:5000/shop/base:fp-1")


@dataclass
class Heard:
    events: list[Event] = field(default_factory=list)

    def on(self, event: Event) -> None:
        self.events.append(event)

    def activities(self) -> list[str]:
        progress = (event for event in self.events if isinstance(event, StepProgress))
        return [event.activity + " (cached)" * event.cached for event in progress if event.activity]

    def lines(self) -> list[str]:
        return [e.line for e in self.events if isinstance(e, StepProgress) and e.line is not None]


def step(folder: Path | str = "/src", **fields: Any) -> BuildStep:  # noqa: ANN401
    fields.setdefault("dockerfile", f"{folder}/Dockerfile")
    return BuildStep("api", str(folder), names=(Reference.parse("shop/api:1"),), **fields)


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    if not member.isreg():
        return "dir" if member.isdir() else f"link {member.linkname}"
    content = tar.extractfile(member)
    assert content
    return content.read().decode()


@dataclass
class Rig:
    script: ScriptedEngine
    builder: DockerApi
    folder: Path
    heard: Heard = field(default_factory=Heard)

    def step(self, text: str = "FROM x\n", **fields: Any) -> BuildStep:  # noqa: ANN401
        write(self.folder, {"Dockerfile": text})
        return step(self.folder, **fields)

    def build(self, *steps: BuildStep) -> list[BuildResult]:
        return list(self.builder.build(steps, self.heard))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    config = {"auths": {"ghcr.io": {"auth": "YTpi"}, "quay.io": {"auth": "YTpi"}}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    folder = tmp_path / "ctx"
    folder.mkdir()
    with scripted_engine() as script:
        environment = {"DOCKER_HOST": script.host, "DOCKER_CONFIG": str(tmp_path)}
        yield Rig(script, DockerApi(Connection(environment), idle_seconds=0.5), folder)


DONE = stream({"stream": "Step 1/1 : FROM x"}, {"aux": {"ID": ID}})


def test_the_context_is_sent_with_the_logins_of_its_images_only(rig: Rig) -> None:
    rig.script.on("/build", DONE)
    assert rig.build(rig.step("FROM ghcr.io/acme/x\nRUN npm ci\n")) == [Built("api", Digest(ID))]
    (asked,) = rig.script.asked("/build")
    assert asked.query["dockerfile"] == ["Dockerfile"]
    assert asked.query["version"] == ["1"]
    with tarfile.open(fileobj=io.BytesIO(asked.body)) as tar:
        assert tar.getnames() == ["Dockerfile"]
    header = replace(asked, headers={"X-Registry-Auth": asked.headers["X-Registry-Config"]}).login()
    assert header == {"ghcr.io": {"username": "a", "password": "b", "serveraddress": "ghcr.io"}}


def test_links_inside_a_batch_are_ids(rig: Rig) -> None:
    rig.script.on("/build", DONE)
    base = replace(rig.step("FROM base\n"), image="base")
    assert len(rig.build(base, rig.step("FROM base\n", links=(Link("base", ("base",)),)))) == 2
    with tarfile.open(fileobj=io.BytesIO(rig.script.asked("/build")[1].body)) as tar:
        assert _content(tar, tar.getmember(GENERATED)) == f"FROM {ID}\n"


def test_what_stands_on_a_failed_image_is_not_begun(rig: Rig) -> None:
    rig.script.on("/build", stream({"error": "boom"}))
    base = replace(rig.step(), image="base")
    failed, top = rig.build(base, rig.step(links=(Link("base", ("x",)),)))
    assert isinstance(failed, BuildFailed)
    assert top == BuildCancelled("api")
    assert len(rig.script.asked("/build")) == 1


def test_a_build_that_the_engine_refuses_has_failed(rig: Rig) -> None:
    rig.script.on("/build", refusal("dockerfile parse error line 2: unknown instruction: X", 400))
    (result,) = rig.build(rig.step())
    assert isinstance(result, BuildFailed)
    assert result.error.details[0][1].endswith("Dockerfile:2")


@pytest.mark.parametrize("end", ["break", "hang"])
def test_an_engine_that_gives_up_is_an_error(rig: Rig, end: str) -> None:
    rig.script.on("/build", stream({"stream": "Step 1/2 : FROM x"}, end=end))
    with pytest.raises(EngineError, match='build of "api" failed: '):
        rig.build(rig.step())


def test_a_context_that_is_gone_is_a_failed_build(rig: Rig) -> None:
    (result,) = rig.build(replace(rig.step(), context="/nowhere/at/all"))
    assert isinstance(result, BuildFailed)
    assert isinstance(result.error, SpecError)


@pytest.mark.parametrize(
    "answer",
    [stream({"stream": "Step 1/2 : FROM x"}, end="hang"), Answer(end="hang")],
)
def test_a_build_can_be_cancelled(rig: Rig, answer: Answer) -> None:
    rig.builder = DockerApi(Connection({"DOCKER_HOST": rig.script.host, "HOME": "/nowhere"}))
    rig.script.on("/build", answer)
    results: list[BuildResult] = []
    steps = (rig.step(), replace(rig.step(), image="next"))
    thread = threading.Thread(target=lambda: results.extend(rig.build(*steps)))
    thread.start()
    while not rig.script.asked("/build"):
        time.sleep(0.01)
    time.sleep(0.1)
    rig.builder.cancel()
    thread.join(5)
    assert results == [BuildCancelled("api"), BuildCancelled("next")]
    assert rig.script.gone.wait(5), "the engine stops a build only when its connection closes"


def complaints(rig: Rig, given: BuildStep) -> list[str]:
    with pytest.raises(SpecError) as caught:
        rig.builder.check([given])
    assert all(problem.hint == "install docker buildx" for problem in caught.value.problems)
    assert all('"api"' in problem.message for problem in caught.value.problems)
    return [problem.message.partition("BuildKit for ")[2] for problem in caught.value.problems]


def test_it_accepts_what_it_can_build(rig: Rig) -> None:
    text = (
        "# syntax=docker/dockerfile:1\nFROM x\nCOPY --chown=1 --from=y a b\nADD https://x/y.tgz /\n"
    )
    rig.builder.check([rig.step(text, platforms=(AMD,), cache_from=("a:1",))])


def test_fields_that_need_buildkit(rig: Rig) -> None:
    given = rig.step(
        platforms=(AMD, Platform.parse("linux/arm64")),
        secrets=(Secret("s", env="S"),),
        ssh=("default",),
        contexts=(NamedContext("c", "/c"),),
        cache_from=("type=gha",),
        cache_to=("type=inline",),
        provenance="mode=min",
    )
    fields = ["platforms", "secrets", "ssh", "additional_contexts", "cache_to", "provenance"]
    assert complaints(rig, given) == [f'"{name}"' for name in [*fields, "cache_from"]]
    assert complaints(rig, replace(rig.step(), context="https://x/y.git")) == ['"context"']


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("RUN --mount=type=cache,target=/x --mount=type=tmpfs,target=/y true", "RUN with --mount"),
        ("RUN --network=none true", "RUN with --network"),
        ("RUN <<E\ntrue\nE", "RUN with a here-document"),
        ("COPY <<E /x\ntrue\nE", "COPY with a here-document"),
        ("COPY --link a b", "COPY with --link"),
        ("COPY --chmod=600 a b", "COPY with --chmod"),
        ("ADD --checksum=sha256:0 https://x y", "ADD with --checksum"),
        ("ADD https://github.com/a/b.git#main /x", "ADD with a Git repository"),
        ("ONBUILD RUN --mount=type=cache,target=/x true", "RUN with --mount"),
    ],
)
def test_instructions_that_need_buildkit(rig: Rig, line: str, what: str) -> None:
    assert complaints(rig, rig.step(f"FROM x\n{line}\n")) == [what]


def test_stages_that_the_target_does_not_use_may_need_buildkit(rig: Rig) -> None:
    text = "FROM x AS lint\nRUN --mount=type=cache,target=/x true\nFROM y\n"
    rig.builder.check([rig.step(text)])
    assert complaints(rig, rig.step(text, target="lint")) == ["RUN with --mount"]


def test_a_dockerfile_that_is_not_there(rig: Rig) -> None:
    with pytest.raises(ReleaserError, match="cannot be read"):
        rig.builder.check([step("/nowhere/at/all")])
