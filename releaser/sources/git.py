"""The git checkout that a spec lies in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from releaser.core.facts import Concern, SourceFacts
from releaser.core.git_tags import TagTemplate
from releaser.sources import ci
from releaser.sources.git_checkout import Checkout
from releaser.sources.git_program import GitProgram, NoGitError, NoRepositoryError


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
        try:
            return Checkout(self._git()).facts(template, ci.event(self._environment))
        except NoGitError:
            return _without(self.directory, "there is no git program", "install git")
        except NoRepositoryError as error:
            why = "git does not take it for a repository"
            return _without(self.directory, why, error.args[0])

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
