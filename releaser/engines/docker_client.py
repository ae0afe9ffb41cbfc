"""Connecting to the Docker Engine that the environment points to."""

from __future__ import annotations

import base64
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from releaser.core.facts import EngineFacts
from releaser.engines import docker_answers
from releaser.engines.docker_auth import AuthConfig, auth_config
from releaser.engines.docker_endpoint import Endpoint, Tls, find_endpoint
from releaser.engines.docker_errors import translated
from releaser.engines.docker_ssh import ssh_adapter, ssh_command
from releaser.engines.docker_stream import Record, Transfer, records_of
from releaser.errors import ReleaserError, SetupError
from releaser.logins.config import DockerConfig, load_config
from releaser.logins.finding import DockerLogins
from releaser.logins.login import Logins

if TYPE_CHECKING:
    import docker
    import requests
    from docker.errors import APIError
    from docker.tls import TLSConfig

CONNECT_SECONDS = 30
CALL_SECONDS = 60
_OLDEST = "1.24"
_MAX_ERROR = 1 << 16
_MAX_ANSWER = 1 << 20


def connect(
    environment: Mapping[str, str], config: DockerConfig | None = None
) -> docker.DockerClient:
    """A client of the engine that the Docker command line would use, which has just answered.

    Raises:
        SetupError: no engine answers, or what points to it is broken.
    """
    config = config or load_config(environment)
    endpoint = find_endpoint(environment, config)
    with translated(f"no Docker engine answers at {endpoint.url}", _unreachable(endpoint)):
        client = _client(endpoint)
    client.api.headers.update(config.headers)
    return client


def _client(endpoint: Endpoint) -> docker.DockerClient:
    import docker

    ssh = endpoint.scheme == "ssh"
    settings: dict[str, Any] = {
        # The socket is never opened: the transport is exchanged below.
        "base_url": "unix:///ssh" if ssh else endpoint.url,
        "timeout": CONNECT_SECONDS,
        "tls": _tls(endpoint.tls) if endpoint.tls and not ssh else False,
    }
    probe = docker.APIClient(version=_OLDEST, **settings)
    if ssh:
        probe.mount(probe.base_url, ssh_adapter(ssh_command(endpoint.url)))
    _trust_nothing_else(probe)
    client = docker.DockerClient(version=_version(probe), **settings)
    client.api.mount(probe.base_url, probe.get_adapter(probe.base_url))
    _trust_nothing_else(client.api)
    client.api.timeout = CALL_SECONDS
    return client


def _version(probe: docker.APIClient) -> str:
    return docker_answers.api_version(probe.version(api_version=False))


def _trust_nothing_else(session: requests.Session) -> None:
    """Keep proxies; but no ``.netrc``, and no ``REQUESTS_CA_BUNDLE`` that outdoes the engine's CA.

    The latter is https://github.com/psf/requests/issues/3829.
    """
    import requests.utils

    base = str(getattr(session, "base_url", ""))
    if base.startswith(("http://", "https://")):
        session.proxies.update(requests.utils.get_environ_proxies(base))
    session.trust_env = False


def _tls(tls: Tls) -> TLSConfig:
    from docker.tls import TLSConfig

    pair = (str(tls.certificate), str(tls.key)) if tls.certificate and tls.key else None
    authority = str(tls.ca) if tls.ca else None
    return TLSConfig(client_cert=pair, ca_cert=authority, verify=tls.verify)


def _unreachable(endpoint: Endpoint) -> Callable[[str, str, BaseException], ReleaserError]:
    def making(doing: str, cause: str, _error: BaseException) -> ReleaserError:
        details = (("cause", cause), ("set by", endpoint.origin))
        return SetupError(doing, details=details, hint=_hint(endpoint, cause))

    return making


def _hint(endpoint: Endpoint, cause: str) -> str:
    if cause == "permission denied":
        return "let your user reach it: sudo usermod -aG docker $USER, then log in again"
    if "API versions below" in cause:
        return f"upgrade the engine: the oldest API that is spoken here is {_OLDEST}"
    if endpoint.scheme == "ssh":
        host = endpoint.url.removeprefix("ssh://")
        return f"check that ssh {host} docker version works without a password"
    if endpoint.scheme != "unix" and ("ssl" in cause.lower() or "https" in cause.lower()):
        return "set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH as the engine wants them"
    return "start it, or point to another one: DOCKER_HOST, or docker context use NAME"


