"""Connections whose every read ends in time.

``requests`` and ``urllib3`` bound the pause between two reads, not their sum, and a server's
headers are read in ``http.client`` where nobody looks at a clock. Therefore the reader below sits
under all of them: before each read from the socket it lowers the socket's timeout to what is left
of the request's time. The time is set with :func:`until` in the thread that makes the request,
and stays with the response while its body is read.
"""

from __future__ import annotations

import http.client
import io
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from releaser import __version__
from releaser.registries.hosts import is_link_local

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

POOL = 32

_deadline = threading.local()


@contextmanager
def until(end: float) -> Iterator[None]:
    """Let every response that begins in this thread end before ``end`` (of the monotonic clock)."""
    _deadline.value = end
    try:
        yield
    finally:
        del _deadline.value


def session() -> requests.Session:
    """A session that many threads may use: nothing from the environment, no cookies, no retries."""
    made = requests.Session()
    made.trust_env = False
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    made.headers.clear()
    made.headers.update({"User-Agent": f"releaser/{__version__}", "Accept-Encoding": "identity"})
    adapter = _Adapter(pool_connections=POOL, pool_maxsize=POOL, max_retries=0)
    made.mount("http://", adapter)
    made.mount("https://", adapter)
    return made


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self._sock = sock
        self._idle = sock.gettimeout()
        self._raw = sock.makefile("rb", buffering=0)
        self._end: float | None = getattr(_deadline, "value", None)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        while True:
            unsent = _unsent(self._sock)
            self._limit()
            try:
                return self._raw.readinto(buffer)
            except TimeoutError:
                # Megabytes of a request may still be in the system's buffer: while these get
                # fewer, a narrow line is busy and nobody is silent.
                if _unsent(self._sock) >= unsent:
                    raise
                self._raw = self._sock.makefile("rb", buffering=0)

    def _limit(self) -> None:
        """Let the next read end in time."""
        if self._end is not None:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimeoutError("the whole exchange took too long")
            self._sock.settimeout(left if self._idle is None else min(left, self._idle))

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


def _unsent(sock: socket.socket) -> int:
    """The bytes that the other side has not taken yet; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    import fcntl
    import termios

    try:
        answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int.from_bytes(answer, sys.byteorder)


class _TimedSocket:
    """What ``http.client.HTTPResponse`` needs of a socket: a file to read from."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock))


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None) -> None:
        super().__init__(_TimedSocket(sock), debuglevel, method)  # type: ignore[arg-type]


def _checked(connection: HTTPConnection, sock: socket.socket) -> socket.socket:
    # looked at after the name was resolved, so that no name can lead to a cloud's metadata service
    if sock.family in {socket.AF_INET, socket.AF_INET6} and is_link_local(sock.getpeername()[0]):
        sock.close()
        raise NewConnectionError(connection, "its address is link-local")
    return sock


class _Http(HTTPConnection):
    response_class = _TimedResponse

    def _new_conn(self) -> socket.socket:
        return _checked(self, super()._new_conn())


class _Https(HTTPSConnection):
    response_class = _TimedResponse

    def _new_conn(self) -> socket.socket:
        return _checked(self, super()._new_conn())


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


_POOLS = {"http": _HttpPool, "https": _HttpsPool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *sizes: int, **more: object) -> None:
        super().init_poolmanager(*sizes, **more)  # type: ignore[arg-type]
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **more: object) -> Any:  # noqa: ANN401 - as in requests
        manager = super().proxy_manager_for(proxy, **more)
        manager.pool_classes_by_scheme = _POOLS
        return manager
