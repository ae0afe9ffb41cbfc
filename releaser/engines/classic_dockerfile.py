"""A Dockerfile as the engine's own builder must get it, and what in one that builder does not know.

The classic builder has no named contexts. So references that mean an image of ours, or a base image
with a pin, are replaced in the text that is sent; the file on disk stays as it is. It would also
build stages that the target does not use: those become empty lines. Every line keeps its number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from releaser.core.dockerfile import Dockerfile, ImageUse, Instruction, Stage, parse, target_use
from releaser.core.oci import Platform, Reference
from releaser.core.steps import BuildStep
from releaser.errors import Location, SpecError

BUILDX_HINT = "install docker buildx"
_KNOWN_FLAGS = {
    "RUN": frozenset[str](),
    "COPY": frozenset(("from", "chown")),
    "ADD": frozenset(("chown",)),
}
_GIT = re.compile(r"(?:git|ssh)://|git@|https?://\S+\.git(?:#\S*)?$")
_PLATFORM_VARIABLE = re.compile(r"\$(?:(BUILD|TARGET)PLATFORM\b|\{(BUILD|TARGET)PLATFORM\})")
# Variables that only BuildKit expands: its platforms, and modifiers such as ${VERSION%.*}.
_BEYOND = re.compile(r"\$\{?(?:BUILD|TARGET)(?:PLATFORM|OS|ARCH|VARIANT)\b|\$\{\w+[^\w}]")


@dataclass(frozen=True, slots=True)
class ClassicDockerfile:
    """The text to send, whether it differs from the file, and what stands in it.

    ``instructions`` are in the order of the engine's ``Step 1/7``; ``images`` the references to
    images elsewhere, as the engine will see them; ``arguments`` what the builder would not set by
    itself although BuildKit does.
    """

    text: str
    changed: bool
    instructions: tuple[Instruction, ...]
    images: tuple[str, ...]
    arguments: Mapping[str, str]


def problems(step: BuildStep, text: str, platform: Platform) -> Iterator[SpecError]:
    """What the target of ``step`` uses that only BuildKit has, each at its line.

    Raises:
        SpecError: the Dockerfile is wrong in itself.
    """
    dockerfile = parse(text, step.dockerfile)
    for stage in _reached(dockerfile, step, platform)[0]:
        for instruction in stage.instructions:
            yield from _problems(step, instruction.trigger or instruction)


def _problems(step: BuildStep, instruction: Instruction) -> Iterator[SpecError]:
    known = _KNOWN_FLAGS.get(instruction.keyword)
    if known is None:
        return
    missing = [f"--{flag}" for flag, _ in instruction.flags if flag not in known]
    if instruction.heredocs:
        # The engine's builder takes them for an empty command, without a word.
        missing.append("a here-document")
    if instruction.keyword == "ADD" and any(map(_GIT.match, instruction.words)):
        missing.append("a Git repository")
    for what in dict.fromkeys(missing):
        yield SpecError(
            f'image "{step.image}" needs BuildKit for {instruction.keyword} with {what}',
            at=Location(step.dockerfile, instruction.line),
            hint=BUILDX_HINT,
        )


def prepare(
    step: BuildStep, text: str, sources: Mapping[str, str], engine: Platform
) -> ClassicDockerfile:
    """The Dockerfile of ``step`` with ``sources`` (reference as meant -> reference to use) put in.

    ``engine`` is the engine's own platform.

    Raises:
        SpecError: the Dockerfile is wrong, or a reference stands where it cannot be replaced.
    """
    dockerfile = parse(text, step.dockerfile)
    stages, uses = _reached(dockerfile, step, engine)
    target = step.platforms[0] if step.platforms else engine
    editor = _Editor(step, text)
    images = [editor.replace(use, _source(use.reference, sources)) for use in uses]
    for index, stage in enumerate(stages):
        editor.set_platform(stage, {"BUILD": engine, "TARGET": target})
        editor.renumber(stage, {each.index: at for at, each in enumerate(stages[:index])})
    for stage in dockerfile.stages:
        if stage not in stages:
            editor.clear(stage)
    instructions = (
        *dockerfile.arguments,
        *(each for stage in stages for each in (stage.head, *stage.instructions)),
    )
    arguments = _platform_arguments(step, instructions, engine, target)
    return ClassicDockerfile(editor.text, editor.changed, instructions, tuple(images), arguments)


def _reached(
    dockerfile: Dockerfile, step: BuildStep, engine: Platform
) -> tuple[tuple[Stage, ...], tuple[ImageUse, ...]]:
    use = target_use(
        dockerfile,
        step.target,
        dict(step.args),
        platform=str(step.platforms[0] if step.platforms else engine),
        build_platform=str(engine),
    )
    return use.stages, use.images


def _source(reference: str, sources: Mapping[str, str]) -> str:
    """What to write in place of ``reference``: itself where nothing else is known."""
    if reference in sources:
        return sources[reference]
    meant = _normal(reference)
    found = (source for name, source in sources.items() if meant and _normal(name) == meant)
    return next(found, reference)


def _normal(text: str) -> Reference | None:
    try:
        reference = Reference.parse(text)
    except SpecError:
        return None
    return reference if reference.tag or reference.digest else reference.with_tag("latest")


def _platform_arguments(
    step: BuildStep, instructions: tuple[Instruction, ...], build: Platform, target: Platform
) -> dict[str, str]:
    """The platform ARGs that the Dockerfile declares: BuildKit sets them, this builder does not."""
    values = {
        prefix + name: value
        for prefix, platform in (("BUILD", build), ("TARGET", target))
        for name, value in (
            ("PLATFORM", str(platform)),
            ("OS", platform.os),
            ("ARCH", platform.architecture),
            ("VARIANT", platform.variant or ""),
        )
    }
    words = (word for each in instructions if each.keyword == "ARG" for word in each.words)
    declared = {word.partition("=")[0] for word in words}
    given = dict(step.args)
    return {name: value for name, value in values.items() if name in declared and name not in given}


class _Editor:
    """The lines of a Dockerfile; replaces single words in them."""

    def __init__(self, step: BuildStep, text: str) -> None:
        self._step = step
        self._lines = text.removeprefix("\ufeff").split("\n")
        self.changed = False

    @property
    def text(self) -> str:
        return "\n".join(self._lines)

    def replace(self, use: ImageUse, source: str) -> str:
        """Write ``source`` where ``use`` stands; answers ``source``."""
        unchanged = source == use.reference and not _BEYOND.search(use.written)
        if unchanged or source == use.written:
            return source
        word = re.escape(use.written)
        if use.instruction == "FROM":
            pattern = rf"(?<!\S){word}(?!\S)"
            done = self._substitute(use.line, pattern, source, behind_keyword=True)
        else:
            pattern = rf"(?<!\S)--from=([\"']?){word}\1(?!\S)"
            done = self._substitute(use.line, pattern, f"--from={source}")
        if not done:
            raise SpecError(
                f'image "{self._step.image}": {source} cannot be put in the place of {use.written}',
                at=Location(self._step.dockerfile, use.line),
                hint=f"write {use.instruction} and its image on one line, or {BUILDX_HINT}",
            )
        return source

    def set_platform(self, stage: Stage, platforms: Mapping[str, Platform]) -> None:
        """Write the platform for ``--platform=$BUILDPLATFORM``, which this builder leaves empty."""
        found = _PLATFORM_VARIABLE.fullmatch(stage.platform or "")
        if found:
            pattern = rf"--platform=([\"']?){re.escape(found[0])}\1(?!\S)"
            platform = platforms[found[1] or found[2]]
            self._substitute(stage.line, pattern, f"--platform={platform}")

    def renumber(self, stage: Stage, numbers: Mapping[int, int]) -> None:
        """Let ``--from=2`` mean the same stage when others are gone."""
        for instruction in stage.instructions:
            written = instruction.flag("from") if instruction.keyword == "COPY" else None
            number = int(written) if written and written.isdecimal() else -1
            if numbers.get(number, number) != number:
                pattern = rf"--from=([\"']?){written}\1(?!\S)"
                self._substitute(instruction.line, pattern, f"--from={numbers[number]}")

    def clear(self, stage: Stage) -> None:
        """Empty the lines of a stage."""
        last = stage.instructions[-1] if stage.instructions else stage.head
        size = last.end_line - stage.line + 1
        self._lines[stage.line - 1 : last.end_line] = [""] * size
        self.changed = True

    def _substitute(
        self, line: int, pattern: str, by: str, *, behind_keyword: bool = False
    ) -> bool:
        """Replace the first match in the instruction that starts on ``line``."""
        start = re.compile(r"\s*\S+") if behind_keyword else re.compile("")
        for at in range(line - 1, len(self._lines)):
            text = self._lines[at]
            comment = at >= line and text.lstrip().startswith("#")
            head = start.match(text) if at == line - 1 else None
            found = re.compile(pattern).search(text, head.end() if head else 0)
            if found and not comment:
                self._lines[at] = text[: found.start()] + by + text[found.end() :]
                self.changed = True
                return True
            if not comment and text.strip() and not text.rstrip().endswith(("\\", "`")):
                return False
        return False
