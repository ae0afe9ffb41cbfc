"""A registry of one's own: the distribution project's program, on a free port."""

from __future__ import annotations

import base64
import ctypes
import ctypes.util
import http.client
import os
import secrets
import shutil
import socket
import string
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from releaser.core.oci import Reference
from tests.fakes.registry import Image

PROGRAM = "docker-registry"


class RegistryProcess:
    """A registry in ``folder``: what it stores outlives its process, its address does not.

    ``htpasswd`` is the one user's name and password; without it everybody may do everything.
    ``auth`` is YAML to use instead: the value of the configuration's ``auth``. ``cached`` lets it
    remember in memory which blobs it has. Manifests can be deleted unless ``delete`` says no.
    """

    def __init__(
        self,
        folder: Path,
        htpasswd: tuple[str, str] | None = None,
        *,
        auth: str = "",
        cached: bool = False,
        delete: bool = True,
    ) -> None:
        found = shutil.which(PROGRAM)
        assert found, f"{PROGRAM} is not on PATH: install it, or run `make engine`"
        self._program = found
        self._folder = folder
        self._auth = auth
        self._cached = cached
        self._delete = delete
        self._process: subprocess.Popen[bytes] | None = None
        self.host = ""
        self.data = folder / "data"
        folder.mkdir(parents=True, exist_ok=True)
        if htpasswd:
            users = folder / "htpasswd"
            users.write_text(f"{htpasswd[0]}:{_bcrypt(htpasswd[1])}\n")
            self._auth = f'{{htpasswd: {{realm: registry, path: "{users}"}}}}'

    def start(self) -> None:
        """Start it on a free port, and wait until it answers."""
        for _ in range(5):  # somebody else may take the port between our look and its use
            self.host = f"127.0.0.1:{_free_port()}"
            config = self._configured()
            with (self._folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    [self._program, "serve", str(config)],
                    stdout=log, stderr=log, env=_environment(),
                )  # fmt: skip
            if _answers(self.host, self._process):
                return
            self.end()
        log_text = (self._folder / "log").read_text()[-2000:]
        raise AssertionError(f"{PROGRAM} did not start: {log_text}")

    def end(self, *, kill: bool = False) -> None:
        """End its process; ``kill`` gives it no chance to finish anything."""
        if self._process:
            self._process.kill() if kill else self._process.terminate()
            self._process.wait(10)
            self._process = None

    def collect_garbage(self) -> None:
        """Remove what no manifest needs, as an operator does, whether it is running or not."""
        command = [self._program, "garbage-collect", str(self._folder / "config.yml")]
        subprocess.run(command, check=True, capture_output=True, env=_environment(), timeout=60)

    def _configured(self) -> Path:
        config = self._folder / "config.yml"
        cache = "cache: {blobdescriptor: inmemory}, " if self._cached else ""
        config.write_text(
            "version: 0.1\n"
            "log: {level: warn}\n"
            f'storage: {{filesystem: {{rootdirectory: "{self.data}"}}, {cache}'
            f"delete: {{enabled: {str(self._delete).lower()}}}}}\n"
            f'http: {{addr: "{self.host}", secret: test}}\n'
            + (f"auth: {self._auth}\n" if self._auth else "")
        )
        return config


@contextmanager
def start_registry(
    tmp_path: Path,
    htpasswd: tuple[str, str] | None = None,
    *,
    auth: str = "",
    delete: bool = True,
) -> Iterator[str]:
    """Run a registry in ``tmp_path`` and yield ``127.0.0.1:PORT``; it ends with the context.

    The arguments are those of :class:`RegistryProcess`. Every request is a line of
    ``registry-*/log`` in there.
    """
    folder = tmp_path / f"registry-{secrets.token_hex(4)}"
    process = RegistryProcess(folder, htpasswd, auth=auth, delete=delete)
    try:
        process.start()
        yield process.host
    finally:
        process.end()


def upload(
    reference: Reference,
    content: Image,
    login: tuple[str, str] | None = None,
    token: str = "",
    *,
    authorization: str = "",
) -> None:
    """Store ``content`` under ``reference``, without any code of releaser's adapters."""
    connection = http.client.HTTPConnection(reference.repository.registry, timeout=20)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if authorization:
        headers["Authorization"] = authorization
    if login:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()
    path = f"/v2/{reference.repository.path}"
    for child in content.children:
        place = reference.repository.at(child.digest)
        upload(place, child, login, token, authorization=authorization)
    for digest, blob in content.blobs.items():
        begun = urlsplit(_send(connection, "POST", f"{path}/blobs/uploads/", b"", headers))
        _send(connection, "PUT", f"{begun.path}?{begun.query}&digest={digest}", blob, headers)
    headers["Content-Type"] = content.manifest.media_type
    _send(connection, "PUT", f"{path}/manifests/{reference.wanted}", content.manifest.body, headers)
    connection.close()


def _send(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes,
    headers: dict[str, str],
) -> str:
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    said = answer.read()
    assert answer.status in {201, 202}, (method, path, answer.status, said)
    return answer.getheader("Location", "")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment() -> dict[str, str]:
    # REGISTRY_* would override the configuration
    return {k: v for k, v in os.environ.items() if not k.startswith(("REGISTRY_", "OTEL_"))}


def _answers(host: str, process: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        connection = http.client.HTTPConnection(host, timeout=2)
        try:
            connection.request("GET", "/v2/")
            answer = connection.getresponse()
            if answer.getheader("Docker-Distribution-Api-Version") and answer.status in {200, 401}:
                return process.poll() is None
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
        finally:
            connection.close()
    return False


def _bcrypt(password: str) -> str:
    # the only hash that the program takes; Python has none, the system's crypt(3) has
    salt = "".join(secrets.choice(string.ascii_letters) for _ in range(21)) + "u"
    library = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    hashed: bytes | None = library.crypt(password.encode(), f"$2y$05${salt}".encode())
    assert hashed, "crypt(3) of this system knows no bcrypt"
    assert hashed.startswith(b"$2y$"), "crypt(3) of this system knows no bcrypt"
    return hashed.decode()
