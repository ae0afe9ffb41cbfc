"""Who we are at a registry: the logins that ``docker login`` keeps.

The file is ``config.json`` in ``$DOCKER_CONFIG`` or ``~/.docker``. For a host, the program that
``credHelpers`` or else ``credsStore`` names is asked, then ``auths`` is read. No file means
anonymous; a file that cannot be understood is an error and never anonymous, because what would
fail then is a release, later, with a message about permissions.

docker-py reads the same file, but takes a broken one for an empty one, drops ``registrytoken``, and
waits for a helper that hangs for ever; so nothing of it is used here.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from releaser.core.oci import DOCKER_HUB
from releaser.errors import SetupError
from releaser.registries.helpers import HelperError, ask_helper

MAX_CONFIG = 1 << 20
HUB_KEY = "https://index.docker.io/v1/"
_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})


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


class DockerConfig:
    """The logins of a Docker configuration file; read once, when first asked; thread-safe."""

    def __init__(self, path: Path, *, helper_seconds: float = 15.0) -> None:
        self._path = path
        self._helper_seconds = helper_seconds
        self._lock = threading.Lock()
        self._config: Mapping[str, object] | None = None
        self._known: dict[str, Login | SetupError | None] = {}

    @classmethod
    def from_environment(cls) -> DockerConfig:
        """The file that the ``docker`` program would use."""
        folder = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
        return cls(Path(folder) / "config.json")

    def of(self, registry: str) -> Login | None:
        """See :meth:`Logins.of`; a helper is asked once for each registry, a failing one too."""
        with self._lock:
            if registry not in self._known:
                self._known[registry] = self._found_or_error(registry)
            known = self._known[registry]
        if isinstance(known, SetupError):
            raise known
        return known

    def _found_or_error(self, registry: str) -> Login | SetupError | None:
        try:
            return self._find(registry)
        except SetupError as error:
            return error

    def _find(self, registry: str) -> Login | None:
        if self._config is None:
            self._config = self._read()
        helper = self._helper(registry)
        found = self._from_helper(helper, registry) if helper else None
        return found or self._from_auths(registry)

    def _read(self) -> Mapping[str, object]:
        try:
            if self._path.is_fifo():  # opening it would wait for ever
                raise self._broken("it is no regular file")
            with self._path.open("rb") as file:
                content = file.read(MAX_CONFIG + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._broken(error.strerror or "it cannot be read") from None
        if len(content) > MAX_CONFIG:
            raise self._broken("it is larger than 1 MiB")
        try:
            return self._object(json.loads(content.decode("utf-8")), "it")
        except UnicodeDecodeError:
            raise self._broken("it is not UTF-8") from None
        except (ValueError, RecursionError):
            raise self._broken("it is not JSON") from None

    def _helper(self, registry: str) -> str | None:
        helpers = self._section("credHelpers")
        named = next((h for key, h in helpers.items() if _same(key, registry)), None)
        helper = named or (self._config or {}).get("credsStore")
        if helper is not None and not isinstance(helper, str):
            raise self._broken("the name of a credential helper is not text")
        return helper or None

    def _from_helper(self, helper: str, registry: str) -> Login | None:
        server = HUB_KEY if registry in _HUB_NAMES else registry
        try:
            found = ask_helper(helper, server, self._helper_seconds)
        except HelperError as error:
            raise SetupError(
                f'the credential helper "docker-credential-{helper}" failed for {registry}',
                details=(("cause", str(error)), ("named in", str(self._path))),
                hint=f"run `docker login {registry}`, or mend the helper",
            ) from None
        if found is None:
            return None
        username, secret = found
        return IdentityToken(secret) if username == "<token>" else Password(username, secret)

    def _from_auths(self, registry: str) -> Login | None:
        auths = self._section("auths")
        # the exact name wins over one with a scheme or a path
        keys = sorted((k for k in auths if _same(k, registry)), key=lambda k: k != registry)
        for key in keys:
            login = self._login(self._object(auths[key], f'the entry "{key}"'), key)
            if login:
                return login
        return None

    def _login(self, entry: Mapping[str, object], key: str) -> Login | None:
        if token := self._text(entry, "identitytoken", key):
            return IdentityToken(token)
        if token := self._text(entry, "registrytoken", key):
            if not token.isascii() or not token.isprintable():  # it becomes a header as it is
                raise self._broken(f'the "registrytoken" of "{key}" is not plain text')
            return RegistryToken(token)
        if auth := self._text(entry, "auth", key):
            return self._decoded(auth, key)
        username, password = (self._text(entry, name, key) for name in ("username", "password"))
        return Password(username, password) if username and password else None

    def _decoded(self, auth: str, key: str) -> Login:
        try:
            plain = base64.b64decode(auth.strip(), validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            raise self._broken(f'the "auth" of "{key}" is not base64') from None
        username, colon, password = plain.rstrip("\0").partition(":")
        if not colon or not username:
            raise self._broken(f'the "auth" of "{key}" is not a user name and a password')
        return IdentityToken(password) if username == "<token>" else Password(username, password)

    def _section(self, name: str) -> Mapping[str, object]:
        section = (self._config or {}).get(name)
        return {} if section is None else self._object(section, f'"{name}"')

    def _text(self, entry: Mapping[str, object], name: str, key: str) -> str:
        value = entry.get(name)
        if value is not None and not isinstance(value, str):
            raise self._broken(f'"{name}" of "{key}" is not text')
        return value or ""

    def _object(self, value: object, what: str) -> Mapping[str, object]:
        if not isinstance(value, dict):
            raise self._broken(f"{what} is not a JSON object")
        return value

    def _broken(self, why: str) -> SetupError:
        return SetupError(
            f"{self._path} cannot be used: {why}",
            hint="mend the file, or move it away and run `docker login` again",
        )


def _same(key: str, registry: str) -> bool:
    host = key.partition("://")[2] if "://" in key else key
    host = host.partition("/")[0]
    return host == registry or (host in _HUB_NAMES and registry in _HUB_NAMES)
