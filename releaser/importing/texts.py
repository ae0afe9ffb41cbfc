"""YAML of other tools as plain data, in which every scalar keeps its text: 3.10 is "3.10"."""

from __future__ import annotations

from typing import Any

import yaml

from releaser.errors import Location, SpecError

MOST_VALUES = 200_000


def _kept() -> dict[str, list[tuple[str, Any]]]:
    """What a bare scalar is taken for: null, or the key of a merge."""
    known = yaml.SafeLoader.yaml_implicit_resolvers
    found = {
        first: [one for one in all_ if one[0].endswith((":null", ":merge"))]
        for first, all_ in known.items()
    }
    return {first: kept for first, kept in found.items() if kept}


class _Texts(yaml.SafeLoader):
    """Null is null and ``<<`` merges; everything else is text."""


_Texts.yaml_implicit_resolvers = _kept()


def _untagged(loader: _Texts, _suffix: str, node: yaml.Node) -> object:
    """What has a tag of the tool's own (``!reset``, ``!override``), without it."""
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value


_Texts.add_multi_constructor("!", _untagged)


def read_yaml(text: str, file: str) -> dict[str, Any]:
    """The map that a file is; ``file`` is what complaints call it.

    Raises:
        SpecError: it is not YAML, no map, or too much.
    """
    try:
        data = yaml.load(text, Loader=_Texts)  # noqa: S506 - it is a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file)
        message = getattr(error, "problem", None) or "it is not YAML"
        raise SpecError(str(message), at=at) from None
    except (RecursionError, ValueError, TypeError):
        raise SpecError("it is not YAML that can be read", at=Location(file)) from None
    if not isinstance(data, dict):
        raise SpecError("the file must be a map", at=Location(file))
    if _size(data, MOST_VALUES) <= 0:
        raise SpecError("it holds too many values", at=Location(file))
    return data


def _size(data: object, left: int, depth: int = 0) -> int:
    """What is left of ``left`` after the values of ``data``, those of aliases each time."""
    left -= 1
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    for one in inner:
        if left <= 0 or depth > 100:
            return 0
        left = _size(one, left, depth + 1)
    return left
