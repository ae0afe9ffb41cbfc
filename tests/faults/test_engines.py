"""Faults of the engine itself: a daemon of our own that is killed or stopped."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import exported
from tests.faults.actions import hold
from tests.faults.outcome import FAIL, OK, Judge
from tests.faults.project import ROOT, Project
from tests.faults.test_signals import slow_build

pytestmark = [pytest.mark.slow, pytest.mark.engine]

NAME = f"faults-{secrets.token_hex(3)}"
UPLOAD = "/blobs/uploads/"


@dataclass
class Daemon:
    """An engine of our own, with the containerd store."""

    environment: dict[str, str]

    @property
    def pid(self) -> int:
        """The process that is killed."""
        socket = self.environment["DOCKER_HOST"].removeprefix("unix://")
        return int(Path(socket).with_name("docker.pid").read_text())

    def kill(self) -> None:
        """End it, and what it runs, without a chance to finish anything."""
        pid = self.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for one in (pid, *map(int, children)):
            with_pid(one, signal.SIGKILL)
        while Path(f"/proc/{pid}").exists() and "Z" not in state(pid):
            time.sleep(0.05)

    @staticmethod
    def start() -> Daemon:
        """Start it, or find it again."""
        script = ROOT / ".ci" / "engine"
        done = subprocess.run(
            [script, "daemon", NAME, "--store", "containerd"],
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return Daemon(exported(done.stdout))


def with_pid(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def state(pid: int) -> str:
    """What the kernel says of a process: S, T, Z."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    yield Daemon.start()
    script = ROOT / ".ci" / "engine"
    subprocess.run([script, "stop", NAME], capture_output=True, check=False, timeout=300)


@pytest.fixture
def own(daemon: Daemon, pushing: Judge) -> Judge:
    """A project whose engine is our own."""
    host = daemon.environment["DOCKER_HOST"]
    pushing.project.extra = {"DOCKER_HOST": host}
    return pushing


@contextmanager
def uploading(project: Project) -> Iterator[threading.Event]:
    """Hold the upload of a blob: the event lets it go on."""
    go, reached = threading.Event(), threading.Event()
    project.proxy.rule("PUT|PATCH", UPLOAD, hold(go, reached))
    yield reached
    go.set()


def test_f50_the_engine_is_killed_in_a_build(own: Judge, daemon: Daemon) -> None:
    project = own.project
    slow_build(project)
    before = project.state()
    began = time.monotonic()
    process = project.start("1.0.0", "--verbose")
    assert process.stderr
    seen: list[str] = []
    for line in process.stderr:
        seen.append(line)
        if "sleep 60" in line or "FAILED" in line:
            break
    time.sleep(1)
    daemon.kill()
    ran = project.end(process, began, seconds=120)
    Daemon.start()
    own.judge(ran, FAIL | {4}, before, seconds=90)
    project.write()
    own.repeat()


def test_f51_the_engine_is_killed_in_a_push(own: Judge, daemon: Daemon) -> None:
    project = own.project
    project.write({"app": os.urandom(3_000_000)})
    before = project.state()
    began = time.monotonic()
    with uploading(project) as reached:
        process = project.start()
        assert reached.wait(60)
        daemon.kill()
        threading.Timer(3, Daemon.start).start()
        ran = project.end(process, began, seconds=120)
    Daemon.start()
    own.judge(ran, OK | FAIL, before, seconds=90)
    own.repeat()


def test_f52_the_engine_stands_still(own: Judge, daemon: Daemon) -> None:
    """The limit on silence is short here: 10 seconds, of which the run waits four times."""
    project = own.project
    before = project.state()
    began = time.monotonic()
    with uploading(project) as reached:
        process = project.start()
        assert reached.wait(60)
        pid = daemon.pid
        with_pid(pid, signal.SIGSTOP)
        try:
            ran = project.end(process, began, seconds=120)
        finally:
            with_pid(pid, signal.SIGCONT)
    time.sleep(5)
    own.judge(ran, FAIL, before, seconds=90)
    assert project.digest("1.0.0") is None
    own.repeat()
