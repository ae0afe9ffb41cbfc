"""Faults around a release: other hosts, caches, clocks, credential helpers, closed terminals."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.actions import (
    after,
    answer,
    at_times,
    close,
    cut,
    flip,
    halve,
    redirect,
    refuse,
    reset,
    swallow,
)
from tests.faults.direct import Direct
from tests.faults.exchange import Exchange
from tests.faults.outcome import FAIL, OK, PARTIAL, REFUSED, UNKNOWN, Judge, Observed
from tests.faults.project import NOWHERE, USER, Project
from tests.faults.proxy import Action, start_proxy
from tests.registry_process import start_registry
from tests.registry_server import Reply

NOISE: tuple[Action, ...] = (
    answer(500), answer(502), answer(503, Retry_After="1"), answer(429), reset, close,
    after(reset), after(answer(500)), after(close), halve,
)  # fmt: skip
READ_NOISE: tuple[Action, ...] = (flip, answer(504))
BLOB_NOISE: tuple[Action, ...] = (cut(1), refuse(404, "BLOB_UPLOAD_UNKNOWN"))
MANIFEST_NOISE: tuple[Action, ...] = (cut(1), swallow, refuse(400, "MANIFEST_BLOB_UNKNOWN"))


def test_f61_a_blob_is_elsewhere(
    project: Project, registry: str, observed: Observed, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A registry that wants a login sends its clients to another host for blobs."""
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    basic = "Basic " + base64.b64encode(f"{USER}:{project.password}".encode()).decode()
    with (
        start_registry(tmp_path, (USER, project.password)) as locked,
        start_proxy(locked) as store,
    ):
        project.proxy.upstream = locked
        project.direct[project.proxy.host] = Direct(locked, authorization=lambda _: basic)
        to = f"{registry}/to-{project.name}"
        project.targets = {"from": project.targets["r"], "to": to}
        project.write()
        project.seed("from")
        project.proxy.rule("GET", "/blobs/", redirect(f"http://{store.host}{{path}}"), times=None)
        seen: list[str | None] = []

        def give(exchange: Exchange) -> None:
            seen.append(exchange.entry.headers["Authorization"])
            exchange.entry.headers["Authorization"] = basic
            exchange.forward()

        store.rule("GET", "/blobs/", give, times=None)
        judge = Judge(project, observed)
        judge.expect(OK)
        assert seen == [None, None]
        assert any(entry.headers["Authorization"] for entry in project.proxy.log)


@pytest.mark.parametrize("status", [pytest.param(500, marks=pytest.mark.slow), 403])
def test_f67_the_cache_cannot_be_written(pushing: Judge, status: int) -> None:
    project = pushing.project
    cache = f"type=registry,ref={project.proxy.host}/cache/{project.name},mode=max"
    project.settings = f'defaults: {{cache_to: ["{cache}"]}}\n'
    project.write()
    project.proxy.rule(".*", "/v2/cache/", answer(status), times=None)
    ran = pushing.expect(OK)
    assert "the cache of app could not be written" in ran.err


@pytest.mark.parametrize("status", [pytest.param(500, marks=pytest.mark.slow), 403])
def test_f67_the_cache_cannot_be_read(pushing: Judge, status: int) -> None:
    project = pushing.project
    cache = f"type=registry,ref={project.proxy.host}/cache/{project.name}"
    project.settings = f'defaults: {{cache_from: ["{cache}"]}}\n'
    project.write()
    project.proxy.rule(".*", "/v2/cache/", answer(status), times=None)
    pushing.expect(OK)


@pytest.mark.parametrize("hours", [1, -1], ids=["forward", "back"])
def test_f69_the_clock_jumps(tagging: Judge, hours: int) -> None:
    project = tagging.project

    def jump(exchange: Exchange) -> None:
        project.pace.wall += 3600 * hours
        exchange.reply(Reply(503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}))

    project.proxy.rule("PUT", "/manifests/", jump, times=2)
    tagging.expect(OK, seconds=30)
    assert max(project.pace.pauses) < 125


