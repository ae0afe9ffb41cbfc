"""What we show a registry so that it lets us in: Basic, or a token from its token service.

The flow is that of the distribution project's "Token Authentication Specification": the registry
answers 401 and names a token service (*realm*), which gives a token for a *scope* to who logs in
there. What a registry asks for is remembered, so that it is asked for the first time only; tokens
are kept for each registry and scope until shortly before they end.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from dataclasses import dataclass, field, replace
from typing import assert_never
from urllib.parse import urlencode, urlsplit, urlunsplit

from releaser.errors import SetupError
from releaser.logins.login import IdentityToken, Login, Logins, Password, RegistryToken
from releaser.registries.challenge import Challenge, wanted
from releaser.registries.failures import NoAnswerError
from releaser.registries.hosts import Endpoint, RefusedAddressError, check_realm, declared
from releaser.registries.refusals import AttemptError, refused, unanswered, unauthorized, unusable
from releaser.registries.retry import RETRIED, Clock, retry_after
from releaser.registries.transport import Answer, Request, Transport

MAX_TOKEN_ANSWER = 64 * 1024
TOKEN_SECONDS = 12.0
"""How long a token service is waited for; where it is silent, twice and no more."""
CLIENT = "releaser"

Scopes = tuple[str, ...]


def pull(path: str) -> str:
    """The scope that reading from a repository needs."""
    return f"repository:{path}:pull"


def push(path: str) -> str:
    """The scope that writing to a repository needs."""
    return f"repository:{path}:pull,push"


def delete(path: str) -> str:
    """The scope that removing from a repository needs."""
    return f"repository:{path}:pull,push,delete"


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    ends: float


class Authority:
    """The ``Authorization`` headers for all registries; callable from many threads."""

    def __init__(
        self, transport: Transport, logins: Logins, realms: frozenset[str], clock: Clock
    ) -> None:
        self._transport = transport
        self._logins = logins
        self._realms = realms
        self._clock = clock
        self._challenges: dict[str, Challenge] = {}
        self._tokens: dict[tuple[str, Scopes], _Token] = {}
        self._secrets: set[str] = set()
        self._lock = threading.Lock()
        self._turns: dict[tuple[str, Scopes], threading.Lock] = {}
        self._failed: dict[tuple[str, Scopes], tuple[float, NoAnswerError]] = {}

    def header(self, at: Endpoint, scopes: Scopes) -> str | None:
        """What to send to a registry from the start; ``None`` where it has not asked for anything.

        :raises RegistryError: where the token service does not answer; :class:`SetupError` where it
            rejects us, or where the registry names one that is not to be trusted.
        """
        challenge = self._challenges.get(at.registry)
        if challenge is None:
            return None
        login = self._login(at)
        if isinstance(login, RegistryToken):
            return f"Bearer {login.token}"
        if challenge.scheme == "bearer":
            return f"Bearer {self._token(at, scopes, challenge, login)}"
        return _basic(login) if isinstance(login, Password) else None

    def renew(self, at: Endpoint, scopes: Scopes, used: str | None, answer: Answer) -> str | None:
        """What to send after a 401 (``answer``) to ``used``; ``None`` where nothing is new."""
        challenge = wanted(answer.headers.get("WWW-Authenticate", ""))
        if challenge is None:
            return None
        with self._lock:
            self._challenges[at.registry] = challenge
            for key in [k for k, t in self._tokens.items() if f"Bearer {t.value}" == used]:
                del self._tokens[key]
        fresh = self.header(at, scopes)
        return None if fresh == used else fresh

    def knows(self, at: Endpoint) -> bool:
        """Whether there is a login for the registry."""
        return self._login(at) is not None

    @property
    def secrets(self) -> frozenset[str]:
        """Everything that must not appear in a text."""
        with self._lock:
            return frozenset(self._secrets)

    def _login(self, at: Endpoint) -> Login | None:
        login = self._logins.of(at.registry)
        match login:
            case Password():
                self._hide(login.password, (_basic(login) or "").removeprefix("Basic "))
            case IdentityToken() | RegistryToken():
                self._hide(login.token)
            case None:
                pass
            case _:
                assert_never(login)
        return login

    def _hide(self, *secrets: str) -> None:
        with self._lock:
            self._secrets.update(s for s in secrets if s)

    def _token(
        self, at: Endpoint, scopes: Scopes, challenge: Challenge, login: Login | None
    ) -> str:
        key = (at.registry, scopes)
        came = self._clock.monotonic()
        with self._lock:
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:  # whoever comes second finds the token of who came first
            kept = self._kept(at, scopes)
            if kept is None:
                self._share_failure(at, key, came)
                kept = self._fetch(at, scopes, challenge, login)
                self._hide(kept.value)
                with self._lock:
                    self._tokens[key] = kept
            return kept.value

    def _share_failure(self, at: Endpoint, key: tuple[str, Scopes], came: float) -> None:
        """Fail as the one did who was waited for: a silent service costs everybody one wait."""
        when, failed = self._failed.get(key, (0.0, None))
        if failed is not None and when >= came:
            raise _no_token(at.registry, key[1], failed)

    def _kept(self, at: Endpoint, scopes: Scopes) -> _Token | None:
        now = self._clock.monotonic()
        wider = tuple(f"{s},push" if s.endswith(":pull") else s for s in scopes)
        with self._lock:
            kept = [self._tokens.get((at.registry, s)) for s in (scopes, wider)]
        return next((token for token in kept if token and token.ends > now), None)

    def _fetch(
        self, at: Endpoint, scopes: Scopes, challenge: Challenge, login: Login | None
    ) -> _Token:
        doing = _doing(scopes)
        request = self._request(at, scopes, challenge, login)
        try:
            answer = self._transport.send(request)
        except NoAnswerError as none:
            self._failed[at.registry, scopes] = (self._clock.monotonic(), none)
            raise _no_token(at.registry, scopes, none) from None
        if answer.status in {401, 403} or (answer.status == 400 and login):
            raise unauthorized(
                at.registry, doing, answer, known=login is not None, secrets=self.secrets
            )
        if answer.status != 200:
            error = refused(at.registry, doing, answer, self.secrets)
            error.asked = retry_after(answer.headers.get("Retry-After"), self._clock.wall())
            error.retryable = answer.status in RETRIED
            error.no_token = True
            raise error
        token = _parsed(answer.body, self._clock.monotonic())
        if token is None:
            raise unusable(at.registry, doing, "the token service's answer holds no token")
        return token

    def _request(
        self, at: Endpoint, scopes: Scopes, challenge: Challenge, login: Login | None
    ) -> Request:
        realm = challenge.parameters["realm"]
        try:
            check_realm(realm, at, self._realms, secret=login is not None)
        except RefusedAddressError as error:
            raise SetupError(
                f"registry {at.registry} names a token service that is not trusted",
                details=(("cause", str(error)),),
                hint="if it is the registry's own, let RELEASER_AUTH_REALMS name its host",
            ) from None
        service = challenge.parameters.get("service", "")
        if isinstance(login, IdentityToken):
            request = _refresh(realm, service, scopes, login.token)
        else:
            request = _ask(realm, service, scopes, _basic(login))
        return replace(request, registry="" if declared(realm, self._realms) else at.name)


def _doing(scopes: Scopes) -> str:
    return "give a token for " + " and ".join(s.split(":")[1] for s in scopes)


def _no_token(registry: str, scopes: Scopes, failed: NoAnswerError) -> AttemptError:
    error = unanswered(registry, _doing(scopes), failed)
    error.no_token = True
    return error


def _ask(realm: str, service: str, scopes: Scopes, basic: str | None) -> Request:
    query = [("service", service)] if service else []
    query += [("scope", scope) for scope in scopes]
    parts = urlsplit(realm)
    both = "&".join(q for q in (parts.query, urlencode(query)) if q)
    return Request(
        "GET",
        urlunsplit(parts._replace(query=both, fragment="")),
        {"Authorization": basic} if basic else {},
        limit=MAX_TOKEN_ANSWER,
        seconds=TOKEN_SECONDS,
        redirects=0,
    )


def _refresh(realm: str, service: str, scopes: Scopes, token: str) -> Request:
    form = {
        "grant_type": "refresh_token",
        "service": service,
        "client_id": CLIENT,
        "scope": " ".join(scopes),
        "refresh_token": token,
    }
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode(form).encode()
    return Request("POST", realm, kind, body, MAX_TOKEN_ANSWER, TOKEN_SECONDS, redirects=0)


def _parsed(body: bytes, now: float) -> _Token | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict):
        return None
    value = answer.get("token") or answer.get("access_token")
    if not isinstance(value, str) or not re.fullmatch(r"[\x20-\x7e]+", value):
        return None
    life = answer.get("expires_in")
    # the specification's default is 60 seconds; a token that ends early is renewed after the 401
    sane = life if isinstance(life, int) and 10 <= life <= 86400 else 60
    return _Token(value, now + sane * 0.8)


def _basic(login: Login | None) -> str | None:
    if not isinstance(login, Password):
        return None
    return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
