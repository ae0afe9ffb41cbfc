"""How steps and foreign text are put before people."""

from __future__ import annotations

import re

MAX_LINE = 400
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """``text`` as one harmless line: no escape sequences, control or direction characters."""
    text = _CONTROL.sub("", _ESCAPES.sub("", text))
    return text if len(text) <= MAX_LINE else text[: MAX_LINE - 1] + "…"


def step_words(key: str) -> str:
    """A step's key in words: ``push:api@ghcr`` is ``push to ghcr``."""
    kind, _, rest = key.partition(":")
    match kind:
        case "push" | "copy":
            return f"{kind} to {rest.rpartition('@')[2]}"
        case "tag":
            return f"tag {rest}"
        case "name":
            return "name in the engine"
        case _:
            return kind
