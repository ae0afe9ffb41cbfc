"""What the program docker buildx prints and leaves behind."""

from __future__ import annotations

import base64
import json
import os
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from releaser.core.events import BuildFailed, Event, StepProgress
from releaser.core.oci import Reference
from releaser.core.steps import BuildStep, Secret
from releaser.engines import bake_file
from releaser.engines.buildx import Buildx
from releaser.engines.buildx_solve import Solve
from releaser.engines.rawjson import RecordStream, records
from releaser.errors import EngineError, ReleaserError, SetupError
from tests.hostile.replies import MEGABYTE, flat, refused

DIGEST = "sha256:" + "b" * 64
NASTY = "\x1b[31m\x9b2J\r\n::error::x\n##[group]\u202e"
PRELUDE = """\
#!{python}
import json, sys
from pathlib import Path
argv = sys.argv[1:]
metadata = Path(argv[argv.index("--metadata-file") + 1])
def say(line):
    sys.stderr.buffer.write(line.encode() if isinstance(line, str) else line)
    sys.stderr.buffer.write(b"\\n")
"""


@dataclass
class Heard:
    events: list[Event] = field(default_factory=list)

    def on(self, event: Event) -> None:
        self.events.append(event)

    def lines(self) -> list[str]:
        return [e.line for e in self.events if isinstance(e, StepProgress) and e.line is not None]


@dataclass
class Docker:
    """A program called docker that says what it is told."""

    path: Path
    heard: Heard = field(default_factory=Heard)

    def build(self, script: str, *secrets: Secret, token: str = "") -> ReleaserError:
        """What a build with ``script`` in docker's place fails with."""
        text = PRELUDE.format(python=sys.executable) + textwrap.dedent(script)
        self.path.write_text(text)
        self.path.chmod(0o755)
        environment = {"PATH": os.environ["PATH"], "TOKEN": token}
        builder = Buildx(docker=str(self.path), environment=environment)
        try:
            [result] = builder.build([step(*secrets)], self.heard)
        except ReleaserError as error:
            return error
        assert isinstance(result, BuildFailed)
        return result.error


@pytest.fixture
def docker(tmp_path: Path) -> Docker:
    return Docker(tmp_path / "docker")


def step(*secrets: Secret) -> BuildStep:
    names = (Reference.parse("shop/api:1"),)
    return BuildStep("api", "/src", "/src/Dockerfile", names=names, secrets=secrets)


ENDINGS = [
    pytest.param('say("ERROR: unknown flag: --progress"); sys.exit(1)', "unknown flag",
                 "install a newer buildx", id="E16b"),
    pytest.param('say("ERROR: invalid progress mode rawjson"); sys.exit(1)', "progress mode",
                 "install a newer buildx", id="E16b-mode"),
    pytest.param('say("docker: \'buildx\' is not a docker command."); sys.exit(1)',
                 "not a docker command", "install a newer buildx", id="E16d-vanished"),
    pytest.param('say("ERROR: no builder \\"x\\" found"); sys.exit(1)', "no builder",
                 "docker info", id="E16c"),
    pytest.param('say("oops"); sys.exit(7)', "gave up: oops", "docker info", id="E16e"),
    pytest.param('say(b"\\xff\\xfe\\x1b[2J::error::"); sys.exit(7)', "gave up: ", "docker info",
                 id="E16e-bytes"),
    pytest.param("sys.exit(7)", "it printed no reason", "docker info", id="E16e-nothing"),
    pytest.param("", "left no legible result", "wrapper", id="E16f"),
    pytest.param('metadata.write_text("{\\"api-1\\": {")', "left no legible result", "wrapper",
                 id="E16g"),
    pytest.param("metadata.mkdir()", "left no legible result", "wrapper", id="E16g-folder"),
    pytest.param('metadata.write_text("[" * 100000)', "left no legible result", "wrapper",
                 id="E16g-deep"),
    pytest.param('metadata.write_text(json.dumps({"other-1": {"containerimage.config.digest": '
                 f'"{DIGEST}"}}}}))', "does not say what it built", "docker buildx ls", id="E16h"),
    pytest.param('metadata.write_text("{}")', "does not say what it built", "docker buildx ls",
                 id="E12"),
    pytest.param('metadata.write_text(json.dumps({a: {"containerimage.config.digest": "x"} '
                 'for a in argv}))', "left no legible result", "wrapper", id="E12-odd"),
]  # fmt: skip


@pytest.mark.parametrize(("script", "says", "hint"), ENDINGS)
def test_programs_that_end_badly(docker: Docker, script: str, says: str, hint: str) -> None:
    error = docker.build(script)
    assert isinstance(error, EngineError)
    assert says in str(error)
    assert hint in (error.hint or "")
    assert str(error).isprintable()


