"""What registries are told: manifests under tags and digests, and whether we may tell them at all.

A write is believed when a read agrees, and not before. Registries have answered 201 and stored
nothing, and have broken the connection after they had stored everything; a status, a header, a
HEAD prove neither. So every write goes: send, read the bytes back, compare. What a read shows
decides over what the write was answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from releaser.core.oci import Manifest, Reference, Repository
from releaser.errors import RegistryError, SetupError, UnknownError
from releaser.registries.authority import push
from releaser.registries.client import Ask, Client
from releaser.registries.failures import Failure
from releaser.registries.hosts import Endpoint, RefusedAddressError, follow
from releaser.registries.manifests import MAX_MANIFEST
from releaser.registries.reading import read_now
from releaser.registries.refusals import (
    AttemptError,
    login_command,
    may_have_arrived,
    never_sent,
    unreachable,
    unusable,
)
from releaser.registries.transport import Answer


def write_manifest(client: Client, at: Endpoint, to: Reference, manifest: Manifest) -> None:
    """Let ``to`` (a tag or a digest) name ``manifest``; returns when a GET has shown that it does.

    :raises RegistryError: where the registry refused and a read confirms that nothing was written;
        :class:`UnknownError` where reads and writes contradict each other to the end.
    """
    _Write(client, at, to, manifest).run()


def check_push(client: Client, at: Endpoint, repository: Repository) -> None:
    """Begin an upload and cancel it: no registry can say otherwise whether we may write.

    :raises SetupError: where it is forbidden, or where the registry cannot be reached.
    """
    doing = f"accept an upload to {repository.path}"
    ask = Ask(at, "POST", f"{repository.path}/blobs/uploads/", (push(repository.path),), doing)
    try:
        answer = client.call(ask)
    except AttemptError as error:
        if error.failure in {Failure.UNREACHABLE, Failure.UNTRUSTED}:
            raise unreachable(at.registry, error) from None
        raise
    if answer.status in {401, 403, 405}:
        raise _forbidden(repository, client.refused(ask, answer))
    if answer.status not in {201, 202}:
        raise client.refused(ask, answer)
    _cancel(client, ask, answer)


def _cancel(client: Client, ask: Ask, answer: Answer) -> None:
    try:
        location = follow(answer.url, answer.headers.get("Location"))
        client.once(Ask(ask.at, "DELETE", "", ask.scopes, "cancel an upload", url=location))
    except (RefusedAddressError, RegistryError, SetupError):
        pass  # registries drop uploads that nobody finishes


def _forbidden(repository: Repository, error: RegistryError) -> SetupError:
    return SetupError(
        f"registry {repository.registry} does not let us push to {repository.path}",
        details=error.details,
        hint=f"run `{login_command(repository.registry)}` as somebody who may, "
        "and look whether the repository exists",
    )


class _Seen(Enum):
    OURS = "ours"
    OTHER = "other"
    UNREADABLE = "unreadable"


@dataclass(slots=True)
class _Write:
    client: Client
    at: Endpoint
    to: Reference
    manifest: Manifest
    accepted: int = 0
    arrived: bool = False
    """Whether the registry may have acted upon one of our requests."""
    answers: list[str] = field(default_factory=list)

    def run(self) -> None:
        attempts = self.client.attempts()
        while True:
            error = self._put()
            seen = self._unread if never_sent(error) else self._look(patiently=error is None)
            if seen is _Seen.OURS:
                return
            if error is None and self.accepted < 2:
                continue  # it had time to settle: the write was lost, not late
            if error is None:
                raise self._unknown(seen)
            if not self.client.again(self.at, attempts, error):
                raise self._final(error, seen)

    @property
    def _unread(self) -> _Seen:
        """What is seen without looking: a token that cannot be had would be needed to look too."""
        return _Seen.UNREADABLE if self.arrived else _Seen.OTHER

    def _put(self) -> RegistryError | None:
        ask = self._ask()
        try:
            answer = self.client.once(ask)
            if not 200 <= answer.status < 300:
                raise self.client.refused(ask, answer)
            if "html" in answer.headers.get("Content-Type", "").lower():
                raise unusable(
                    self.at.registry, ask.doing, "a web page (text/html)", retryable=True
                )
        except RegistryError as error:
            self.answers.append(_short(error))
            self.arrived |= may_have_arrived(error)
            return error
        self.answers.append(str(answer.status))
        self.arrived = True
        self.accepted += 1
        return None

    def _look(self, *, patiently: bool) -> _Seen:
        settle = self.client.patience.settle / 2 if patiently else 2.0
        tries = 1000 if patiently else 3
        attempts = self.client.attempts(
            replace(self.client.patience, tries=tries, budget=settle, first=0.25, longest=4.0)
        )
        while True:
            seen = self._read()
            settled = seen is _Seen.OTHER and not patiently
            if seen is _Seen.OURS or settled or not attempts.again():
                return seen

    def _read(self) -> _Seen:
        try:
            body = read_now(self.client, self.at, self.to)
        except (RegistryError, SetupError):
            return _Seen.UNREADABLE
        return _Seen.OURS if body == self.manifest.body else _Seen.OTHER

    def _final(self, error: RegistryError, seen: _Seen) -> RegistryError | UnknownError:
        return self._unknown(seen) if seen is _Seen.UNREADABLE and self.arrived else error

    def _unknown(self, seen: _Seen) -> UnknownError:
        found = "something else" if seen is _Seen.OTHER else "no usable answer"
        return UnknownError(
            f"it is unknown whether registry {self.at.registry} holds {self.to}",
            details=(
                ("should be", str(self.manifest.digest)),
                ("writes", ", ".join(self.answers[-5:])),
                ("read back", found),
            ),
            hint="run the same command again: what is in place is left alone",
        )

    def _ask(self) -> Ask:
        path = self.to.repository.path
        return Ask(
            self.at,
            "PUT",
            f"{path}/manifests/{self.to.wanted}",
            (push(path),),
            f"write {path}{'@' if self.to.digest else ':'}{self.to.wanted}",
            {"Content-Type": self.manifest.media_type},
            self.manifest.body,
            limit=MAX_MANIFEST,
        )


def _short(error: RegistryError) -> str:
    return str(error.status) if error.status else dict(error.details).get("cause", "no answer")
