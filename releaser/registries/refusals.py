"""What to tell a user of an answer that is not the one we hoped for.

Messages name the registry, what was asked of it, and what it said: cut short, on one line, without
control characters and without our own secrets, should it have sent them back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from releaser.core.oci import DOCKER_HUB
from releaser.errors import RegistryError, SetupError
from releaser.registries.failures import Failure, NoAnswerError
from releaser.registries.retry import RETRIED
from releaser.registries.transport import Answer

MAX_SAID = 300

_DIGEST = re.compile(r"sha(?:256|512):[0-9a-f]{64,128}")
_REASON = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_HINTS = {
    "TOOMANYREQUESTS": "wait a while, or log in: limits for anonymous users are lower",
    "NAME_UNKNOWN": "create the repository at the registry first",
    "MANIFEST_BLOB_UNKNOWN": "run it again: what the image consists of is uploaded anew",
    "BLOB_UNKNOWN": "run it again: what the image consists of is uploaded anew",
}
_ELSE = "look whether something else answers in its place, such as a proxy or a login page"
_STATUS_HINTS = {
    403: "log in there as somebody who may, and look whether the repository exists",
    404: "check the name, and whether it is a registry that answers there",
    405: "look whether the registry, or a proxy before it, allows this at all",
    413: "raise the limit on sizes of the registry, or of a proxy before it",
    415: "look whether the registry is new enough for OCI images",
    429: _HINTS["TOOMANYREQUESTS"],
    507: "make room at the registry",
}
_FAILURE_HINTS = {
    Failure.UNREACHABLE: "check the name, the network and HTTPS_PROXY",
    Failure.UNTRUSTED: "let SSL_CERT_FILE name the certificate authority that it uses; "
    'of a registry without TLS say "insecure: true"',
    Failure.BROKEN: "run it again; where it stays so, look at the registry and the way to it",
    Failure.SILENT: "run it again; where it stays so, look at the registry and the way to it",
    Failure.REFUSED: _ELSE,
}
_FULL = re.compile(r"no space left on device|\"Err\": ?28\b")
"""A full disk: in words, and as the number of Linux that the CNCF registry sends."""


class AttemptError(RegistryError):
    """One try that failed: ``asked`` are the seconds that the registry wants to be left alone for,
    ``failure`` says how no answer came (``None`` where one came), ``no_token`` that there
    was no valid token, so that the registry did not act upon the request."""

    asked: float | None = None
    failure: Failure | None = None
    no_token: bool = False


def never_sent(error: RegistryError | None) -> bool:
    """Whether the registry did not get to act upon the request, for want of a token."""
    return isinstance(error, AttemptError) and error.no_token


def may_have_arrived(error: RegistryError) -> bool:
    """Whether the registry may have done what was asked although it failed."""
    failure = error.failure if isinstance(error, AttemptError) else None
    broken = failure in {Failure.BROKEN, Failure.SILENT, Failure.REFUSED}
    return not never_sent(error) and ((error.status or 0) >= 500 or broken)


def refused(registry: str, doing: str, answer: Answer, secrets: Iterable[str] = ()) -> AttemptError:
    """The error of a status that means no; ``doing`` reads like "read acme/api:1"."""
    reason, said = what_was_said(answer, secrets)
    details = [("status", _status(answer.status))]
    if said:
        details.append(("registry says", said))
    full = answer.status >= 500 and bool(_FULL.search(answer.body.decode("utf-8", "replace")))
    return AttemptError(
        f"registry {registry} {_verb(answer.status)} {doing}",
        status=answer.status,
        reason=reason,
        retryable=answer.status in RETRIED and not full,
        details=details,
        hint=_STATUS_HINTS[507] if full else _refusal_hint(answer, reason),
    )


def _verb(status: int) -> str:
    if status >= 500:
        return "failed when asked to"
    return "would not" if status >= 400 else "gave a wrong answer when asked to"


def _refusal_hint(answer: Answer, reason: str | None) -> str:
    otherwise = _FAILURE_HINTS[Failure.BROKEN] if answer.status >= 500 else _ELSE
    return _HINTS.get(reason or "") or _STATUS_HINTS.get(answer.status, otherwise)


def unanswered(registry: str, doing: str, error: NoAnswerError) -> AttemptError:
    """The error of a try without a usable answer."""
    message = f"registry {registry} gave no usable answer when asked to {doing}"
    hint = _FAILURE_HINTS[error.failure]
    cause = (("cause", error.why),)
    made = AttemptError(message, retryable=error.retryable, details=cause, hint=hint)
    made.failure = error.failure
    return made


def unusable(
    registry: str, doing: str, why: str, *, retryable: bool = False, reason: str | None = None
) -> AttemptError:
    """The error of an answer that says yes and is nevertheless wrong."""
    message = f"registry {registry} gave a wrong answer when asked to {doing}"
    cause = (("cause", why),)
    return AttemptError(message, reason=reason, retryable=retryable, details=cause, hint=_ELSE)


def unauthorized(
    registry: str, doing: str, answer: Answer, *, known: bool, secrets: Iterable[str] = ()
) -> SetupError:
    """The error of a registry that does not accept us; ``known`` tells that we had a login."""
    _, said = what_was_said(answer, secrets)
    verb = "rejects the credentials" if known else "asks for credentials"
    details = [("asked to", doing), ("status", _status(answer.status))]
    if said:
        details.append(("registry says", said))
    hint = f"run `{login_command(registry)}`"
    if not known:  # Docker Hub says the same of what does not exist
        hint += ", or look whether the repository exists"
    return SetupError(f"registry {registry} {verb}", details=details, hint=hint)


def unreachable(registry: str, error: RegistryError) -> SetupError:
    """The error of a registry that could not be talked to at all."""
    message = f"registry {registry} cannot be reached"
    return SetupError(message, details=error.details, hint=error.hint)


def login_command(registry: str) -> str:
    """What a user types to log in."""
    return "docker login" if registry == DOCKER_HUB else f"docker login {registry}"


def what_was_said(answer: Answer, secrets: Iterable[str] = ()) -> tuple[str | None, str]:
    """The registry's error code, if it gave a proper one, and its words, made harmless."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    try:
        content = json.loads(answer.body) if answer.body else None
    except (ValueError, RecursionError):
        if kind in {"text/plain", "application/json"}:
            return None, clean(answer.body.decode("utf-8", "replace"), secrets)
        return None, clean(f"({kind or 'no content type'}, {len(answer.body)} bytes)")
    reason, said = _from_json(content)
    return reason, clean(said, secrets)


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` on one line of bounded length, without invisible characters and ``secrets``."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 4:
            text = text.replace(secret, "***")
    # halves of surrogate pairs too, which JSON can hold and no file can
    text = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return text if len(text) <= MAX_SAID else text[: MAX_SAID - 1] + "…"


def _from_json(content: object) -> tuple[str | None, str]:
    if not isinstance(content, Mapping):
        return None, ""
    errors = content.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else content
    if not isinstance(first, Mapping):
        return None, ""
    code = first.get("code")
    reason = code if isinstance(code, str) and _REASON.fullmatch(code) else None
    names = ("message", "error_description", "error", "details", "detail")
    said = next((first[n] for n in names if isinstance(first.get(n), str) and first[n]), "")
    return reason, ": ".join(part for part in (reason, said, _digest(first, said)) if part)


def _digest(error: Mapping[str, object], said: str) -> str:
    """What an error is about, where that is a digest: ``"detail": "sha256:…"``, or one in a map."""
    detail = error.get("detail")
    named = detail.get("Digest") or detail.get("digest") if isinstance(detail, Mapping) else detail
    return (
        named if isinstance(named, str) and _DIGEST.fullmatch(named) and named not in said else ""
    )


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
