"""``releaser export bake``: everything that a spec says of a build; nobody is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.cli import app
from releaser.core.lock import Lock, Locked
from releaser.core.oci import Digest, Platform
from releaser.exporting.bake_names import DEFAULT, bake_names
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
    assert list(found["target"]) == ["base", "tool", "api", "api_slim-2", "api_slim"]
    assert found["target"]["api_slim-2"]["contexts"] == {"base": "target:base"}
    assert found["target"]["api_slim"]["contexts"] == {"busybox:1": "target:base"}
    assert found["group"] == {
        "default": {"targets": ["base", "tool", "api", "api_slim-2", "api_slim"]},
        "some": {"targets": ["api", "api_slim-2", "api_slim", "base"]},
        "other": {"targets": ["some"]},
        "alone": {"targets": ["tool"]},
    }


def test_what_is_legal_keeps_its_name_in_any_order() -> None:
    names = bake_names(["a.b", "default", "a_b", "g_h"], ["g.h", "all"])
    assert names.targets == {"a.b": "a_b-2", "default": "default", "a_b": "a_b", "g_h": "g_h"}
    assert names.groups == {"g.h": "g_h-2", "all": "all"}
    assert names.everything == "all-2"
    assert names.changes() == (
        'image "a.b" is the target "a_b-2"',
        'group "g.h" is called "g_h-2"',
        'the group of all images is called "all-2", for an image is called "default"',
    )


_NAME = st.text("ab._-", min_size=1, max_size=3) | st.sampled_from(["default", "all", "a_b-2"])


@given(st.lists(_NAME, unique=True), st.integers(0, 5))
def test_names_differ_and_stay_where_they_can(names: list[str], count: int) -> None:
    groups, images = names[:count], names[count:]
    found = bake_names(images, groups)
    made = [*found.targets.values(), *found.groups.values()]
    assert len(set(made)) == len(names)
    assert all(re.fullmatch("[A-Za-z0-9_-]+", one) for one in made)
    assert found.everything not in made or DEFAULT in groups
    for name, one in [*found.targets.items(), *found.groups.items()]:
        assert "." in name or name == one


@pytest.mark.usefixtures("root")
def test_a_changed_name_is_said_and_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["export", "bake", "--version", "1.4.2"]) == 0
    said = capsys.readouterr()
    assert 'warning: in the file image "api.slim" is the target "api_slim-2"\n' in said.err
    assert json.loads(said.out)["//"] == ['image "api.slim" is the target "api_slim-2"']
    assert app.run(["export", "bake", "api", "--version", "1.4.2"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "//" not in json.loads(said.out)


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
