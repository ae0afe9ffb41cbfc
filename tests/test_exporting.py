"""``releaser export bake``: everything that a spec says of a build; nobody is asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from releaser.cli import app
from releaser.core.lock import Lock, Locked
from releaser.core.oci import Digest, Platform
from releaser.loader import lock_text
from tests.git_repository import Repo, set_apart

SPEC = """\
version: 1
project: shop
registries: {a: a.example/shop, b: b.example}
groups: {some: ["api*", base], other: [some], alone: [tool]}
images:
  base: {context: images/base, push_to: a}
  api:
    context: services/api
    dockerfile: ../../docker/api.Dockerfile
    target: rt
    args: {V: "{{version}}", D: "${x}"}
    labels: {l: "%{y}"}
    platforms: [linux/amd64, linux/arm64]
    secrets: [{id: s, env: S}, {id: f, file: "a,b.txt"}]
    ssh: default
    additional_contexts: {lib: libs, up: "target:base"}
    cache_from: type=gha
    cache_to: type=inline
    network: host
    extra_hosts: {h: 1.2.3.4}
    shm_size: 64m
    no_cache: true
    pull: true
    provenance: mode=max
    tags: ["{{version}}", latest]
  api.slim: {context: libs, dockerfile: D, needs: [base]}
  api_slim: {context: libs, dockerfile: D, needs: {"busybox:1": base}}
  tool: {context: libs, dockerfile: D, tags: ["{{version}}"]}
defaults: {platforms: [linux/amd64, linux/arm64]}
"""
FILES = {
    "images/base/Dockerfile": "FROM busybox:1\n",
    "docker/api.Dockerfile": "FROM python:3 AS rt\nARG V\nCOPY --from=lib / /l\n"
    "COPY --from=up / /u\n",
    "services/api/x": "",
    "libs/D": "FROM busybox:1\n",
    "images.yaml": SPEC,
}


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    set_apart(monkeypatch)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    repo = Repo(tmp_path / "shop")
    for name, text in FILES.items():
        repo.write(name, text)
    monkeypatch.chdir(repo.folder)
    return repo.folder


@pytest.fixture
def exported(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    def run(*arguments: str) -> dict[str, Any]:
        capsys.readouterr()
        code = app.run(["export", "bake", *arguments])
        said = capsys.readouterr()
        assert code == 0, said.err
        found: dict[str, Any] = json.loads(said.out)
        return found

    return run


@pytest.mark.usefixtures("root")
def test_everything_is_in_it(exported: Callable[..., dict[str, Any]]) -> None:
    found = exported("--version", "1.4.2")
    assert found["target"]["api"] == {
        "context": "services/api",
        "dockerfile": "../../docker/api.Dockerfile",
        "contexts": {"up": "target:base", "lib": "libs"},
        "args": {"V": "1.4.2", "D": '${"$"}{x}'},
        "labels": {"l": '${"%"}{y}'},
        "tags": ["a.example/shop/api:1.4.2", "a.example/shop/api:latest", "b.example/api:1.4.2",
                 "b.example/api:latest"],
        "cache-from": ["type=gha"],
        "cache-to": ["type=inline"],
        "target": "rt",
        "secret": ["type=env,id=s,env=S", 'type=file,id=f,"src=a,b.txt"'],
        "ssh": ["default"],
        "platforms": ["linux/amd64", "linux/arm64"],
        "extra-hosts": {"h": "1.2.3.4"},
        "network": "host",
        "entitlements": ["network.host"],
        "shm-size": "64m",
        "no-cache": True,
        "pull": True,
        "attest": ["type=provenance,mode=max"],
    }  # fmt: skip
    base = found["target"]["base"]
    assert base["attest"] == ["type=provenance,disabled=true"]
    assert "output" not in base
    assert "a.example/shop/base:1.4.2" in base["tags"]
    assert not any(tag.startswith("b.example") for tag in base["tags"])


@pytest.mark.usefixtures("root")
def test_names_and_groups(exported: Callable[..., dict[str, Any]]) -> None:
    found = exported("--version", "1.4.2")
    assert list(found["target"]) == ["base", "tool", "api", "api_slim", "api_slim-2"]
    assert found["target"]["api_slim"]["contexts"] == {"base": "target:base"}
    assert found["target"]["api_slim-2"]["contexts"] == {"busybox:1": "target:base"}
    assert found["group"] == {
        "default": {"targets": ["base", "tool", "api", "api_slim", "api_slim-2"]},
        "some": {"targets": ["api", "api_slim", "api_slim-2", "base"]},
        "other": {"targets": ["some"]},
        "alone": {"targets": ["tool"]},
    }


@pytest.mark.usefixtures("root")
def test_chosen_images_bring_what_they_stand_on(exported: Callable[..., dict[str, Any]]) -> None:
    found = exported("api", "--version", "1.4.2")
    assert list(found["target"]) == ["base", "api"]
    assert found["group"] == {
        "default": {"targets": ["base", "api"]},
        "some": {"targets": ["api", "base"]},
        "other": {"targets": ["some"]},
    }


def test_a_default_group_stays_and_locked_bases_are_pinned(
    root: Path, exported: Callable[..., dict[str, Any]]
) -> None:
    digest = "sha256:" + "a" * 64
    both = (Platform("linux", "amd64"), Platform("linux", "arm64"))
    entry = Locked(Digest(digest), both, "2026-01-31")
    (root / "images.lock").write_text(lock_text(Lock({"busybox:1": entry})))
    (root / "images.yaml").write_text(SPEC.replace("alone:", "default:"))
    found = exported("--version", "1.4.2")
    assert found["group"]["default"] == {"targets": ["tool"]}
    assert found["target"]["tool"]["contexts"] == {
        "busybox:1": f"docker-image://docker.io/library/busybox@{digest}"
    }


def test_into_a_file_or_not_at_all(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["export", "bake", "tool", "--version", "1.4.2", "-o", "bake.json"]) == 0
    assert "run bake in" in capsys.readouterr().err
    assert list(json.loads((root / "bake.json").read_text())["target"]) == ["tool"]
    assert app.run(["export", "bake", "nothing"]) == 2
    assert app.run(["export", "skaffold"]) == 2
    assert app.run(["export", "bake", "-o", "no/such/folder.json"]) == 2
    assert "cannot be written" in capsys.readouterr().err
