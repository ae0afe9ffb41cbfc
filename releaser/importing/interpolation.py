"""Compose's ``${NAME:-default}`` as variables of ``images.yaml``.

Source: the Compose specification, "Interpolation".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from releaser.importing.draft import Losses, Value

_REFERENCE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<sign>:?[-?+])(?P<value>(?:[^{}]|\$\{[^{}]*\})*))?\})"
)


@dataclass(slots=True)
class Variables:
    """The variables that were met, each with its default; the first default counts."""

    losses: Losses
    found: dict[str, str] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    required: set[str] = field(default_factory=set)

    def text(self, text: str, where: str) -> str:
        """``text`` with placeholders in place of Compose's."""
        if "{{" in text:
            self.losses.add(where, text[:60], "two braces begin a placeholder in images.yaml")
            text = text.replace("{{", "{")
        return _REFERENCE.sub(lambda one: self._replaced(one, where), text)

    def value(self, value: object, where: str) -> Value:
        """Lists, maps and texts, with placeholders in all of their values."""
        match value:
            case dict():
                return {str(key): self.value(one, where) for key, one in value.items()}
            case list():
                return [self.value(one, where) for one in value]
            case str():
                return self.text(value, where)
            case bool() | int() | None:
                return value
        return str(value)

    def used_in(self, text: str) -> dict[str, Value]:
        """The variables that ``text`` has placeholders of, as the file declares them: all text.

        A default that the file does not give is noted.
        """
        found = self.found.items()
        used = {name: value for name, value in found if f"{{{{vars.{name}}}}}" in text}
        for name, value in used.items():
            if name not in self.given | self.required:
                why = f"the file gives none, so it is {value or 'empty'} here"
                self.losses.add(f"variable {name}", "its default", why)
        return {**used}

    def _replaced(self, one: re.Match[str], where: str) -> str:
        if one["escaped"]:
            return "$"
        name, sign, value = one["name"] or one["braced"], one["sign"] or "", one["value"] or ""
        if sign.endswith("+"):
            self.losses.add(where, one[0], "there is no value that depends on another being set")
            return ""
        default = value if sign.endswith("-") else ""
        if "${" in default or "$" in default:
            inner = self.text(default, where)
            default = re.sub(r"\{\{vars\.([^}]*)\}\}", lambda two: self.found[two[1]], inner)
        self._declare(name, default, sign, where)
        return f"{{{{vars.{name}}}}}"

    def _declare(self, name: str, default: str, sign: str, where: str) -> None:
        said = sign.endswith("-")
        known = self.found.get(name)
        if known is None or (said and name not in self.given and not known):
            self.found[name] = default
        elif said and default != known:
            why = f"a variable has one default, here {known or 'empty'}"
            self.losses.add(where, f"the default {default} of {name}", why)
        if said:
            self.given.add(name)
        elif sign.endswith("?"):
            self.required.add(name)
            self.losses.add(where, f"that {name} must be set", "write required: true in vars")
