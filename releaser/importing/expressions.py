"""Expressions of HCL as values, and what they come to.

Only what bake files use is here (docs/bake-reference.md of docker/buildx; the native syntax of
HCL 2). An expression that calls a function which is not known, or loops, has no value here: who
asks for it is told why.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from releaser.importing.bounds import MOST_TEXT, Plain, UnknowableError, bounded, put_together


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a truth value, null, or text without a template in it."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Template:
    """Text with expressions in it: the parts of ``"a${b}c"`` in order."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or what a dot behind it reaches: ``item.tag`` is ``("item", "tag")``."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """``value[key]``."""

    value: Expression
    key: Expression


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """A map, in the file's order."""

    pairs: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments; operators are functions with their sign as the name."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Opaque:
    """An expression that is only known as text: a loop, a splat."""

    text: str


Expression: TypeAlias = Literal | Template | Name | Index | Items | Pairs | Call | Opaque
NULL = Literal(None)


@dataclass(frozen=True, slots=True)
class UserFunction:
    """A ``function`` block: the names of its parameters and its result."""

    parameters: tuple[str, ...]
    result: Expression


@dataclass(frozen=True, slots=True)
class Scope:
    """What names stand for."""

    values: Mapping[str, Plain]
    functions: Mapping[str, UserFunction] = field(default_factory=dict)
    depth: int = 0

    def having(self, values: Mapping[str, Plain]) -> Scope:
        """The scope with more names in it."""
        return Scope({**self.values, **values}, self.functions, self.depth + 1)


def names(expression: Expression) -> frozenset[str]:
    """The variables that an expression reads."""
    match expression:
        case Name(path):
            return frozenset(path[:1])
        case Template(items) | Items(items) | Call(_, items):
            return frozenset().union(*map(names, items))
        case Pairs(pairs):
            return frozenset().union(*(names(one) for _, one in pairs))
        case Index(value, key):
            return names(value) | names(key)
        case Literal() | Opaque():
            return frozenset()


def evaluate(expression: Expression, scope: Scope) -> Plain:  # noqa: PLR0911 - one for each kind
    """What an expression comes to.

    Raises:
        UnknowableError: it has no value here, and why.
    """
    match expression:
        case Literal(value):
            return value
        case Template(parts):
            return put_together(text_of(evaluate(one, scope)) for one in parts)
        case Name(path):
            return _looked_up(path, scope)
        case Index(value, key):
            return _member(evaluate(value, scope), evaluate(key, scope))
        case Items(items):
            return bounded([evaluate(one, scope) for one in items])
        case Pairs(pairs):
            return bounded({key: evaluate(one, scope) for key, one in pairs})
        case Call(name, arguments):
            return _called(name, arguments, scope)
        case Opaque(text):
            raise UnknowableError(f"{text} is not read")


