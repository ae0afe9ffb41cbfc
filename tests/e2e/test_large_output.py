"""A build that prints without end takes no memory: with the engine's own builder, and BuildKit.

BuildKit itself cuts what a step prints after 2 MiB (``BUILDKIT_STEP_LOG_MAX_SIZE``), so with it the
whole comes through only where that is raised; a program in its place prints as much as it likes.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import EngineUnderTest, Workspace

Make = Callable[[EngineUnderTest], Workspace]
MIB = 1024 * 1024
LINE = "x" * 99
MOST = 24 * MIB
"""How much more memory a large log may take than a small one."""


@dataclass(frozen=True)
class Measured:
    """How a run ended, the most memory it had (bytes), how long it took, its last words."""

    code: int
    memory: int
    seconds: float
    err: str


def measured(work: Workspace, *arguments: str) -> Measured:
    """Run the program and look at its memory while it runs."""
    began, most = time.monotonic(), 0
    path = work.folder.parent / "err"
    with path.open("w") as err:
        process = subprocess.Popen(
            work.command(*arguments), cwd=work.folder, env=work.environment(),
            stdout=subprocess.DEVNULL, stderr=err,
        )  # fmt: skip
        while process.poll() is None:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                break
            found = re.search(r"VmHWM:\s+(\d+) kB", status)
            most = max(most, int(found[1]) * 1024 if found else 0)
            time.sleep(0.02)
        code = process.wait()
    with path.open() as err_read:
        err_read.seek(max(0, path.stat().st_size - 20_000))
        return Measured(code, most, time.monotonic() - began, err_read.read())


def project(work: Workspace, command: str) -> None:
    """A project of one image that runs a command, and has a secret to look for."""
    work.extra["APP_TOKEN"] = "tok-3n9-very-secret-value"
    work.write(
        {
            "images.yaml": "version: 1\nproject: shop\nimages:\n"
            "  app: {context: ., labels: {nonce: NONCE}}\n",
            "Dockerfile": f"FROM busybox:latest\nLABEL nonce=NONCE\nRUN {command}\n",
        }
    )  # fmt: skip


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "size", [16, pytest.param(100, marks=SLOW), pytest.param(1024, marks=SLOW)]
)
def test_the_engine_s_own_builder(
    engine: EngineUnderTest, workspace: Make, size: int, record_property: Callable[..., None]
) -> None:
    work = workspace(engine)
    project(work, f"yes {LINE} | head -c 1000")
    small = measured(work, "build", "--version", "1.0.0", "--engine", "docker-api")
    project(work, f"yes {LINE} | head -c {size * MIB}")
    large = measured(work, "build", "--version", "1.0.0", "--engine", "docker-api")
    record_property("seconds", large.seconds)
    sys.stdout.write(f"{size} MiB: {large.memory / MIB:.0f} MiB, {large.seconds:.1f} s\n")
    assert (small.code, large.code) == (0, 0), large.err
    assert large.memory < small.memory + MOST


@pytest.mark.parametrize("verbose", [True, pytest.param(False, marks=SLOW)])
def test_a_line_without_an_end(engine: EngineUnderTest, workspace: Make, verbose: bool) -> None:
    work = workspace(engine)
    project(work, "yes x | tr -d '\\n' | head -c 1000")
    options = ("--version", "1.0.0", "--engine", "docker-api", *(["--verbose"] if verbose else []))
    small = measured(work, "build", *options)
    project(work, f"yes x | tr -d '\\n' | head -c {50 * MIB}")
    large = measured(work, "build", *options)
    assert (small.code, large.code) == (0, 0), large.err
    assert large.memory < small.memory + MOST
    assert len(large.err) < 10_000
    assert ("x" * 399 + "…" in large.err) is verbose


DOCKER = """\
#!{python}
import base64, json, sys

def say(document):
    return json.dumps(document).encode() + b"\\n"

if "bake" not in sys.argv:
    sys.exit(0)
write = sys.stderr.buffer.write
vertex = {{"digest": "sha256:1", "name": "[2/2] RUN x", "started": "2026-01-01T00:00:00Z"}}
write(say({{"vertexes": [vertex]}}))
block = {block!r}
data = base64.b64encode(block).decode()
record = say({{"logs": [{{"vertex": "sha256:1", "stream": 1, "data": data}}]}})
for _ in range({size} * 1024 * 1024 // len(block)):
    write(record)
write(say({{"vertexes": [{{**vertex, "completed": "2026-01-01T00:00:01Z"}}]}}))
digest = "sha256:" + "a" * 64
result = {{"containerimage.digest": digest, "containerimage.config.digest": digest}}
with open(sys.argv[sys.argv.index("--file") + 1]) as file:
    targets = json.load(file)["target"]
with open(sys.argv[sys.argv.index("--metadata-file") + 1], "w") as file:
    json.dump({{name: result for name in targets}}, file)
"""
BLOCKS = {
    "lines": (LINE + "\n").encode() * 300,
    "one line": b"x" * 30_000,
    "short lines": b"y\n" * 1000,
}


@pytest.mark.parametrize(
    ("block", "size"),
    [
        ("lines", 50),
        ("one line", 50),
        pytest.param("short lines", 20, marks=pytest.mark.slow),
        pytest.param("lines", 100, marks=pytest.mark.slow),
        pytest.param("lines", 1024, marks=pytest.mark.slow),
    ],
)
def test_buildkit_without_its_limit(tmp_path: Path, block: str, size: int) -> None:
    """The adapter in a process of its own, so that its memory is nobody else's."""
    program = tmp_path / "docker"
    run = tmp_path / "run.py"
    run.write_text(RUN.format(docker=str(program)))

    def peak(mib: int) -> int:
        text = DOCKER.format(python=sys.executable, block=BLOCKS[block], size=mib)
        program.write_text(text)
        program.chmod(0o755)
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, str(run)], capture_output=True, text=True, check=False, timeout=800
        )
        assert done.returncode == 0, done.stderr[-2000:]
        found = json.loads(done.stdout)
        seconds = time.monotonic() - began
        sys.stdout.write(f"{mib} MiB of {block}: {found['memory'] // 1024} MiB, {seconds:.1f} s\n")
        expected = BLOCKS[block][:99].decode().split("\n")[0]
        assert found["last"].startswith(expected[:50]) or block == "short lines"
        return int(found["memory"]) * 1024

    assert peak(size) < peak(1) + MOST


RUN = """\
import json, resource, sys
from releaser.core.oci import Reference
from releaser.core.redaction import Redactor
from releaser.core.steps import BuildStep
from releaser.engines.buildx import Buildx
from releaser.reports.progress import PlainProgress

class Heard:
    last = ""
    def __init__(self):
        self.inner = PlainProgress(open("/dev/null", "w"), ("app",), verbose=True)
    def on(self, event):
        self.last = getattr(event, "line", None) or self.last
        self.inner.on(event)

heard = Heard()
redactor = Redactor([b"tok-3n9-very-secret-value", b"ghp_0123456789abcdefABCDEF"])
builder = Buildx(environment={{"PATH": "/usr/bin:/bin"}}, docker={docker!r}, redactor=redactor)
step = BuildStep("app", "/nowhere", "/nowhere/Dockerfile", (Reference.parse("shop/app:1"),))
(result,) = builder.build([step], heard)
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({{"memory": memory, "last": heard.last, "result": type(result).__name__}}))
"""


def test_the_blocks_are_what_they_say() -> None:
    assert all(len(base64.b64encode(block)) < 16 * MIB for block in BLOCKS.values())
