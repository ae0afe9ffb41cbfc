"""Where registries are reached, whom they may send us to, and TLS and proxies on the way."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from releaser.core.oci import Repository
from releaser.errors import RegistryError, SetupError
from releaser.logins.login import Password
from releaser.registries.challenge import wanted
from releaser.registries.distribution import Distribution
from releaser.registries.hosts import RefusedAddressError, check_realm, endpoint, follow
from tests.fakes.registry import image
from tests.registry_client import distribution, told
from tests.registry_server import ScriptedRegistry, answer, raw, scripted_registry

IMAGE = image("hosts")


def adapter(*insecure: str) -> Distribution:
    return distribution(Password("robot", "a secret"), insecure=frozenset(insecure))


@pytest.mark.parametrize(
    ("registry", "base"),
    [
        ("docker.io", "https://registry-1.docker.io/v2/"),
        ("ghcr.io", "https://ghcr.io/v2/"),
        ("registry.example:5000", "https://registry.example:5000/v2/"),
        ("localhost", "http://localhost/v2/"),
        ("localhost:5000", "http://localhost:5000/v2/"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000/v2/"),
        ("127.9.9.9", "http://127.9.9.9/v2/"),
        ("[::1]:5000", "http://[::1]:5000/v2/"),
        ("localhost.example", "https://localhost.example/v2/"),
        ("128.0.0.1:5000", "https://128.0.0.1:5000/v2/"),
        ("plain.example:80", "http://plain.example:80/v2/"),
        ("plain.example:81", "https://plain.example:81/v2/"),
        ("any.example:82", "http://any.example:82/v2/"),
    ],
)
def test_endpoints(registry: str, base: str) -> None:
    assert endpoint(registry, frozenset({"plain.example:80", "any.example"})).base == base


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/v2/x", "https://r.example/v2/x"),
        ("?n=1", "https://r.example/v2/a?n=1"),
        ("https://cdn.example/b?sig=%2B", "https://cdn.example/b?sig=%2B"),
        ("//cdn.example/b", "https://cdn.example/b"),
    ],
)
def test_locations_that_are_followed(location: str, target: str) -> None:
    assert follow("https://r.example/v2/a", location) == target


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        "http://r.example/v2/a",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/",
        "https://[::ffff:169.254.169.254]/",
        "https://[fe80::1%25eth0]/",
        "https://a@b/",
        "https://[bad/",
        "https://x:port/",
        "https://x/\nHost: y",
        "javascript:alert(1)",
    ],
)
def test_locations_that_are_not(location: str | None) -> None:
    with pytest.raises(RefusedAddressError):
        follow("https://r.example/v2/a", location)


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("docker.io", "https://auth.docker.io/token"),
        ("ghcr.io", "https://ghcr.io/token"),
        ("registry.gitlab.com", "https://gitlab.com/jwt/auth"),
        ("registry.corp.example:5000", "https://auth.corp.example/token"),
        ("10.0.0.1:5000", "https://10.0.0.1:5001/token"),
        ("localhost:5000", "http://127.0.0.1:5001/token"),
        ("odd.example", "https://allowed.test/token"),
    ],
)
def test_realms_that_may_see_a_login(registry: str, realm: str) -> None:
    check_realm(realm, endpoint(registry), frozenset({"allowed.test"}), secret=True)


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("docker.io", "http://auth.docker.io/token"),
        ("docker.io", "https://auth.docker.io.evil.test/token"),
        ("ghcr.io", "https://evil.test/token"),
        ("10.0.0.1:5000", "https://11.0.0.1/token"),
        ("r.example", "https://127.0.0.1/token"),
        ("localhost:5000", "http://evil.test/token"),
        ("ghcr.io", "https://ghcr.io@evil.test/token"),
    ],
)
def test_realms_that_may_not(registry: str, realm: str) -> None:
    with pytest.raises(RefusedAddressError):
        check_realm(realm, endpoint(registry), frozenset(), secret=True)


@pytest.mark.parametrize(
    ("header", "scheme", "realm"),
    [
        ('Bearer realm="https://a/t",service="s"', "bearer", "https://a/t"),
        ("bearer   realm=https://a/t , service=s", "bearer", "https://a/t"),
        ('Basic realm="x", Bearer realm="https://a/t"', "bearer", "https://a/t"),
        ('Bearer service="s", Basic realm="x"', "basic", "x"),
        ('Negotiate, Basic realm="a \\"b\\", c"', "basic", 'a "b", c'),
        ('Bearer realm="one",realm="two"', "bearer", "one"),
    ],
)
def test_challenges(header: str, scheme: str, realm: str) -> None:
    challenge = wanted(header)
    assert challenge is not None
    assert (challenge.scheme, challenge.parameters["realm"]) == (scheme, realm)


@pytest.mark.parametrize("header", ["", "Digest a=b", 'Bearer realm="', "," * 70000, '"' * 9000])
def test_no_challenge(header: str) -> None:
    assert wanted(header) is None


class Certificates:
    """A certificate authority of our own, and what it signed for registry.example."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "ca.pem"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        key = folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=registry.example", "-addext", "subjectAltName=DNS:registry.example",
             "-keyout", str(key), "-out", str(self.file)],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        self.context.load_cert_chain(self.file, key)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name under ``.example`` is this machine."""
    real = socket.getaddrinfo

    def resolve(host: object, *rest: object, **more: object) -> object:
        mine = isinstance(host, str) and host.endswith(".example")
        return real("127.0.0.1" if mine else host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE",
                 "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.usefixtures("names")
class TestTls:
    @pytest.fixture
    def server(self, certificates: Certificates) -> Iterator[ScriptedRegistry]:
        with scripted_registry(certificates.context) as state:
            state.seed(self.at(state).tagged("1.0"), IMAGE)
            yield state

    def at(self, server: ScriptedRegistry, host: str = "registry.example") -> Repository:
        return Repository(server.host.replace("127.0.0.1", host), "app")

    @pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
    def test_a_known_authority(
        self,
        server: ScriptedRegistry,
        certificates: Certificates,
        variable: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv(variable, str(certificates.file))
        registry = adapter()
        assert registry.manifest(self.at(server).tagged("1.0")) == IMAGE.manifest

    def test_an_unknown_authority(self, server: ScriptedRegistry) -> None:
        with pytest.raises(SetupError) as caught:
            adapter().check_push(self.at(server))
        assert "cannot be reached" in told(caught.value)
        assert "certificate is not trusted (self-signed certificate)" in told(caught.value)
        assert "SSL_CERT_FILE" in told(caught.value)
        assert server.connections <= 1
        assert server.log == []

    def test_the_wrong_host(
        self,
        server: ScriptedRegistry,
        certificates: Certificates,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.file))
        with pytest.raises(RegistryError) as caught:
            adapter().manifest(self.at(server, "other.example").tagged("1.0"))
        assert not caught.value.retryable
        assert "certificate" in told(caught.value)

    def test_no_fall_back_to_plain_http(self) -> None:
        with scripted_registry() as plain:
            with pytest.raises(SetupError) as caught:
                adapter().check_push(self.at(plain))
            assert "does not speak TLS" in told(caught.value)
            assert plain.log == []

    def test_a_redirect_to_plain_http(
        self,
        server: ScriptedRegistry,
        certificates: Certificates,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.file))
        with scripted_registry() as plain:
            target = f"http://{self.at(plain).registry}/x"
            server.rule("GET", ".", answer(307, Location=target), times=None)
            with pytest.raises(RegistryError) as caught:
                adapter().manifest(self.at(server).tagged("1.0"))
            assert "from https to plain http" in told(caught.value)
            assert plain.log == []

    def test_a_realm_in_plain_http(
        self,
        server: ScriptedRegistry,
        certificates: Certificates,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.file))
        with scripted_registry() as plain:
            realm = f'Bearer realm="http://{self.at(plain).registry}/token"'
            server.rule("*", ".", answer(401, WWW_Authenticate=realm), times=None)
            with pytest.raises(SetupError, match="not trusted"):
                adapter().manifest(self.at(server).tagged("1.0"))
            assert plain.log == []

    def test_a_bundle_that_does_not_exist(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")
        with pytest.raises(SetupError, match="SSL_CERT_FILE"):
            adapter().digest(Repository("registry.example", "app").tagged("1"))

    def test_a_connection_that_ends_in_the_handshake_is_tried_again(
        self, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.file))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(5)
            port = listener.getsockname()[1]
            taken = []

            def hang_up() -> None:
                for _ in range(10):
                    taken.append(1)
                    listener.accept()[0].close()

            thread = threading.Thread(target=hang_up, daemon=True)
            thread.start()
            with pytest.raises(RegistryError) as caught:
                adapter().digest(Repository(f"registry.example:{port}", "app").tagged("1"))
            assert caught.value.retryable
            assert len(taken) == 10
            thread.join(5)


@pytest.mark.usefixtures("names")
class TestProxies:
    def test_the_environment_decides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with scripted_registry() as proxy:
            proxy.rule("*", "^http://registry.example:1234/v2/app", answer(404), times=None)
            monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.host}")
            registry = adapter("registry.example:1234")
            reference = Repository("registry.example:1234", "app").tagged("1.0")
            assert registry.manifest(reference) is None
            assert [r.path for r in proxy.log] == [
                "http://registry.example:1234/v2/app/manifests/1.0"
            ]

    def test_no_proxy_and_this_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with scripted_registry() as proxy, scripted_registry() as server:
            server.seed(server.repository().tagged("1.0"), IMAGE)
            monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.host}")
            registry = adapter("registry.example")
            assert registry.digest(server.repository().tagged("1.0")) == IMAGE.digest
            monkeypatch.setenv("NO_PROXY", ".example")
            there = Repository(server.host.replace("127.0.0.1", "registry.example"), "app")
            assert registry.digest(there.tagged("1.0")) == IMAGE.digest
            assert proxy.log == []

    def test_a_proxy_that_says_no(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with scripted_registry() as proxy:
            proxy.rule("*", ".", raw(b"HTTP/1.1 403 Forbidden\r\n\r\n"), times=None)
            monkeypatch.setenv("HTTPS_PROXY", f"http://user:topsecret@{proxy.host}")
            with pytest.raises(SetupError) as caught:
                adapter().check_push(Repository("registry.example", "app"))
            assert "proxy" in told(caught.value)
            assert "topsecret" not in told(caught.value)


def test_a_name_that_leads_to_a_link_local_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name may lead to a metadata service, whatever the resolver says of it."""
    from releaser.registries import hosts

    with scripted_registry() as server:
        monkeypatch.setattr(hosts, "is_link_local", lambda address: address == "127.0.0.1")
        with pytest.raises(RegistryError, match="no usable answer"):
            adapter().digest(server.repository().tagged("1.0"))
        assert server.log == []
