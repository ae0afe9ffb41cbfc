"""A bake file through ``init --from bake`` and ``export bake``, both read by the real bake.

Compared is what ``docker buildx bake --print`` says of the default group: the groups, the names of
all targets, and every attribute of each target (contexts, named contexts, Dockerfiles, targets,
args, labels, platforms, tags, secrets, caches, networks and the rest) but two: ``description``,
which becomes a comment, and ``attest``, since releaser makes no provenance unless the spec asks for
it, and its bake file says so.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.git_repository import set_apart
from tests.layouts import BAKE, Layout

MORE = Layout(
    {
        "docker-bake.json": json.dumps(
            {
                "variable": {"REPO": {"default": "registry.example/team"}},
                "group": {"default": {"targets": ["app", "tool"]}, "extra": {"targets": ["tool"]}},
                "target": {
                    "base": {"context": "base", "attest": ["type=provenance,mode=max"]},
                    "app": {
                        "contexts": {"alpine:3.20": "target:base"},
                        "dockerfile": "app.Dockerfile",
                        "args": {"A": 'a,b="c" $${d}', "E": ""},
                        "tags": ["${REPO}/app:1.0.0", "${REPO}/app:1.0", "other.example/app:1.0.0",
                                 "other.example/app:1.0"],
                    },
                    "tool": {"inherits": ["app"], "target": "tool", "args": {"A": None, "T": "1"},
                             "tags": ["${REPO}/deep/tool:1.0.0"]},
                },
            }
        ),
        "base/Dockerfile": "FROM scratch\n",
        "app.Dockerfile": "FROM alpine:3.20 AS tool\nFROM alpine:3.20\n",
    }
)  # fmt: skip


def bake(folder: Path, file: str) -> dict[str, Any]:
    """What bake itself makes of a file."""
    docker = shutil.which("docker")
    assert docker is not None, "the docker program is missing: make engine"
    done = subprocess.run(
        [docker, "buildx", "bake", "-f", file, "--print"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def releaser(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "releaser", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("layout", "file"), [(BAKE, "docker-bake.hcl"), (MORE, "docker-bake.json")], ids=["hcl", "json"]
)
def test_there_and_back(
    layout: Layout, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_apart(monkeypatch)
    root = layout.lay(tmp_path / "shop")
    releaser(root, "init", "--from", "bake", file)
    (root / "back.json").write_text(releaser(root, "export", "bake"))
    before, after = bake(root, file), bake(root, "back.json")
    for target in (*before["target"].values(), *after["target"].values()):
        target.pop("attest", None)
        target.pop("description", None)
    assert before["target"].keys() == after["target"].keys()
    for name, target in before["target"].items():
        assert _sorted(after["target"][name]) == _sorted(target), name
    assert _groups(after) == _groups(before)


def _sorted(target: dict[str, Any]) -> dict[str, Any]:
    """A target with its tags in order: which registry comes first means nothing."""
    return {**target, "tags": sorted(target.get("tags", []))}


def _groups(printed: dict[str, Any]) -> dict[str, set[str]]:
    return {name: set(one["targets"]) for name, one in printed["group"].items()}
