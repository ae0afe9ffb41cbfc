"""``images.yaml`` as a checked :class:`Spec`, with a place for everything in it.

:func:`load` is pure: bytes and variables in, a :class:`Loaded` or one :class:`SpecError` with every
complaint out. :func:`find_spec`, :func:`read_spec`, :func:`check_links` and :func:`read_lock`
are all that touches the disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from releaser.core import template
from releaser.core.facts import Concern
from releaser.core.spec import SCHEMA_VERSION, Spec, problems
from releaser.errors import Location, SpecError
from releaser.loader.complaints import find, from_models, from_problems, together
from releaser.loader.enabling import enabled
from releaser.loader.files import DiskFiles, KnownFiles, find_spec, read_below, read_spec
from releaser.loader.including import Files, NoFiles, Sources, included
from releaser.loader.layering import Layering, as_image, without_nulls
from releaser.loader.links import check_links
from releaser.loader.lock_file import load_lock, lock_path, lock_text, read_lock
from releaser.loader.matrix import Variants, expanded
from releaser.loader.notes import Notes, child
from releaser.loader.plain_secrets import secret_concerns
from releaser.loader.profiles import Profiles
from releaser.loader.rendering import Layers, Renderer
from releaser.loader.variables import variables as resolve_variables
from releaser.loader.yaml_text import decode
from releaser.loader.yaml_tree import Entry, List, Map, Node, Null, Text, map_like, parse, replaced

__all__ = [
    "DiskFiles",
    "Files",
    "KnownFiles",
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
    """A spec, the name of its file, and what is suspicious about it though not wrong.

    ``included`` are the other files that it is made of, as seen from its folder. ``document`` is
    the spec as plain data; it reads as the same spec. ``given`` says what gave a variable its
    value, where that is not the file.
    """

    spec: Spec
    file: str
    concerns: tuple[Concern, ...] = ()
    included: tuple[str, ...] = ()
    document: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)
    given: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    _tree: Map = field(default_factory=lambda: Map(1, 1), repr=False, compare=False)

    def location(self, path: tuple[str | int, ...]) -> Location:
        """Where a path of the document stands, or the nearest parent of it that is written.

        Numbers count in lists; a text in a list stands for the item that reads like it. What an
        image has from the defaults stands in the defaults.
        """
        place = find(self._tree, path)
        return Location(place.file or self.file, place.line, place.column)

    def origin(self, path: tuple[str | int, ...]) -> str:
        """Where a value of :attr:`document` comes from, in words: ``images.yaml:7, "defaults"``."""
        place = find(self._tree, path)
        if len(place.words) < len(path) or not place.line:
            return "default"
        found = [f"{place.file or self.file}:{place.line}", place.inherited]
        if path[0] == "vars" and len(path) > 1:
            found.append(self.given.get(str(path[1]), ""))
        found += [self.given[name] for name in _variables_in(place.node) if name in self.given]
        return ", ".join(filter(None, dict.fromkeys(found)))


def load(
    text: bytes,
    file: str,
    *,
    project: str,
    variables: Mapping[str, str] = _NOTHING,
    environment: Mapping[str, str] = _NOTHING,
    profiles: Sequence[str] = (),
    files: Files | None = None,
    past: bool = False,
) -> Loaded:
    """The spec in ``text``; ``file`` is what complaints call it.

    ``project`` is the project's name where the file gives none; ``variables`` are those of the
    command line, ``environment`` may set others as ``RELEASER_VAR_NAME``. ``profiles`` are put
    upon it in this order; ``files`` reads what it includes. A state of the ``past`` may lack
    profiles and variables that are asked for now.

    Raises:
        SpecError: something is wrong with it; all complaints at once, in the file's order.
    """
    notes = Notes(file)
    root = _root(decode(text, file), notes)
    sources = included(root, files or NoFiles(), Profiles(profiles, notes, past=past), notes)
    if past:
        declared = child(sources.root, "vars")
        there = declared.entries if isinstance(declared, Map) else {}
        variables = {name: value for name, value in variables.items() if name in there}
    known = resolve_variables(sources.root, variables, environment, notes)
    variants = _variants(sources, known, project, notes)
    tree = _arranged(sources.root, variants, notes)
    data = _data(tree, variants, known, project, notes)
    spec = enabled(_checked(data, tree, notes), tree, file)
    notes.concerns.extend(secret_concerns(spec, tree, file))
    return Loaded(
        spec,
        file,
        tuple(notes.concerns),
        tuple(sources.paths),
        _document(data, spec),
        notes.given,
        tree,
    )


def _document(data: dict[str, Any], spec: Spec) -> Mapping[str, object]:
    """The data of a spec that is right: images that are enabled, with nothing left to merge."""
    images = {}
    for name in spec.images:
        own = {key: one for key, one in data["images"][name].items() if key != "enabled"}
        images[name] = {"context": ".", **own}
    first = {"version": data["version"], "project": data["project"]}
    groups = {"groups": {name: list(one) for name, one in spec.groups.items()}}
    own = {**data, **(groups if spec.groups else {})}
    left = {*first, "defaults", "images", *([] if spec.groups else ["groups"])}
    rest = {key: one for key, one in own.items() if key not in left}
    return {**first, **rest, "images": images}


def _variables_in(node: Node) -> Iterator[str]:
    """The variables that a value is made with."""
    items = node.items if isinstance(node, List) else [node]
    for text in items:
        if isinstance(text, Text) and "{{" in text.value:
            used = template.names(text.value)
            yield from (one.removeprefix("vars.") for one in used if one.startswith("vars."))


def _variants(sources: Sources, known: Mapping[str, str], project: str, notes: Notes) -> Variants:
    """All images with what they have from others, each variant on its own.

    Raises:
        SpecError: something is so wrong that no image is left.
    """
    images, own = child(sources.root, "images"), child(sources.root, "project")
    if not isinstance(images, Map):
        return Variants(Map(1, 1))
    values = {f"vars.{name}": value for name, value in known.items()}
    if isinstance(own, Text):  # what is wrong with it is said where it is read for itself
        project = Renderer(values, Notes(notes.file)).text(own, in_plan=False)
    layered = Layering(images, sources.defaults, notes).all()
    found = expanded(layered, {"project": project, **values}, notes)
    if images.entries and not found.images.entries:
        raise together(notes.problems, notes.file)
    return found


def _arranged(root: Map, variants: Variants, notes: Notes) -> Map:
    """The tree as it is meant: images with all that they have, and without nulls."""
    entries = {key: one for key, one in root.entries.items() if key not in {"include", "profiles"}}
    if variants.groups:
        entries["groups"] = _groups(root, variants, notes)
    defaults = as_image(entries["defaults"].value, notes) if "defaults" in entries else None
    if defaults is not None:
        entries["defaults"] = replaced(entries["defaults"], without_nulls(defaults))
    if isinstance(child(root, "images"), Map):
        found = {name: _without_nulls(one) for name, one in variants.images.entries.items()}
        entries["images"] = replaced(entries["images"], map_like(variants.images, found))
    return map_like(root, entries)


def _without_nulls(entry: Entry) -> Entry:
    value = entry.value
    return replaced(entry, without_nulls(value)) if isinstance(value, Map) else entry


def _root(text: str, notes: Notes) -> Map:
    node, complaints = parse(text, notes.file)
    notes.problems.extend(complaints)
    if isinstance(node, Map):
        return node
    if node is None or isinstance(node, Null):
        at = Location(notes.file, 1, 1)
        raise SpecError("the file is empty", at=at, hint='begin with "version: 1"')
    raise SpecError("the file must be a map", at=notes.at(node), hint='begin with "version: 1"')


def _data(
    tree: Map, variants: Variants, known: Mapping[str, str], project: str, notes: Notes
) -> dict[str, object]:
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
        found[key] = _part(key, tree.entries[key].value, values, known, variants, notes)
    return found


def _groups(root: Map, variants: Variants, notes: Notes) -> Entry:
    """The groups of the file, and one for each matrix, called like its image."""
    images, there = child(root, "images"), root.entries.get("groups")
    known = there.value if there else Null(root.line, root.column, root.file)
    if isinstance(known, Null):
        known = Map(known.line, known.column, file=known.file)
    if not isinstance(known, Map) or not isinstance(images, Map):
        return there or Entry(root.line, root.column, known, file=root.file)
    entries = dict(known.entries)
    for name, names in variants.groups.items():
        at = images.entries[name]
        if name in known.entries:
            message = f'group "{name}" has the name of an image with a matrix'
            notes.problem(known.entries[name], message, "that image's variants are such a group")
        elif names != (name,):
            texts: list[Node] = [Text(at.line, at.column, one, at.file) for one in names]
            made = List(at.line, at.column, texts, file=at.file)
            source = f'the matrix of image "{name}"'
            entries[name] = Entry(at.line, at.column, made, source, at.file)
    place = there or Entry(root.line, root.column, known, file=root.file)
    return replaced(place, map_like(known, entries))


def _part(
    key: str,
    node: Node,
    values: Mapping[str, str],
    known: Mapping[str, str],
    variants: Variants,
    notes: Notes,
) -> object:
    match key, node:
        case "vars", Map():
            return {
                name: known[name]
                if isinstance(entry.value, Text | Map)
                else Renderer({}, Notes(notes.file)).data(entry.value)
                for name, entry in node.entries.items()
            }
        case "images", Map():
            return {
                name: Renderer(
                    Layers({"image": name}, variants.values.get(name, {}), values), notes
                ).image(entry.value)
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
        taken = {*notes.spoiled, *(complaint.at for complaint in complaints)}
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
            case ("groups", name, *_):
                data["groups"].pop(name, None)
            case (key, *_):
                data.pop(str(key), None)
    try:
        return Spec.model_validate(data)
    except ValidationError:
        return None
