"""Expressions of a bake file as values of ``images.yaml``: variables become placeholders."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from releaser.core.template import render_known
from releaser.importing.bake_document import Document
from releaser.importing.bounds import Plain, UnknowableError
from releaser.importing.draft import Losses, Value
from releaser.importing.expressions import (
    Expression,
    Items,
    Literal,
    Name,
    Pairs,
    Template,
    evaluate,
    names,
    text_of,
)
from releaser.loader.matrix import MAX_VARIANTS

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")


def carried(document: Document) -> dict[str, Value]:
    """The variables that ``images.yaml`` can have: single values, with a legal name."""
    found: dict[str, Value] = {}
    for name, value in document.variables.items():
        if _VARIABLE.fullmatch(name) and isinstance(value, str | bool | int | float):
            plain = isinstance(value, bool) or (isinstance(value, int) and value >= 0)
            found[name] = value if plain and not isinstance(value, float) else text_of(value)
            if "{{" in str(value):
                del found[name]
    return found


def check_variants(axes: Mapping[str, list[Plain]]) -> None:
    """Raises :class:`UnknowableError` for a matrix of more variants than ``images.yaml`` has."""
    count = math.prod(map(len, axes.values()))
    if count > MAX_VARIANTS:
        raise UnknowableError(f"{count} variants, and {MAX_VARIANTS} are allowed")


@dataclass(slots=True)
class Translator:
    """Translates the attributes of one target.

    ``axes`` are the values of its matrix. What is computed of them becomes a further value of each
    combination, in ``derived`` by its key.
    """

    target: str
    document: Document
    variables: Mapping[str, Value]
    losses: Losses
    axes: Mapping[str, list[Plain]] = field(default_factory=dict)
    derived: dict[str, Expression] = field(default_factory=dict)

    def lose(self, what: str, why: str) -> None:
        """Note that something of this target is lost."""
        self.losses.add(f"target {self.target}", what, why)

    def value(self, key: str, expression: Expression) -> Value:
        """An attribute as lists, maps and text; what has no value is noted, and ``None``."""
        match expression:
            case Items(items):
                return [self.value(key, one) for one in items]
            case Pairs(pairs):
                return {name: self.value(f"{key}.{name}", one) for name, one in pairs}
        try:
            return self._single(key, expression)
        except UnknowableError as error:
            self.lose(key, str(error))
            return None

    def _single(self, key: str, expression: Expression) -> Value:
        """A value that is no list and no map as it is written, though it may come to be one."""
        match expression:
            case Literal(None | bool()):
                return expression.value if isinstance(expression.value, bool) else None
            case Literal() | Template():
                return self._text(key, expression)
            case Name() if self._placeholder(expression):
                return self._text(key, expression)
        if names(expression) & self.axes.keys():
            return self._text(key, expression)
        return self._fixed(key, expression)

    def _fixed(self, key: str, expression: Expression) -> Value:
        """What an expression comes to now, since only that can be written."""
        value = evaluate(expression, self.document.scope)
        used = sorted(names(expression) & self.document.variables.keys())
        if used:
            self.lose(key, f"fixed at its value now, whatever {', '.join(used)} becomes later")
        return _value(value)

    def _text(self, key: str, expression: Expression) -> str:
        match expression:
            case Literal(str() as text):
                if "{{" in text:
                    raise UnknowableError("two braces begin a placeholder in images.yaml")
                return text
            case Template(parts):
                return "".join(self._text(key, one) for one in parts)
        found = self._placeholder(expression)
        if found is None and names(expression) & self.axes.keys():
            found = self._derived(key, expression)
        return text_of(_scalar(self._fixed(key, expression))) if found is None else found

    def _placeholder(self, expression: Expression) -> str | None:
        match expression:
            case Name(path) if path[0] in self.axes:
                return f"{{{{matrix.{'.'.join(path)}}}}}"
            case Name((name,)) if name in self.variables:
                return f"{{{{vars.{name}}}}}"
        return None

    def _derived(self, key: str, expression: Expression) -> str:
        """A further value of the matrix, which holds what the expression comes to."""
        known = next((name for name, one in self.derived.items() if one == expression), None)
        if known is None:
            axis = sorted(names(expression) & self.axes.keys())
            known = f"{'_'.join(axis)}_{re.sub(r'[^a-z0-9]+', '_', key.lower())}"
            while known in self.derived or known in self.axes:
                known += "_"
            for combination in self._combinations(axis):
                evaluate(expression, self.document.scope.having(combination))
            used = sorted(names(expression) & self.document.variables.keys() - self.axes.keys())
            if used:
                self.lose(key, f"fixed at its value now, whatever {', '.join(used)} becomes later")
            self.derived[known] = expression
        return f"{{{{matrix.{known}}}}}"

    def _combinations(self, axes: list[str]) -> Iterator[dict[str, Plain]]:
        for values in itertools.product(*(self.axes[name] for name in axes)):
            yield dict(zip(axes, values, strict=True))

    def includes(self) -> list[Value]:
        """The entries of ``include`` that give each combination what was derived from it."""
        found: dict[tuple[str, ...], list[dict[str, Value]]] = {}
        for key, expression in self.derived.items():
            axes = tuple(sorted(names(expression) & self.axes.keys()))
            rows = found.setdefault(axes, [_row(one) for one in self._combinations(list(axes))])
            for row, combination in zip(rows, self._combinations(list(axes)), strict=True):
                value = evaluate(expression, self.document.scope.having(combination))
                row[key] = text_of(_scalar(value))
        return [row for rows in found.values() for row in rows]

    def variants(self) -> list[dict[str, Plain]]:
        """The combinations of the matrix; a single empty one where there is none."""
        return list(self._combinations(list(self.axes)))

    def first(self) -> dict[str, str]:
        """What placeholders stand for in the first variant."""
        return self.known(next(iter(self.variants()), {}))

    def rendered(self, text: str, variant: Mapping[str, Plain]) -> str:
        """A text with placeholders as it comes out in a variant."""
        return render_known(text, self.known(variant))

    def known(self, variant: Mapping[str, Plain]) -> dict[str, str]:
        """What placeholders stand for in a variant: ``vars.X``, ``matrix.Y``, ``matrix.Y.Z``."""
        found = {f"vars.{name}": text_of(_scalar(one)) for name, one in self.variables.items()}
        for name, one in variant.items():
            pairs = one.items() if isinstance(one, dict) else [("", one)]
            for key, value in pairs:
                found[f"matrix.{name}.{key}".rstrip(".")] = text_of(value)
        for key, expression in self.derived.items():
            value = evaluate(expression, self.document.scope.having(variant))
            found[f"matrix.{key}"] = text_of(value)
        return found


def _row(combination: Mapping[str, Plain]) -> dict[str, Value]:
    return {name: _value(one) for name, one in combination.items()}


def _scalar(value: object) -> str | int | float | bool:
    if isinstance(value, str | int | float | bool):
        return value
    raise UnknowableError("a list, a map or null stands where text is meant")


def _value(value: Plain) -> Value:
    """A value of HCL as the file has it: numbers are text."""
    match value:
        case list():
            return [_value(one) for one in value]
        case dict():
            return {key: _value(one) for key, one in value.items()}
        case None | bool():
            return value
    return text_of(value)
