"""A token service for a registry: signs what it is asked for, for who gives the right password.

The tokens are those of the distribution project's "Token Authentication Specification", signed by
the ``openssl`` program with a key made for the purpose.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

ISSUER = "a test"
SERVICE = "a registry"


@dataclass
class TokenService:
    """``url`` is the realm, ``login`` who may write; everybody may read."""

    folder: Path
    login: tuple[str, str]
    url: str = ""

    @property
    def auth(self) -> str:
        """The value of ``auth`` in a registry's configuration."""
        bundle = self.folder / "certificate.pem"
        return (
            f'{{token: {{realm: "{self.url}", service: "{SERVICE}", issuer: "{ISSUER}",'
            f' rootcertbundle: "{bundle}"}}}}'
        )

    def token(self, scopes: list[str], *, everything: bool) -> str:
        """A token for ``scopes``, reduced to reading where ``everything`` is not allowed."""
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            granted = [a for a in actions.split(",") if everything or a == "pull"]
            access.append({"type": kind, "name": name, "actions": granted})
        now = int(time.time())
        head = {"typ": "JWT", "alg": "RS256", "kid": self._key_id()}
        claims = {
            "iss": ISSUER, "sub": "", "aud": SERVICE, "exp": now + 300, "nbf": now - 10,
            "iat": now, "jti": secrets.token_hex(8), "access": access,
        }  # fmt: skip
        text = f"{_encoded(json.dumps(head).encode())}.{_encoded(json.dumps(claims).encode())}"
        return (
            f"{text}.{_encoded(self._openssl('dgst', '-sha256', '-sign', 'key.pem', given=text))}"
        )

    def make_key(self) -> None:
        self._openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-days", "2",
            "-keyout", "key.pem", "-out", "certificate.pem",
        )  # fmt: skip

    def _key_id(self) -> str:
        # libtrust's name of a key: its DER's hash, 240 bits, base32, in groups of four
        der = self._openssl("rsa", "-in", "key.pem", "-pubout", "-outform", "DER")
        text = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode()
        return ":".join(text[n : n + 4] for n in range(0, len(text), 4))

    def _openssl(self, *arguments: str, given: str = "") -> bytes:
        return subprocess.run(
            ["openssl", *arguments],
            input=given.encode(),
            cwd=self.folder,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=60,
        ).stdout


@contextmanager
def start_token_service(folder: Path, login: tuple[str, str]) -> Iterator[TokenService]:
    """Run a token service on a free port; ``folder`` gets its key."""
    service = TokenService(folder, login)
    service.make_key()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = self.headers.get("Authorization")
            right = "Basic " + base64.b64encode(":".join(login).encode()).decode()
            scopes = parse_qs(urlsplit(self.path).query).get("scope", [])
            if given not in {None, right}:
                self._answer(401, {"details": "incorrect username or password"})
                return
            token = service.token(scopes, everything=given == right)
            self._answer(200, {"token": token, "expires_in": 300})

        def do_POST(self) -> None:
            # as services without OAuth do: clients then ask by GET
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(404, {"details": "no such page"})

        def _answer(self, status: int, document: object) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}/token"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
