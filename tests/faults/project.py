"""A small project, the program run on it through proxies, and the registry read past them."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from releaser.cli.app import run
from releaser.cli.compose import WAITING
from releaser.core.facts import FINGERPRINT_LABEL
from releaser.core.fingerprint import tag_of
from tests.fakes.registry import Image, image
from tests.faults.direct import Direct
from tests.faults.pace import Pace
from tests.faults.proxy import Proxy

ROOT = Path(__file__).parents[2]
USER = "tester"
NOWHERE = "unix:///nowhere/docker.sock"
HIDDEN = ("GITHUB_", "CI_", "GITLAB_", "RELEASER_")


@dataclass(frozen=True)
class Ended:
    """How a run ended, what it said and reported, and how long it took."""

    code: int
    out: str
    err: str
    seconds: float
    report: Mapping[str, Any]

    @property
    def text(self) -> str:
        """Everything that anybody could read."""
        return f"{self.out}\n{self.err}\n{json.dumps(self.report)}"

    def references(self) -> dict[str, dict[str, Any]]:
        """What the report says of each reference."""
        images = self.report.get("images", ())
        return {one["reference"]: one for image in images for one in image["references"]}


@dataclass
class Project:
    """A project in ``folder``: each image is ``FROM scratch`` and one file.

    ``targets`` are the registries by name: a proxy's or a registry's host and a path. ``direct``
    tells which registry stands behind each host.
    """

    folder: Path
    name: str
    proxy: Proxy
    direct: dict[str, Direct]
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    pace: Pace = field(default_factory=Pace)
    targets: dict[str, str] = field(default_factory=dict)
    images: tuple[str, ...] = ("app",)
    settings: str = ""
    insecure: bool = False
    password: str = field(default_factory=lambda: f"s3cret-{secrets.token_hex(8)}")
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))
    idle: float = 2.0
    request: float = 4.0
    push_idle: float = 10.0
    others: list[Proxy] = field(default_factory=list)
    extra: dict[str, str] = field(default_factory=dict)
    seeded: dict[str, Image] = field(default_factory=dict)

    def write(self, contents: Mapping[str, bytes] | None = None) -> None:
        """Write the project's files; ``contents`` are those of images that shall hold more."""
        lines = [f"  {name}: {{context: {name}}}" for name in self.images]
        more = ", insecure: true" if self.insecure else ""
        targets = ", ".join(
            f"{name}: {{prefix: {where}{more}}}" for name, where in self.targets.items()
        )
        head = f"version: 1\nproject: {self.name}\nregistries: {{{targets}}}\n{self.settings}"
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "images.yaml").write_text(head + "images:\n" + "\n".join(lines) + "\n")
        for name in self.images:
            context = self.folder / name
            context.mkdir(exist_ok=True)
            dockerfile = f"FROM scratch\nLABEL nonce={self.nonce}\nCOPY data /data\n"
            (context / "Dockerfile").write_text(dockerfile)
            data = (contents or {}).get(name, f"{name} {self.nonce}".encode())
            (context / "data").write_bytes(data)

    def environment(self) -> dict[str, str]:
        """The environment of the program: no CI of the machine's, and logins of our own."""
        config = self.folder.parent / "docker"
        if not config.exists():
            config.mkdir()
            plugins = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
            for found in plugins.glob("cli-plugins"):
                (config / "cli-plugins").symlink_to(found)
            auth = base64.b64encode(f"{USER}:{self.password}".encode()).decode()
            auths = {host: {"auth": auth} for host in self.direct}
            (config / "config.json").write_text(json.dumps({"auths": auths}))
        kept = {k: v for k, v in os.environ.items() if not k.startswith(HIDDEN) and k != "CI"}
        return {**kept, "DOCKER_CONFIG": str(config), **self.extra}

    def run(self, *arguments: str) -> Ended:
        """Run a command in this process."""
        report = self.folder.parent / "report.json"
        report.unlink(missing_ok=True)
        more = ("--report", str(report)) if arguments[0] in {"release", "build"} else ()
        wanted = self.environment()
        with self.monkeypatch.context() as patch:
            for name in os.environ.keys() - wanted.keys():
                patch.delenv(name)
            for name, value in wanted.items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            token = WAITING.set(self.pace.waiting(self.idle, self.request, self.push_idle))
            self.capsys.readouterr()
            began = time.monotonic()
            try:
                code = run([*arguments, *more])
            finally:
                WAITING.reset(token)
            said = self.capsys.readouterr()
        seconds = time.monotonic() - began
        written = json.loads(report.read_text()) if report.exists() else {}
        return Ended(code, said.out, said.err, seconds, written)

    def release(self, version: str = "1.0.0", *more: str) -> Ended:
        """Release a version."""
        return self.run("release", "--push", "--version", version, *more)

    def start(
        self,
        version: str = "1.0.0",
        *more: str,
        stdout: int | None = subprocess.PIPE,
        closed: bool = False,
    ) -> subprocess.Popen[str]:
        """Release a version in a process of its own; its report is ``report.json`` as always.

        ``closed`` is for a process without any stdout.
        """
        report = self.folder.parent / "report.json"
        report.unlink(missing_ok=True)
        command = ["release", "--push", "--version", version, "--report", str(report), *more]
        environment = {**self.environment(), "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": ""}
        program = [sys.executable, "-m", "tests.faults.program", *command]
        if closed:
            program = ["bash", "-c", 'exec "$0" "$@" >&-', *program]
        return subprocess.Popen(
            program, cwd=self.folder, env=environment, text=True,
            stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
        )  # fmt: skip

    def end(self, process: subprocess.Popen[str], began: float, seconds: float = 60) -> Ended:
        """Wait for a process that was started at ``began``."""
        out, err = process.communicate(timeout=seconds)
        took = time.monotonic() - began
        report = self.folder.parent / "report.json"
        written = json.loads(report.read_text()) if report.exists() else {}
        return Ended(process.returncode, out or "", err or "", took, written)

    def seed(self, *targets: str, layers: int = 1, padding: int = 0) -> None:
        """Put into registries, past the proxies, what a build of each image would be."""
        planned = self.run("plan", "--version", "0.0.1", "--format", "json")
        assert planned.code == 0, planned.err
        for one in json.loads(planned.out)["images"]:
            fingerprint = str(one["fingerprint"])
            text = f"{one['name']} {self.nonce}" + "x" * padding
            content = image(text, layers=layers, labels={FINGERPRINT_LABEL: fingerprint})
            for target in targets or self.targets:
                direct, path = self.place(one["name"], target)
                direct.write(path, tag_of(fingerprint), content)
            self.seeded[str(one["name"])] = content
        for proxy in self.proxies():
            proxy.calm()

    def proxies(self) -> Iterable[Proxy]:
        """The proxies of this project."""
        return [self.proxy, *self.others]

    def called(self, proxy: Proxy) -> str:
        """The host by which the project means a proxy."""
        hosts = [where.partition("/")[0] for where in self.targets.values()]
        port = proxy.host.partition(":")[2]
        return next((host for host in hosts if host.partition(":")[2] == port), proxy.host)

    def place(self, name: str | None = None, target: str | None = None) -> tuple[Direct, str]:
        """The registry and the path of an image; of the first one where nothing else is said."""
        host, _, path = self.targets[target or next(iter(self.targets))].partition("/")
        return self.direct[host], f"{path}/{name or self.images[0]}"

    def write_tag(self, tag: str, content: Image, target: str | None = None) -> None:
        """Let a tag of the first image name something, as somebody else would."""
        direct, path = self.place(None, target)
        direct.write(path, tag, content)

    def state(self) -> dict[str, str]:
        """What every public tag names, as the registries say past the proxies."""
        found = {}
        for target, where in self.targets.items():
            for name in self.images:
                direct, path = self.place(name, target)
                for tag in direct.tags(path):
                    if not tag.startswith("fp-"):
                        found[f"{where}/{name}:{tag}"] = direct.digest(path, tag) or ""
        return found

    def digest(self, tag: str, target: str | None = None) -> str | None:
        """What a tag of the first image names, past the proxies."""
        direct, path = self.place(None, target)
        return direct.digest(path, tag)
