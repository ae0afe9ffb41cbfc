"""``images.yaml`` as a checked :class:`Spec`, with a place for everything in it.

:func:`load` is pure: bytes and variables in, a :class:`Loaded` or one :class:`SpecError` with every
complaint out. :func:`find_spec`, :func:`read_spec`, :func:`check_links` and :func:`read_lock`
are all that touches the disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from releaser.core.facts import Concern
from releaser.core.spec import SCHEMA_VERSION, Spec, problems
from releaser.errors import Location, SpecError
from releaser.loader.complaints import find, from_models, from_problems, together
from releaser.loader.files import find_spec, read_below, read_spec
from releaser.loader.links import check_links
from releaser.loader.lock_file import load_lock, lock_path, lock_text, read_lock
from releaser.loader.plain_secrets import secret_concerns
from releaser.loader.resolve import Layers, Notes, Renderer, merged
from releaser.loader.variables import variables as resolve_variables
from releaser.loader.yaml_text import decode
from releaser.loader.yaml_tree import Map, Node, Null, Text, parse

__all__ = [
    "Loaded",
    "check_links",
    "find_spec",
    "load",
    "load_lock",
    "lock_path",
    "lock_text",
    "read_below",
    "read_lock",
    "read_spec",
]

_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A spec, the name of its file, and what is suspicious about it though not wrong."""

    spec: Spec
    file: str
    concerns: tuple[Concern, ...] = ()
    _tree: Map = field(default_factory=lambda: Map(1, 1), repr=False, compare=False)

    def location(self, path: tuple[str | int, ...]) -> Location:
        """Where a path of the document stands, or the nearest parent of it that is written.

        Numbers count in lists; a text in a list stands for the item that reads like it. What an
        image has from the defaults stands in the defaults.
        """
        place = find(self._tree, path)
        return Location(self.file, place.line, place.column)


def load(
    text: bytes,
    file: str,
    *,
    project: str,
    variables: Mapping[str, str] = _NOTHING,
    environment: Mapping[str, str] = _NOTHING,
) -> Loaded:
    """The spec in ``text``; ``file`` is what complaints call it.

    ``project`` is the project's name where the file gives none; ``variables`` are those of the
    command line, ``environment`` may set others as ``RELEASER_VAR_NAME``.

    Raises:
        SpecError: something is wrong with it; all complaints at once, in the file's order.
    """
    notes = Notes(file)
    root = _root(decode(text, file), notes)
    known = resolve_variables(root, variables, environment, notes)
    tree = merged(root, notes)
    spec = _checked(_data(tree, known, project, notes), tree, notes)
    notes.concerns.extend(secret_concerns(spec, tree, file))
    return Loaded(spec, file, tuple(notes.concerns), tree)


def _root(text: str, notes: Notes) -> Map:
    node, complaints = parse(text, notes.file)
    notes.problems.extend(complaints)
    if isinstance(node, Map):
        return node
    if node is None or isinstance(node, Null):
        at = Location(notes.file, 1, 1)
        raise SpecError("the file is empty", at=at, hint='begin with "version: 1"')
    raise SpecError("the file must be a map", at=notes.at(node), hint='begin with "version: 1"')


def _data(tree: Map, known: Mapping[str, str], project: str, notes: Notes) -> dict[str, object]:
    """The document as plain data with what is known rendered; nothing is left of ``x-`` keys."""
    values = {f"vars.{name}": value for name, value in known.items()}
    found: dict[str, object] = {"project": project}
    for key, entry in tree.entries.items():
        empty = isinstance(entry.value, Null) and key in Spec.model_fields
        if key == "project" and not empty:
            found[key] = Renderer(values, notes).data(entry.value)
        elif not empty and not key.startswith("x-"):
            found[key] = None
    values["project"] = str(found["project"])
    for key in found.keys() - {"project"}:
        found[key] = _part(key, tree.entries[key].value, values, known, notes)
    return found


def _part(
    key: str, node: Node, values: Mapping[str, str], known: Mapping[str, str], notes: Notes
) -> object:
    match key, node:
        case "vars", Map():
            return {
                name: known[name]
                if isinstance(entry.value, Text)
                else Renderer({}, Notes(notes.file)).data(entry.value)
                for name, entry in node.entries.items()
            }
        case "images", Map():
            return {
                name: Renderer(Layers({"image": name}, values), notes).image(entry.value)
                for name, entry in node.entries.items()
            }
        case "defaults", _:
            return Renderer(values, notes, later=("image",)).image(node)
        case "versioning", _:
            return Renderer(values, notes, later=("version", "image", "context")).data(node)
        case "tag_policies", _:
            return Renderer(values, notes, later=("image",)).of_rules().data(node)
        case _:
            return Renderer(values, notes).data(node)


def _checked(data: dict[str, object], tree: Map, notes: Notes) -> Spec:
    """The spec in ``data``, or all that is wrong with it and with what was noted before."""
    errors: list[ErrorDetails] = []
    spec: Spec | None
    try:
        spec = Spec.model_validate(data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        spec = _rest(data, errors)
    complaints = list(notes.problems)
    said, unsaid = from_models(errors, tree, notes.file)
    between = from_problems(problems(spec) if spec else (), tree, notes.file)
    for found in (said, between):
        # What is wrong already is often wrong again in another way: once is enough.
        taken = {complaint.at for complaint in complaints}
        complaints.extend(complaint for complaint in found if complaint.at not in taken)
    if complaints or spec is None:
        raise together(complaints, notes.file, unsaid=unsaid)
    return spec


def _rest(data: dict[str, Any], errors: Iterable[ErrorDetails]) -> Spec | None:
    """The spec without what is wrong, so that the rest can be looked at in the same run."""
    for number, error in enumerate(errors):
        match error["loc"]:
            case ("images", name):
                data["images"][name] = {}
            case ("images", name, field, *_):
                data["images"][name].pop(field, None)
            case ("registries", name, *_):
                data["registries"][name] = f"registry-{number}.invalid"
            case ("vars", name):
                data["vars"][name] = ""
            case ("version",):
                data["version"] = SCHEMA_VERSION
            case (key, *_):
                data.pop(str(key), None)
    try:
        return Spec.model_validate(data)
    except ValidationError:
        return None
