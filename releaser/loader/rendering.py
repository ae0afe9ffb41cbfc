"""Placeholders that a load knows are put in; those that a plan knows are checked and stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from releaser.core import template
from releaser.core.spec import PLAN_FIELDS
from releaser.core.tag_rules import expressions, line_starts
from releaser.errors import SpecError
from releaser.loader.notes import Notes
from releaser.loader.yaml_tree import List, Map, Node, Null, Text


class Layers(Mapping[str, str]):
    """Mappings looked through in order, without a copy: a thousand images share one."""

    def __init__(self, *layers: Mapping[str, str]) -> None:
        self._layers = layers

    def __getitem__(self, name: str) -> str:
        for layer in self._layers:
            if name in layer:
                return layer[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for layer in self._layers for name in layer))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(slots=True)
class Renderer:
    """Renders what a load knows, and checks that a plan will know the rest.

    ``known`` are the values that are put in; in the fields that a plan renders, its names may
    stand too.
    """

    known: Mapping[str, str]
    notes: Notes
    later: tuple[str, ...] = ()
    rules: bool = False

    def of_rules(self) -> Renderer:
        """The same for rules of tags: their expressions stay as they are."""
        return replace(self, later=(*self.later, *expressions.ALL), rules=True)

    def data(self, node: Node, *, in_plan: bool = False) -> object:
        """A node as dicts, lists, text and ``None``."""
        match node:
            case Text():
                return self.text(node, in_plan=in_plan) if "{{" in node.value else node.value
            case List():
                return [self.data(item, in_plan=in_plan) for item in node.items]
            case Map():
                return self._map(node, in_plan=in_plan)
            case Null():
                return None

    def image(self, node: Node) -> object:
        """An image or the defaults: its fields know which of them a plan renders."""
        if not isinstance(node, Map):
            return self.data(node)
        return {
            key: self.of_rules().data(entry.value)
            if key == "tags"
            else self.data(entry.value, in_plan=key in PLAN_FIELDS)
            for key, entry in node.entries.items()
        }

    def _map(self, node: Map, *, in_plan: bool) -> dict[str, object]:
        found = {}
        for key, entry in node.entries.items():
            if "{{" in key:
                self.notes.problem(entry, f'"{key}" is a name, and names hold no placeholders')
            found[key] = self.data(entry.value, in_plan=in_plan)
        return found

    def text(self, node: Text, *, in_plan: bool) -> str:
        """The text of a scalar, rendered; as it is where something is wrong with it."""
        later = (*self.later, *_later(in_plan=in_plan))
        try:
            return self._rendered(node.value, later)
        except SpecError as error:
            if self.rules and node.written:
                return self._rules(node, later, error)
            self._complain(node, self._fault(node.value, later), error)
            return node.value

    def _complain(self, node: Text, offset: int, error: SpecError) -> None:
        at, details = self.notes.within(node, offset), error.details
        self.notes.problems.append(
            SpecError(error.message, at=at, details=details, hint=error.hint)
        )

    def _fault(self, text: str, later: tuple[str, ...]) -> int:
        """Where the first placeholder begins that cannot be rendered."""
        for begin, placeholder in template.opened(text):
            try:
                self._rendered(placeholder, later)
            except SpecError:
                return begin
        return 0

    def _rules(self, node: Text, later: tuple[str, ...], error: SpecError) -> str:
        """The rules of a block that cannot be rendered as a whole, each by itself."""
        found: list[str] = []
        size, wrong = 0, False
        for begin, rule in line_starts(node.value):
            try:
                found.append(self._rendered(rule, later))
            except SpecError as own:
                self._complain(node, begin, own)
                found.append(rule)
                wrong = True
            size += len(found[-1])
            if size > template.MAX_RENDERED:
                break
        if not wrong:
            self._complain(node, self._fault(node.value, later), error)
        return "\n".join(found) if wrong else node.value

    def _rendered(self, text: str, later: tuple[str, ...]) -> str:
        if not self.rules:
            return self._plain(text, later)
        if "${{" in text:
            return text  # the rule itself says what is wrong with it
        return "".join(
            part if expressions.calls(part) else self._plain(part, later)
            for part in expressions.around_calls(text)
        )

    def _plain(self, text: str, later: tuple[str, ...]) -> str:
        for name in template.names(text):
            if name in template.PLAN_NAMES and name not in later and name not in self.known:
                where = ", ".join(sorted(PLAN_FIELDS))
                raise SpecError(
                    f'"{{{{{name}}}}}" cannot stand here',
                    details=(("defined", ", ".join(sorted({*self.known, *later}) or ["nothing"])),),
                    hint="only what belongs to an image can use it"
                    if name == "image"
                    else f"only {where} can use it",
                )
        return template.render(text, Layers(self.known, _kept(later)))


@lru_cache(maxsize=64)
def _kept(names: tuple[str, ...]) -> Mapping[str, str]:
    """What stays as it is written."""
    return {name: f"{{{{{name}}}}}" for name in names}


def _later(*, in_plan: bool) -> tuple[str, ...]:
    return template.PLAN_NAMES if in_plan else ()
