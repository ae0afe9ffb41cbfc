"""How steps and foreign text are put before people."""

from __future__ import annotations

import re

from releaser.core.events import Outcome, StepFinished

MAX_LINE = 400
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
# GitHub's runner and Azure's agent look for these anywhere in a line (actions/runner,
# src/Runner.Common/ActionCommand.cs, TryParse); "::name::" counts at a line's start only.
_COMMAND = re.compile(r"##(?=[A-Za-z]*\[)")


def clean(text: str) -> str:
    """``text`` as one harmless line: no escape sequences, control or direction characters, and
    nothing that a CI system takes for a command wherever it stands."""
    text = _COMMAND.sub("# #", _CONTROL.sub("", _ESCAPES.sub("", text)))
    return text if len(text) <= MAX_LINE else text[: MAX_LINE - 1] + "…"


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
