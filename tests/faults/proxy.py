"""A proxy before a real registry, which does as it is told until a rule says otherwise.

Bodies flow through in pieces, both ways. A rule's action gets the :class:`Exchange` and does with
it what it likes: answers itself, lets the registry answer, changes the answer on its way, or breaks
the connection. Every request is in the log, with the time at which it came.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.faults.exchange import Entry, Exchange, GoneError

CLIENT_HELLO = b"\x16"
NOT_TLS = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nthis is no TLS\n"

Action = Callable[[Exchange], None]


@dataclass
class Rule:
    """Which requests an action takes over: ``times`` of them (``None``: all) after ``skip``."""

    method: str
    path: re.Pattern[str]
    action: Action
    times: int | None
    skip: int
    used: bool = False

    def takes(self, entry: Entry) -> bool:
        """Whether the request is this rule's; what it lets pass or takes is counted."""
        if self.times == 0 or not re.fullmatch(self.method, entry.method):
            return False
        if not self.path.search(entry.path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times = None if self.times is None else self.times - 1
        self.used = True
        return True


@dataclass
class Proxy:
    """The rules and the log of a proxy at ``host``, before the registry at ``upstream``.

    ``routes`` leads paths that begin so elsewhere (a token service). ``clock`` is what the log's
    times are taken from.
    """

    upstream: str
    host: str = ""
    scheme: str = "http"
    routes: dict[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    log: list[Entry] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    refusing: bool = False
    """Whether connections are closed as soon as they are made."""
    hellos: int = 0
    """How many clients tried to speak TLS to a proxy that does not."""
    connections: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    closing: threading.Event = field(default_factory=threading.Event)

    def rule(
        self, method: str, path: str, action: Action, *, times: int | None = 1, skip: int = 0
    ) -> None:
        """Give the next ``times`` requests that match, after ``skip`` others, to ``action``."""
        with self.lock:
            self.rules.append(Rule(method, re.compile(path), action, times, skip))

    def calm(self) -> None:
        """Forget all rules and what was logged: from now on it is a good proxy."""
        with self.lock:
            self.rules.clear()
            self.log.clear()
            self.refusing = False

    def asked(self, method: str = ".*", path: str = "") -> list[Entry]:
        """The requests so far that match."""
        with self.lock:
            found = list(self.log)
        return [e for e in found if re.fullmatch(method, e.method) and re.search(path, e.path)]

    def upstream_of(self, path: str) -> str:
        """The host that a path leads to."""
        return next(
            (h for start, h in self.routes.items() if path.startswith(start)), self.upstream
        )

    def take(self, exchange: Exchange) -> None:
        """Log a request and let it be answered."""
        with self.lock:
            self.log.append(exchange.entry)
            rule = next((rule for rule in self.rules if rule.takes(exchange.entry)), None)
        if rule is None:
            exchange.forward()
        else:
            exchange.entry.ruled = True
            rule.action(exchange)


@contextmanager
def start_proxy(upstream: str, *, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """Run a proxy before ``upstream`` on a free port of this machine, behind ``tls`` if given."""
    proxy = Proxy(upstream, scheme="https" if tls else "http")
    server = _server(proxy, tls)
    proxy.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def server_bind(self) -> None:
        # A client must notice that a line is narrow, and not fill our memory instead.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        super().server_bind()

    def handle_error(self, *_: object) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    """Gives each request of a connection to the proxy."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: Proxy
    tls: ssl.SSLContext | None = None

    def setup(self) -> None:
        self.request.settimeout(60)
        if self.tls and not self.proxy.refusing:
            self.request = self.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self) -> None:
        self.proxy.connections += 1
        with suppress(OSError, GoneError):
            if not self.proxy.refusing and not self._is_hello():
                super().handle()

    def _is_hello(self) -> bool:
        """Whether the client speaks TLS to us, who do not; it is then told so."""
        if self.tls or self.connection.recv(1, socket.MSG_PEEK) != CLIENT_HELLO:
            return False
        self.proxy.hellos += 1
        self.connection.sendall(NOT_TLS)
        return True

    def _any(self) -> None:
        if self.proxy.refusing:
            self.close_connection = True
            return
        entry = Entry(self.command, self.path, self.headers, self.proxy.clock())
        exchange = Exchange(entry, self, self.proxy)
        with suppress(OSError, http.client.HTTPException, GoneError):
            self.proxy.take(exchange)
        if not exchange.finished:
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


def _server(proxy: Proxy, tls: ssl.SSLContext | None) -> _Server:
    handler = type("Handler", (_Handler,), {"proxy": proxy, "tls": tls})
    return _Server(("127.0.0.1", 0), handler)
