"""One question to a registry: with what it wants to be shown, made again where that may help."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from releaser.errors import RegistryError, SetupError
from releaser.registries.authority import Authority, Scopes
from releaser.registries.failures import Failure, NoAnswerError
from releaser.registries.hosts import Endpoint, origin
from releaser.registries.pacing import Pacing
from releaser.registries.refusals import AttemptError, refused, unanswered, unauthorized
from releaser.registries.retry import RETRIED, Attempts, Clock, Patience, retry_after
from releaser.registries.transport import MAX_ERROR_BODY, Answer, Body, Request, Transport

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to a registry's API. ``doing`` completes "the registry would not …".

    ``path`` is relative to the API's base; an absolute ``url`` (an upload's location, a next page)
    takes its place, and is shown our credentials only where it has the registry's own origin.
    ``seconds`` bounds the exchange; 0 means as long as any request may take.
    """

    at: Endpoint
    method: str
    path: str
    scopes: Scopes
    doing: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Body | None = field(default=None, repr=False)
    limit: int = MAX_ERROR_BODY
    seconds: float = 0.0
    url: str = ""

    @property
    def target(self) -> str:
        """The URL that is asked."""
        return self.url or self.at.base + self.path


class Client:
    """Asks registries; callable from many threads. Where ``fresh``, caches are to be passed by."""

    def __init__(
        self,
        transport: Transport,
        authority: Authority,
        patience: Patience,
        clock: Clock,
        *,
        fresh: bool = False,
    ) -> None:
        self._transport = transport
        self._authority = authority
        self._patience = patience
        self._clock = clock
        self._met: set[str] = set()
        self._pacing = Pacing(clock)
        self._always = {"Cache-Control": "no-cache"} if fresh else {}

    @property
    def patience(self) -> Patience:
        """How long registries are waited for."""
        return self._patience

    def attempts(self, patience: Patience | None = None) -> Attempts:
        """A new operation's tries."""
        return Attempts(patience or self._patience, self._clock)

    def call(self, ask: Ask) -> Answer:
        """The answer to ``ask``, whatever its status is, after as many tries as are sensible.

        :raises RegistryError: where no answer came; :class:`SetupError` where we are not let in.
        """
        return self.persist(ask.at, lambda: self.once(ask))

    def persist(self, at: Endpoint, attempt: Callable[[], T], *, seconds: float = 0.0) -> T:
        """What ``attempt`` returns; made again after an error that says that this may help.

        ``seconds`` is what a single attempt may rightly take beyond the usual.
        """
        budget = self._patience.budget + 2 * seconds
        attempts = self.attempts(replace(self._patience, budget=budget))
        while True:
            try:
                return attempt()
            except RegistryError as error:
                if not self.again(at, attempts, error):
                    raise _told(error, attempts) from None

    def again(self, at: Endpoint, attempts: Attempts, error: RegistryError) -> bool:
        """Wait where another try may help, and tell whether it may."""
        if not error.retryable:
            return False
        asked = error.asked if isinstance(error, AttemptError) else None
        return attempts.again(asked, most=self._most(at, error))

    def _most(self, at: Endpoint, error: RegistryError) -> int | None:
        """The tries that a failure is worth, where they are fewer than usual."""
        failure = error.failure if isinstance(error, AttemptError) else None
        if failure is Failure.UNREACHABLE and at.registry not in self._met:
            return self._patience.strange
        silent = failure is Failure.SILENT
        return 2 if silent and isinstance(error, AttemptError) and error.no_token else None

    def once(self, ask: Ask) -> Answer:
        """The answer to a single try; a token that is rejected is renewed once.

        :raises RegistryError: for a status that may be another one later, and where none came.
        """
        with self.open(ask, stream=False) as (answer, _):
            return answer

    @contextmanager
    def open(self, ask: Ask, *, stream: bool = True) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        """As :meth:`once`; where the status is 200 the body is left to be read in pieces."""
        header = self._header(ask)
        with ExitStack() as stack:
            answer, pieces = self._exchange(stack, ask, header, stream=stream)
            if answer.status == 401 and self._own(ask, answer.url):
                header = self._renewed(ask, header, answer)
                stack.close()
                answer, pieces = self._exchange(stack, ask, header, stream=stream)
                if answer.status == 401 and self._own(ask, answer.url):
                    raise self._rejected(ask, answer)
            if answer.status in RETRIED:
                raise self._later(ask, answer)
            yield answer, pieces

    def refused(self, ask: Ask, answer: Answer) -> RegistryError:
        """The error of an answer that says no."""
        return refused(ask.at.registry, ask.doing, answer, self._authority.secrets)

    def _header(self, ask: Ask) -> str | None:
        return self._authority.header(ask.at, ask.scopes) if self._own(ask, ask.target) else None

    def _renewed(self, ask: Ask, used: str | None, answer: Answer) -> str:
        fresh = self._authority.renew(ask.at, ask.scopes, used, answer)
        if fresh is None:
            raise self._rejected(ask, answer)
        if not isinstance(ask.body, bytes | None):
            # a stream cannot be sent twice, so the whole upload begins again
            none = NoAnswerError(_EXPIRED, Failure.BROKEN)
            ended = unanswered(ask.at.registry, ask.doing, none)
            ended.no_token = True
            raise ended
        return fresh

    def _exchange(
        self, stack: ExitStack, ask: Ask, header: str | None, *, stream: bool
    ) -> tuple[Answer, Iterator[bytes]]:
        headers = {**self._always, **ask.headers, **({"Authorization": header} if header else {})}
        seconds = ask.seconds or self._patience.request
        request = Request(
            ask.method, ask.target, headers, ask.body, ask.limit, seconds, registry=ask.at.name
        )
        self._pacing.wait(ask.at.registry)
        try:
            answer, pieces = stack.enter_context(self._transport.open(request))
            if not stream or answer.status != 200:
                answer = request.complete(answer, pieces)
        except NoAnswerError as error:
            raise unanswered(ask.at.registry, ask.doing, error) from None
        self._met.add(ask.at.registry)
        self._pacing.answered(ask.at.registry, answer.status)
        return answer, _named(ask, pieces)

    def _own(self, ask: Ask, url: str) -> bool:
        return origin(url) == origin(ask.at.base)

    def _later(self, ask: Ask, answer: Answer) -> AttemptError:
        error = refused(ask.at.registry, ask.doing, answer, self._authority.secrets)
        error.asked = retry_after(answer.headers.get("Retry-After"), self._clock.wall())
        return error

    def _rejected(self, ask: Ask, answer: Answer) -> SetupError:
        known, secrets = self._authority.knows(ask.at), self._authority.secrets
        return unauthorized(ask.at.registry, ask.doing, answer, known=known, secrets=secrets)


_EXPIRED = "the token ended during an upload"


def _named(ask: Ask, pieces: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from pieces
    except NoAnswerError as error:
        raise unanswered(ask.at.registry, ask.doing, error) from None


def _told(error: RegistryError, attempts: Attempts) -> RegistryError:
    if attempts.made > 1:
        tries = f"{attempts.made} in {attempts.elapsed:.0f} s"
        error.details = (*error.details, ("tries", tries))
    return error
