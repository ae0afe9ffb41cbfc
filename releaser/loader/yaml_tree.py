"""YAML text as a tree that knows where everything stands, and nothing about types.

Scalars keep the text that the file holds: ``3.10`` is ``3.10``, ``010`` is ``010`` and ``no`` is
``no``. Only plain ``~``, ``null`` and nothing at all are null. Aliases and ``<<`` are followed;
depth and size are counted as if they were written out, so that no small file can become a big one
(yaml/pyyaml#897). Tags that would make objects are refused, and so are duplicate keys.

The tree is made from the parser's events and not by recursion: no input can exhaust the stack.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, NoReturn

import yaml

from releaser.errors import Location, SpecError
from releaser.loader.written import Written
from releaser.loader.yaml_text import lines, syntax_error

MAX_DEPTH = 50
MAX_NODES = 200_000

_NULLS = frozenset({"", "~", "null"})
_PLAIN_TAGS = frozenset({f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map")}) | {"!"}
_PARSER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True, eq=False)
class Text:
    """A scalar as it is written; lines and columns count from 1.

    One that is ``bare`` stands without quotes; ``written`` is how one stands upon several lines.
    """

    line: int
    column: int
    value: str
    file: str = ""
    bare: bool = False
    written: Written | None = None
    size: ClassVar[int] = 1
    height: ClassVar[int] = 0

    def place(self, offset: int) -> tuple[int, int]:
        """The line and the column of ``value[offset]``; of the whole where it is on one line."""
        if self.written is None:
            return self.line, self.column
        return self.written.place(self.line, self.column, self.value, offset)


@dataclass(slots=True, eq=False)
class Null:
    """No value: ``~``, ``null``, or nothing behind the colon."""

    line: int
    column: int
    file: str = ""
    size: ClassVar[int] = 1
    height: ClassVar[int] = 0


@dataclass(slots=True, eq=False)
class List:
    """A list. ``size`` counts all nodes in it, ``height`` the levels below it."""

    line: int
    column: int
    items: list[Node] = field(default_factory=list)
    size: int = 1
    height: int = 0
    file: str = ""


@dataclass(slots=True, eq=False)
class Entry:
    """A value in a map and where its key stands.

    ``inherited`` says what an image has it from, where that is not its own: ``"defaults"``, the
    image that it extends, a profile.
    """

    line: int
    column: int
    value: Node
    inherited: str = ""
    file: str = ""


@dataclass(slots=True, eq=False)
class Map:
    """A map in the file's order."""

    line: int
    column: int
    entries: dict[str, Entry] = field(default_factory=dict)
    size: int = 1
    height: int = 0
    file: str = ""


Node = Text | Null | List | Map


def replaced(entry: Entry, value: Node) -> Entry:
    """The same entry with another value."""
    return Entry(entry.line, entry.column, value, entry.inherited, entry.file)


def map_like(node: Map, entries: dict[str, Entry]) -> Map:
    """A map at the place of ``node`` with other entries."""
    return Map(node.line, node.column, entries, node.size, node.height, node.file)


def parse(text: str, file: str) -> tuple[Node | None, tuple[SpecError, ...]]:
    """The one document in ``text`` (``None``: there is none) and what can be gone on after.

    Raises:
        SpecError: it is no YAML, has several documents, or is too deep or too big.
    """
    builder = _Builder(file, text)
    parser = _PARSER(text)
    try:
        event = parser.get_event()
        while event is not None and not isinstance(event, yaml.StreamEndEvent):
            builder.on(event)
            event = parser.get_event()
    except yaml.YAMLError as error:
        raise syntax_error(error, text, file) from None
    finally:
        parser.dispose()
    return builder.root, tuple(builder.problems)


@dataclass(slots=True)
class _Frame:
    """A collection that is being read; in a map, the key that waits for its value."""

    node: Map | List
    anchor: str | None
    key: Text | None = None
    merge: list[Map] = field(default_factory=list)


