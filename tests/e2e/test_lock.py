"""Base images that are pinned, real: a registry whose tag moves, and one that is gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import EngineUnderTest, Workspace, manifest
from tests.registry_process import start_registry

SPEC = """\
version: 1
project: shop
registries: {main: REGISTRY/lock-NONCE}
images:
  api: {context: api, labels: {nonce: NONCE}}
"""


@pytest.fixture
def work(workspace: Callable[[EngineUnderTest], Workspace], engine: EngineUnderTest) -> Workspace:
    made = workspace(engine)
    made.write(
        {
            "images.yaml": SPEC,
            "../base/Dockerfile": "FROM scratch\nLABEL nonce=NONCE\nCOPY f /f\n",
            "api/Dockerfile": "FROM REGISTRY/bases/NONCE:1\nCOPY f /g\n",
            "api/f": "api",
        }
    )
    return made


def push_base(work: Workspace, content: str) -> str:
    """Push another image under the base's tag; its digest."""
    work.write({"../base/f": f"{content} NONCE"})
    reference = base(work)
    work.engine.docker("build", "--quiet", "--tag", reference, str(work.folder.parent / "base"))
    work.engine.docker("push", "--quiet", reference)
    return manifest(reference)[0]


def base(work: Workspace) -> str:
    return f"{work.registry}/bases/{work.nonce}:1"


def layers(reference: str) -> list[str]:
    """The layers of an image, the first one where a registry has an index of them."""
    document = json.loads(manifest(reference)[1])
    if "manifests" in document:
        digest = document["manifests"][0]["digest"]
        return layers(f"{reference.rpartition(':')[0]}@{digest}")
    return [layer["digest"] for layer in document["layers"]]


def action(work: Workspace, *arguments: str) -> tuple[str, str]:
    ran = work.run("plan", "--format", "json", *arguments)
    assert ran.code == 0, ran.err
    (image,) = json.loads(ran.out)["images"]
    return image["action"], image["reason"]["code"]


def test_a_base_moves_when_the_lock_does(work: Workspace) -> None:
    first = push_base(work, "first")
    ran = work.run("lock")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"{base(work)}  added    {first[:19]}\n"
    text = (work.folder / "images.lock").read_text()
    platform = work.engine.docker("version", "--format", "{{.Server.Os}}/{{.Server.Arch}}")
    assert f'  "{base(work)}":\n    digest: {first}\n    platforms: [{platform}]\n' in text
    work.commit("v1.0.0")
    released = work.build_or_release("release", "--push")
    assert released.code == 0, released.err

    second = push_base(work, "second")
    assert second != first
    assert action(work) == ("up-to-date", "nothing-changed")
    checked = work.run("lock", "--check")
    assert checked.code == 10
    assert checked.out == f"{base(work)}  moved    {first[:19]} → {second[:19]}\n"

    assert work.run("lock", "--update").code == 0
    assert work.run("lock", "--check").code == 0
    work.commit("v1.1.0")
    assert action(work)[0] == "build"
    released = work.build_or_release("release", "--push")
    assert released.code == 0, released.err
    below = layers(base(work))
    assert layers(f"{work.registry}/lock-{work.nonce}/api:1.1.0")[: len(below)] == below


def test_a_plan_and_a_build_without_the_registry(work: Workspace, tmp_path: Path) -> None:
    with start_registry(tmp_path) as gone:
        work.registry, registry = gone, work.registry
        work.write({"api/Dockerfile": "FROM REGISTRY/bases/NONCE:1\nCOPY f /g\n"})
        push_base(work, "only")
        assert work.run("lock").code == 0
        text = (work.folder / "images.yaml").read_text()
        (work.folder / "images.yaml").write_text(text.replace(registry, gone))
        work.commit("v1.0.0")
    refused = work.run("plan")
    assert refused.code in {4, 6}
    assert action(work, "--offline") == ("build", "not-asked")
    built = work.build_or_release("build", "--offline")
    assert built.code == 0, built.err
    assert action(work, "--offline") == ("push", "not-asked")
    ran = work.run("plan", "--offline")
    assert f"warning: offline, so not asked for: registry {gone}" in ran.err
    (work.folder / "images.lock").unlink()
    ran = work.run("plan", "--offline")
    assert f"registry {gone}; base image {base(work)}" in ran.err
    asked = work.run("lock")
    assert asked.code in {4, 6}
    assert base(work) in asked.err
    assert not (work.folder / "images.lock").exists()
