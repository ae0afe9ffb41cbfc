"""The login of a registry: which helper is asked, which entry counts, how long it is good."""

from __future__ import annotations

import base64
import inspect
import json
import os
import sys
import time
from pathlib import Path

import pytest

from releaser.errors import SetupError
from releaser.logins.finding import HUB_SERVER, DockerLogins
from releaser.logins.login import IdentityToken, Login, Password, RegistryToken
from tests.registry_client import told

SECRET = "s3.cret"  # no name of a folder that pytest makes


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def entry(text: str = "me:pw") -> dict[str, str]:
    return {"auth": encoded(text)}


def logins(folder: Path, content: object, seconds: float = 1.0) -> DockerLogins:
    """The logins of a ``config.json``; helpers are looked for beside it first."""
    (folder / "config.json").write_text(json.dumps(content))
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return DockerLogins({"DOCKER_CONFIG": str(folder), "PATH": path}, helper_seconds=seconds)


def helper(folder: Path, script: str, name: str = "test") -> Path:
    """A credential helper beside the settings."""
    program = folder / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def printing(username: str = "me", secret: str = SECRET) -> str:
    answer = json.dumps({"ServerURL": "x", "Username": username, "Secret": secret})
    return f"cat >/dev/null; printf '%s' '{answer}'"


