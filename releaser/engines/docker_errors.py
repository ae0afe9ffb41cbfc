"""From the exceptions of docker-py, requests and urllib3 to errors that a user can act on.

:func:`translated` is the one place where they are caught. docker-py lets a good many through that
are neither its own nor those of requests: ``ProtocolError`` and ``ReadTimeoutError`` of urllib3 in
the middle of a stream, ``RuntimeError`` for a broken record, ``ValueError`` for an answer that is
no JSON.
"""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from releaser.core.harmless import harmless
from releaser.errors import EngineError, ReleaserError

MAX_TEXT = 1000

_USERINFO = re.compile(r"(?<=://)[^/\s@\"']+@")
_SIGNATURE = re.compile(r"(?<=\?)[^\s\"'<>]*=[^\s\"'<>]+")

Making = Callable[[str, str, BaseException], ReleaserError]


def failed(doing: str, cause: str, _error: BaseException) -> ReleaserError:
    """``doing`` failed in the engine: what most calls want."""
    return EngineError(f"{doing}: {cause}", hint="check that the engine works: docker info")


@contextmanager
def translated(doing: str, making: Making = failed) -> Iterator[None]:
    """Let no foreign exception out: ``making(doing, cause, error)`` says what comes instead.

    ``doing`` is what did not work, in the user's words: "cannot list the images". ``cause`` is one
    clean line without secrets.
    """
    try:
        yield
    except ReleaserError:
        raise
    except _foreign() as error:
        raise making(doing, cause_of(error), error) from error


def _foreign() -> tuple[type[BaseException], ...]:
    import http.client
    import tarfile

    import docker.credentials.errors
    import docker.errors
    import requests
    import urllib3.exceptions

    return (
        docker.errors.DockerException,
        docker.errors.StreamParseError,
        docker.credentials.errors.StoreError,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        http.client.HTTPException,
        tarfile.TarError,
        OSError,
        ValueError,
        RecursionError,
    )


def cause_of(error: BaseException) -> str:
    """Why it failed, in one clean line: the engine's own words where it said any."""
    import ssl

    explanation = getattr(error, "explanation", None)
    if explanation:
        return clean(explanation)
    root = root_of(error)
    if _is_timeout(root):
        return "no answer in time"
    # The number of an SSLError is one of OpenSSL's.
    if isinstance(root, OSError) and root.errno and not isinstance(root, ssl.SSLError):
        return clean(_SYSTEM.get(root.errno) or root.strerror or str(root))
    if _is_break(root):
        return "the connection broke off"
    if isinstance(root, json.JSONDecodeError | RecursionError):
        return "what it answered is not JSON"
    return clean(str(root)) or type(root).__name__


_SYSTEM = {
    errno.ENOENT: "no such socket",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ECONNREFUSED: "connection refused",
    errno.ENOTSOCK: "it is not a socket",
    errno.ECONNRESET: "the connection broke off",
    errno.EPIPE: "the connection broke off",
}


def root_of(error: BaseException) -> BaseException:
    """The exception at the bottom: libraries wrap one in another, each in its own manner."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        context = None if error.__suppress_context__ else error.__context__
        inner = (error.__cause__, getattr(error, "reason", None), *error.args, context)
        error = next((one for one in inner if isinstance(one, BaseException)), error)
    return error


def _is_timeout(error: BaseException) -> bool:
    import requests
    import urllib3.exceptions

    return isinstance(error, TimeoutError | requests.Timeout | urllib3.exceptions.TimeoutError)


def _is_break(error: BaseException) -> bool:
    import http.client

    import urllib3.exceptions

    return isinstance(error, urllib3.exceptions.ProtocolError | http.client.HTTPException)


def clean(text: str) -> str:
    """One line fit for a terminal: no control sequences, no passwords, no signed URLs, bounded."""
    text = " ".join(harmless(re.sub(r"[\r\n\v\f]", " ", text[: 4 * MAX_TEXT])).split())
    text = _SIGNATURE.sub("…", _USERINFO.sub("", text))
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
