"""What the end-to-end tests share: engines of both kinds, a registry, a project, the program."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.registry_process import start_registry

ROOT = Path(__file__).parents[2]
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs an engine."""
    for item in items:
        if Path(item.path).is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.engine)


@dataclass(frozen=True)
class Ran:
    """How a program ended and what it said."""

    code: int
    out: str
    err: str
    report: dict[str, Any] = field(default_factory=dict)

    def images(self) -> dict[str, dict[str, Any]]:
        """The images of the report by name."""
        return {image["name"]: image for image in self.report["images"]}


@dataclass(frozen=True)
class EngineUnderTest:
    """An engine that answers: its environment, and which of releaser's builders to use on it."""

    store: str
    builder: str
    environment: Mapping[str, str]

    def docker(self, *arguments: str) -> str:
        """What ``docker ARGUMENTS`` prints."""
        done = subprocess.run(
            ["docker", *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@dataclass
class Workspace:
    """A project in a folder of its own, and the program run on it."""

    folder: Path
    engine: EngineUnderTest
    registry: str
    extra: dict[str, str] = field(default_factory=dict)
    nonce: str = field(default_factory=lambda: uuid4().hex)

    def write(self, files: Mapping[str, str]) -> None:
        """Write text files; ``REGISTRY`` is the registry's host, ``NONCE`` new for each test."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("REGISTRY", self.registry).replace("NONCE", self.nonce))

    def git(self, *arguments: str) -> str:
        """Run git in the project."""
        settings = ["-c", "user.name=T", "-c", "user.email=t@example.com"]
        done = subprocess.run(
            ["git", *settings, *arguments], cwd=self.folder, capture_output=True, text=True,
            check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"},
        )  # fmt: skip
        return done.stdout.strip()

    def commit(self, tag: str | None = None) -> None:
        """Commit everything, in a new repository if need be, and tag it."""
        if not (self.folder / ".git").exists():
            self.git("init", "-q", "-b", "main")
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        if tag:
            self.git("tag", tag)

    def environment(self) -> dict[str, str]:
        """The environment of the program: no CI of the machine's shows through."""
        hidden = ("GITHUB_", "CI_", "GITLAB_", "RELEASER_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(hidden) and k != "CI"}
        return {**kept, **self.engine.environment, **self.extra, "PYTHONWARNINGS": ""}

    def command(self, *arguments: str) -> list[str]:
        """The argument list that runs the program."""
        return [sys.executable, "-m", "releaser", *arguments]

    def run(self, *arguments: str, report: bool = False, timeout: float = 600) -> Ran:
        """Run the program in the project's folder."""
        path = self.folder.parent / "report.json"
        path.unlink(missing_ok=True)
        more = ["--report", str(path)] if report else []
        done = subprocess.run(
            self.command(*arguments, *more), cwd=self.folder, env=self.environment(),
            capture_output=True, text=True, check=False, timeout=timeout, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return Ran(
            done.returncode,
            done.stdout,
            done.stderr,
            json.loads(path.read_text()) if report else {},
        )

    def build_or_release(self, *arguments: str) -> Ran:
        """Run a command that builds, with the builder under test, and read its report."""
        return self.run(*arguments, "--engine", self.engine.builder, report=True)


def manifest(reference: str) -> tuple[str, bytes]:
    """The digest and the bytes that a registry gives for HOST/PATH:TAG, asked without releaser."""
    host, _, rest = reference.partition("/")
    path, _, tag = rest.rpartition("@") if "@" in rest else rest.rpartition(":")
    request = urllib.request.Request(
        f"http://{host}/v2/{path}/manifests/{tag}", headers={"Accept": ", ".join(MANIFESTS)}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - http://, see above
        body: bytes = answer.read()
    return "sha256:" + sha256(body).hexdigest(), body


def tags(repository: str) -> list[str]:
    """The public tags of HOST/PATH, sorted."""
    return [tag for tag in all_tags(repository) if not tag.startswith("fp-")]


def all_tags(repository: str) -> list[str]:
    """All tags of HOST/PATH, sorted."""
    host, _, path = repository.partition("/")
    try:
        with urllib.request.urlopen(f"http://{host}/v2/{path}/tags/list", timeout=30) as answer:
            found = json.load(answer)["tags"] or []
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return []
    return sorted(found)


@pytest.fixture(scope="session")
def classic() -> Iterator[dict[str, str]]:
    """The environment of a second engine, with the classic image store."""
    script = ROOT / ".ci" / "engine"
    done = subprocess.run(
        [script, "daemon", "classic", "--store", "classic"],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    yield exported(done.stdout)
    subprocess.run([script, "stop", "classic"], capture_output=True, check=False, timeout=300)


def exported(script: str) -> dict[str, str]:
    """The variables that lines of ``export NAME=value`` set (PATH keeps what it had)."""
    found = {}
    for line in script.splitlines():
        name, equals, value = line.removeprefix("export ").partition("=")
        if equals:
            text = "".join(shlex.split(value.replace('"$PATH"', os.environ["PATH"])))
            found[name] = text
    return found


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry for the session, as HOST:PORT."""
    with start_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture
def engine() -> EngineUnderTest:
    """The engine that ``make engine`` brought up, with buildx."""
    found = EngineUnderTest("containerd", "buildx", {})
    found.docker("version")
    return found


CONFIGURATIONS = [
    ("containerd", "buildx"),
    ("containerd", "docker-api"),
    ("classic", "buildx"),
    ("classic", "docker-api"),
]


@pytest.fixture(params=CONFIGURATIONS, ids="-".join)
def any_engine(request: pytest.FixtureRequest) -> EngineUnderTest:
    """Each kind of store with each builder."""
    store, builder = request.param
    environment = request.getfixturevalue("classic") if store == "classic" else {}
    found = EngineUnderTest(store, builder, environment)
    found.docker("version")
    return found


@pytest.fixture
def workspace(tmp_path: Path, registry: str) -> Iterator[Callable[[EngineUnderTest], Workspace]]:
    """Makes an empty project for an engine; what it left in the engine is removed afterwards."""
    made: list[Workspace] = []

    def make(engine: EngineUnderTest) -> Workspace:
        folder = tmp_path / (f"project-{len(made) + 1}" if made else "project")
        folder.mkdir()
        made.append(Workspace(folder, engine, registry))
        return made[-1]

    yield make
    for work in made:
        label = f"label=nonce={work.nonce}"
        images = work.engine.docker("image", "ls", "--all", "--quiet", "--filter", label).split()
        command = ["docker", "image", "rm", "--force", *dict.fromkeys(images)]
        # Intermediate images go with those that stand on them: not every name is there in the end.
        environment = {**os.environ, **work.engine.environment}
        subprocess.run(command, env=environment, capture_output=True, check=False, timeout=300)
