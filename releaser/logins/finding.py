"""The login of a registry, found as the ``docker`` program finds it.

For a host, the program that ``credHelpers`` or else ``credsStore`` names is asked, then ``auths``
is read. Nothing there means anonymous. What cannot be understood is an error and never anonymous:
what would fail then is a release, later, with a message about permissions.

docker-py reads the same file, but takes a broken one for an empty one, drops ``registrytoken``, and
waits for a helper that hangs for ever; so nothing of it is used here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from releaser.core.harmless import one_line
from releaser.core.oci import DOCKER_HUB
from releaser.errors import SetupError
from releaser.logins.config import DockerConfig, broken, load_config
from releaser.logins.helpers import HelperError, ask_helper
from releaser.logins.login import Login, MalformedLoginError, login_in, named

HUB_SERVER = "https://index.docker.io/v1/"
HELPER_SECONDS = 15.0
KEEP_SECONDS = 300.0
_HUB_HOSTS = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})


def server_of(registry: str) -> str:
    """The name that Docker keeps a registry's login under; Docker Hub's is an address."""
    return HUB_SERVER if registry in _HUB_HOSTS else registry


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was found, or the error, and until when that is good enough."""

    found: Login | SetupError | None = field(repr=False)
    until: float


class DockerLogins:
    """The logins of Docker's configuration; implements :class:`~releaser.logins.login.Logins`.

    The file is read once, when first asked. What a helper says is kept for five minutes, that it
    failed too: many open a keychain or a connection, and some give tokens that soon end. One is
    asked at a time. Callable from many threads.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        helper_seconds: float = HELPER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._environment = dict(environment)
        self._helper_seconds = helper_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._config: DockerConfig | None = None
        self._kept: dict[str, _Kept] = {}

    def of(self, registry: str) -> Login | None:
        """See :meth:`Logins.of`."""
        with self._lock:
            kept = self._kept.get(registry)
            if kept is None or kept.until <= self._clock():
                kept = self._kept[registry] = self._renewed(registry, kept)
        if isinstance(kept.found, SetupError):
            raise kept.found
        return kept.found

    def _renewed(self, registry: str, before: _Kept | None) -> _Kept:
        found = self._found_or_error(registry)
        # A login at hand outlives a helper that fails: else a release could stop half way for it.
        # Where the login has ended meanwhile, the registry says so.
        if isinstance(found, SetupError) and before and isinstance(before.found, Login):
            found = before.found
        return _Kept(found, self._clock() + KEEP_SECONDS)

    def _found_or_error(self, registry: str) -> Login | SetupError | None:
        try:
            return self._find(registry)
        except SetupError as error:
            return error

    def _find(self, registry: str) -> Login | None:
        if self._config is None:
            self._config = load_config(self._environment)
        config = self._config
        helper = _helper_for(registry, config)
        found = self._ask(helper, registry, config) if helper else None
        return found or _stored(registry, config)

    def _ask(self, helper: str, registry: str, config: DockerConfig) -> Login | None:
        server = server_of(registry)
        try:
            found = ask_helper(helper, server, self._helper_seconds, self._environment)
        except HelperError as error:
            raise SetupError(
                f'the credential helper "docker-credential-{one_line(helper, 64)}" '
                f"gives no login for {registry}",
                details=(("cause", str(error)), ("set by", str(config.file))),
                hint=f"run docker login {registry}, or mend the helper",
            ) from None
        return named(*found) if found else None


def _helper_for(registry: str, config: DockerConfig) -> str | None:
    """Docker wants the exact name; an empty one there means no helper (docker/cli, file.go)."""
    for key in (server_of(registry), _host(registry)):
        if key in config.helpers:
            return config.helpers[key] or None
    return config.store


def _stored(registry: str, config: DockerConfig) -> Login | None:
    """Docker takes the exact key, else one with a scheme or a path (docker/cli, file_store.go)."""
    exact = [key for key in (server_of(registry), _host(registry)) if key in config.auths]
    for key in (*exact, *config.auths):
        if _host(key) == _host(registry):
            try:
                return login_in(config.auths[key])
            except MalformedLoginError as error:
                raise broken(config.file, f"in the login for {registry}, {error}") from None
    return None


def _host(key: str) -> str:
    """The ``host`` or ``host:port`` in a key, which may be a URL; one name for Docker Hub."""
    host = key.partition("://")[2] if "://" in key else key
    host = host.partition("/")[0]
    return DOCKER_HUB if host in _HUB_HOSTS else host
