"""``releaser lock`` and ``--offline`` on fakes: the file, what is printed, and the exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from releaser.cli import app, commands, compose, locking, releasing
from releaser.errors import RegistryError
from releaser.loader import load_lock, read_lock
from releaser.pipeline import Project
from tests.fakes.registry import image
from tests.world import World

SPEC = """\
version: 1
project: shop
registries: {main: main.example/shop}
images:
  api: {context: api}
"""
FILES = {"api/Dockerfile": "FROM hub.example/python:3\nCOPY --from=hub.example/tools:1 /f /f\n"}
PYTHON, TOOLS = "hub.example/python:3", "hub.example/tools:1"

Ran = Callable[..., tuple[int, str, str]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the lock is."""
    return tmp_path / "images.lock"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, path: Path) -> World:
    """A world that the commands run in instead of this machine; the lock alone is a file."""
    world = World(SPEC, FILES)
    world.registry.seed_image(PYTHON, "python")
    world.registry.seed_image(TOOLS, "tools")

    def load(*_: object) -> Project:
        world.lock = read_lock(path, "images.lock")
        return world.project

    for module in (commands, locking, releasing):
        monkeypatch.setattr(module, "load_project", load)
        monkeypatch.setattr(module, "adapters", lambda *_: world.adapters)
    monkeypatch.setattr(locking, "lock_file", lambda _: path)
    monkeypatch.setenv("CI", "1")
    monkeypatch.delenv("RELEASER_VERSION", raising=False)
    monkeypatch.chdir(path.parent)
    return world


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str]) -> Ran:
    """Runs a command line: its code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = app.run(arguments)
        return code, *capsys.readouterr()

    return run


@pytest.mark.usefixtures("made")
def test_the_first_lock(ran: Ran, path: Path) -> None:
    python, tools = image("python").digest, image("tools").digest
    assert ran("lock") == (
        0,
        f"{PYTHON}  added    {python.short}\n{TOOLS}   added    {tools.short}\n",
        "",
    )
    written = path.read_bytes()
    found = load_lock(written, "images.lock")
    assert {name: one.digest for name, one in found.entries.items()} == {
        PYTHON: python,
        TOOLS: tools,
    }
    assert ran("lock") == (0, "images.lock: current\n", "")
    assert path.read_bytes() == written
    assert [one.name for one in path.parent.iterdir()] == ["images.lock"]


def test_check_tells_what_moved_and_changes_nothing(made: World, ran: Ran, path: Path) -> None:
    ran("lock")
    assert ran("lock", "--check")[0] == 0
    written = path.read_bytes()
    old, new = image("python").digest, made.registry.seed_image(PYTHON, "new")
    assert ran("lock", "--check") == (10, f"{PYTHON}  moved    {old.short} → {new.short}\n", "")
    code, out, _ = ran("lock", "--check", "--format", "json")
    assert code == 10
    assert json.loads(out) == {
        "schema": 1,
        "lock": "images.lock",
        "current": False,
        "changes": [{"reference": PYTHON, "change": "moved", "from": str(old), "to": str(new)}],
    }
    assert path.read_bytes() == written


def test_check_names_what_is_missing_and_what_nobody_uses(made: World, ran: Ran) -> None:
    assert ran("lock", "--check")[0] == 10
    ran("lock")
    made.files["/project/api/Dockerfile"] = "FROM hub.example/other:1\n"
    other = made.registry.seed_image("hub.example/other:1", "other")
    code, out, _ = ran("lock", "--check")
    assert code == 10
    assert out.splitlines() == [
        f"hub.example/other:1   missing  {other.short}",
        f"{PYTHON}  unused   {image('python').digest.short}",
        f"{TOOLS}   unused   {image('tools').digest.short}",
    ]
    code, out, _ = ran("lock")
    assert [line.split()[1] for line in out.splitlines()] == ["added", "dropped", "dropped"]


def test_update_moves_what_is_named(made: World, ran: Ran, path: Path) -> None:
    ran("lock")
    for name in (PYTHON, TOOLS):
        made.registry.seed_image(name, "new")
    code, out, _ = ran("lock", "--update", "*/tools:*")
    assert (code, len(out.splitlines())) == (0, 1)
    assert out.startswith(f"{TOOLS}  moved    ")
    assert ran("lock", "--check")[1].startswith(PYTHON)
    assert ran("lock", "--update")[0] == 0
    assert ran("lock", "--check") == (0, "images.lock: current\n", "")
    assert path.exists()


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--update", "hub.example/pyhton:3"], "no image needs", f'did you mean "{PYTHON}"?'),
        (["python"], "only --update takes references", "releaser lock --update python"),
        (["--check", "--update"], "--check changes nothing", "choose one of them"),
    ],
)
def test_wrong_command_lines(
    ran: Ran, path: Path, arguments: list[str], message: str, hint: str
) -> None:
    code, out, err = ran("lock", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert f"hint: {hint}\n" in err
    assert not path.exists()


def test_a_base_that_cannot_be_asked_for_leaves_the_file_alone(
    made: World, ran: Ran, path: Path
) -> None:
    ran("lock")
    written = path.read_bytes()
    made.registry.seed_image(TOOLS, "new")
    made.registry.fail("manifest", PYTHON, RegistryError("it is down"), times=None)
    code, _, err = ran("lock", "--update")
    assert code == 6
    assert f'base image "{PYTHON}"' in err
    assert path.read_bytes() == written


@pytest.mark.usefixtures("made")
def test_a_wrong_lock_is_told_and_not_overwritten(ran: Ran, path: Path) -> None:
    path.write_text("version: 1\nbases: []\n")
    for command in (["lock"], ["plan"], ["build"], ["validate"], ["lock", "--check"]):
        code, _, err = ran(*command)
        assert code == 2
        assert err.startswith('error: images.lock:2:1: "bases" must be a map, not a list')
    assert path.read_text() == "version: 1\nbases: []\n"


def test_a_plan_says_what_it_did_not_ask(made: World, ran: Ran) -> None:
    ran("lock")
    made.registry.calls.clear()
    code, out, err = ran("plan", "--offline", "-o", "plan.json")
    assert code == 0
    assert "api  build       the registry was not asked: not in the engine\n" in out
    assert err == (
        "warning: offline, so not asked for: registry main.example "
        "(what is published there is not known)\n"
    )
    assert made.registry.calls == []
    code, _, err = ran("release", "--plan", "plan.json", "--push")
    assert code == 2
    assert "plan.json was made offline" in err
    assert ran("plan", "--offline", "--exit-code")[0] == 10


def test_an_offline_build(made: World, ran: Ran) -> None:
    ran("lock")
    made.registry.calls.clear()
    assert ran("build", "--offline")[0] == 0
    assert (made.registry.calls, made.engine.count("resolve")) == ([], 0)


@pytest.mark.parametrize("push", [[], ["--push"]])
def test_a_release_asks_the_registries(made: World, ran: Ran, push: list[str]) -> None:
    code, out, err = ran("release", "--offline", *push)
    assert (code, out) == (2, "")
    assert err == (
        "error: --offline: a release asks the registries what they hold\n"
        "hint: leave it out; releaser plan and releaser build can do without them\n"
    )
    assert made.registry.calls == []


def test_the_lock_lies_beside_the_spec_that_is_named(tmp_path: Path) -> None:
    spec = tmp_path / "prod.yaml"
    spec.write_text(SPEC)
    project = compose.load_project(spec, None)
    assert project.lock is None
    assert locking.lock_file(project) == tmp_path / "prod.lock"
    (tmp_path / "prod.lock").write_text("version: 1\nbases: {}\n")
    found = compose.load_project(spec, None).lock
    assert found is not None
    assert found.entries == {}
