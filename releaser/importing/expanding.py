"""GitHub's ``${{ … }}`` in a workflow, as far as it is known before a run.

Source: GitHub's documentation, "Workflow syntax" and "Contexts". What only a run knows is lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from releaser.importing.attributes import records_of
from releaser.importing.draft import Losses
from releaser.importing.remote import Origin

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_PLAIN = re.compile(r"(env|vars|matrix|inputs|secrets|github|steps)((?:\.[\w-]+)+)")
_SHOWN = frozenset({"tags", "images", "flavor"})
_GITHUB = {"ref_name": "{{branch}}", "sha": "{{commit}}"}


@dataclass(frozen=True, slots=True)
class Expander:
    """What is known in a job: its environment, the axes of its matrix, where the repository is."""

    origin: Origin
    losses: Losses
    where: str
    env: Mapping[str, str] = field(default_factory=dict)
    axes: frozenset[str] = frozenset()
    depth: int = 0

    def text(self, text: str, what: str, *, quiet: bool = False) -> str | None:
        """``text`` with what is known in place; ``None`` where a part of it is not, which is noted.

        The axes of the matrix become placeholders.
        """
        unknown: list[str] = []

        def one(match: re.Match[str]) -> str:
            found = self._known(match[1].strip())
            if found is None:
                unknown.append(match[1].strip())
            return found or ""

        found = _EXPRESSION.sub(one, text)
        if unknown and not quiet:
            why = "only a run of the workflow knows it"
            self.losses.add(self.where, f"{what}: ${{{{ {unknown[0][:60]} }}}}", why)
        return None if unknown else found

    def lines(self, text: object, what: str) -> list[str]:
        """The lines of an input that say something and are known; commas divide as well."""
        lines = [one.strip() for one in str(text or "").splitlines()]
        said = [one for one in lines if one and not one.startswith("#")]
        known = (self.text(one, _named(what, one)) for one in said)
        return [one for one in known if one]

    def records(self, text: object, what: str) -> list[str]:
        """As :meth:`lines`, where several lines may be one in quotes, and commas are left alone."""
        known = (self.text(one, _named(what, one)) for one in records_of(str(text or "")))
        return [one for one in known if one]

    def _known(self, expression: str) -> str | None:
        quoted = re.fullmatch(r"'([^']*)'", expression)
        if quoted:
            return quoted[1]
        match = _PLAIN.fullmatch(expression)
        if match is None or self.depth > 10:
            return None
        kind, name = match[1], match[2].removeprefix(".")
        if kind == "env" and name in self.env:
            inner = Expander(
                self.origin, self.losses, self.where, self.env, self.axes, self.depth + 1
            )
            return inner.text(self.env[name], name, quiet=True)
        if kind == "matrix" and name.partition(".")[0] in self.axes:
            return f"{{{{matrix.{name}}}}}"
        if kind == "steps" and name.endswith(".outputs.version"):
            return "{{version}}"  # what metadata-action makes of the event
        return self._of_github(name) if kind == "github" else None

    def _of_github(self, name: str) -> str | None:
        if self.origin.path:
            known = {
                "repository": self.origin.path,
                "repository_owner": self.origin.path.partition("/")[0],
                "event.repository.name": self.origin.path.rpartition("/")[2],
            }
            if name in known:
                return known[name]
        return _GITHUB.get(name)


def _named(what: str, line: str) -> str:
    """An input with the line of it that is meant; of pairs the name only, since values are many."""
    if _EXPRESSION.fullmatch(line):
        return what
    return f"{what} {(line if what in _SHOWN else line.partition('=')[0])[:80]}"
