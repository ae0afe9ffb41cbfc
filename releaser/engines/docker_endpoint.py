"""Which engine the Docker command line would talk to, and how.

The order is that of ``docker``: ``DOCKER_HOST``, ``DOCKER_CONTEXT``, ``currentContext`` of
``config.json``, the default socket (https://docs.docker.com/engine/manage-resources/contexts/).
docker-py's own reading of contexts is not used: it looks beside ``config.json`` only where that
exists, and a context that is gone silently becomes the default one.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from releaser.errors import SetupError
from releaser.logins.config import DockerConfig, broken, parse_object, read_bounded

DEFAULT_HOST = (
    "npipe:////./pipe/docker_engine" if sys.platform == "win32" else "unix:///var/run/docker.sock"
)
_SCHEMES = ("unix", "tcp", "http", "https", "ssh", "npipe")


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificates for an engine behind TLS; ``verify`` asks it for one that ``ca`` has signed."""

    ca: Path | None
    certificate: Path | None
    key: Path | None
    verify: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An engine's address, where it was set (``DOCKER_HOST``, ``context desktop``), and its TLS."""

    url: str
    origin: str
    tls: Tls | None = None

    @property
    def scheme(self) -> str:
        """``unix``, ``tcp``, ``ssh`` and so on."""
        return self.url.partition("://")[0]


def find_endpoint(environment: Mapping[str, str], config: DockerConfig) -> Endpoint:
    """The engine that ``environment`` and ``config`` point to.

    Raises:
        SetupError: the address makes no sense, or the context does not exist.
    """
    host = environment.get("DOCKER_HOST")
    if host:
        return _checked(Endpoint(host.strip(), "DOCKER_HOST", _tls_of(environment, config)))
    for name, origin in (
        (environment.get("DOCKER_CONTEXT"), "DOCKER_CONTEXT"),
        (config.context, str(config.file)),
    ):
        if name == "default":
            break
        if name:
            return _checked(_context(name, origin, config))
    return Endpoint(DEFAULT_HOST, "the default")


def _tls_of(environment: Mapping[str, str], config: DockerConfig) -> Tls | None:
    verify = bool(environment.get("DOCKER_TLS_VERIFY"))
    if not verify and not environment.get("DOCKER_TLS"):
        return None
    given = environment.get("DOCKER_CERT_PATH")
    folder = Path(given) if given else config.folder
    return _tls_in(folder, verify=verify)


def _tls_in(folder: Path, *, verify: bool) -> Tls:
    found = {name: folder / f"{name}.pem" for name in ("ca", "cert", "key")}
    ca, certificate, key = (file if file.is_file() else None for file in found.values())
    if (certificate is None) != (key is None):
        missing = found["key"] if certificate else found["cert"]
        raise SetupError(
            f"the certificate for the Docker engine is incomplete: {missing} is missing",
            hint="set DOCKER_CERT_PATH to a folder with ca.pem, cert.pem and key.pem",
        )
    return Tls(ca, certificate, key, verify)


def _context(name: str, origin: str, config: DockerConfig) -> Endpoint:
    identity = hashlib.sha256(name.encode()).hexdigest()
    file = config.folder / "contexts" / "meta" / identity / "meta.json"
    text = read_bounded(file)
    if text is None:
        raise SetupError(
            f'the Docker context "{name}" does not exist',
            details=(("set by", origin),),
            hint="see docker context ls, then docker context use NAME",
        )
    settings = _docker_settings(file, parse_object(file, text))
    folder = config.folder / "contexts" / "tls" / identity / "docker"
    tls = _tls_in(folder, verify=not settings.get("SkipTLSVerify")) if folder.is_dir() else None
    return Endpoint(str(settings.get("Host") or DEFAULT_HOST), f"context {name}", tls)


def _docker_settings(file: Path, data: dict[str, Any]) -> dict[str, Any]:
    endpoints = data.get("Endpoints")
    settings = endpoints.get("docker") if isinstance(endpoints, dict) else None
    if not isinstance(settings, dict):
        raise broken(file, "the context has no Docker endpoint")
    return settings


def _checked(endpoint: Endpoint) -> Endpoint:
    """The endpoint with what Docker adds: the scheme and the port of ``tcp``."""
    url = endpoint.url if "://" in endpoint.url else f"tcp://{endpoint.url}"
    scheme = url.partition("://")[0]
    if scheme not in _SCHEMES:
        raise _senseless(endpoint, f"{scheme}:// is not a way to an engine")
    if scheme in ("unix", "npipe"):
        return replace(endpoint, url=url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _senseless(endpoint, "the host or the port is malformed") from None
    if parts.password or not host or host.startswith("-"):
        raise _senseless(endpoint, "it is not scheme://host:port, or holds a password")
    if scheme == "tcp" and port is None:
        url = f"{url.rstrip('/')}:{2376 if endpoint.tls else 2375}"
    return replace(endpoint, url=url)


def _senseless(endpoint: Endpoint, cause: str) -> SetupError:
    return SetupError(
        "the address of the Docker engine makes no sense",
        details=(("set by", endpoint.origin), ("cause", cause)),
        hint="write unix:///var/run/docker.sock, tcp://host:port or ssh://user@host",
    )
