"""Which images differ from a git revision; real git, nothing built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import EngineUnderTest, Workspace

SPEC = """\
version: 1
project: shop
images:
  base: {context: base}
  api: {context: api}
  web: {context: web}
"""


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    """Three images in a repository, the second on the first; no engine is asked."""
    (tmp_path / "project").mkdir()
    nobody = EngineUnderTest("none", "buildx", {"DOCKER_HOST": "unix:///nobody.sock"})
    made = Workspace(tmp_path / "project", nobody, "registry.example")
    made.write(
        {
            "deploy/images.yaml": SPEC,
            "deploy/base/Dockerfile": "FROM busybox:latest\nCOPY f /f\n",
            "deploy/base/f": "1",
            "deploy/base/unused": "1",
            "deploy/api/Dockerfile": "FROM base\nCOPY generated /g\n",
            "deploy/api/generated": "made by a tool",
            "deploy/web/Dockerfile": "FROM scratch\nCOPY Dockerfile /\n",
            ".gitignore": "generated\n",
        }
    )
    made.commit("v1")
    made.folder /= "deploy"
    return made


def differing(work: Workspace, since: str = "v1") -> dict[str, str]:
    ran = work.run("affected", "--since", since, "--format", "json")
    assert ran.code == 0, ran.err
    return {one["name"]: one["change"] for one in json.loads(ran.out)["images"]}


def test_dependants_of_a_changed_image_are_affected(work: Workspace) -> None:
    work.write({"base/f": "2", "base/unused": "2"})
    assert {name for name in differing(work) if name != "api"} == {"base"}
    assert differing(work)["api"] == "changed"
    text = work.run("affected", "--since", "v1").out
    assert "base  changed  file f" in text
    assert work.git("worktree", "list").count("\n") == 0


def test_what_nobody_copies_affects_nothing(work: Workspace) -> None:
    work.write({"base/unused": "2"})
    assert "base" not in differing(work)
    assert "web" not in differing(work)


def test_images_that_come_and_go(work: Workspace) -> None:
    work.write(
        {
            "images.yaml": SPEC.replace("  web: {context: web}\n", "  new: {context: web}\n"),
        }
    )
    found = differing(work)
    assert (found["web"], found["new"]) == ("removed", "added")


def test_a_revision_that_is_none(work: Workspace) -> None:
    ran = work.run("affected", "--since", "nowhere")
    assert ran.code == 2
    assert 'there is no revision "nowhere"' in ran.err


def test_a_revision_whose_spec_is_wrong(work: Workspace) -> None:
    spec = (work.folder / "images.yaml").read_text()
    work.write({"images.yaml": "{ ["})
    work.commit()
    work.write({"images.yaml": spec})
    ran = work.run("affected", "--since", "HEAD")
    assert ran.code == 2
    assert ran.err.startswith("error: HEAD:./images.yaml:1:3: ")
