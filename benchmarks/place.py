"""Where a measurement takes place: an engine, a registry, and what the machine is."""

from __future__ import annotations

import http.client
import json
import os
import platform
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENGINE = ROOT / ".ci" / "engine"
DAEMON = "measure"
CONNECTIONS = Path("/proc/sys/net/netfilter/nf_conntrack_count")
FORGOTTEN = 200
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)


def environment() -> dict[str, str]:
    """The environment of the programs: nothing of a CI's, and none of releaser's variables."""
    hidden = ("GITHUB_", "CI_", "GITLAB_", "RELEASER_", "BUILDX_NO_", "BUILDX_BAKE_", "BUILDX_GIT_")
    return {k: v for k, v in os.environ.items() if not k.startswith(hidden) and k != "CI"}


@contextmanager
def fresh_engine(settings: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """A new engine with nothing in it but the base image; its environment."""
    stop_engine()
    done = subprocess.run(
        [ENGINE, "daemon", DAEMON, "--store", "containerd"],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    found = {**settings, **exported(done.stdout)}
    try:
        warm(found)
        yield found
    finally:
        stop_engine()


def settle(limit: float = 130.0) -> None:
    """Wait until the kernel has forgotten the connections of what ran before.

    The engine reads the whole table of them for every RUN: who comes second would be slower.
    """
    end = time.monotonic() + limit
    while _connections() > FORGOTTEN and time.monotonic() < end:
        time.sleep(1)


def _connections() -> int:
    try:
        return int(CONNECTIONS.read_text())
    except (OSError, ValueError):
        return 0


def stop_engine() -> None:
    """End the engine of :func:`fresh_engine` and remove what it stored."""
    subprocess.run([ENGINE, "stop", DAEMON], capture_output=True, check=True, timeout=300)


def warm(settings: Mapping[str, str]) -> None:
    """Let the engine have the base image, unpacked and known to BuildKit."""
    said = subprocess.run(
        ["docker", "buildx", "build", "--quiet", "--output", "type=cacheonly", "-"],
        input=b"FROM busybox:latest\nRUN true\n",
        env=dict(settings), capture_output=True, check=False, timeout=300,
    )  # fmt: skip
    if said.returncode:
        raise RuntimeError(f"the engine does not build: {said.stderr.decode(errors='replace')}")


def exported(script: str) -> dict[str, str]:
    """The variables that lines of ``export NAME=value`` set (PATH keeps what it had)."""
    found = {}
    for line in script.splitlines():
        name, equals, value = line.removeprefix("export ").partition("=")
        if equals:
            found[name] = "".join(shlex.split(value.replace('"$PATH"', os.environ["PATH"])))
    return found


@contextmanager
def registry(folder: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """A registry of its own on a free port, as HOST:PORT."""
    program = shutil.which("docker-registry", path=settings.get("PATH"))
    if program is None:
        raise RuntimeError("docker-registry is not on PATH: run make engine first")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    config = folder / "registry.yml"
    config.write_text(
        "version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\n"
        f"storage:\n  filesystem: {{rootdirectory: {json.dumps(str(folder / 'registry'))}}}\n"
        f"http: {{addr: '{host}'}}\n"
    )
    with (folder / "registry.log").open("wb") as log:
        child = subprocess.Popen([program, "serve", config], stdout=log, stderr=log)
    try:
        _await(host)
        yield host
    finally:
        child.terminate()
        child.wait(20)


def _await(host: str) -> None:
    for _ in range(100):
        try:
            connection = http.client.HTTPConnection(host, timeout=5)
            connection.request("GET", "/v2/")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the registry on {host} does not answer")


def digests(prefix: str, images: list[str], tag: str) -> dict[str, str]:
    """What ``tag`` of each image names in a registry; images without it are left out."""
    host, _, path = prefix.partition("/")
    connection = http.client.HTTPConnection(host, timeout=30)
    found = {}
    for image in images:
        url = f"/v2/{path}/{image}/manifests/{tag}"
        connection.request("HEAD", url, headers={"Accept": MANIFESTS})
        answer = connection.getresponse()
        answer.read()
        if answer.status == http.client.OK:
            found[image] = answer.headers["Docker-Content-Digest"]
    return found


def machine(settings: Mapping[str, str]) -> list[str]:
    """What it was measured on, one line each."""
    commit = _said(settings, "git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    version = _said(settings, str(Path(sys.executable).with_name("releaser")), "--version")
    return [
        f"{_processor()}, {os.cpu_count()} cores, {_memory()}, {_system()}",
        f"releaser {version} at {commit}, Python {platform.python_version()}",
        f"{_said(settings, 'dockerd', '--version')}, containerd image store",
        _said(settings, "docker", "buildx", "version"),
        _said(settings, "docker-registry", "--version"),
    ]


def _said(settings: Mapping[str, str], *argv: str) -> str:
    done = subprocess.run(
        argv, env=dict(settings), capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout.strip().partition("\n")[0].removeprefix("releaser ")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB of memory"


def _system() -> str:
    name = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return f"{name}, Linux {platform.release().partition('-')[0]}"
