"""A registry over HTTP, in memory, that misbehaves as it is told.

It does what the distribution API says until a rule takes a request over. A rule's action gets the
:class:`Exchange`: it may answer on its own, break the connection, or first let the registry do what
was asked (``exchange.served()``), as when an acknowledgement gets lost on its way.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from releaser.core.oci import Reference, Repository
from tests.fakes.registry import Image

API = {"Docker-Distribution-Api-Version": "registry/2.0"}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Message
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Exchange:
    """One request under way."""

    request: Request
    server: ScriptedRegistry
    connection: socket.socket

    def served(self) -> Reply:
        """Let the registry do what is asked; what it would answer."""
        return self.server.serve(self.request)


Action = Callable[[Exchange], Reply | None]
"""Returns what to answer, or ``None`` where the connection is to be closed."""


@dataclass
class Rule:
    method: str
    path: re.Pattern[str]
    action: Action
    times: int | None
    skip: int


class ScriptedRegistry:
    """The state, the rules and the log of all requests; ``connections`` counts sockets.

    It knows everything that version 1.1 of the distribution specification has: it lists referrers
    (two on a page) and deletes tags by their names.
    """

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.uploads = 0
        self.log: list[Request] = []
        self.connections = 0
        self.rules: list[Rule] = []
        self.host = ""
        self._lock = threading.RLock()

    def rule(
        self, method: str, path: str, action: Action, *, times: int | None = 1, skip: int = 0
    ) -> None:
        """Give the next ``times`` requests that match, after ``skip`` others, to ``action``."""
        self.rules.append(Rule(method, re.compile(path), action, times, skip))

    def repository(self, path: str = "app") -> Repository:
        return Repository(self.host, path)

    def seed(self, reference: Reference, content: Image) -> None:
        for child in content.children:
            self.seed(reference.repository.at(child.digest), child)
        self.blobs.update({str(d): blob for d, blob in content.blobs.items()})
        kind = content.manifest.media_type
        for name in {reference.wanted, str(content.digest)}:
            self.manifests[reference.repository.path, name] = (kind, content.manifest.body)

    def asked(self, method: str, path: str = "") -> list[Request]:
        """The requests so far that match."""
        return [r for r in self.log if r.method == method and re.search(path, r.path)]

    def handle(self, exchange: Exchange) -> Reply | None:
        with self._lock:
            self.log.append(exchange.request)
            action = self._matching(exchange.request)
        return action(exchange) if action else self.serve(exchange.request)

    def serve(self, request: Request) -> Reply:
        with self._lock:
            reply = self._serve(request)
        return Reply(reply.status, {**API, **reply.headers}, reply.body)

    def _matching(self, request: Request) -> Action | None:
        for rule in self.rules:
            fits = rule.method in {request.method, "*"} and rule.path.search(request.path)
            if not fits or rule.times == 0:
                continue
            if rule.skip:
                rule.skip -= 1
                continue
            rule.times = None if rule.times is None else rule.times - 1
            return rule.action
        return None

    def _serve(self, request: Request) -> Reply:
        path = urlsplit(request.path).path
        for pattern, serve in (
            (r"/v2/(.+)/manifests/([^/]+)", self._manifest),
            (r"/v2/(.+)/blobs/uploads/(.*)", self._upload),
            (r"/v2/(.+)/blobs/([^/]+)", self._blob),
            (r"/v2/(.+)/tags/(list)", self._tags),
            (r"/v2/(.+)/referrers/([^/]+)", self._referrers),
        ):
            if match := re.fullmatch(pattern, path):
                return serve(request, match[1], match[2])
        return Reply(404)

    def _manifest(self, request: Request, name: str, wanted: str) -> Reply:
        if request.method == "PUT":
            digest = "sha256:" + hashlib.sha256(request.body).hexdigest()
            for key in {wanted, digest}:
                self.manifests[name, key] = (request.headers["Content-Type"], request.body)
            return Reply(201, {"Docker-Content-Digest": digest, "Location": "/"})
        found = self.manifests.get((name, wanted))
        if found is None:
            return error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        if request.method == "DELETE":
            gone = found if ":" in wanted else None
            same = [at for at, one in self.manifests.items() if at[0] == name and one == gone]
            for at in same:
                del self.manifests[at]
            self.manifests.pop((name, wanted), None)
            return Reply(202)
        digest = "sha256:" + hashlib.sha256(found[1]).hexdigest()
        return Reply(200, {"Content-Type": found[0], "Docker-Content-Digest": digest}, found[1])

    def _upload(self, request: Request, name: str, _: str) -> Reply:
        query = parse_qs(urlsplit(request.path).query)
        if request.method == "POST":
            if query.get("mount", [""])[0] in self.blobs:
                return Reply(201, {"Location": "/"})
            self.uploads += 1
            return Reply(202, {"Location": f"/v2/{name}/blobs/uploads/{self.uploads}?state=x"})
        if request.method == "DELETE":
            return Reply(204)
        if "sha256:" + hashlib.sha256(request.body).hexdigest() != query["digest"][0]:
            return error(400, "DIGEST_INVALID", "digest invalid")
        self.blobs[query["digest"][0]] = request.body
        return Reply(201, {"Location": "/"})

    def _blob(self, _: Request, __: str, digest: str) -> Reply:
        found = self.blobs.get(digest)
        return error(404, "BLOB_UNKNOWN", "") if found is None else Reply(200, {}, found)

    def _referrers(self, request: Request, name: str, subject: str) -> Reply:
        listed = []
        for (path, key), (kind, body) in sorted(self.manifests.items()):
            content = json.loads(body)
            if path == name and ":" in key and content.get("subject", {}).get("digest") == subject:
                listed.append({"mediaType": kind, "digest": key, "size": len(body)})
        first = int(parse_qs(urlsplit(request.path).query).get("from", ["0"])[0])
        index = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": listed[first : first + 2],
        }
        more = first + 2 < len(listed)
        link = {"Link": f'</v2/{name}/referrers/{subject}?from={first + 2}>; rel="next"'}
        return document(200, index, **(link if more else {}))

    def _tags(self, _: Request, name: str, __: str) -> Reply:
        tags = [tag for path, tag in self.manifests if path == name and ":" not in tag]
        if not any(path == name for path, _ in self.manifests):
            return error(404, "NAME_UNKNOWN", "repository name not known to registry")
        return document(200, {"name": name, "tags": tags})


def document(status: int, content: object, **headers: str) -> Reply:
    """A JSON answer."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    kind = {"Content-Type": "application/json", **names}
    return Reply(status, kind, json.dumps(content).encode())


