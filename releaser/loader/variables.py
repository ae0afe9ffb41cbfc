"""The variables of a file: ``--var`` over ``RELEASER_VAR_NAME`` over what the file says."""

from __future__ import annotations

from collections.abc import Mapping

from releaser.core.facts import Concern
from releaser.core.spec import unknown
from releaser.errors import SpecError
from releaser.loader.resolve import Notes, child
from releaser.loader.yaml_tree import Map, Node, Text

PREFIX = "RELEASER_VAR_"


def variables(
    root: Node, given: Mapping[str, str], environment: Mapping[str, str], notes: Notes
) -> dict[str, str]:
    """The value of every variable that the file declares.

    A value is plain text: a placeholder in it is refused, for what a placeholder stands for is
    never looked at again. A variable that is given and not declared is refused; one that is only
    set in the environment may belong to somebody else and is a concern.
    """
    declared = child(root, "vars")
    names = tuple(declared.entries) if isinstance(declared, Map) else ()
    values = {name: _in_file(declared, name, notes) for name in names}
    by_variable = {PREFIX + name.upper().replace("-", "_"): name for name in names}
    for key in sorted(environment):
        if key in by_variable:
            values[by_variable[key]] = _plain(environment[key], key, notes)
        elif key.startswith(PREFIX):
            notes.concerns.append(
                Concern(f"{key} is set and no variable has that name", _near(key, names))
            )
    for name, value in given.items():
        if name in values:
            values[name] = _plain(value, f"--var {name}", notes)
        else:
            problem = unknown("variable", name, names, ())
            notes.problems.append(
                SpecError(problem.message, details=problem.details, hint=problem.hint)
            )
    return values


def _in_file(declared: Node | None, name: str, notes: Notes) -> str:
    value = child(declared, name)
    if not isinstance(value, Text):
        return ""  # the schema says what is wrong with it
    if "{{" in value.value:
        notes.problem(value, f'variable "{name}" holds a placeholder', _PLAIN)
        return ""
    return value.value


def _plain(value: str, source: str, notes: Notes) -> str:
    if "{{" in value or "\0" in value:
        notes.problems.append(SpecError(f"the value of {source} holds a placeholder", hint=_PLAIN))
        return ""
    return value


def _near(key: str, names: tuple[str, ...]) -> str | None:
    name = key.removeprefix(PREFIX).lower()
    return unknown("variable", name, names, ()).hint


_PLAIN = "write plain text; put the placeholder where the variable is used"
