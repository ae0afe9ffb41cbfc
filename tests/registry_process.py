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


@contextmanager
def start_registry(
    tmp_path: Path,
    htpasswd: tuple[str, str] | None = None,
    *,
    auth: str = "",
    delete: bool = True,
) -> Iterator[str]:
    """Run a registry in ``tmp_path`` and yield ``127.0.0.1:PORT``; it ends with the context.

    ``htpasswd`` is the one user's name and password; without it everybody may do everything.
    ``auth`` is YAML to use instead: the value of the configuration's ``auth``. Manifests can be
    deleted unless ``delete`` says no. Every request is a line of ``registry-*/log`` in there.
    """
    program = shutil.which(PROGRAM)
    assert program, f"{PROGRAM} is not on PATH: install it, or run `make engine`"
    folder = tmp_path / f"registry-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    for _ in range(5):  # somebody else may take the port between our look and its use
        host = f"127.0.0.1:{_free_port()}"
        config = _config(folder, host, htpasswd, auth, delete=delete)
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [program, "serve", str(config)], stdout=log, stderr=log, env=_environment()
            )
        try:
            if _answers(host, process):
                yield host
                return
        finally:
            process.terminate()
            process.wait(10)
    raise AssertionError(f"{PROGRAM} did not start: {(folder / 'log').read_text()[-2000:]}")


def upload(
    reference: Reference, content: Image, login: tuple[str, str] | None = None, token: str = ""
) -> None:
    """Store ``content`` under ``reference``, without any code of releaser's adapters."""
    connection = http.client.HTTPConnection(reference.repository.registry, timeout=20)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if login:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()
    path = f"/v2/{reference.repository.path}"
    for child in content.children:
        upload(reference.repository.at(child.digest), child, login, token)
    for digest, blob in content.blobs.items():
        place = urlsplit(_send(connection, "POST", f"{path}/blobs/uploads/", b"", headers))
        _send(connection, "PUT", f"{place.path}?{place.query}&digest={digest}", blob, headers)
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


def _config(
    folder: Path, host: str, htpasswd: tuple[str, str] | None, auth: str, *, delete: bool
) -> Path:
    if htpasswd:
        users = folder / "htpasswd"
        users.write_text(f"{htpasswd[0]}:{_bcrypt(htpasswd[1])}\n")
        auth = f'{{htpasswd: {{realm: registry, path: "{users}"}}}}'
    config = folder / "config.yml"
    data = folder / "data"
    config.write_text(
        "version: 0.1\n"
        "log: {level: warn}\n"
        f'storage: {{filesystem: {{rootdirectory: "{data}"}},'
        f" delete: {{enabled: {str(delete).lower()}}}}}\n"
        f'http: {{addr: "{host}", secret: test}}\n' + (f"auth: {auth}\n" if auth else "")
    )
    return config


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
