"""From the text of a Dockerfile to its stages.

The split of each instruction into words follows BuildKit's ``parser/line_parsers.go``, the checks
follow ``instructions/parse.go``. Flags that are not known are kept: a newer frontend may know them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches

from releaser.core.dockerfile.lexer import SPACE
from releaser.core.dockerfile.model import Dockerfile, Instruction, Stage
from releaser.core.dockerfile.reader import Logical, Reader
from releaser.errors import SpecError

_BLANKS = re.compile(r"[\t\v\f\r ]+")
_STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*")
_HEREDOCS_IN = frozenset(("RUN", "COPY", "ADD"))
_NEVER_TRIGGERS = frozenset(("ONBUILD", "FROM", "MAINTAINER"))


class _GrammarError(ValueError):
    """What is wrong with one instruction, and a hint."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def parse(text: str, file: str = "Dockerfile") -> Dockerfile:
    """The stages of a Dockerfile; ``file`` is its name in complaints.

    Raises SpecError, with the line, for what BuildKit would refuse to read: a Dockerfile without
    FROM, an instruction that does not exist, a heredoc without an end, a malformed FROM, ARG, ENV,
    COPY or ONBUILD; and for a file of more than 1 MiB.
    """
    reader = Reader(text, file)
    instructions: list[Instruction] = []
    while logical := reader.logical():
        try:
            instructions.append(_instruction(logical, reader))
        except _GrammarError as error:
            raise reader.error(error.message, logical.line, error.hint) from None
    return _assembled(instructions, reader)


def _assembled(instructions: Sequence[Instruction], reader: Reader) -> Dockerfile:
    heads = [at for at, each in enumerate(instructions) if each.keyword == "FROM"]
    first = heads[0] if heads else len(instructions)
    for instruction in instructions[:first]:
        if instruction.keyword != "ARG":
            raise _before_from(instruction, reader)
    if not heads:
        raise reader.error("the Dockerfile has no FROM", None, "start it with FROM <image>")
    ends = [*heads[1:], len(instructions)]
    stages = tuple(
        _stage(index, instructions[start], tuple(instructions[start + 1 : end]))
        for index, (start, end) in enumerate(zip(heads, ends, strict=True))
    )
    return Dockerfile(reader.file, stages, tuple(instructions[:first]), reader.directives)


def _before_from(instruction: Instruction, reader: Reader) -> SpecError:
    message = f"{instruction.keyword} stands before the first FROM"
    return reader.error(message, instruction.line, "only ARG may stand above the first FROM")


def _stage(index: int, head: Instruction, instructions: tuple[Instruction, ...]) -> Stage:
    base, *name = head.words
    return Stage(
        index=index,
        name=name[1].lower() if name else None,
        base=base,
        platform=head.flag("platform"),
        line=head.line,
        head=head,
        instructions=instructions,
    )


def _instruction(logical: Logical, reader: Reader) -> Instruction:
    """The instruction on a logical line, with the heredocs that follow it."""
    instruction = _parsed(logical.text, logical.line, reader)
    trigger = instruction.trigger
    inner = trigger or instruction
    if inner.keyword not in _HEREDOCS_IN or inner.json:
        return instruction
    found = reader.heredocs(logical)
    if trigger:
        trigger = replace(trigger, heredocs=found, end_line=reader.line)
    return replace(instruction, heredocs=found, end_line=reader.line, trigger=trigger)


def _parsed(text: str, line: int, reader: Reader) -> Instruction:
    keyword, *tail = _BLANKS.split(text.strip(SPACE), maxsplit=1)
    keyword = keyword.upper()
    if keyword not in _SPLITTERS:
        raise _unknown(keyword)
    flags, rest = _flags("".join(tail))
    rest = rest.strip(SPACE)
    trigger = _trigger(rest, line, reader) if keyword == "ONBUILD" else None
    if trigger:
        words, is_json = trigger.words, trigger.json
    else:
        words, is_json = _SPLITTERS[keyword](rest, reader.directives.escape)
    _check(keyword, words)
    return Instruction(keyword, line, reader.line, flags, rest, words, is_json, trigger=trigger)


def _trigger(rest: str, line: int, reader: Reader) -> Instruction:
    keyword = _BLANKS.split(rest, maxsplit=1)[0].upper()
    if not keyword:
        raise _GrammarError("ONBUILD needs an instruction")
    if keyword in _NEVER_TRIGGERS:
        raise _GrammarError(f"{keyword} is not allowed as an ONBUILD trigger")
    return _parsed(rest, line, reader)


def _unknown(keyword: str) -> _GrammarError:
    if not keyword:
        return _GrammarError("a line continues, but the file ends")
    near = get_close_matches(_short(keyword), _SPLITTERS, n=1)
    hint = f'did you mean "{near[0]}"?' if near else f"one of {', '.join(sorted(_SPLITTERS))}"
    return _GrammarError(f'unknown instruction "{_short(keyword)}"', hint)


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"


