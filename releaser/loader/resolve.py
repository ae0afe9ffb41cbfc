"""The tree as written becomes the tree as meant: defaults merged, variables rendered.

Every node keeps its place, so that a complaint about a value that an image has from ``defaults``
points into ``defaults``, and is made once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from pydantic_core import PydanticCustomError

from releaser.core import template
from releaser.core.facts import Concern
from releaser.core.spec import PLAN_FIELDS
from releaser.core.spec.fields import split_host, split_line
from releaser.core.tag_rules import expressions
from releaser.errors import Location, SpecError
from releaser.loader.yaml_tree import Entry, List, Map, Node, Null, Text

MAX_MERGED = 1_000_000
LINES: Mapping[str, Callable[[str], tuple[str, str]]] = {
    "args": split_line,
    "labels": split_line,
    "additional_contexts": split_line,
    "extra_hosts": split_host,
}
"""The fields that may be a list of lines in place of a map, and what divides a line."""


@dataclass(slots=True)
class Notes:
    """What was found wrong (``problems``) or suspicious (``concerns``) while a file was read."""

    file: str
    problems: list[SpecError] = field(default_factory=list)
    concerns: list[Concern] = field(default_factory=list)

    def at(self, node: Node | Entry) -> Location:
        """Where a node or a key stands."""
        return Location(self.file, node.line, node.column)

    def problem(self, node: Node | Entry, message: str, hint: str | None = None) -> None:
        """Add a complaint about a place."""
        self.problems.append(SpecError(message, at=self.at(node), hint=hint))

    def concern(self, node: Node | Entry, message: str, hint: str) -> None:
        """Add something suspicious about a place."""
        self.concerns.append(Concern(f"{self.at(node)}: {message}", hint))


def child(node: Node | None, key: str) -> Node | None:
    """The value of a key, or ``None`` where ``node`` is no map or has no such key."""
    entry = node.entries.get(key) if isinstance(node, Map) else None
    return entry.value if entry else None


def merged(root: Map, notes: Notes) -> Map:
    """``root`` with its defaults under every image; the fields that are null are left out.

    Maps merge by key, lists and scalars replace, an explicit null removes. A list of
    ``NAME=value`` lines is a map in another writing and merges as one.
    """
    defaults, images = child(root, "defaults"), child(root, "images")
    base = _as_maps(defaults, notes) if isinstance(defaults, Map) else Map(0, 0)
    _check_growth(base, images, notes)
    entries = dict(root.entries)
    if isinstance(defaults, Map):
        entries["defaults"] = _replaced(root.entries["defaults"], _without_nulls(base))
    if isinstance(images, Map):
        inherited = _inherited(base)
        found = {
            name: _replaced(entry, _image(inherited, entry.value, name, notes))
            for name, entry in images.entries.items()
        }
        entries["images"] = _replaced(root.entries["images"], _map_like(images, found))
    return _map_like(root, entries)


def _check_growth(base: Map, images: Node | None, notes: Notes) -> None:
    count = len(images.entries) if isinstance(images, Map) else 0
    if base.size * count > MAX_MERGED:
        message = f"the defaults, merged under {count} images, make too many values"
        raise SpecError(message, at=notes.at(base), details=[("allowed", str(MAX_MERGED))])


def _image(base: Map, image: Node, name: str, notes: Notes) -> Node:
    if isinstance(image, Null):
        image = Map(image.line, image.column)
    if not isinstance(image, Map):
        return image
    own = _as_maps(image, notes)
    _note_empty_args(base, own, name, notes)
    return _without_nulls(_merge(base, own))


def _note_empty_args(base: Map, own: Map, name: str, notes: Notes) -> None:
    """Compose takes the value of an arg without one from the environment; releaser does not."""
    args, below = child(own, "args"), child(base, "args")
    for key, entry in args.entries.items() if isinstance(args, Map) else ():
        if isinstance(entry.value, Null) and child(below, key) is None:
            message = f'build arg "{key}" of image "{name}" has no value and is left out'
            notes.concern(entry, message, 'write "" for an empty value, {{vars.NAME}} for another')


def _merge(base: Map, over: Map) -> Map:
    """``over`` upon ``base``: an image's fields and what their maps hold; deeper maps replace."""
    entries = dict(base.entries)
    for key, entry in over.entries.items():
        below = entries.get(key)
        if below and isinstance(below.value, Map) and isinstance(entry.value, Map):
            inner = {**_inherited(below.value).entries, **entry.value.entries}
            entries[key] = _replaced(entry, _map_like(entry.value, inner))
        else:
            entries[key] = entry
    return _map_like(over, entries)


def _without_nulls(image: Map) -> Map:
    entries = {
        key: _replaced(entry, _inner_without_nulls(key, entry.value))
        for key, entry in image.entries.items()
        if not isinstance(entry.value, Null)
    }
    return _map_like(image, entries)


def _inner_without_nulls(field: str, value: Node) -> Node:
    # In "needs" null is a value: a reference that is not one of the images.
    if field == "needs" or not isinstance(value, Map):
        return value
    if not any(isinstance(entry.value, Null) for entry in value.entries.values()):
        return value
    kept = {k: e for k, e in value.entries.items() if not isinstance(e.value, Null)}
    return _map_like(value, kept)


