"""Logins for registries, as ``docker login`` and its credential helpers keep them.

docker-py's lookup is not used: it waits for a hanging helper without end, answers a malformed entry
with a bare ``ValueError`` and goes on without a login where the file is broken.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from releaser.core.oci import DOCKER_HUB
from releaser.engines.docker_config import DockerConfig
from releaser.engines.docker_errors import clean
from releaser.errors import SetupError

HUB_SERVER = "https://index.docker.io/v1/"
HELPER_SECONDS = 15.0
KEEP_SECONDS = 300.0
_MAX_ANSWER = 1 << 16
_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TOKEN_USER = "<token>"  # noqa: S105 - how helpers mark an identity token
_ABSENT = ("credentials not found", "no credentials server", "no usernames for")

Login = Mapping[str, str]


class Credentials:
    """The login of each registry, in the form that the engine's API takes (``AuthConfig``).

    A helper is asked one at a time and its answer kept for five minutes: many of them open a
    keychain or a network connection.
    """

    def __init__(
        self,
        config: DockerConfig,
        environment: Mapping[str, str],
        *,
        helper_seconds: float = HELPER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._environment = dict(environment)
        self._helper_seconds = helper_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Login]] = {}

    def login(self, registry: str) -> Login:
        """The login for a registry's host; empty where nobody has logged in.

        Raises:
            SetupError: a helper or an entry of ``config.json`` is broken.
        """
        with self._lock:
            now = self._clock()
            until, login = self._kept.get(registry, (now, {}))
            if until <= now:
                login = self._find(registry)
                self._kept[registry] = (now + KEEP_SECONDS, login)
            return login

    def _find(self, registry: str) -> Login:
        server = HUB_SERVER if registry == DOCKER_HUB else registry
        helper = self._config.helpers.get(server) or self._config.helpers.get(registry)
        for program in filter(None, (helper, self._config.store)):
            answer = self._ask(program, server)
            if answer:
                return answer
        return self._stored(registry, server)

    def _stored(self, registry: str, server: str) -> Login:
        for key, entry in self._config.auths.items():
            if _host(key) == registry:
                login = _decoded(entry)
                if login is None:
                    raise SetupError(
                        f"the login for {registry} in {self._config.file} is malformed",
                        hint=f"docker login {registry}",
                    )
                return {**login, "serveraddress": server} if login else {}
        return {}

    def _ask(self, helper: str, server: str) -> Login:
        program = f"docker-credential-{helper}"
        if not _HELPER_NAME.fullmatch(helper):
            raise _helper_failed(program, "this is no name for a helper", self._config)
        code, output = self._run(program, server)
        if code != 0:
            said = output.decode(errors="replace")
            if any(phrase in said.lower() for phrase in _ABSENT):
                return {}
            raise _helper_failed(program, clean(said) or f"exit code {code}", self._config)
        # What a helper that succeeds prints is a secret: no complaint may quote it.
        answer = _answer(output)
        if answer is None:
            raise _helper_failed(program, "its answer is not what a helper says", self._config)
        user, secret = answer
        if not user and not secret:
            return {}
        if user == _TOKEN_USER:
            return {"identitytoken": secret, "serveraddress": server}
        return {"username": user, "password": secret, "serveraddress": server}

    def _run(self, program: str, server: str) -> tuple[int, bytes]:
        with tempfile.TemporaryFile() as output:
            try:
                process = subprocess.Popen(
                    [program, "get"],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.DEVNULL,
                    env=self._environment,
                    start_new_session=True,
                )
            except OSError as error:
                cause = "it is not on PATH" if isinstance(error, FileNotFoundError) else str(error)
                raise _helper_failed(program, cause, self._config) from None
            try:
                process.communicate(server.encode(), timeout=self._helper_seconds)
            except subprocess.TimeoutExpired:
                cause = f"no answer within {self._helper_seconds:g} s"
                raise _helper_failed(program, cause, self._config) from None
            finally:
                _end(process)
            output.seek(0)
            return process.returncode, output.read(_MAX_ANSWER + 1)


def _end(process: subprocess.Popen[bytes]) -> None:
    """A helper that hangs goes, and all that it started."""
    if process.poll() is not None:
        return
    try:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except ProcessLookupError:
        pass
    process.wait()


def _answer(output: bytes) -> tuple[str, str] | None:
    if len(output) > _MAX_ANSWER:
        return None
    try:
        answer = json.loads(output)
        user, secret = answer["Username"], answer["Secret"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return (user, secret) if isinstance(user, str) and isinstance(secret, str) else None


def _helper_failed(program: str, cause: str, config: DockerConfig) -> SetupError:
    return SetupError(
        f"the credential helper {program} gives no login",
        details=(("cause", cause), ("set by", str(config.file))),
        hint=f"try it: echo HOST | {program} get",
    )


def _host(key: str) -> str:
    """The host in a key of ``auths``, which may be a host or a URL."""
    host = key.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return DOCKER_HUB if host in ("index.docker.io", "registry-1.docker.io") else host


def _decoded(entry: Mapping[str, Any]) -> dict[str, str] | None:
    """The login in an entry of ``auths``; empty where a helper has it, ``None`` where malformed."""
    login = {
        key: value
        for key in ("identitytoken", "registrytoken", "username", "password")
        if (value := entry.get(key)) and isinstance(value, str)
    }
    auth = entry.get("auth")
    if not auth:
        return login
    try:
        user, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, TypeError, ValueError):
        return None
    # Docker pads the password with NUL in some versions (docker/cli, decodeAuth).
    return {**login, "username": user, "password": password.strip("\0")} if colon else None
