"""Lists of ``NAME=value`` lines are maps in another writing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic_core import PydanticCustomError

from releaser.core.spec.fields import split_host, split_line
from releaser.errors import SpecError
from releaser.loader.notes import Notes, child
from releaser.loader.yaml_tree import Entry, List, Map, Node, Text, map_like, replaced

LINES: Mapping[str, Callable[[str], tuple[str, str]]] = {
    "args": split_line,
    "labels": split_line,
    "additional_contexts": split_line,
    "extra_hosts": split_host,
}
"""The fields that may be a list of lines in place of a map, and what divides a line."""


def as_maps(image: Map, notes: Notes) -> Map:
    """The image with lists of ``NAME=value`` lines as maps."""
    if not any(isinstance(child(image, key), List) for key in LINES):
        return image
    entries = {
        key: replaced(entry, _lines_as_map(key, entry.value, notes))
        if key in LINES and isinstance(entry.value, List)
        else entry
        for key, entry in image.entries.items()
    }
    return map_like(image, entries)


def _lines_as_map(field: str, lines: List, notes: Notes) -> Node:
    texts = [item for item in lines.items if isinstance(item, Text)]
    if len(texts) < len(lines.items):
        return lines  # the schema says what is wrong with it
    found = Map(lines.line, lines.column, file=lines.file)
    for item in texts:
        try:
            name, value = LINES[field](item.value)
        except PydanticCustomError as error:
            context = error.context or {}
            notes.problem(item, context["message"], context["hint"])
            continue
        written = item.written.behind(item.value.removesuffix(value)) if item.written else None
        text = Text(item.line, item.column, value, item.file, written=written)
        _add_line(found, name, text, field, notes)
    return found


def _add_line(found: Map, name: str, value: Text, field: str, notes: Notes) -> None:
    entry = found.entries.get(name)
    if entry is None:
        found.entries[name] = Entry(value.line, value.column, value, file=value.file)
    elif field == "extra_hosts":  # a host may have several addresses
        many = (
            entry.value
            if isinstance(entry.value, List)
            else List(entry.line, entry.column, file=entry.file)
        )
        many.items = [*(many.items or [entry.value]), value]
        entry.value = many
    else:
        message = f'"{name}" is given twice'
        first = [("first", str(notes.at(entry)))]
        notes.problems.append(SpecError(message, at=notes.at(value), details=first))
