"""What a login to a registry is, and how an entry of ``auths`` in ``config.json`` is read.

The fields are those of Docker's ``AuthConfig`` (docker/cli, cli/config/types/authconfig.go).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

TOKEN_USER = "<token>"  # noqa: S105 - the user's name that marks an identity token


@dataclass(frozen=True, slots=True)
class Password:
    """A user's name and password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A refresh token, exchanged for access tokens at the token service (OAuth 2)."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegistryToken:
    """A bearer token, sent to the registry as it is."""

    token: str = field(repr=False)


Login = Password | IdentityToken | RegistryToken


class Logins(Protocol):
    """Something that knows logins."""

    def of(self, registry: str) -> Login | None:
        """The login for a registry's exact ``host`` or ``host:port``; ``None`` means anonymous.

        :raises SetupError: where there may be one and it cannot be read.
        """


class MalformedLoginError(Exception):
    """An entry is no login; the text says why (``the "auth" is not base64``) without its value."""


def named(username: str, secret: str) -> Login:
    """The login that a user's name and a secret are."""
    return IdentityToken(secret) if username == TOKEN_USER else Password(username, secret)


def login_in(entry: Mapping[str, object]) -> Login | None:
    """The login in an entry of ``auths``; ``None`` where it is empty, as beside a helper.

    The engine takes a registry token before everything else (moby, NewV2Repository), then an
    identity token; ``auth`` outdoes a name and a password beside it (docker/cli, LoadFromReader).

    :raises MalformedLoginError: where there is something that cannot be understood.
    """
    if token := _text(entry, "registrytoken"):
        if not token.isascii() or not token.isprintable():  # it becomes a header as it is
            raise MalformedLoginError('the "registrytoken" is not plain text')
        return RegistryToken(token)
    if token := _text(entry, "identitytoken"):
        return IdentityToken(token)
    if auth := _text(entry, "auth"):
        return _decoded(auth)
    username, password = _text(entry, "username"), _text(entry, "password")
    return named(username, password) if username and password else None


def _decoded(auth: str) -> Login:
    try:
        # Go's decoder, which is Docker's, passes over line ends.
        unbroken = auth.replace("\r", "").replace("\n", "")
        plain = base64.b64decode(unbroken, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise MalformedLoginError('the "auth" is not base64 of text') from None
    username, colon, password = plain.partition(":")
    if not colon or not username:
        raise MalformedLoginError('the "auth" is not a user name and a password')
    # Some versions pad the password with NUL (docker/cli, decodeAuth).
    return named(username, password.strip("\0"))


def _text(entry: Mapping[str, object], name: str) -> str:
    value = entry.get(name)
    if value is not None and not isinstance(value, str):
        raise MalformedLoginError(f'the "{name}" is not text')
    return value or ""
