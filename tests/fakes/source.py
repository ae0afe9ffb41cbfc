"""A source repository that says what a test wants it to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from releaser.core.facts import SourceFacts
from releaser.core.git_tags import TagTemplate
from releaser.core.history import History
from releaser.errors import PlanError, SetupError


class FixedSource:
    """Says ``facts``; a ``last_tag`` that names no version under the template is left out.

    ``files`` are those of commits, by revision and path; ``<hash>^`` is the first parent in any
    spelling. ``apart`` are the paths in which HEAD differs from a commit, where they are others
    than those that commits changed since. ``asked`` are the templates that it was asked with,
    ``written`` the tags that it was told to write, ``pushed`` those of them that it was told to
    push.
    """

    def __init__(
        self,
        facts: SourceFacts | None = None,
        history: History | None = None,
        files: Mapping[tuple[str, str], bytes] | None = None,
        apart: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.fixed = facts or SourceFacts()
        self.fixed_history = history or History()
        self.files = dict(files or {})
        self.apart = dict(apart or {})
        self.asked: list[TagTemplate] = []
        self.written: dict[str, str] = {}
        self.pushed: list[str] = []

    def facts(self, template: TagTemplate) -> SourceFacts:
        self.asked.append(template)
        last = self.fixed.last_tag
        if last is not None and template.version(last) is None:
            return replace(self.fixed, last_tag=None)
        return self.fixed

    def history(self, since: Sequence[str]) -> History:
        everything = self.fixed_history
        if not since:
            return everything
        lacked = {one.sha for tag in since for one in everything.since(tag)}
        return History(
            tuple(one for one in everything.commits if one.sha in lacked),
            {
                name: commit
                for name, commit in everything.tags.items()
                if commit in lacked or name in since
            },
            everything.beside,
        )

    def differences(self, commits: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        if self.fixed.commit is None:
            return {}
        return {
            commit: tuple(
                sorted(self.apart[commit] if commit in self.apart else self._since(commit))
            )
            for commit in commits
        }

    def _since(self, commit: str) -> set[str]:
        everything = replace(self.fixed_history, tags={"": commit})
        return {path for one in everything.since("") for path in one.paths}

    def files_at(self, revisions: Sequence[str], path: str) -> tuple[bytes | None, ...]:
        return tuple(self._file_at(one, path) for one in revisions)

    def _file_at(self, revision: str, path: str) -> bytes | None:
        below = [
            f"{one.sha}^" for one in self.fixed_history.commits if one.parents[:1] == (revision,)
        ]
        found = (self.files.get((one, path)) for one in (revision, *below))
        return next((text for text in found if text is not None), None)

    def write_tags(self, tags: Mapping[str, str], *, push: bool) -> tuple[str, ...]:
        elsewhere = {*self.fixed.all_tags, *self.fixed.past_tags} - {*self.fixed.tags}
        taken = [name for name in tags if name in elsewhere]
        if taken:
            raise PlanError(f'git tag "{taken[0]}" exists already, at another commit')
        if self.fixed.commit is None:
            raise SetupError("there is no commit to write git tags at")
        known = {*self.fixed.tags, *self.written}
        new = {name: message for name, message in tags.items() if name not in known}
        self.written.update(new)
        lacking = [name for name in tags if push and name not in self.pushed]
        self.pushed.extend(lacking)
        return tuple(lacking if push else new)
