"""HTTP with limits: one request, one answer, and every failure as one kind of error.

What is held here, for every byte that comes from outside: a limit on its size, on the pause between
two bytes, and on the whole exchange, headers included (``requests`` knows only the pause, so that a
server that drips one byte a second would be waited for without end). No cookies, no ``.netrc``, no
compression; proxies and certificates as the environment says.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from releaser.errors import SetupError
from releaser.registries.failures import Failure, NoAnswerError, translated
from releaser.registries.hosts import (
    Reach,
    RefusedAddressError,
    follow,
    is_loopback,
    origin,
    reach_of_name,
)

if TYPE_CHECKING:
    import requests

CHUNK = 256 * 1024
MAX_ERROR_BODY = 8 * 1024
MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Body(Protocol):
    """Bytes to send whose number is known before they are."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Request:
    """One request: ``limit`` bounds the answer's body in bytes, ``seconds`` the whole exchange.

    ``headers`` may hold a secret, which goes to the request's own origin only. ``registry`` is the
    host that the request is for: an address elsewhere may lie no deeper inside than that one does.
    Empty means that whoever asks knows the address from the user.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | Body | None = field(default=None, repr=False)
    limit: int = MAX_ERROR_BODY
    seconds: float = 60.0
    redirects: int = MAX_REDIRECTS
    registry: str = ""

    def complete(self, answer: Answer, pieces: Iterator[bytes]) -> Answer:
        """``answer`` with its body read; that of an error is cut off where it is long.

        :raises NoAnswerError: where any other is longer than ``limit``.
        """
        bad = answer.status >= 400
        return replace(
            answer, body=_collected(pieces, MAX_ERROR_BODY if bad else self.limit, cut=bad)
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: ``url`` is where it came from in the end, ``headers`` ignore case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Transport:
    """Connections to registries: kept, shared by threads, and watched by a clock."""

    def __init__(self, *, connect: float = 10.0, idle: float = 30.0) -> None:
        from releaser.registries.wire import session

        self._timeouts = (connect, idle)
        self._verify = trust()
        self._sessions = {reach: session(reach) for reach in Reach}
        self._reach_of = cache(reach_of_name)

    def send(self, request: Request) -> Answer:
        """The answer to ``request``, its body read.

        :raises NoAnswerError: where none came, or one beyond the limits.
        """
        with self.open(request) as (answer, pieces):
            return request.complete(answer, pieces)

    @contextmanager
    def open(self, request: Request) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        """The answer's head, and its body in pieces; redirects of GET and HEAD are followed.

        :raises NoAnswerError: as :meth:`send`, also while the pieces are read.
        """
        try:
            with translated():
                response, url = self._exchange(request)
        except RefusedAddressError as error:
            raise NoAnswerError(f"its address is refused: {error}", Failure.REFUSED) from None
        try:
            yield Answer(response.status_code, response.headers, b"", url), _pieces(response)
        finally:
            response.close()

    def _exchange(self, request: Request) -> tuple[requests.Response, str]:
        from releaser.registries.wire import until

        end = time.monotonic() + request.seconds
        for _ in range(request.redirects + 1):
            with until(end):
                response = self._once(request)
            if response.status_code not in _REDIRECTS or request.method not in {"GET", "HEAD"}:
                return response, request.url
            response.close()
            request = _redirected(request, response)
        raise NoAnswerError("it redirected too often", Failure.REFUSED)

    def _deepest(self, request: Request) -> Reach:
        if request.registry in {"", urlsplit(request.url).hostname}:
            return Reach.MACHINE
        return self._reach_of(request.registry)

    def _once(self, request: Request) -> requests.Response:
        return self._sessions[self._deepest(request)].request(
            request.method,
            request.url,
            headers=dict(request.headers),
            data=request.body,
            timeout=self._timeouts,
            allow_redirects=False,
            stream=True,
            verify=self._verify,
            proxies=proxies(request.url),
        )


def trust() -> str | bool:
    """The certificate authorities to trust: a file or a folder, or ``True`` for the usual ones.

    :raises SetupError: where the environment names one that does not exist.
    """
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        path = os.environ.get(name)
        if path and not os.path.exists(path):  # noqa: PTH110 - it may be any text
            raise SetupError(f'{name} names "{path}", which does not exist')
        if path:
            return path
    return True


def proxies(url: str) -> dict[str, str]:
    """The proxies of the environment for ``url``; none for this machine, as Docker has it."""
    from requests.utils import get_environ_proxies

    host = urlsplit(url).hostname or ""
    return {} if is_loopback(host) else dict(get_environ_proxies(url))


def _redirected(request: Request, response: requests.Response) -> Request:
    try:
        target = follow(request.url, response.headers.get("Location"))
    except RefusedAddressError as error:
        raise NoAnswerError(f"its redirect is not followed: {error}", Failure.REFUSED) from None
    headers = dict(request.headers)
    if origin(target) != origin(request.url):
        headers.pop("Authorization", None)
    return replace(request, url=target, headers=headers)


def _pieces(response: requests.Response) -> Iterator[bytes]:
    # undecoded: we asked for no compression, and what is hashed are the bytes that were sent
    while True:
        with translated():
            piece = response.raw.read(CHUNK, decode_content=False)
        if not piece:
            return
        yield piece


def _collected(pieces: Iterator[bytes], limit: int, *, cut: bool) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > limit:
            if cut:
                return bytes(body[:limit])
            raise NoAnswerError(f"its answer is larger than {limit} bytes", Failure.REFUSED)
    return bytes(body)
