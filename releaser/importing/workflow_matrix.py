"""What a job's matrix means for images: variants of one image, its platforms, or images apart."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from releaser.core.template import render_known
from releaser.importing.draft import Value
from releaser.importing.workflow_jobs import Build, rows_of

MOST_VARIANTS = 256
"""What GitHub runs of one matrix at most (GitHub's documentation, "Usage limits")."""

_AXIS = re.compile(r"\{\{matrix\.([\w-]+)\}\}")
_EXPRESSION = re.compile(r"\$\{\{\s*matrix\.([\w-]+)\s*\}\}")


def variants(matrix: Value) -> list[dict[str, Value]]:
    """The combinations of a matrix, as GitHub makes them; at most :data:`MOST_VARIANTS`.

    An inclusion that fits combinations adds to them, and is one of its own else.
    """
    if not isinstance(matrix, dict):
        return []
    axes = {
        key: one
        for key, one in matrix.items()
        if key not in {"include", "exclude"} and isinstance(one, list)
    }
    products = itertools.islice(itertools.product(*axes.values()), MOST_VARIANTS)
    found = [dict(zip(axes, values, strict=True)) for values in products] if axes else []
    gone = rows_of(matrix.get("exclude"))
    found = [one for one in found if not any(row.items() <= one.items() for row in gone)]
    original = [dict(one) for one in found]
    for row in rows_of(matrix.get("include")):
        told = {key: value for key, value in row.items() if key in axes}
        fitting = [n for n, one in enumerate(original) if told.items() <= one.items()]
        for number in fitting:
            found[number].update(row)
        if not fitting:
            found.append(dict(row))
    return found[:MOST_VARIANTS]


def apart(matrix: Value, tags: Value) -> bool:
    """Whether the variants of an image have no tag in common, so that they can share a repository.

    Those of a policy or of rules are in common: a rule may give ``latest`` to each.
    """
    if not isinstance(tags, list) or not tags or any("type=" in str(one) for one in tags):
        return False
    seen: set[str] = set()
    for values in variants(matrix):
        known = {f"matrix.{key}": str(value) for key, value in values.items()}
        own = {render_known(str(one), known) for one in tags}
        if own & seen:
            return False
        seen |= own
    return True


def fold_platforms(matrix: dict[str, Value], fields: dict[str, Value], others: str) -> None:
    """An axis that says nothing but the platform is the list of platforms of one image.

    ``others`` is what else of the image may name axes.
    """
    platforms = fields.get("platforms")
    text = str(platforms[0]) if isinstance(platforms, list) and len(platforms) == 1 else ""
    axis = _AXIS.fullmatch(text)
    rest = repr({key: one for key, one in fields.items() if key != "platforms"}) + others
    if axis is None or f"{{{{matrix.{axis[1]}}}}}" in rest:
        return
    values = [one.get(axis[1]) for one in variants(matrix)]
    fields["platforms"] = list(dict.fromkeys(str(one) for one in values if one))


def single(build: Build) -> Iterator[Build]:
    """The build, or one for each variant where the matrix has whole references to images in it."""
    images = [str(build.inputs.get("tags", "")), *_images(build.metas)]
    named = {axis for one in images for axis in _EXPRESSION.findall(one)}
    rows = variants(build.matrix)
    if not any("/" in str(row.get(axis, "")) for row in rows for axis in named):
        yield build
        return
    for row in rows:
        yield replace(
            build,
            inputs=_put(build.inputs, row),
            metas=_put(build.metas, row),
            expander=replace(build.expander, env=_put(dict(build.expander.env), row)),
            matrix={},
        )


def _images(metas: dict[str, dict[str, Any]]) -> list[str]:
    return [str(one.get("images", "")) for one in metas.values()]


def _put(value: Any, row: dict[str, Value]) -> Any:  # noqa: ANN401 - as YAML has it
    """A value of a workflow with the axes of one variant in place; one without a value is empty."""
    if isinstance(value, dict):
        return {key: _put(one, row) for key, one in value.items()}
    if isinstance(value, list):
        return [_put(one, row) for one in value]
    if isinstance(value, str):
        return _EXPRESSION.sub(lambda found: str(row.get(found[1], "")), value)
    return value
