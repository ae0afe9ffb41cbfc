"""Docker's credential helpers: programs that keep passwords, asked with a limit on time and size.

The protocol is that of ``docker-credential-helpers``: ``docker-credential-NAME get`` reads a server
address and prints ``{"ServerURL": …, "Username": …, "Secret": …}``.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Mapping

from releaser.core.harmless import one_line

MAX_OUTPUT = 64 * 1024

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NOT_FOUND = "credentials not found"
# An answer in JSON, a password in a URL, a signed URL: what a complaint does not repeat.
_SECRET = re.compile(r"\{|secret|://[^/\s]*@|\?\S*=", re.IGNORECASE)


class HelperError(Exception):
    """A helper could not be asked; the text says why and holds no secret."""


def ask_helper(
    name: str, server: str, seconds: float, environment: Mapping[str, str]
) -> tuple[str, str] | None:
    """The user name and the secret that a helper keeps for ``server``; ``None`` where it has none.

    It is looked for on the ``PATH`` of ``environment``, which it gets.

    :raises HelperError: where it is missing, fails, prints nonsense or takes over ``seconds``.
    """
    if not _NAME.fullmatch(name):
        raise HelperError("that is no name of a helper")
    code, output = _run([f"docker-credential-{name}", "get"], server.encode(), seconds, environment)
    if code == 0:
        return _parsed(output)
    text = output.decode("utf-8", "replace").strip()
    if _NOT_FOUND in text.lower():
        return None
    raise HelperError(_failure(code, text))


def _run(
    argv: list[str], given: bytes, seconds: float, environment: Mapping[str, str]
) -> tuple[int, bytes]:
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            start_new_session=True,
        )
    except FileNotFoundError:
        raise HelperError(f"{argv[0]} is not on PATH") from None
    except OSError as error:
        raise HelperError(f"{argv[0]} does not start: {error.strerror}") from None
    late = threading.Event()

    def end() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        output = _talk(process, given)
        code = process.wait()
    finally:
        timer.cancel()
    if late.is_set():
        raise HelperError(f"it did not answer within {seconds:g} seconds")
    if len(output) > MAX_OUTPUT:
        raise HelperError("it printed more than 64 KiB")
    return code, output


def _talk(process: subprocess.Popen[bytes], given: bytes) -> bytes:
    with process:
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(given)
            process.stdin.close()
        except BrokenPipeError:
            pass  # some helpers answer without reading
        output = process.stdout.read(MAX_OUTPUT + 1)
        if len(output) > MAX_OUTPUT:
            _kill(process)
        return output


def _kill(process: subprocess.Popen[bytes]) -> None:
    # The whole session: a helper's own children would keep the pipe open. Once it has been waited
    # for, its number may be another's.
    if process.returncode is not None:
        return
    try:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass


def _parsed(output: bytes) -> tuple[str, str] | None:
    try:
        answer = json.loads(output)
        username, secret = answer["Username"], answer["Secret"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise HelperError("what it printed is not the JSON of a login") from None
    if not isinstance(username, str) or not isinstance(secret, str):
        raise HelperError("what it printed is not the JSON of a login")
    return (username, secret) if secret else None


def _failure(code: int, text: str) -> str:
    line = one_line(text.partition("\n")[0], 200)
    quotable = line and not _SECRET.search(text)
    return f"it ended with exit code {code}" + (f": {line}" if quotable else "")
