"""Writes git tags, and pushes them: all of them or none."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, suppress

from releaser.errors import PlanError, SetupError
from releaser.sources.git_checkout import all_tags, head, peeled
from releaser.sources.git_program import Answer, GitProgram
from releaser.sources.git_urls import public_text

PUSH_TIMEOUT = 120.0
"""Seconds that a push may take, and a signature, which a person may have to confirm."""

_SHOWN = 8
"""How many of git's last lines an error shows."""

_EXISTS = re.compile(r"!\t[^\t]*:refs/tags/([^\t]+)\t\[(?:remote )?rejected\] \(.*already exists")


class TagWriting:
    """Writes tags in one repository, with the user's own identity, hooks and logins."""

    def __init__(self, git: GitProgram) -> None:
        self._git = git

    def write(self, tags: Mapping[str, str], *, push: bool) -> tuple[str, ...]:
        """Write annotated tags at HEAD, each name with its message; see :class:`GitSource`.

        Raises:
            NoGitError, NoRepositoryError: as for :class:`GitProgram`.
            PlanError: one of them exists already, at another commit here or at the remote.
            SetupError: there is no commit, no identity, no remote, or git refuses.
        """
        newest = head(self._git)
        if newest is None:
            raise SetupError("there is no commit to write git tags at")
        new = self._new(tags, newest[0])
        remote = self._remote() if push and tags else None
        if new:
            self._check_identity()
        created: list[str] = []
        with ExitStack() as undo:
            undo.callback(self._delete, created)
            for name in new:
                created.append(name)  # before: what is interrupted may be written
                try:
                    self._create(name, tags[name], newest[0])
                except SetupError:
                    created.remove(name)
                    raise
            pushed = self._lacking(remote, tags, created, newest[0]) if remote else []
            if remote and pushed:
                self._push(remote, pushed)
            undo.pop_all()
        return tuple(pushed if push else created)

    def _lacking(
        self, remote: str, tags: Collection[str], created: Collection[str], commit: str
    ) -> list[str]:
        """Those of ``tags`` that were written now, or that the remote has not at ``commit``."""
        said = self._git.write("ls-remote", "--tags", "--", remote, timeout=PUSH_TIMEOUT)
        there = peeled(said.out, "\trefs/tags/") if said.status == 0 else {}
        return [name for name in tags if name in created or there.get(name) != commit]

    def _new(self, tags: Collection[str], commit: str) -> list[str]:
        """Those of ``tags`` that do not exist; raises PlanError where one is at another commit."""
        known = all_tags(self._git)
        for name in tags:
            if known.get(name, commit) != commit:
                raise PlanError(
                    f'git tag "{name}" exists already, at another commit',
                    details=(("there", known[name]), ("checked out", commit)),
                    hint="release another version, or check out the commit of the tag",
                )
        return [name for name in tags if name not in known]

    def _remote(self) -> str:
        names = self._git.checked("remote").out.splitlines()
        if "origin" in names:
            return "origin"
        if len(names) == 1:
            return names[0]
        found = ", ".join(names) or "none"
        raise SetupError(
            "there is no remote to push git tags to: neither one of the name origin, nor only one",
            details=(("remotes", found),),
            hint="git remote add origin URL",
        )

    def _check_identity(self) -> None:
        if self._git.ask("var", "GIT_COMMITTER_IDENT").status != 0:
            raise SetupError(
                "git does not know who writes the tags",
                hint='git config user.name "Your Name" && git config user.email you@example.com',
            )

    def _create(self, name: str, message: str, commit: str) -> None:
        # Lines that begin with # belong to a message: it may be a change log.
        command = ("tag", "--annotate", "--cleanup=whitespace", "--file=-", "--", name, commit)
        given = message.encode(errors="backslashreplace")
        answer = self._git.write(*command, given=given, timeout=PUSH_TIMEOUT)
        if answer.status != 0:
            raise SetupError(
                f'git refuses to write tag "{name}"',
                details=_shown(answer),
                hint=f"try it by hand: git tag --annotate {name}",
            )

    def _delete(self, names: Sequence[str]) -> None:
        with suppress(SetupError):  # what went wrong before is said instead
            if names:
                self._git.write("tag", "--delete", "--", *names)

    def _push(self, remote: str, tags: Collection[str]) -> None:
        """Push ``tags`` in one transaction; one alone needs no server that knows transactions."""
        refs = [f"refs/tags/{name}" for name in tags]
        atomic = ("--atomic",) if len(refs) > 1 else ()
        command = ("push", "--porcelain", "--no-follow-tags", *atomic, "--", remote, *refs)
        try:
            answer = self._git.write(*command, timeout=PUSH_TIMEOUT)
        except SetupError as error:
            hint = f"it is not known whether they were pushed: git ls-remote --tags {remote}"
            raise SetupError(error.message, details=error.details, hint=hint) from None
        if answer.status == 0:
            return
        taken = next(filter(None, map(_EXISTS.match, answer.out.splitlines())), None)
        if taken:
            raise PlanError(
                f'git tag "{taken[1]}" exists already at the remote "{remote}"',
                hint=f"git fetch {remote} --tags, and plan again",
            )
        urls = self._git.ask("remote", "get-url", "--push", "--all", remote).out.split("\n")
        raise SetupError(
            f'git cannot push tags to the remote "{remote}": none is written',
            details=_shown(answer, urls),
            hint=f"try it by hand: git push --dry-run {remote} HEAD:refs/tags/NAME",
        )


def _shown(answer: Answer, urls: Collection[str] = ()) -> tuple[tuple[str, str], ...]:
    """The last lines of what git said, without credentials."""
    lines = [line for line in answer.err.splitlines() if line.strip()]
    shown = public_text("\n".join(lines), [url for url in urls if url])
    return tuple(("git", line.strip()) for line in shown.split("\n")[-_SHOWN:])
