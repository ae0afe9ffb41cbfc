"""What the engine's own builder says: progress, output, results and reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from releaser.core.dockerfile import parse
from releaser.core.events import (
    BuildFailed,
    BuildResult,
    Built,
    Event,
    StepProgress,
)
from releaser.core.oci import Digest, Platform, Reference
from releaser.core.steps import BuildStep
from releaser.engines.classic_output import OUTPUT_LINES, BuildStream
from releaser.errors import EngineError

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


TEXT = (
    "ARG BASE=busybox\nFROM $BASE AS one\nRUN echo hello\nFROM ${BASE}\nCOPY . /src\nRUN npm ci\n"
)

# As dockerd 28.5.2 and 20.10.24 sent it, ids shortened.
OUTPUT: list[dict[str, Any]] = [
    {"stream": "Step 1/6 : ARG BASE=busybox"},
    {"stream": "\n"},
    {"stream": "Step 2/6 : FROM $BASE AS one"},
    {"stream": "\n"},
    {"status": "Pulling from library/busybox", "id": "latest"},
    {"status": "Downloading", "progressDetail": {"current": 1, "total": 2}, "id": "f17c"},
    {"status": "Status: Downloaded newer image for busybox:latest"},
    {"stream": " ---> 03a42ea765a1\n"},
    {"stream": "Step 3/6 : RUN echo hello"},
    {"stream": "\n"},
    {"stream": " ---> Running in 5795635ed667\n"},
    {"stream": "hello\nStep 9/9 : forged\n"},
    {"stream": "no line end"},
    {"stream": " ---> Removed intermediate container 5795635ed667\n"},
    {"stream": " ---> 647f8489284c\n"},
    {"aux": {"ID": OTHER}},
    {"stream": "Step 4/6 : FROM ${BASE}"},
    {"stream": "\n"},
    {"stream": " ---> 03a42ea765a1\n"},
    {"stream": "Step 5/6 : COPY . /src"},
    {"stream": "\n"},
    {"stream": " ---> Using cache\n"},
    {"stream": " ---> 071212d9bebf\n"},
    {"stream": "Step 6/6 : RUN npm ci"},
    {"stream": "\n"},
    {"stream": " ---> Running in 7c053c307352\n"},
]
BUILT: list[dict[str, Any]] = [
    *OUTPUT,
    {"stream": "Removing intermediate container 7c053c307352\n"},
    {"stream": " ---> 9aa062a3a2ea\n"},
    {"aux": {"ID": ID}},
    {"stream": "Successfully built 9aa062a3a2ea\n"},
    {"stream": "Successfully tagged shop/api:1\n"},
]
FAILED: list[dict[str, Any]] = [
    *OUTPUT,
    {"stream": "\x1b[91mnpm ERR! missing\n\x1b[0m"},
    {"stream": " ---> Removed intermediate container 7c053c307352\n"},
    {
        "errorDetail": {
            "code": 1,
            "message": "The command '/bin/sh -c npm ci' returned a non-zero code: 1",
        },
        "error": "The command '/bin/sh -c npm ci' returned a non-zero code: 1",
    },
]


def read(records: Iterable[Mapping[str, Any]], text: str = TEXT) -> tuple[BuildResult, Heard]:
    heard = Heard()
    parsed = parse(text)
    instructions = [*parsed.arguments]
    for stage in parsed.stages:
        instructions += [stage.head, *stage.instructions]
    return BuildStream(step(), instructions, heard).read(records), heard


def failure(records: Iterable[Mapping[str, Any]]) -> EngineError:
    result, _ = read(records)
    assert isinstance(result, BuildFailed)
    assert isinstance(result.error, EngineError)
    return result.error


def test_a_build_that_succeeds() -> None:
    result, heard = read(BUILT)
    assert result == Built("api", Digest(ID), cached=1, instructions=3)
    assert heard.activities() == [
        "ARG BASE=busybox",
        "pulling library/busybox",
        "FROM $BASE AS one",
        "RUN echo hello",
        "FROM ${BASE}",
        "COPY . /src (cached)",
        "RUN npm ci",
    ]
    assert heard.lines() == ["hello", "Step 9/9 : forged", "no line end"]


def test_a_command_that_fails() -> None:
    error = failure(FAILED)
    assert error.message == 'build of "api" failed: RUN npm ci exited with 1'
    assert error.details == (("dockerfile", "/src/Dockerfile:6"), ("instruction", "RUN npm ci"))
    assert error.output == ("hello", "Step 9/9 : forged", "no line end", "npm ERR! missing")
    assert error.hint is None


@pytest.mark.parametrize("keep", range(len(OUTPUT) + 3))
def test_a_build_that_ends_early_is_no_success(keep: int) -> None:
    assert "without a result" in failure(BUILT[:keep]).message


@pytest.mark.parametrize(
    "aux", [{"ID": 7}, {"ID": "9aa062a3a2ea"}, {}, [], "x", {"ID": "sha256:" + "A" * 64}]
)
def test_an_id_that_is_none_is_no_success(aux: object) -> None:
    records = [{"aux": aux} if record == {"aux": {"ID": ID}} else record for record in BUILT]
    assert "without a result" in failure(records).message


def test_output_cannot_pretend_a_result() -> None:
    said = [{"stream": f'{{"aux":{{"ID":"{ID}"}}}}\n'}, {"stream": "Successfully built 9aa0\n"}]
    assert "without a result" in failure([*OUTPUT, *said]).message


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("the --mount option requires BuildKit. Refer to https://x", "install docker buildx"),
        ("COPY failed: file not found in build context or excluded by .dockerignore", "check the"),
        ("pull access denied for x, repository does not exist", "docker login"),
        ("manifest for busybox:9 not found: manifest unknown", "check the name and the tag"),
        ("write /x: no space left on device", "free space"),
    ],
)
@pytest.mark.parametrize("key", ["error", "errorDetail"])
def test_known_causes_have_a_hint(message: str, hint: str, key: str) -> None:
    record = {"error": message} if key == "error" else {"errorDetail": {"message": message}}
    error = failure([*OUTPUT, record])
    assert error.message.startswith(f'build of "api" failed: {message[:40]}')
    assert hint in (error.hint or "")


def test_a_command_that_was_killed() -> None:
    said = "The command '/bin/sh -c npm ci' returned a non-zero code: 137"
    assert "memory" in (failure([*OUTPUT, {"error": said}]).hint or "")


@pytest.mark.parametrize("on", ["", "on "])
def test_a_dockerfile_that_the_engine_cannot_read(on: str) -> None:
    error = failure([{"error": f"dockerfile parse error {on}line 3: unknown instruction: RUNN"}])
    assert error.details[0] == ("dockerfile", "/src/Dockerfile:3")


def test_only_the_end_of_the_output_is_kept() -> None:
    noise = ({"stream": f"line {n}\n"} for n in range(10_000))
    error = failure([*OUTPUT, *noise, {"error": "boom"}])
    assert error.output == tuple(f"line {n}" for n in range(10_000 - OUTPUT_LINES, 10_000))


def test_a_line_without_an_end_is_cut() -> None:
    result, heard = read([*OUTPUT, *({"stream": "x" * 1000} for _ in range(1000)), *BUILT[-4:]])
    assert isinstance(result, Built)
    assert max(map(len, heard.lines())) < 5000


@pytest.mark.parametrize(
    "record", [{}, {"stream": 7}, {"stream": None, "aux": 1, "status": []}, {"id": {}}]
)
def test_odd_records_do_no_harm(record: Mapping[str, Any]) -> None:
    result, _ = read([record, *BUILT])
    assert isinstance(result, Built)
