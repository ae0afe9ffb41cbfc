"""Buildx against a scripted ``docker``: what it is run with, and every way in which it can end."""

from __future__ import annotations

import json
import os
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Unpack

import pytest

from releaser.core.events import BuildCancelled, BuildFailed, Built, Event, Notice, StepProgress
from releaser.core.oci import Platform, Reference
from releaser.core.steps import BuildStep, Secret
from releaser.engines.buildx import Buildx
from releaser.engines.buildx_plugin import available, folders
from releaser.engines.buildx_process import Child, IdleError
from releaser.errors import EngineError, SetupError, SpecError
from tests.fakes.builder import StepFields

DIGEST = "sha256:" + "a" * 64
CONFIG = "sha256:" + "b" * 64
SUCCEED = f"""
metadata({{t: {{"containerimage.digest": "{DIGEST}",
              "containerimage.config.digest": "{CONFIG}"}} for t in targets}})
"""
PRELUDE = """\
#!{python}
import json, os, signal, sys, time
from pathlib import Path
here = Path(__file__).parent
argv = sys.argv[1:]
runs = len(list(here.glob("run-*")))
value = lambda option: argv[argv.index(option) + 1]
targets = [a for n, a in enumerate(argv) if n > 2 and not a.startswith("-")
           and ("=" in argv[n - 1] or not argv[n - 1].startswith("--"))]
def say(line):
    sys.stderr.write((line if isinstance(line, str) else json.dumps(line)) + "\\n")
    sys.stderr.flush()
def metadata(value_):
    Path(value("--metadata-file")).write_text(json.dumps(value_))
file = Path(value("--file"))
(here / f"run-{{runs}}").write_text(json.dumps({{
    "argv": argv, "env": dict(os.environ), "definition": file.read_text(),
    "modes": [oct(file.stat().st_mode & 0o777), oct(file.parent.stat().st_mode & 0o777)],
    "stdin": os.fstat(0).st_rdev == os.stat("/dev/null").st_rdev,
    "group": os.getpgid(0) == os.getpid(), "cwd": os.getcwd(), "folder": str(file.parent)}}))
"""


class Heard:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def on(self, event: Event) -> None:
        self.events.append(event)


