"""The logins of Docker's configuration file, in all the states that such a file can be in."""

from __future__ import annotations

import base64
import inspect
import json
import os
import time
from pathlib import Path

import pytest

from releaser.engines.docker_credentials import HELPER_SECONDS
from releaser.errors import SetupError
from releaser.registries.credentials import (
    DockerConfig,
    IdentityToken,
    Login,
    Password,
    RegistryToken,
)

HUB = "https://index.docker.io/v1/"
SECRET = "s3cret"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


def write(config: Path, content: object) -> DockerConfig:
    config.write_text(json.dumps(content))
    return DockerConfig(config, helper_seconds=1.0)


def helper(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str, name: str = "test") -> None:
    """Put a credential helper on PATH."""
    program = folder / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def printing(username: str = "me", secret: str = SECRET) -> str:
    answer = json.dumps({"ServerURL": "x", "Username": username, "Secret": secret})
    return f"cat >/dev/null; printf '%s' '{answer}'"


class TestFile:
    def test_none_means_anonymous(self, config: Path) -> None:
        assert DockerConfig(config).of("ghcr.io") is None

    @pytest.mark.parametrize("content", [{}, {"auths": {}}, {"auths": None}, {"credHelpers": {}}])
    def test_nothing_in_it_means_anonymous(self, config: Path, content: object) -> None:
        assert write(config, content).of("ghcr.io") is None

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b'{"auths": {"ghcr.io": {"auth": "bWU6czNj',
            b"\xff\xfe{\x00}\x00",
            b"[]",
            b"null",
            b'{"auths": []}',
            b'{"auths": {"ghcr.io": []}}',
            b'{"auths": {"ghcr.io": {"auth": "!!!"}}}',
            b'{"auths": {"ghcr.io": {"auth": 7}}}',
            b'{"auths": {"ghcr.io": {"auth": "bm9jb2xvbg=="}}}',
            b'{"auths": {"ghcr.io": {"identitytoken": {}}}}',
            b'{"auths": {"ghcr.io": {"registrytoken": "a\\r\\nHost: evil"}}}',
            b'{"credHelpers": "x"}',
            b'{"credsStore": 7}',
            b'{"credsStore": ["x"]}',
            b"[" * 100_000,
            b" " * (1 << 20) + b"{}",
        ],
    )
    def test_a_broken_one_is_never_anonymous(self, config: Path, content: bytes) -> None:
        config.write_bytes(content)
        with pytest.raises(SetupError) as caught:
            DockerConfig(config).of("ghcr.io")
        assert str(config) in caught.value.message
        assert caught.value.code == 4
        assert caught.value.__cause__ is None

    def test_a_folder_in_its_place(self, config: Path) -> None:
        config.mkdir()
        with pytest.raises(SetupError, match=r"config\.json"):
            DockerConfig(config).of("ghcr.io")

    def test_where_it_is(self, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(config, {"auths": {"ghcr.io": {"auth": encoded("me:pw")}}})
        monkeypatch.setenv("DOCKER_CONFIG", str(config.parent))
        assert DockerConfig.from_environment().of("ghcr.io") == Password("me", "pw")

    def test_where_it_is_by_default(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / ".docker").mkdir()
        write(tmp_path / ".docker/config.json", {"auths": {"r.io": {"auth": encoded("a:b")}}})
        monkeypatch.delenv("DOCKER_CONFIG", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert DockerConfig.from_environment().of("r.io") == Password("a", "b")


class TestAuths:
    @pytest.mark.parametrize(
        ("entry", "login"),
        [
            ({"auth": encoded("me:pw")}, Password("me", "pw")),
            ({"auth": encoded("me:p:w:ü")}, Password("me", "p:w:ü")),
            ({"auth": encoded("me:pw\0\0")}, Password("me", "pw")),
            ({"username": "me", "password": "pw"}, Password("me", "pw")),
            ({"auth": encoded("me:"), "identitytoken": "t"}, IdentityToken("t")),
            ({"auth": encoded("<token>:t")}, IdentityToken("t")),
            ({"registrytoken": "t"}, RegistryToken("t")),
            ({}, None),
            ({"username": "me"}, None),
        ],
    )
    def test_entries(self, config: Path, entry: object, login: Login | None) -> None:
        assert write(config, {"auths": {"ghcr.io": entry}}).of("ghcr.io") == login

    @pytest.mark.parametrize(
        ("key", "registry"),
        [
            ("ghcr.io", "ghcr.io"),
            ("https://ghcr.io", "ghcr.io"),
            ("https://ghcr.io/v1/", "ghcr.io"),
            ("localhost:5000", "localhost:5000"),
            (HUB, "docker.io"),
            ("docker.io", "docker.io"),
            ("index.docker.io", "docker.io"),
        ],
    )
    def test_keys_that_fit(self, config: Path, key: str, registry: str) -> None:
        auths = {key: {"auth": encoded("me:pw")}}
        assert write(config, {"auths": auths}).of(registry) == Password("me", "pw")

    @pytest.mark.parametrize(
        "key", ["localhost", "localhost:5001", "evil.io/ghcr.io", "ghcr.io.evil.io", "ghcr.io:443"]
    )
    def test_keys_that_do_not(self, config: Path, key: str) -> None:
        config_ = write(config, {"auths": {key: {"auth": encoded("me:pw")}}})
        assert config_.of("localhost:5000") is None
        assert config_.of("ghcr.io") is None

    def test_the_exact_key_wins(self, config: Path) -> None:
        auths = {
            "https://r.io/v1/": {"auth": encoded("old:pw")},
            "r.io": {"auth": encoded("new:pw")},
        }
        assert write(config, {"auths": auths}).of("r.io") == Password("new", "pw")

    def test_secrets_are_not_shown(self) -> None:
        for login in (Password("me", SECRET), IdentityToken(SECRET), RegistryToken(SECRET)):
            assert SECRET not in repr(login)


class TestHelpers:
    @pytest.fixture
    def store(self, config: Path) -> DockerConfig:
        auths = {"other.io": {"auth": encoded("from:file")}}
        return write(config, {"credsStore": "test", "auths": auths})

    @pytest.mark.parametrize(
        ("username", "login"), [("me", Password("me", SECRET)), ("<token>", IdentityToken(SECRET))]
    )
    def test_an_answer(
        self,
        store: DockerConfig,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        username: str,
        login: Login,
    ) -> None:
        helper(tmp_path, monkeypatch, printing(username))
        assert store.of("ghcr.io") == login

    @pytest.mark.parametrize(("registry", "asked"), [("ghcr.io", "ghcr.io"), ("docker.io", HUB)])
    def test_what_it_is_asked(
        self,
        store: DockerConfig,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        registry: str,
        asked: str,
    ) -> None:
        helper(tmp_path, monkeypatch, f'echo "$1 $(cat)" >>{tmp_path}/asked; {printing()}')
        store.of(registry)
        store.of(registry)
        assert (tmp_path / "asked").read_text() == f"get {asked}\n"

    def test_one_for_a_host_comes_first(
        self, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        helper(tmp_path, monkeypatch, printing("general"))
        helper(tmp_path, monkeypatch, printing("special"), "ecr-login")
        known = write(config, {"credsStore": "test", "credHelpers": {"ecr.aws": "ecr-login"}})
        assert known.of("ecr.aws") == Password("special", SECRET)
        assert known.of("ghcr.io") == Password("general", SECRET)

    def test_that_knows_nothing(
        self, store: DockerConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        helper(tmp_path, monkeypatch, "echo credentials not found in native keychain; exit 1")
        assert store.of("ghcr.io") is None
        assert store.of("other.io") == Password("from", "file")

    @pytest.mark.parametrize(
        ("script", "why"),
        [
            ("echo the vault is locked; exit 1", "exit code 1: the vault is locked"),
            ("exit 3", "exit code 3"),
            ("echo nonsense", "not the JSON of a login"),
            ('printf \'{"Username": "me", "Sec\'', "not the JSON of a login"),
            ("printf '\\377\\376'", "not the JSON of a login"),
            ("exit 0", "not the JSON of a login"),
            ('echo \'{"Username": "me"}\'', "not the JSON of a login"),
            ('echo \'{"Username": 1, "Secret": 2}\'', "not the JSON of a login"),
            ("echo '[]'", "not the JSON of a login"),
            ("yes", "more than 64 KiB"),
            ("sleep 30", "within 1 seconds"),
            ("sleep 30 & sleep 30", "within 1 seconds"),
            (f'echo \'{{"Secret": "{SECRET}"}}\'; exit 1', "exit code 1"),
        ],
    )
    def test_that_fail(
        self,
        store: DockerConfig,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        script: str,
        why: str,
    ) -> None:
        helper(tmp_path, monkeypatch, script)
        begin = time.monotonic()
        for _ in range(5):
            with pytest.raises(SetupError) as caught:
                store.of("ghcr.io")
        assert time.monotonic() - begin < 4
        assert "docker-credential-test" in caught.value.message
        assert why in dict(caught.value.details)["cause"]
        assert SECRET not in str(caught.value.details)

    def test_have_fifteen_seconds(self, config: Path) -> None:
        given = inspect.signature(DockerConfig).parameters["helper_seconds"].default
        assert given == HELPER_SECONDS == 15.0
        assert DockerConfig(config).of("ghcr.io") is None

    def test_that_are_not_there(self, config: Path) -> None:
        with pytest.raises(SetupError) as caught:
            write(config, {"credsStore": "nowhere"}).of("ghcr.io")
        assert "not on PATH" in dict(caught.value.details)["cause"]

    @pytest.mark.parametrize("name", ["../evil", "a b", "/bin/sh", "x;y"])
    def test_that_have_no_name(self, config: Path, name: str) -> None:
        with pytest.raises(SetupError):
            write(config, {"credsStore": name}).of("ghcr.io")
