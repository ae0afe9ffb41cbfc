"""Two engines that share nothing but a registry: what one released, the other neither builds nor
pulls, wherever its checkout lies."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, EngineUnderTest, Workspace, exported, manifest

PROJECT = {
    "images.yaml": "version: 1\nproject: p\nregistries: {r: REGISTRY/NAME}\n"
    "images:\n  base: {context: base}\n  api: {context: api}\n  web: {context: web}\n",
    "base/Dockerfile": "FROM busybox:latest\nLABEL nonce=NONCE\nRUN date > /built\n",
    "api/Dockerfile": "FROM base\nCOPY f /api\n",
    "api/f": "api",
    "web/Dockerfile": 'FROM base\nCOPY f /web\nRUN cat /built /web > /page\nCMD ["cat", "/page"]\n',
    "web/f": "web",
}
IMAGES = ("base", "api", "web")


@pytest.fixture(scope="module")
def other_engine() -> Iterator[dict[str, str]]:
    """The environment of an engine that has never seen anything."""
    script = ROOT / ".ci" / "engine"
    subprocess.run([script, "stop", "other"], capture_output=True, check=False, timeout=120)
    done = subprocess.run(
        [script, "daemon", "other", "--store", "containerd"],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    yield exported(done.stdout)
    subprocess.run([script, "stop", "other"], capture_output=True, check=False, timeout=120)


@pytest.fixture(params=["buildx", pytest.param("docker-api", marks=pytest.mark.slow)])
def pair(
    request: pytest.FixtureRequest,
    workspace: Callable[[EngineUnderTest], Workspace],
    tmp_path: Path,
    other_engine: dict[str, str],
) -> tuple[Workspace, Workspace]:
    """A project on the usual engine, and a folder for its clone on the other one."""
    here = workspace(EngineUnderTest("containerd", request.param, {}))
    (tmp_path / "elsewhere").mkdir()
    engine = replace(here.engine, environment=other_engine)
    there = replace(here, folder=tmp_path / "elsewhere" / "a clone", engine=engine)
    here.write({name: text.replace("NAME", repository(here)) for name, text in PROJECT.items()})
    return here, there


def repository(work: Workspace) -> str:
    return f"apart-{work.engine.builder}"


def held(engine: EngineUnderTest) -> str:
    """All that an engine has: images, their layers, and what builds left in its cache."""
    image = "{{.Repository}}:{{.Tag}} {{.Digest}} {{.ID}}\n"
    images = engine.docker("image", "ls", "--all", "--no-trunc", "--digests", "--format", image)
    return images + engine.docker("system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Size}}")


def digests(work: Workspace, tag: str) -> dict[str, str]:
    place = f"{work.registry}/{repository(work)}"
    return {image: manifest(f"{place}/{image}:{tag}")[0] for image in IMAGES}


def layers(work: Workspace, reference: str) -> list[str]:
    """The digests of an image's layers, of the one for this platform where there are several."""
    place = f"{work.registry}/{repository(work)}/{reference}"
    document = json.loads(manifest(place)[1])
    if "manifests" in document:
        child = document["manifests"][0]["digest"]
        document = json.loads(manifest(f"{place.rpartition(':')[0]}@{child}")[1])
    return [layer["digest"] for layer in document["layers"]]


def actions(work: Workspace) -> dict[str, str]:
    ran = work.run("plan", "--format", "json")
    assert ran.code == 0, ran.err
    return {image["name"]: image["action"] for image in json.loads(ran.out)["images"]}


def released(work: Workspace) -> str:
    """Release; the outcome as the report has it."""
    ran = work.build_or_release("release", "--push")
    assert ran.code == 0, ran.err
    return str(ran.report["outcome"])


def test_what_one_engine_released_the_other_knows(pair: tuple[Workspace, Workspace]) -> None:
    here, there = pair
    here.commit("v1.0.0")
    assert released(here) == "released"
    first = digests(here, "1.0.0")
    here.git("clone", "-q", str(here.folder), str(there.folder))

    before = held(there.engine)
    assert set(actions(there).values()) == {"up-to-date"}
    assert released(there) == "nothing-to-do"
    assert held(there.engine) == before

    there.commit("v1.1.0")
    assert set(actions(there).values()) == {"retag"}
    assert released(there) == "released"
    assert digests(there, "1.1.0") == digests(there, "latest") == first
    assert held(there.engine) == before

    there.write({"web/f": "changed"})
    there.commit("v1.2.0")
    assert actions(there) == {"base": "retag", "api": "retag", "web": "build"}
    assert released(there) == "released"
    second = digests(there, "1.2.0")
    assert {image for image in IMAGES if second[image] != first[image]} == {"web"}
    below = layers(there, "base:1.0.0")
    assert layers(there, "web:1.2.0")[: len(below)] == below
    assert local(there) == {"web"}


def local(work: Workspace) -> set[str]:
    """The images of the project that an engine calls by a name."""
    names = work.engine.docker("image", "ls", "--all", "--format", "{{.Repository}}:{{.Tag}}")
    place = f"{work.registry}/{repository(work)}/"
    ours = [name for name in names.split() if name.startswith(place)]
    return {name.removeprefix(place).partition(":")[0] for name in ours if "<none>" not in name}
