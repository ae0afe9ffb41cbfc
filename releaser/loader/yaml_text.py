"""Bytes as text, and a YAML parser's complaints in people's words, each with its place."""

from __future__ import annotations

import re

import yaml

from releaser.errors import Location, SpecError

MAX_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# Line breaks that YAML 1.1 knows and editors do not would make all line numbers wrong.
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_BREAK = re.compile(r"\r\n|\r|\n")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_PLACEHOLDER = re.compile(r"(\{\{[^{}]*\}\})")
_BARE_PLACEHOLDER = re.compile(r"(?:^|[:-])\s+(\{\{[^{}]*\}\})")


def decode(content: bytes, file: str) -> str:
    """The text of a file: UTF-8, with or without a byte order mark.

    Raises:
        SpecError: it is longer than 1 MiB, in another encoding, or holds control characters.
    """
    if len(content) > MAX_BYTES:
        raise SpecError("the file is longer than 1 MiB", at=Location(file))
    if content.startswith(_UTF_16):
        raise SpecError("the file is UTF-16", at=Location(file, 1), hint="save it as UTF-8")
    content = content.removeprefix(_BOM)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        at = _place(content[: error.start].decode("utf-8"), file)
        raise SpecError("the file is not UTF-8", at=at, hint="save it as UTF-8") from None
    found = _UNWANTED.search(text)
    if found:
        code = f"U+{ord(found[0]):04X}"
        hint = "save it as UTF-8" if found[0] == "\0" else "remove it"
        at = _place(text[: found.start()], file)
        raise SpecError(f"the file holds the control character {code}", at=at, hint=hint)
    return text


def lines(text: str) -> list[str]:
    """The lines of ``text``, as YAML and editors count them."""
    return _BREAK.split(text)


def _place(before: str, file: str) -> Location:
    counted = lines(before)
    return Location(file, len(counted), len(counted[-1]) + 1)


def syntax_error(error: yaml.YAMLError, text: str, file: str) -> SpecError:
    """What a parser complains of, said for people; libyaml and PyYAML word it differently."""
    problem = str(getattr(error, "problem", "") or "it cannot be read")
    context = str(getattr(error, "context", "") or "")
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return SpecError(f"this is not YAML: {problem}", at=Location(file))
    start = getattr(error, "context_mark", None) or mark
    all_lines = lines(text)
    line = all_lines[mark.line] if mark.line < len(all_lines) else ""
    in_flow = "flow" in context
    bare = _bare(all_lines, start.line if in_flow else mark.line, mark.line, in_flow=in_flow)
    if bare:
        number, column, placeholder = bare
        message = f'a text with "{placeholder}" in it needs quotes here'
        at = Location(file, number + 1, column + 1)
        return SpecError(message, at=at, hint="put the whole text in quotes")
    message, hint = _in_words(problem, line[mark.column : mark.column + 1])
    opened = _opened(context, problem)
    if opened:
        message, hint, mark = opened, "close it, or check the indentation below it", start
    return SpecError(message, at=Location(file, mark.line + 1, mark.column + 1), hint=hint)


def _bare(
    all_lines: list[str], first: int, last: int, *, in_flow: bool
) -> tuple[int, int, str] | None:
    """The line, the column and the text of a placeholder that YAML takes for a map of its own."""
    for number in range(first, min(last + 1, first + 50, len(all_lines))):
        line = _QUOTED.sub(lambda match: "." * len(match[0]), all_lines[number])
        found = (_PLACEHOLDER if in_flow else _BARE_PLACEHOLDER).search(line)
        if found:
            return number, found.start(1), found[1]
    return None


def _opened(context: str, problem: str) -> str | None:
    """What was opened and never closed, where that is the trouble."""
    if "quoted scalar" in context:
        return "a quote is never closed" if "end of stream" in problem else None
    if "flow sequence" in context:
        return "the list that begins here is never closed, or lacks a comma"
    if "flow mapping" in context:
        return "the map that begins here is never closed, or lacks a comma"
    return None


_WORDS = (
    ("tab", "a tab stands where spaces must", "indent with spaces"),
    (
        "mapping values are not allowed",
        'a ":" stands where no key can be',
        'put text with ": " in it in quotes, and check the indentation',
    ),
    (
        "escape|hexdecimal|hexadecimal",
        "a backslash in double quotes begins no known escape",
        "write two backslashes, or use single quotes",
    ),
    (
        "block end|expected key|'-' indicator",
        "the indentation does not fit what stands above",
        "line it up with its neighbours",
    ),
    ("nesting depth", "this is nested too deeply", "50 levels are the most"),
    (
        "node content",
        "a value is missing here, or something before it is never closed",
        "write one, or close every [ and {",
    ),
    ("expected ':'", 'a key lacks the ":" behind it', "write key: value"),
)
"""What is in a parser's complaint (a pattern), and what a person is told and advised."""


def _in_words(problem: str, character: str) -> tuple[str, str | None]:
    if character == "\t":
        problem = "tab"
    if "cannot start any token" in problem:
        return f'a text cannot begin with "{character}"', "put the text in quotes"
    for pattern, message, hint in _WORDS:
        if re.search(pattern, problem):
            return message, hint
    return f"this is not YAML: {problem}", None
