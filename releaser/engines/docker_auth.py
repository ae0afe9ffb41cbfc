"""A login as the engine's API takes it: the ``AuthConfig`` of "Authentication" in its reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from releaser.logins.finding import server_of
from releaser.logins.login import IdentityToken, Login, Password, RegistryToken

AuthConfig = Mapping[str, str]


def auth_config(registry: str, login: Login | None) -> AuthConfig:
    """What the engine is to show ``registry``; empty where nobody has logged in."""
    server = server_of(registry)
    match login:
        case Password(username, password):
            return {"username": username, "password": password, "serveraddress": server}
        case IdentityToken(token):
            return {"identitytoken": token, "serveraddress": server}
        case RegistryToken(token):
            return {"registrytoken": token, "serveraddress": server}
        case None:
            return {}
        case _:
            assert_never(login)
