"""Runs git: bounded in time and size, and with no prompts.

A command that reads starts no hooks, uses no network and writes nothing: the checkout may come from
anybody, so what its configuration could start is turned off (its filters in ``git_filters``). The
system's and the user's configuration stay in force: ``safe.directory`` and the filters of Git LFS
live there, and without them files that nobody changed would look modified. A command that writes is
the user's own, with all that the user set up for it.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from tempfile import TemporaryFile

from releaser.errors import SetupError

TIMEOUT = 30.0
"""Seconds that one command may take."""

MAX_BYTES = 256 << 20
"""How much one command may say."""

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

_CHUNK = 1 << 16
_QUIET = 0.2
"""Seconds of silence after which a program that has ended will say no more: a daemon that it
started may hold its outputs for hours."""


class NoGitError(Exception):
    """There is no git program."""


class NoRepositoryError(Exception):
    """There is no repository; the argument is git's own words."""


class TooMuchError(SetupError):
    """A command says more than it may."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, and how it ended."""

    status: int
    content: bytes
    err: str

    @property
    def out(self) -> str:
        """What it said, as text; bytes that are no UTF-8 are written as ``\\xff``."""
        return _text(self.content)


@dataclass(frozen=True, slots=True)
class _Manner:
    """How git is run: with which options and variables."""

    options: tuple[str, ...]
    environment: Mapping[str, str]
    grouped: bool = False
    """Whether it is the first of a group of processes, where no terminal is there to ask at: a
    group of its own could not read from that."""


_READING = _Manner(
    ("--no-pager", "-c", "core.fsmonitor=", "-c", f"core.hooksPath={os.devnull}"),
    {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "",
    },
)
_WRITING = _Manner(("--no-pager",), {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}, grouped=True)


class GitProgram:
    """The git program, run in one folder, which must exist."""

    def __init__(self, directory: str, environment: Mapping[str, str]) -> None:
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # else the import fails without git
        from git import Git

        self._directory = directory
        self._git = Git(directory)
        self._prefix = [word for name in _OF_A_HOOK if name in environment for word in ("-u", name)]

    def ask(self, *arguments: str, given: bytes = b"", most: int | None = None) -> Answer:
        """What a command that reads says; ``given`` is its input.

        Raises:
            NoGitError: there is no git program.
            SetupError: it did not end within 30 seconds; a :class:`TooMuchError` where it says more
                than ``most`` bytes (256 MiB).
        """
        return self._run(_READING, arguments, given, TIMEOUT, most or MAX_BYTES)

    def checked(self, *arguments: str, given: bytes = b"") -> Answer:
        """The same for a command that must succeed.

        Raises:
            NoGitError, SetupError: as for :meth:`ask`, and where it fails.
            NoRepositoryError: there is no repository.
        """
        answer = self.ask(*arguments, given=given)
        if answer.status != 0:
            raise refusal(answer)
        return answer

    def write(self, *arguments: str, given: bytes = b"", timeout: float | None = None) -> Answer:
        """What a command that writes says: the user's hooks and credential helpers are in force.

        Raises:
            NoGitError: there is no git program.
            SetupError: it did not end within ``timeout`` seconds (30).
        """
        return self._run(_WRITING, arguments, given, timeout or TIMEOUT, MAX_BYTES)

    def _run(
        self, how: _Manner, arguments: Sequence[str], given: bytes, timeout: float, most: int
    ) -> Answer:
        command = next(one for one in arguments if one[0] != "-" and "=" not in one)
        details = (("command", f"git {command}"), ("folder", self._directory))
        with self._started(how, arguments, given) as process:
            try:
                out, err = _outputs(process, timeout, most)
            except TimeoutError:
                message = f"git did not answer within {timeout:g} seconds"
                raise SetupError(message, details=details) from None
            except OverflowError:
                message = f"git says more than {most >> 20} MiB"
                raise TooMuchError(message, details=details) from None
        if self._prefix and process.returncode == 127:
            raise NoGitError
        return Answer(process.returncode, out, _text(err))

    @contextmanager
    def _started(
        self, how: _Manner, arguments: Sequence[str], given: bytes
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A process that is gone in the end with those that it started, whatever becomes of it.

        Only where it ended by itself, what it left behind is let be.
        """
        from git.exc import GitCommandNotFound

        program = self._git.GIT_PYTHON_GIT_EXECUTABLE or "git"
        command = [program, *how.options, *arguments]
        if self._prefix:
            command = ["env", *self._prefix, *command]
        grouped = how.grouped and not _has_terminal()
        with TemporaryFile() as file:
            file.write(given)
            file.seek(0)
            try:
                own = {"process_group": 0} if grouped else {}
                started = self._git.execute(
                    command, as_process=True, env=how.environment, istream=file, **own
                )
            except (GitCommandNotFound, PermissionError):
                raise NoGitError from None
        process = started.proc
        assert process is not None  # noqa: S101 - it was started just now
        try:
            yield process
        finally:
            _end(process, grouped=grouped)
            for pipe in filter(None, (process.stdout, process.stderr)):
                pipe.close()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)


def refusal(answer: Answer) -> Exception:
    """What a failed command means: a :class:`NoRepositoryError`, else a :class:`SetupError`."""
    lines = [line.strip() for line in answer.err.splitlines() if line.strip()]
    message = next((line for line in lines if line.startswith("fatal:")), "".join(lines[:1]))
    if "not a git repository" in answer.err:
        return NoRepositoryError(message.removeprefix("fatal: "))
    fix = next((line for line in lines if line.startswith("git config --global --add")), None)
    if fix or "unsafe repository" in answer.err:
        return SetupError(
            "git refuses the repository: its folder belongs to another user",
            details=(("git", message.removeprefix("fatal: ")),),
            hint=fix or "git config --global --add safe.directory FOLDER",
        )
    return SetupError(
        "git cannot read the repository",
        details=(("git", message.removeprefix("fatal: ")[:500]),),
        hint="run git status there to see more",
    )


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return False
    return True


def _end(process: subprocess.Popen[bytes], *, grouped: bool) -> None:
    """End a process that runs still; git that is asked to ends those that it started."""
    if process.poll() is not None:
        return
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_QUIET)
    with suppress(ProcessLookupError, PermissionError):
        if grouped:
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _outputs(process: subprocess.Popen[bytes], timeout: float, most: int) -> tuple[bytes, bytes]:
    """What ``process`` writes to its outputs until it ends; raises TimeoutError, OverflowError."""
    assert process.stdout is not None  # noqa: S101 - both are pipes
    assert process.stderr is not None  # noqa: S101
    until = time.monotonic() + timeout
    out, err = bytearray(), bytearray()
    with selectors.DefaultSelector() as watch:
        watch.register(process.stdout, selectors.EVENT_READ, out)
        watch.register(process.stderr, selectors.EVENT_READ, err)
        while watch.get_map():
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            ready = watch.select(min(left, _QUIET))
            if not ready and process.poll() is not None:
                break
            for key, _ in ready:
                chunk = os.read(key.fd, _CHUNK)
                key.data.extend(chunk)
                if not chunk:
                    watch.unregister(key.fileobj)
            if len(out) + len(err) > most:
                raise OverflowError
    try:
        process.wait(timeout=max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    return bytes(out), bytes(err)


def _text(output: bytes) -> str:
    return output.decode(errors="backslashreplace")
