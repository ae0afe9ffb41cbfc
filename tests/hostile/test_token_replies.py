"""What a registry asks a client for, and what its token service gives."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from releaser.core.oci import Reference, Repository
from releaser.errors import RegistryError, SetupError
from releaser.logins.login import Password
from releaser.registries import hosts
from releaser.registries.distribution import Distribution
from releaser.registries.hosts import Reach, RefusedAddressError, check_realm, endpoint
from tests.fakes.registry import image
from tests.hostile.replies import MEGABYTE, flat, quick, refused
from tests.registry_client import told
from tests.registry_server import (
    Exchange,
    Reply,
    ScriptedRegistry,
    answer,
    document,
    raw,
    say,
    scripted_registry,
)

SECRET = "correct horse battery"
LOGIN = Password("robot", SECRET)
BASIC = "Basic " + base64.b64encode(f"robot:{SECRET}".encode()).decode()
IMAGE = image("tokens")
META = "latest/meta-data/iam"


@pytest.fixture
def server() -> Iterator[ScriptedRegistry]:
    with scripted_registry() as state:
        state.seed(state.repository().tagged("1.0"), IMAGE)
        yield state


def reference(server: ScriptedRegistry) -> Reference:
    return server.repository().tagged("1.0")


def challenge(server: ScriptedRegistry, header: str) -> None:
    """Answer 401 with ``header`` to who shows nothing."""

    def guard(exchange: Exchange) -> Reply:
        if exchange.request.headers.get("Authorization") in {"Bearer good", BASIC}:
            return exchange.served()
        return Reply(401, {"WWW-Authenticate": header} if header else {})

    server.rule("*", "^/v2/", guard, times=None)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("", id="R2a"),
        pytest.param("Negotiate YII=", id="R2c-negotiate"),
        pytest.param('Digest realm="x", nonce="y"', id="R2c-digest"),
        pytest.param('Bearer service="x"', id="R2d"),
        pytest.param("Bearer realm=", id="R2d-empty"),
        pytest.param('Bearer realm="http://127.0.0.1/x', id="R2e"),
        pytest.param("Bearer " + "a=b," * 15_000, id="R2f"),
        pytest.param('Bearer realm="' + "\\" * 60_000, id="R2f-escapes"),
    ],
)
def test_challenges_that_cannot_be_answered(server: ScriptedRegistry, header: str) -> None:
    challenge(server, header)
    registry = quick(LOGIN)
    says = f"registry {server.host} rejects the credentials"
    error = refused(lambda: registry.manifest(reference(server)), says, kind=SetupError)
    assert f"docker login {server.host}" in told(error)
    assert SECRET not in told(error)
    assert len(server.log) == 1
    assert "Authorization" not in server.log[0].headers


@pytest.mark.parametrize("order", [0, 1], ids=["R2b-basic-first", "R2b-bearer-first"])
def test_two_challenges(server: ScriptedRegistry, order: int) -> None:
    server.rule("GET", "^/token", say(document(200, {"token": "good"})))
    both = ['Basic realm="x"', f'Bearer realm="http://{server.host}/token"']
    challenge(server, ", ".join(both[::-1] if order else both))
    assert quick(LOGIN).manifest(reference(server)) == IMAGE.manifest
    assert len(server.asked("GET", "^/token")) == 1


REALMS = [
    pytest.param("file:///etc/passwd", "neither http nor https", id="R2g-file"),
    pytest.param("gopher://127.0.0.1:70/x", "neither http nor https", id="R2g-gopher"),
    pytest.param("/token", "neither http nor https", id="R2g-relative"),
    pytest.param(f"http://169.254.169.254/{META}", "inner address", id="R2i"),
    pytest.param(f"http://[::ffff:169.254.169.254]/{META}", "inner address", id="R2i-mapped"),
    pytest.param(f"http://2852039166/{META}", "inner address", id="R2i-a-number"),
    pytest.param(f"http://[fd00:ec2::254]/{META}", "inner address", id="R2i-ipv6"),
    pytest.param("http://root:toor@127.0.0.1/token", "user name in it", id="R2l"),
    pytest.param("http://127.0.0.1:70000/", "malformed address", id="R2l-port"),
    pytest.param("http://evil.example/token", "is not a host of", id="R2o"),
]


@pytest.mark.parametrize(("realm", "says"), REALMS)
def test_token_services_that_are_not_asked(server: ScriptedRegistry, realm: str, says: str) -> None:
    challenge(server, f'Bearer realm="{realm}",service="x"')
    registry = quick(LOGIN)
    message = f"registry {server.host} names a token service that is not trusted"
    error = refused(lambda: registry.manifest(reference(server)), message, says, kind=SetupError)
    assert "RELEASER_AUTH_REALMS" in told(error)
    assert not {SECRET, "toor"} & set(told(error).split())
    assert len(server.log) == 1


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        pytest.param("ghcr.io", "http://ghcr.io/token", id="R2h"),
        pytest.param("docker.io", "http://auth.docker.io/token", id="R2h-known"),
        pytest.param("ghcr.io", "https://[::1]/token", id="R2j"),
        pytest.param("ghcr.io", "https://localhost/token", id="R2j-localhost"),
        pytest.param("ghcr.io", "https://127.1/token", id="R2j-short"),
        pytest.param("mine.azurecr.io", "https://yours.azurecr.io/token", id="R2p-tenants"),
        pytest.param("r.mine.co.uk", "https://yours.co.uk/token", id="R2p-country"),
        pytest.param("docker.io", "https://auth.docker.io.evil.example/token", id="R2o-ending"),
        pytest.param("ghcr.io", "https://evilghcr.io/token", id="R2o-beginning"),
    ],
)
def test_token_services_that_see_no_login(registry: str, realm: str) -> None:
    with pytest.raises(RefusedAddressError):
        check_realm(realm, endpoint(registry), frozenset(), secret=True)


def test_r02m_a_token_service_on_another_port(server: ScriptedRegistry) -> None:
    with scripted_registry() as service:
        service.rule("GET", "^/token", say(document(200, {"token": "good"})))
        challenge(server, f'Bearer realm="http://{service.host}/token"')
        assert quick(LOGIN).manifest(reference(server)) == IMAGE.manifest
        assert service.log[0].headers["Authorization"] == BASIC


@pytest.mark.parametrize("status", [301, 302, 307, 308], ids="R2n-{}".format)
def test_token_services_that_redirect(server: ScriptedRegistry, status: int) -> None:
    with scripted_registry() as thief:
        server.rule("GET", "^/token", answer(status, Location=f"http://{thief.host}/token"))
        challenge(server, f'Bearer realm="http://{server.host}/token"')
        registry = quick(LOGIN)
        refused(lambda: registry.manifest(reference(server)), "redirect", kind=RegistryError)
        assert thief.log == []


class Network:
    """Names and addresses as they are for the test: 127.0.0.1 is the world, .2 is inside."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names = {"registry.example": ["127.0.0.1"], "inner.example": ["127.0.0.2"]}
        self._real = socket.getaddrinfo
        self.places = {"127.0.0.1": Reach.PUBLIC, "127.0.0.2": Reach.PRIVATE}
        monkeypatch.setattr(hosts, "reach", self.places.__getitem__)
        monkeypatch.setattr(socket, "getaddrinfo", self.resolve)

    def resolve(self, host: str, *rest: int, **more: int) -> object:
        """The next answer of a name; the last one stays."""
        found = self.names.get(host, [host])
        return self._real(found.pop(0) if len(found) > 1 else found[0], *rest, **more)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    return Network(monkeypatch)


