"""The Docker Engine as the store that builds go to and pushes come from."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from releaser.core.events import Notice
from releaser.core.facts import EngineFacts, LocalImage
from releaser.core.inscriptions import Inscription
from releaser.core.lock import Offer
from releaser.core.oci import Digest, Reference
from releaser.engines import docker_answers, docker_inscriptions
from releaser.engines.docker_auth import AuthConfig
from releaser.engines.docker_client import Connection, header_value
from releaser.engines.docker_errors import failed, translated
from releaser.engines.docker_lanes import PAUSES, Lane, Lanes, is_limit
from releaser.engines.docker_push import PushStream, broken_off
from releaser.engines.docker_stream import Transfer, Transfers
from releaser.errors import EngineError, RegistryError, ReleaserError, SetupError
from releaser.interfaces import Listener

PUSH_TRIES = 4
PUSH_IDLE_SECONDS = 120.0
RESOLVE_SECONDS = 30.0
NAMES_PER_CALL = 200
_BACKOFF_SECONDS = (1.5, 6.0, 22.0)
"""The longest pauses between tries; each is a random part of one ("full jitter")."""
_REFUSALS = (401, 403, 404)
_ONE_BY_ONE = "its uploads go one after another from now on"

Pause = Callable[[threading.Event, float], object]
"""Waits so many seconds, or until the event is set."""


class DockerEngine:
    """:class:`releaser.interfaces.Engine` through docker-py; usable from several threads."""

    def __init__(
        self,
        connection: Connection,
        *,
        pause: Pause | None = None,
        idle_seconds: float | None = None,
    ) -> None:
        self._connection = connection
        self._pause = pause or threading.Event.wait
        self._idle_seconds = idle_seconds or PUSH_IDLE_SECONDS
        self._transfers = Transfers()
        self._lanes = Lanes()

    def check(self) -> EngineFacts:
        """What answers; raises :class:`SetupError` where nothing does."""
        with translated("the Docker engine does not say what it is", _setup):
            return self._connection.facts()

    def images(
        self, label: str, references: Sequence[Reference] | None = None
    ) -> tuple[LocalImage, ...]:
        """The images that carry ``label``: all, or those with any of ``references``.

        The containerd store measures every image that it lists (8 ms each), and a filter by label
        is applied afterwards: where the names are known, asking for them is the quick way.
        """
        if references is None:
            return self._listed(label, {"label": label})
        found: dict[Digest, LocalImage] = {}
        names = [_familiar(reference) for reference in references]
        for at in range(0, len(names), NAMES_PER_CALL):
            chunk = names[at : at + NAMES_PER_CALL]
            for image in self._listed(label, {"reference": chunk}):
                known = found.get(image.image_id, image)
                tags = dict.fromkeys((*known.references, *image.references))
                found[image.image_id] = replace(known, references=tuple(tags))
        return tuple(sorted(found.values(), key=_by_id))

    def _listed(self, label: str, filters: dict[str, str | list[str]]) -> tuple[LocalImage, ...]:
        with translated("cannot list the images in the Docker engine"):
            answer: object = self._connection.client.api.images(filters=filters)
            return tuple(sorted(docker_answers.images(answer, label), key=_by_id))

    def resolve(self, reference: Reference) -> Digest | None:
        """The digest that a base image has now.

        The engine asks the registry, so that its mirrors and certificates apply. Where no registry
        would say, it is the digest under which the engine once pulled or pushed the image.
        ``None`` where the image is in the engine only, or nowhere.
        """
        if reference.digest:
            return reference.digest
        digest, refused = self._in_registry(reference)
        return digest or self._in_store(reference, refused=refused)

    def offered(self, reference: Reference) -> Offer | None:
        """What the registry has now, as the engine sees it; ``None`` where it would not say."""
        answer, _ = self._look_up(reference)
        digest = docker_answers.registry_digest(answer)
        if answer is None or digest is None:
            return None
        return Offer(digest, docker_answers.platforms(answer))

    def resolve_stored(self, reference: Reference) -> Digest | None:
        """The digest under which the store has a base image; no registry is asked."""
        return reference.digest or self._in_store(reference, refused=False)

    def _in_registry(self, reference: Reference) -> tuple[Digest | None, bool]:
        """The digest in the registry, and whether the registry has refused to give one."""
        answer, refused = self._look_up(reference)
        return docker_answers.registry_digest(answer), refused

    def _look_up(self, reference: Reference) -> tuple[Mapping[str, Any] | None, bool]:
        """What the engine says of a reference in its registry, and whether that has refused to."""
        from docker.errors import APIError

        path = f"/distribution/{_named(reference)}/json"
        try:
            with translated(f"cannot look up {reference}"):
                headers = {"X-Registry-Auth": header_value(self._login(reference))}
                answer = self._connection.get(path, headers=headers, seconds=RESOLVE_SECONDS)
                return answer if isinstance(answer, Mapping) else None, False
        except SetupError:
            raise
        except EngineError as error:
            cause = error.__cause__
            return None, isinstance(cause, APIError) and cause.status_code in _REFUSALS

    def _in_store(self, reference: Reference, *, refused: bool) -> Digest | None:
        image = self._inspect(reference)
        if image is None:
            return None
        known = docker_answers.references(image.get("RepoDigests"))
        own = (one.digest for one in known if one.repository == reference.repository)
        digest = next(own, None)
        # The containerd store, where digest and id are the same, gives one to images that were
        # never pushed too. Where the registry has just said that it has none, this is such a one.
        return None if refused and str(digest) == image["Id"] else digest

    def local_id(self, reference: Reference) -> Digest | None:
        """The id of the image that the store calls ``reference``, ``None`` where there is none."""
        image = self._inspect(reference)
        return Digest(str(image["Id"])) if image is not None else None

    def _inspect(self, reference: Reference) -> Mapping[str, Any] | None:
        from docker.errors import NotFound

        with translated(f"cannot look at {reference} in the Docker engine"):
            try:
                api: Any = self._connection.client.api
                image = docker_answers.described(api.inspect_image(_named(reference)))
            except NotFound:
                return None
            docker_answers.identity(image)
            return image

    def name(self, image_id: Digest, references: Sequence[Reference]) -> None:
        """Give an image in the store further references."""
        for reference in references:
            with translated(f"cannot give the image {image_id.short} the name {reference}"):
                self._connection.client.api.tag(
                    str(image_id), str(reference.repository), str(reference.tag or "latest")
                )

    def inscriptions(self, reference: Reference) -> tuple[Inscription, ...]:
        """What an image says besides its files; one with an index is exported for it."""
        with translated(f"cannot look into {reference} in the Docker engine"):
            return docker_inscriptions.read(self._connection.client.api, _named(reference))

    def push(self, reference: Reference, listener: Listener) -> None:
        """Upload what ``reference`` names; up to four tries where the fault may pass.

        To a registry that takes no more requests for the moment, pushes go one after another, each
        with up to fifteen tries in about a minute.

        Raises:
            RegistryError: the registry refused or did not answer, or nothing moved for two minutes.
            EngineError: the engine has no such image, or the push was cancelled.
            SetupError: the registry wants a login, or the login at hand cannot be read.
        """
        lane = self._lanes.to(reference.repository.registry)
        with self._transfers.begin() as transfer:
            if not lane.narrow and self._freely(reference, listener, transfer, lane):
                return
            with lane.turn(lambda: transfer.cancelled.is_set() or lane.closed):
                self._squeeze(reference, listener, transfer, lane)

    def _freely(
        self, reference: Reference, listener: Listener, transfer: Transfer, lane: Lane
    ) -> bool:
        """Push beside others; whether it is done, or the registry's limit has ended it."""
        try:
            self._persist(reference, listener, transfer)
        except RegistryError as error:
            if not is_limit(error):
                raise
            if lane.narrowed():
                listener.on(Notice(f"{error.message}; {_ONE_BY_ONE}"))
            return False
        return True

    def _squeeze(
        self, reference: Reference, listener: Listener, transfer: Transfer, lane: Lane
    ) -> None:
        """Push through a limit: alone, and each time a little further."""
        for attempt, seconds in enumerate(PAUSES, 1):
            if not lane.closed:
                self._pause(transfer.cancelled, seconds)
            _stop_if_cancelled(reference, transfer)
            try:
                self._persist(reference, listener, transfer)
            except RegistryError as error:
                lane.closed |= is_limit(error) and attempt == len(PAUSES)
                if lane.closed or not is_limit(error):
                    raise
            else:
                return

    def _persist(self, reference: Reference, listener: Listener, transfer: Transfer) -> None:
        """Push, and again after faults that may pass; a registry's limit is not one of them."""
        for attempt in range(1, PUSH_TRIES + 1):
            try:
                self._push_once(reference, listener, transfer)
            except RegistryError as error:
                _stop_if_cancelled(reference, transfer)
                if not error.retryable or is_limit(error) or attempt == PUSH_TRIES:
                    raise
                self._wait(attempt, error, listener, transfer)
                _stop_if_cancelled(reference, transfer)
            else:
                return

    def _push_once(self, reference: Reference, listener: Listener, transfer: Transfer) -> None:
        headers = {"X-Registry-Auth": header_value(self._login(reference))}
        # Without a tag the engine would push every tag that it has of the repository.
        params = {"tag": str(reference.tag or "latest")}
        path = f"/images/{reference.repository}/push"
        with (
            translated(f"cannot push {reference}", broken_off(reference)),
            self._connection.stream(
                path, transfer, params=params, headers=headers, seconds=self._idle_seconds
            ) as records,
        ):
            PushStream(reference, listener).read(records)

    def _wait(
        self, attempt: int, error: RegistryError, listener: Listener, transfer: Transfer
    ) -> None:
        seconds = _BACKOFF_SECONDS[attempt - 1] * random.random()  # noqa: S311 - spreads the load
        again = f"trying again in {seconds:.0f} s ({attempt + 1} of {PUSH_TRIES})"
        listener.on(Notice(f"{error.message}; {again}"))
        self._pause(transfer.cancelled, seconds)

    def _login(self, reference: Reference) -> AuthConfig:
        return self._connection.login(reference.repository.registry)

    def cancel(self) -> None:
        """Stop every transfer under way, soon."""
        self._transfers.cancel()


def _stop_if_cancelled(reference: Reference, transfer: Transfer) -> None:
    if transfer.cancelled.is_set():
        raise EngineError(f"the push of {reference} was stopped") from None


def _setup(doing: str, cause: str, error: BaseException) -> ReleaserError:
    return SetupError(failed(doing, cause, error).message, hint="see docker info")


def _by_id(image: LocalImage) -> Digest:
    return image.image_id


def _familiar(reference: Reference) -> str:
    """What the engine's filter of references compares with: no ``docker.io``, no ``library``."""
    return f"{reference.repository.familiar}:{reference.tag or 'latest'}"


def _named(reference: Reference) -> str:
    return str(reference if reference.tag or reference.digest else reference.with_tag("latest"))