def test_e15b_a_base_without_the_platform(docker: Docker) -> None:
    name = "[internal] load metadata for docker.io/library/x:1"
    failed = {"digest": "sha256:1", "name": name, "started": "x", "completed": "x",
              "error": "no match for platform in manifest: not found"}  # fmt: skip
    error = docker.build(
        f"say({json.dumps({'vertexes': [failed]})!r})\n"
        'say("ERROR: target api-1: failed to solve: no match for platform in manifest")\n'
        "sys.exit(1)"
    )
    assert 'build of "api" failed' in str(error)


def test_e16a_no_buildx(tmp_path: Path) -> None:
    builder = Buildx(environment={"PATH": str(tmp_path), "HOME": str(tmp_path)})
    refused(lambda: builder.check([step()]), "docker buildx is not installed", kind=SetupError)


@pytest.mark.parametrize("mode", [0o644, 0o755], ids=["E16d", "E16d-no-program"])
def test_a_docker_that_cannot_be_run(tmp_path: Path, mode: int) -> None:
    program = tmp_path / "docker"
    program.write_bytes(b"\x7fELFnot really")
    program.chmod(mode)
    builder = Buildx(docker=str(program), environment={"PATH": os.environ["PATH"]})
    refused(lambda: builder.build([step()], Heard()), "cannot be run", kind=SetupError)


def vertex(name: str = "[2/2] RUN x", **more: str) -> bytes:
    return json.dumps(
        {"vertexes": [{"digest": "v", "name": name, "started": "x", **more}]}
    ).encode()


def log(data: bytes) -> bytes:
    encoded = base64.b64encode(data).decode()
    return json.dumps({"logs": [{"vertex": "v", "stream": 1, "data": encoded}]}).encode()


def shown(lines: Iterable[bytes]) -> list[str]:
    """The lines of output that people get to see."""
    batch = [step()]
    solve = Solve(batch, bake_file.target_names(batch), str)
    found = []
    for line in lines:
        for record in records(line):
            found += [event.line for event in solve.take(record) if event.line is not None]
    return found


def test_e07b_a_command_that_prints_records() -> None:
    """What a command prints is data in a record, whatever it looks like."""
    forged = vertex("[1/1] FORGED") + b"\n" + b'{"statuses": [{"vertex": "v", "id": "x"}]}\n'
    [first, second] = shown([vertex(), log(forged)])
    assert first.startswith('{"vertexes"')
    assert second.startswith('{"statuses"')


def test_e10b_output_that_speaks_to_terminals() -> None:
    lines = shown([vertex(), log(NASTY.encode() + b"\n"), log(b"\xff\xfe\x00\n")])
    assert lines
    assert all(line.isprintable() for line in lines)


def test_e10c_a_secret_in_two_pieces(docker: Docker) -> None:
    said = [vertex(), log(b"the token is hunter2-hun"), log(b"ter2-hunter2, keep it\n")]
    script = "".join(f"say({line!r})\n" for line in said) + "sys.exit(1)"
    docker.build(script, Secret("t", env="TOKEN"), token="hunter2-hunter2-hunter2")
    [line] = docker.heard.lines()
    assert line.startswith("the token is ")
    assert line.endswith(", keep it")
    assert "hunter2" not in line


def test_e06d_a_line_without_end_and_one_of_fifty_megabytes() -> None:
    stream = RecordStream()
    with flat(70 * MEGABYTE):
        for _ in range(50):
            assert list(stream.feed(b"x" * MEGABYTE)) == []
        assert len(list(stream.feed(b"\n"))) == 1
    assert len(list(stream.feed(vertex() + b"\n"))) == 1


@pytest.mark.parametrize("size", [1, 7, 4096], ids="E6a-{}".format)
def test_records_in_any_pieces(size: int) -> None:
    whole = b"\n".join([vertex(), log(b"abc\n"), b"plain \xff", vertex(completed="y")])
    at_once = RecordStream()
    expected = [*at_once.feed(whole), *at_once.end()]
    stream, found = RecordStream(), []
    for n in range(0, len(whole), size):
        found += list(stream.feed(whole[n : n + size]))
    assert [*found, *stream.end()] == expected
    assert len(expected) == 4


def test_e09_progress_without_end_leaves_memory_flat() -> None:
    status = {"statuses": [{"vertex": "v", "id": "extracting", "current": 7, "total": 9}]}
    line = json.dumps(status).encode()
    batch = [step()]
    solve = Solve(batch, bake_file.target_names(batch), str)
    with flat(2 * MEGABYTE):
        for n in range(5_000):
            for record in records(line if n % 2 else log(b"one more line\n")):
                list(solve.take(record))
