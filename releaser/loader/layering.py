"""Layers of settings, put one upon the other: a profile upon a file, an image upon its defaults.

Maps merge by key, lists and scalars replace, an explicit null removes. Every node keeps its place,
so that a complaint about a value points to where it is written, and is made once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from releaser.errors import SpecError
from releaser.loader.lines import as_maps
from releaser.loader.notes import Notes, child
from releaser.loader.yaml_tree import Entry, List, Map, Node, Null, Text, map_like, replaced

MAX_MERGED = 1_000_000
MAX_CHAIN = 50
DEFAULTS = '"defaults"'
NOT_INHERITED = frozenset({"extends", "name", "enabled"})
"""The fields that an image does not have from what it extends."""
NO_DEFAULTS = frozenset({"extends", "matrix", "name", "enabled"})
"""The fields that cannot be in defaults."""


def inherited(base: Map, source: str) -> Map:
    """``base``, each entry marked as had from ``source``, unless it is so from somewhere else."""
    entries = {
        key: Entry(one.line, one.column, one.value, one.inherited or source, one.file)
        for key, one in base.entries.items()
    }
    return map_like(base, entries)


def marked(layer: Map, source: str) -> Map:
    """``layer``, its entries and those of the maps in it marked as had from ``source``."""
    found = inherited(layer, source)
    for entry in found.entries.values():
        if isinstance(entry.value, Map):
            entry.value = inherited(entry.value, source)
    return found


def merge(base: Map, over: Map, source: str = DEFAULTS) -> Map:
    """``over`` upon ``base``: an image's fields and what their maps hold; deeper maps replace.

    What the maps in ``base`` hold is marked as had from ``source``.
    """
    entries = dict(base.entries)
    for key, entry in over.entries.items():
        below = entries.get(key)
        if below and isinstance(below.value, Map) and isinstance(entry.value, Map):
            inner = {**inherited(below.value, source).entries, **entry.value.entries}
            entries[key] = replaced(entry, map_like(entry.value, inner))
        else:
            entries[key] = entry
    return map_like(over, entries)


def as_image(node: Node, notes: Notes) -> Map | None:
    """An image or defaults as a map whose fields are maps where they can be; else ``None``."""
    if isinstance(node, Null):
        return Map(node.line, node.column, file=node.file)
    return as_maps(node, notes) if isinstance(node, Map) else None


@dataclass(slots=True)
class Layering:
    """Gives every image what it has from others: those that it extends, its file's defaults.

    ``defaults`` are those of each file, by its name.
    """

    images: Map
    defaults: Mapping[str, Map]
    notes: Notes
    _chains: dict[str, Map] = field(default_factory=dict)
    _marked: dict[str, Map] = field(default_factory=dict)

    def all(self) -> Map:
        """Every image with all of its fields; those that are null are left out later."""
        size = max((one.size for one in self.defaults.values()), default=0)
        check_growth(self.images, size, len(self.images.entries), self.notes)
        found = {
            name: replaced(entry, self._image(name, entry))
            for name, entry in self.images.entries.items()
        }
        return map_like(self.images, found)

    def _image(self, name: str, entry: Entry) -> Node:
        own = self._chain(name, entry, ())
        if own is None:
            return entry.value
        base = self._defaults(entry.file)
        _note_empty_args(base, own, name, self.notes)
        return merge(base, own)

    def _defaults(self, file: str) -> Map:
        if file not in self._marked:
            base = self.defaults.get(file) or Map(0, 0)
            kept = {key: one for key, one in base.entries.items() if key not in NO_DEFAULTS}
            self._marked[file] = inherited(map_like(base, kept), DEFAULTS)
        return self._marked[file]

    def _chain(self, name: str, entry: Entry, below: Sequence[str]) -> Map | None:
        """An image upon all that it extends; ``None`` where it is no map at all."""
        if name in self._chains:
            return self._chains[name]
        own = as_image(entry.value, self.notes)
        if own is None:
            return None
        found: Map | None = None
        for parent in self._parents(own, (*below, name)):
            layer = self._parent(parent, entry.file, (*below, name))
            if layer is not None:
                upper = marked(layer, f'image "{parent}"')
                found = upper if found is None else merge(found, upper, "")
        if found is not None:
            own = merge(found, own, "")
        self._chains[name] = own
        return own

    def _parent(self, name: str, file: str, below: Sequence[str]) -> Map | None:
        """What an image has from another one that it extends: with the defaults of its own file."""
        entry = self.images.entries[name]
        chain = self._chain(name, entry, below)
        if chain is None:
            return None
        kept = {key: one for key, one in chain.entries.items() if key not in NOT_INHERITED}
        layer = map_like(chain, kept)
        return layer if entry.file == file else merge(self._defaults(entry.file), layer)

    def _parents(self, image: Map, path: Sequence[str]) -> list[str]:
        """The images that one extends, as far as they are there and make no circle."""
        node = child(image, "extends")
        texts = node.items if isinstance(node, List) else [] if node is None else [node]
        found = []
        for one in texts:
            if not isinstance(one, Text):
                continue  # the schema says what is wrong with it
            if one.value not in self.images.entries:
                self.notes.unknown(one, "image", one.value, self.images.entries)
            elif one.value in path:
                circle = " extends ".join([*path[path.index(one.value) :], one.value])
                self.notes.problem(one, f"images extend each other in a circle: {circle}")
            elif len(path) >= MAX_CHAIN:
                self.notes.problem(one, f"images extend each other more than {MAX_CHAIN} levels")
            else:
                found.append(one.value)
        return found


def check_growth(at: Node, size: int, count: int, notes: Notes) -> None:
    """Raise :class:`SpecError` where defaults, merged under so many images, are too much."""
    if size * count > MAX_MERGED:
        message = f"the defaults, merged under {count} images, make too many values"
        raise SpecError(message, at=notes.at(at), details=[("allowed", str(MAX_MERGED))])


def _note_empty_args(base: Map, own: Map, name: str, notes: Notes) -> None:
    """Compose takes the value of an arg without one from the environment; releaser does not."""
    args, below = child(own, "args"), child(base, "args")
    for key, entry in args.entries.items() if isinstance(args, Map) else ():
        if isinstance(entry.value, Null) and not entry.inherited and child(below, key) is None:
            message = f'build arg "{key}" of image "{name}" has no value and is left out'
            notes.concern(entry, message, 'write "" for an empty value, {{vars.NAME}} for another')


def without_nulls(image: Map) -> Map:
    """An image without the fields, and what their maps hold, that are null."""
    entries = {
        key: replaced(entry, _inner_without_nulls(key, entry.value))
        for key, entry in image.entries.items()
        if not isinstance(entry.value, Null)
    }
    return map_like(image, entries)


def _inner_without_nulls(field: str, value: Node) -> Node:
    # In "needs" null is a value: a reference that is not one of the images.
    if field == "needs" or not isinstance(value, Map):
        return value
    if not any(isinstance(entry.value, Null) for entry in value.entries.values()):
        return value
    kept = {k: e for k, e in value.entries.items() if not isinstance(e.value, Null)}
    return map_like(value, kept)