class _Builder:
    """Makes the tree from events; ``problems`` are those that do not stop it."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self._text = text
        self._lines: list[str] = []
        self.root: Node | None = None
        self.problems: list[SpecError] = []
        self._stack: list[_Frame] = []
        self._anchors: dict[str, Node | None] = {}
        self._documents = 0

    def on(self, event: yaml.Event) -> None:
        """Take the next event."""
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close()
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._stop(event, "the file holds more than one document", 'remove the "---"')

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if event.tag is not None:
            self._check_tag(event)
        value = event.value
        line, column = _position(event)
        plain = event.implicit[0] and event.tag is None
        if "\0" in value:
            self._stop(event, "a text holds a zero byte")
        if plain and value == "<<" and self._wants_key():
            self._merge_follows(event)
            return
        node: Node = Text(line, column, value, self.file, plain, self._written(event))
        if plain and value in _NULLS and not self._wants_key():
            node = Null(line, column, self.file)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._add(event, node)

    def _written(self, event: yaml.ScalarEvent) -> Written | None:
        start, end = event.start_mark, event.end_mark
        if start is None or end is None or start.line == end.line:
            return None
        self._lines = self._lines or lines(self._text)
        return Written(self._lines, end.line + 1, event.style or "")

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        if event.tag is not None:
            self._check_tag(event)
        if self._wants_key():
            self._stop_at_key(event)
        if len(self._stack) >= MAX_DEPTH:
            self._stop(event, _TOO_DEEP)
        line, column = _position(event)
        is_map = isinstance(event, yaml.MappingStartEvent)
        node = Map(line, column, file=self.file) if is_map else List(line, column, file=self.file)
        self._remember(event.anchor, None)
        self._stack.append(_Frame(node, event.anchor))

    def _stop_at_key(self, event: yaml.Event) -> NoReturn:
        line, column = _position(event)
        outer = self._stack[-1].node
        if (outer.line, outer.column + 1) == (line, column):
            message = "a text that begins with {{ needs quotes"
            self._stop(outer, message, "put the whole text in quotes")
        self._stop(event, "a key of a map must be text")

    def _close(self) -> None:
        frame = self._stack.pop()
        node = frame.node
        if isinstance(node, Map):
            for source in frame.merge:
                for key, entry in source.entries.items():
                    node.entries.setdefault(key, entry)
        self._remember(frame.anchor, node)
        self._add(None, node)

    def _alias(self, event: yaml.AliasEvent) -> None:
        name = event.anchor
        if name not in self._anchors:
            self._stop(event, f'"*{name}" has no anchor "&{name}" before it')
        node = self._anchors[name]
        if node is None:
            self._stop(event, f'"*{name}" stands inside of what it means')
        if len(self._stack) + node.height > MAX_DEPTH:
            self._stop(event, _TOO_DEEP)
        if not self._wants_key():
            self._add(event, node)
        elif isinstance(node, Text):
            self._add(event, Text(*_position(event), node.value, self.file))
        else:
            self._stop(event, "a key of a map must be text")

    def _add(self, event: yaml.Event | None, node: Node) -> None:
        """Put a finished node where it belongs."""
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        parent = frame.node
        parent.size += node.size
        if node.height >= parent.height:
            parent.height = node.height + 1
        if parent.size > MAX_NODES:
            self._stop(event or node, f"the file holds more than {MAX_NODES} values")
        if isinstance(parent, List):
            parent.items.append(node)
        elif frame.key is not None:
            self._add_value(frame, parent, frame.key, node)
        elif isinstance(node, Text):
            frame.key = node

    def _add_value(self, frame: _Frame, parent: Map, key: Text, node: Node) -> None:
        frame.key = None
        entry = Entry(key.line, key.column, node, file=self.file)
        if key is _MERGE:
            frame.merge.extend(self._merge_sources(node))
            return
        first = parent.entries.setdefault(key.value, entry)
        if first is not entry:
            at = Location(self.file, key.line, key.column)
            other = str(Location(self.file, first.line, first.column))
            message = f'"{key.value}" is given twice'
            self.problems.append(SpecError(message, at=at, details=[("first", other)]))

    def _merge_sources(self, node: Node) -> list[Map]:
        sources = node.items if isinstance(node, List) else [node]
        maps = [source for source in sources if isinstance(source, Map)]
        if len(maps) < len(sources):
            self._stop(node, '"<<" needs a map or a list of maps', "write <<: *anchor")
        return maps

    def _merge_follows(self, event: yaml.ScalarEvent) -> None:
        frame = self._stack[-1]
        if frame.merge:
            self._stop(event, '"<<" is given twice', "write <<: [*first, *second]")
        frame.key = _MERGE

    def _wants_key(self) -> bool:
        if not self._stack:
            return False
        frame = self._stack[-1]
        return frame.key is None and isinstance(frame.node, Map)

    def _remember(self, anchor: str | None, node: Node | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        tag = event.tag or ""
        if tag not in _PLAIN_TAGS:
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            line, column = _position(event)
            hint = "remove it: the place says what a value is"
            at = Location(self.file, line, column)
            self.problems.append(SpecError(f'the tag "{shown}" is not supported', at=at, hint=hint))

    def _stop(self, where: yaml.Event | Node, message: str, hint: str | None = None) -> NoReturn:
        line, column = (
            _position(where) if isinstance(where, yaml.Event) else (where.line, where.column)
        )
        raise SpecError(message, at=Location(self.file, line, column), hint=hint)


_MERGE = Text(0, 0, "<<")
_TOO_DEEP = f"this is nested more than {MAX_DEPTH} levels deep"


def _position(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
