"""What one target of a Dockerfile takes from outside: images, context paths, URLs, arguments.

It follows BuildKit's ``dockerfile2llb`` (``convert.go``, ``convert_copy.go``,
``convert_runmount.go``). Variables that only a base image could set are not known here: a path that
depends on one counts as the whole context, so that nothing is overlooked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import assert_never

from releaser.core.dockerfile.lexer import Expanded, Scope, heredoc
from releaser.core.dockerfile.model import (
    Dockerfile,
    ExpansionError,
    ImageUse,
    Instruction,
    PathUse,
    Stage,
    TargetUse,
    UrlUse,
)
from releaser.core.dockerfile.names import (
    FromContext,
    FromImage,
    FromNothing,
    FromStage,
    Link,
    Names,
    Origin,
    expanded,
    global_scope,
)

WHOLE = "."
"""The source that stands for all of a context."""

_REMOTE = re.compile(r"(?:https?|git|ssh)://|[A-Za-z0-9_-]+@[A-Za-z0-9.-]+:")
_FRONTEND_ARGS = re.compile(r"BUILDKIT_.*|SOURCE_DATE_EPOCH")
"""Build arguments that the frontend obeys without an ARG."""


def target_use(
    dockerfile: Dockerfile,
    target: str | None,
    args: Mapping[str, str],
    *,
    contexts: AbstractSet[str] = frozenset(),
    platform: str = "linux/amd64",
    build_platform: str = "linux/amd64",
) -> TargetUse:
    """What building ``target`` (None: the last stage) uses, given build arguments and the names of
    additional contexts.

    Raises SpecError, with the line, for a target that is no stage, a FROM that comes out empty or
    names no image, a ``--from`` that means itself, a stage below or a number without a stage, and a
    variable that cannot be expanded.
    """
    scope = global_scope(dockerfile, args, target, platform, build_platform)
    names = Names(dockerfile, scope, contexts)
    names.check()
    stages = names.reached(names.target(target))
    visit = _Visit(names, scope, args)
    for stage in stages:
        visit.stage(stage)
    return TargetUse(
        stages=stages,
        images=tuple(visit.images),
        paths=tuple(visit.paths),
        urls=tuple(visit.urls),
        contexts=tuple(sorted(visit.contexts)),
        args=tuple(sorted(visit.args, key=_by_name_and_value)),
        text=_text(names, stages),
    )


def _by_name_and_value(pair: tuple[str, str | None]) -> tuple[str, bool, str]:
    name, value = pair
    return name, value is not None, value or ""


class _Visit:
    """One walk over the reached stages, in order, with the variables that each of them sees."""

    def __init__(self, names: Names, scope: Scope, args: Mapping[str, str]) -> None:
        self.names, self.globals, self.given = names, scope, args
        self.images: list[ImageUse] = []
        self.paths: list[PathUse] = []
        self.urls: list[UrlUse] = []
        self.contexts: set[str] = set()
        self.args = {
            (name, value)
            for name, value in {**scope.values, **args}.items()
            if _FRONTEND_ARGS.fullmatch(name)
        }
        self._scopes: dict[int, Scope] = {}

    def stage(self, stage: Stage) -> None:
        """Adds what ``stage`` uses."""
        base = self.names.bases[stage.index]
        self.args |= {(name, self.globals.values.get(name)) for name in base.read}
        scope = self._scopes[stage.index] = self._base_scope(base.origin, stage)
        for instruction in self.names.instructions(stage):
            match instruction.keyword:
                case "ARG":
                    self._arg(instruction, scope)
                case "ENV":
                    self._env(instruction, scope)
                case "COPY" | "ADD":
                    self._copy(instruction, scope)
                case "RUN":
                    self._run(instruction, scope)

    def _base_scope(self, origin: Origin, stage: Stage) -> Scope:
        # BuildKit gives every stage a PATH; what it holds depends on the base and the platform.
        match origin:
            case FromStage(base):
                return self._scopes[base.index].copy()
            case FromNothing():
                return Scope({"PATH": None})
            case FromImage(reference):
                self.images.append(ImageUse(reference, stage.base, stage.line, "FROM"))
            case FromContext(name):
                self.contexts.add(name)
                self.paths.append(PathUse((WHOLE,), stage.line, "FROM", context=name))
            case _:
                assert_never(origin)
        return Scope(open=True)

    def _expand(self, word: str, scope: Scope, instruction: Instruction) -> Expanded:
        return expanded(word, scope, self.names.dockerfile, instruction.line)

    def _arg(self, instruction: Instruction, scope: Scope) -> None:
        for word in instruction.words:
            name, equals, default = word.partition("=")
            value: str | None = None
            if name in self.given:
                value = scope.values[name] = self.given[name]
            elif equals:
                found = self._expand(default, scope, instruction)
                value = scope.values[name] = found.text if found.certain else None
            elif name in self.globals.values:
                value = scope.values[name] = self.globals.values[name]
            self.args.add((name, value))

    def _env(self, instruction: Instruction, scope: Scope) -> None:
        # All of one ENV see the variables as they were before it.
        words = [self._expand(word, scope, instruction) for word in instruction.words]
        for name, value in zip(words[::2], words[1::2], strict=True):
            scope.values[name.text] = value.text if value.certain else None

    def _outside(self, link: Link, instruction: Instruction) -> None:
        match link.origin:
            case FromImage(reference):
                use = ImageUse(reference, link.written, instruction.line, link.label)
                self.images.append(use)
            case FromContext(name):
                self.contexts.add(name)
            case FromStage() | FromNothing():
                pass
            case _:
                assert_never(link.origin)

    def _copy(self, instruction: Instruction, scope: Scope) -> None:
        origin = None
        for link in self.names.links(instruction):
            origin = link.origin
            self._outside(link, instruction)
        sources = [
            self._expand(word, scope, instruction)
            for word in instruction.words[:-1]
            if not _is_heredoc(word)
        ]
        remote = [source.text for source in sources if _REMOTE.match(source.text)]
        self._add_urls(remote, instruction, scope)
        local = [source for source in sources if not _REMOTE.match(source.text)]
        if local and _is_context(origin):
            use = PathUse(
                sources=tuple(_path(source) for source in local),
                line=instruction.line,
                instruction=instruction.keyword,
                exclude=_excludes(instruction),
                context=_name(origin),
                parents=instruction.flag("parents") in ("", "true"),
            )
            self.paths.append(use)

    def _add_urls(self, urls: Iterable[str], instruction: Instruction, scope: Scope) -> None:
        checksum = self._expand(instruction.flag("checksum") or "", scope, instruction).text
        for url in urls:
            if instruction.keyword == "COPY":
                message = f'COPY cannot fetch "{url[:80]}"'
                raise self.names.error(message, instruction.line, "use ADD for a URL")
            self.urls.append(UrlUse(url, checksum or None, instruction.line))

    def _run(self, instruction: Instruction, scope: Scope) -> None:
        for fields, link in self.names.mounts(instruction):
            kind = self._expand(fields.get("type", "bind"), scope, instruction).text.lower()
            if link:
                self._outside(link, instruction)
            origin = link.origin if link else None
            # A cache without "from" starts empty; other kinds hold nothing of a context.
            if kind == "bind" or (kind == "cache" and link):
                self._add_mount(fields, origin, instruction, scope)

    def _add_mount(
        self,
        fields: dict[str, str],
        origin: Origin | None,
        instruction: Instruction,
        scope: Scope,
    ) -> None:
        if not _is_context(origin):
            return
        # The later of "source" and "src" holds.
        written = next((fields[key] for key in reversed(fields) if key in ("source", "src")), WHOLE)
        path = _path(self._expand(written, scope, instruction))
        use = PathUse((path,), instruction.line, "RUN --mount", context=_name(origin), literal=True)
        self.paths.append(use)


def _excludes(instruction: Instruction) -> tuple[str, ...]:
    """The patterns of ``--exclude`` that every frontend reads alike.

    Some expand variables here and some do not; some take each byte of UTF-8 for a character. Where
    nobody can tell, more files count: such a pattern excludes nothing, and one that includes again
    includes all.
    """
    kept: list[str] = []
    for pattern in instruction.flags_named("exclude"):
        if pattern.isascii() and "$" not in pattern:
            kept.append(pattern)
        elif pattern.strip().startswith("!"):
            kept.clear()
    return tuple(kept)


def _is_context(origin: Origin | None) -> bool:
    return origin is None or isinstance(origin, FromContext)


def _name(origin: Origin | None) -> str | None:
    return origin.name if isinstance(origin, FromContext) else None


def _is_heredoc(word: str) -> bool:
    try:
        return heredoc(word) is not None
    except ExpansionError:
        return False


def _path(source: Expanded) -> str:
    """A source below the context's root, ``..`` resolved without ever leaving it."""
    if not source.certain:
        return WHOLE
    parts: list[str] = []
    for part in source.text.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) or WHOLE


