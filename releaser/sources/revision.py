"""A git revision's files, laid out in a folder of their own for as long as they are needed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from releaser.errors import SetupError, SpecError
from releaser.sources.git_filters import without_own_filters
from releaser.sources.git_program import GitProgram, NoGitError


@contextmanager
def revision(
    directory: str, name: str, environment: Mapping[str, str] = os.environ
) -> Iterator[str]:
    """The folder that ``directory`` was in revision ``name``; it may be absent there.

    A worktree of git's, so that line ends and filters are those of any checkout, less the programs
    that its own configuration brings along. It is removed in the end.

    Raises:
        SetupError: there is no git, or no repository.
        SpecError: there is no such revision.
    """
    git = GitProgram(directory, environment)
    try:
        top = git.ask("rev-parse", "--show-toplevel")
        commit = git.ask(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
        )
    except NoGitError:
        raise SetupError("there is no git program", hint="install git") from None
    if top.status:
        raise SetupError(f"{directory} is in no git repository")
    if commit.status:
        raise SpecError(
            f'there is no revision "{name}"',
            hint="a shallow clone lacks older ones: fetch-depth: 0, or git fetch --unshallow",
        )
    inside = os.path.relpath(os.path.realpath(directory), os.path.realpath(top.out.strip()))
    with tempfile.TemporaryDirectory(prefix="releaser-revision-") as folder:
        tree = str(Path(folder) / "tree")
        laying_out = (*without_own_filters(git), "worktree", "add", "--detach", "--force")
        added = git.ask(*laying_out, tree, commit.out.strip())
        try:
            if added.status:
                last = (added.err.strip().splitlines() or ["git does not say why"])[-1]
                raise SetupError(f'revision "{name}" cannot be laid out: {last}')
            yield os.path.normpath(str(Path(tree) / inside))
        finally:
            git.ask("worktree", "remove", "--force", tree)
            git.ask("worktree", "prune")
