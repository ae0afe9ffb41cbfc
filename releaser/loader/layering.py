"""Layers of settings, put one upon the other: a profile upon a file, an image upon its defaults.

Maps merge by key, lists and scalars replace, an explicit null removes. Every node keeps its place,
so that a complaint about a value points to where it is written, and is made once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from releaser.errors import SpecError
from releaser.loader.lines import as_maps
from releaser.loader.notes import Notes, child
from releaser.loader.yaml_tree import Entry, List, Map, Node, Null, Text, map_like, replaced

MAX_MERGED = 1_000_000
MAX_CHAIN = 50
DEFAULTS = '"defaults"'
FOLDER = "the folder of the file"
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


def merge(base: Map, over: Map) -> Map:
    """``over`` upon ``base``: an image's fields and what their maps hold; deeper maps replace.

    What a map that is merged holds says itself where it is had from.
    """
    entries = dict(base.entries)
    for key, entry in over.entries.items():
        below = entries.get(key)
        if below and isinstance(below.value, Map) and isinstance(entry.value, Map):
            inner = {**_marked_entries(below), **_marked_entries(entry)}
            value = map_like(entry.value, inner)
            entries[key] = Entry(entry.line, entry.column, value, "", entry.file)
        else:
            entries[key] = entry
    return map_like(over, entries)


def _marked_entries(entry: Entry) -> dict[str, Entry]:
    """What the map in an entry holds, marked as the entry is."""
    value = entry.value
    if not isinstance(value, Map):
        return {}
    return inherited(value, entry.inherited).entries if entry.inherited else value.entries


def as_image(node: Node, notes: Notes) -> Map | None:
    """An image or defaults as a map whose fields are maps where they can be; else ``None``."""
    if isinstance(node, Null):
        return Map(node.line, node.column, file=node.file)
    return as_maps(node, notes) if isinstance(node, Map) else None


def without(image: Map, keys: Collection[str]) -> Map:
    """``image`` without some of its fields."""
    if not any(key in image.entries for key in keys):
        return image
    kept = {key: one for key, one in image.entries.items() if key not in keys}
    return map_like(image, kept)


@dataclass(frozen=True, slots=True)
class _Chain:
    """An image upon all that it extends, without defaults; ``files`` are those of what it extends,
    the nearest last, and ``length`` counts the levels."""

    image: Map
    files: tuple[str, ...] = ()
    length: int = 1


@dataclass(slots=True)
class Layering:
    """Gives every image what it has from others.

    These are, each upon the one before: the defaults of the files of what it extends, those of its
    own file, what it extends, and itself. ``defaults`` are those of each file, by its name.
    """

    images: Map
    defaults: Mapping[str, Map]
    notes: Notes
    _extended: dict[str, list[Text]] = field(default_factory=dict)
    _chains: dict[str, _Chain | None] = field(default_factory=dict)
    _bases: dict[tuple[str, ...], Map] = field(default_factory=dict)

    def all(self) -> Map:
        """Every image with all of its fields; those that are null are left out later."""
        images = self.images.entries
        size = max((one.size for one in self.defaults.values()), default=0)
        check_growth(self.images, size, len(images), self.notes)
        self._extended = {name: self._parents(name, one.value) for name, one in images.items()}
        for name in self._ordered():
            self._chains[name] = self._chain(name, images[name])
        found = {name: replaced(one, self._image(name, one)) for name, one in images.items()}
        return map_like(self.images, found)

    def _image(self, name: str, entry: Entry) -> Node:
        chain = self._chains[name]
        if chain is None:
            return entry.value
        return merge(self._base((*chain.files, entry.file)), chain.image)

    def _base(self, files: tuple[str, ...]) -> Map:
        """The defaults of some files, each upon those before it; the last one is an image's own."""
        if files not in self._bases:
            found = inherited(self.defaults.get(files[-1]) or Map(0, 0), DEFAULTS)
            for file in reversed([one for one in dict.fromkeys(files[:-1]) if one != files[-1]]):
                found = merge(self._foreign(file), found)
            self._bases[files] = found
        return self._bases[files]

    def _foreign(self, file: str) -> Map:
        """The defaults of another file; its folder is not the context of images of this one."""
        base = self._base((file,))
        context = base.entries.get("context")
        return without(base, {"context"}) if context and context.inherited == FOLDER else base

    def _chain(self, name: str, entry: Entry) -> _Chain | None:
        """An image upon all that it extends; ``None`` where it is no map at all."""
        own = as_image(entry.value, self.notes)
        if own is None:
            return None
        found: Map | None = None
        files: tuple[str, ...] = ()
        length = 1
        for text in self._extended[name]:
            parent = self._chains[text.value]
            if parent is None:
                continue
            if parent.length >= MAX_CHAIN:
                message = f"images extend each other more than {MAX_CHAIN} levels"
                self.notes.problem(text, message)
                continue
            layer = without(parent.image, NOT_INHERITED)
            layer = inherited(layer, f'image "{text.value}"')
            found = layer if found is None else merge(found, layer)
            files = (*files, *parent.files, self.images.entries[text.value].file)
            length = max(length, parent.length + 1)
        self._note_empty_args(name, own, (self._base((*files, entry.file)), found))
        own = without(own, {"extends"})
        return _Chain(own if found is None else merge(found, own), files, length)

    def _ordered(self) -> Iterator[str]:
        """Every image behind those that it extends; what closes a circle is left out."""
        done: set[str] = set()
        for first in self.images.entries:
            path = {first: None} if first not in done else {}
            while path:
                name = next(reversed(path))
                parent = next((one for one in self._extended[name] if one.value not in done), None)
                if parent is None:
                    del path[name]
                    done.add(name)
                    yield name
                elif parent.value in path:
                    self._extended[name].remove(parent)
                    names = [*path, parent.value]
                    circle = " extends ".join(names[names.index(parent.value) :])
                    self.notes.problem(parent, f"images extend each other in a circle: {circle}")
                else:
                    path[parent.value] = None

    def _parents(self, name: str, image: Node) -> list[Text]:
        """The names of the images that one extends, as far as they are there."""
        node = child(image, "extends")
        if node is None or isinstance(node, Null):
            return []
        found = []
        for one in node.items if isinstance(node, List) else [node]:
            if not isinstance(one, Text):
                message = f'"extends" of image "{name}" must be the name of an image, or several'
                self.notes.problem(one, message, "write extends: api, or extends: [api, debug]")
            elif one.value not in self.images.entries:
                self.notes.unknown(one, "image", one.value, self.images.entries)
            else:
                found.append(one)
        return found

    def _note_empty_args(self, name: str, own: Map, below: Iterable[Map | None]) -> None:
        """Compose takes the value of an arg without one from the environment; releaser does not."""
        args = child(own, "args")
        empty = [
            (key, entry)
            for key, entry in (args.entries.items() if isinstance(args, Map) else ())
            if isinstance(entry.value, Null) and not entry.inherited
        ]
        for key, entry in empty:
            if not any(child(child(layer, "args"), key) for layer in below):
                message = f'build arg "{key}" of image "{name}" has no value and is left out'
                hint = 'write "" for an empty value, {{vars.NAME}} for another'
                self.notes.concern(entry, message, hint)


def check_growth(at: Node, size: int, count: int, notes: Notes) -> None:
    """Raise :class:`SpecError` where defaults, merged under so many images, are too much."""
    if size * count > MAX_MERGED:
        message = f"the defaults, merged under {count} images, make too many values"
        raise SpecError(message, at=notes.at(at), details=[("allowed", str(MAX_MERGED))])


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
