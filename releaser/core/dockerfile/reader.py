"""The physical lines of a Dockerfile, and the logical lines that they form.

It follows BuildKit's ``frontend/dockerfile/parser/parser.go``: parser directives at the very top,
comments and blank lines dropped (also between continued lines), lines joined at the escape
character, heredoc bodies byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from releaser.core.dockerfile.lexer import SPACE, heredocs
from releaser.core.dockerfile.model import Directives, ExpansionError, Heredoc
from releaser.errors import Location, SpecError

MAX_SIZE = 1 << 20
MAX_LINE = 65_535
"""The longest line that BuildKit's scanner takes, in bytes without its line end."""

_DIRECTIVES = frozenset(("syntax", "escape", "check"))
_REGEX_SPACE = "\t\n\f\r "


@dataclass(frozen=True, slots=True)
class Logical:
    """A logical line and where it starts."""

    text: str
    line: int


class Reader:
    """Walks once over the lines; raises SpecError where BuildKit's reader would fail."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self._lines = _physical(text, file)
        self.line = 0
        """How many lines were read."""
        self.directives = self._directives()

    def error(self, message: str, line: int | None, hint: str | None = None) -> SpecError:
        """A complaint about ``line``."""
        return SpecError(message, at=Location(self.file, line), hint=hint)

    def logical(self) -> Logical | None:
        """The next logical line, None at the end."""
        while self.line < len(self._lines):
            text = self._take().lstrip(SPACE)
            start = self.line
            if text.startswith("#"):
                continue
            text, more = self._continued(text)
            if more:
                return Logical(text + self._rest(), start)
            if text:
                return Logical(text, start)
        return None

    def heredocs(self, logical: Logical) -> tuple[Heredoc, ...]:
        """The heredocs that ``logical`` announces, read from the lines below it."""
        try:
            announced = heredocs(logical.text)
        except ExpansionError as error:
            raise self.error(f"malformed heredoc: {error}", logical.line) from None
        return tuple(self._body(heredoc, logical.line) for heredoc in announced)

    def _body(self, heredoc: Heredoc, line: int) -> Heredoc:
        start = self.line
        while self.line < len(self._lines):
            text = self._take()
            if (text.lstrip("\t") if heredoc.chomp else text) == heredoc.name:
                return replace(heredoc, content="".join(self._lines[start : self.line - 1]))
        message = f'the heredoc "{heredoc.name}" never ends'
        raise self.error(message, line, f'write a line that holds only "{heredoc.name}"')

    def _rest(self) -> str:
        parts: list[str] = []
        more = True
        while more and self.line < len(self._lines):
            text = self._take()
            if text.lstrip(SPACE)[:1] in ("", "#"):
                continue
            text, more = self._continued(text)
            parts.append(text)
        return "".join(parts)

    def _take(self) -> str:
        self.line += 1
        return self._lines[self.line - 1].rstrip("\r\n")

    def _continued(self, text: str) -> tuple[str, bool]:
        """``text`` without the escape character at its end, and whether there was one.

        Two of them are no continuation (BuildKit, ``lineContinuationRegex``).
        """
        escape = self.directives.escape
        body = text.rstrip(" \t")
        if body.endswith(escape) and not body.endswith(escape * 2):
            return body[:-1], True
        return text, False

    def _directives(self) -> Directives:
        found: dict[str, str] = {}
        # BuildKit looks for a syntax below a #! line, but not for an escape character.
        shebang = bool(self._lines) and self._lines[0].startswith("#!")
        for number, line in enumerate(self._lines[shebang:], start=1 + shebang):
            name, value = _directive(line)
            if name not in _DIRECTIVES:
                break
            if name in found:
                raise self.error(f'the parser directive "{name}" stands here twice', number)
            found[name] = value
            if name == "escape" and value not in ("\\", "`"):
                raise self.error(f'the escape character is \\ or `, not "{value}"', number)
        escape = "\\" if shebang else found.get("escape", "\\")
        return Directives(found.get("syntax"), escape, found.get("check"))


def _directive(line: str) -> tuple[str, str]:
    text = line.lstrip(SPACE)
    if not text.startswith("#"):
        return "", ""
    name, _, value = text[1:].partition("=")
    value = value.strip(_REGEX_SPACE)
    return (name.strip(SPACE).lower(), value) if value else ("", "")


def _physical(text: str, file: str) -> list[str]:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise SpecError("the Dockerfile is not Unicode text", at=Location(file)) from None
    if size > MAX_SIZE:
        raise SpecError(f"the Dockerfile is larger than {MAX_SIZE} bytes", at=Location(file))
    lines = [f"{line}\n" for line in text.removeprefix("\ufeff").split("\n")]
    lines[-1] = lines[-1][:-1]
    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_LINE // 4 and len(line.rstrip("\n").encode()) > MAX_LINE:
            message = f"the line is longer than {MAX_LINE} bytes, which BuildKit refuses"
            raise SpecError(message, at=Location(file, number))
    return lines if lines[-1] else lines[:-1]
