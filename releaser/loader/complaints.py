"""What is wrong with a document, each in a sentence of people's words and with its place.

The models say what is wrong with a path in the data; the tree knows where that is in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from releaser.core.spec import (
    ImageSpec,
    Keeping,
    Problem,
    PruneSpec,
    RegistrySpec,
    SecretSpec,
    Spec,
    TagPolicySpec,
    TagSafetySpec,
    VersioningSpec,
)
from releaser.core.spec.nearest import nearest
from releaser.core.tag_rules import line_starts
from releaser.errors import Location, SpecError
from releaser.loader.yaml_tree import Entry, List, Map, Node, Text

MAX_COMPLAINTS = 50

Path = tuple[str | int, ...]

_KINDS = {
    "string_type": "text",
    "string_sub_type": "text",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "dict_type": "a map",
    "mapping_type": "a map",
    "tuple_type": "a list",
    "list_type": "a list",
}
_MEANT = {
    "build": "context",
    "build_args": "args",
    "buildargs": "args",
    "dependencies": "needs",
    "depends_on": "needs",
    "file": "dockerfile",
    "image": "repository",
    "path": "context",
    "registry": "push_to",
    "services": "images",
    "targets": "images",
    "variables": "vars",
}
"""What other tools call our fields."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is found at a path, or at its nearest parent that exists.

    ``line`` and ``column`` are the value's where it is one scalar, else the key's; ``key`` is where
    the key stands. ``words`` names each step of the path as a person would, ``inherited`` says
    what the value comes from where that is not the image itself.
    """

    node: Node
    line: int
    column: int
    key: tuple[int, int]
    words: tuple[str, ...] = ()
    inherited: str = ""
    file: str = ""


def find(root: Node, path: Path) -> Place:
    """The place of a path in the document.

    A number counts in a list, a map, or the lines of a text that say something; a text in a list
    stands for the item that begins with it.
    """
    place = Place(root, root.line, root.column, (root.line, root.column), file=root.file)
    for step in path:
        further = _step(place, step)
        if further is None and step == "rules" and isinstance(place.node, List | Text):
            continue  # a policy that is a mere list of rules
        if further is None:
            break
        place = further
    return place


def _step(place: Place, step: str | int) -> Place | None:
    node = place.node
    if isinstance(node, Map):
        name = step
        if isinstance(step, int) and 0 <= step < len(node.entries):
            name = tuple(node.entries)[step]
        entry = node.entries.get(str(name))
        return _entered(place, str(name), entry) if entry else None
    if isinstance(node, Text):
        return _lined(place, node, step)
    if not isinstance(node, List):
        return None
    index = step if isinstance(step, int) else _index(node, step)
    if index is None or not 0 <= index < len(node.items):
        return None
    item = node.items[index]
    words = (*place.words, f"item {index + 1}")
    at = (item.line, item.column)
    return Place(item, *at, at, words, place.inherited, item.file)


def _entered(place: Place, name: str, entry: Entry) -> Place:
    key = (entry.line, entry.column)
    value = entry.value
    line, column = (value.line, value.column) if isinstance(value, Text) else key
    words = (*place.words, f'"{name}"')
    file = value.file if isinstance(value, Text) else entry.file
    return Place(value, line, column, key, words, entry.inherited or place.inherited, file)


def _lined(place: Place, node: Text, step: str | int) -> Place | None:
    """A rule in a block of them."""
    if node.written is None or not isinstance(step, int) or step < 0:
        return None
    begin = next((begin for begin, _ in islice(line_starts(node.value), step, None)), None)
    if begin is None:
        return None
    at = node.place(begin)
    return replace(place, line=at[0], column=at[1], key=at)


def _index(node: List, step: str) -> int | None:
    texts = [item.value if isinstance(item, Text) else None for item in node.items]
    return texts.index(step) if step in texts else None


@dataclass(frozen=True, slots=True)
class _Found:
    """A model's complaint with its place, before it is said."""

    error: ErrorDetails
    place: Place
    line: int
    column: int


def from_models(
    errors: Iterable[ErrorDetails], root: Node, file: str
) -> tuple[list[SpecError], int]:
    """The first fifty complaints of the models, in the file's order, and how many are left.

    Each is made once for each place: what a hundred images inherit is wrong once.
    """
    located: dict[tuple[object, ...], _Found] = {}
    for error in errors:
        found = _locate(error, root)
        leaf = error["loc"][-1] if error["type"] in {"missing", "extra_forbidden"} else None
        where = (found.place.file, found.line, found.column)
        located.setdefault((*where, error["type"], leaf), found)
    ordered = sorted(located.values(), key=lambda one: (one.place.file, one.line, one.column))
    # Only those that will be shown are put into words: looking for what was meant takes time.
    said = [_said(found, file) for found in ordered[:MAX_COMPLAINTS]]
    return said, len(ordered) - len(said)


def _locate(error: ErrorDetails, root: Node) -> _Found:
    place = find(root, error["loc"])
    by_key = error["type"] == "extra_forbidden"
    line, column = place.key if by_key else (place.line, place.column)
    return _Found(error, place, line, column)