def text_of(value: Plain) -> str:
    """A single value as HCL writes it into a text.

    Raises:
        UnknowableError: it is null, a list or a map.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int():
            return str(value)
        case float():
            return repr(value).removesuffix(".0")
    raise UnknowableError("a list, a map or null stands where text is meant")


def _looked_up(path: tuple[str, ...], scope: Scope) -> Plain:
    if path[0] not in scope.values:
        raise UnknowableError(f'nothing says what "{".".join(path)}" is')
    value = scope.values[path[0]]
    for key in path[1:]:
        value = _member(value, key)
    return value


def _member(value: Plain, key: Plain) -> Plain:
    match value, key:
        case dict(), str() if key in value:
            return value[key]
        case list(), int() if 0 <= key < len(value):
            return value[key]
        case list(), str() if key.isdecimal() and int(key) < len(value):
            return value[int(key)]
    raise UnknowableError(f'there is no "{key}" in it')


def _called(name: str, arguments: tuple[Expression, ...], scope: Scope) -> Plain:
    if scope.depth > 50:
        raise UnknowableError(f"{name}() calls itself")
    if name == "?":
        condition, yes, no = arguments
        return evaluate(yes if truth(evaluate(condition, scope)) else no, scope)
    if name in scope.functions:
        return _by_user(scope.functions[name], name, arguments, scope)
    function = _FUNCTIONS.get(name)
    if function is None:
        raise UnknowableError(f"function {name}() is not read")
    values = [evaluate(one, scope) for one in arguments]
    try:
        value: Plain = function(*values)
    except UnknowableError:
        raise
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError) as error:
        raise UnknowableError(f"{name}() fails: {error}") from None
    return bounded(value)


def _by_user(
    function: UserFunction, name: str, arguments: tuple[Expression, ...], scope: Scope
) -> Plain:
    if len(function.parameters) != len(arguments):
        raise UnknowableError(f"{name}() wants {len(function.parameters)} arguments")
    values = [evaluate(one, scope) for one in arguments]
    inner = scope.having(dict(zip(function.parameters, values, strict=True)))
    return evaluate(function.result, inner)


def truth(value: Plain) -> bool:
    """A value as a condition; raises :class:`UnknowableError` where it is none."""
    if isinstance(value, bool):
        return value
    if value in {"true", "1"}:
        return True
    if value in {"false", "0"}:
        return False
    raise UnknowableError("a condition is neither true nor false")


def _number(value: Plain) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = text_of(value)
    return int(text) if re.fullmatch(r"-?[0-9]+", text) else float(text)


def _same(left: Plain, right: Plain) -> bool:
    if _is_number(left) and _is_number(right):
        return left == right
    return type(left) is type(right) and left == right


def _is_number(value: Plain) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _replaced(text: Plain, old: Plain, new: Plain) -> str:
    search = text_of(old)
    if len(search) > 1 and search.startswith("/") and search.endswith("/"):
        raise UnknowableError("replace() with a regular expression is not read")
    if not search:
        raise UnknowableError("replace() of nothing is not read")
    return put_together(text_of(text).split(search), text_of(new))


def _coalesced(*values: Plain) -> Plain:
    found = next((one for one in values if one not in (None, "")), None)
    if found is None:
        raise UnknowableError("coalesce() has nothing to choose")
    return found


def _joined(separator: Plain, *lists: Plain) -> str:
    items = [item for one in lists if isinstance(one, list) for item in one]
    return put_together(map(text_of, items), text_of(separator))


def _formatted(form: Plain, *values: Plain) -> str:
    pattern, rest = text_of(form), list(values)
    if "%" in re.sub(r"%[%sdv]", "", pattern):
        raise UnknowableError("format() with such a verb is not read")
    verbs = iter(re.split(r"%([%sdv])", pattern))
    parts = (
        part
        for plain, verb in itertools.zip_longest(verbs, verbs, fillvalue="")
        for part in (plain, verb if verb in {"", "%"} else text_of(rest.pop(0)))
    )
    return put_together(parts)


def _formatted_each(form: Plain, items: list[Plain]) -> list[str]:
    found, length = [], 0
    for one in items:
        found.append(_formatted(form, one))
        length += len(found[-1])
        if length > MOST_TEXT:
            raise UnknowableError(f"texts become longer than {MOST_TEXT} characters")
    return found


def _length(value: Plain) -> int:
    if isinstance(value, str | list | dict):
        return len(value)
    raise UnknowableError("length() of a single value")


def _concatenated(*lists: Plain) -> list[Plain]:
    return [item for one in lists if isinstance(one, list) for item in one]


def _sanitized(value: Plain) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text_of(value))


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "==": _same,
    "!=": lambda left, right: not _same(left, right),
    "equal": _same,
    "notequal": lambda left, right: not _same(left, right),
    "&&": lambda left, right: truth(left) and truth(right),
    "and": lambda left, right: truth(left) and truth(right),
    "||": lambda left, right: truth(left) or truth(right),
    "or": lambda left, right: truth(left) or truth(right),
    "!": lambda value: not truth(value),
    "not": lambda value: not truth(value),
    "+": lambda left, right: _number(left) + _number(right),
    "-": lambda left, right: _number(left) - _number(right),
    "*": lambda left, right: _number(left) * _number(right),
    "<": lambda left, right: _number(left) < _number(right),
    ">": lambda left, right: _number(left) > _number(right),
    "<=": lambda left, right: _number(left) <= _number(right),
    ">=": lambda left, right: _number(left) >= _number(right),
    "negate": lambda value: -_number(value),
    "add": lambda left, right: _number(left) + _number(right),
    "subtract": lambda left, right: _number(left) - _number(right),
    "replace": _replaced,
    "lower": lambda text: text_of(text).lower(),
    "upper": lambda text: text_of(text).upper(),
    "trimspace": lambda text: text_of(text).strip(),
    "trim": lambda text, these: text_of(text).strip(text_of(these)),
    "trimprefix": lambda text, start: text_of(text).removeprefix(text_of(start)),
    "trimsuffix": lambda text, end: text_of(text).removesuffix(text_of(end)),
    "split": lambda separator, text: text_of(text).split(text_of(separator)),
    "join": _joined,
    "format": _formatted,
    "formatlist": _formatted_each,
    "compact": lambda items: [one for one in items if one],
    "concat": _concatenated,
    "coalesce": _coalesced,
    "length": _length,
    "strlen": lambda text: len(text_of(text)),
    "element": lambda items, index: items[index % len(items)],
    "contains": lambda items, one: any(_same(item, one) for item in items),
    "keys": sorted,
    "values": lambda pairs: [pairs[key] for key in sorted(pairs)],
    "merge": lambda *maps: {key: one for pairs in maps for key, one in (pairs or {}).items()},
    "notempty": bool,
    "sanitize": _sanitized,
}
