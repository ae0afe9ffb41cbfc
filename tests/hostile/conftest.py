"""A folder that a command line is run in, and what it says there, apart from this machine."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from releaser.cli.app import run
from tests.git_repository import set_apart

NOWHERE = "unix:///nowhere/docker.sock"
API = "version: 1\nimages:\n  api:\n"


@dataclass(frozen=True)
class Ended:
    """How a command ended, what it said, and the seconds that it took."""

    code: int
    out: str
    err: str
    seconds: float

    def says(self, *texts: str) -> Ended:
        """Hold that each of ``texts`` is in what was said on stderr."""
        for text in texts:
            assert text in self.err, self.err
        return self


@dataclass
class Shop:
    """A project in a folder of its own, which commands run in."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def write(self, name: str, content: str | bytes = "") -> Path:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def spec(self, *lines: str, head: str = API) -> None:
        """Write the spec: ``head``, and ``lines`` as the fields of its image ``api``."""
        self.write("images.yaml", head + "".join(f"    {line}\n" for line in lines))

    def run(self, *arguments: str) -> Ended:
        """Run a command line; whatever it ends in, no traceback and no bug is shown."""
        self.capsys.readouterr()
        began = time.monotonic()
        code = run(arguments)
        out, err = self.capsys.readouterr()
        ended = Ended(code, out, err, time.monotonic() - began)
        check_words(ended)
        return ended

    def refused(self, *arguments: str, code: int = 2) -> Ended:
        """Run a command line that must end with ``code`` and nothing on stdout."""
        ended = self.run(*arguments)
        assert (ended.code, ended.out) == (code, ""), ended
        return ended


def check_words(ended: Ended) -> None:
    """Hold that what was said is in our shape, and nothing that a terminal or runner obeys."""
    assert "Traceback" not in ended.err, ended.err
    assert "a bug of releaser" not in ended.err, ended.err
    assert ended.code != 70, ended.err
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", ended.err)
    assert not re.search(r"^::", ended.err, re.MULTILINE)
    assert not re.search("Input should|pydantic|NoneType|Errno", ended.err), ended.err
    if ended.code not in {0, 10}:
        assert re.search("^error: .*[^.]$", ended.err, re.MULTILINE), ended.err


@pytest.fixture
def shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shop:
    """A project of one image that copies nothing, with no engine, no logins and no CI system."""
    set_apart(monkeypatch)
    for name in list(os.environ):
        if name.startswith(("RELEASER_", "DOCKER_", "BUILDX_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("CI", "1")
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    made = Shop(folder, capsys)
    made.spec("context: .")
    made.write("Dockerfile", "FROM scratch\n")
    return made
