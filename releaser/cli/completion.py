"""What a shell offers at the Tab key: names from the spec that is found upwards, versions from git.

Nobody asks for a complaint by pressing Tab: where there is no spec, or nothing can be read from it,
nothing is offered. Neither engine nor registry is asked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from releaser.errors import ReleaserError, SpecError
from releaser.importing.kinds import KINDS

if TYPE_CHECKING:
    from releaser.loader.including import Sources
    from releaser.loader.yaml_tree import Map

SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
MOST_VERSIONS = 50
_QUIET = (ReleaserError, OSError, ValueError, RecursionError)
Offers = list[str]
"""What is offered. There are no words beside it: to show them zsh and fish load twice as much."""
MOST_FILES = 500
_VARIABLE = "_RELEASER_COMPLETE"
_BREAKS = re.compile(r"[=:]+")
# A name that is only begun, such as `python=` or a folder, gets no space behind it.
_BASH = """\
_releaser_completion() {
    local IFS=$'\\n'
    COMPREPLY=( $( env COMP_WORDS="${COMP_WORDS[*]}" \\
                   COMP_CWORD=$COMP_CWORD \\
                   _RELEASER_COMPLETE=complete_bash $1 ) )
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] ]]; then
        compopt -o nospace 2>/dev/null
    fi
    return 0
}

complete -o default -F _releaser_completion releaser"""


def script(shell: str) -> str:
    """The completion script of a shell.

    Raises:
        SpecError: there is none for it.
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    if shell not in SHELLS:
        raise SpecError(
            f'there is no completion for the shell "{shell}"',
            details=(("allowed", ", ".join(SHELLS)),),
        )
    if shell == "bash":
        return _BASH
    return get_completion_script(prog_name="releaser", complete_var=_VARIABLE, shell=shell)


def install(shell: str | None) -> str:
    """Set completion up for a shell (the one that this is called from); says what was done.

    Raises:
        SpecError: there is none for it, or which one this is called from cannot be told.
    """
    from typer.completion import install as set_up  # type: ignore[attr-defined]

    if shell is not None:
        script(shell)
    try:
        with redirect_stdout(StringIO()):  # what it says there of a shell that it does not know
            found, path = set_up(shell=shell, prog_name="releaser", complete_var=_VARIABLE)
    except typer.Exit:
        hint = f"name one: releaser --install-completion {SHELLS[0]}"
        raise SpecError("this shell is not known", hint=hint) from None
    if found == "bash":
        path.write_text(f"{_BASH}\n", encoding="utf-8")
    return f"{found} completion installed in {path}; it takes effect in new shells"


def join_words(environment: MutableMapping[str, str]) -> None:
    """Put together what bash divides in a command line: ``--profile=pr`` is three words to it.

    It divides at the characters of ``COMP_WORDBREAKS`` (Bash Reference Manual, "Programmable
    Completion"), and only what stands behind the last of them is replaced by what is offered.
    """
    if environment.get(_VARIABLE) != "complete_bash":
        return
    text = environment.get("COMP_WORDS", "")
    between = "\n" if "\n" in text else " "
    count = environment.get("COMP_CWORD", "")
    words = text.split(between)[: int(count) + 1 if count.isdecimal() else None]
    found = words[:1]
    for before, word in pairwise(words):
        if len(found) > 1 and (_BREAKS.fullmatch(before) or _BREAKS.fullmatch(word)):
            found[-1] += word
        else:
            found.append(word)
    environment["COMP_WORDS"] = between.join(found)
    environment["COMP_CWORD"] = str(len(found) - 1)


def images(context: typer.Context) -> Offers:
    """Images and groups that are not named yet."""
    found: Offers = []
    with suppress(*_QUIET):
        given = context.params.get("images") or ()
        found = [one for one in _names(context) if one not in given]
    return found


def profiles(context: typer.Context) -> Offers:
    """The profiles of the spec and of the files that it includes."""
    found: Offers = []
    with suppress(*_QUIET):
        known = dict.fromkeys(_Project.of(context).profiles())
        found = [name for name in known if name not in (context.params.get("profile") or ())]
    return found


def variables(context: typer.Context, incomplete: str) -> Offers:
    """Variables, each as ``NAME=``; of their values nothing is known."""
    found: Offers = []
    if "=" in incomplete:
        return found
    with suppress(*_QUIET):
        found = [f"{name}=" for name in _Project.of(context).section("vars").entries]
    return found


def registries(context: typer.Context) -> Offers:
    """The registries of the spec, by name."""
    found: Offers = []
    with suppress(*_QUIET):
        found = list(_Project.of(context).section("registries").entries)
    return found


