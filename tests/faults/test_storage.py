"""Faults of what stores: a registry that dies, is full or has lost blobs, and our own disk."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.registry import image
from tests.faults.actions import manifests
from tests.faults.direct import Direct
from tests.faults.exchange import Exchange
from tests.faults.outcome import (
    FAIL,
    OK,
    PARTIAL,
    REFUSED,
    UNKNOWN,
    UNTOUCHED,
    Judge,
    Observed,
)
from tests.faults.project import NOWHERE, Project
from tests.registry_process import RegistryProcess

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


@pytest.fixture
def own(tmp_path: Path, project: Project) -> Iterator[RegistryProcess]:
    """A registry for this test alone, behind the project's proxy."""
    process = RegistryProcess(tmp_path / "own")
    process.start()
    attach(project, process)
    yield process
    process.end()


def attach(project: Project, process: RegistryProcess) -> None:
    """Let the project's proxy lead to a process."""
    project.proxy.upstream = process.host
    project.direct[project.proxy.host] = Direct(process.host)


@pytest.fixture
def tagging_own(
    own: RegistryProcess, project: Project, observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> Judge:
    """The content is there: only public tags are written."""
    assert own.host
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    project.write()
    project.seed()
    return Judge(project, observed)


def test_f53_the_registry_is_killed_in_a_write(tagging_own: Judge, own: RegistryProcess) -> None:
    project = tagging_own.project

    def die(exchange: Exchange) -> None:
        exchange.drain()
        own.end(kill=True)
        own.start()
        attach(project, own)
        exchange.reset()

    project.proxy.rule("PUT", manifests("1.0.0"), die)
    tagging_own.expect(OK)


def link(own: RegistryProcess, project: Project, tag: str) -> Path:
    """The file in which the registry keeps what a tag names."""
    _, path = project.place()
    tags = own.data / "docker/registry/v2/repositories" / path / "_manifests/tags"
    return tags / tag / "current/link"


def test_f54_a_write_leaves_an_empty_link(tagging_own: Judge, own: RegistryProcess) -> None:
    project = tagging_own.project

    def crash(exchange: Exchange) -> None:
        exchange.served()
        os.truncate(link(own, project, "1.0.0"), 0)
        exchange.reset()

    project.proxy.rule("PUT", manifests("1.0.0"), crash)
    tagging_own.expect(OK)


def test_f54_an_empty_link_from_before(tagging_own: Judge, own: RegistryProcess) -> None:
    """Nobody can say what the tag named, so nobody can say whether it may be written."""
    project = tagging_own.project
    project.write_tag("1.0.0", project.seeded["app"])
    path = link(own, project, "1.0.0")
    was = path.read_bytes()
    os.truncate(path, 0)
    before = project.state()
    ran = project.release()
    tagging_own.judge(ran, UNKNOWN, before)
    path.write_bytes(was)
    tagging_own.repeat()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, timeout=30)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, timeout=30)


def fill(disk: Path) -> Path:
    """A file that takes all room that is left."""
    path = disk / "filler"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(handle, bytes(4096))
    except OSError:
        return path
    finally:
        os.close(handle)


@pytest.fixture
def on_small_disk(
    small_disk: Path, project: Project, observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Judge]:
    """A registry of the project on a small disk."""
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    process = RegistryProcess(small_disk)
    process.start()
    attach(project, process)
    yield Judge(project, observed)
    process.end()


@root_only
def test_f55_the_registry_is_full_at_a_blob(
    on_small_disk: Judge, registry: str, small_disk: Path
) -> None:
    project = on_small_disk.project
    project.targets = {"from": f"{registry}/{project.name}", "to": project.targets["r"]}
    project.write()
    project.seed("from", padding=5_000_000)
    before = project.state()
    ran = project.release()
    on_small_disk.judge(ran, FAIL, before)
    larger = ["mount", "-o", "remount,size=64m", str(small_disk)]
    subprocess.run(larger, check=True, timeout=30)
    on_small_disk.repeat()


