"""Buildx against a real engine: with the store that it has, and with the classic one."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import tarfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Unpack

import pytest

from releaser.core.events import BuildFailed, BuildResult, Built, Event, StepProgress
from releaser.core.oci import Digest, Platform, Reference
from releaser.core.steps import Base, BuildStep, Link, NamedContext, Secret
from releaser.engines.buildx import Buildx
from releaser.errors import SpecError
from tests.fakes.builder import StepFields

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]
CLASSIC = "buildx-tests"


class Heard:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def on(self, event: Event) -> None:
        self.events.append(event)

    @property
    def lines(self) -> list[str]:
        return [e.line for e in self.events if isinstance(e, StepProgress) and e.line is not None]


@dataclass
class Bench:
    """A real engine, a folder for contexts, and names of its own."""

    folder: Path
    environment: Mapping[str, str]
    containerd: bool
    prefix: str = field(default_factory=lambda: f"buildx-{uuid.uuid4().hex[:8]}")
    heard: Heard = field(default_factory=Heard)

    def docker(self, *arguments: str) -> str:
        done = subprocess.run(
            ["docker", *arguments],
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def builder(self, **more: str) -> Buildx:
        return Buildx(environment={**self.environment, **more}, containerd_store=self.containerd)

    def name(self, image: str) -> Reference:
        return Reference.parse(f"{self.prefix}/{image}:1")

    def step(self, image: str, dockerfile: str, **fields: Unpack[StepFields]) -> BuildStep:
        folder = self.folder / image
        folder.mkdir(exist_ok=True)
        (folder / "file").write_text(f"{self.prefix} {image}")
        (folder / "Dockerfile").write_text(dockerfile)
        fields.setdefault("names", (self.name(image),))
        return BuildStep(image, str(folder), str(folder / "Dockerfile"), **fields)

    def build(self, *batch: BuildStep, **more: str) -> list[BuildResult]:
        builder = self.builder(**more)
        builder.check(batch)
        return list(builder.build(batch, self.heard))

    def built(self, *batch: BuildStep, **more: str) -> Built:
        """The last result of a batch in which everything succeeds."""
        results = self.build(*batch, **more)
        assert [r for r in results if not isinstance(r, Built)] == []
        last = results[-1]
        assert isinstance(last, Built)
        return last

    def inspect(self, image: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(
            self.docker("image", "inspect", str(self.name(image)))
        )
        return found[0]

    def output(self, image: str, *command: str) -> str:
        return self.docker("run", "--rm", str(self.name(image)), *command)

    def base(self) -> Digest:
        """The digest of busybox in the registry."""
        self.docker("pull", "--quiet", "busybox:latest")
        template = "{{index .RepoDigests 0}}"
        found = self.docker("image", "inspect", "--format", template, "busybox:latest")
        return Digest(found.partition("@")[2])


def bench_of(folder: Path, environment: Mapping[str, str]) -> Iterator[Bench]:
    bench = Bench(folder, environment, containerd=False)
    status = bench.docker("info", "--format", "{{.DriverStatus}}")
    bench.containerd = "io.containerd.snapshotter" in status
    try:
        yield bench
    finally:
        reference = f"reference={bench.prefix}/*"
        found = bench.docker("image", "ls", "--quiet", "--filter", reference).split()
        if found:
            bench.docker("image", "rm", "--force", *sorted(set(found)))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """The engine of the environment."""
    yield from bench_of(tmp_path, os.environ)


@pytest.fixture(scope="module")
def classic_environment() -> Iterator[Mapping[str, str]]:
    """A daemon with the classic store, which is ended afterwards."""
    script = (
        f'set -e; exports=$(.ci/engine daemon {CLASSIC} --store classic); eval "$exports"; env -0'
    )
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, check=True)
    pairs = (item.partition("=") for item in done.stdout.decode().split("\0") if item)
    try:
        yield {name: value for name, _, value in pairs}
    finally:
        subprocess.run([".ci/engine", "stop", CLASSIC], cwd=ROOT, check=True, capture_output=True)


@pytest.fixture(params=["given", "classic"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """The engine of the environment, and then one with the classic store."""
    given = request.param == "given"
    environment = os.environ if given else request.getfixturevalue("classic_environment")
    yield from bench_of(tmp_path, environment)


# Both stores


def test_the_id_is_the_engines(either: Bench) -> None:
    built = either.built(either.step("api", "FROM busybox\nCOPY file /\n"))
    assert either.inspect("api")["Id"] == str(built.image_id)


def test_a_chain_in_one_batch(either: Bench) -> None:
    base = either.step("base", "FROM busybox\nRUN echo 1 > /1\n")
    middle = either.step(
        "middle", "FROM shop/base:latest\nRUN echo 2 > /2\n", links=(Link("base", ("shop/base",)),)
    )
    links = (Link("middle", ("middle",)), Link("base", ("base",)))
    top = either.step("top", "FROM base AS x\nFROM middle\nCOPY --from=x /1 /copied\n", links=links)
    built = either.built(base, middle, top)
    assert either.output("top", "cat", "/1", "/2", "/copied") == "1\n2\n1"
    assert built.instructions == 1


@pytest.mark.parametrize("prefix", ["", "localhost:5999/"])
@pytest.mark.parametrize("pull", [False, True])
def test_a_link_to_a_tag_that_only_the_engine_has(
    either: Bench, prefix: str, *, pull: bool
) -> None:
    name = Reference.parse(f"{prefix}{either.prefix}/base:1")
    either.built(either.step("base", "FROM busybox\nRUN echo 1 > /1\n", names=(name,)))
    link = Link("base", ("base",), name)
    either.built(either.step("top", "FROM base\nRUN true\n", links=(link,), pull=pull))
    assert either.output("top", "cat", "/1") == "1"
    either.docker("image", "rm", "--force", str(name))


def test_what_was_built_beside_a_failure_is_known(either: Bench) -> None:
    good = either.step("good", "FROM busybox\nCOPY file /\n")
    late = either.step("late", "FROM base\nRUN sleep 3; exit 3\n", links=(Link("good", ("base",)),))
    built, failed = either.build(good, late)
    assert isinstance(built, Built)
    assert either.inspect("good")["Id"] == str(built.image_id)
    assert isinstance(failed, BuildFailed)


def test_a_tag_moves_to_the_new_build(either: Bench) -> None:
    first = either.built(either.step("api", "FROM busybox\nRUN echo 1 > /x\n"))
    second = either.built(either.step("api", "FROM busybox\nRUN echo 2 > /x\n"))
    assert first.image_id != second.image_id
    assert either.inspect("api")["Id"] == str(second.image_id)


# One store says enough

ODD = (
    "${X}",
    "$${X} %{if true}%{endif}",
    "a \"quoted\" 'word'",
    "two\nlines",
    "back\\slash \\n",
    "{{version}} $(id) `id`",
    "grüße ✓",
    "",
    " blanks ",
    "a,b=c",
)


def test_odd_characters_arrive_unchanged(bench: Bench) -> None:
    values = {f"V{number}": value for number, value in enumerate(ODD)}
    lines = "".join(f"ARG {name}\nLABEL arg.{name}=${name}\n" for name in values)
    labels = tuple((f"given.{name}", value) for name, value in values.items())
    labels += (("key.with ${X} %{y}", "v"),)
    bench.built(
        bench.step("odd", f"FROM busybox\n{lines}", args=tuple(values.items()), labels=labels)
    )
    found = bench.inspect("odd")["Config"]["Labels"]
    assert {name: found[f"given.{name}"] for name in values} == values
    assert {name: found[f"arg.{name}"] for name in values} == values
    assert found["key.with ${X} %{y}"] == "v"


def test_the_same_build_has_the_same_id_and_is_cached(bench: Bench) -> None:
    step = bench.step("api", "FROM busybox\nCOPY file /\nRUN echo x > /y\n")  # file is new
    first, second = bench.built(step), bench.built(step)
    assert (first.cached, first.instructions) == (0, 2)
    assert (second.cached, second.instructions) == (2, 2)
    assert first.image_id == second.image_id


def test_secrets_are_read_and_leave_no_trace(bench: Bench) -> None:
    value, content = f"env-{uuid.uuid4()}", f"file-{uuid.uuid4()}"
    path = bench.folder / 'odd, "path"'
    path.write_text(content)
    mounts = "--mount=type=secret,id=env,required --mount=type=secret,id=file,required"
    command = "cd /run/secrets && cat env file | md5sum > /sum && echo printed: && cat env file"
    bench.built(
        bench.step(
            "api",
            f"FROM busybox\nRUN {mounts} {command}\n",
            secrets=(Secret("env", env="A_TOKEN"), Secret("file", file=str(path))),
            no_cache=True,
        ),
        A_TOKEN=value,
    )
    history = bench.docker("history", "--no-trunc", str(bench.name("api")))
    everything = history + json.dumps(bench.inspect("api")) + repr(bench.heard.events)
    assert value not in everything
    assert content not in everything
    assert bench.heard.lines == ["printed:", "******"]
    assert re.match(r"[0-9a-f]{32}", bench.output("api", "cat", "/sum"))


def test_a_failing_one_of_three(bench: Bench) -> None:
    results = bench.build(
        bench.step("a", "FROM busybox\nRUN sleep 20\n"),
        bench.step("b.x", "FROM busybox\n\nRUN echo seen && \\\n    exit 5\n"),
        bench.step("c", "FROM busybox\nRUN sleep 20\n"),
    )
    failed = results[1]
    assert [type(result).__name__ for result in results] == [
        "BuildCancelled",
        "BuildFailed",
        "BuildCancelled",
    ]
    assert isinstance(failed, BuildFailed)
    assert failed.error.message == ('build of "b.x" failed: RUN echo seen && exit 5 exited with 5')
    assert dict(failed.error.details)["dockerfile"] == f"{bench.folder}/b.x/Dockerfile:3-4"


@pytest.mark.parametrize(
    ("dockerfile", "message", "line"),
    [
        ("FROM busybox\nCOPY gone /\n", 'COPY gone /: "/gone" does not exist', ":2"),
        ("FROM never/there:1\n", "base image docker.io/never/there:1 was not found", ":1"),
        ("FROM busybox\nNO\n", "unknown instruction: NO", ":2"),
        ("# syntax=never/there\nFROM x\n", "its syntax docker.io/never/there:latest cannot", ":1"),
        ("FROM busybox\nRUN --mount=type=secret,id=t,required true\n", 'secret "t" is not', ":2"),
        ("FROM busybox\nRUN <<E\nexit 3\nE\n", "RUN <<E (exit 3) exited with 3", ":2-4"),
        ("", "the Dockerfile cannot be empty", ""),
    ],
)
@pytest.mark.parametrize("company", [False, True])
def test_failures_have_words_and_a_place(
    bench: Bench, dockerfile: str, message: str, line: str, *, company: bool
) -> None:
    steps = [bench.step("api", dockerfile)]
    if company:
        steps.insert(0, bench.step("other", "FROM busybox\nCOPY file /\n"))
    failed = bench.build(*steps)[-1]
    assert isinstance(failed, BuildFailed)
    assert failed.error.message.startswith('build of "api" failed: ')
    assert message in failed.error.message
    assert dict(failed.error.details)["dockerfile"] == f"{bench.folder}/api/Dockerfile{line}"


def test_two_failures_each_have_their_own_words(bench: Bench) -> None:
    wait = "RUN sleep 1; exit"
    results = bench.build(
        bench.step("a", f"FROM busybox\n{wait} 1\n"), bench.step("b", f"FROM busybox\n{wait} 2\n")
    )
    for result in results:
        if isinstance(result, BuildFailed):
            code = {"a": "1", "b": "2"}[result.image]
            assert result.error.message.endswith(f"exited with {code}")
            assert dict(result.error.details)["dockerfile"].endswith(
                f"/{result.image}/Dockerfile:2"
            )


@pytest.mark.parametrize(
    "written",
    ["busybox", "busybox:latest", "docker.io/library/busybox:latest", "never/there:9"],
)
def test_a_base_is_taken_by_its_pin_however_it_is_written(bench: Bench, written: str) -> None:
    pin = Reference.parse("busybox").repository.at(bench.base())
    bench.built(bench.step("api", f"FROM {written}\nRUN true\n", bases=(Base(written, pin),)))
    activities = [e.activity for e in bench.heard.events if isinstance(e, StepProgress)]
    assert "load metadata for docker.io/library/busybox:latest" not in activities


def test_contexts_from_elsewhere_need_no_question(bench: Bench) -> None:
    elsewhere = bench.folder / "else, where"
    elsewhere.mkdir()
    (elsewhere / "x").write_text("found")
    image = NamedContext("tools", "docker-image://busybox:latest")
    bench.built(
        bench.step(
            "api",
            "FROM busybox\nCOPY --from=assets x /x\nCOPY --from=tools /bin/true /t\nRUN cat /x\n",
            contexts=(NamedContext("assets", str(elsewhere)), image),
            no_cache=True,
        )
    )
    assert bench.heard.lines == ["found"]


def test_network_hosts_and_shared_memory_are_what_was_asked_for(bench: Bench) -> None:
    command = "grep db.test /etc/hosts; df -m /dev/shm | tail -n 1; ls /sys/class/net"
    bench.built(
        bench.step(
            "api",
            f"FROM busybox\nRUN {command}\n",
            no_cache=True,
            network="host",
            extra_hosts=(("db.test", "10.9.8.7"),),
            shm_size="96m",
        )
    )
    hosts, shm, *interfaces = bench.heard.lines
    assert hosts.split() == ["10.9.8.7", "db.test"]
    assert shm.split()[1] == "96"
    assert len(interfaces) >= 2


def test_an_ssh_agent_is_forwarded(bench: Bench) -> None:
    agent = bench.folder / "agent"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(agent))
        listening.listen()
        dockerfile = "FROM busybox\nRUN --mount=type=ssh,required test -S $SSH_AUTH_SOCK\n"
        bench.built(bench.step("api", dockerfile, ssh=("default",)), SSH_AUTH_SOCK=str(agent))


def test_several_platforms_where_the_store_holds_them(either: Bench) -> None:
    bench = either
    platforms = (Platform("linux", "amd64"), Platform("linux", "arm64"))
    step = bench.step("api", "FROM scratch\nCOPY file /\n", platforms=platforms)
    if not bench.containerd:
        with pytest.raises(SpecError, match="has 2 platforms"):
            bench.build(step)
        return
    built = bench.built(step)
    assert bench.inspect("api")["Id"] == str(built.image_id)
    archive = bench.folder / "image.tar"
    bench.docker("image", "save", "--output", str(archive), str(bench.name("api")))
    with tarfile.open(archive) as tar:
        index = tar.extractfile(f"blobs/sha256/{built.image_id.hex}")
        assert index is not None
        manifests = json.load(index)["manifests"]
    assert {m["platform"]["architecture"] for m in manifests} == {"amd64", "arm64"}


def test_cancel_ends_the_command_in_the_engine_too(bench: Bench) -> None:
    marker = f"7{int(time.time()) % 100_000}"
    step = bench.step("api", f"FROM busybox\nRUN echo begun; sleep {marker}\n")
    builder = bench.builder()
    results: list[BuildResult] = []
    thread = threading.Thread(target=lambda: results.extend(builder.build([step], bench.heard)))
    thread.start()
    end = time.monotonic() + 60
    while bench.heard.lines != ["begun"] and time.monotonic() < end:
        time.sleep(0.05)
    began = time.monotonic()
    builder.cancel()
    thread.join(timeout=30)
    assert time.monotonic() - began < 8
    assert [type(result).__name__ for result in results] == ["BuildCancelled"]


def test_provenance_is_kept_beside_the_image(bench: Bench) -> None:
    base = bench.step("base", "FROM busybox\nCOPY file /\n", provenance="mode=min")
    api = bench.step("api", "FROM base\nRUN cat /file\n", provenance="mode=max")
    bench.built(base)
    built = bench.built(replace(api, links=(Link("base", ("base",), bench.name("base")),)))
    archive, blobs = bench.folder / "api.tar", bench.folder / "blobs" / "sha256"
    bench.docker("save", "--output", str(archive), str(bench.name("api")))
    with tarfile.open(archive) as tar:
        tar.extractall(bench.folder, filter="data")
    index = json.loads((blobs / built.image_id.value.removeprefix("sha256:")).read_text())
    kinds = [
        one.get("annotations", {}).get("vnd.docker.reference.type") for one in index["manifests"]
    ]
    assert kinds == [None, "attestation-manifest"]
    assert any(b"https://slsa.dev/provenance" in one.read_bytes() for one in blobs.iterdir())


def test_without_provenance_a_digest_is_a_manifests(bench: Bench) -> None:
    built = bench.built(bench.step("api", "FROM busybox\nCOPY file /\n"))
    shown = bench.docker("image", "inspect", str(bench.name("api")))
    assert built.image_id.value in shown
    assert "attestation" not in shown