@pytest.fixture
def inner() -> Iterator[socket.socket]:
    """Something that listens inside."""
    with socket.create_server(("127.0.0.2", 0)) as listener:
        listener.setblocking(False)
        yield listener


def named(server: ScriptedRegistry) -> tuple[Distribution, Reference]:
    host = server.host.replace("127.0.0.1", "registry.example")
    return quick(insecure=frozenset({host})), Repository(host, "app").tagged("1.0")


@pytest.mark.usefixtures("network")
@pytest.mark.parametrize(
    "host", ["inner.example", "127.0.0.2"], ids=["R2k-a-name", "R2k-an-address"]
)
def test_token_services_inside(server: ScriptedRegistry, inner: socket.socket, host: str) -> None:
    challenge(server, f'Bearer realm="http://{host}:{inner.getsockname()[1]}/token"')
    registry, wanted = named(server)
    refused(lambda: registry.manifest(wanted), "inner address")
    with pytest.raises(BlockingIOError):
        inner.accept()


def test_r02k_a_name_that_changes_its_address(
    server: ScriptedRegistry, network: Network, inner: socket.socket
) -> None:
    network.names["inner.example"] = ["127.0.0.1", "127.0.0.2"]
    challenge(server, f'Bearer realm="http://inner.example:{inner.getsockname()[1]}/token"')
    registry, wanted = named(server)
    refused(lambda: registry.manifest(wanted), "inner.example leads to 127.0.0.2, which is an in")
    came, _ = inner.accept()
    with came:
        assert came.recv(1) == b""