def versions(context: typer.Context) -> Offers:
    """The versions that git tags name, the highest first, at most 50 of them."""
    from releaser.core.git_tags import TagTemplate
    from releaser.sources.git_program import GitProgram, NoGitError, NoRepositoryError

    found: Offers = []
    with suppress(*_QUIET, NoGitError, NoRepositoryError):
        spec = _Project.of(context)
        tags = GitProgram(str(spec.folder), os.environ).checked("tag", "--list").out.split("\n")
        template = TagTemplate.parse(_text(spec.section("versioning"), "tag", TagTemplate().text))
        names = spec.section("images").entries if template.is_per_image else ("",)
        known = {version for name in names for _, version in template.versions(tags, name)}
        found = [str(version) for version in sorted(known, reverse=True)[:MOST_VERSIONS]]
    return found


def sources(incomplete: str) -> Offers:
    """What ``init`` reads from: a kind of file, or a file."""
    found: Offers = [] if "/" in incomplete else list(KINDS)
    folder, slash, begun = incomplete.rpartition("/")
    with suppress(*_QUIET), os.scandir(folder + slash or ".") as entries:
        names = [f"{one.name}/" if one.is_dir() else one.name for one in entries]
        seen = sorted(one for one in names if one.startswith(begun) and one.isprintable())
        shown = [one for one in seen if begun or not one.startswith(".")]
        found += [f"{folder}{slash}{one}" for one in shown[:MOST_FILES]]
    return found


def _names(context: typer.Context) -> Offers:
    """What the loader knows; where it complains, what the file has as it is written."""
    from releaser import loader

    project = _Project.of(context)
    try:
        spec = loader.load(
            project.text,
            project.path.name,
            project=project.folder.name,
            variables=_given(context.params.get("var") or ()),
            environment=os.environ,
            profiles=_profiles(context),
            files=loader.DiskFiles(project.folder),
        ).spec
    except SpecError:
        return [*project.section("images").entries, *project.section("groups").entries]
    return [*spec.images, *spec.groups]


def _given(items: Iterable[str]) -> Mapping[str, str]:
    """The variables of the command line, as far as they are written."""
    return dict(item.split("=", 1) for item in items if "=" in item)


def _profiles(context: typer.Context) -> list[str]:
    environment = re.split(r"[,\s]+", os.environ.get("RELEASER_PROFILE", ""))
    return list(context.params.get("profile") or ()) or [one for one in environment if one]


@dataclass(frozen=True, slots=True)
class _Project:
    """The spec on disk, as it is written: one that is wrong is good enough to complete from."""

    path: Path
    text: bytes

    @classmethod
    def of(cls, context: typer.Context) -> _Project:
        """The spec that the command line names, else that which is found upwards."""
        from releaser.loader.files import find_spec, read_spec

        file = context.params.get("file")
        path = Path(str(file)) if file else find_spec(Path.cwd())
        return cls(path, read_spec(path))

    @property
    def folder(self) -> Path:
        """The folder of the spec."""
        return Path(os.path.abspath(self.path)).parent  # noqa: PTH100 - as the spec is loaded

    def sources(self) -> Sources:
        """The spec with what it includes."""
        from releaser.loader.files import DiskFiles
        from releaser.loader.including import included
        from releaser.loader.notes import Notes
        from releaser.loader.profiles import Profiles

        notes = Notes(self.path.name)
        return included(self._tree(), DiskFiles(self.folder), Profiles((), notes), notes)

    def _tree(self, text: bytes | None = None) -> Map:
        from releaser.loader.yaml_text import decode
        from releaser.loader.yaml_tree import Map, parse

        node, _ = parse(decode(self.text if text is None else text, self.path.name), "")
        return node if isinstance(node, Map) else Map(1, 1)

    def section(self, key: str) -> Map:
        """What is declared under a key of the file, and of those that it includes."""
        from releaser.loader.notes import child
        from releaser.loader.yaml_tree import Map

        node = child(self.sources().root, key)
        return node if isinstance(node, Map) else Map(1, 1)

    def profiles(self) -> Iterator[str]:
        """The names of the profiles in all files."""
        from releaser.loader.files import read_below
        from releaser.loader.notes import child
        from releaser.loader.yaml_tree import Map

        texts = [self.text, *(read_below(self.folder, path) for path in self.sources().paths)]
        for text in texts:
            node = child(self._tree(text), "profiles")
            if isinstance(node, Map):
                yield from node.entries


def _text(node: Map, key: str, default: str) -> str:
    from releaser.loader.notes import child
    from releaser.loader.yaml_tree import Text

    found = child(node, key)
    return found.value if isinstance(found, Text) else default