def _said(found: _Found, file: str) -> SpecError:
    error, path = found.error, found.error["loc"]
    context = error.get("ctx", {})
    # An error without a column is printed without its source line.
    shown = found.place.file or file
    at = Location(shown, found.line, None if context.get("private") else found.column)
    subject = _subject(path, found.place)
    match error["type"]:
        case "extra_forbidden":
            return _unknown_field(path, found.place, at)
        case "missing":
            where = _owner(path, found.place, len(path) - 1)
            return SpecError(f'"{path[-1]}" is missing{where}', at=at, hint=_missing_hint(path))
        case "refused":
            hint, details = context["hint"], context["details"]
            return SpecError(context["message"], at=at, hint=hint, details=details)
        case "wanted":
            wanted, kind = context["what"], context["found"]
        case native:
            wanted, kind = _KINDS.get(native, "something else"), None
    return SpecError(f"{subject} must be {wanted}, not {kind or _kind(error['input'])}", at=at)


def _kind(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 40 and value.isprintable() else "text"
    return "a map" if isinstance(value, dict) else "a list"


def _missing_hint(path: Path) -> str | None:
    if path == ("version",):
        return "write version: 1"
    return "declare one: images: {api: {context: .}}" if path == ("images",) else None


def _unknown_field(path: Path, place: Place, at: Location) -> SpecError:
    name = str(path[-1])
    allowed = tuple(_fields(path[:-1]))
    near = nearest(name, allowed) or _MEANT.get(name.lower())
    hint = f'did you mean "{near}"?' if near in allowed else None
    message = f'unknown field "{name}"{_owner(path, place, len(path) - 1)}'
    return SpecError(message, at=at, hint=hint, details=[("allowed", ", ".join(allowed))])


def _fields(owner: Path) -> Sequence[str]:
    match owner:
        case ():
            model: type[BaseModel] = Spec
        case (*_, "secrets", _):
            model = SecretSpec
        case ("registries", *_):
            model = RegistrySpec
        case ("fingerprints", *_):
            model = Keeping
        case ("versioning", *_):
            model = VersioningSpec
        case ("prune", *_):
            model = PruneSpec
        case ("tag_policies", _, "tag_safety"):
            model = TagSafetySpec
        case ("tag_policies", *_):
            model = TagPolicySpec
        case _:
            model = ImageSpec
    found = tuple(one.alias or name for name, one in model.model_fields.items())
    if model is ImageSpec:
        return (*found, "extends", "matrix", "name") if owner[0] == "images" else found[:-1]
    return (*found, "include", "profiles") if model is Spec else found


def _subject(path: Path, place: Place) -> str:
    """What a complaint is about: ``"platforms" in image "api"``."""
    if len(path) == 2 and path[0] in _OWNERS:
        return _owner_words(path, place)
    words = place.words[-1] if place.words else "the file"
    return f"{words}{_owner(path, place, len(place.words) - 1)}"


_OWNERS = {
    "images": "image",
    "registries": "registry",
    "tag_policies": "tag policy",
    "vars": "variable",
}


def _owner(path: Path, place: Place, length: int) -> str:
    """Where it stands, outwards: `` in "args" of image "api"``; empty at the top of the file."""
    if length <= 0:
        return ""
    skipped = 2 if path[0] in _OWNERS else 1
    said = ""
    before = place.words[length] if length < len(place.words) else ""
    for word in (*reversed(place.words[skipped:length]), _owner_words(path, place)):
        said += f" of {word}" if before.startswith("item ") or " in " in said else f" in {word}"
        before = word
    return said


def _owner_words(path: Path, place: Place) -> str:
    kind = _OWNERS.get(str(path[0]))
    if kind is None or len(path) < 2 or (place.inherited and path[0] == "images"):
        return place.inherited or f'"{path[0]}"'
    return f'{kind} "{path[1]}"'


def from_problems(problems: Iterable[Problem], root: Node, file: str) -> list[SpecError]:
    """What is wrong between the parts."""
    found = []
    for problem in problems:
        place = find(root, problem.path)
        line, column = place.key if problem.about_key else (place.line, place.column)
        at = Location(place.file or file, line, None if problem.private else column)
        found.append(SpecError(problem.message, at=at, hint=problem.hint, details=problem.details))
    return found


def together(complaints: Iterable[SpecError], file: str, *, unsaid: int = 0) -> SpecError:
    """All complaints as one, in the file's order, those about no place first; at most 50.

    The same complaint about the same place is made once; ``unsaid`` counts those that were not
    put into words.
    """
    unique = {(complaint.at, complaint.message): complaint for complaint in complaints}
    ordered = sorted(unique.values(), key=lambda one: (*_other_file(one, file), *_position(one)))
    rest = len(ordered) - MAX_COMPLAINTS + unsaid
    if rest > 0:
        last = SpecError(f"and {rest} more", at=Location(file))
        ordered = [*ordered[:MAX_COMPLAINTS], last]
    return SpecError.together(ordered)


def _other_file(complaint: SpecError, first: str) -> tuple[bool, str]:
    """What puts the complaints about the first file before those about others."""
    shown = complaint.at.file if complaint.at else first
    return shown != first, shown


def _position(complaint: SpecError) -> tuple[int, int]:
    at = complaint.at
    return (at.line or 0, at.column or 0) if at else (0, 0)
