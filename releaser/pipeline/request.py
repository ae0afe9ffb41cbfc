"""What a run is asked for, what it works on, and what it is given to work with."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from releaser.core.facts import Concern, EngineFacts, EventFacts, SourceFacts
from releaser.core.lock import Lock
from releaser.core.plan import Mode, Plan
from releaser.core.resolve import ResolvedImage
from releaser.core.spec import Spec
from releaser.errors import Location, SetupError, SpecError
from releaser.interfaces import (
    NO_JOURNAL,
    NO_SECRETS,
    Builder,
    Contexts,
    Engine,
    Journal,
    Registry,
    Secrets,
    SourceRepository,
)


@dataclass(frozen=True, slots=True)
class Adapters:
    """The outside world of one run. ``engine`` and ``builder`` are made when they are needed.

    ``clock`` tells the seconds since 1970, for the dates in tags. ``fresh_registry`` makes another
    registry, with connections of its own; ``journal`` keeps what a run writes, ``secrets``
    knows what must be in no image.
    """

    source: SourceRepository
    contexts: Contexts
    registry: Registry
    engine: Callable[[], Engine]
    builder: Callable[[EngineFacts], Builder]
    fresh_registry: Callable[[], Registry]
    clock: Callable[[], float] = time.time
    journal: Journal = NO_JOURNAL
    secrets: Secrets = NO_SECRETS


def _unread(_text: bytes, _others: Mapping[str, bytes]) -> Spec:
    raise SpecError("nothing says how to read another state of the file")


def _no_file(path: str) -> bytes:
    raise SpecError(f'there is no file "{path}"')


@dataclass(frozen=True, slots=True)
class Project:
    """A loaded spec: ``root`` is the absolute folder of its file, ``at`` where a path in it is.

    ``lock`` is ``None`` where there is no lock file. ``read`` reads another state of the file and
    of those that it includes, with the same variables, ``file`` a file below ``root``; they raise
    :class:`SpecError`. ``included`` are the other files that the spec is made of, ``document`` is
    it as plain data, with all that comes from elsewhere in its place, and ``origin`` says where a
    value in that comes from.
    """

    spec: Spec
    root: str
    at: Callable[[tuple[str | int, ...]], Location]
    concerns: tuple[Concern, ...] = ()
    lock: Lock | None = None
    read: Callable[[bytes, Mapping[str, bytes]], Spec] = _unread
    file: Callable[[str], bytes] = _no_file
    included: tuple[str, ...] = ()
    document: Mapping[str, object] = field(default_factory=dict, repr=False)
    origin: Callable[[tuple[str | int, ...]], str] = str


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for; ``offline`` asks nothing but the engine's own store.

    Where every image has a version of its own, ``version`` is for the images that are ``commanded``
    (those that are asked for, where it is empty). ``event`` is one to be pretended, in place of
    what the checkout and the CI system say.
    """

    images: tuple[str, ...] = ()
    only: bool = False
    version: str | None = None
    mode: Mode = Mode.PUBLISH
    offline: bool = False
    event: EventFacts | None = None
    commanded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan and what it was made with; ``engine`` is ``None`` where none answered.

    Where it ``needs_history``, a version in it is read from commits that a shallow clone lacks.
    ``images`` are those that it is about, upstreams first, below the folder ``root``;
    ``oversights`` are concerns about the Dockerfiles of the spec, which the plan does not keep.
    """

    plan: Plan
    source: SourceFacts
    engine: Engine | None = None
    engine_facts: EngineFacts | None = None
    no_engine: SetupError | None = None
    needs_history: bool = False
    root: str = "."
    images: tuple[ResolvedImage, ...] = ()
    oversights: tuple[Concern, ...] = ()
