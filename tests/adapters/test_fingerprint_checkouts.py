"""Fingerprints of real checkouts: the same for one commit wherever it lies, another for a change.

Checkouts are planned by the program itself, in a process of its own, with no engine and no registry
at hand; single changes by the same use case without one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from releaser import loader
from releaser.pipeline import Project, Request, build_graph, fingerprints, host_platform
from releaser.sources.context import DiskContexts

SPEC = """\
version: 1
project: shop
images:
  base: {context: base}
  api: {context: api}
  all: {context: all, additional_contexts: {conf: conf}}
"""
FILES = {
    "images.yaml": SPEC,
    "base/Dockerfile": "FROM scratch\nCOPY . /\n",
    "base/tool": "#!/bin/sh\n",
    "base/deep/er/and/deeper": "text",
    "api/Dockerfile": "FROM base\nCOPY src *.md link to-folder /\n",
    "api/.dockerignore": "**/*.log\n",
    "api/src/main.py": "print()",
    "api/src/ünï cödé *": "odd",
    "api/README.md": "read",
    "api/linked": "linked",
    "api/folder/f": "f",
    "api/twin/f": "f",
    "api/not-copied": "1",
    "all/Dockerfile": "FROM api\nCOPY --from=conf . /conf\n",
    "conf/app.ini": "[app]",
}
LINKS = {
    "base/up": "../api",
    "base/gone": "nowhere",
    "api/link": "linked",
    "api/to-folder": "folder",
    "api/src/inner": "main.py",
}
NAMES = {"base", "api", "all"}
Edit = Callable[[Path], object]


def lay(folder: Path) -> None:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name, target in LINKS.items():
        (folder / name).symlink_to(target)
    (folder / "base" / "tool").chmod(0o755)


def git(folder: Path, *arguments: str, umask: int = 0o022) -> None:
    settings = ["-c", "user.name=T", "-c", "user.email=t@example.com"]
    subprocess.run(
        ["git", *settings, *arguments], cwd=folder, check=True, capture_output=True, umask=umask,
        env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"},
    )  # fmt: skip


def planned(folder: Path, umask: int = 0o022) -> dict[str, str]:
    """The fingerprints in the program's own plan, by image."""
    hidden = ("GITHUB_", "CI_", "GITLAB_", "RELEASER_", "DOCKER_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(hidden) and k != "CI"}
    trusting = folder.parent / "gitconfig"
    trusting.write_text("[safe]\n\tdirectory = *\n")
    nobody = {"DOCKER_HOST": "unix:///nobody/listens/here", "GIT_CONFIG_GLOBAL": str(trusting)}
    done = subprocess.run(
        [sys.executable, "-m", "releaser", "plan", "--format", "json"],
        cwd=folder, env={**kept, **nobody, "PYTHONWARNINGS": ""}, umask=umask,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {one["name"]: one["fingerprint"] for one in json.loads(done.stdout)["images"]}


def fingerprinted(folder: Path) -> dict[str, str]:
    """The fingerprints of a project on disk, by image."""
    loaded = loader.load(SPEC.encode(), "images.yaml", project="shop")
    project = Project(loaded.spec, str(folder), loaded.location)
    contexts = DiskContexts()
    selection = build_graph(project, contexts, lambda _: {}, host_platform(), Request())
    images = [selection.resolved[name] for name in selection.closure]
    return {k: str(v) for k, v in fingerprints(project, contexts, images, {}).items()}


def everything(folder: Path) -> Iterator[Path]:
    yield folder
    yield from (path for path in folder.rglob("*") if ".git" not in path.parts)


def aged(folder: Path) -> None:
    """Let all that a checkout holds be from another day, each thing from its own."""
    for age, path in enumerate(sorted(everything(folder))):
        os.utime(path, (age * 86_400, age * 86_400), follow_symlinks=False)


def owned(folder: Path) -> None:
    """Let somebody else own all of it, where this process may do that."""
    for path in everything(folder) if os.geteuid() == 0 else ():
        os.chown(path, 12_345, 54_321, follow_symlinks=False)


def as_it_is(_: Path) -> None:
    pass


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A repository, and the fingerprints of its checkout."""
    folder = tmp_path_factory.mktemp("origin")
    lay(folder)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all")
    found = planned(folder)
    assert found == fingerprinted(folder)
    assert found.keys() == NAMES
    return folder, found


@pytest.mark.parametrize("umask", [0o022, 0o077])
@pytest.mark.parametrize("change", [as_it_is, aged, owned])
def test_two_checkouts_of_one_commit_agree(
    tmp_path: Path, origin: tuple[Path, dict[str, str]], umask: int, change: Edit
) -> None:
    repository, expected = origin
    folder = tmp_path / "quite another folder"
    git(tmp_path, "clone", "-q", str(repository), str(folder), umask=umask)
    change(folder)
    assert planned(folder, umask) == expected


def rewrite(name: str, text: str) -> Edit:
    return lambda folder: (folder / name).write_text(text, encoding="utf-8")


def relink(name: str, target: str) -> Edit:
    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return change


def mode(name: str, bits: int) -> Edit:
    return lambda folder: (folder / name).chmod(bits)


def empty_folder(name: str) -> Edit:
    return lambda folder: (folder / name).mkdir()


def moved(name: str, to: str) -> Edit:
    return lambda folder: (folder / name).rename(folder / to)


def copied_in_place(name: str) -> Edit:
    def change(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        (folder / name).write_bytes(content)

    return change


CHANGES: dict[str, tuple[Edit, set[str]]] = {
    "bytes": (rewrite("conf/app.ini", "[api]"), {"all"}),
    "bytes of the same length in an upstream": (rewrite("base/deep/er/and/deeper", "tixt"), NAMES),
    "may be run": (mode("api/src/main.py", 0o755), {"api", "all"}),
    "may no longer be run": (mode("base/tool", 0o644), NAMES),
    "setgid": (mode("base/deep", 0o2755), NAMES),
    "renamed": (moved("api/src/main.py", "api/src/Main.py"), {"api", "all"}),
    "an empty folder": (empty_folder("conf/new"), {"all"}),
    "a link's target": (relink("api/src/inner", "./main.py"), {"api", "all"}),
    "a link to nowhere": (relink("base/gone", "elsewhere"), NAMES),
    "a file becomes a link": (relink("base/tool", "deep"), NAMES),
    "what a source leads through": (relink("api/to-folder", "twin"), {"api", "all"}),
    "what a source leads to": (rewrite("api/folder/f", "g"), {"api", "all"}),
    "a file that a link names": (rewrite("api/linked", "other"), {"api", "all"}),
    "not copied": (rewrite("api/not-copied", "2"), set()),
    "not led to": (rewrite("api/twin/f", "2"), set()),
    "ignored": (rewrite("api/src/x.log", "2"), set()),
    "written anew": (copied_in_place("api/src/main.py"), set()),
    "who may read": (mode("api/src/main.py", 0o600), set()),
    "who may enter": (mode("base/deep", 0o711), set()),
    "a link in nobody's context": (relink("lost", "found"), set()),
    "when": (aged, set()),
    "whose": (owned, set()),
}


@pytest.mark.parametrize("name", CHANGES)
def test_one_change_counts_where_it_is_used(
    tmp_path: Path, origin: tuple[Path, dict[str, str]], name: str
) -> None:
    change, expected = CHANGES[name]
    _, before = origin
    lay(tmp_path)
    change(tmp_path)
    after = fingerprinted(tmp_path)
    assert {image for image in NAMES if before[image] != after[image]} == expected
