"""Signals at five points of a release: each ends soon and honestly, and the next run goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.faults.actions import hold, manifests
from tests.faults.outcome import OK, Codes, Judge
from tests.faults.project import ROOT, Ended, Project

UPLOAD = "/blobs/uploads/"
CONTENT = r"/manifests/fp-[0-9a-f]+$"

POINTS = {
    "build": ("pushing", "", "", 0),
    "upload": ("pushing", "PUT|PATCH", UPLOAD, 0),
    "barrier": ("pushing", "GET", CONTENT, 0),
    "between-tags": ("tagging", "HEAD", manifests("1.0"), 1),
    "tag": ("tagging", "PUT", manifests("1.0.0"), 0),
}
"""Where a run is held: the kind of project, and the request that the proxy keeps waiting."""


class Held:
    """A run in a process of its own that has come to a point, and is held there."""

    def __init__(self, judge: Judge, point: str) -> None:
        _, method, path, skip = POINTS[point]
        self.judge, self.point = judge, point
        self.project: Project = judge.project
        self.before = self.project.state()
        self.go, reached = threading.Event(), threading.Event()
        if point == "build":
            slow_build(self.project)
        else:
            self.project.proxy.rule(method, path, hold(self.go, reached), skip=skip)
        self.process = self.project.start("1.0.0", "--verbose")
        if point == "build":
            assert self.process.stderr
            for line in self.process.stderr:
                if "sleep 60" in line:
                    break
        elif not reached.wait(120):
            self.process.kill()
            said = self.process.communicate()
            raise AssertionError(f"it never came to {point}: {said} {self.project.proxy.log}")
        time.sleep(0.3)
        self.began = time.monotonic()

    def signal(self, number: int, *, go_after: float | None = 1.0) -> None:
        """Send a signal; what is held goes on a while later."""
        self.process.send_signal(number)
        if go_after is not None:
            threading.Timer(go_after, self.go.set).start()

    def end(self) -> Ended:
        """Wait for its end; its time began with the signal."""
        return self.project.end(self.process, self.began)

    def again(self, codes: Codes = OK) -> Ended:
        """Release once more, undisturbed."""
        self.go.set()
        if self.point == "build":
            self.project.write()
        return self.judge.repeat(codes)


def slow_build(project: Project) -> None:
    """Let the build take a minute."""
    dockerfile = project.folder / "app" / "Dockerfile"
    dockerfile.write_text(f"FROM busybox:latest\nRUN echo {project.nonce} && sleep 60\n")


def points() -> list[object]:
    """The points in a run at which it is stopped."""
    engine = [pytest.mark.engine]
    return [
        pytest.param(point, marks=engine if kind[0] == "pushing" else [], id=point)
        for point, kind in POINTS.items()
    ]


@pytest.fixture
def held(request: pytest.FixtureRequest, point: str) -> Held:
    judge: Judge = request.getfixturevalue(POINTS[point][0])
    return Held(judge, point)


def stopped(held: Held, number: int) -> None:
    """What must be true of a run that a signal has ended."""
    held.signal(number)
    ran = held.end()
    held.judge.judge(ran, frozenset({128 + number}), held.before, seconds=10)
    held.again()


@pytest.mark.parametrize("point", points())
def test_f45_interrupted(held: Held) -> None:
    stopped(held, signal.SIGINT)


@pytest.mark.parametrize("point", points())
def test_f46_terminated(held: Held) -> None:
    stopped(held, signal.SIGTERM)


@pytest.mark.parametrize("point", points())
def test_f47_killed(held: Held) -> None:
    held.signal(signal.SIGKILL)
    ran = held.end()
    held.judge.note(ran.code)
    assert ran.code == -signal.SIGKILL
    time.sleep(1.2)  # what was held goes on its way
    uploaded = held.point in {"barrier", "between-tags", "tag"}
    again = held.again()
    actions = {image["action"] for image in again.report["images"]}
    assert not uploaded or actions <= {"retag", "push", "up-to-date"}


@pytest.mark.parametrize("point", ["tag"])
def test_f48_interrupted_twice(held: Held) -> None:
    held.signal(signal.SIGINT, go_after=None)
    time.sleep(0.5)
    held.signal(signal.SIGINT, go_after=None)
    ran = held.end()
    held.judge.note(ran.code)
    assert ran.code == 130
    assert ran.seconds < 3
    held.go.set()
    time.sleep(0.5)
    held.again()


def test_f49_only_the_shell_gets_the_signal(tagging: Judge, tmp_path: Path) -> None:
    """Without ``exec`` a signal to the shell that runs releaser does not reach it."""
    project = tagging.project
    go, reached = threading.Event(), threading.Event()
    project.proxy.rule("PUT", manifests("1.0.0"), hold(go, reached))
    program = f"{sys.executable} -m tests.faults.program release --push --version 1.0.0; true"
    said = (tmp_path / "said").open("w")
    environment = {**project.environment(), "PYTHONPATH": str(ROOT)}
    shell = subprocess.Popen(
        ["bash", "-c", program],
        cwd=project.folder, env=environment, stdout=said, stderr=said, start_new_session=True,
    )  # fmt: skip
    assert reached.wait(30)
    shell.send_signal(signal.SIGTERM)
    tagging.note(shell.wait(30))
    go.set()
    end = time.monotonic() + 20
    while project.digest("latest") is None and time.monotonic() < end:
        time.sleep(0.05)
    said.close()
    # released to the end, by a process that nobody waits for any more
    assert project.digest("latest") == str(project.seeded["app"].digest)
    tagging.repeat()