class TestAuths:
    @pytest.mark.parametrize(
        ("entry", "login"),
        [
            ({"auth": encoded("me:pw")}, Password("me", "pw")),
            ({"auth": encoded("me:p:w:ü")}, Password("me", "p:w:ü")),
            ({"auth": encoded("me:\0pw\0\0")}, Password("me", "pw")),
            ({"auth": encoded("me:")}, Password("me", "")),
            ({"auth": encoded("me:pw")[:3] + "\r\n" + encoded("me:pw")[3:]}, Password("me", "pw")),
            ({"auth": encoded("me:pw"), "username": "a", "password": "b"}, Password("me", "pw")),
            ({"username": "me", "password": "pw"}, Password("me", "pw")),
            ({"auth": encoded("me:"), "identitytoken": "t"}, IdentityToken("t")),
            ({"auth": encoded("<token>:t")}, IdentityToken("t")),
            ({"registrytoken": "t"}, RegistryToken("t")),
            ({"registrytoken": "t", "identitytoken": "i"}, RegistryToken("t")),
            ({}, None),
            ({"auth": "", "identitytoken": None}, None),
            ({"username": "me"}, None),
            ({"password": "pw"}, None),
        ],
    )
    def test_entries(self, tmp_path: Path, entry: object, login: Login | None) -> None:
        assert logins(tmp_path, {"auths": {"ghcr.io": entry}}).of("ghcr.io") == login

    @pytest.mark.parametrize(
        ("key", "registry"),
        [
            ("ghcr.io", "ghcr.io"),
            ("https://ghcr.io", "ghcr.io"),
            ("http://ghcr.io/v2/", "ghcr.io"),
            ("https://ghcr.io/v1/", "ghcr.io"),
            ("localhost:5000", "localhost:5000"),
            (HUB_SERVER, "docker.io"),
            (HUB_SERVER, "registry-1.docker.io"),
            ("docker.io", "docker.io"),
            ("index.docker.io", "docker.io"),
            ("registry-1.docker.io", "docker.io"),
        ],
    )
    def test_keys_that_fit(self, tmp_path: Path, key: str, registry: str) -> None:
        assert logins(tmp_path, {"auths": {key: entry()}}).of(registry) == Password("me", "pw")

    @pytest.mark.parametrize(
        "key",
        [
            "localhost",
            "localhost:5001",
            "evil.io/ghcr.io",
            "https://evil.io/https://ghcr.io",
            "https://ghcr.io@evil.io",
            "ghcr.io.evil.io",
            "x.ghcr.io",
            "ghcr.io:443",
        ],
    )
    def test_keys_that_do_not(self, tmp_path: Path, key: str) -> None:
        known = logins(tmp_path, {"auths": {key: entry()}})
        assert known.of("localhost:5000") is None
        assert known.of("ghcr.io") is None
        assert known.of("docker.io") is None

    @pytest.mark.parametrize(
        ("registry", "exact", "other"),
        [("r.io", "r.io", "https://r.io/v1/"), ("docker.io", HUB_SERVER, "docker.io")],
    )
    def test_the_exact_key_wins(
        self, tmp_path: Path, registry: str, exact: str, other: str
    ) -> None:
        both = {other: entry("old:pw"), exact: entry("new:pw")}
        assert logins(tmp_path, {"auths": both}).of(registry) == Password("new", "pw")
        assert logins(tmp_path, {"auths": {**both, exact: {}}}).of(registry) is None

    @pytest.mark.parametrize(
        ("entry", "cause"),
        [
            ({"auth": "%%%s3.cret"}, 'the "auth" is not base64 of text'),
            ({"auth": "gA=="}, 'the "auth" is not base64 of text'),
            ({"auth": 7316894250}, 'the "auth" is not text'),
            ({"auth": encoded("s3.cret")}, 'the "auth" is not a user name and a password'),
            ({"auth": encoded(":s3.cret")}, 'the "auth" is not a user name and a password'),
            ({"identitytoken": {"s3.cret": 1}}, 'the "identitytoken" is not text'),
            ({"username": "ada lovelace", "password": ["s3.cret"]}, 'the "password" is not text'),
            ({"registrytoken": "s3.cret\r\nHost: evil"}, 'the "registrytoken" is not plain text'),
            ({"registrytoken": "s3.crét"}, 'the "registrytoken" is not plain text'),
        ],
    )
    def test_a_malformed_one_is_never_anonymous(
        self, tmp_path: Path, entry: dict[str, object], cause: str
    ) -> None:
        known = logins(tmp_path, {"auths": {"ghcr.io": entry, "quay.io": {"auth": encoded("a:b")}}})
        with pytest.raises(SetupError, match=r"config\.json cannot be used") as caught:
            known.of("ghcr.io")
        assert caught.value.details == (("cause", f"in the login for ghcr.io, {cause}"),)
        assert not any(str(value) in told(caught.value) for value in entry.values())
        assert caught.value.__cause__ is None
        assert known.of("quay.io") == Password("a", "b")

    def test_a_broken_file_is_never_anonymous(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text('{"auths": {"ghcr.io": {"au')
        with pytest.raises(SetupError, match=r"config\.json cannot be used"):
            DockerLogins({"DOCKER_CONFIG": str(tmp_path)}).of("quay.io")

    def test_no_file_means_anonymous(self, tmp_path: Path) -> None:
        assert DockerLogins({"DOCKER_CONFIG": str(tmp_path)}).of("ghcr.io") is None
        assert DockerLogins({"HOME": str(tmp_path)}).of("ghcr.io") is None

    def test_secrets_are_not_shown(self) -> None:
        for login in (Password("me", SECRET), IdentityToken(SECRET), RegistryToken(SECRET)):
            assert SECRET not in repr(login)


class TestHelpers:
    @pytest.fixture
    def store(self, tmp_path: Path) -> DockerLogins:
        return logins(tmp_path, {"credsStore": "test", "auths": {"other.io": entry("from:file")}})

    @pytest.mark.parametrize(
        ("username", "login"), [("me", Password("me", SECRET)), ("<token>", IdentityToken(SECRET))]
    )
    def test_an_answer(
        self, store: DockerLogins, tmp_path: Path, username: str, login: Login
    ) -> None:
        helper(tmp_path, printing(username))
        assert store.of("ghcr.io") == store.of("other.io") == login

    @pytest.mark.parametrize(
        ("registry", "asked"),
        [("ghcr.io", "ghcr.io"), ("docker.io", HUB_SERVER), ("index.docker.io", HUB_SERVER)],
    )
    def test_what_it_is_asked(
        self, store: DockerLogins, tmp_path: Path, registry: str, asked: str
    ) -> None:
        helper(tmp_path, f'echo "$1 $(cat)" >>{tmp_path}/asked; {printing()}')
        store.of(registry)
        store.of(registry)
        assert (tmp_path / "asked").read_text() == f"get {asked}\n"

    def test_one_for_a_host_comes_first(self, tmp_path: Path) -> None:
        helper(tmp_path, printing("general"))
        helper(tmp_path, printing("special"), "ecr-login")
        special = {"ecr.aws": "ecr-login", "docker.io": "ecr-login"}
        known = logins(tmp_path, {"credsStore": "test", "credHelpers": special})
        assert known.of("ecr.aws") == known.of("docker.io") == Password("special", SECRET)
        assert known.of("ghcr.io") == Password("general", SECRET)

    def test_docker_hub_has_an_address_of_its_own(self, tmp_path: Path) -> None:
        helper(tmp_path, printing("general"))
        helper(tmp_path, printing("special"), "hub")
        special = {"docker.io": "test", HUB_SERVER: "hub"}
        known = logins(tmp_path, {"credHelpers": special})
        assert known.of("docker.io") == Password("special", SECRET)

    @pytest.mark.parametrize("key", ["https://ghcr.io", "ghcr.io/shop", "GHCR.io"])
    def test_one_for_a_host_has_its_exact_name(self, tmp_path: Path, key: str) -> None:
        helper(tmp_path, printing("general"))
        known = logins(tmp_path, {"credsStore": "test", "credHelpers": {key: "missing"}})
        assert known.of("ghcr.io") == Password("general", SECRET)

    def test_one_for_a_host_may_be_none(self, tmp_path: Path) -> None:
        content = {"credsStore": "missing", "credHelpers": {"r.io": ""}, "auths": {"r.io": entry()}}
        assert logins(tmp_path, content).of("r.io") == Password("me", "pw")

    @pytest.mark.parametrize(
        "script",
        [
            "echo credentials not found in native keychain; exit 1",
            printing("", ""),
            printing("me", ""),
        ],
    )
    def test_that_know_nothing(self, store: DockerLogins, tmp_path: Path, script: str) -> None:
        helper(tmp_path, script)
        assert store.of("ghcr.io") is None
        assert store.of("other.io") == Password("from", "file")

    def test_that_know_nothing_of_their_host_leave_it_to_the_file(self, tmp_path: Path) -> None:
        helper(tmp_path, "echo credentials not found in native keychain; exit 1")
        content = {
            "credHelpers": {"r.io": "test"},
            "credsStore": "missing",  # Docker asks one of them and not the other
            "auths": {"https://r.io/v1/": entry()},
        }
        assert logins(tmp_path, content).of("r.io") == Password("me", "pw")

    @pytest.mark.parametrize(
        ("script", "why"),
        [
            ("echo the vault is locked; exit 1", "exit code 1: the vault is locked"),
            ("printf '\\033[1mno\\033[0m ##[error] ü'; exit 1", "exit code 1: no # #[error] ü"),
            ("echo no credentials server URL; exit 1", "exit code 1: no credentials server URL"),
            ("exit 3", "exit code 3"),
            ("echo nonsense", "not the JSON of a login"),
            (f"echo {SECRET}", "not the JSON of a login"),
            ('printf \'{"Username": "me", "Sec\'', "not the JSON of a login"),
            ("printf '\\377\\376'", "not the JSON of a login"),
            ("exit 0", "not the JSON of a login"),
            ('echo \'{"Username": "me"}\'', "not the JSON of a login"),
            (f'echo \'{{"Username": "me", "{SECRET}": 1}}\'', "not the JSON of a login"),
            ('echo \'{"Username": 1, "Secret": 2}\'', "not the JSON of a login"),
            (f"echo '[\"{SECRET}\"]'", "not the JSON of a login"),
            ("yes", "more than 64 KiB"),
            (f'echo \'{{"Secret": "{SECRET}"}}\'; exit 1', "exit code 1"),
            (f"echo tried https://me:{SECRET}@vault; exit 1", "exit code 1"),
            (f"echo 'tried https://vault?sig={SECRET}'; exit 1", "exit code 1"),
        ],
    )
    def test_that_fail(self, store: DockerLogins, tmp_path: Path, script: str, why: str) -> None:
        helper(tmp_path, script)
        with pytest.raises(SetupError, match='"docker-credential-test" gives no login') as caught:
            store.of("other.io")
        assert dict(caught.value.details)["cause"].endswith(why)
        assert dict(caught.value.details)["set by"] == str(tmp_path / "config.json")
        assert SECRET not in told(caught.value)
        assert caught.value.code == 4
        assert caught.value.__cause__ is None

    @pytest.mark.parametrize("script", ["sleep 30", "sleep 30 & sleep 30", "exec >&-; sleep 30"])
    def test_that_hang_are_ended_and_not_asked_again(self, tmp_path: Path, script: str) -> None:
        helper(tmp_path, script)
        store = logins(tmp_path, {"credsStore": "test"}, seconds=0.5)
        begin = time.monotonic()
        for _ in range(5):
            with pytest.raises(SetupError) as caught:
                store.of("ghcr.io")
        assert time.monotonic() - begin < 2
        assert "within 0.5 seconds" in dict(caught.value.details)["cause"]

    def test_that_hang_are_ended_with_all_that_they_started(self, tmp_path: Path) -> None:
        marks = tmp_path / "marks"
        helper(tmp_path, f"(while :; do echo >>{marks}; sleep 0.05; done) & wait")
        with pytest.raises(SetupError):
            logins(tmp_path, {"credsStore": "test"}, seconds=0.5).of("ghcr.io")
        time.sleep(0.2)
        size = marks.stat().st_size
        assert size
        time.sleep(0.3)
        assert marks.stat().st_size == size

    def test_have_fifteen_seconds(self) -> None:
        assert inspect.signature(DockerLogins).parameters["helper_seconds"].default == 15.0

    def test_that_are_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(SetupError) as caught:
            logins(tmp_path, {"credsStore": "nowhere"}).of("ghcr.io")
        cause = dict(caught.value.details)["cause"]
        assert cause == "docker-credential-nowhere is not on PATH"

    def test_that_do_not_start(self, tmp_path: Path) -> None:
        helper(tmp_path, "").chmod(0o644)
        with pytest.raises(SetupError) as caught:
            logins(tmp_path, {"credsStore": "test"}).of("ghcr.io")
        assert "does not start: Permission denied" in dict(caught.value.details)["cause"]

    @pytest.mark.parametrize(
        "name", ["../evil", "a b", "/bin/sh", "x;y", "-x", "\x1b[1mx", "x\n", "x" * 65]
    )
    def test_that_have_no_name(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(SetupError, match="gives no login") as caught:
            logins(tmp_path, {"credsStore": name}).of("ghcr.io")
        assert dict(caught.value.details)["cause"] == "that is no name of a helper"
        assert "\x1b" not in caught.value.message

    def test_get_the_environment_that_is_given(self, tmp_path: Path) -> None:
        program = helper(tmp_path, "")
        program.write_text(
            f"#!{sys.executable}\nimport json, os\n"
            "print(json.dumps({'Username': os.environ['WHO'], 'Secret': str(len(os.environ))}))\n"
        )
        (tmp_path / "config.json").write_text('{"credsStore": "test"}')
        given = {"DOCKER_CONFIG": str(tmp_path), "PATH": str(tmp_path), "WHO": "ada"}
        found = DockerLogins({**given, "LC_CTYPE": "C.UTF-8"}).of("ghcr.io")
        assert found == Password("ada", "4")


class TestTime:
    @pytest.fixture
    def now(self) -> list[float]:
        return [0.0]

    @pytest.fixture
    def store(self, tmp_path: Path, now: list[float]) -> DockerLogins:
        (tmp_path / "config.json").write_text('{"credsStore": "test"}')
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        environment = {"DOCKER_CONFIG": str(tmp_path), "PATH": path}
        return DockerLogins(environment, clock=lambda: now[0])

    def test_an_answer_is_good_for_five_minutes(
        self, store: DockerLogins, tmp_path: Path, now: list[float]
    ) -> None:
        helper(tmp_path, printing(secret="first"))
        assert store.of("ghcr.io") == Password("me", "first")
        helper(tmp_path, printing(secret="second"))
        now[0] = 299.0
        assert store.of("ghcr.io") == Password("me", "first")
        assert store.of("quay.io") == Password("me", "second")
        now[0] = 301.0
        assert store.of("ghcr.io") == Password("me", "second")

    def test_a_failure_is_good_for_as_long(
        self, store: DockerLogins, tmp_path: Path, now: list[float]
    ) -> None:
        helper(tmp_path, "exit 1")
        with pytest.raises(SetupError):
            store.of("ghcr.io")
        helper(tmp_path, printing())
        with pytest.raises(SetupError):
            store.of("ghcr.io")
        now[0] = 301.0
        assert store.of("ghcr.io") == Password("me", SECRET)

    def test_a_login_outlives_a_helper_that_fails(
        self, store: DockerLogins, tmp_path: Path, now: list[float]
    ) -> None:
        helper(tmp_path, printing(secret="first"))
        store.of("ghcr.io")
        for now[0], script, secret in (
            (301.0, "exit 1", "first"),
            (500.0, printing(secret="second"), "first"),
            (602.0, printing(secret="second"), "second"),
        ):
            helper(tmp_path, script)
            assert store.of("ghcr.io") == Password("me", secret)

    def test_a_login_that_is_gone_is_gone(
        self, store: DockerLogins, tmp_path: Path, now: list[float]
    ) -> None:
        helper(tmp_path, printing())
        store.of("ghcr.io")
        helper(tmp_path, "echo credentials not found in native keychain; exit 1")
        now[0] = 301.0
        assert store.of("ghcr.io") is None
        helper(tmp_path, "exit 1")
        now[0] = 700.0
        with pytest.raises(SetupError):
            store.of("ghcr.io")
