"""The git checkout that a spec lies in."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from releaser.core.facts import Concern, SourceFacts
from releaser.core.git_tags import TagTemplate
from releaser.core.history import History
from releaser.errors import SetupError
from releaser.sources import ci
from releaser.sources.git_checkout import Checkout
from releaser.sources.git_history import read_differences, read_files, read_history
from releaser.sources.git_program import GitProgram, NoGitError, NoRepositoryError
from releaser.sources.git_tag_writing import TagWriting


class GitSource:
    """The git checkout around a folder. ``environment`` is the process's own by default."""

    def __init__(self, directory: str, environment: Mapping[str, str] = os.environ) -> None:
        self.directory = directory
        self._environment = environment

    def facts(self, template: TagTemplate) -> SourceFacts:
        """What the checkout says of itself; empty facts without a repository or a commit.

        ``changes`` are relative to the folder. Tags count where HEAD's history has them. Nothing is
        fetched and nothing is written.

        Raises:
            SetupError: git refuses the repository, cannot read it, or takes too long.
        """
        return replace(self._facts(template), ci_request=ci.request_event(self._environment))

    def _facts(self, template: TagTemplate) -> SourceFacts:
        try:
            return Checkout(self._git()).facts(template, ci.event(self._environment))
        except NoGitError:
            return _without(self.directory, "there is no git program", "install git")
        except NoRepositoryError as error:
            why = "git does not take it for a repository"
            return _without(self.directory, why, error.args[0])

    def remote(self) -> str | None:
        """The URL of ``origin``, else of the first remote, with no login in it.

        ``None`` without a repository or a remote; there need be no commit yet.

        Raises:
            SetupError: as for :meth:`facts`.
        """
        with suppress(NoGitError, NoRepositoryError):
            return Checkout(self._git()).remote()
        return None

    def history(self, since: Sequence[str]) -> History:
        """The commits of HEAD's history that any of the tags ``since`` lacks, and its tags.

        All commits where ``since`` is empty; none without a repository or a commit. A tag of
        ``since`` need not stand on HEAD's history.

        Raises:
            SetupError: as for :meth:`facts`.
            InternalError: there is no such tag.
        """
        with suppress(NoGitError, NoRepositoryError):
            return read_history(self._git(), since)
        return History()

    def differences(self, commits: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """The paths in which HEAD differs from each of ``commits``, sorted.

        They are as seen from the folder. Nothing without a repository or a commit. A file's mode
        counts as its content does.

        Raises:
            SetupError: as for :meth:`facts`.
            InternalError: one of ``commits`` is no commit's hash.
        """
        with suppress(NoGitError, NoRepositoryError):
            return dict(read_differences(self._git(), commits))
        return {}

    def files_at(self, revisions: Sequence[str], path: str) -> tuple[bytes | None, ...]:
        """A file of each commit, its path as seen from the folder; ``None``: there is none.

        Symbolic links are followed within the commit. The bytes are those that git keeps: filters
        and line ends of a checkout are not applied.

        Raises:
            SetupError: as for :meth:`facts`; it is larger than 16 MiB, or not in this clone.
            InternalError: a revision is neither a commit's hash nor one with ``^``.
        """
        with suppress(NoGitError, NoRepositoryError):
            return read_files(self._git(), revisions, path)
        return (None,) * len(revisions)

    def write_tags(self, tags: Mapping[str, str], *, push: bool) -> tuple[str, ...]:
        """Write annotated tags at HEAD, each name with its message, all of them or none.

        A tag that is at HEAD already is kept as it is, and pushed where ``push`` and the remote
        lacks it. What was written is returned, or where ``push`` what was pushed.

        Raises:
            PlanError: one of them exists already, at another commit here or at the remote.
            SetupError: there is no commit, git has no identity, no remote, or refuses.
        """
        try:
            writing = TagWriting(self._git())
            return writing.write(tags, push=push)
        except NoGitError:
            raise SetupError("there is no git program", hint="install git") from None
        except NoRepositoryError:
            raise SetupError(
                f'there is no git repository to write tags to: "{self.directory}" is in none'
            ) from None

    def _git(self) -> GitProgram:
        here = Path(self.directory).resolve()
        if not any(map(_is_repository, (here, *here.parents))):
            raise NoRepositoryError(
                "not a git repository"
            )  # git would say so too, after a long import
        return GitProgram(self.directory, self._environment)


def _is_repository(folder: Path) -> bool:
    """Whether git might take ``folder`` for a checkout, or for a repository without one."""
    return (folder / ".git").exists() or (folder / "objects").is_dir()


def _without(directory: str, why: str, hint: str) -> SourceFacts:
    """No facts; and a concern where something looks like a repository nevertheless."""
    folder = Path(directory).resolve()
    for one in (folder, *folder.parents):
        if (one / ".git").exists():
            concern = Concern(f'"{one}" looks like a git checkout, but {why}', hint)
            return SourceFacts(concerns=(concern,))
    return SourceFacts()
