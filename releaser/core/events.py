"""What happened: the values that a run tells its listeners, and what it comes to in the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from releaser.core.oci import Digest, Reference
from releaser.errors import ReleaserError


class Outcome(Enum):
    """How a step ended: each in exactly one of these."""

    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Built:
    """A build that succeeded.

    ``image_id`` is what the engine calls the result; ``cached`` counts the instructions that were
    taken from the build cache, of ``instructions`` in all (zero where the engine does not say);
    ``seconds`` is how long this image of its batch took (``None`` where nobody says).
    """

    image: str
    image_id: Digest
    cached: int = 0
    instructions: int = 0
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class BuildFailed:
    """A build that failed, with the reason and the end of its output."""

    image: str
    error: ReleaserError


@dataclass(frozen=True, slots=True)
class BuildCancelled:
    """A build that was stopped because another one of its batch failed, or on request."""

    image: str


BuildResult = Built | BuildFailed | BuildCancelled


@dataclass(frozen=True, slots=True)
class Write:
    """What a public tag named before it was written (``None``: it did not exist), and since."""

    before: Digest | None
    after: Digest


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step has begun."""

    key: str
    image: str


@dataclass(frozen=True, slots=True)
class StepProgress:
    """A step is under way: the instruction or phase it is in (``activity``), or a line of output.

    Exactly one of the two is given. ``cached`` marks an instruction taken from the cache.
    """

    key: str
    image: str
    activity: str | None = None
    line: str | None = None
    cached: bool = False


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A step has ended. ``seconds`` is zero for one that never began (blocked, cancelled)."""

    key: str
    image: str
    outcome: Outcome
    seconds: float = 0.0
    error: ReleaserError | None = None
    blocked_by: str | None = None
    digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know that belongs to no step: a concern, a retry."""

    message: str
    hint: str | None = None


Event = StepStarted | StepProgress | StepFinished | Notice


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step in the report: how it ended, when it began and how long it took, in seconds.

    ``digest`` is what a build, push, copy or tag came to; ``write`` what was written, if anything;
    ``superseded_by`` the newer version that a tag was left to.
    """

    key: str
    image: str
    outcome: Outcome
    started: float = 0.0
    seconds: float = 0.0
    error: ReleaserError | None = None
    blocked_by: str | None = None
    digest: Digest | None = None
    write: Write | None = None
    superseded_by: str | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run came to: a record for every step of the plan, and the error that ended it.

    ``undone`` are the tags that name again what they named before it.
    """

    records: Mapping[str, StepRecord]
    error: ReleaserError | None = None
    undone: tuple[Reference, ...] = ()

    @property
    def superseded_by(self) -> str | None:
        """The newer version that any tag was left to."""
        found = (one.superseded_by for one in self.records.values())
        return next((version for version in found if version), None)
