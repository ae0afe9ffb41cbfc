"""A matrix as single targets, where a variant inherits what its own values name."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from releaser.importing.bake_document import Attributes, Document
from releaser.importing.bake_text import check_variants
from releaser.importing.bounds import Plain, UnknowableError
from releaser.importing.draft import Losses
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
    evaluate,
    names,
    text_of,
)


def unrolled(document: Document, losses: Losses) -> None:
    """Replaces such targets of ``document`` by their variants, and a group of the target's name."""
    for target, attributes in list(document.targets.items()):
        matrix, inherits = attributes.get("matrix"), attributes.get("inherits")
        if not isinstance(matrix, Pairs) or inherits is None:
            continue
        if not names(inherits) & {key for key, _ in matrix.pairs}:
            continue
        try:
            found = _variants(attributes, matrix, document)
        except UnknowableError as error:
            losses.add(f"target {target}", "its matrix", str(error))
            continue
        # The order of targets is that of the file.
        whole = list(document.targets.items())
        place = [name for name, _ in whole].index(target)
        document.targets = dict([*whole[:place], *found.items(), *whole[place + 1 :]])
        document.groups.setdefault(target, Items(tuple(Literal(one) for one in found)))


def _variants(attributes: Attributes, matrix: Pairs, document: Document) -> dict[str, Attributes]:
    axes: dict[str, list[Plain]] = {}
    for key, expression in matrix.pairs:
        value = evaluate(expression, document.scope)
        axes[key] = value if isinstance(value, list) else [value]
    check_variants(axes)
    found: dict[str, Attributes] = {}
    kept = {key: one for key, one in attributes.items() if key not in {"matrix", "name"}}
    for values in itertools.product(*axes.values()):
        known = dict(zip(axes, values, strict=True))
        scope = document.scope.having(known)
        name = text_of(evaluate(attributes.get("name", Literal(None)), scope))
        found[name] = {key: put(one, known) for key, one in kept.items()}
    return found


def put(  # noqa: PLR0911 - one for each kind
    expression: Expression, values: Mapping[str, Plain]
) -> Expression:
    """An expression with the values of some names in their places."""
    match expression:
        case Name((first, *rest)) if first in values:
            value = values[first]
            for key in rest:
                value = value.get(key) if isinstance(value, dict) else None
            return as_expression(value)
        case Template(items):
            return Template(tuple(put(one, values) for one in items))
        case Items(items):
            return Items(tuple(put(one, values) for one in items))
        case Call(name, items):
            return Call(name, tuple(put(one, values) for one in items))
        case Pairs(pairs):
            return Pairs(tuple((key, put(one, values)) for key, one in pairs))
        case Index(value, key):
            return Index(put(value, values), put(key, values))
        case Literal() | Name() | Opaque():
            return expression


def as_expression(value: Plain) -> Expression:
    """A value as the expression that comes to it."""
    match value:
        case list():
            return Items(tuple(map(as_expression, value)))
        case dict():
            return Pairs(tuple((key, as_expression(one)) for key, one in value.items()))
    return Literal(value)