def _text(names: Names, stages: Iterable[Stage]) -> tuple[str, ...]:
    """The lines that a fingerprint is made of."""
    numbers = {stage.index: number for number, stage in enumerate(stages)}
    directives = names.dockerfile.directives
    lines = [f"# syntax={directives.syntax}"] if directives.syntax else []
    if directives.escape != "\\":
        lines.append(f"# escape={directives.escape}")
    for stage in stages:
        lines.append(_head(names, stage, numbers))
        if not names.replaced(stage):
            lines += [_line(names, each, numbers) for each in stage.instructions]
    return tuple(lines)


def _head(names: Names, stage: Stage, numbers: Mapping[int, int]) -> str:
    base = _called(names.bases[stage.index].origin, numbers) or stage.base
    if names.replaced(stage) or not stage.platform:
        return f"FROM {base}"
    return f"FROM {_flag('platform', stage.platform)} {base}"


def _called(origin: Origin, numbers: Mapping[int, int]) -> str | None:
    """A name for a stage or a context that no image can have; None for the rest."""
    match origin:
        case FromStage(stage):
            return f"#{numbers[stage.index]}"
        case FromContext(name):
            return f"@{name}"
        case FromImage() | FromNothing():
            return None
        case _:
            assert_never(origin)


def _line(names: Names, instruction: Instruction, numbers: Mapping[int, int]) -> str:
    flags = " ".join(_flags(names, instruction, numbers))
    # As in the file, "--" ends the flags where the rest could be taken for one.
    end = "--" if instruction.rest.startswith("--") else ""
    head = " ".join(filter(None, (instruction.keyword, flags, end, instruction.rest)))
    bodies = (f"\n{each.content}{each.name}" for each in instruction.heredocs)
    return head + "".join(bodies)


def _flags(names: Names, instruction: Instruction, numbers: Mapping[int, int]) -> list[str]:
    """The flags, where each ``from`` says which of the reached stages it means."""
    links = names.links(instruction)
    if instruction.keyword == "COPY" and links:
        called = _called(links[0].origin, numbers)
        return [
            _flag(name, called if called and name == "from" else value)
            for name, value in instruction.flags
        ]
    mounts = names.mounts(instruction) if links else iter(())
    return [
        _flag(name, _mount(value, *next(mounts), numbers) if links and name == "mount" else value)
        for name, value in instruction.flags
    ]


def _mount(
    value: str, fields: Mapping[str, str], link: Link | None, numbers: Mapping[int, int]
) -> str:
    called = _called(link.origin, numbers) if link else None
    return json.dumps({**fields, "from": called}) if called else value


def _flag(name: str, value: str) -> str:
    """Unambiguous also where quotes kept a space inside the value."""
    text = value if value.isprintable() and " " not in value else json.dumps(value)
    return f"--{name}={text}" if value else f"--{name}"
