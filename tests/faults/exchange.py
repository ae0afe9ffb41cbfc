"""One request on its way through the proxy, and its answer."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler
from typing import Protocol

from tests.registry_server import Reply

PIECE = 64 * 1024
_OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade"})

Pieces = Iterable[bytes]
Change = Callable[[Iterator[bytes]], Iterator[bytes]]


class GoneError(Exception):
    """The client's connection was broken off on purpose, or by the client."""


@dataclass
class Entry:
    """A request in the log: ``at`` is when it came, ``status`` what it was answered, if anything.

    ``ruled`` tells whether a rule took it over.
    """

    method: str
    path: str
    headers: Message
    at: float
    status: int | None = None
    ruled: bool = False

    @property
    def repository(self) -> str:
        """The path of the repository that a manifest is asked for in."""
        return self.path.partition("/manifests/")[0].removeprefix("/v2/")

    @property
    def tag(self) -> str:
        """The tag or the digest that a manifest is asked for by."""
        return self.path.partition("/manifests/")[2].partition("?")[0]


class Surroundings(Protocol):
    """What an exchange needs of its proxy."""

    scheme: str
    closing: threading.Event

    def upstream_of(self, path: str) -> str:
        """The host that a path leads to."""


class Exchange:
    """A request under way; every action ends with one of its methods."""

    def __init__(self, entry: Entry, handler: BaseHTTPRequestHandler, proxy: Surroundings) -> None:
        self.entry = entry
        self.proxy = proxy
        self.finished = False
        self._handler = handler
        self._body = _body(handler)

    def forward(self, *, request: Change = iter, response: Change = iter) -> None:
        """Let the registry answer; both bodies may be changed on their way."""
        with closing(self._connection()) as upstream:
            answer = self._ask(upstream, request)
            headers = [
                (k, v) for k, v in answer.getheaders() if k.lower() not in _OF_THE_CONNECTION
            ]
            chunked = answer.getheader("Content-Length") is None
            self._head(answer.status, headers, chunked=chunked)
            if self.entry.method != "HEAD":
                self._send(response(_pieces(answer)), chunked=chunked)
        self.finished = True

    def served(self) -> Reply:
        """Let the registry do what is asked; what it would answer."""
        with closing(self._connection()) as upstream:
            answer = self._ask(upstream, iter)
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in _OF_THE_CONNECTION}
            return Reply(answer.status, kept, answer.read())

    def reply(self, reply: Reply, *, drain: bool = True, promised: int | None = None) -> None:
        """Answer without the registry; ``promised`` is a ``Content-Length`` that is not true."""
        if drain:
            self.drain()
        size = len(reply.body) if promised is None else promised
        headers = {"Content-Length": str(size), **reply.headers}
        self._head(reply.status, list(headers.items()), chunked=False)
        if self.entry.method != "HEAD":
            self._handler.wfile.write(reply.body)
        self.finished = drain and promised is None

    def keep(self) -> None:
        """Read the request's body and keep it, to be sent on later."""
        self._body = iter([b"".join(self._body)])

    def drain(self) -> None:
        """Read what is left of the request's body."""
        for _ in self._body:
            pass

    def read(self, size: int) -> None:
        """Read about so many bytes of the request's body, and no more."""
        for piece in self._body:
            size -= len(piece)
            if size <= 0:
                return

    def close(self) -> None:
        """Close the connection instead of answering."""
        self._handler.connection.shutdown(socket.SHUT_RDWR)
        raise GoneError

    def reset(self) -> None:
        """Reset the connection (RST) instead of answering."""
        linger = struct.pack("ii", 1, 0)
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._handler.connection.close()
        raise GoneError

    def wait(self, seconds: float) -> None:
        """Do nothing for so long, or until the proxy ends."""
        self.proxy.closing.wait(seconds)

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.proxy.upstream_of(self.entry.path), timeout=60)

    def _ask(
        self, upstream: http.client.HTTPConnection, change: Change
    ) -> http.client.HTTPResponse:
        # The client's own Host goes along, so that every Location keeps it on the proxy.
        upstream.putrequest(
            self.entry.method, self.entry.path, skip_host=True, skip_accept_encoding=True
        )
        for name, value in self.entry.headers.items():
            if name.lower() not in {"connection", "expect"}:
                upstream.putheader(name, value)
        upstream.putheader("X-Forwarded-Proto", self.proxy.scheme)
        upstream.endheaders()
        chunked = _chunked(self.entry.headers)
        for piece in change(self._body):
            upstream.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            upstream.send(b"0\r\n\r\n")
        return upstream.getresponse()

    def _head(self, status: int, headers: Iterable[tuple[str, str]], *, chunked: bool) -> None:
        self.entry.status = status
        self._handler.send_response_only(status)
        for name, value in headers:
            self._handler.send_header(name, value)
        if chunked and status not in {204, 304}:
            self._handler.send_header("Transfer-Encoding", "chunked")
        self._handler.end_headers()

    def _send(self, pieces: Pieces, *, chunked: bool) -> None:
        write = self._handler.wfile.write
        for piece in pieces:
            write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked and self.entry.status not in {204, 304}:
            write(b"0\r\n\r\n")


def _chunked(headers: Message) -> bool:
    return "chunked" in (headers.get("Transfer-Encoding") or "").lower()


def _body(handler: BaseHTTPRequestHandler) -> Iterator[bytes]:
    """What the client sends, in pieces, without the framing of chunks."""
    if _chunked(handler.headers):
        while size := int(handler.rfile.readline(100).split(b";")[0] or b"0", 16):
            yield handler.rfile.read(size)
            handler.rfile.readline(100)
        handler.rfile.readline(100)
        return
    left = int(handler.headers.get("Content-Length") or 0)
    while left:
        piece = handler.rfile.read1(min(left, PIECE))
        if not piece:
            raise GoneError
        left -= len(piece)
        yield piece


def _pieces(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while piece := answer.read1(PIECE):
        yield piece
