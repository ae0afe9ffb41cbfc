"""How steps and foreign text are put before people."""

from __future__ import annotations

from releaser.core.events import Outcome, StepFinished
from releaser.core.harmless import one_line

MAX_LINE = 400


def clean(text: str) -> str:
    """``text`` as one harmless line; see :mod:`releaser.core.harmless`."""
    return one_line(text, MAX_LINE)


def counted(number: int, what: str) -> str:
    """How many of something there are.

    >>> counted(1, "step"), counted(2, "step")
    ('1 step', '2 steps')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def step_words(key: str) -> str:
    """A step's key in words: ``push:api@ghcr`` is ``push to ghcr``."""
    kind, _, rest = key.partition(":")
    if kind == "name":
        return "name in the engine"
    return _WORDS[kind].format(rest=rest, **_parts(rest)) if kind in _WORDS else kind


def _parts(rest: str) -> dict[str, str]:
    """The registry and the repository in a key."""
    registry = rest.partition("@")[2].partition(":")[0]
    return {"registry": registry, "repository": rest.partition("#")[0]}


_WORDS = {
    "push": "push to {registry}",
    "copy": "copy to {registry}",
    "record": "record to {registry}",
    "attach": "attach to {registry}",
    "withdraw": "keep in {registry} what is rolled back",
    "remove": "remove tags from {repository}",
    "tag": "tag {rest}",
}


def is_noise(event: StepFinished) -> bool:
    """Whether the end of a step tells a person nothing: a record, an upload that had no chance.

    What blocks them says so once; of tags there may be hundreds.
    """
    if event.key.startswith("record:"):
        return event.outcome is not Outcome.FAILED
    if event.outcome in {Outcome.DONE, Outcome.FAILED}:
        return False
    began = event.outcome is Outcome.CANCELLED and event.seconds > 0
    return event.key.startswith("tag:") or not (began or event.key.startswith("build:"))
