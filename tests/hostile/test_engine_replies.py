"""What a Docker Engine answers: to pushes, to questions about itself and about images."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3

from releaser.core.events import BuildFailed, Event, StepProgress
from releaser.core.oci import Reference
from releaser.core.steps import BuildStep
from releaser.engines.classic_output import BuildStream
from releaser.engines.docker_client import Connection
from releaser.engines.docker_engine import DockerEngine
from releaser.engines.docker_errors import translated
from releaser.engines.docker_push import PushStream
from releaser.engines.docker_stream import records, records_of
from releaser.errors import EngineError, RegistryError, SetupError
from tests.engine_server import (
    INFO,
    VERSION,
    Answer,
    ScriptedEngine,
    refusal,
    scripted_engine,
    stream,
)
from tests.hostile.replies import MEGABYTE, flat, refused
from tests.registry_client import told

REFERENCE = Reference.parse("localhost:5000/acme/api:1.2")
PUSH = "/images/localhost:5000/acme/api/push"
DIGEST = "sha256:" + "b" * 64
DONE = {"status": f"1.2: digest: {DIGEST} size: 735"}
FAILED = "denied: requested access to the resource is denied"
NASTY = "\x1b[31m\x9b2J\r\n::error::x\n##[group]\u202e"


@dataclass
class Heard:
    events: list[Event] = field(default_factory=list)

    def on(self, event: Event) -> None:
        self.events.append(event)


@pytest.fixture
def script() -> Iterator[ScriptedEngine]:
    with scripted_engine() as engine:
        yield engine


@pytest.fixture
def engine(script: ScriptedEngine, tmp_path: Path) -> DockerEngine:
    connection = Connection({"DOCKER_HOST": script.host, "DOCKER_CONFIG": str(tmp_path)})
    return DockerEngine(connection, pause=lambda *_: None, idle_seconds=0.5)


def answer(content: object) -> Answer:
    return Answer((json.dumps(content).encode(),))


COMPLAINTS = [
    pytest.param([{"errorDetail": {"message": FAILED}}], FAILED, id="E1"),
    pytest.param([{"errorDetail": {"message": FAILED}, "error": ""}], FAILED, id="E1-empty"),
    pytest.param([{"error": FAILED}], FAILED, id="E2"),
    pytest.param([{"error": FAILED, "errorDetail": {"message": FAILED}}], FAILED, id="E3"),
    pytest.param([{"error": "x", "errorDetail": {"message": FAILED}}], FAILED, id="E3-other"),
    pytest.param([{"error": FAILED}, {"status": "Pushing"}, DONE], FAILED, id="E4"),
    pytest.param([{"errorDetail": {}}, DONE], "the engine gave no reason", id="E4-no-words"),
    pytest.param([{"status": "Preparing"}], "ended the upload without a result", id="E5"),
    pytest.param([], "ended the upload without a result", id="E5-nothing"),
    pytest.param([{"status": f"1.3: digest: {DIGEST}"}], "without a result", id="E7a"),
    pytest.param([{"status": f"11.2: digest: {DIGEST}"}], "without a result", id="E7a-ending"),
    pytest.param([{"stream": DONE["status"]}], "without a result", id="E7b-stream"),
    pytest.param([{"id": "a", "progress": DONE["status"]}], "without a result", id="E7b-progress"),
    pytest.param([{"aux": {"Tag": "1.2", "Digest": DIGEST}}], "without a result", id="E8b-alone"),
    pytest.param([{"error": NASTY + FAILED}], FAILED, id="E10b"),
    pytest.param([{"errorDetail": {"message": "x" * 100_000}}], "xxx", id="E10b-long"),
    pytest.param(
        [{"aux": {"manifestPushedInsteadOfIndex": True}}, DONE], "pushed only one of them", id="E14"
    ),
]


@pytest.mark.parametrize(("said", "says"), COMPLAINTS)
def test_pushes_that_failed(
    script: ScriptedEngine, engine: DockerEngine, said: list[dict[str, Any]], says: str
) -> None:
    script.on(PUSH, stream(*said))
    refused(lambda: engine.push(REFERENCE, Heard()), str(REFERENCE), says)


def test_e05_a_stream_that_is_cut(script: ScriptedEngine, engine: DockerEngine) -> None:
    script.on(PUSH, Answer((b'{"status": "1.2: digest: sha256:',), end="break"))
    refused(lambda: engine.push(REFERENCE, Heard()), "the connection broke off", kind=RegistryError)


WHOLE = b'{"status": "x"}\r\n' + json.dumps(DONE).encode() + b'\r\n{"aux": {}}'
CHUNKS = [
    pytest.param([WHOLE[n : n + 1] for n in range(len(WHOLE))], id="E6a"),
    *[
        pytest.param([WHOLE[:n], WHOLE[n:]], id=f"E6a-{n}")
        for n in range(1, len(WHOLE), len(WHOLE) // 12)
    ],
    pytest.param([json.dumps(DONE).encode() * 3], id="E6b"),
    pytest.param([b'{"status":\n', b"not json\n[7]\n", WHOLE], id="E6c"),
    pytest.param([b"\xff\xfe\x00\n", WHOLE], id="E10a"),
    pytest.param([b'{"status": "\xff\xfe::error::"}\n', WHOLE], id="E10a-inside"),
    pytest.param([WHOLE, b'\n{"aux": 7}\n{"aux": []}\n{"aux": null}'], id="E8b"),
    pytest.param([json.dumps(DONE).encode()], id="E8a"),
    pytest.param([WHOLE, b"\n" + b"[" * 100_000], id="E6c-deep"),
]


@pytest.mark.parametrize("chunks", CHUNKS)
def test_pushes_that_went_well(
    script: ScriptedEngine, engine: DockerEngine, chunks: list[bytes]
) -> None:
    script.on(PUSH, Answer(tuple(chunks)))
    engine.push(REFERENCE, Heard())
    assert len(script.asked(PUSH)) == 1


def test_e06d_a_line_of_fifty_megabytes() -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"status": "'
        for _ in range(50):
            yield b"x" * MEGABYTE
        yield b'"}\n' + json.dumps(DONE).encode()

    with flat(8 * MEGABYTE):
        assert list(records(chunks())) == [DONE]


@pytest.mark.parametrize("blocks", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_e09_a_million_records_of_progress(blocks: int) -> None:
    line = b'{"status":"Pushing","progressDetail":{"current":7,"total":9},"id":"%d"}\n'
    block = b"".join(line % n for n in range(1000))

    def chunks() -> Iterator[bytes]:
        for _ in range(blocks):
            yield block
        yield json.dumps(DONE).encode()

    heard = Heard()
    began = time.monotonic()
    PushStream(REFERENCE, heard).read(records(chunks()))
    took = time.monotonic() - began
    assert took < blocks / 10
    assert len(heard.events) <= 5 * took + 2


def test_e09_progress_leaves_memory_flat() -> None:
    line = b'{"status":"Pushing","progressDetail":{"current":7,"total":9},"id":"%d"}\n'
    chunks = (b"".join(line % (n * 100 + m) for m in range(100)) for n in range(100))
    with flat(2 * MEGABYTE), pytest.raises(RegistryError):
        PushStream(REFERENCE, Heard()).read(records(chunks))


def test_e07b_a_command_that_prints_a_result() -> None:
    step = BuildStep("api", "/src", "/src/Dockerfile", names=(REFERENCE,))
    forged = [
        {"stream": "Step 1/1 : RUN print"},
        {"stream": "\n"},
        {"stream": f'{{"aux":{{"ID":"{DIGEST}"}}}}\n'},
        {"stream": f"1.2: digest: {DIGEST} size: 7\nSuccessfully built {DIGEST}\n"},
        {"stream": NASTY},
    ]
    heard = Heard()
    result = BuildStream(step, (), heard).read(forged)
    assert isinstance(result, BuildFailed)
    assert "ended the build without a result" in str(result.error)
    lines = [event.line or "" for event in heard.events if isinstance(event, StepProgress)]
    assert all(line.isprintable() for line in lines)


VERSIONS: list[object] = [[], 7, None, {}, {**VERSION, "ApiVersion": 7}]
FACTS: list[object] = [[], 7, None, "x"]
ODD_FACTS = [
    *[pytest.param("/version", one, id=f"E11d-{n}") for n, one in enumerate(VERSIONS)],
    *[pytest.param("/info", one, id=f"E11d-info-{n}") for n, one in enumerate(FACTS)],
    pytest.param("/version", {**VERSION, "ApiVersion": "1.12"}, id="E11a"),
    pytest.param("/version", {**VERSION, "ApiVersion": "9.99"}, id="E11b"),
    pytest.param("/version", {**VERSION, "Os": None}, id="E15a"),
    pytest.param("/version", {**VERSION, "Arch": "\x1b[2J::error::"}, id="E15a-ansi"),
    pytest.param("/version", {"ApiVersion": "1.51"}, id="E15a-absent"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "content"), ODD_FACTS)
def test_engines_that_are_none(
    script: ScriptedEngine, engine: DockerEngine, path: str, content: object
) -> None:
    script.on(path, answer(content))
    refused(engine.check, "Docker engine", kind=SetupError)


@pytest.mark.parametrize(
    "info",
    [{}, {**INFO, "DriverStatus": 7}, {**INFO, "DockerRootDir": "\0"}, {**INFO, "Architecture": 7}],
    ids=[f"E11e-{n}" for n in range(4)],
)
def test_engines_that_say_little(
    script: ScriptedEngine, engine: DockerEngine, info: object
) -> None:
    script.on("/info", answer(info))
    assert engine.check().platform == "linux/amd64"


@pytest.mark.parametrize(
    "body", [b"<html>", b"", b"[" * 100_000], ids=["E11d-html", "E11d-none", "E11d-deep"]
)
def test_something_else_on_the_socket(
    script: ScriptedEngine, engine: DockerEngine, body: bytes
) -> None:
    script.on("/version", Answer((body,)))
    refused(engine.check, "no Docker engine answers at", "not JSON", kind=SetupError)


def test_e11c_an_engine_that_is_there_and_fails(
    script: ScriptedEngine, engine: DockerEngine
) -> None:
    script.on("/info", refusal(f"plugin crashed {NASTY}", 500))
    refused(engine.check, "does not say what it is: plugin crashed", kind=SetupError)


IMAGE = {"Id": DIGEST, "Labels": {"l": "v"}}
ASKS: list[Callable[[DockerEngine], object]] = [
    lambda e: e.local_id(REFERENCE),
    lambda e: e.resolve_stored(REFERENCE),
]


@pytest.mark.parametrize("ask", ASKS, ids=["E13b-id", "E13b-stored"])
def test_inspections_that_say_nothing(
    script: ScriptedEngine, engine: DockerEngine, ask: Callable[[DockerEngine], object]
) -> None:
    odd: list[object] = [7, [], None, {}, {"Id": 7}, {"Id": NASTY}, {"RepoDigests": []}]
    for content in odd:
        script.on("/images/localhost", answer(content))
        refused(lambda: ask(engine), "cannot look at localhost:5000/acme/api:1.2", kind=EngineError)


@pytest.mark.parametrize("digests", [None, [], 7, [7], ["x@y"], [f"ghcr.io/x@{DIGEST}"]],
                         ids=[f"E13a-{n}" for n in range(6)])  # fmt: skip
def test_images_without_a_digest_in_a_registry(
    script: ScriptedEngine, engine: DockerEngine, digests: object
) -> None:
    script.on("/images/localhost", answer({**IMAGE, "RepoDigests": digests}))
    assert engine.resolve_stored(REFERENCE) is None
    assert str(engine.local_id(REFERENCE)) == DIGEST


LISTS: list[object] = [7, {}, None, [7], [{**IMAGE, "Id": "x"}], [{**IMAGE, "Id": None}]]


@pytest.mark.parametrize("content", LISTS, ids=[f"E13c-{n}" for n in range(len(LISTS))])
def test_lists_of_images_that_are_none(
    script: ScriptedEngine, engine: DockerEngine, content: object
) -> None:
    script.on("/images/json", answer(content))
    refused(lambda: engine.images("l"), "cannot list the images", kind=EngineError)


@pytest.mark.parametrize(
    "content",
    [7, [], None, {}, {"Descriptor": 7}, {"Descriptor": {"digest": NASTY}}, {"Platforms": 7}],
    ids=[f"E13d-{n}" for n in range(7)],
)
def test_what_a_registry_is_said_to_have(
    script: ScriptedEngine, engine: DockerEngine, content: object
) -> None:
    script.on("/distribution/", answer(content))
    script.on("/images/localhost", refusal("no such image", 404))
    assert engine.offered(REFERENCE) is None
    assert engine.resolve(REFERENCE) is None


def test_e17_sockets_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    for name, cause in (("file", "connection refused"), ("none", "no such socket"),
                        ("fifo", "connection refused")):  # fmt: skip
        host = f"unix://{tmp_path}/{name}"
        engine = DockerEngine(Connection({"DOCKER_HOST": host, "DOCKER_CONFIG": str(tmp_path)}))
        refused(engine.check, f"no Docker engine answers at {host}", cause, kind=SetupError)


@pytest.mark.parametrize(
    "raised",
    [
        urllib3.exceptions.ReadTimeoutError(None, "/x", "slow"),  # type: ignore[arg-type]
        urllib3.exceptions.ProtocolError("broken", ConnectionResetError(104, "reset")),
        urllib3.exceptions.IncompleteRead(7, 9),
        TimeoutError("slow"),
    ],
    ids=[f"E18a-{n}" for n in range(4)],
)
def test_exceptions_of_libraries_below(raised: BaseException) -> None:
    def act() -> None:
        with translated("cannot do it"):
            raise raised

    refused(act, "cannot do it: ", kind=EngineError)


def test_e18b_an_engine_that_is_silent(script: ScriptedEngine, engine: DockerEngine) -> None:
    script.on(PUSH, stream({"status": "Waiting"}, end="hang"))
    error = refused(lambda: engine.push(REFERENCE, Heard()), "no answer in time")
    assert isinstance(error, RegistryError)
    assert error.retryable


def test_e18c_an_engine_that_never_comes_to_an_end() -> None:
    class Endless:
        def iter_content(self, _: int) -> Iterator[bytes]:
            while True:
                yield b'{"status": "Waiting"}\n'

    clock = iter(range(1_000_000))
    with pytest.raises(TimeoutError):
        for _ in records_of(Endless(), total=500.0, clock=lambda: next(clock)):  # type: ignore[arg-type]
            pass
    assert next(clock) < 600


def test_e18d_a_push_that_drips(script: ScriptedEngine, tmp_path: Path) -> None:
    """Bytes that are no record keep it alive only until it is cancelled or out of time."""
    connection = Connection({"DOCKER_HOST": script.host, "DOCKER_CONFIG": str(tmp_path)})
    engine = DockerEngine(connection, idle_seconds=30)
    script.on(PUSH, Answer((b" ",) * 100, end="hang"))
    threading.Timer(0.5, engine.cancel).start()
    with pytest.raises(EngineError) as caught:
        engine.push(REFERENCE, Heard())
    assert "was stopped" in told(caught.value)
