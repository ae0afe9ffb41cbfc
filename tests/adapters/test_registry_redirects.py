"""What the distribution adapter shows to hosts that a registry sends it to, and what never."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from releaser.core.oci import Reference, Tag
from releaser.errors import RegistryError
from releaser.logins.login import Password
from releaser.registries.distribution import Distribution
from tests.fakes.registry import Image, image
from tests.registry_client import distribution, told
from tests.registry_server import (
    Exchange,
    Reply,
    ScriptedRegistry,
    answer,
    scripted_registry,
)

SECRET = "correct horse battery"
BASIC = "Basic " + base64.b64encode(f"robot:{SECRET}".encode()).decode()
IMAGE = image("logins")


@pytest.fixture
def server() -> Iterator[ScriptedRegistry]:
    with scripted_registry() as state:
        state.seed(state.repository().tagged("1.0"), IMAGE)
        yield state


@pytest.fixture
def reference(server: ScriptedRegistry) -> Reference:
    return server.repository().tagged("1.0")


def guard(exchange: Exchange) -> Reply:
    """Let in who shows the right login."""
    if exchange.request.headers.get("Authorization") == BASIC:
        return exchange.served()
    return Reply(401, {"WWW-Authenticate": 'Basic realm="a registry"'})


class TestOtherHosts:
    """What is sent to a host that the registry names: the request, and nothing about us."""

    @pytest.fixture
    def other(self) -> Iterator[ScriptedRegistry]:
        with scripted_registry() as state:
            yield state

    @pytest.fixture
    def registry(self, server: ScriptedRegistry) -> Distribution:
        server.rule("*", "/v2/", guard, times=2)
        registry = distribution(Password("robot", SECRET))
        registry.digest(server.repository().tagged("1.0"))
        return registry

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_followed_without_our_login(
        self,
        server: ScriptedRegistry,
        other: ScriptedRegistry,
        registry: Distribution,
        reference: Reference,
        status: int,
    ) -> None:
        other.seed(other.repository().tagged("1.0"), IMAGE)
        place = f"http://{other.host}/v2/app/manifests/1.0"
        server.rule("GET", "manifests", answer(status, Location=place, Set_Cookie="id=1"))
        assert registry.manifest(reference) == IMAGE.manifest
        assert "Authorization" in server.log[-1].headers
        [request] = other.log
        assert not {"Authorization", "Cookie"} & set(request.headers)

    def test_a_redirect_on_the_same_host_keeps_it(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.rule("GET", "manifests", answer(307, Location="/v2/app/manifests/1.0"))
        assert registry.manifest(reference) == IMAGE.manifest
        assert server.log[-1].headers["Authorization"] == BASIC

    def test_the_other_host_cannot_ask_for_it(
        self,
        server: ScriptedRegistry,
        other: ScriptedRegistry,
        registry: Distribution,
        reference: Reference,
    ) -> None:
        other.rule("*", ".", answer(401, WWW_Authenticate='Basic realm="give"'), times=None)
        server.rule("GET", "manifests", answer(307, Location=f"http://{other.host}/x"), times=None)
        with pytest.raises(RegistryError) as caught:
            registry.manifest(reference)
        assert caught.value.status == 401
        assert all("Authorization" not in r.headers for r in other.log)

    def test_an_upload_elsewhere_gets_no_login(
        self, server: ScriptedRegistry, other: ScriptedRegistry, registry: Distribution
    ) -> None:
        source = other.repository().tagged("1.0")
        other.seed(source, IMAGE)
        with scripted_registry() as store:
            server.blobs.clear()
            place = f"http://{store.host}/v2/app/blobs/uploads/1"
            server.rule("POST", "uploads", answer(202, Location=place), times=None)
            registry.copy(source, server.repository(), Tag("2.0"))
            assert len(store.asked("PUT")) == 2
            assert all("Authorization" not in r.headers for r in store.log)

    @pytest.mark.parametrize(
        "place",
        [
            "",
            "file:///etc/passwd",
            "http://169.254.169.254/",
            "http://a:b@127.0.0.1/",
            "/\x7f",
            "self",
        ],
    )
    def test_redirects_that_are_not_followed(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference, place: str
    ) -> None:
        location = f"http://{server.host}/v2/app/manifests/1.0" if place == "self" else place
        server.rule("GET", "manifests", answer(307, Location=location), times=None)
        with pytest.raises(RegistryError) as caught:
            registry.manifest(reference)
        assert not caught.value.retryable
        assert "redirect" in told(caught.value)

    @pytest.mark.parametrize("status", [302, 307])
    def test_a_write_is_not_redirected(
        self,
        server: ScriptedRegistry,
        other: ScriptedRegistry,
        registry: Distribution,
        status: int,
    ) -> None:
        server.rule("PUT", ".", answer(status, Location=f"http://{other.host}/x"), times=None)
        with pytest.raises(RegistryError):
            registry.put(server.repository(), Tag("2.0"), Image(IMAGE.manifest).manifest)
        assert other.log == []


def test_no_login_comes_from_netrc(
    server: ScriptedRegistry, reference: Reference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    distribution().digest(reference)
    assert "Authorization" not in server.log[0].headers


def test_nothing_compressed_is_asked_for(server: ScriptedRegistry, reference: Reference) -> None:
    distribution().digest(reference)
    assert server.log[0].headers["Accept-Encoding"] == "identity"
    assert server.log[0].headers["User-Agent"].startswith("releaser/")
