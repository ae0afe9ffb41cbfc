"""What goes wrong below HTTP: every exception of requests, urllib3, ssl and socket as one error.

``requests`` wraps ``urllib3``, which wraps ``http.client`` and ``socket``, and some of each come
out bare (a broken body is a ``urllib3`` exception). So the whole chain of causes is looked at.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum


class Failure(Enum):
    """Where an exchange broke off, which decides whether it is tried again."""

    UNREACHABLE = "unreachable"
    """No connection came about: the request was not sent."""
    UNTRUSTED = "untrusted"
    """TLS says that this is not the host, or the host does not speak TLS: never tried again."""
    BROKEN = "broken"
    """The connection broke: the request may have had its effect."""
    SILENT = "silent"
    """No answer came in time: the request may have had its effect, or still get it."""
    REFUSED = "refused"
    """We do not accept what was answered: never tried again."""


class NoAnswerError(Exception):
    """There is no answer that could be used; the text says why, without a secret."""

    def __init__(self, why: str, failure: Failure) -> None:
        super().__init__(why)
        self.why = why
        self.failure = failure

    @property
    def retryable(self) -> bool:
        """Whether the same request may be answered later."""
        return self.failure in {Failure.UNREACHABLE, Failure.BROKEN, Failure.SILENT}


@contextmanager
def translated() -> Iterator[None]:
    """Raise every exception of the network as :class:`NoAnswerError`, and let others pass."""
    import requests
    import urllib3

    foreign = (
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        http.client.HTTPException,
        OSError,
        ValueError,
    )
    try:
        yield
    except foreign as error:
        raise _translate(error) from None


def _translate(error: BaseException) -> NoAnswerError:
    import requests
    import urllib3.exceptions as u

    chain = tuple(_causes(error))
    for kind, failure, why in (
        (ssl.SSLCertVerificationError, Failure.UNTRUSTED, "its certificate is not trusted"),
        (u.ProxyError, Failure.UNREACHABLE, "the proxy did not let us through"),
        (socket.gaierror, Failure.UNREACHABLE, "its name cannot be resolved"),
        (ConnectionRefusedError, Failure.UNREACHABLE, "it refuses connections"),
        (u.ConnectTimeoutError, Failure.UNREACHABLE, "it did not accept a connection in time"),
        (u.NewConnectionError, Failure.UNREACHABLE, "it cannot be connected to"),
        (TimeoutError, Failure.SILENT, "it did not answer in time"),
        (u.TimeoutError, Failure.SILENT, "it did not answer in time"),
        (ssl.SSLEOFError, Failure.BROKEN, "it broke off the TLS handshake"),
        (ssl.SSLError, Failure.UNTRUSTED, "it does not speak TLS as we do"),
        (ConnectionResetError, Failure.BROKEN, "it reset the connection"),
        (u.IncompleteRead, Failure.BROKEN, "it closed the connection in the middle of its answer"),
        (http.client.RemoteDisconnected, Failure.BROKEN, "it closed the connection"),
        (u.ProtocolError, Failure.BROKEN, "its answer is not HTTP, or broke off"),
        (u.InvalidHeader, Failure.BROKEN, "its answer is not HTTP, or broke off"),
        (requests.exceptions.InvalidProxyURL, Failure.REFUSED, "the proxy's address is malformed"),
        (requests.exceptions.InvalidSchema, Failure.REFUSED, "the proxy's kind is not supported"),
        (requests.exceptions.InvalidHeader, Failure.REFUSED, "what we would send is malformed"),
        (u.LocationParseError, Failure.REFUSED, "its address is malformed"),
        (UnicodeError, Failure.REFUSED, "its address is malformed"),
        (ValueError, Failure.REFUSED, "what it sent cannot be read"),
    ):
        for cause in chain:
            if isinstance(cause, kind):
                return NoAnswerError(_with_reason(why, cause), failure)
    return NoAnswerError(f"the connection failed ({type(error).__name__})", Failure.BROKEN)


def _with_reason(why: str, cause: BaseException) -> str:
    # only texts of the system and of OpenSSL: those of the libraries hold URLs, and URLs secrets
    reason = None
    if isinstance(cause, ssl.SSLCertVerificationError):
        reason = cause.verify_message
    elif isinstance(cause, ssl.SSLError):
        reason = (cause.reason or "").replace("_", " ").lower()
    elif isinstance(cause, socket.gaierror):
        reason = cause.strerror
    return f"{why} ({reason})" if reason else why


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting and len(seen) < 50:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        near = (getattr(current, "reason", None), current.__cause__, current.__context__)
        waiting += [e for e in (*near, *current.args) if isinstance(e, BaseException)]
