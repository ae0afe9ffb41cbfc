"""An engine on another machine, through the ``ssh`` program: ``DOCKER_HOST=ssh://user@host``.

As the Docker command line does it (docker/cli, ``cli/connhelper``): ``ssh`` runs ``docker system
dial-stdio`` over there, and HTTP is spoken over its standard input and output. docker-py's own
transport wants paramiko, which knows neither the user's agent settings nor jump hosts.
"""

from __future__ import annotations

import socket
import subprocess
import tempfile
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter
    from urllib3.connection import HTTPConnection
    from urllib3.response import HTTPResponse

CONNECT_SECONDS = 30
_MAX_COMPLAINT = 1 << 14


def ssh_command(url: str) -> list[str]:
    """The command that connects to the engine at ``ssh://[user@]host[:port]``."""
    parts = urlsplit(url)
    user = ["-l", parts.username] if parts.username else []
    port = ["-p", str(parts.port)] if parts.port else []
    options = ["-o", f"ConnectTimeout={CONNECT_SECONDS}", "-o", "BatchMode=yes", "-T"]
    return ["ssh", *options, *user, *port, "--", parts.hostname or "", *_REMOTE]


_REMOTE = ("docker", "system", "dial-stdio")


class _Tunnel:
    """A run of ``command`` with a socket at its standard input and output."""

    def __init__(self, command: list[str]) -> None:
        self._said = ""
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(CONNECT_SECONDS)
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the tunnel
        with theirs:
            self._process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._complaints,
                # An interrupt at the terminal is for us to handle, not for ssh.
                start_new_session=True,
            )

    def end(self) -> str:
        """End the program; the last line that it complained with."""
        self._process.terminate()
        self._process.wait()
        if not self._complaints.closed:
            with self._complaints:
                self._complaints.seek(0)
                lines = self._complaints.read(_MAX_COMPLAINT).decode(errors="replace").split("\n")
            self._said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return self._said


def ssh_adapter(command: list[str]) -> BaseAdapter:
    """A transport for requests whose every connection is a run of ``command``."""
    from requests.adapters import HTTPAdapter
    from urllib3 import HTTPConnectionPool

    class Pool(HTTPConnectionPool):
        def _new_conn(self) -> HTTPConnection:
            return _connection(command)

    class Adapter(HTTPAdapter):
        pool = Pool("localhost", maxsize=10)

        def get_connection_with_tls_context(self, *_args: object, **_kwargs: object) -> Pool:
            return self.pool

        def request_url(self, request: object, _proxies: object) -> str:
            return str(getattr(request, "path_url", "/"))

        def close(self) -> None:
            self.pool.close()

    return Adapter()


def _connection(command: list[str]) -> HTTPConnection:
    from http.client import HTTPException

    from urllib3.connection import HTTPConnection

    class Connection(HTTPConnection):
        tunnel: _Tunnel | None = None

        def connect(self) -> None:
            self.tunnel = _Tunnel(command)
            self.sock = self.tunnel.socket

        # typeshed has http.client's answer here, urllib3 its own.
        def getresponse(self) -> HTTPResponse:  # type: ignore[override]
            tunnel = self.tunnel
            try:
                return super().getresponse()
            except (OSError, HTTPException) as error:
                said = tunnel.end() if tunnel else ""
                raise (ConnectionError(said) if said else error) from None

        def close(self) -> None:
            super().close()
            tunnel, self.tunnel = self.tunnel, None
            if tunnel is not None:
                tunnel.end()

    return Connection("localhost")