class Docker:
    """A program called docker that does what a script says and writes down how it was run."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "docker"
        self.folder = folder

    def does(self, script: str) -> Docker:
        prelude = PRELUDE.format(python=sys.executable)
        self.path.write_text(prelude + textwrap.dedent(script))
        self.path.chmod(0o755)
        return self

    def runs(self) -> list[Any]:
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("run-*"))]

    def builder(
        self,
        *,
        environment: Mapping[str, str] | None = None,
        builder: str | None = None,
        containerd_store: bool = False,
        idle_limit: float = 60.0,
    ) -> Buildx:
        return Buildx(
            docker=str(self.path),
            environment=environment or {"PATH": os.environ["PATH"]},
            builder=builder,
            containerd_store=containerd_store,
            idle_limit=idle_limit,
        )


@pytest.fixture
def docker(tmp_path: Path) -> Docker:
    folder = tmp_path / "bin"
    folder.mkdir()
    return Docker(folder)


def step(image: str, **fields: Unpack[StepFields]) -> BuildStep:
    fields.setdefault("names", (Reference.parse(f"shop/{image}:1"),))
    return BuildStep(image, f"/src/{image}", f"/src/{image}/Dockerfile", **fields)


def seconds(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


# How it is run


def test_the_program_gets_a_private_file_no_stdin_and_a_group_of_its_own(docker: Docker) -> None:
    docker.does(SUCCEED).builder(builder="remote").build([step("a"), step("b")], Heard())
    (run,) = docker.runs()
    assert run["argv"] == [
        *("buildx", "bake", "--builder", "remote", "--file", f"{run['folder']}/bake.json"),
        *("--progress=rawjson", "--metadata-file", f"{run['folder']}/metadata.json"),
        *("a-1", "b-2"),
    ]
    assert run["modes"] == ["0o600", "0o700"]
    assert run["stdin"]
    assert run["group"]
    assert run["cwd"] == run["folder"]
    assert not Path(run["folder"]).exists()


def test_the_environment_is_passed_on_but_for_what_changes_images(docker: Docker) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "DOCKER_HOST": "unix:///x",
        "PIP_TOKEN": "s3cret-value",
        "BUILDX_BAKE_ENTITLEMENTS_FS": "1",
        "BUILDX_GIT_LABELS": "full",
    }
    secret = step("a", secrets=(Secret("pip", env="PIP_TOKEN"),))
    docker.does(SUCCEED).builder(environment=environment).build([secret], Heard())
    (run,) = docker.runs()
    assert run["env"]["DOCKER_HOST"] == "unix:///x"
    assert run["env"]["PIP_TOKEN"] == "s3cret-value"
    assert run["env"]["BUILDX_BAKE_ENTITLEMENTS_FS"] == "0"
    assert "BUILDX_GIT_LABELS" not in run["env"]
    assert "s3cret-value" not in run["definition"] + " ".join(run["argv"])


def test_the_hosts_network_is_granted(docker: Docker) -> None:
    docker.does(SUCCEED).builder().build([step("a", network="host")], Heard())
    assert "--allow=network.host" in docker.runs()[0]["argv"]


def test_an_empty_batch_runs_nothing(docker: Docker) -> None:
    assert docker.does(SUCCEED).builder().build([], Heard()) == ()
    assert docker.runs() == []


# How it ends


@pytest.mark.parametrize(("containerd", "digest"), [(True, DIGEST), (False, CONFIG)])
def test_the_id_is_the_one_that_the_store_uses(
    docker: Docker, digest: str, *, containerd: bool
) -> None:
    (built,) = docker.does(SUCCEED).builder(containerd_store=containerd).build([step("a")], Heard())
    assert isinstance(built, Built)
    assert str(built.image_id) == digest


@pytest.mark.parametrize(
    "script",
    [
        "",
        "metadata({})",
        "metadata([])",
        'metadata({"a-1": {"containerimage.config.digest": 7}})',
        'metadata({"a-1": {"containerimage.config.digest": "sha256:short"}})',
        'Path(value("--metadata-file")).write_text("{")',
    ],
)
def test_success_without_a_legible_result_is_an_error(docker: Docker, script: str) -> None:
    with pytest.raises(EngineError, match="docker buildx"):
        docker.does(script).builder().build([step("a")], Heard())


def test_a_failure_is_told_with_what_was_built_before_it(docker: Docker) -> None:
    script = f"""
    v = lambda d, n, **k: say({{"vertexes": [{{"digest": d, "name": n, "started": "x", **k}}]}})
    v("1", "[a-1] exporting to image")
    say({{"statuses": [{{"vertex": "1", "id": "exporting manifest {DIGEST}"}}]}})
    v("1", "[a-1] exporting to image", completed="x")
    v("2", "[b-2 2/2] RUN false", completed="x", error="exit code: 1")
    v("3", "[c-3 2/2] RUN sleep", completed="x", error="context canceled")
    say("ERROR: target b-2: failed to solve: exit code: 1")
    sys.exit(1)
    """
    results = docker.does(script).builder().build([step("a"), step("b"), step("c")], Heard())
    assert [type(result) for result in results] == [Built, BuildFailed, BuildCancelled]
    assert isinstance(results[0], Built)
    assert str(results[0].image_id) == DIGEST


def test_a_lost_solve_is_asked_for_once_more(docker: Docker) -> None:
    lost = 'say("ERROR: failed to receive status: rpc error: no such job x"); sys.exit(1)'
    heard = Heard()
    docker.does(f"if runs == 0: {lost}\n" + SUCCEED)
    (built,) = docker.builder().build([step("a")], heard)
    assert isinstance(built, Built)
    assert [event for event in heard.events if isinstance(event, Notice)] == [
        Notice("the engine lost the build: trying once more")
    ]


def test_a_solve_that_is_lost_twice_is_the_engines_failure(docker: Docker) -> None:
    docker.does('say("ERROR: failed to solve: rpc error: graceful_stop"); sys.exit(1)')
    with pytest.raises(EngineError, match="graceful_stop"):
        docker.builder().build([step("a"), step("b")], Heard())
    assert len(docker.runs()) == 2


def test_an_engine_that_is_not_there_is_an_error(docker: Docker) -> None:
    docker.does('say("ERROR: Cannot connect to the Docker daemon at unix:///x."); sys.exit(1)')
    with pytest.raises(EngineError, match="Cannot connect"):
        docker.builder().build([step("a")], Heard())


def test_a_program_that_is_killed_is_an_error(docker: Docker) -> None:
    docker.does("os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(EngineError, match="no reason"):
        docker.builder().build([step("a")], Heard())


def test_a_program_that_is_not_there_is_a_setup_error(tmp_path: Path) -> None:
    builder = Buildx(docker=str(tmp_path / "none"), environment={})
    with pytest.raises(SetupError, match="cannot be run"):
        builder.build([step("a")], Heard())


def test_a_flood_of_output_is_survived(docker: Docker) -> None:
    script = """
    sys.stderr.write("x" * 40_000_000 + "\\n")
    v = {"digest": "1", "name": "[2/2] RUN x", "started": "x"}
    say({"vertexes": [v]})
    for n in range(20_000):
        say({"logs": [{"vertex": "1", "stream": 1, "data": "YWJjCg=="}]})
    """
    heard = Heard()
    docker.does(script + textwrap.indent(SUCCEED, "    ")).builder().build([step("a")], heard)
    lines = [e for e in heard.events if isinstance(e, StepProgress) and e.line == "abc"]
    assert len(lines) == 20_000


# How it is stopped


def test_cancel_interrupts_and_everything_is_cancelled(docker: Docker) -> None:
    docker.does('say({"vertexes": []}); time.sleep(60)')
    builder = docker.builder()
    results: list[object] = []
    batch = [step("a"), step("b")]
    thread = threading.Thread(target=lambda: results.extend(builder.build(batch, Heard())))
    thread.start()
    while not docker.runs():
        time.sleep(0.02)
    builder.cancel()
    builder.cancel()
    assert seconds(lambda: thread.join(30)) < 20
    assert results == [BuildCancelled("a"), BuildCancelled("b")]


def test_a_listener_that_fails_leaves_no_program_behind(docker: Docker) -> None:
    class Broken:
        def on(self, event: Event) -> None:
            raise RuntimeError(event)

    script = """
    say({"vertexes": [{"digest": "1", "name": "[2/2] RUN x", "started": "x"}]})
    time.sleep(60)
    """
    builder = docker.does(script).builder()

    def build() -> None:
        with pytest.raises(RuntimeError):
            builder.build([step("a")], Broken())

    assert seconds(build) < 20


def test_a_program_that_says_nothing_is_given_up(docker: Docker) -> None:
    builder = docker.does("time.sleep(60)").builder(idle_limit=0.3)
    with pytest.raises(EngineError, match="has said nothing for"):
        builder.build([step("a")], Heard())


def child(tmp_path: Path, script: str, idle_limit: float = 60.0) -> Child:
    (tmp_path / "script.py").write_text(script)
    argv = [sys.executable, str(tmp_path / "script.py")]
    return Child(
        argv, environment=os.environ, folder=str(tmp_path), idle_limit=idle_limit, patience=0.3
    )


def ended(running: Child) -> int:
    with running:
        for chunk in running.chunks():
            if b"ready" in chunk:
                running.stop()
    return running.code


@pytest.mark.parametrize(("ignored", "signal"), [("", 2), ("INT", 15), ("INT TERM", 9)])
def test_signals_become_stronger(tmp_path: Path, ignored: str, signal: int) -> None:
    script = "import signal, sys, time\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\n"
    for name in ignored.split():
        script += f"signal.signal(signal.SIG{name}, signal.SIG_IGN)\n"
    script += "print('ready', file=sys.stderr, flush=True)\ntime.sleep(60)\n"
    assert ended(child(tmp_path, script)) == -signal


def test_a_grandchild_that_keeps_the_pipe_open_does_not_hang_us(tmp_path: Path) -> None:
    script = "import subprocess\nsubprocess.Popen(['sleep', '60'])\n"
    running = child(tmp_path, script)
    assert seconds(lambda: ended(running)) < 10


def test_even_one_in_another_session_does_not_hang_us(tmp_path: Path) -> None:
    script = "import subprocess\nsubprocess.Popen(['sleep', '8'], start_new_session=True)\n"
    running = child(tmp_path, script)
    assert seconds(lambda: ended(running)) < 7


def test_idleness_is_measured_from_the_last_output(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfor _ in range(8):\n    time.sleep(0.2)\n    sys.stderr.write('x')\n"
    )
    script += "    sys.stderr.flush()\n"
    with child(tmp_path, script, idle_limit=1.0) as running:
        assert b"".join(running.chunks()) == b"x" * 8
    with (
        child(tmp_path, "import time\ntime.sleep(60)", idle_limit=0.1) as running,
        pytest.raises(IdleError),
    ):
        list(running.chunks())


# What is checked first


def installed(folder: Path) -> dict[str, str]:
    """An environment with a docker and its buildx plug-in."""
    for program in (folder / "bin/docker", folder / "config/cli-plugins/docker-buildx"):
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/false\n")
        program.chmod(0o755)
    return {"PATH": str(folder / "bin"), "DOCKER_CONFIG": str(folder / "config")}


def test_the_plugin_is_found_without_running_docker(tmp_path: Path) -> None:
    assert available(installed(tmp_path))


def test_no_docker_no_buildx(tmp_path: Path) -> None:
    assert not available({"PATH": str(tmp_path), "HOME": str(tmp_path)})


def test_docker_is_asked_where_no_file_is_found(tmp_path: Path, docker: Docker) -> None:
    environment = {"PATH": str(docker.folder), "HOME": str(tmp_path)}
    docker.path.write_text("#!/bin/sh\ntest $1 = buildx\n")
    docker.path.chmod(0o755)
    assert available(environment)
    docker.path.write_text("#!/bin/sh\nexit 1\n")
    has_system_wide = any((folder / "docker-buildx").exists() for folder in folders(environment))
    assert available(environment) is has_system_wide


def test_plugins_are_looked_for_where_docker_looks(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"cliPluginsExtraDirs": ["/extra", 7]}')
    found = list(folders({"DOCKER_CONFIG": str(tmp_path)}))
    assert found[:3] == [
        Path("/extra"),
        tmp_path / "cli-plugins",
        Path("/usr/local/lib/docker/cli-plugins"),
    ]
    assert next(folders({"HOME": "/home/x"})) == Path("/home/x/.docker/cli-plugins")
    (tmp_path / "config.json").write_text("[")
    assert next(folders({"DOCKER_CONFIG": str(tmp_path)})) == tmp_path / "cli-plugins"


def test_what_is_missing_is_a_setup_error(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    nothing = {"PATH": str(empty), "HOME": str(empty)}
    with pytest.raises(SetupError, match="not installed") as caught:
        Buildx(environment=nothing).check([])
    assert caught.value.hint is not None
    environment = installed(tmp_path)
    large = tmp_path / "large"
    large.write_bytes(b"x" * 512_001)
    for wanting, complaint in [
        (
            step("a", secrets=(Secret("t", file=str(large)),)),
            'secret "t" of image "a" is too large',
        ),
        (step("a", secrets=(Secret("t", env="NONE"),)), '"t" of image "a" needs variable NONE'),
        (step("a", secrets=(Secret("t", file="/none"),)), "file /none, which does not exist"),
        (step("a", ssh=("default",)), "needs an SSH agent"),
    ]:
        with pytest.raises(SetupError, match=complaint):
            Buildx(environment=environment).check([wanting])


def test_what_is_there_passes(tmp_path: Path) -> None:
    environment = installed(tmp_path) | {"T": "x", "SSH_AUTH_SOCK": "/agent"}
    (tmp_path / "secret").write_text("x" * 512_000)
    secrets = (Secret("t", env="T"), Secret("f", file=str(tmp_path / "secret")))
    asks_all = step("a", secrets=secrets, ssh=("default",), cache_to=("type=inline",))
    Buildx(environment=environment).check([asks_all])
    several = step("b", platforms=(Platform("linux", "amd64"), Platform("linux", "arm64")))
    Buildx(environment=environment, containerd_store=True).check([several])


def test_what_the_classic_store_cannot_hold_is_told_of_all_images(tmp_path: Path) -> None:
    several = (Platform("linux", "amd64"), Platform("linux", "arm64"))
    exporting = step("b", cache_to=("type=local,dest=/x",))
    steps = [step("a", platforms=several), exporting, step("c", provenance="mode=min")]
    with pytest.raises(SpecError) as caught:
        Buildx(environment=installed(tmp_path)).check(steps)
    assert [dict(p.details)["field"] for p in caught.value.problems] == [
        "images.a.platforms",
        "images.b.cache_to",
        "images.c.provenance",
    ]


def test_files_of_secrets_that_cannot_be_read_are_no_crash(docker: Docker) -> None:
    unreadable = step("a", secrets=(Secret("f", file="/none"),))
    (built,) = docker.does(SUCCEED).builder().build([unreadable], Heard())
    assert isinstance(built, Built)