def error(status: int, code: str, message: str, **headers: str) -> Reply:
    """A registry's error."""
    return document(status, {"errors": [{"code": code, "message": message}]}, **headers)


def answer(status: int, body: bytes = b"", **headers: str) -> Action:
    """Answer without doing what was asked."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Reply(status, names, body)


def say(reply: Reply) -> Action:
    """Answer with ``reply`` without doing what was asked."""
    return lambda _: reply


def after(action: Action) -> Action:
    """Do what was asked, and then misbehave."""

    def both(exchange: Exchange) -> Reply | None:
        exchange.served()
        return action(exchange)

    return both


def close(_: Exchange) -> None:
    """Close the connection instead of answering."""


def reset(exchange: Exchange) -> None:
    """Reset the connection (RST) instead of answering."""
    linger = struct.pack("ii", 1, 0)
    exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def raw(*pieces: bytes, pause: float = 0.0) -> Action:
    """Send bytes as they are, with a pause in seconds after each piece, and close."""

    def act(exchange: Exchange) -> None:
        for piece in pieces:
            try:
                exchange.connection.sendall(piece)
            except OSError:
                return
            threading.Event().wait(pause)

    return act


@contextmanager
def scripted_registry(tls: ssl.SSLContext | None = None) -> Iterator[ScriptedRegistry]:
    """Run a :class:`ScriptedRegistry` on a free port of this machine, behind ``tls`` if given."""
    state = ScriptedRegistry()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            state.connections += 1

        def _any(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            request = Request(self.command, self.path, self.headers, self.rfile.read(size))
            reply = state.handle(Exchange(request, state, self.connection))
            if reply is None:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in reply.headers:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _any  # noqa: N815 - as the library has it

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    state.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
