"""What recorded streams come to: events, counts, and who is to blame for a failure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Unpack

import pytest

from releaser.core.events import StepProgress
from releaser.core.oci import Reference
from releaser.core.redaction import Redactor
from releaser.core.steps import BuildStep, Link, Secret
from releaser.engines import bake_file, buildx_failure
from releaser.engines.buildx_solve import Solve, cancelled
from releaser.engines.rawjson import RecordStream
from releaser.errors import EngineError
from tests.fakes.builder import StepFields

BUSYBOX = "sha256:03a42ea765a1d87c568eaa5250e9947f34fb98ba7e683f5d6c21a2df9de7664c"
DATA = Path(__file__).parent / "data/rawjson"


def step(image: str, dockerfile: str = "", **fields: Unpack[StepFields]) -> BuildStep:
    fields.setdefault("names", (Reference.parse(f"shop/{image}:1"),))
    return BuildStep(image, f"/shop/{image}", dockerfile or f"/shop/{image}/Dockerfile", **fields)


def linked(*images: str) -> list[BuildStep]:
    """Images of which each but the first stands on the first."""
    first, *rest = images
    return [step(first), *(step(i, links=(Link(first, (first,)),)) for i in rest)]


def heard(
    content: bytes, batch: list[BuildStep], redactor: Redactor | None = None
) -> tuple[Solve, list[StepProgress]]:
    solve = Solve(batch, bake_file.target_names(batch), redactor.hide if redactor else str)
    records = list(RecordStream().feed(content))
    return solve, [event for record in records for event in solve.take(record)]


def replay(name: str, batch: list[BuildStep]) -> tuple[Solve, list[StepProgress]]:
    return heard((DATA / f"{name}.jsonl").read_bytes(), batch)


def blamed(name: str, batch: list[BuildStep]) -> dict[str, EngineError]:
    solve, _ = replay(name, batch)
    return buildx_failure.failures(solve, batch, bake_file.target_names(batch))


def lines(*items: object) -> bytes:
    return b"".join(
        (item if isinstance(item, str) else json.dumps(item)).encode() + b"\n" for item in items
    )


def vertex(digest: str, name: str, **fields: str) -> dict[str, Any]:
    return {"vertexes": [{"digest": digest, "name": name, "started": "now", **fields}]}


def test_a_single_build_tells_its_instructions_and_lines() -> None:
    _, events = replay("success", [step("base")])
    assert {(event.key, event.image) for event in events} == {("build:base", "base")}
    assert [event.activity for event in events if event.activity] == [
        "load metadata for docker.io/library/busybox:latest",
        f"FROM docker.io/library/busybox:latest@{BUSYBOX}",
        "RUN echo base",
        "exporting to image",
    ]
    assert [event.line for event in events if event.line is not None] == ["base"]


def test_instructions_are_counted_without_from_and_cached_ones_marked() -> None:
    fresh, _ = replay("success", [step("base")])
    again, events = replay("cached", [step("base")])
    assert [part.cached for part in fresh.instructions("base")] == [False]
    assert [part.cached for part in again.instructions("base")] == [True]
    assert [e.cached for e in events if e.activity == "RUN echo base"] == [True]


def test_vertexes_of_a_linked_image_belong_to_the_upstream() -> None:
    solve, events = replay("linked", linked("base", "api"))
    assert [part.text for part in solve.instructions("base")] == ["RUN echo base"]
    assert sorted(part.text for part in solve.instructions("api")) == [
        "COPY --from=build /app /app",
        "COPY app.py /app/",
        "RUN echo compiled; echo careful >&2",
        "RUN printf 'one\\ntwo\\n'",
    ]
    printed = [(event.image, event.line) for event in events if event.line is not None]
    assert printed == [
        ("base", "base"),
        ("api", "compiled"),
        ("api", "careful"),
        ("api", "one"),
        ("api", "two"),
    ]


def test_the_digest_of_an_ended_export_is_known() -> None:
    solve, _ = replay("linked", linked("base", "api"))
    found = {image: solve.exported(image) for image in ("base", "api")}
    assert all(digest and digest.startswith("sha256:") for digest in found.values())
    assert found["base"] != found["api"]


def test_an_index_is_what_an_export_of_several_platforms_comes_to() -> None:
    manifest, index = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    export = "exporting to image"
    status = [
        {"statuses": [{"vertex": "x", "id": f"exporting manifest {manifest}"}]},
        {"statuses": [{"vertex": "x", "id": f"exporting manifest list {index}"}]},
    ]
    solve, _ = heard(lines(vertex("x", export), *status), [step("api")])
    assert solve.exported("api") is None
    solve, _ = heard(
        lines(vertex("x", export), *status, vertex("x", export, completed="now")), [step("api")]
    )
    assert solve.exported("api") == index


def test_a_failed_command_is_told_with_lines_instruction_and_output() -> None:
    error = blamed("failing-run", [step("api")])["api"]
    assert error.message == (
        'build of "api" failed: RUN echo before && echo second >&2 && exit 7 exited with 7'
    )
    assert dict(error.details) == {
        "dockerfile": "/shop/api/Dockerfile:4-6",
        "instruction": "RUN echo before && echo second >&2 && exit 7",
    }
    assert error.output == ("before", "second")


def test_a_source_that_is_not_there() -> None:
    error = blamed("failing-copy", [step("api")])["api"]
    assert error.message == (
        'build of "api" failed: COPY nothing.txt /: "/nothing.txt" does not exist'
    )
    assert dict(error.details)["dockerfile"] == "/shop/api/Dockerfile:2"
    assert error.hint is not None
    assert ".dockerignore" in error.hint


def test_a_base_that_is_not_there() -> None:
    error = blamed("missing-base", [step("api")])["api"]
    assert error.message == (
        'build of "api" failed: base image docker.io/never/there:1 was not found'
    )
    assert dict(error.details)["dockerfile"] == "/shop/api/Dockerfile:1"


def test_a_here_document(tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM busybox\nRUN <<EOT\nset -e\necho in a heredoc\nexit 3\nEOT\n")
    error = blamed("heredoc", [step("api", str(dockerfile))])["api"]
    assert error.message == 'build of "api" failed: RUN <<EOT (set -e...) exited with 3'
    assert dict(error.details)["dockerfile"] == f"{dockerfile}:2-6"
    assert error.output == ("in a heredoc",)


def test_the_upstream_is_to_blame_and_neither_the_dependant_nor_the_one_that_was_stopped() -> None:
    batch = [*linked("base", "api"), step("worker")]
    errors = blamed("failing-upstream", batch)
    assert list(errors) == ["base"]
    assert errors["base"].message == (
        'build of "base" failed: RUN echo doomed; exit 4 exited with 4'
    )
    assert errors["base"].output == ("doomed",)


def test_a_dockerfile_that_cannot_be_parsed_is_found_without_a_vertex() -> None:
    errors = blamed("parse-error", [step("api"), step("worker")])
    assert list(errors) == ["api"]
    assert errors["api"].message == (
        'build of "api" failed: unknown instruction: RUUN (did you mean RUN?)'
    )
    assert dict(errors["api"].details)["dockerfile"] == "/shop/api/Dockerfile:2"


def test_lines_are_looked_for_where_buildx_shows_those_of_another_image(tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM busybox\nRUN one && \\\n    # why\n    two\n")
    other = vertex("1", "[b-2 2/2] RUN false", completed="x", error="failed: exit code: 1")
    content = lines(
        vertex("2", "[a-1 2/2] RUN one &&     two", completed="x", error="exit code: 2"),
        other,
        "Dockerfile:9",
        "-" * 20,
        "   9 | >>> RUN false",
        "-" * 20,
        "ERROR: target b-2: failed to solve: failed: exit code: 1",
    )
    batch = [step("a", str(dockerfile)), step("b")]
    solve, _ = heard(content, batch)
    errors = buildx_failure.failures(solve, batch, bake_file.target_names(batch))
    assert dict(errors["a"].details)["dockerfile"] == f"{dockerfile}:2-4"
    assert dict(errors["b"].details)["dockerfile"] == "/shop/b/Dockerfile:9"


def test_siblings_that_share_a_failed_instruction_are_both_to_blame() -> None:
    content = lines(
        vertex("1", "[a-1 2/2] RUN false"),
        vertex("1", "[b-2 2/2] RUN false", completed="x", error="exit code: 1"),
        "ERROR: target b-2: failed to solve: exit code: 1",
    )
    batch = [step("a"), step("b")]
    solve, events = heard(content, batch)
    assert [event.image for event in events] == ["a", "b"]
    assert list(buildx_failure.failures(solve, batch, bake_file.target_names(batch))) == ["a", "b"]


def test_an_error_without_an_image_is_the_engines() -> None:
    batch = [step("a")]
    solve, _ = heard(lines("ERROR: Cannot connect to the Docker daemon at unix:///x."), batch)
    with pytest.raises(EngineError, match="gave up: Cannot connect") as caught:
        buildx_failure.failures(solve, batch, bake_file.target_names(batch))
    assert caught.value.hint is not None


def test_a_path_in_an_error_tells_the_image() -> None:
    batch = [step("a"), step("b", secrets=(Secret("s", file="/none"),))]
    solve, _ = heard(lines("ERROR: failed to stat /none: stat /none: no such file"), batch)
    assert list(buildx_failure.failures(solve, batch, bake_file.target_names(batch))) == ["b"]


@pytest.mark.parametrize(
    ("name", "error", "message", "hint"),
    [
        ("[2/2] RUN x", "process did not complete successfully: exit code: 137", "137", "memory"),
        ("[2/2] RUN x", "write /a: no space left on device", "no space left", "builder prune"),
        ("[2/2] RUN x", "secret tok: not found", 'secret "tok" is not given', '"secrets"'),
        (
            "resolve image config for docker-image://docker.io/docker/dockerfile:9",
            "docker.io/docker/dockerfile:9: not found",
            "its syntax docker.io/docker/dockerfile:9 cannot be fetched",
            "# syntax=",
        ),
        (
            "[internal] load metadata for ghcr.io/a/b:1",
            "failed to authorize: failed to fetch oauth token: denied: denied",
            "base image ghcr.io/a/b:1 may not be read",
            "docker login",
        ),
        (
            "[context x] load metadata for localhost:1/x:1",
            "failed to do request: dial tcp 127.0.0.1:1: connect: connection refused",
            "the registry of base image localhost:1/x:1 cannot be reached",
            "network",
        ),
    ],
)
def test_known_causes_have_words_and_a_hint(name: str, error: str, message: str, hint: str) -> None:
    batch = [step("api")]
    solve, _ = heard(lines(vertex("1", name, completed="x", error=error), "ERROR: x"), batch)
    found = buildx_failure.failures(solve, batch, bake_file.target_names(batch))["api"]
    assert message in found.message
    assert found.hint is not None
    assert hint in found.hint


def test_a_cause_is_also_seen_in_the_output() -> None:
    log = {"logs": [{"vertex": "1", "stream": 2, "data": "ZXhlYyBmb3JtYXQgZXJyb3I="}]}
    end = vertex("1", "[2/2] RUN x", completed="x", error="exit code: 1")
    solve, events = heard(lines(vertex("1", "[2/2] RUN x"), log, end), [step("api")])
    error = buildx_failure.failures(solve, [step("api")], {"api": "api-1"})["api"]
    assert events[-1].line == "exec format error"
    assert error.hint is not None
    assert "another architecture" in error.hint


def test_only_the_last_lines_of_much_output_are_kept() -> None:
    logs = [
        {"logs": [{"vertex": "1", "stream": 1, "data": "YWJjCg=="}]}  # abc
        for _ in range(500)
    ]
    end = vertex("1", "[2/2] RUN x", completed="x", error="exit code: 1")
    solve, events = heard(lines(vertex("1", "[2/2] RUN x"), *logs, end), [step("api")])
    error = buildx_failure.failures(solve, [step("api")], {"api": "api-1"})["api"]
    assert len([e for e in events if e.line]) == 500
    assert error.output == ("abc",) * 40


def test_a_cache_that_cannot_be_imported_is_no_failure() -> None:
    name = "importing cache manifest from localhost:5000/x"
    solve, _ = heard(lines(vertex("1", name, completed="x", error="not found")), [step("api")])
    assert solve.failures("api") == []


@pytest.mark.parametrize(
    ("error", "stopped"),
    [
        ("context canceled", True),
        ("exit code: 137: context canceled: context canceled", True),
        ("rpc error: code = Canceled desc = context canceled", True),
        ("failed to solve: Canceled: context canceled", True),
        ('process "grep context canceled" did not complete successfully: exit code: 1', False),
    ],
)
def test_stopped_and_failed_are_told_apart(error: str, *, stopped: bool) -> None:
    assert cancelled(error) is stopped


def test_the_first_own_error_of_a_vertex_counts() -> None:
    content = lines(
        vertex("1", "[a-1 2/2] RUN x", completed="x", error="context canceled"),
        vertex("1", "[b-2 2/2] RUN x", completed="x", error="exit code: 9"),
        vertex("1", "[a-1 2/2] RUN x", completed="x", error="context canceled"),
    )
    solve, _ = heard(content, [step("a"), step("b")])
    assert [part.error for part in solve.failures("a")] == ["exit code: 9"]


@pytest.mark.parametrize(
    ("error", "again"),
    [
        ("failed to receive status: rpc error: code = Unknown desc = no such job abc", True),
        ('failed to solve: image "localhost:5000/a:fp-0": already exists', True),
        ("failed to solve: rpc error: code = Unavailable desc = closing, graceful_stop", True),
        ("failed to solve: unexpected EOF", True),
        ("failed to solve: exit code: 1", False),
    ],
)
def test_what_the_engine_lost_may_be_asked_again(error: str, *, again: bool) -> None:
    solve, _ = heard(lines(f"ERROR: {error}"), [step("api")])
    assert buildx_failure.transient(solve, [step("api")]) is again


def test_a_command_that_failed_is_not_asked_again() -> None:
    error = 'process "x" did not complete successfully: exit code: 1'
    end = vertex("1", "[2/2] RUN x", completed="x", error=error)
    solve, _ = heard(lines(end, "ERROR: connection reset by peer"), [step("api")])
    assert not buildx_failure.transient(solve, [step("api")])


def test_values_of_secrets_are_hidden_in_output_and_names() -> None:
    batch = [step("api", secrets=(Secret("t", env="T"),))]
    redactor = Redactor([b"hunter-22"])
    log = {"logs": [{"vertex": "1", "stream": 1, "data": "YSBodW50ZXItMjIgYg=="}]}
    name = "[2/2] RUN echo hunter-22"
    content = lines(vertex("1", name), log, vertex("1", name, completed="x"), "hunter-22")
    solve, events = heard(content, batch, redactor)
    assert [e.line for e in events if e.line] == ["a *** b"]
    assert "hunter-22" not in repr((solve.plain, events, solve.instructions("api")))
