"""The variables of a file: ``--var`` over ``RELEASER_VAR_NAME`` over what the file says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from releaser.core.facts import Concern
from releaser.core.spec import unknown
from releaser.errors import SpecError
from releaser.loader.notes import Notes, child
from releaser.loader.yaml_tree import Entry, Map, Node, Null, Text

PREFIX = "RELEASER_VAR_"
FIELDS = ("default", "description", "type", "required")
"""What a variable that is written as a map may say of itself."""
TYPES = ("text", "number", "flag")

_FLAGS = {"true": "true", "yes": "true", "on": "true", "1": "true",
          "false": "false", "no": "false", "off": "false", "0": "false"}  # fmt: skip
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_SUCH = {"true or false": "one of these", "a number": "one such as 7 or 1.5"}
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")
_PLAIN = "write plain text; put the placeholder where the variable is used"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable as the file declares it; ``default`` is ``None`` where a value must be given.

    Its type is ``written`` in the file, or else that of its default.
    """

    name: str
    type: str
    default: str | None
    description: str = ""
    written: bool = False


def variables(
    root: Node, given: Mapping[str, str], environment: Mapping[str, str], notes: Notes
) -> dict[str, str]:
    """The value of every variable that the file declares.

    A value is plain text: a placeholder in it is refused, for what a placeholder stands for is
    never looked at again. It must be of the variable's type, which is that of its default unless
    the file says so: a bare ``true`` or ``false`` makes a flag, a bare whole number a number. A
    variable that is given and not declared is refused; one that is only set in the environment
    may belong to somebody else and is a concern.
    """
    declared = child(root, "vars")
    entries = declared.entries if isinstance(declared, Map) else {}
    known = {name: _declared(name, entry, notes) for name, entry in entries.items()}
    values = {name: one.default for name, one in known.items()}
    by_variable = {PREFIX + name.upper().replace("-", "_"): name for name in known}
    for key in sorted(environment):
        if key in by_variable:
            name = by_variable[key]
            values[name] = _given(known[name], environment[key], key, notes)
            notes.given[name] = key
        elif key.startswith(PREFIX):
            notes.concerns.append(
                Concern(f"{key} is set and no variable has that name", _near(key, tuple(known)))
            )
    for name, value in given.items():
        if name in known:
            values[name] = _given(known[name], value, f"--var {name}", notes)
            notes.given[name] = f"--var {name}"
        else:
            problem = unknown("variable", name, known, ())
            notes.problems.append(
                SpecError(problem.message, details=problem.details, hint=problem.hint)
            )
    return {name: _required(known[name], value, entries, notes) for name, value in values.items()}


def _required(
    variable: Variable, value: str | None, entries: Mapping[str, Entry], notes: Notes
) -> str:
    if value is not None:
        return value
    said = f": {variable.description}" if variable.description else ""
    name = variable.name
    notes.problem(
        entries[name],
        f'variable "{name}" needs a value{said}',
        f"--var {name}=…, or {PREFIX}{name.upper().replace('-', '_')}",
    )
    return ""


def _declared(name: str, entry: Entry, notes: Notes) -> Variable:
    value = entry.value
    if isinstance(value, Text):
        return Variable(name, _type_of(value), _in_file(name, value, notes))
    if isinstance(value, Map):
        return _described(name, entry, value, notes)
    return Variable(name, "text", "")  # the schema says what is wrong with it


def _described(name: str, entry: Entry, value: Map, notes: Notes) -> Variable:
    texts = {}
    for key, one in value.entries.items():
        if key not in FIELDS:
            odd = unknown("field", key, FIELDS, ())
            message = f'{odd.message} in variable "{name}"'
            notes.problem(one, message, odd.hint, odd.details)
        elif isinstance(one.value, Text):
            texts[key] = one.value
        elif not isinstance(one.value, Null):
            notes.problem(one, f'"{key}" of variable "{name}" must be text')
    default = texts.get("default")
    kind = texts["type"].value if "type" in texts else _type_of(default)
    if kind not in TYPES:
        odd = unknown("type", kind, TYPES, ())
        message = f'{odd.message} of variable "{name}"'
        notes.problem(texts["type"], message, odd.hint, odd.details)
        kind = "text"
    description = texts["description"].value if "description" in texts else ""
    needed = _FLAGS.get(texts["required"].value.lower()) if "required" in texts else "false"
    if needed is None:
        notes.problem(texts["required"], f'"required" of variable "{name}" must be true or false')
    if needed == "true" and default is not None:
        notes.problem(default, f'variable "{name}" is required and has a default', "leave one out")
    if default is None:
        if needed != "true":
            hint = 'write default: "", or required: true'
            notes.problem(entry, f'variable "{name}" has neither a default nor "required"', hint)
        return Variable(name, kind, None if needed == "true" else "", description, "type" in texts)
    found = Variable(name, kind, _in_file(name, default, notes), description, "type" in texts)
    return _with_default(found, default, notes)


def _with_default(variable: Variable, default: Text, notes: Notes) -> Variable:
    """The variable with its default as its type writes it."""
    if variable.default != default.value:
        return variable  # it holds a placeholder, which is said already
    source = f'the default of variable "{variable.name}"'
    return replace(variable, default=_typed(variable, default.value, source, notes, default))


def _type_of(value: Text | None) -> str:
    if value is None or not value.bare:
        return "text"
    if value.value in {"true", "false"}:
        return "flag"
    return "number" if _WHOLE.fullmatch(value.value) else "text"


def _in_file(name: str, value: Text, notes: Notes) -> str:
    if "{{" in value.value:
        at = notes.within(value, value.value.index("{{"))
        message = f'variable "{name}" holds a placeholder'
        notes.problems.append(SpecError(message, at=at, hint=_PLAIN))
        return ""
    return value.value


def _given(variable: Variable, value: str, source: str, notes: Notes) -> str:
    if "{{" in value or "\0" in value:
        notes.problems.append(SpecError(f"the value of {source} holds a placeholder", hint=_PLAIN))
        return ""
    return _typed(variable, value, source, notes)


def _typed(
    variable: Variable, value: str, source: str, notes: Notes, at: Text | None = None
) -> str:
    """A value as its type writes it; what is not of the type is complained of."""
    allowed = None
    if variable.type == "flag":
        if value.lower() in _FLAGS:
            return _FLAGS[value.lower()]
        allowed = "true or false"
    if variable.type == "number" and not _NUMBER.fullmatch(value):
        allowed = "a number"
    if allowed is None:
        return value
    shown = value if len(value) <= 40 and value.isprintable() else "…"
    where = notes.at(at) if at is not None else None
    message = f'{source} must be {allowed}, not "{shown}"'
    hint = "write its default in quotes where any text will do"
    if variable.written:
        hint = f'write {_SUCH[allowed]}, or change the "type" of the variable'
    notes.problems.append(SpecError(message, at=where, hint=hint))
    return ""


def _near(key: str, names: tuple[str, ...]) -> str | None:
    name = key.removeprefix(PREFIX).lower()
    return unknown("variable", name, names, ()).hint
