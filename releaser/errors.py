"""The one tree of errors that a user can see, and the exit code of each.

::

    ReleaserError
    ├─ SpecError       exit 2   the file or the command line is wrong
    ├─ PlanError       exit 3   refused before anything was touched (tag taken, cycle, dirty tree)
    ├─ SetupError      exit 4   the set-up is missing (engine, credentials, history)
    ├─ StepError       exit 1   a step failed
    │  ├─ EngineError             the engine or the build failed
    │  └─ RegistryError           a registry refused or did not answer
    ├─ PartialError    exit 5   some public tags moved, others did not
    ├─ UnknownError    exit 6   a registry would not say what it holds
    ├─ Interrupted     exit 130 SIGINT, 143 SIGTERM
    └─ InternalError   exit 70  a bug of releaser

A message is one lower-case line in the user's words; ``details`` are ``key: value`` lines below it;
``hint`` is one action. The command line prints them and nobody else does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Location:
    """Where in a file something stands; lines and columns count from 1."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [self.file, *(str(n) for n in (self.line, self.column) if n is not None)]
        return ":".join(parts)


class ReleaserError(Exception):
    """Something a user can act on: what is wrong, where, its details and one hint."""

    exit_code: ClassVar[int] = 70

    def __init__(
        self,
        message: str,
        *,
        at: Location | None = None,
        details: Iterable[tuple[str, str]] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.details = tuple(details)
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.at}: {self.message}" if self.at else self.message

    @property
    def code(self) -> int:
        """The exit code of a run that ends in this error."""
        return self.exit_code


class SpecError(ReleaserError):
    """The file or the command line is wrong; ``problems`` holds every complaint, itself first."""

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        at: Location | None = None,
        details: Iterable[tuple[str, str]] = (),
        hint: str | None = None,
        others: Sequence[SpecError] = (),
    ) -> None:
        super().__init__(message, at=at, details=details, hint=hint)
        self.others = tuple(others)

    @property
    def problems(self) -> tuple[SpecError, ...]:
        """This complaint and the others that were found with it, in the file's order."""
        return (self, *self.others)

    @classmethod
    def together(cls, problems: Sequence[SpecError]) -> SpecError:
        """One error that carries all of ``problems``; needs at least one."""
        first, *rest = problems
        if not rest:
            return first
        return cls(
            first.message, at=first.at, details=first.details, hint=first.hint, others=tuple(rest)
        )


class PlanError(ReleaserError):
    """The request cannot be met; nothing was touched."""

    exit_code = 3


class SetupError(ReleaserError):
    """The machine is not ready: an engine, a login or history is missing."""

    exit_code = 4


class StepError(ReleaserError):
    """A step failed; ``output`` holds the last lines that it printed."""

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        at: Location | None = None,
        details: Iterable[tuple[str, str]] = (),
        hint: str | None = None,
        output: Sequence[str] = (),
    ) -> None:
        super().__init__(message, at=at, details=details, hint=hint)
        self.output = tuple(output)


class EngineError(StepError):
    """The engine, or a build in it, failed."""


class RegistryError(StepError):
    """A registry refused or did not answer.

    ``status`` is the HTTP status (``None`` where no answer came), ``reason`` the registry's own
    error code (``MANIFEST_UNKNOWN``, OCI distribution specification, "Error codes"), and
    ``retryable`` tells whether the same request may succeed later.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        reason: str | None = None,
        retryable: bool = False,
        details: Iterable[tuple[str, str]] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message, details=details, hint=hint)
        self.status = status
        self.reason = reason
        self.retryable = retryable

    @property
    def is_corruption(self) -> bool:
        """Whether content was sent that does not have the digest that it is asked for by."""
        return self.status is None and self.reason == "DIGEST_INVALID"


class PartialError(ReleaserError):
    """Some public tags moved and others did not; the report lists both."""

    exit_code = 5


class UnknownError(ReleaserError):
    """A registry would not say what it holds, so the outcome is not known."""

    exit_code = 6


class InterruptedRunError(ReleaserError):
    """A signal ended the run: 2 is SIGINT, 15 is SIGTERM."""

    def __init__(self, signal: int) -> None:
        name = {2: "SIGINT", 15: "SIGTERM"}.get(signal, f"signal {signal}")
        super().__init__(f"interrupted by {name}")
        self.signal = signal

    @property
    def code(self) -> int:
        """128 plus the signal's number, as shells count."""
        return 128 + self.signal


class InternalError(ReleaserError):
    """A bug of releaser: please report it."""

    exit_code = 70
