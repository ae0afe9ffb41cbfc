"""Projects of the three kinds that faults are tried on, and the judge of each."""

from __future__ import annotations

import re
import secrets
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.faults.direct import Direct
from tests.faults.outcome import Judge, Observed
from tests.faults.project import NOWHERE, Project
from tests.faults.proxy import Proxy, start_proxy
from tests.registry_process import start_registry

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What pushes needs an engine."""
    for item in items:
        if item.path.is_relative_to(HERE) and "pushing" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real registry behind all proxies that have none of their own."""
    with start_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture
def proxy(registry: str) -> Iterator[Proxy]:
    with start_proxy(registry) as found:
        yield found


@pytest.fixture
def second(registry: str, project: Project) -> Iterator[Proxy]:
    """A second registry of the project, ``s``, behind a proxy of its own."""
    with start_proxy(registry) as found:
        project.direct[found.host] = Direct(registry)
        project.targets["s"] = f"{found.host}/second-{project.name}"
        project.others.append(found)
        found.clock = project.pace.now
        yield found


@pytest.fixture
def observed(request: pytest.FixtureRequest) -> Observed:
    """What the table says of this test."""
    found = Observed()
    request.node.user_properties.append(("codes", found.codes))
    return found


@pytest.fixture
def project(
    tmp_path: Path,
    request: pytest.FixtureRequest,
    registry: str,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Project:
    """A project of one image for one registry behind a proxy; nothing is written yet."""
    text = request.node.name.removeprefix("test_").lower()
    name = re.sub(r"[^a-z0-9]+", "-", text).strip("-") + f"-{secrets.token_hex(2)}"
    direct = {proxy.host: Direct(registry), registry: Direct(registry)}
    made = Project(tmp_path / "project", name, proxy, direct, monkeypatch, capsys)
    made.targets = {"r": f"{proxy.host}/{name}"}
    proxy.clock = made.pace.now
    return made


@pytest.fixture
def tagging(project: Project, observed: Observed, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """The content is in the registry under its fingerprint: only public tags are written."""
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    project.write()
    project.seed()
    return Judge(project, observed)


@pytest.fixture
def copying(
    project: Project, registry: str, observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> Judge:
    """The content is in one registry and goes to a second one, through the proxy, as a copy."""
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    to = f"{project.proxy.host}/to-{project.name}"
    project.targets = {"from": f"{registry}/{project.name}", "to": to}
    project.write()
    project.seed("from")
    return Judge(project, observed)


@pytest.fixture
def engine(project: Project) -> Iterator[None]:
    """The engine of the environment, without what the test built when it is over."""
    yield
    docker = partial(subprocess.run, capture_output=True, text=True, check=False, timeout=120)
    label = f"label=nonce={project.nonce}"
    found = docker(["docker", "image", "ls", "--all", "--quiet", "--filter", label]).stdout.split()
    docker(["docker", "image", "rm", "--force", *dict.fromkeys(found)])


@pytest.fixture
def pushing(project: Project, observed: Observed, engine: None) -> Judge:
    """The content is built, and uploaded by the engine through the proxy."""
    assert engine is None
    project.write()
    return Judge(project, observed)
