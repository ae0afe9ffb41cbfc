"""The examples, released for real; their containers are run and read."""

from __future__ import annotations

import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.e2e.conftest import ROOT, EngineUnderTest, Workspace, manifest, tags

Make = Callable[[EngineUnderTest], Workspace]


def example(work: Workspace, name: str) -> str:
    """Copy an example, with the test's registry in it; the prefix of its repositories."""
    shutil.copytree(ROOT / "examples" / name, work.folder, dirs_exist_ok=True)
    spec = work.folder / "images.yaml"
    text = spec.read_text()
    assert "localhost:5000" in text
    spec.write_text(text.replace("localhost:5000", work.registry))
    return f"{work.registry}/{name}"


def test_quickstart(engine: EngineUnderTest, workspace: Make) -> None:
    work = workspace(engine)
    prefix = example(work, "quickstart")
    work.extra["QUICKSTART_TOKEN"] = "throw-away"
    work.commit("v1.0.0")
    first = work.build_or_release("release", "--push")
    assert first.code == 0, first.err
    for image, entry in first.images().items():
        for tag in ("1.0.0", "1.0", "1", "latest", "main"):
            assert manifest(f"{prefix}/{image}:{tag}")[0] == entry["digest"]
    assert {n: i["needs"] for n, i in first.images().items()} == {
        "base": [],
        "api": ["base"],
        "worker": ["base"],
        "web": ["api", "worker"],
    }
    for image, said in {"api": "api 1.0.0", "worker": "worker 1.0.0 done: 42"}.items():
        engine.docker("pull", "-q", f"{prefix}/{image}:1.0.0")
        assert engine.docker("run", "--rm", f"{prefix}/{image}:1.0.0") == said
    with serving(engine, f"{prefix}/web:1.0.0", 8000) as url:
        assert "Released with one command" in read(url)
    assert work.build_or_release("release", "--push").report["outcome"] == "nothing-to-do"


def test_tutorial(engine: EngineUnderTest, workspace: Make) -> None:
    work = workspace(engine)
    prefix = example(work, "tutorial")
    ran = work.build_or_release("release", "--push", "--version", "1.0.0")
    assert ran.code == 0, ran.err
    assert tags(f"{prefix}/flask") == ["1.0.0", "latest"]
    with serving(engine, f"{prefix}/flask:1.0.0", 5000) as url:
        assert read(url) == "Docker Image Example"
    hello = engine.docker("run", "--rm", "--network", "none", f"{prefix}/hello:latest")
    assert hello == "hello from a small image"
    with serving(engine, f"{prefix}/gunicorn:1.0.0", 8000) as url:
        assert read(url) == "production 1.0.0\n"
    assert engine.docker("run", "--rm", f"{prefix}/gunicorn:1.0.0", "id", "-un") == "app"
    owner = engine.docker("run", "--rm", f"{prefix}/gunicorn:1.0.0", "stat", "-c", "%U", "app.py")
    assert owner == "app"


@contextmanager
def serving(engine: EngineUnderTest, reference: str, port: int) -> Iterator[str]:
    """Run a server's container; the URL at which it answers."""
    container = engine.docker("run", "-d", "--rm", "-p", f"127.0.0.1:0:{port}", reference)
    try:
        host = engine.docker("port", container, str(port)).splitlines()[0]
        yield f"http://{host}/"
    finally:
        engine.docker("rm", "-f", container)


def read(url: str) -> str:
    """What a server answers, once it does."""
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - http://127.0.0.1
                text: str = answer.read().decode()
                return text
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")
