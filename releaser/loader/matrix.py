"""One image in several variants: every combination of some axes, less some, plus some.

``include`` and ``exclude`` mean what they mean in a GitHub Actions matrix: an exclusion removes the
combinations that have all of its values; an inclusion adds its values to every combination that it
contradicts in no axis, else it is a further combination.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from releaser.errors import SpecError
from releaser.loader.notes import Notes, child
from releaser.loader.rendering import Layers, Renderer
from releaser.loader.yaml_tree import Entry, List, Map, Node, Null, Text, map_like, replaced

MAX_VARIANTS = 1000
MAX_IMAGES = 20_000
Values = Mapping[str, str]
"""What placeholders stand for in a variant: ``python``, or ``os.name`` for an axis of maps."""

_EXTRA = ("include", "exclude")
_ODD = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(slots=True)
class Variants:
    """The images with all variants in their places: ``groups`` has the names of each matrix's, and
    ``values`` what ``matrix.`` placeholders stand for in each."""

    images: Map
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)


def expanded(images: Map, known: Mapping[str, str], notes: Notes) -> Variants:
    """All ``images``, those with a ``matrix`` as its combinations.

    Raises:
        SpecError: they are too many.
    """
    found = Variants(map_like(images, {}))
    for name, entry in images.entries.items():
        matrix = child(entry.value, "matrix")
        if isinstance(entry.value, Map) and isinstance(matrix, Map):
            _expand(found, name, entry, matrix, known, notes)
        else:
            _no_name(entry, matrix, name, notes)
            _add(found, name, _single(entry), notes)
    return found


def _single(entry: Entry) -> Entry:
    """An image without what makes variants of it."""
    image = entry.value
    if not isinstance(image, Map) or not {"matrix", "name"} & image.entries.keys():
        return entry
    kept = {key: one for key, one in image.entries.items() if key not in {"matrix", "name"}}
    return replaced(entry, map_like(image, kept))


def _no_name(entry: Entry, matrix: Node | None, name: str, notes: Notes) -> None:
    own = entry.value.entries.get("name") if isinstance(entry.value, Map) else None
    if matrix is not None and not isinstance(matrix, Null):
        notes.problem(matrix, f'"matrix" of image "{name}" must be a map of lists')
    elif own is not None:
        notes.problem(
            own,
            f'"name" of image "{name}" is for the variants of a matrix',
            "an image is called as its key; what it is called in a registry is its repository",
        )


def _add(found: Variants, name: str, entry: Entry, notes: Notes) -> None:
    first = found.images.entries.get(name)
    if first is not None:
        notes.twice(entry, f'image "{name}"', first)
        return
    if len(found.images.entries) >= MAX_IMAGES:
        raise SpecError(f"there are more than {MAX_IMAGES} images", at=notes.at(entry))
    found.images.entries[name] = entry


def _expand(
    found: Variants,
    name: str,
    entry: Entry,
    matrix: Map,
    known: Mapping[str, str],
    notes: Notes,
) -> None:
    value, template = _single(entry), child(entry.value, "name")
    before = len(notes.problems)
    combinations = _combinations(name, matrix, notes)
    names: dict[str, dict[str, str]] = {}
    for values in combinations:
        called = _name(name, template, values, known, notes)
        if called in names and len(notes.problems) == before:
            _same_name(name, called, template or matrix, notes)
        names.setdefault(called, values)
    if not combinations:
        notes.problem(matrix, f'the matrix of image "{name}" has no variants')
    if len(notes.problems) > before:  # what a variant lacks would be complained of once more
        names = {key: one for key, one in names.items() if "{{" not in key and key != name}
    for called, values in names.items():
        found.values.setdefault(called, {f"matrix.{key}": one for key, one in values.items()})
        _add(found, called, value, notes)
    if names:
        found.groups[name] = tuple(names)


def _same_name(image: str, called: str, at: Node, notes: Notes) -> None:
    hint = "a value is listed twice"
    if isinstance(at, Text):
        hint = 'write what differs between them into "name": {{matrix.…}}'
    notes.problem(at, f'two variants of image "{image}" are called "{called}"', hint)


def _name(
    image: str, template: Node | None, values: Values, known: Mapping[str, str], notes: Notes
) -> str:
    """What a variant is called: by the template, else by the image and all of its values."""
    if not isinstance(template, Text):
        return "-".join([image, *(_ODD.sub("-", one) for one in values.values())])
    matrix = {f"matrix.{key}": one for key, one in values.items()}
    return Renderer(Layers(matrix, {"image": image}, known), notes).text(template, in_plan=False)


def _combinations(image: str, matrix: Map, notes: Notes) -> list[dict[str, str]]:
    axes = {
        key: _axis(key, entry, notes) for key, entry in matrix.entries.items() if key not in _EXTRA
    }
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > MAX_VARIANTS:
        at, more = notes.at(matrix), [("allowed", str(MAX_VARIANTS))]
        raise SpecError(f"the matrix has {count} variants", at=at, details=more)
    found = [
        {key: one for part in parts for key, one in part.items()}
        for parts in itertools.product(*axes.values())
    ]
    found = _excluded(image, found if axes else [], axes, matrix, notes)
    return _included(found, set(axes), matrix, notes)


def _axis(key: str, entry: Entry, notes: Notes) -> list[dict[str, str]]:
    """The values of an axis, each as what it gives to a variant."""
    node = entry.value
    if not isinstance(node, List) or not node.items:
        notes.problem(
            entry, f'"{key}" in a matrix must be a list of values', f"write {key}: [a, b]"
        )
        return [{}]
    return [_value(key, item, notes) for item in node.items]


def _value(key: str, node: Node, notes: Notes) -> dict[str, str]:
    """A value that is text, or a map of texts."""
    match node:
        case Text():
            if "{{" in node.value:
                notes.problem(node, "a value of a matrix holds a placeholder", "write plain text")
                return {key: "x"}
            return {key: node.value}
        case Map() if all(isinstance(one.value, Text) for one in node.entries.values()):
            texts = ((name, one.value) for name, one in node.entries.items())
            return {f"{key}.{name}": one.value for name, one in texts if isinstance(one, Text)}
    notes.problem(node, f'a value of "{key}" in a matrix must be text, or a map of texts')
    return {}


def _excluded(
    image: str, found: list[dict[str, str]], axes: Collection[str], matrix: Map, notes: Notes
) -> list[dict[str, str]]:
    every = found
    for item, rule in _rules(matrix, "exclude", notes):
        odd = next((key for key in rule if key.partition(".")[0] not in axes), None)
        if odd is not None:
            notes.unknown(item, "axis", odd, axes)
        elif not any(_fits(rule, one) for one in every):
            notes.problem(
                item,
                f'this exclusion fits no variant of image "{image}"',
                "leave it out; where it comes from what the image extends: exclude: ~",
            )
        found = [one for one in found if not _fits(rule, one)]
    return found


def _included(
    found: list[dict[str, str]], axes: set[str], matrix: Map, notes: Notes
) -> list[dict[str, str]]:
    original, more = [dict(one) for one in found], []
    for _, rule in _rules(matrix, "include", notes):
        fixed = {key: one for key, one in rule.items() if key.partition(".")[0] in axes}
        places = [n for n, one in enumerate(original) if _fits(fixed, one)]
        for place in places:
            found[place].update(rule)
        if not places:
            more.append(rule)
    return [*found, *more]


def _fits(rule: Values, values: Values) -> bool:
    return all(values.get(key) == one for key, one in rule.items())


def _rules(matrix: Map, key: str, notes: Notes) -> Iterable[tuple[Node, dict[str, str]]]:
    node = child(matrix, key)
    if node is None:
        return
    if not isinstance(node, List):
        notes.problem(node, f'"{key}" in a matrix must be a list of maps')
        return
    for item in node.items:
        if not isinstance(item, Map) or not item.entries:
            notes.problem(item, f'"{key}" in a matrix must be a list of maps')
            continue
        rule: dict[str, str] = {}
        for name, entry in item.entries.items():
            rule.update(_value(name, entry.value, notes))
        yield item, rule
