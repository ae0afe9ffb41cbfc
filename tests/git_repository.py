"""A git repository that a test drives, apart from the machine's own configuration."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from releaser.core.facts import SourceFacts
from releaser.core.git_tags import TagTemplate
from releaser.sources.git import GitSource


def set_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let neither the machine's configuration nor the CI system's variables reach a test."""
    for name in list(os.environ):
        if name.startswith(("GIT_", "GITHUB_", "GITLAB_", "CI_")):
            monkeypatch.delenv(name)
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A U Thor")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "author@example.com")


class Repo:
    """A git repository in a folder, driven through the program; made where there is none."""

    def __init__(self, folder: Path, *init: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        if not any((folder / name).exists() for name in (".git", "HEAD")):
            self("init", "--quiet", "--initial-branch=main", *init)

    def __call__(self, *arguments: str, given: str | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout.strip()

    def write(self, name: str, text: str = "") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, message: str = "change", **files: str) -> str:
        """A commit of what is staged, and of ``files`` (``a__b`` is ``a/b``)."""
        for name, text in files.items():
            self("add", "--", str(self.write(name.replace("__", "/"), text)))
        self("commit", "--quiet", "--allow-empty", "--message", message)
        return self("rev-parse", "HEAD")

    def tag(self, *names: str, annotated: bool = False) -> None:
        for name in names:
            extra = ("--annotate", "--message", name) if annotated else ()
            self("tag", *extra, "--end-of-options", name)

    def tags(self) -> list[str]:
        return self("tag").split()

    def source(self, folder: str = "", **environment: str) -> GitSource:
        return GitSource(str(self.folder / folder), environment)

    def facts(self, template: str = "v{{version}}", **environment: str) -> SourceFacts:
        return self.source(**environment).facts(TagTemplate(template))

    def clone(self, folder: Path, *options: str) -> Repo:
        """A clone of this repository; ``origin`` is where it came from."""
        self("clone", "--quiet", *options, self.folder.as_uri(), str(folder))
        return Repo(folder)