@pytest.mark.parametrize("seed", range(3))
def test_f70_everything_at_times(project: Project, registry: str, observed: Observed, seed: int,
                                 monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    noisy(project, registry, observed, seed, images=3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
def test_f70_everything_at_times_for_long(
    project: Project, registry: str, observed: Observed, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    noisy(project, registry, observed, seed, images=8)


def noisy(project: Project, registry: str, observed: Observed, seed: int, images: int) -> None:
    """A release in which 30 % of all requests fail somehow: whatever it ends in is true."""
    project.images = tuple(f"app{n}" for n in range(images))
    to = f"{project.proxy.host}/to-{project.name}"
    project.targets = {"from": f"{registry}/{project.name}", "to": to}
    project.write()
    project.seed("from")
    for number, (method, path, more) in enumerate(
        (
            ("GET|HEAD", "/v2/", READ_NOISE),
            ("POST", "/v2/", ()),
            ("PUT|PATCH", "/blobs/", BLOB_NOISE),
            ("PUT", "/manifests/", MANIFEST_NOISE),
        )
    ):
        fault = at_times(0.3, 10 * seed + number, *NOISE, *more)
        project.proxy.rule(method, path, fault, times=None)
    Judge(project, observed).expect(OK | FAIL | PARTIAL | UNKNOWN, seconds=120)


HELPERS = {
    "exit-1": "exit 1",
    "garbage": "echo no json",
    "huge": "head -c 300000 /dev/zero",
    "partial": 'echo \'{"Username": "x"}\'',
}


@pytest.fixture
def helped(
    project: Project, observed: Observed, tmp_path: Path
) -> Iterator[Callable[[str], Judge]]:
    """Makes a registry that wants a login, which a helper that does this keeps."""
    with start_registry(tmp_path, (USER, project.password)) as host:

        def make(does: str) -> Judge:
            programs = tmp_path / "bin"
            programs.mkdir()
            helper = programs / "docker-credential-test"
            helper.write_text(f"#!/bin/sh\n{does}\n")
            helper.chmod(0o755)
            project.extra = {"PATH": f"{programs}:{os.environ['PATH']}"}
            project.proxy.upstream = host
            basic = base64.b64encode(f"{USER}:{project.password}".encode()).decode()
            project.direct[project.proxy.host] = Direct(host, lambda _: f"Basic {basic}")
            project.write()
            config = Path(project.environment()["DOCKER_CONFIG"]) / "config.json"
            config.write_text(json.dumps({"credHelpers": {project.proxy.host: "test"}}))
            return Judge(project, observed)

        yield make


@pytest.mark.parametrize("does", HELPERS.values(), ids=HELPERS)
def test_f71_a_credential_helper_fails(helped: Callable[[str], Judge], does: str) -> None:
    judge = helped(does)
    ran = judge.project.release()
    judge.judge(ran, REFUSED, {})
    assert "docker-credential-test" in ran.err


@pytest.mark.slow
def test_f71_a_credential_helper_hangs(helped: Callable[[str], Judge]) -> None:
    judge = helped("sleep 600")
    ran = judge.project.release()
    judge.judge(ran, REFUSED, {}, seconds=20)
    assert "docker-credential-test" in ran.err
    assert "15 seconds" in ran.err


@pytest.mark.parametrize("where", ["closed", "full", "broken"])
def test_f72_nobody_reads_stdout(tagging: Judge, where: str) -> None:
    project = tagging.project
    began = time.monotonic()
    stdout = {"closed": null, "full": full, "broken": broken}[where]()
    process = project.start(stdout=stdout, closed=where == "closed")
    os.close(stdout)
    ran = project.end(process, began)
    tagging.note(ran.code)
    # the release is complete; the code may tell that its result could not be printed
    assert ran.code in {0, 4, 141}, ran.err
    assert project.digest("latest") == str(project.seeded["app"].digest)
    assert ran.report["outcome"] == "released"
    tagging.repeat()


def null() -> int:
    """A file that takes everything."""
    return os.open(os.devnull, os.O_WRONLY)


def full() -> int:
    """A file on a full disk."""
    return os.open("/dev/full", os.O_WRONLY)


def broken() -> int:
    """A pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing
