"""What is found wrong or suspicious while files are read, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from releaser.core.facts import Concern
from releaser.core.spec import unknown
from releaser.errors import Location, SpecError
from releaser.loader.yaml_tree import Entry, Map, Node, Text


@dataclass(slots=True)
class Notes:
    """What was found wrong (``problems``) or suspicious (``concerns``) while files were read.

    ``file`` is the first one, and that of places which name none. ``given`` says of the variables
    that have their value from elsewhere what gave it. ``spoiled`` are the places of texts of which
    a part was complained of, at its own place.
    """

    file: str
    problems: list[SpecError] = field(default_factory=list)
    concerns: list[Concern] = field(default_factory=list)
    given: dict[str, str] = field(default_factory=dict)
    spoiled: set[Location] = field(default_factory=set)

    def at(self, node: Node | Entry) -> Location:
        """Where a node or a key stands."""
        return Location(node.file or self.file, node.line, node.column)

    def within(self, text: Text, offset: int) -> Location:
        """Where ``value[offset]`` of a text stands that will be complained of."""
        self.spoiled.add(self.at(text))
        return Location(text.file or self.file, *text.place(offset))

    def problem(
        self,
        node: Node | Entry,
        message: str,
        hint: str | None = None,
        details: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Add a complaint about a place."""
        self.problems.append(SpecError(message, at=self.at(node), hint=hint, details=details))

    def unknown(self, node: Node | Entry, kind: str, name: str, known: Iterable[str]) -> None:
        """Add a complaint about a name that is not declared."""
        found = unknown(kind, name, known, ())
        self.problem(node, found.message, found.hint, found.details)

    def twice(self, node: Node | Entry, what: str, first: Node | Entry) -> None:
        """Add a complaint about something that is declared at two places."""
        self.problem(node, f"{what} is declared twice", details=[("first", str(self.at(first)))])

    def concern(self, node: Node | Entry, message: str, hint: str) -> None:
        """Add something suspicious about a place."""
        self.concerns.append(Concern(f"{self.at(node)}: {message}", hint))


def child(node: Node | None, key: str) -> Node | None:
    """The value of a key, or ``None`` where ``node`` is no map or has no such key."""
    entry = node.entries.get(key) if isinstance(node, Map) else None
    return entry.value if entry else None
