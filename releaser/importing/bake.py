"""A bake file as a draft.

What the attributes mean is in docs/bake-reference.md of docker/buildx. A target that is only there
to be inherited, or that makes no image, is kept and not enabled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from releaser.errors import SpecError
from releaser.importing.bake_document import Document, read_bake
from releaser.importing.bake_fields import BakeFields, fields_of_target
from releaser.importing.bake_text import Translator, carried, check_variants
from releaser.importing.bounds import Plain, UnknowableError
from releaser.importing.draft import Draft, ImageDraft, Losses, Value
from releaser.importing.expressions import Expression, Items, evaluate
from releaser.importing.places import Place, Places, place_of, settle
from releaser.importing.unrolling import unrolled
from releaser.reports.words import counted

FROM_ACTIONS = ("docker-metadata-action", "github-metadata-action", "meta-helper")
"""Targets that docker/metadata-action writes over: what files say of them is for local builds."""

_APPENDED = ("secrets", "ssh", "cache_from")
_DEEPEST = 100
_NO_IMAGE = ("local", "tar", "cacheonly")


@dataclass(slots=True)
class _Target:
    """A target as far as it is known: its own fields, and where it stands among the others."""

    name: str
    parents: tuple[str, ...]
    own: BakeFields
    translator: Translator
    is_tagged_by_actions: bool = False


def from_bake(text: str, file: str, *, project: str, folder: str, registry: str) -> Draft:
    """The draft of a bake file called ``file``, whose paths are seen from ``folder``.

    ``registry`` is the prefix for images whose tags name none.

    Raises:
        SpecError: it cannot be read at all, or targets inherit one another in a circle.
    """
    losses = Losses()
    document = read_bake(text, file, losses)
    unrolled(document, losses)
    reading = _Reading(document, carried(document), losses, folder)
    targets = reading.targets()
    _check_circles(targets, file)
    places = reading.places(targets, registry)
    images = tuple(reading.image(one, targets, places) for one in targets.values())
    groups = reading.groups(targets)
    sizes = [
        (len(document.targets), "target"), (len(document.groups), "group"),
        (len(document.variables), "variable"),
    ]  # fmt: skip
    found = (f"{file}: " + ", ".join(counted(number, what) for number, what in sizes),)
    used = repr([places.registries, *(one.fields for one in images)])
    variables = reading.declared(used)
    return Draft(
        project, file, places.registries, variables, {}, groups, images, losses.all(), found
    )


@dataclass(slots=True)
class _Reading:
    document: Document
    variables: dict[str, Value]
    losses: Losses
    folder: str

    def targets(self) -> dict[str, _Target]:
        return {
            name: self._target(name) for name in self.document.targets if name not in FROM_ACTIONS
        }

    def _target(self, name: str) -> _Target:
        attributes = dict(self.document.targets[name])
        axes = self._axes(name, attributes.pop("matrix", None))
        translator = Translator(name, self.document, self.variables, self.losses, axes)
        parents = self._parents(name, attributes.pop("inherits", Items(())))
        known = [one for one in parents if one in self.document.targets and one not in FROM_ACTIONS]
        if len(known) < len(parents):
            missing = ", ".join(one for one in parents if one not in known)
            why = "its tags and labels are made in a workflow: the rules for tags stand for them"
            self.losses.add(f"target {name}", f"what it inherits from {missing}", why)
        own = fields_of_target(attributes, translator, self.folder)
        by_actions = any(one in FROM_ACTIONS for one in parents)
        return _Target(name, tuple(known), own, translator, by_actions)

    def _axes(self, name: str, expression: Expression | None) -> dict[str, list[Plain]]:
        if expression is None:
            return {}
        try:
            value = evaluate(expression, self.document.scope)
        except UnknowableError as error:
            self.losses.add(f"target {name}", "matrix", str(error))
            return {}
        pairs = value.items() if isinstance(value, dict) else ()
        axes: dict[str, list[Plain]] = {
            key: one if isinstance(one, list) else [one] for key, one in pairs
        }
        for key, items in axes.items():
            if not items or not all(map(_is_axis_value, items)):
                why = "its values must be text, or maps of texts"
                self.losses.add(f"target {name}", f"matrix.{key}", why)
        kept = {key: one for key, one in axes.items() if one and all(map(_is_axis_value, one))}
        try:
            check_variants(kept)
        except UnknowableError as error:
            self.losses.add(f"target {name}", "matrix", str(error))
            return {}
        return kept

    def _parents(self, name: str, expression: Expression) -> tuple[str, ...]:
        try:
            value = evaluate(expression, self.document.scope)
        except UnknowableError as error:
            self.losses.add(f"target {name}", "inherits", str(error))
            return ()
        items = value if isinstance(value, list) else [value]
        return tuple(dict.fromkeys(str(one) for one in items))

    # Where images go.

    def places(self, targets: Mapping[str, _Target], registry: str) -> Places:
        found: dict[str, list[Place]] = {}
        values: dict[str, str] = {}
        for one in targets.values():
            first = one.translator.first()
            values.update({key: text for key, text in first.items() if key.startswith("vars.")})
            found[one.name] = [place_of(tag, first) for tag in one.own.tags or () if tag]
        return settle(found, values, self.losses, registry)

    # Images.

    def image(self, one: _Target, targets: Mapping[str, _Target], places: Places) -> ImageDraft:
        fields: dict[str, Value] = {}
        if one.parents:
            fields["extends"] = one.parents[0] if len(one.parents) == 1 else list(one.parents)
        fields.update(self._matrix(one))
        fields.update(one.own.fields)
        for key in _APPENDED:
            if key in fields and one.parents:
                fields[key] = _appended(key, one, targets)
        above = [base.own.fields for base in _ancestors(one, targets)]
        if fields.get("dockerfile") == "Dockerfile" and not any("dockerfile" in x for x in above):
            del fields["dockerfile"]
        fields.update(self._home(one, targets, places))
        comments = list(one.own.comments)
        why = self._not_enabled(one, targets)
        if why:
            fields["enabled"] = False
            comments.append(f"Not enabled: {why}.")
        return ImageDraft(one.name, fields, tuple(comments))

    def _matrix(self, one: _Target) -> dict[str, Value]:
        if not one.translator.axes:
            return {}
        matrix: dict[str, Value] = {
            key: [_plain(item) for item in items] for key, items in one.translator.axes.items()
        }
        include = one.translator.includes()
        if include:
            matrix["include"] = include
        return {"matrix": matrix, "name": one.own.name} if one.own.name else {"matrix": matrix}

    def _home(
        self, one: _Target, targets: Mapping[str, _Target], places: Places
    ) -> dict[str, Value]:
        """Where an image goes, as far as it does not follow from its name and what it extends."""
        home = places.homes.get(one.name)
        above = [
            base
            for base in _ancestors(one, targets)
            if base.name in places.homes or not self._not_enabled(base, targets)
        ]
        if home is None:
            tagged = any(base.name in places.homes for base in above) or any(
                base.is_tagged_by_actions for base in (one, *_ancestors(one, targets))
            )
            silent = places.homes and not tagged and not self._not_enabled(one, targets)
            return {"push_to": []} if silent else {}
        found: dict[str, Value] = {"tags": list(home.tags)}
        # Who inherits the tags inherits the whole references.
        extended = any(one.name in other.parents for other in targets.values())
        if home.repository != (one.own.name or one.name) or above or extended:
            found["repository"] = home.repository
        if set(home.push_to) != set(places.registries) or above:
            found["push_to"] = list(home.push_to)
        return found

    def _not_enabled(self, one: _Target, targets: Mapping[str, _Target]) -> str | None:
        """Why a target is no image to release, if it is none."""
        if one.own.inline:
            return "its Dockerfile is written in the bake file: put it into a file of its own"
        linked = any(one.name in other.own.links for other in targets.values())
        output = _effective(one, targets, "outputs")
        if output and all(kind in _NO_IMAGE for kind in output) and not linked:
            return f"its output is no image ({', '.join(output)})"
        inherited = any(one.name in other.parents for other in targets.values())
        listed = one.name in self._listed()
        tagged = bool(one.own.tags) or one.is_tagged_by_actions
        if inherited and not listed and not linked and not tagged:
            return "it is there to be extended"
        return None

    # Groups and variables.

    def _listed(self) -> set[str]:
        return {name for members in self._groups().values() for name in members}

    def _groups(self) -> dict[str, list[str]]:
        found = {}
        for name, expression in self.document.groups.items():
            try:
                value = evaluate(expression, self.document.scope)
            except UnknowableError as error:
                self.losses.add(f"group {name}", "its targets", str(error))
                continue
            items = value if isinstance(value, list) else [value]
            found[name] = [str(one) for one in items]
        return found

    def groups(self, targets: Mapping[str, _Target]) -> dict[str, Value]:
        """The groups with what there is of their members; none is called like a target."""
        declared = self._groups()
        made = {variant for one in targets.values() for variant in _variants(one)}
        known = targets.keys() | made
        found: dict[str, Value] = {}
        for name, members in declared.items():
            if name in targets:
                self.losses.add(f"group {name}", "the group", "an image has the same name")
                continue
            kept = [one for one in members if one in known or one in declared]
            for one in members:
                if one not in kept:
                    self.losses.add(f"group {name}", one, "there is no such target")
            if kept:
                found[name] = list(kept)
        return found

    def declared(self, text: str) -> dict[str, Value]:
        """The variables that ``text`` has placeholders of; those that cannot be are noted."""
        found: dict[str, Value] = {}
        for name in self.document.variables:
            if name not in self.variables:
                if name not in {"BAKE_CMD_CONTEXT", "BAKE_LOCAL_PLATFORM"}:
                    why = "only single values can be variables: it is written where it is used"
                    self.losses.add(f"variable {name}", "the variable", why)
                continue
            said = self.document.descriptions.get(name)
            value = self.variables[name]
            found[name] = {"default": value, "description": said} if said else value
            if f"{{{{vars.{name}}}}}" not in text:
                del found[name]
        return found


def _variants(one: _Target) -> list[str]:
    """What the variants of a matrix are called; bake takes these names in groups as well."""
    if not one.translator.axes or not one.own.name:
        return []
    return [one.translator.rendered(one.own.name, each) for each in one.translator.variants()]


def _appended(key: str, one: _Target, targets: Mapping[str, _Target]) -> Value:
    """A list that bake appends to what is inherited, and that ``extends`` replaces."""
    found: list[Value] = []
    for source in (*(targets[parent] for parent in one.parents), one):
        inner = source.own.fields.get(key, [])
        if source is not one and source.parents:
            inner = _appended(key, source, targets)
        found += [item for item in inner if item not in found] if isinstance(inner, list) else []
    return found


def _effective(one: _Target, targets: Mapping[str, _Target], field: str) -> tuple[str, ...]:
    """A list of a target, else of the last one that it inherits."""
    values = (getattr(base.own, field) for base in (one, *_ancestors(one, targets)))
    return next((value for value in values if value), ())


def _ancestors(one: _Target, targets: Mapping[str, _Target]) -> Iterator[_Target]:
    """All that a target inherits, each once: the last parent and what is above it first."""
    waiting, seen = list(one.parents), set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            yield targets[name]
            waiting += targets[name].parents


def _check_circles(targets: Mapping[str, _Target], file: str) -> None:
    """What follows walks upwards; so deep a chain is no file that anybody wrote."""
    depths: dict[str, int] = {}
    try:
        order = tuple(TopologicalSorter({k: v.parents for k, v in targets.items()}).static_order())
    except CycleError as error:
        circle = " <- ".join(error.args[1])
        raise SpecError(
            f'targets of "{file}" inherit one another in a circle',
            details=(("circle", circle),),
            hint="take one of them out of inherits",
        ) from None
    for name in order:
        depths[name] = 1 + max((depths[one] for one in targets[name].parents), default=0)
        if depths[name] > _DEEPEST:
            raise SpecError(
                f'targets of "{file}" inherit one another too deeply, up to "{name}"',
                details=(("allowed", str(_DEEPEST)),),
                hint="let targets inherit from fewer others",
            )


def _is_axis_value(value: Plain) -> bool:
    inner = list(value.values()) if isinstance(value, dict) else [value]
    return all(isinstance(one, str | int | float | bool) for one in inner)


def _plain(value: Plain) -> Value:
    match value:
        case dict():
            return {key: _plain(one) for key, one in value.items()}
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value).removesuffix(".0")
        case list():
            return [_plain(one) for one in value]
    return value