class Connection:
    """The engine that an environment points to; connected when it is first used.

    Made once and shared by all that talk to the engine; usable from several threads. ``logins`` are
    Docker's in that environment by default.
    """

    def __init__(self, environment: Mapping[str, str], logins: Logins | None = None) -> None:
        self._environment = dict(environment)
        self._logins = logins or DockerLogins(environment)
        self._lock = threading.Lock()
        self._client: docker.DockerClient | None = None
        self._config: DockerConfig | None = None

    @property
    def config(self) -> DockerConfig:
        """Docker's settings; raises :class:`SetupError` where they are broken."""
        with self._lock:
            return self._load()

    @property
    def client(self) -> docker.DockerClient:
        """The client; raises :class:`SetupError` where no engine answers."""
        with self._lock:
            if self._client is None:
                self._client = connect(self._environment, self._load())
            return self._client

    def facts(self) -> EngineFacts:
        """What the engine says of itself; foreign exceptions come through."""
        version: object = self.client.version()
        info: object = self.client.info()
        return EngineFacts(
            docker_answers.release(version),
            str(docker_answers.platform(version, info)),
            docker_answers.containerd_store(info),
            self._free(docker_answers.root_folder(info)),
        )

    def _free(self, root: str) -> int | None:
        """The bytes left on the engine's disk, where that is a disk of this machine."""
        url = self.client.api.base_url
        if not url.startswith("http+docker://") or "ssh" in url:
            return None
        try:
            return shutil.disk_usage(root).free if root else None
        except OSError:  # Docker Desktop's is in a machine of its own
            return None

    def login(self, registry: str) -> AuthConfig:
        """The login for a registry, empty where there is none; raises :class:`SetupError`."""
        return auth_config(registry, self._logins.of(registry))

    def get(self, path: str, *, headers: Mapping[str, str], seconds: float) -> Any:  # noqa: ANN401
        """The JSON behind ``path`` of the engine's API; foreign exceptions come through."""
        url = self._url(path)
        timeout = (CONNECT_SECONDS, seconds)
        response = self.client.api.get(url, headers=dict(headers), timeout=timeout, stream=True)
        with response:
            if response.status_code != 200:
                raise _refusal(response)
            return json.loads(_read(response, _MAX_ANSWER))

    @contextmanager
    def stream(
        self,
        path: str,
        transfer: Transfer,
        *,
        params: Mapping[str, Any],
        headers: Mapping[str, str],
        seconds: float,
        data: Iterator[bytes] | None = None,
    ) -> Iterator[Iterator[Record]]:
        """POST to ``path`` of the engine's API and read the records of its answer.

        ``seconds`` may pass between two records. Foreign exceptions come through.
        """
        response = self.client.api.post(
            self._url(path),
            data=data,
            params=dict(params),
            headers=dict(headers),
            timeout=(CONNECT_SECONDS, seconds),
            stream=True,
            allow_redirects=False,
        )
        with transfer.reading(response):
            if response.status_code != 200:
                raise _refusal(response)
            yield records_of(response)

    def _url(self, path: str) -> str:
        api = self.client.api
        return f"{api.base_url}/v{api.api_version}{quote(path, safe='/:@')}"

    def _load(self) -> DockerConfig:
        if self._config is None:
            self._config = load_config(self._environment)
        return self._config


def header_value(value: Mapping[str, Any]) -> str:
    """A login, or several, as the engine's API wants them in a header: base64url of JSON."""
    return base64.urlsafe_b64encode(json.dumps(dict(value)).encode()).decode()


def _read(response: requests.Response, limit: int) -> bytes:
    body = b""
    for chunk in response.iter_content(limit):
        body += chunk
        if len(body) >= limit:
            break
    return body


def _refusal(response: requests.Response) -> APIError:
    """The engine's refusal as docker-py's exception, read no further than 64 KiB."""
    from docker.errors import APIError

    body = _read(response, _MAX_ERROR)
    try:
        message = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        message = body.decode(errors="replace") or f"HTTP status {response.status_code}"
    return APIError(message, response=response, explanation=message)
