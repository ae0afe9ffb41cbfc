"""What the names in FROM and ``--from`` mean, and which stages a target therefore reaches.

BuildKit (``dockerfile2llb/convert.go``) looks a name up in this order:

* after FROM: a stage above, ``scratch``, a named context, an image;
* in ``--from``: a stage by its number or its name, ``scratch``, a named context, an image;
* a named context that bears the name of a stage replaces that stage and all its instructions.

Only the names after FROM may hold variables, and these see nothing but the ARGs above the first
FROM and the automatic platform arguments.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from difflib import get_close_matches

from releaser.core.dockerfile.lexer import Expanded, Scope, expand
from releaser.core.dockerfile.model import Dockerfile, ExpansionError, Instruction, Stage
from releaser.core.oci import Platform, Reference
from releaser.errors import Location, SpecError

_NUMBER = re.compile(r"[+-]?[0-9]+")
_NEVER_CONTEXTS = frozenset(("scratch", "context"))
COPY_FROM, MOUNT_FROM = "COPY --from", "RUN --mount=from"


@dataclass(frozen=True, slots=True)
class FromStage:
    """A stage of the same file."""

    stage: Stage


@dataclass(frozen=True, slots=True)
class FromContext:
    """A named context, under the name it was given."""

    name: str


@dataclass(frozen=True, slots=True)
class FromImage:
    """An image of a registry."""

    reference: str


@dataclass(frozen=True, slots=True)
class FromNothing:
    """``scratch``."""


Origin = FromStage | FromContext | FromImage | FromNothing


@dataclass(frozen=True, slots=True)
class Base:
    """What a stage starts from, with the variables that its FROM reads."""

    origin: Origin
    read: frozenset[str]


@dataclass(frozen=True, slots=True)
class Link:
    """A ``--from`` of an instruction."""

    written: str
    origin: Origin
    label: str


def expanded(word: str, scope: Scope, dockerfile: Dockerfile, line: int) -> Expanded:
    """``word`` with its variables replaced; raises SpecError, with the line, where it cannot be."""
    try:
        return expand(word, scope, dockerfile.directives.escape)
    except ExpansionError as error:
        short = word if len(word) <= 60 else f"{word[:60]}…"
        message = f'cannot expand "{short}": {error}'
        raise SpecError(message, at=Location(dockerfile.file, line)) from None


def global_scope(
    dockerfile: Dockerfile,
    args: Mapping[str, str],
    target: str | None,
    platform: str,
    build_platform: str,
) -> Scope:
    """The variables that FROM sees: platform arguments, then the ARGs above the first FROM."""
    automatic = {
        **_platform_args("BUILD", build_platform),
        **_platform_args("TARGET", platform),
        "TARGETSTAGE": target or dockerfile.stages[-1].name or "default",
    }
    scope = Scope({name: args.get(name, value) for name, value in automatic.items()})
    for instruction in dockerfile.arguments:
        for word in instruction.words:
            name, equals, default = word.partition("=")
            if name in args:
                scope.values[name] = args[name]
            elif equals:
                value = expanded(default, scope, dockerfile, instruction.line)
                scope.values[name] = value.text
    return scope


def _platform_args(prefix: str, text: str) -> dict[str, str]:
    platform = Platform.parse(text)
    variant = platform.variant or ("v7" if platform.architecture == "arm" else "")
    parts = (platform.os, platform.architecture, variant)
    return {
        f"{prefix}PLATFORM": "/".join(filter(None, parts)),
        f"{prefix}OS": platform.os,
        f"{prefix}OSVERSION": "",
        f"{prefix}ARCH": platform.architecture,
        f"{prefix}VARIANT": variant,
    }


def mount_fields(value: str) -> dict[str, str]:
    """The fields of a ``--mount``, keys in lower case, as written; raises ExpansionError."""
    try:
        fields = next(csv.reader([value], strict=True), [])
    except csv.Error as error:
        raise ExpansionError(f"malformed --mount: {error}") from None
    if not fields:
        raise ExpansionError("a --mount without fields")
    pairs = (field.partition("=") for field in fields)
    return {key.lower(): text for key, _, text in pairs}


class Names:
    """The names of one Dockerfile, in the light of the named contexts that a build gives it."""

    def __init__(
        self, dockerfile: Dockerfile, scope: Scope, contexts: AbstractSet[str] = frozenset()
    ) -> None:
        self.dockerfile = dockerfile
        self._contexts = {
            _familiar(name): name
            for name in sorted(contexts)
            if name.lower() not in _NEVER_CONTEXTS
        }
        # Of two stages with one name, --from and --target mean the last.
        self._by_name = {stage.name: stage for stage in dockerfile.stages if stage.name}
        self._triggers = tuple(
            tuple(each.trigger for each in stage.instructions if each.trigger)
            for stage in dockerfile.stages
        )
        self.bases = self._bases(scope)

    def error(self, message: str, line: int, hint: str | None = None) -> SpecError:
        """A complaint about ``line``."""
        return SpecError(message, at=Location(self.dockerfile.file, line), hint=hint)

    def replaced(self, stage: Stage) -> str | None:
        """The named context that takes the place of ``stage``."""
        return self._contexts.get(_familiar(stage.name)) if stage.name else None

    def instructions(self, stage: Stage) -> Iterator[Instruction]:
        """What runs in ``stage``: the ONBUILD triggers of the stage it is based on come first.

        Triggers of the base's own base do not (``dispatchState.init``).
        """
        if self.replaced(stage):
            return
        base = self.bases[stage.index].origin
        if isinstance(base, FromStage) and not self.replaced(base.stage):
            yield from self._triggers[base.stage.index]
        yield from stage.instructions

    def links(self, instruction: Instruction) -> tuple[Link, ...]:
        """The ``--from`` names of one instruction, each with what it means."""
        if instruction.keyword == "COPY" and (written := instruction.flag("from")):
            self._refuse_variables(written, COPY_FROM, instruction)
            return (Link(written, self._source(written, instruction.line), COPY_FROM),)
        if instruction.keyword == "RUN":
            return tuple(link for _fields, link in self.mounts(instruction) if link)
        return ()

    def mounts(self, instruction: Instruction) -> Iterator[tuple[dict[str, str], Link | None]]:
        """The fields of each ``--mount`` of a RUN, as written, and what its ``from`` means."""
        for value in instruction.flags_named("mount"):
            try:
                fields = mount_fields(value)
            except ExpansionError as error:
                raise self.error(str(error), instruction.line) from None
            written = fields.get("from")
            if not written:
                yield fields, None
                continue
            self._refuse_variables(written, MOUNT_FROM, instruction)
            yield fields, Link(written, self._source(written, instruction.line), MOUNT_FROM)

    def target(self, name: str | None) -> Stage:
        """The stage that ``name`` selects, the last one for None."""
        if name is None:
            return self.dockerfile.stages[-1]
        found = self._by_name.get(name.lower())
        if found:
            return found
        names = list(self._by_name)
        near = get_close_matches(name.lower()[:80], names, n=1)
        raise SpecError(
            f'no stage "{name}" in the Dockerfile',
            at=Location(self.dockerfile.file),
            details=[("stages", ", ".join(names) or "none has a name")],
            hint=f'did you mean "{near[0]}"?' if near else "name a stage with FROM … AS name",
        )

    def reached(self, target: Stage) -> tuple[Stage, ...]:
        """``target`` and every stage that it needs, in the file's order."""
        pending, seen = [target], set[int]()
        while pending:
            stage = pending.pop()
            if stage.index not in seen:
                seen.add(stage.index)
                pending += self._needs(stage)
        return tuple(stage for stage in self.dockerfile.stages if stage.index in seen)

    def check(self) -> None:
        """Raises SpecError for each ``--from`` that BuildKit refuses in any stage, built or not."""
        for stage in self.dockerfile.stages:
            for instruction in self.instructions(stage):
                self.links(instruction)

    def _needs(self, stage: Stage) -> Iterator[Stage]:
        base = self.bases[stage.index].origin
        if isinstance(base, FromStage) and not self.replaced(stage):
            yield base.stage
        for instruction in self.instructions(stage):
            for link in self.links(instruction):
                if isinstance(link.origin, FromStage):
                    self._require_above(link.origin.stage, stage, instruction)
                    yield link.origin.stage

    def _require_above(self, source: Stage, stage: Stage, instruction: Instruction) -> None:
        if source.index == stage.index:
            raise self.error(f'the stage "{source.title}" copies from itself', instruction.line)
        if source.index > stage.index:
            message = f'the stage "{source.title}" is defined below, on line {source.line}'
            raise self.error(message, instruction.line, "move it above the stage that uses it")

    def _bases(self, scope: Scope) -> tuple[Base, ...]:
        above: dict[str, Stage] = {}
        bases: list[Base] = []
        for stage in self.dockerfile.stages:
            base = expanded(stage.base, scope, self.dockerfile, stage.line)
            platform = expanded(stage.platform or "", scope, self.dockerfile, stage.line)
            if stage.platform and not platform.text:
                raise self._empty(f"--platform={stage.platform}", platform, stage)
            origin = self._base_origin(stage, base, above)
            bases.append(Base(origin, base.read | platform.read))
            if stage.name:
                above[stage.name] = stage
        return tuple(bases)

    def _base_origin(self, stage: Stage, base: Expanded, above: Mapping[str, Stage]) -> Origin:
        if not base.text:
            raise self._empty(f"FROM {stage.base}", base, stage)
        if context := self.replaced(stage):
            return FromContext(context)
        found = above.get(base.text.lower())
        if found:
            return FromStage(found)
        return self._outside(base.text, stage.line, base.unset)

    def _empty(self, what: str, value: Expanded, stage: Stage) -> SpecError:
        return self.error(f'"{what}" comes out empty', stage.line, _give(value.unset))

    def _source(self, written: str, line: int) -> Origin:
        """What a ``--from`` means."""
        stages = self.dockerfile.stages
        if _NUMBER.fullmatch(written):
            index = int(written) if len(written) < 10 else len(stages)
            if not 0 <= index < len(stages):
                raise self.error(f"there is no stage {written[:20]}", line, "stages count from 0")
            found: Stage | None = stages[index]
        else:
            found = self._by_name.get(written.lower())
        if not found:
            return self._outside(written, line)
        context = self.replaced(found)
        return FromContext(context) if context else FromStage(found)

    def _outside(self, name: str, line: int, unset: AbstractSet[str] = frozenset()) -> Origin:
        """What a name means that no stage bears."""
        if name == "scratch":
            return FromNothing()
        if context := self._contexts.get(_familiar(name)):
            return FromContext(context)
        try:
            Reference.parse(name)
        except SpecError as error:
            message = f'"{name[:200]}" names no image: {error.message}'
            raise self.error(message, line, _give(unset) or _lower(name)) from None
        return FromImage(name)

    def _refuse_variables(self, written: str, label: str, instruction: Instruction) -> None:
        plain = expanded(written, Scope(), self.dockerfile, instruction.line)
        if plain.text != written or plain.read:
            hint = "give the image a stage of its own, FROM $NAME AS name, and use that name"
            message = f'{label} takes no variables or quotes: "{written[:80]}"'
            raise self.error(message, instruction.line, hint)


def _give(unset: AbstractSet[str]) -> str | None:
    if not unset:
        return None
    names = ", ".join(sorted(unset))
    return f"give {names} a value: a build argument, or ARG name=default above the first FROM"


def _lower(name: str) -> str | None:
    return f'use "{name.lower()}"' if name != name.lower() else None


def _familiar(name: str) -> str:
    """The form under which BuildKit looks a named context up (``Client.NamedContext``)."""
    try:
        reference = Reference.parse(name)
    except SpecError:
        return name
    tag = f":{reference.tag}" if reference.tag else ""
    digest = f"@{reference.digest}" if reference.digest else ""
    return f"{reference.repository.familiar}{tag}{digest}".removesuffix(":latest")
