"""A bake file, HCL or JSON, as variables, functions, groups and targets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from releaser.errors import Location, SpecError
from releaser.importing.bounds import Plain, UnknowableError
from releaser.importing.draft import Losses
from releaser.importing.expressions import (
    Expression,
    Items,
    Literal,
    Pairs,
    Scope,
    UserFunction,
    evaluate,
)
from releaser.importing.hcl import MOST_NESTED, Block, parse_hcl, parse_template

Attributes = dict[str, Expression]


@dataclass(slots=True)
class Document:
    """What a bake file declares; variables are evaluated, with their defaults."""

    variables: dict[str, Plain] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    functions: dict[str, UserFunction] = field(default_factory=dict)
    groups: dict[str, Expression] = field(default_factory=dict)
    targets: dict[str, Attributes] = field(default_factory=dict)

    @property
    def scope(self) -> Scope:
        """What names stand for outside of a matrix."""
        return Scope(self.variables, self.functions)


_COMMENT = "//"
"""The key of a comment in a body (HCL JSON syntax specification, "Bodies")."""


def read_bake(text: str, file: str, losses: Losses) -> Document:
    """A bake file; it is JSON where it begins with a brace.

    Raises:
        SpecError: it is neither JSON nor HCL.
    """
    body = _from_json(text, file) if text.lstrip("\ufeff \t\r\n")[:1] == "{" else None
    body = parse_hcl(text, file) if body is None else body
    found, defaults = Document(), dict(body.attributes)
    for block in body.blocks:
        match block.type, block.labels:
            case "variable", (name,):
                defaults[name] = block.attributes.get("default", Literal(""))
                _describe(found, name, block)
            case "function", (name,):
                _declare(found, name, block)
            case "group", (name,):
                found.groups[name] = block.attributes.get("targets", Items(()))
            case "target", (name,):
                found.targets[name] = {**found.targets.get(name, {}), **block.attributes}
            case kind, labels:
                losses.add(" ".join((kind, *labels)), "the block", "bake's docs have no such block")
    _evaluate(found, defaults, losses)
    return found


def _describe(found: Document, name: str, block: Block) -> None:
    match block.attributes.get("description"):
        case Literal(str() as text):
            found.descriptions[name] = text


def _declare(found: Document, name: str, block: Block) -> None:
    match block.attributes.get("params"):
        case Items(items):
            names = tuple(_word(one) for one in items)
            result = block.attributes.get("result", Literal(None))
            found.functions[name] = UserFunction(names, result)


def _word(expression: Expression) -> str:
    path: Iterable[str] = getattr(expression, "path", ())
    return ".".join(path) or str(getattr(expression, "value", ""))


def _evaluate(found: Document, defaults: Mapping[str, Expression], losses: Losses) -> None:
    """The defaults of variables, which may name each other in any order."""
    waiting = dict(defaults)
    while waiting:
        reasons = {}
        for name, expression in list(waiting.items()):
            try:
                found.variables[name] = evaluate(expression, found.scope)
                del waiting[name]
            except UnknowableError as error:
                reasons[name] = str(error)
        if len(reasons) == len(defaults) or waiting.keys() == defaults.keys():
            break
        defaults = dict(waiting)
    for name in waiting:
        losses.add(f"variable {name}", "its default", reasons[name])


def _from_json(text: str, file: str) -> Block:
    try:
        data = json.loads(text.removeprefix("\ufeff"))
    except ValueError as error:
        at = Location(file, getattr(error, "lineno", None), getattr(error, "colno", None))
        message = f"it is not JSON: {getattr(error, 'msg', error)}"
        raise SpecError(message, at=at) from None
    except RecursionError:
        raise SpecError("it is nested too deeply", at=Location(file)) from None
    body = Block()
    for kind, named in data.items():
        if kind in {"variable", "function", "group", "target"} and isinstance(named, dict):
            body.blocks += [
                _block(kind, name, one, file) for name, one in named.items() if name != _COMMENT
            ]
        elif kind != _COMMENT:
            body.attributes[kind] = _expression(named, file)
    return body


def _block(kind: str, name: str, data: object, file: str) -> Block:
    if not isinstance(data, dict):
        raise SpecError(f'{kind} "{name}" is not a map', at=Location(file))
    found = {key: _expression(one, file) for key, one in data.items() if key != _COMMENT}
    return Block(kind, (name,), found)


def _expression(data: object, file: str, depth: int = 0) -> Expression:
    if depth > MOST_NESTED:
        raise SpecError("it is nested too deeply", at=Location(file))
    match data:
        case str():
            return parse_template(data, file)
        case list():
            return Items(tuple(_expression(one, file, depth + 1) for one in data))
        case dict():
            pairs = ((str(key), _expression(one, file, depth + 1)) for key, one in data.items())
            return Pairs(tuple(pairs))
        case bool() | int() | float() | None:
            return Literal(data)
    raise SpecError("it holds what is not JSON", at=Location(file))
