"""An engine on a Unix socket that answers what it is told, and breaks off where it is told."""

from __future__ import annotations

import base64
import json
import socketserver
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

VERSION = {"Version": "28.5.2", "ApiVersion": "1.51", "Os": "linux", "Arch": "amd64"}
INFO = {
    "Architecture": "x86_64",
    "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
}


@dataclass
class Answer:
    """What one request is answered with: chunks of a stream, and how it ends.

    ``end`` is ``close`` (as HTTP wants it), ``break`` (the connection goes in the middle) or
    ``hang`` (nothing more comes, until the server ends or the client goes).
    """

    chunks: tuple[bytes, ...] = ()
    status: int = 200
    end: str = "close"


@dataclass(frozen=True)
class Asked:
    """A request: its path without the version, its query, its headers and its body."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def login(self) -> object:
        """What stands in the header with the login."""
        return json.loads(base64.urlsafe_b64decode(self.headers["X-Registry-Auth"]))


def stream(*records: Mapping[str, Any], end: str = "close") -> Answer:
    """An answer of one record per chunk."""
    return Answer(tuple(json.dumps(record).encode() + b"\r\n" for record in records), end=end)


def refusal(message: str, status: int = 500) -> Answer:
    """An answer as the engine's errors are."""
    return Answer((json.dumps({"message": message}).encode(),), status)


@dataclass
class ScriptedEngine:
    """The script (the start of a path, and the answers in turn; the last one stays), and a log."""

    host: str = ""
    script: dict[str, deque[Answer]] = field(default_factory=dict)
    log: list[Asked] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def on(self, path: str, *answers: Answer) -> None:
        """Answer requests for paths that start with ``path``."""
        self.script[path] = deque(answers)

    def asked(self, path: str) -> list[Asked]:
        """The requests for paths that start with ``path``."""
        return [asked for asked in self.log if asked.path.startswith(path)]

    def answer(self, asked: Asked) -> Answer:
        """The next answer of the script."""
        self.log.append(asked)
        for path, answers in self.script.items():
            if asked.path.startswith(path):
                return answers.popleft() if len(answers) > 1 else answers[0]
        known = {"/version": VERSION, "/info": INFO}.get(asked.path)
        return Answer((json.dumps(known).encode(),)) if known else refusal("no such page", 404)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, path: str, engine: ScriptedEngine) -> None:
        self.engine = engine
        super().__init__(path, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def address_string(self) -> str:
        return "client"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        if path.startswith("/v1."):
            path = "/" + path.split("/", 2)[2]
        asked = Asked(
            self.command, path, parse_qs(parts.query), dict(self.headers.items()), self._body()
        )
        answer = self.server.engine.answer(asked)
        self.send_response(answer.status)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for chunk in answer.chunks:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                self.wfile.flush()
        except OSError:
            self.server.engine.gone.set()
            return
        self._end(answer.end)

    def _end(self, end: str) -> None:
        self.close_connection = end != "close"
        if end == "close":
            self.wfile.write(b"0\r\n\r\n")
        elif end == "hang":
            self.connection.settimeout(0.05)
            while not self.server.engine.ended.is_set():
                try:
                    if not self.connection.recv(1):
                        self.server.engine.gone.set()
                        return
                except TimeoutError:
                    continue

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body


@contextmanager
def scripted_engine() -> Iterator[ScriptedEngine]:
    """Run one; ``host`` is what goes into ``DOCKER_HOST``."""
    engine = ScriptedEngine()
    # pytest's own temporary folders may be too deep for the 107 bytes of a socket's path.
    with tempfile.TemporaryDirectory(prefix="engine-") as folder:
        path = str(Path(folder) / "s")
        engine.host = f"unix://{path}"
        with _Server(path, engine) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            try:
                yield engine
            finally:
                engine.ended.set()
                server.shutdown()
                thread.join()
