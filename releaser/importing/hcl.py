"""Reads HCL's native syntax as far as bake files use it: blocks, attributes, expressions.

Source: the HCL native syntax specification (``hclsyntax/spec.md`` of hashicorp/hcl). Loops, splats
and template directives are kept as text (:class:`~releaser.importing.expressions.Opaque`).
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field

from releaser.errors import Location, SpecError
from releaser.importing.expressions import (
    Call,
    Expression,
    Index,
    Items,
    Literal,
    Name,
    Opaque,
    Pairs,
    Template,
)

MOST_NESTED = 60

_SPACE = re.compile(r"(?:[ \t\r]|/\*.*?\*/|(?:#|//)[^\n]*)+", re.DOTALL)
_SPACES = re.compile(r"(?:[ \t\r\n]|/\*.*?\*/|(?:#|//)[^\n]*)+", re.DOTALL)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_HEREDOC = re.compile(r"<<(-?)([A-Za-z_][A-Za-z0-9_-]*)[ \t\r]*\n")
_OPERATOR = re.compile(r"==|!=|<=|>=|&&|\|\||[<>+\-*/%](?!\{)")
_ESCAPE = re.compile(r'\\(?:([nrt"\\])|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))')
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_BINDING = {"||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, ">": 4, "<=": 4, ">=": 4}
_BINDING |= {"+": 5, "-": 5, "*": 6, "/": 6, "%": 6}
_WORDS = {"true": True, "false": False, "null": None}


@dataclass(slots=True)
class Block:
    """A block: ``target "api" { … }``. The whole file is one without a type."""

    type: str = ""
    labels: tuple[str, ...] = ()
    attributes: dict[str, Expression] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)


def parse_hcl(text: str, file: str) -> Block:
    """The blocks and attributes of a file; ``file`` is what complaints call it.

    Raises:
        SpecError: it is not HCL, or nested more than 60 levels.
    """
    reader = _Reader(text.removeprefix("\ufeff"), file)
    return reader.body(Block(), "")


def parse_template(text: str, file: str) -> Expression:
    """A string of JSON as bake reads it: what stands between ``${`` and ``}`` is an expression.

    Raises:
        SpecError: an expression in it is malformed.
    """
    if "${" not in text and "%{" not in text:
        return Literal(text)
    return _Reader(text, file).template(end=None, escapes=False)


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.text, self.file, self.at, self.depth = text, file, 0, 0

    # Characters.

    def error(self, message: str) -> SpecError:
        before = self.text[: self.at]
        line, column = before.count("\n") + 1, self.at - before.rfind("\n")
        return SpecError(message, at=Location(self.file, line, column))

    def skip(self, space: re.Pattern[str] = _SPACES) -> None:
        found = space.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def peek(self, size: int = 1) -> str:
        return self.text[self.at : self.at + size]

    def take(self, what: str) -> bool:
        found = self.text.startswith(what, self.at)
        self.at += len(what) if found else 0
        return found

    def want(self, what: str) -> None:
        self.skip()
        if not self.take(what):
            raise self.error(f'"{what}" is missing')

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found

    # Bodies.

    def body(self, block: Block, end: str) -> Block:
        self.deeper(1)
        while True:
            self.skip()
            if self.at >= len(self.text):
                if end:
                    raise self.error(f'"{end}" is missing')
                break
            if end and self.take(end):
                break
            self.item(block)
        self.deeper(-1)
        return block

    def deeper(self, by: int) -> None:
        self.depth += by
        if self.depth > MOST_NESTED:
            raise self.error(f"it is nested more than {MOST_NESTED} levels")

    def item(self, block: Block) -> None:
        word = self.match(_IDENTIFIER)
        if word is None:
            raise self.error(f'"{self.peek()}" begins neither a block nor an attribute')
        self.skip(_SPACE)
        if self.peek() == "=" and self.peek(2) != "==":
            self.take("=")
            self.skip(_SPACE)
            if word[0] in block.attributes:
                raise self.error(f'"{word[0]}" is written twice')
            block.attributes[word[0]] = self.expression(_SPACE)
            return
        labels = []
        while not self.take("{"):
            labels.append(self.label())
            self.skip(_SPACE)
        block.blocks.append(self.body(Block(word[0], tuple(labels)), "}"))

    def label(self) -> str:
        if self.take('"'):
            found = self.template(end='"')
            if isinstance(found, Literal) and isinstance(found.value, str):
                return found.value
        word = self.match(_IDENTIFIER)
        if word is None:
            raise self.error("the head of a block is malformed")
        return word[0]

    # Expressions. "space" is what may stand between the parts: lines end an attribute's value.

    def expression(self, space: re.Pattern[str] = _SPACES) -> Expression:
        self.deeper(1)
        found = self.binary(0, space)
        self.skip(space)
        if self.take("?"):
            yes = self.spaced()
            self.want(":")
            found = Call("?", (found, yes, self.spaced(space)))
        self.deeper(-1)
        return found

    def spaced(self, after: re.Pattern[str] = _SPACES) -> Expression:
        self.skip()
        return self.expression(after)

    def binary(self, least: int, space: re.Pattern[str]) -> Expression:
        left = self.unary(space)
        while True:
            self.skip(space)
            before = self.at
            sign = self.match(_OPERATOR)
            if sign is None or _BINDING[sign[0]] <= least:
                self.at = before
                return left
            self.skip()
            left = Call(sign[0], (left, self.binary(_BINDING[sign[0]], space)))

    def unary(self, space: re.Pattern[str]) -> Expression:
        for sign, name in ("!", "!"), ("-", "negate"):
            if self.take(sign):
                self.skip(space)
                self.deeper(1)
                found = Call(name, (self.unary(space),))
                self.deeper(-1)
                return found
        return self.reached(self.term())

    def term(self) -> Expression:  # noqa: PLR0911 - one for each kind
        if self.take('"'):
            return self.template(end='"')
        if self.peek() == "[":
            return self.items()
        if self.peek() == "{":
            return self.pairs()
        if self.take("("):
            found = self.spaced()
            self.want(")")
            return found
        if heredoc := self.match(_HEREDOC):
            return self.heredoc(heredoc[2], indented=bool(heredoc[1]))
        if number := self.match(_NUMBER):
            return Literal(int(number[0]) if number[0].isdecimal() else float(number[0]))
        word = self.match(_IDENTIFIER)
        if word is None:
            raise self.error("a value is missing")
        if word[0] in _WORDS:
            return Literal(_WORDS[word[0]])
        return self.call(word[0]) if self.take("(") else Name((word[0],))

    def call(self, name: str) -> Expression:
        arguments: list[Expression] = []
        while True:
            self.skip()
            if self.take(")"):
                return Call(name, tuple(arguments))
            arguments.append(self.expression())
            self.skip()
            if not self.take("...") and not self.take(",") and self.peek() != ")":
                raise self.error('")" is missing')

    def reached(self, found: Expression) -> Expression:
        """What dots and brackets behind a value reach."""
        while True:
            if self.peek() == "." and (word := re.compile(r"\.([\w-]+)").match(self.text, self.at)):
                self.at = word.end()
                if isinstance(found, Name):
                    found = Name((*found.path, word[1]))
                else:
                    found = Index(found, Literal(word[1]))
            elif self.take("["):
                key = self.spaced() if self.peek() != "*" else self.opaque("[")
                self.want("]")
                found = key if isinstance(key, Opaque) else Index(found, key)
            else:
                return found

    def opaque(self, opening: str) -> Opaque:
        """Text up to the bracket that closes what is open, which is not read further."""
        start, open_ = self.at, 1
        pairs = {"[": "]", "{": "}"}
        while open_ and self.at < len(self.text):
            character = self.peek()
            if character == '"':
                self.take('"')
                self.template(end='"')
                continue
            open_ += (character == opening) - (character == pairs[opening])
            self.at += 1 if open_ else 0
        return Opaque(" ".join(self.text[start : self.at].split())[:60])

    def items(self) -> Expression:
        self.want("[")
        self.skip()
        if self.text.startswith("for ", self.at):
            found = self.opaque("[")
            self.want("]")
            return found
        items = []
        while not self.take("]"):
            items.append(self.expression())
            self.skip()
            if not self.take(",") and self.peek() != "]":
                raise self.error('"]" is missing')
            self.skip()
        return Items(tuple(items))

    def pairs(self) -> Expression:
        self.want("{")
        self.skip()
        if self.text.startswith("for ", self.at):
            found = self.opaque("{")
            self.want("}")
            return found
        pairs = []
        while not self.take("}"):
            key = self.key()
            self.skip()
            if not self.take("=") and not self.take(":"):
                raise self.error('"=" is missing')
            pairs.append((key, self.spaced(_SPACE)))
            self.skip()
            self.take(",")
            self.skip()
        return Pairs(tuple(pairs))

    def key(self) -> str:
        found = self.expression(_SPACE)
        match found:
            case Name(path):
                return ".".join(path)
            case Literal(value) if value is not None:
                return str(value)
        raise self.error("a key that is an expression is not read")

    # Text.

    def heredoc(self, end: str, *, indented: bool) -> Expression:
        close = re.compile(rf"^[ \t]*{end}[ \t\r]*$", re.MULTILINE).search(self.text, self.at)
        if close is None:
            raise self.error(f'"{end}" is missing')
        text = self.text[self.at : close.start()]
        self.at = close.end()
        return parse_template(textwrap.dedent(text) if indented else text, self.file)

    def template(self, end: str | None, *, escapes: bool = True) -> Expression:
        """Text up to ``end``, or all of it, with the expressions in it."""
        parts: list[Expression] = []
        plain: list[str] = []
        while not (self.take(end) if end else self.at >= len(self.text)):
            if self.at >= len(self.text) or (end and self.peek() == "\n"):
                raise self.error("a quoted text does not end")
            if self.take("$${") or self.take("%%{"):
                plain.append(self.text[self.at - 2 : self.at])
            elif self.peek(2) in {"${", "%{"}:
                parts += [Literal("".join(plain))] if plain else []
                plain = []
                parts.append(self.inserted())
            elif escapes and self.peek() == "\\":
                plain.append(self.escape())
            else:
                plain.append(self.peek())
                self.at += 1
        if not parts:
            return Literal("".join(plain))
        parts += [Literal("".join(plain))] if plain else []
        # "${a}" is what a is, also where that is no text.
        return parts[0] if len(parts) == 1 else Template(tuple(parts))

    def inserted(self) -> Expression:
        if self.take("%{"):
            found: Expression = self.opaque("{")
        else:
            self.take("${")
            self.take("~")
            found = self.spaced()
            self.skip()
            self.take("~")
        self.want("}")
        return found

    def escape(self) -> str:
        found = self.match(_ESCAPE)
        if found is None:
            raise self.error("a backslash stands before nothing that can be escaped")
        return _ESCAPED[found[1]] if found[1] else chr(int(found[2] or found[3], 16))