@root_only
def test_f55_the_registry_is_full_at_a_tag(on_small_disk: Judge, small_disk: Path) -> None:
    project = on_small_disk.project
    project.write()
    project.seed()
    for tag in ("0.9.0", "latest"):
        project.write_tag(tag, image("old"))
    filler = fill(small_disk)
    before = project.state()
    ran = project.release()
    # nothing can be written: it may be the preflight that finds out
    on_small_disk.judge(ran, UNTOUCHED, before)
    assert project.digest("latest") == str(image("old").digest)
    filler.unlink()
    on_small_disk.repeat()


@root_only
def test_f56_no_room_for_temporary_files(pushing: Judge, small_disk: Path) -> None:
    project = pushing.project
    fill(small_disk)
    project.extra = {"TMPDIR": str(small_disk), "TMP": str(small_disk)}
    import tempfile

    tempfile.tempdir = str(small_disk)
    before = project.state()
    try:
        ran = project.release()
    finally:
        tempfile.tempdir = None
    pushing.judge(ran, FAIL | REFUSED, before)
    project.extra = {}
    pushing.repeat()


@root_only
@pytest.mark.parametrize("option", ["--report", "--journal"])
def test_f56_no_room_for_what_is_noted(tagging: Judge, small_disk: Path, option: str) -> None:
    project = tagging.project
    fill(small_disk)
    before = project.state()
    began = time.monotonic()
    process = project.start("1.0.0", option, str(small_disk / "file.json"))
    ran = project.end(process, began)
    tagging.judge(ran, REFUSED, before)
    assert "No space left" in ran.err
    assert project.state() == before


@pytest.mark.parametrize("good", [0, 1, 3])
def test_f57_the_journal_cannot_be_synced(
    tagging: Judge, monkeypatch: pytest.MonkeyPatch, good: int
) -> None:
    """The disk says EIO: at the start, before the first write, between two writes."""
    project = tagging.project
    left = [good]

    def sync(_descriptor: int) -> None:
        if not left[0]:
            raise OSError(errno.EIO, "Input/output error")
        left[0] -= 1

    before = project.state()
    monkeypatch.setattr("releaser.journal.os.fsync", sync)
    ran = project.release()
    left[0] = 1_000_000
    tagging.judge(ran, REFUSED | PARTIAL if good > 1 else REFUSED, before)
    assert "the journal" in ran.text
    tagging.repeat()


def test_f68_garbage_is_collected_meanwhile(
    tmp_path: Path, project: Project, observed: Observed, registry: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The registry remembers blobs that it has no more: its HEAD says 200, and its PUT 201."""
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    process = RegistryProcess(tmp_path / "own", cached=True)
    process.start()
    attach(project, process)
    project.targets = {"from": f"{registry}/{project.name}", "to": project.targets["r"]}
    project.write()
    project.seed("from", "to")
    direct, path = project.place(None, "to")
    forget(direct, path)
    process.collect_garbage()
    judge = Judge(project, observed)
    before = project.state()
    ran = project.release()
    judge.judge(ran, OK | FAIL | UNKNOWN, before)
    assert ran.code != 0 or readable(direct, path)
    process.end()
    process.start()  # without what it remembered
    attach(project, process)
    judge.repeat()
    assert readable(*project.place(None, "to"))
    process.end()


def forget(direct: Direct, path: str) -> None:
    """Delete every image of a repository, so that nothing needs its blobs."""
    import urllib.request

    for digest in {direct.digest(path, tag) for tag in direct.tags(path)}:
        url = f"http://{direct.host}/v2/{path}/manifests/{digest}"
        request = urllib.request.Request(url, method="DELETE")
        urllib.request.urlopen(request, timeout=20).close()  # noqa: S310


def readable(direct: Direct, path: str) -> bool:
    """Whether an image can be pulled: its manifest and each of its blobs."""
    import json
    import urllib.error
    import urllib.request

    try:
        base = f"http://{direct.host}/v2/{path}"
        accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
        request = urllib.request.Request(f"{base}/manifests/1.0.0", headers=accept)  # noqa: S310
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            document = json.load(answer)
        for one in (document["config"], *document["layers"]):
            urllib.request.urlopen(f"{base}/blobs/{one['digest']}", timeout=20).close()  # noqa: S310
    except urllib.error.HTTPError:
        return False
    return True
