"""Logins as the engine's API takes them."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from releaser.engines.docker_auth import AuthConfig, auth_config
from releaser.engines.docker_client import Connection
from releaser.logins.login import IdentityToken, Login, Password, RegistryToken
from tests.registry_client import Known

HUB = "https://index.docker.io/v1/"


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        (Password("ada", "pw"), {"username": "ada", "password": "pw", "serveraddress": "ghcr.io"}),
        (IdentityToken("t"), {"identitytoken": "t", "serveraddress": "ghcr.io"}),
        (RegistryToken("t"), {"registrytoken": "t", "serveraddress": "ghcr.io"}),
        (None, {}),
    ],
)
def test_each_kind_has_fields_of_its_own(login: Login | None, expected: AuthConfig) -> None:
    assert auth_config("ghcr.io", login) == expected


def test_docker_hub_has_an_address_of_its_own() -> None:
    assert auth_config("docker.io", IdentityToken("t"))["serveraddress"] == HUB


def test_a_connection_has_the_logins_of_its_environment(tmp_path: Path) -> None:
    auth = base64.b64encode(b"ada:se:cret").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {HUB: {"auth": auth}}}))
    found = Connection({"DOCKER_CONFIG": str(tmp_path)}).login("docker.io")
    assert found == {"username": "ada", "password": "se:cret", "serveraddress": HUB}


def test_a_connection_may_be_given_others(tmp_path: Path) -> None:
    connection = Connection({"DOCKER_CONFIG": str(tmp_path)}, Known(RegistryToken("t")))
    assert connection.login("ghcr.io")["registrytoken"] == "t"
