"""How the command line itself speaks: help in groups, and complaints about its use in our shape."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup

from releaser.core.spec.nearest import nearest
from releaser.errors import SpecError

_NO_COMMAND = re.compile(r"no such command ['\"](.*?)['\"]")
_NUMBERS = (
    (r"Input should be greater than or equal to (\S+)", r"it must be \1 or more"),
    (r"Input should be less than or equal to (\S+)", r"it must be \1 or less"),
    (r"Input should be a valid integer.*", "it must be a whole number"),
)
_NOISE = re.compile(r"Value error, | ?\(Possible options: .*\)$| Did you mean .*\?$")


class Grouped(TyperGroup):
    """Lists the commands below the headings that they were registered with, in that order."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer's types
        """Write a section for each heading, each command with its whole first sentence."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                heading = getattr(command, "rich_help_panel", None)
                rows = sections.setdefault(heading if isinstance(heading, str) else "Commands", [])
                rows.append((name, command.get_short_help_str(limit=200)))
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


def usage_error(error: Exception, commands: Sequence[str]) -> SpecError | None:
    """A complaint of the command line's parser as ours; ``None`` where ``error`` is none."""
    say = getattr(error, "format_message", None)
    if not callable(say):
        return None
    message = _in_words(_NOISE.sub("", str(say()).strip()).rstrip("."))
    message = message[:1].lower() + message[1:]
    found = SpecError(
        message, hint=_did_you_mean(error, message, commands) or _where_to_look(error)
    )
    found.__cause__ = error
    return found


def _in_words(message: str) -> str:
    """A complaint about a number without the words of the library that checks numbers."""
    for pattern, words in _NUMBERS:
        message = re.sub(pattern, words, message)
    return message


def _did_you_mean(error: Exception, message: str, commands: Sequence[str]) -> str | None:
    near = next(iter(getattr(error, "possibilities", None) or ()), None)
    unknown = _NO_COMMAND.match(message)
    if unknown:
        near = nearest(unknown[1], tuple(commands))
    return f'did you mean "{near}"?' if near else None


def _where_to_look(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    if context is None:
        return "add --help to see what there is"
    what = "options" if context.parent else "commands"
    return f"{context.command_path} --help lists the {what}"
