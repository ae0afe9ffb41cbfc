"""Every ending: its exit code, its message, and the report that is written in each."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import EngineUnderTest, Workspace, manifest, tags
from tests.registry_process import start_registry

Make = Callable[[EngineUnderTest], Workspace]
ONE = {
    "images.yaml": "version: 1\nproject: one\nregistries: {r: REGISTRY/REPO}\n"
    "images:\n  app: {context: .}\n",
    "Dockerfile": "FROM busybox:latest\nLABEL nonce=NONCE\nCOPY data.txt /data.txt\n",
    "data.txt": "one",
}


@pytest.fixture
def work(engine: EngineUnderTest, workspace: Make, request: pytest.FixtureRequest) -> Workspace:
    """A project of one image, in a repository of its own."""
    made = workspace(engine)
    name = request.node.name.removeprefix("test_").replace("_", "-").split("[")[0]
    made.write({path: text.replace("REPO", name) for path, text in ONE.items()})
    return made


def test_an_immutable_tag_is_never_overwritten(work: Workspace) -> None:
    assert work.run("release", "--push", "--version", "1.0.0").code == 0
    repository = f"{work.registry}/an-immutable-tag-is-never-overwritten/app"
    before = manifest(f"{repository}:1.0.0")
    work.write({"data.txt": "two"})
    ran = work.run("release", "--push", "--version", "1.0.0", report=True)
    assert ran.code == 3
    assert ran.report["outcome"] == "refused"
    assert f"{repository}:1.0.0 names another content already" in ran.err
    assert "hint:" in ran.err
    assert manifest(f"{repository}:1.0.0") == before
    planned = work.run("plan", "--version", "1.0.0", "--format", "json")
    assert planned.code == 3
    actions = {
        r["reference"]: r["action"] for r in json.loads(planned.out)["images"][0]["references"]
    }
    assert actions[f"{repository}:1.0.0"] == "refuse"


def test_a_backport_moves_its_own_line_only(work: Workspace) -> None:
    assert work.run("release", "--push", "--version", "1.9.0").code == 0
    work.write({"data.txt": "two"})
    assert work.run("release", "--push", "--version", "2.0.1").code == 0
    work.write({"data.txt": "backport"})
    ran = work.run("release", "--push", "--version", "1.9.1")
    assert ran.code == 0, ran.err
    repository = f"{work.registry}/a-backport-moves-its-own-line-only/app"
    digest = {tag: manifest(f"{repository}:{tag}")[0] for tag in tags(repository)}
    assert digest["1"] == digest["1.9"] == digest["1.9.1"]
    assert digest["latest"] == digest["2"] == digest["2.0.1"]


def test_a_dirty_tree_is_refused(work: Workspace) -> None:
    work.commit("v1.0.0")
    work.write({"data.txt": "changed"})
    ran = work.run("release", "--push", report=True)
    assert ran.code == 3
    assert "data.txt" in ran.err
    assert ran.report["version"].endswith("dirty")
    assert tags(f"{work.registry}/a-dirty-tree-is-refused/app") == []
    assert work.run("release", "--push", "--allow-dirty").code == 0


def test_between_tags(work: Workspace) -> None:
    work.commit("v1.2.3")
    work.commit()
    work.commit()
    assert work.run("release", "--push").code == 0
    head = work.git("rev-parse", "HEAD")
    assert tags(f"{work.registry}/between-tags/app") == [
        f"1.2.4-dev.2.g{head[:7]}",
        "main",
        f"sha-{head[:7]}",
    ]


def test_a_failed_build(work: Workspace) -> None:
    work.write({"Dockerfile": "FROM busybox:latest\n\nRUN echo the reason && \\\n    false\n"})
    ran = work.run("release", "--push", "--version", "1.0.0", report=True)
    assert ran.code == 1
    assert ran.report["outcome"] == "failed"
    assert "the reason" in ran.err
    assert "Dockerfile:3" in ran.err
    assert tags(f"{work.registry}/a-failed-build/app") == []
    assert ran.images()["app"]["outcome"] == "failed"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal(work: Workspace, number: signal.Signals, code: int) -> None:
    work.write({"Dockerfile": f"FROM busybox:latest\nRUN echo {number} && sleep 120\n"})
    report = work.folder.parent / "report.json"
    process = subprocess.Popen(
        work.command("release", "--push", "--version", "1.0.0", "--report", str(report)),
        cwd=work.folder, env=work.environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr
    for line in process.stderr:
        if "sleep 120" in line:
            break
    time.sleep(1)
    began = time.monotonic()
    process.send_signal(number)
    rest = process.stderr.read()
    assert process.wait(60) == code
    assert time.monotonic() - began < 15
    assert "interrupted" in rest
    found = json.loads(report.read_text())
    assert (found["outcome"], found["exit_code"]) == ("interrupted", code)
    assert tags(f"{work.registry}/a-signal/app") == []


def test_no_engine(work: Workspace) -> None:
    work.extra["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    ran = work.run("build", "--version", "1.0.0", report=True)
    assert ran.code == 4
    assert "/nowhere/docker.sock" in ran.err
    assert "hint:" in ran.err
    assert ran.report["outcome"] == "failed"
    assert "Traceback" not in ran.err


def test_a_plan_needs_no_engine(work: Workspace) -> None:
    work.write({"Dockerfile": "FROM scratch\nCOPY data.txt /\n"})
    with_engine = work.run("plan", "--version", "1.0.0", "--format", "json")
    work.extra["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    without = work.run("plan", "--version", "1.0.0", "--format", "json")
    assert (without.code, without.out) == (0, with_engine.out)


def test_an_unreachable_registry(work: Workspace) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{sock.getsockname()[1]}"
    text = (work.folder / "images.yaml").read_text().replace(work.registry, host)
    (work.folder / "images.yaml").write_text(text)
    ran = work.run("release", "--push", "--version", "1.0.0", report=True)
    assert ran.code in {4, 6}
    assert host in ran.err
    assert ran.report["exit_code"] == ran.code


def test_logins(work: Workspace, tmp_path: Path) -> None:
    with start_registry(tmp_path, ("user", "s3cret-word")) as host:
        text = (work.folder / "images.yaml").read_text().replace(work.registry, host)
        (work.folder / "images.yaml").write_text(text)
        refused = work.run("release", "--push", "--version", "1.0.0")
        assert refused.code == 4
        assert f"docker login {host}" in refused.err

        original = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
        config = tmp_path / "docker"
        config.mkdir()
        for plugins in original.glob("cli-plugins"):
            (config / "cli-plugins").symlink_to(plugins)
        auth = base64.b64encode(b"user:s3cret-word").decode()
        (config / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
        work.extra["DOCKER_CONFIG"] = str(config)
        ran = work.run("release", "--push", "--version", "1.0.0", report=True)
        assert ran.code == 0, ran.err
        assert "s3cret-word" not in ran.out + ran.err + json.dumps(ran.report)
        assert work.run("release", "--push", "--version", "1.0.0").code == 0


def test_a_secret_stays_out_of_everything(work: Workspace) -> None:
    work.write(
        {
            "images.yaml": (work.folder / "images.yaml").read_text().replace(
                "{context: .}", "{context: ., secrets: [{id: token, env: APP_TOKEN}]}"
            ),
            "Dockerfile": "FROM busybox:latest\nLABEL nonce=NONCE\n"
            "RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /length\n",
        }
    )  # fmt: skip
    missing = work.run("release", "--push", "--version", "1.0.0")
    assert missing.code in {1, 4}
    assert "APP_TOKEN" in missing.err
    work.extra["APP_TOKEN"] = "a-very-secret-value"
    ran = work.run("release", "--push", "--version", "1.0.0", "--verbose", report=True)
    assert ran.code == 0, ran.err
    assert "a-very-secret-value" not in ran.out + ran.err + json.dumps(ran.report)
    reference = f"{work.registry}/a-secret-stays-out-of-everything/app:1.0.0"
    work.engine.docker("pull", "-q", reference)
    assert work.engine.docker("run", "--rm", reference, "cat", "/length") == "19"
    assert "a-very-secret-value" not in work.engine.docker("history", "--no-trunc", reference)


def test_what_the_engine_s_own_builder_cannot_do(work: Workspace) -> None:
    (work.folder / "images.yaml").write_text(
        (work.folder / "images.yaml")
        .read_text()
        .replace("{context: .}", "{context: ., ssh: default}")
    )
    ran = work.run("build", "--version", "1.0.0", "--engine", "docker-api")
    assert ran.code == 2
    assert '"app"' in ran.err
    assert "ssh" in ran.err
    assert "buildx" in ran.err


def test_a_saved_plan(work: Workspace) -> None:
    work.commit("v1.0.0")
    assert work.run("plan", "-o", "plan.json").code == 0
    repository = f"{work.registry}/a-saved-plan/app"
    done = work.run("release", "--plan", "plan.json", "--push", report=True)
    assert (done.code, done.report["outcome"]) == (0, "released")
    assert "1.0.0" in tags(repository)
    stale = work.run("release", "--plan", "plan.json", "--push", report=True)
    assert (stale.code, stale.report["outcome"]) == (3, "refused")
    assert "build → up-to-date" in stale.err