def _flags(text: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """The leading ``--`` words and what follows them (BuildKit, ``extractBuilderFlags``)."""
    flags: list[tuple[str, str]] = []
    at, size = 0, len(text)
    while True:
        while at < size and text[at] in SPACE:
            at += 1
        if not text.startswith("--", at):
            return tuple(flags), text[at:]
        word, at = _flag(text, at)
        if word == "--":
            return tuple(flags), text[at:]
        name, _, value = word[2:].partition("=")
        flags.append((name, value))


def _flag(text: str, at: int) -> tuple[str, int]:
    """One word from ``at``, its quotes removed, and where it ends."""
    out: list[str] = []
    quote = ""
    while at < len(text):
        char = text[at]
        if char == quote:
            quote = ""
        elif not quote and char in SPACE:
            break
        elif not quote and char in "'\"":
            quote = char
        elif char == "\\":
            # Always the backslash here, whatever the escape directive says.
            at += 1
            out.append(text[at : at + 1])
        else:
            out.append(char)
        at += 1
    return "".join(out), at


def _list(rest: str, _escape: str) -> tuple[tuple[str, ...], bool]:
    return (tuple(_BLANKS.split(rest)) if rest else ()), False


def _line(rest: str, _escape: str) -> tuple[tuple[str, ...], bool]:
    return ((rest,) if rest else ()), False


def _json_or_line(rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    words = _json(rest)
    return _line(rest, escape) if words is None else (words, True)


def _json_or_list(rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    words = _json(rest)
    return _list(rest, escape) if words is None else (words, True)


def _json(rest: str) -> tuple[str, ...] | None:
    """The strings of a JSON array, None where it is none (then it is the shell form)."""
    if not rest.startswith("["):
        return None
    try:
        found = json.loads(rest, parse_int=_never, parse_float=_never, parse_constant=_refused)
    except RecursionError:
        found = [None]
    except ValueError:
        return None
    if not all(isinstance(each, str) for each in found):
        raise _GrammarError("a JSON array here holds strings only")
    return tuple(
        each.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for each in found
    )


def _never(_number: str) -> None:
    """Numbers are refused whatever they are worth, so none is computed."""


def _refused(constant: str) -> None:
    raise ValueError(constant)


def _health(rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    kind, *command = re.split(f"[{SPACE}]+", rest, maxsplit=1)
    if not kind:
        return (), False
    words, is_json = _json_or_line("".join(command), escape)
    return (kind, *words), is_json


def _arguments(rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    words = quoted_words(rest, escape)
    for word in words:
        if word.startswith("="):
            raise _GrammarError("an ARG has no name")
    return words, False


def _pairs(rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    words = quoted_words(rest, escape)
    if words and "=" not in words[0]:
        pair = _BLANKS.split(rest, maxsplit=1)
        if len(pair) < 2:
            raise _GrammarError(f'"{_short(rest)}" has no value', "write name=value")
        return tuple(pair), False
    pairs = [word.partition("=") for word in words]
    for name, equals, value in pairs:
        if not (name and equals):
            raise _GrammarError(f'"{_short(name + equals + value)}" is not of the form name=value')
    return tuple(part for name, _, value in pairs for part in (name, value)), False


def quoted_words(rest: str, escape: str) -> tuple[str, ...]:
    """``rest`` split at spaces outside quotes, quotes and escapes kept (``parseWords``)."""
    words: list[str] = []
    at, size = 0, len(rest)
    while at < size:
        if rest[at] in SPACE:
            at += 1
            continue
        word, at = _quoted_word(rest, at, escape)
        if word:
            words.append(word)
    return tuple(words)


def _quoted_word(rest: str, at: int, escape: str) -> tuple[str, int]:
    out: list[str] = []
    quote = ""
    while at < len(rest):
        char = rest[at]
        if not quote and char in SPACE:
            break
        if char == escape and quote != "'":
            # An escape character at the very end is dropped, any other stays with its successor.
            out.append(rest[at : at + 2] if at + 1 < len(rest) else "")
            at += 2
            continue
        if char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        out.append(char)
        at += 1
    return "".join(out), at


_SPLITTERS: dict[str, Callable[[str, str], tuple[tuple[str, ...], bool]]] = {
    "ADD": _json_or_list,
    "ARG": _arguments,
    "CMD": _json_or_line,
    "COPY": _json_or_list,
    "ENTRYPOINT": _json_or_line,
    "ENV": _pairs,
    "EXPOSE": _list,
    "FROM": _list,
    "HEALTHCHECK": _health,
    "LABEL": _pairs,
    "MAINTAINER": _line,
    "ONBUILD": _line,
    "RUN": _json_or_line,
    "SHELL": _json_or_line,
    "STOPSIGNAL": _line,
    "USER": _line,
    "VOLUME": _json_or_list,
    "WORKDIR": _line,
}
"""How each instruction splits what follows its flags."""

_MAY_BE_EMPTY = frozenset(("CMD", "ENTRYPOINT", "ONBUILD", "RUN"))


def _check(keyword: str, words: Sequence[str]) -> None:
    if not words and keyword not in _MAY_BE_EMPTY:
        raise _GrammarError(f"{keyword} needs at least one argument")
    if keyword in ("ADD", "COPY") and len(words) < 2:
        raise _GrammarError(f"{keyword} needs a source and a destination")
    if keyword == "FROM":
        _check_from(words)


def _check_from(words: Sequence[str]) -> None:
    if len(words) != 1 and not (len(words) == 3 and words[1].lower() == "as"):
        raise _GrammarError("FROM takes an image, or an image AS a name")
    if len(words) == 3 and not _STAGE_NAME.fullmatch(words[2].lower()):
        raise _GrammarError(
            f'"{_short(words[2])}" is no name for a stage',
            "a name starts with a letter and holds letters, digits, _ . -",
        )
