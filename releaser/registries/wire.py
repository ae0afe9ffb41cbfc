"""Connections whose every read ends in time.

``requests`` and ``urllib3`` bound the pause between two reads, not their sum, and a server's
headers are read in ``http.client`` where nobody looks at a clock. Therefore the reader below sits
under all of them: before each read from the socket it lowers the socket's timeout to what is left
of the request's time. The time is set with :func:`until` in the thread that makes the request,
and stays with the response while its body is read.

And here names become addresses, so here it is seen where a name leads that a registry has given us:
before a connection is made, and again on the connection, should the name mean another address by
then. Connections of different :class:`~releaser.registries.hosts.Reach` are never shared.
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

from releaser import __version__
from releaser.registries.hosts import Reach, RefusedAddressError, check_reach

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


def session(deepest: Reach = Reach.MACHINE) -> requests.Session:
    """A session that many threads may use: nothing from the environment, no cookies, no retries.

    It raises :class:`~releaser.registries.hosts.RefusedAddressError` for hosts that lie deeper than
    ``deepest``, unless a proxy leads there, and for link-local ones.
    """
    made = requests.Session()
    made.trust_env = False
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    made.headers.clear()
    made.headers.update({"User-Agent": f"releaser/{__version__}", "Accept-Encoding": "identity"})
    adapter = _Adapter(deepest, pool_connections=POOL, pool_maxsize=POOL, max_retries=0)
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

    def _read_next_chunk_size(self) -> int:
        # http.client takes "-1" for a size, and then reads to the end of what may have none
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            raise ValueError
        return size


class _Http(HTTPConnection):
    response_class = _TimedResponse
    deepest = Reach.MACHINE

    def _new_conn(self) -> socket.socket:
        _look_up(self, self.deepest)
        return _checked(self, super()._new_conn(), self.deepest)


class _Https(HTTPSConnection):
    response_class = _TimedResponse
    deepest = Reach.MACHINE

    def _new_conn(self) -> socket.socket:
        _look_up(self, self.deepest)
        return _checked(self, super()._new_conn(), self.deepest)


def _look_up(connection: HTTPConnection, deepest: Reach) -> None:
    """Refuse a name that leads too deep, before anything is sent there."""
    if deepest is Reach.MACHINE or connection.proxy is not None:
        return
    for found in socket.getaddrinfo(connection.host, connection.port, type=socket.SOCK_STREAM):
        check_reach(connection.host, str(found[4][0]), deepest)


def _checked(connection: HTTPConnection, sock: socket.socket, deepest: Reach) -> socket.socket:
    """Refuse a connection that leads too deep; a proxy may be anywhere."""
    if sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return sock
    allowed = deepest if connection.proxy is None else Reach.MACHINE
    try:
        check_reach(connection.host, sock.getpeername()[0], allowed)
    except (RefusedAddressError, OSError):
        sock.close()
        raise
    return sock


def _pools(reach: Reach) -> dict[str, Any]:
    class Http(_Http):
        deepest = reach

    class Https(_Https):
        deepest = reach

    class HttpPool(HTTPConnectionPool):
        ConnectionCls = Http

    class HttpsPool(HTTPSConnectionPool):
        ConnectionCls = Https

    return {"http": HttpPool, "https": HttpsPool}


class _Adapter(HTTPAdapter):
    def __init__(self, deepest: Reach, **more: Any) -> None:  # noqa: ANN401 - as in requests
        self._classes = _pools(deepest)
        super().__init__(**more)

    def init_poolmanager(self, *sizes: int, **more: object) -> None:
        super().init_poolmanager(*sizes, **more)  # type: ignore[arg-type]
        self.poolmanager.pool_classes_by_scheme = self._classes

    def proxy_manager_for(self, proxy: str, **more: object) -> Any:  # noqa: ANN401 - as in requests
        manager = super().proxy_manager_for(proxy, **more)
        manager.pool_classes_by_scheme = self._classes
        return manager