def _as_maps(image: Map, notes: Notes) -> Map:
    """The image with lists of ``NAME=value`` lines as maps."""
    if not any(isinstance(child(image, key), List) for key in LINES):
        return image
    entries = {
        key: _replaced(entry, _lines_as_map(key, entry.value, notes))
        if key in LINES and isinstance(entry.value, List)
        else entry
        for key, entry in image.entries.items()
    }
    return _map_like(image, entries)


def _lines_as_map(field: str, lines: List, notes: Notes) -> Node:
    texts = [item for item in lines.items if isinstance(item, Text)]
    if len(texts) < len(lines.items):
        return lines  # the schema says what is wrong with it
    found = Map(lines.line, lines.column)
    for item in texts:
        try:
            name, value = LINES[field](item.value)
        except PydanticCustomError as error:
            context = error.context or {}
            notes.problem(item, context["message"], context["hint"])
            continue
        _add_line(found, name, Text(item.line, item.column, value), field, notes)
    return found


def _add_line(found: Map, name: str, value: Text, field: str, notes: Notes) -> None:
    entry = found.entries.get(name)
    if entry is None:
        found.entries[name] = Entry(value.line, value.column, value)
    elif field == "extra_hosts":  # a host may have several addresses
        many = entry.value if isinstance(entry.value, List) else List(entry.line, entry.column)
        many.items = [*(many.items or [entry.value]), value]
        entry.value = many
    else:
        message = f'"{name}" is given twice'
        first = [("first", str(notes.at(entry)))]
        notes.problems.append(SpecError(message, at=notes.at(value), details=first))


def _inherited(base: Map) -> Map:
    entries = {
        key: Entry(e.line, e.column, e.value, inherited=True) for key, e in base.entries.items()
    }
    return _map_like(base, entries)


def _replaced(entry: Entry, value: Node) -> Entry:
    return Entry(entry.line, entry.column, value, entry.inherited)


def _map_like(node: Map, entries: dict[str, Entry]) -> Map:
    return Map(node.line, node.column, entries, node.size, node.height)


class Layers(Mapping[str, str]):
    """Mappings looked through in order, without a copy: a thousand images share one."""

    def __init__(self, *layers: Mapping[str, str]) -> None:
        self._layers = layers

    def __getitem__(self, name: str) -> str:
        for layer in self._layers:
            if name in layer:
                return layer[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for layer in self._layers for name in layer))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(slots=True)
class Renderer:
    """Renders what a load knows, and checks that a plan will know the rest.

    ``known`` are the values that are put in; in the fields that a plan renders, its names may
    stand too.
    """

    known: Mapping[str, str]
    notes: Notes
    later: tuple[str, ...] = ()
    rules: bool = False

    def of_rules(self) -> Renderer:
        """The same for rules of tags: their expressions stay as they are."""
        return replace(self, later=(*self.later, *expressions.ALL), rules=True)

    def data(self, node: Node, *, in_plan: bool = False) -> object:
        """A node as dicts, lists, text and ``None``."""
        match node:
            case Text():
                return self.text(node, in_plan=in_plan) if "{{" in node.value else node.value
            case List():
                return [self.data(item, in_plan=in_plan) for item in node.items]
            case Map():
                return self._map(node, in_plan=in_plan)
            case Null():
                return None

    def image(self, node: Node) -> object:
        """An image or the defaults: its fields know which of them a plan renders."""
        if not isinstance(node, Map):
            return self.data(node)
        return {
            key: self.of_rules().data(entry.value)
            if key == "tags"
            else self.data(entry.value, in_plan=key in PLAN_FIELDS)
            for key, entry in node.entries.items()
        }

    def _map(self, node: Map, *, in_plan: bool) -> dict[str, object]:
        found = {}
        for key, entry in node.entries.items():
            if "{{" in key:
                self.notes.problem(entry, f'"{key}" is a name, and names hold no placeholders')
            found[key] = self.data(entry.value, in_plan=in_plan)
        return found

    def text(self, node: Text, *, in_plan: bool) -> str:
        """The text of a scalar, rendered; as it is where something is wrong with it."""
        try:
            return self._rendered(node.value, (*self.later, *_later(in_plan=in_plan)))
        except SpecError as error:
            self.notes.problems.append(
                SpecError(
                    error.message, at=self.notes.at(node), details=error.details, hint=error.hint
                )
            )
            return node.value

    def _rendered(self, text: str, later: tuple[str, ...]) -> str:
        if not self.rules:
            return self._plain(text, later)
        if "${{" in text:
            return text  # the rule itself says what is wrong with it
        return "".join(
            part if expressions.calls(part) else self._plain(part, later)
            for part in expressions.around_calls(text)
        )

    def _plain(self, text: str, later: tuple[str, ...]) -> str:
        for name in template.names(text):
            if name in template.PLAN_NAMES and name not in {*later, *self.known}:
                where = ", ".join(sorted(PLAN_FIELDS))
                raise SpecError(
                    f'"{{{{{name}}}}}" cannot stand here',
                    details=(("defined", ", ".join(sorted({*self.known, *later}) or ["nothing"])),),
                    hint="only what belongs to an image can use it"
                    if name == "image"
                    else f"only {where} can use it",
                )
        kept = {name: f"{{{{{name}}}}}" for name in later}
        return template.render(text, Layers(self.known, kept))


def _later(*, in_plan: bool) -> tuple[str, ...]:
    return template.PLAN_NAMES if in_plan else ()
