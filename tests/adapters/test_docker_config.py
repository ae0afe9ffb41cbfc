"""Docker's settings, and the logins that it keeps."""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from releaser.engines.docker_config import DockerConfig, load_config
from releaser.engines.docker_credentials import HUB_SERVER, Credentials
from releaser.errors import SetupError


def settings(folder: Path, content: object) -> dict[str, str]:
    """An environment with a ``config.json`` of this content."""
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "config.json").write_text(text)
    return {"DOCKER_CONFIG": str(folder)}


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_file_is_an_empty_configuration(tmp_path: Path, text: str) -> None:
    assert load_config(settings(tmp_path, text)) == DockerConfig(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        '{"auths": {"ghcr.io": {"au',
        "[]",
        "[" * 100_000,
        {"auths": []},
        {"auths": {"ghcr.io": 1}},
        {"credHelpers": 3},
        {"credsStore": {}},
        '"' + "x" * (1 << 20) + '"',
    ],
)
def test_a_broken_file_is_never_anonymous(tmp_path: Path, content: object) -> None:
    with pytest.raises(SetupError, match=r"config\.json cannot be used"):
        load_config(settings(tmp_path, content))


def test_a_file_that_is_no_utf8(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b'{"auths": {"\xff": {}}}')
    with pytest.raises(SetupError) as caught:
        load_config({"DOCKER_CONFIG": str(tmp_path)})
    assert caught.value.details == (("cause", "it is not UTF-8 text"),)


def test_the_representation_holds_no_secrets(tmp_path: Path) -> None:
    auth = base64.b64encode(b"ada:secret").decode()
    shown = repr(load_config(settings(tmp_path, {"auths": {"ghcr.io": {"auth": auth}}})))
    assert auth not in shown


def login(folder: Path, content: object, registry: str, path: str = "") -> Mapping[str, str]:
    environment = {**settings(folder, content), "PATH": path}
    return Credentials(load_config(environment), environment, helper_seconds=0.5).login(registry)


def helper(folder: Path, script: str) -> str:
    """A credential helper called ``x``; answers the PATH to find it."""
    program = folder / "docker-credential-x"
    program.write_text(f"#!{sys.executable}\nimport sys, time\nserver = sys.stdin.read()\n{script}")
    program.chmod(0o755)
    return str(folder)


AUTH = {"auth": base64.b64encode(b"ada:se:cret").decode()}


@pytest.mark.parametrize("key", ["ghcr.io", "https://ghcr.io", "https://ghcr.io/v2/"])
def test_a_login_in_the_file(tmp_path: Path, key: str) -> None:
    expected = {"username": "ada", "password": "se:cret", "serveraddress": "ghcr.io"}
    assert login(tmp_path, {"auths": {key: AUTH}}, "ghcr.io") == expected


def test_docker_hub_has_an_address_of_its_own(tmp_path: Path) -> None:
    found = login(tmp_path, {"auths": {HUB_SERVER: AUTH}}, "docker.io")
    assert found["serveraddress"] == HUB_SERVER


def test_tokens_are_handed_on(tmp_path: Path) -> None:
    entries = {"ghcr.io": {"identitytoken": "t"}, "other": {"registrytoken": "r"}}
    assert login(tmp_path, {"auths": entries}, "ghcr.io")["identitytoken"] == "t"
    assert login(tmp_path, {"auths": entries}, "other")["registrytoken"] == "r"


@pytest.mark.parametrize("auths", [{}, {"ghcr.io:443": AUTH}, {"ghcr.io": {}}, {"x.ghcr.io": AUTH}])
def test_no_login_is_nobodys(tmp_path: Path, auths: object) -> None:
    assert login(tmp_path, {"auths": auths}, "ghcr.io") == {}


@pytest.mark.parametrize(
    "auth", ["%%%", 7316894250, base64.b64encode(b"no colon").decode(), "gA=="]
)
def test_a_malformed_login_is_an_error_without_its_text(tmp_path: Path, auth: object) -> None:
    with pytest.raises(SetupError, match=r"the login for ghcr\.io") as caught:
        login(tmp_path, {"auths": {"ghcr.io": {"auth": auth}}}, "ghcr.io")
    assert str(auth) not in f"{caught.value} {caught.value.details}"


def test_a_helper_is_asked_once_for_a_host(tmp_path: Path) -> None:
    answer = '{"Username": "ada", "Secret": "s"}'
    path = helper(
        tmp_path, f"open({str(tmp_path / 'log')!r}, 'a').write(server + '\\n')\nprint({answer!r})"
    )
    environment = {**settings(tmp_path, {"credHelpers": {"ghcr.io": "x"}}), "PATH": path}
    now = [0.0]
    credentials = Credentials(load_config(environment), environment, clock=lambda: now[0])
    expected = {"username": "ada", "password": "s", "serveraddress": "ghcr.io"}
    assert credentials.login("ghcr.io") == credentials.login("ghcr.io") == expected
    now[0] = 1000.0
    credentials.login("ghcr.io")
    assert (tmp_path / "log").read_text() == "ghcr.io\nghcr.io\n"


def test_a_helper_gives_an_identity_token(tmp_path: Path) -> None:
    path = helper(tmp_path, """print('{"Username": "<token>", "Secret": "t"}')""")
    assert login(tmp_path, {"credsStore": "x"}, "docker.io", path) == {
        "identitytoken": "t",
        "serveraddress": HUB_SERVER,
    }


@pytest.mark.parametrize(
    "script",
    [
        "print('credentials not found in native keychain'); sys.exit(1)",
        """print('{"Username": "", "Secret": ""}')""",
    ],
)
def test_a_helper_without_a_login_leaves_it_to_the_file(tmp_path: Path, script: str) -> None:
    content = {"credsStore": "x", "auths": {"ghcr.io": AUTH}}
    path = helper(tmp_path, script)
    assert login(tmp_path, content, "ghcr.io", path)["username"] == "ada"
    assert login(tmp_path, content, "quay.io", path) == {}


@pytest.mark.parametrize(
    "script",
    [
        "print('error: keychain locked'); sys.exit(1)",
        "sys.exit(3)",
        "print('my-secret')",
        """print('{"Username": "ada", "my-secret": 1}')""",
        "print('[\"my-secret\"]')",
        "print('my-secret' * 100_000)",
        "time.sleep(60)",
    ],
)
def test_a_broken_helper_is_named_and_its_words_are_not(tmp_path: Path, script: str) -> None:
    began = time.monotonic()
    with pytest.raises(SetupError, match="docker-credential-x gives no login") as caught:
        login(tmp_path, {"credsStore": "x"}, "ghcr.io", helper(tmp_path, script))
    assert "my-secret" not in f"{caught.value} {caught.value.details}"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("name", ["missing", "../x", "-x", "a b"])
def test_a_helper_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(SetupError, match="gives no login"):
        login(tmp_path, {"credsStore": name}, "ghcr.io", str(tmp_path))
