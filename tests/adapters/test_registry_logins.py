"""How the distribution adapter logs in, and to whom it does not show what it knows."""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from releaser.core.oci import Reference, Tag
from releaser.errors import RegistryError, SetupError
from releaser.logins.login import IdentityToken, Login, Password, RegistryToken
from releaser.registries.distribution import Distribution
from tests.fakes.registry import image, index
from tests.registry_client import Known, distribution, told
from tests.registry_server import (
    Exchange,
    Reply,
    ScriptedRegistry,
    answer,
    document,
    say,
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


class TokenService:
    """Makes ``server`` want tokens that it gives itself; a token is good for ``uses`` requests."""

    def __init__(self, server: ScriptedRegistry, uses: int = 1_000_000) -> None:
        self.server = server
        self.uses = uses
        self.given: dict[str, int] = {}
        self.numbers = itertools.count()
        self.pause = 0.0
        server.rule("*", "^/v2/", self.guard, times=None)
        server.rule("*", "^/token", self.give, times=None)

    def guard(self, exchange: Exchange) -> Reply:
        token = exchange.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.given.get(token, 0) <= 0:
            return self.challenge()
        self.given[token] -= 1
        return exchange.served()

    def give(self, _: Exchange) -> Reply:
        time.sleep(self.pause)
        token = f"token{next(self.numbers)}"
        self.given[token] = self.uses
        return document(200, {"token": token})

    def challenge(self) -> Reply:
        realm = f"http://{self.server.host}/token?x=y"
        header = f'Bearer realm="{realm}",service="svc",scope="repository:evil:pull"'
        return Reply(401, {"WWW-Authenticate": header})

    def scopes(self) -> list[list[str]]:
        asked = self.server.asked("GET", "^/token")
        return [parse_qs(urlsplit(r.path).query)["scope"] for r in asked]


def test_logins_are_dockers_by_default(
    server: ScriptedRegistry, reference: Reference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {"auth": BASIC.removeprefix("Basic ")}
    (tmp_path / "config.json").write_text(json.dumps({"auths": {server.host: entry}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    challenge = Reply(401, {"WWW-Authenticate": 'Basic realm="x"'})
    server.rule("*", "^/v2/", lambda _: challenge, times=1)
    Distribution().manifest(reference)
    assert server.log[-1].headers["Authorization"] == BASIC


class TestTokens:
    def test_are_fetched_once_for_a_repository(
        self, server: ScriptedRegistry, reference: Reference
    ) -> None:
        service, registry = TokenService(server), distribution()
        for _ in range(5):
            assert registry.manifest(reference) == IMAGE.manifest
        assert service.scopes() == [["repository:app:pull"]]
        [asked] = server.asked("GET", "^/token")
        assert parse_qs(urlsplit(asked.path).query)["service"] == ["svc"]
        assert parse_qs(urlsplit(asked.path).query)["x"] == ["y"]
        assert "Authorization" not in asked.headers

    def test_are_asked_for_before_the_second_repository_answers_401(
        self, server: ScriptedRegistry, reference: Reference
    ) -> None:
        TokenService(server)
        registry = distribution()
        registry.digest(reference)
        registry.digest(server.repository("other").tagged("1.0"))
        assert len(server.asked("HEAD")) == 3

    def test_for_writing_serve_for_reading(
        self, server: ScriptedRegistry, reference: Reference
    ) -> None:
        service, registry = TokenService(server), distribution(Password("robot", SECRET))
        registry.put(reference.repository, Tag("2.0"), IMAGE.manifest)
        registry.digest(reference)
        assert service.scopes() == [["repository:app:pull,push"]]
        assert server.asked("GET", "^/token")[0].headers["Authorization"] == BASIC

    def test_for_a_record_are_fetched_once(
        self, server: ScriptedRegistry, reference: Reference
    ) -> None:
        service, registry = TokenService(server), distribution()
        registry.write_record(reference, b"record")
        assert registry.read_record(reference) == b"record"
        assert service.scopes() == [["repository:app:pull,push"]]

    def test_for_a_mount_are_for_both_repositories(
        self, server: ScriptedRegistry, reference: Reference
    ) -> None:
        server.rule("HEAD", "copy/blobs", answer(404), times=None)
        service, registry = TokenService(server), distribution()
        registry.copy(reference, server.repository("copy"), Tag("1.0"))
        assert ["repository:copy:pull,push", "repository:app:pull"] in service.scopes()

    def test_that_end_are_renewed(self, server: ScriptedRegistry, reference: Reference) -> None:
        service, registry = TokenService(server, uses=3), distribution()
        for _ in range(30):
            assert registry.manifest(reference) == IMAGE.manifest
        assert len(service.scopes()) == 10

    def test_that_end_in_a_copy_are_renewed(
        self, server: ScriptedRegistry, reference: Reference, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("releaser.registries.copying.WORKERS", 1)  # as tokens count uses here
        content = index(image("a", layers=5), image("b", layers=5))
        server.seed(reference, content)
        with scripted_registry() as other:
            TokenService(other, uses=2)
            distribution().copy(reference, other.repository(), Tag("1.0"))
            assert set(other.blobs) >= {str(d) for c in content.children for d in c.blobs}

    def test_are_fetched_once_by_many_threads(
        self, server: ScriptedRegistry, reference: Reference
    ) -> None:
        service, registry = TokenService(server), distribution()
        registry.digest(server.repository("first").tagged("1"))
        service.pause = 0.1
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda _: registry.digest(reference), range(64)))
        assert len(service.scopes()) == 2

    def test_of_a_silent_service_are_waited_for_twice_by_all_together(
        self, server: ScriptedRegistry, reference: Reference
    ) -> None:
        service, registry = TokenService(server), Distribution(logins=Known(), idle=0.3)
        registry.digest(server.repository("first").tagged("1"))
        service.pause = 1.0

        def ask(_: int) -> str:
            with pytest.raises(RegistryError) as caught:
                registry.digest(reference)
            return told(caught.value)

        with ThreadPoolExecutor(8) as pool:
            said = set(pool.map(ask, range(8)))
        assert any("give a token for app" in text for text in said)
        assert len(service.scopes()) <= 4  # and not sixteen, for each of which all others wait

    def test_from_a_service_that_is_down_for_a_while(
        self, server: ScriptedRegistry, reference: Reference
    ) -> None:
        server.rule("GET", "^/token", answer(503), times=4)
        TokenService(server)
        assert distribution().manifest(reference) == IMAGE.manifest

    def test_from_a_service_that_is_down(
        self, server: ScriptedRegistry, reference: Reference
    ) -> None:
        server.rule("GET", "^/token", answer(503), times=None)
        TokenService(server)
        with pytest.raises(RegistryError) as caught:
            distribution().manifest(reference)
        assert "give a token for app" in told(caught.value)

    def test_that_are_never_accepted(self, server: ScriptedRegistry, reference: Reference) -> None:
        TokenService(server, uses=0)
        with pytest.raises(SetupError, match="asks for credentials") as caught:
            distribution().manifest(reference)
        assert len(server.log) == 3
        assert f"docker login {server.host}" in told(caught.value)

    def test_with_a_login_that_is_never_accepted(
        self, server: ScriptedRegistry, reference: Reference
    ) -> None:
        TokenService(server, uses=0)
        with pytest.raises(SetupError, match=f"registry {server.host} rejects the credentials"):
            distribution(Password("robot", SECRET)).manifest(reference)
        assert len(server.log) == 3

    @pytest.mark.parametrize("login", [Password("robot", SECRET), IdentityToken(SECRET)])
    def test_with_a_login_that_the_service_rejects_and_repeats(
        self, server: ScriptedRegistry, reference: Reference, login: Login
    ) -> None:
        echo = document(401, {"details": f"wrong: {SECRET} {BASIC}"})
        server.rule("*", "^/token", say(echo), times=None)
        TokenService(server)
        with pytest.raises(SetupError, match="rejects the credentials") as caught:
            distribution(login).manifest(reference)
        assert "wrong: ***" in told(caught.value)
        assert SECRET not in told(caught.value)
        assert caught.value.__cause__ is None

    def test_for_an_identity_token(self, server: ScriptedRegistry, reference: Reference) -> None:
        TokenService(server)
        assert distribution(IdentityToken("refresh me")).manifest(reference) == IMAGE.manifest
        [asked] = server.asked("POST", "^/token")
        form = parse_qs(asked.body.decode())
        assert form["grant_type"] == ["refresh_token"]
        assert form["refresh_token"] == ["refresh me"]
        assert form["scope"] == ["repository:app:pull"]
        assert form["service"] == ["svc"]

    def test_of_the_registry_itself(self, server: ScriptedRegistry, reference: Reference) -> None:
        service = TokenService(server)
        service.given["mine"] = 5
        assert distribution(RegistryToken("mine")).manifest(reference) == IMAGE.manifest
        assert service.scopes() == []

    @pytest.mark.parametrize(
        "content",
        [{}, [], {"token": ""}, {"token": 7}, {"token": "a\nb"}, {"access_token": None}, "x", None],
    )
    def test_that_are_none(
        self, server: ScriptedRegistry, reference: Reference, content: object
    ) -> None:
        server.rule("GET", "^/token", say(document(200, content)), times=None)
        TokenService(server)
        with pytest.raises(RegistryError) as caught:
            distribution().manifest(reference)
        assert "holds no token" in told(caught.value)

    @pytest.mark.parametrize("life", [-1, 0, 10**20, "300", None, 1.5, True])
    def test_with_an_odd_life(
        self, server: ScriptedRegistry, reference: Reference, life: object
    ) -> None:
        content = {"access_token": "t", "expires_in": life, "issued_at": "2099-01-01T00:00:00Z"}
        server.rule("GET", "^/token", say(document(200, content)), times=None)
        TokenService(server).given["t"] = 99
        assert distribution().manifest(reference) == IMAGE.manifest

    def test_in_an_answer_that_is_too_large(
        self, server: ScriptedRegistry, reference: Reference
    ) -> None:
        server.rule("GET", "^/token", answer(200, b" " * 70_000), times=None)
        TokenService(server)
        with pytest.raises(RegistryError) as caught:
            distribution().manifest(reference)
        assert "larger than 65536 bytes" in told(caught.value)


class TestRealms:
    @pytest.mark.parametrize(
        "realm",
        [
            "file:///etc/passwd",
            "gopher://example.org/",
            "http://169.254.169.254/latest/meta-data/",
            "http://[fe80::1]/",
            "http://[fd00:ec2::254]/",
            "http://2852039166/",
            "http://user:pw@127.0.0.1/token",
            "http://127.0.0.1:99999/",
            "http://exa mple/",
            "http:///token",
            "/token",
            "x" * 9000,
        ],
    )
    @pytest.mark.parametrize("login", [None, Password("robot", SECRET)])
    def test_that_are_refused(
        self, server: ScriptedRegistry, reference: Reference, realm: str, login: Login | None
    ) -> None:
        server.rule(
            "*", "/v2/", answer(401, WWW_Authenticate=f'Bearer realm="{realm}"'), times=None
        )
        with pytest.raises(SetupError) as caught:
            distribution(login).manifest(reference)
        assert SECRET not in told(caught.value)
        assert len(server.log) == 1

    def test_on_a_foreign_host_see_no_login(
        self, server: ScriptedRegistry, reference: Reference
    ) -> None:
        challenge = 'Bearer realm="http://registry.invalid/token"'
        server.rule("*", "/v2/", answer(401, WWW_Authenticate=challenge), times=None)
        with pytest.raises(SetupError) as caught:
            distribution(Password("robot", SECRET)).manifest(reference)
        assert "registry.invalid is not a host of 127.0.0.1" in told(caught.value)
        assert "RELEASER_AUTH_REALMS" in told(caught.value)

    def test_that_redirect_are_not_followed(
        self, server: ScriptedRegistry, reference: Reference
    ) -> None:
        with scripted_registry() as thief:
            server.rule("GET", "^/token", answer(307, Location=f"http://{thief.host}/"))
            TokenService(server)
            with pytest.raises(RegistryError):
                distribution(Password("robot", SECRET)).manifest(reference)
            assert thief.log == []

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "Negotiate abc==",
            "Bearer",
            "Bearer realm=",
            'Bearer realm="http://x',
            "=,=",
            "Digest a=b",
        ],
    )
    def test_that_cannot_be_understood(
        self, server: ScriptedRegistry, reference: Reference, header: str
    ) -> None:
        server.rule("*", "/v2/", answer(401, WWW_Authenticate=header), times=None)
        with pytest.raises(SetupError):
            distribution(Password("robot", SECRET)).manifest(reference)
        assert len(server.log) == 1


class TestBasic:
    def guard(self, exchange: Exchange) -> Reply:
        if exchange.request.headers.get("Authorization") == BASIC:
            return exchange.served()
        return Reply(401, {"WWW-Authenticate": 'Basic realm="a registry"'})

    def test_is_shown_after_it_was_asked_for(
        self, server: ScriptedRegistry, reference: Reference
    ) -> None:
        server.rule("*", "/v2/", self.guard, times=None)
        registry = distribution(Password("robot", SECRET))
        registry.put(reference.repository, Tag("2.0"), IMAGE.manifest)
        assert [("Authorization" in r.headers) for r in server.log] == [False, True, True]

    @pytest.mark.parametrize(
        ("login", "says"), [(None, "asks for credentials"), (Password("x", "y"), "rejects")]
    )
    def test_rejected(
        self, server: ScriptedRegistry, reference: Reference, login: Login | None, says: str
    ) -> None:
        server.rule("*", "/v2/", self.guard, times=None)
        with pytest.raises(SetupError, match=says):
            distribution(login).check_push(reference.repository)
        assert len(server.log) <= 2

    def test_an_answer_that_repeats_the_secret(
        self, server: ScriptedRegistry, reference: Reference
    ) -> None:
        def echo(exchange: Exchange) -> Reply:
            if "Authorization" not in exchange.request.headers:
                return self.guard(exchange)
            said = f"no: {exchange.request.headers['Authorization']} {SECRET}"
            return Reply(403, {"Content-Type": "text/plain"}, said.encode())

        server.rule("*", "/v2/", echo, times=None)
        with pytest.raises(RegistryError) as caught:
            distribution(Password("robot", SECRET)).manifest(reference)
        assert "registry says: no: Basic *** ***" in told(caught.value)
