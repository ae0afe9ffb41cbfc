"""What the engine says while it pushes: how far it is, whether it succeeded, and why it did not.

Two generations of engines word the same faults differently: those with the containerd store say
``unexpected status from PUT request to …: 503 Service Unavailable``, those with the classic store
``received unexpected HTTP status: 503 Service Unavailable``. Neither retries reliably, so the words
are sorted here into what may go well on another try and what will not.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from releaser.core.events import StepProgress
from releaser.core.oci import Reference
from releaser.engines.docker_errors import clean
from releaser.engines.docker_lanes import TOO_MANY
from releaser.engines.docker_stream import Record, error_of
from releaser.errors import EngineError, RegistryError, ReleaserError, SetupError
from releaser.interfaces import Listener

MAX_LAYERS = 2048
PROGRESS_SECONDS = 0.2

_STATUS = re.compile(
    r"unexpected (?:HTTP )?status.*?\b([45]\d\d) [A-Z]|error parsing HTTP (\d{3}) response"
)
_TRANSIENT_STATUS = frozenset((408, 425, 429, 499, 500, 502, 503, 504, 522))
_TRANSIENT = re.compile(
    r"\bEOF\b|connection reset|broken pipe|connection refused|connection timed out|no route to host"
    r"|toomanyrequests|too many requests|i/o timeout|TLS handshake timeout|request canceled"
    r"|timeout awaiting response headers|deadline exceeded|use of closed network connection"
    r"|no such host|server misbehaving|temporary failure in name resolution|closed by server"
    r"|http2: |graceful_stop|blob unknown|blob upload (?:unknown|invalid)|unknown blob"
    r"|manifests? (?:blob unknown|are missing)",
    re.IGNORECASE,
)
_LIMITED = re.compile(r"toomanyrequests|too many requests", re.IGNORECASE)
_ABSENT = re.compile(
    r"does not exist locally|tag does not exist|no such image|image not known", re.IGNORECASE
)
_UNAUTHORIZED = re.compile(
    r"unauthorized|authentication required|no basic auth credentials|token has expired"
    r"|incorrect username or password|failed to authorize|not authenticated",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\bdenied\b|insufficient_scope|authorization failed|forbidden", re.IGNORECASE)
_AGAIN = "run it again; where it stays so, see the engine's log and the registry's"
_LOOK = "see the registry's log, and what it allows in this repository"
_PLAIN_HTTP = "server gave HTTP response to HTTPS client"


def push_error(reference: Reference, text: str) -> ReleaserError:
    """The error for what the engine said of a push; a RegistryError tells whether to try again."""
    cause = clean(text)
    host = reference.repository.registry
    status = _status(cause)
    if _ABSENT.search(cause):
        return EngineError(
            f"the engine has no image called {reference}",
            details=(("cause", cause),),
            hint="build it first, or see docker images",
        )
    if status in _TRANSIENT_STATUS or (status is None and _TRANSIENT.search(cause)):
        return _failure(reference, cause, status, retryable=True)
    if status == 401 or (status is None and _UNAUTHORIZED.search(cause)):
        return SetupError(
            f"{host} wants another login for a push to {reference.repository}",
            details=(("cause", cause),),
            hint=f"docker login {host}",
        )
    if status == 403 or (status is None and _DENIED.search(cause)):
        hint = f"ask for the right to push there, or docker login {host} as somebody who has it"
        return _failure(reference, cause, status or 403, reason="DENIED", hint=hint)
    return _failure(reference, cause, status, hint=_hint(host, cause))


def broken_off(reference: Reference) -> Callable[[str, str, BaseException], ReleaserError]:
    """The error for a push whose connection to the engine failed, or that the engine refused."""

    def making(_doing: str, cause: str, error: BaseException) -> ReleaserError:
        if getattr(error, "explanation", None):
            return push_error(reference, cause)
        return _failure(reference, f"the engine: {cause}", None, retryable=True)

    return making


def _status(text: str) -> int | None:
    found = _STATUS.search(text)
    return int(found[1] or found[2]) if found else None


def _hint(host: str, cause: str) -> str | None:
    if _PLAIN_HTTP in cause:
        return f'add "{host}" to "insecure-registries" in the engine\'s daemon.json'
    if "x509" in cause:
        return f"give the engine the registry's CA: /etc/docker/certs.d/{host}/ca.crt"
    return None


def _failure(
    reference: Reference,
    cause: str,
    status: int | None,
    *,
    reason: str | None = None,
    retryable: bool = False,
    hint: str | None = None,
) -> RegistryError:
    if status == 429 or (status is None and _LIMITED.search(cause)):
        reason = TOO_MANY
    return RegistryError(
        f"cannot push {reference}: {cause}",
        status=status,
        reason=reason,
        retryable=retryable,
        hint=hint or (_AGAIN if retryable else _LOOK),
    )


class PushStream:
    """Reads the records of one push.

    Events have neither key nor image: who pushes knows them.
    """

    def __init__(
        self, reference: Reference, listener: Listener, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reference = reference
        self._listener = listener
        self._clock = clock
        self._layers: dict[str, tuple[int, int]] = {}
        self._shown = ""
        self._next = 0.0

    def read(self, records: Iterable[Record]) -> None:
        """Read to the end, also behind a complaint.

        Raises:
            RegistryError: the push failed, or the stream ended without the sign of success.
            EngineError: there is no such image in the engine.
            SetupError: the registry wants a login.
        """
        complaint: str | None = None
        done = False
        for record in records:
            complaint = complaint or error_of(record) or _incomplete(record)
            done = done or self._is_success(record)
            self._progress(record)
        if complaint:
            raise push_error(self._reference, complaint)
        if not done:
            cause = "the engine ended the upload without a result"
            raise _failure(self._reference, cause, None, retryable=True)

    def _is_success(self, record: Record) -> bool:
        """``1.2: digest: sha256:… size: 735``: both generations say so, only one sends ``aux``."""
        status = record.get("status")
        tag = self._reference.tag or "latest"
        return isinstance(status, str) and status.startswith(f"{tag}: digest: sha")

    def _progress(self, record: Record) -> None:
        if not self._count(record):
            return
        now = self._clock()
        if now < self._next:
            return
        self._next = now + PROGRESS_SECONDS
        activity = self._activity()
        if activity != self._shown:
            self._shown = activity
            self._listener.on(StepProgress(key="", image="", activity=activity))

    def _count(self, record: Record) -> bool:
        """Whether the record says how far a layer is."""
        layer, status, detail = (record.get(key) for key in ("id", "status", "progressDetail"))
        if not isinstance(layer, str) or not isinstance(detail, dict):
            return False
        if layer not in self._layers and len(self._layers) >= MAX_LAYERS:
            return False
        current, total = _number(detail.get("current")), _number(detail.get("total"))
        if status == "Pushing" and current:
            # The classic store only estimates the total, often too low.
            self._layers[layer] = (current, max(current, total))
        elif status == "Pushed" and layer in self._layers:
            total = self._layers[layer][1]
            self._layers[layer] = (total, total)
        else:
            return False
        return True

    def _activity(self) -> str:
        current, total = (sum(pair[at] for pair in self._layers.values()) for at in (0, 1))
        return f"pushed {_megabytes(current)} of {_megabytes(total)}"


def _incomplete(record: Record) -> str | None:
    """The engine lacks platforms of an index, so it pushed one of its manifests instead.

    moby, ``daemon/containerd/image_push.go``; it is a success in the engine's eyes.
    """
    aux = record.get("aux")
    if isinstance(aux, dict) and aux.get("manifestPushedInsteadOfIndex"):
        return "the engine has not all platforms of the image and pushed only one of them"
    return None


def _number(value: Any) -> int:  # noqa: ANN401 - JSON from the engine
    return int(value) if isinstance(value, int | float) and value > 0 else 0


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