def test_r02k_a_private_registry_may_name_what_is_private(
    server: ScriptedRegistry, network: Network
) -> None:
    network.places["127.0.0.1"] = Reach.PRIVATE
    network.names["inner.example"] = ["127.0.0.1"]
    server.rule("GET", "^/token", say(document(200, {"token": "good"})))
    challenge(server, f'Bearer realm="http://inner.example:{server.host.split(":")[1]}/token"')
    registry, wanted = named(server)
    assert registry.manifest(wanted) == IMAGE.manifest


ENDLESS = raw(
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    *[b"100000\r\n" + b" " * MEGABYTE + b"\r\n"] * 64,
)
NO_TOKEN = [
    pytest.param(answer(200), "holds no token", id="R3a"),
    pytest.param(answer(200, b"[]"), "holds no token", id="R3b"),
    pytest.param(answer(200, b"{}"), "holds no token", id="R3c"),
    pytest.param(
        answer(200, b'{"token": null, "access_token": ""}'), "holds no token", id="R3c-null"
    ),
    pytest.param(answer(200, b'{"token": 7}'), "holds no token", id="R3e"),
    pytest.param(answer(200, b'{"token": {"a": "b"}}'), "holds no token", id="R3e-object"),
    pytest.param(ENDLESS, "larger than 65536 bytes", id="R3f"),
    pytest.param(answer(200, b"<html>log in"), "holds no token", id="R3i"),
    pytest.param(answer(200, b"[" * 60_000), "holds no token", id="R3l"),
    pytest.param(answer(200, b'{"token": "a\\nX-Evil: b"}'), "holds no token", id="R3k"),
    pytest.param(answer(200, b'{"token": "\\u00e4"}'), "holds no token", id="R3k-letters"),
    pytest.param(answer(200, b"\xff\xfe{"), "holds no token", id="R3m"),
    pytest.param(
        answer(200, b"\x1f\x8b" + b"\0" * 99, Content_Encoding="gzip"), "no token", id="R3j"
    ),
]


@pytest.mark.parametrize(("action", "says"), NO_TOKEN)
def test_what_holds_no_token(server: ScriptedRegistry, action: object, says: str) -> None:
    server.rule("GET", "^/token", action, times=None)  # type: ignore[arg-type]
    challenge(server, f'Bearer realm="http://{server.host}/token"')
    registry = quick()
    with flat(8 * MEGABYTE) if action is ENDLESS else nullcontext():
        refused(
            lambda: registry.manifest(reference(server)),
            "give a token for app",
            says,
            kind=RegistryError,
        )
    assert len(server.asked("GET", "^/token")) == 1


TOKENS = [
    pytest.param({"access_token": "good"}, id="R3d"),
    *[
        pytest.param({"token": "good", "expires_in": life}, id=f"R3g-{life}")
        for life in (-1, 0, 10**18, "soon", None, 1.5)
    ],
    pytest.param({"token": "good", "issued_at": "2999-01-01T00:00:00Z"}, id="R3h"),
]


@pytest.mark.parametrize("content", TOKENS)
def test_tokens_that_serve(server: ScriptedRegistry, content: dict[str, object]) -> None:
    server.rule("GET", "^/token", answer(200, json.dumps(content).encode()), times=None)
    challenge(server, f'Bearer realm="http://{server.host}/token"')
    registry = quick()
    for _ in range(3):
        assert registry.manifest(reference(server)) == IMAGE.manifest
    assert len(server.asked("GET", "^/token")) == 1
