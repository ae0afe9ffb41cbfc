"""Runs git: bounded in time, with no prompts, no hooks, no network and nothing written.

The checkout may come from anybody, so what its configuration could start is turned off. The
system's and the user's configuration stay in force: ``safe.directory`` and the filters of Git LFS
live there, and without them files that nobody changed would look modified.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from releaser.errors import SetupError

if TYPE_CHECKING:
    from git import Git

TIMEOUT = 30.0
"""Seconds that one command may take."""

_SAFE = ("--no-pager", "-c", "core.fsmonitor=", "-c", f"core.hooksPath={os.devnull}")
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
}
_OF_A_HOOK = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_PREFIX",
    "GIT_CONFIG",
)
"""Variables that git sets for its hooks and that would lead away from the checkout's own folder."""


class NoGitError(Exception):
    """There is no git program."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, and how it ended. Bytes that are no UTF-8 are written as ``\\xff``."""

    status: int
    out: str
    err: str


class GitProgram:
    """The git program, run in one folder, which must exist."""

    def __init__(self, directory: str, environment: Mapping[str, str]) -> None:
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # else the import fails without git
        from git import Git

        self._directory = directory
        self._git = Git(directory)
        self._prefix = [word for name in _OF_A_HOOK if name in environment for word in ("-u", name)]

    def ask(self, *arguments: str) -> Answer:
        """What a command says.

        Raises:
            NoGitError: there is no git program.
            SetupError: it did not end within 30 seconds.
        """
        program = self._git.GIT_PYTHON_GIT_EXECUTABLE or "git"
        process = self._start([program, *_SAFE, *arguments])
        try:
            out, err = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=1)  # a filter that git started may hold the pipe
            raise SetupError(
                f"git did not answer within {TIMEOUT:g} seconds",
                details=(("command", f"git {arguments[0]}"), ("folder", self._directory)),
            ) from None
        if self._prefix and process.returncode == 127:
            raise NoGitError
        return Answer(process.returncode, _text(out), _text(err))

    def _start(self, command: list[str]) -> Git.AutoInterrupt:
        from git.exc import GitCommandNotFound

        if self._prefix:
            command = ["env", *self._prefix, *command]
        try:
            return self._git.execute(command, as_process=True, env=_ENVIRONMENT)
        except (GitCommandNotFound, PermissionError):
            raise NoGitError from None


def _text(output: bytes) -> str:
    return output.decode(errors="backslashreplace")
