"""``releaser graph``: what is drawn, what is added to it, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from releaser.cli import graphing
from releaser.cli.app import run
from tests.world import World

SPEC = """\
version: 1
project: shop
registries: {main: main.example/shop}
groups: {backend: [api, worker]}
defaults: {tags: [latest]}
images:
  base: {context: base}
  api: {context: api}
  worker: {context: worker}
  web: {context: web, needs: [api]}
"""
FILES = {
    "base/Dockerfile": "FROM scratch\n",
    "api/Dockerfile": "FROM base\n",
    "worker/Dockerfile": "# one\nFROM main.example/shop/base:latest\n",
    "web/Dockerfile": "FROM scratch\nCOPY --from=base /x /x\n",
}
Shown = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for path, text in {"images.yaml": SPEC, **FILES}.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RELEASER_PROFILE", raising=False)
    return tmp_path


@pytest.fixture
def shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> Shown:
    assert folder.is_dir()

    def show(*arguments: str, code: int = 0) -> str:
        assert run(["graph", *arguments]) == code
        out, err = capsys.readouterr()
        return err if code else out

    return show


def data(text: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(text)


def test_the_tree(shown: Shown) -> None:
    assert shown() == (
        "shop: 4 images, 4 edges, 3 levels\n\n"
        "base\n"
        "├── api\n"
        "│   └── web  (and on base)\n"
        "├── worker\n"
        "└── web  (in full below api)\n"
    )


def test_edges_say_where_they_are_from(shown: Shown) -> None:
    edges = {(one["image"], one["needs"]): one for one in data(shown("--format", "json"))["edges"]}
    worker = edges["worker", "base"]
    assert worker["references"] == ["main.example/shop/base:latest"]
    assert (worker["file"], worker["line"]) == ("worker/Dockerfile", 2)
    assert worker["instruction"] == "FROM main.example/shop/base:latest"
    assert edges["web", "api"]["instruction"] == "needs: api"
    assert edges["web", "api"]["file"] == "images.yaml"


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], ["base", "api", "worker", "web"]),
        (["w*"], ["base", "api", "worker", "web"]),
        (["backend"], ["base", "api", "worker"]),
        (["backend", "--only"], ["api", "worker"]),
        (["web", "--only"], ["web"]),
    ],
)
def test_images_are_chosen(shown: Shown, arguments: list[str], names: list[str]) -> None:
    found = data(shown("--format", "json", *arguments))
    assert [one["name"] for one in found["images"]] == names
    assert all({one["image"], one["needs"]} <= set(names) for one in found["edges"])


def test_levels_and_groups_are_those_of_the_whole(shown: Shown) -> None:
    [web] = data(shown("--format", "json", "--only", "web"))["images"]
    assert (web["level"], web["needs"], web["groups"]) == (2, ["base", "api"], [])
    api = data(shown("--format", "json", "api"))["images"][1]
    assert api["groups"] == ["backend"]


@pytest.mark.parametrize(
    ("form", "begins"),
    [("mermaid", "flowchart LR\n"), ("dot", 'digraph "shop" {\n'), ("svg", "<svg xmlns=")],
)
def test_every_form(shown: Shown, form: str, begins: str) -> None:
    assert shown("--format", form).startswith(begins)


def test_a_cycle_is_refused_with_its_path(shown: Shown, folder: Path) -> None:
    (folder / "base" / "Dockerfile").write_text("FROM api\n")
    text = shown("--format", "svg", code=3)
    assert "base → api → base" in text
    assert "api/Dockerfile:1" in text


def test_an_unknown_image(shown: Shown) -> None:
    assert 'did you mean "backend"?' in shown("bakend", code=2)


# What a plan does.


def plan(folder: Path, **more: object) -> str:
    images = [
        {"name": "api", "action": "build", "reason": {"code": "file-changed", "detail": "api/f"}},
        {"name": "base", "action": "up-to-date", "reason": {"code": "of-tomorrow", "detail": ""}},
        {"name": "gone", "action": "build", "reason": 5},
    ]
    path = folder / "plan.json"
    path.write_text(json.dumps({"schema": 1, "project": "shop", "images": images, **more}))
    return str(path)


def test_a_saved_plan_is_drawn(shown: Shown, folder: Path) -> None:
    images = data(shown("--format", "json", "--plan", plan(folder)))["images"]
    found = {one["name"]: (one.get("action"), one.get("reason")) for one in images}
    assert found["api"] == ("build", "file changed: api/f")
    assert found["base"] == ("up-to-date", "of-tomorrow")
    assert found["web"] == (None, None)
    assert "gone" not in found


def test_a_plan_of_another_project(shown: Shown, folder: Path) -> None:
    assert 'a plan of "store"' in shown("--plan", plan(folder, project="store"), code=2)
    assert "no plan" in shown("--plan", "images.yaml", code=2)
    assert "leave --reasons out" in shown("--plan", plan(folder), "--reasons", code=2)


def test_reasons_are_those_of_a_plan(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(SPEC, FILES)
    monkeypatch.setattr(graphing, "load_project", lambda *_: world.project)
    monkeypatch.setattr(graphing, "adapters", lambda *_: world.adapters)
    monkeypatch.setattr(graphing, "contexts", lambda: world.adapters.contexts)
    assert run(["graph", "--reasons", "--format", "json", "api"]) == 0
    out, _ = capsys.readouterr()
    for one in data(out)["images"]:
        reason = f"first build: nothing in main.example/shop/{one['name']}"
        assert (one["action"], one["reason"]) == ("build", reason)
