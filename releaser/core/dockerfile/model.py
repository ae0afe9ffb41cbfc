"""What a Dockerfile says, and what one target of it uses: values only."""

from __future__ import annotations

from dataclasses import dataclass


class ExpansionError(ValueError):
    """A word that cannot be expanded; says why, but not where."""


@dataclass(frozen=True, slots=True)
class Heredoc:
    """An inline file of RUN, COPY or ADD."""

    name: str
    """The terminator, without its quotes; for COPY and ADD also the file's name."""
    content: str
    """The lines between, byte for byte, with their line ends."""
    expand: bool
    """False when a part of the terminator was quoted."""
    chomp: bool
    """True for ``<<-``: leading tabs are dropped."""
    descriptor: int
    """The number before ``<<``; 0 where there is none."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction with its continuation lines joined and its comments dropped."""

    keyword: str
    """In upper case."""
    line: int
    """The line it starts on, from 1."""
    end_line: int
    """The last line that belongs to it, a heredoc's terminator included."""
    flags: tuple[tuple[str, str], ...]
    """``--name=value`` as (name, value), quotes removed, in order; a bare flag has the value ""."""
    rest: str
    """All that follows the flags, as written."""
    words: tuple[str, ...]
    """``rest`` split the way this instruction splits it: key and value in turn for ENV and LABEL,
    the elements of the JSON form, one word for shell forms."""
    json: bool
    """True in the JSON (exec) form."""
    heredocs: tuple[Heredoc, ...] = ()
    trigger: Instruction | None = None
    """What an ONBUILD registers."""

    def flag(self, name: str) -> str | None:
        """The value of the last ``--name``, or None."""
        return next((value for key, value in reversed(self.flags) if key == name), None)

    def flags_named(self, name: str) -> tuple[str, ...]:
        """The values of every ``--name``, in order."""
        return tuple(value for key, value in self.flags if key == name)


@dataclass(frozen=True, slots=True)
class Stage:
    """A FROM and the instructions up to the next one."""

    index: int
    name: str | None
    """After AS, in lower case, as Docker compares it."""
    base: str
    """The image or stage after FROM, as written."""
    platform: str | None
    """The value of ``--platform``, as written."""
    line: int
    head: Instruction
    """The FROM itself."""
    instructions: tuple[Instruction, ...]

    @property
    def title(self) -> str:
        """The name by which ``--from`` reaches it: its own, else its number."""
        return self.name or str(self.index)


@dataclass(frozen=True, slots=True)
class Directives:
    """The parser directives at the top of the file."""

    syntax: str | None = None
    escape: str = "\\"
    check: str | None = None


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A Dockerfile that was read, not evaluated."""

    file: str
    stages: tuple[Stage, ...]
    arguments: tuple[Instruction, ...]
    """The ARG instructions above the first FROM."""
    directives: Directives

    @property
    def declared_args(self) -> frozenset[str]:
        """The names of all ARGs, those of triggers included."""
        inner = (one for stage in self.stages for one in stage.instructions)
        every = (one.trigger or one for one in (*self.arguments, *inner))
        words = (word for one in every if one.keyword == "ARG" for word in one.words)
        return frozenset(word.partition("=")[0] for word in words)

    @property
    def global_args(self) -> dict[str, str | None]:
        """Name and default of each ARG above the first FROM, as written."""
        words = (word for instruction in self.arguments for word in instruction.words)
        pairs = (word.partition("=") for word in words)
        return {name: value if equals else None for name, equals, value in pairs}


@dataclass(frozen=True, slots=True)
class ImageUse:
    """A place that names an image of a registry."""

    reference: str
    """With its variables replaced."""
    written: str
    line: int
    instruction: str
    """``FROM``, ``COPY --from`` or ``RUN --mount=from``."""


@dataclass(frozen=True, slots=True)
class PathUse:
    """A place that reads files of the build context, or of a named one."""

    sources: tuple[str, ...]
    """Paths and patterns below the context's root: variables replaced, ``./`` and ``/`` in front
    removed, ``..`` resolved as BuildKit does (never above the root). All of it is ``.``."""
    line: int
    instruction: str
    """``COPY``, ``ADD``, ``RUN --mount``, or ``FROM`` where a named context is the base."""
    exclude: tuple[str, ...] = ()
    """Patterns of ``--exclude``."""
    context: str | None = None
    """The named context, None for the main build context."""
    parents: bool = False
    """True under ``--parents``, where ``**`` matches any depth."""
    literal: bool = False
    """True for a mount, whose source is a path also where it looks like a pattern."""


@dataclass(frozen=True, slots=True)
class UrlUse:
    """An ADD of something remote: a file by HTTP, or a Git repository."""

    url: str
    checksum: str | None
    line: int


@dataclass(frozen=True, slots=True)
class TargetUse:
    """All that a build of one target takes from outside its Dockerfile, and the text that counts.

    Only stages that the target reaches are in it, since BuildKit builds no others.
    """

    stages: tuple[Stage, ...]
    """In the file's order; the target is the last."""
    images: tuple[ImageUse, ...]
    paths: tuple[PathUse, ...]
    urls: tuple[UrlUse, ...]
    contexts: tuple[str, ...]
    """The named contexts that are used, of those that were given; sorted."""
    args: tuple[tuple[str, str | None], ...]
    """Each build argument that can matter, with its value; sorted. None: declared without a value,
    or with one that depends on the base image's environment."""
    text: tuple[str, ...]
    """The instructions that count for a fingerprint: comments, blank lines and continuations are
    gone, stages are numbered by their place among the reached ones, heredocs are as written."""
