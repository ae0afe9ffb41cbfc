"""What git says of the checkout that a spec lies in."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from releaser.core.facts import Concern, EventFacts, SourceFacts
from releaser.core.git_tags import TagTemplate
from releaser.errors import SetupError
from releaser.sources import ci
from releaser.sources.ci_event import event_facts
from releaser.sources.git_program import Answer, GitProgram, NoGitError

_USERINFO = re.compile(r"(?<=://)[^/?#]*@")
_HOST = re.compile(r"[^:@]*(?::[0-9]*)?|\[[^\]@]*\](?::[0-9]*)?")


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
        here = Path(self.directory).resolve()
        if not any(map(_is_repository, (here, *here.parents))):
            return SourceFacts()  # git would say so too, after a long import
        try:
            checkout = _Checkout(GitProgram(self.directory, self._environment))
            said, about = ci.event(self._environment), event_facts(self._environment)
            return checkout.facts(template, said, about)
        except NoGitError:
            return _without(self.directory, "there is no git program", "install git")
        except _NoRepositoryError as error:
            why = "git does not take it for a repository"
            return _without(self.directory, why, error.args[0])


def _is_repository(folder: Path) -> bool:
    """Whether git might take ``folder`` for a checkout, or for a repository without one."""
    return (folder / ".git").exists() or (folder / "objects").is_dir()


class _NoRepositoryError(Exception):
    """Git says that there is no repository; the argument is its own words."""


class _Checkout:
    """The questions to git, and how its answers are read."""

    def __init__(self, git: GitProgram) -> None:
        self._git = git

    def facts(
        self, template: TagTemplate, said: ci.CiEvent | None, about: EventFacts | None
    ) -> SourceFacts:
        shallow, inside, prefix = self._kind()
        newest = self._newest()
        if newest is None:
            return SourceFacts()
        commit, time = newest
        past = sorted(self._tags(f"--merged={commit}"))
        highest = None if template.is_per_image else template.highest(past)
        last = highest[0] if highest else None
        if said and about and about.head_sha == commit:
            said = replace(said, commit=commit)  # a request's own commit, and not its merge
        believed = said is not None and said.commit in {None, commit}
        branch, concerns = ci.branch(self._branch(), commit, said)
        return SourceFacts(
            commit=commit,
            branch=branch,
            tags=tuple(sorted(self._tags(f"--points-at={commit}"))),
            last_tag=last,
            distance=self._distance(commit, last),
            changes=self._changes(prefix) if inside else (),
            shallow=shallow,
            remote=self._remote(),
            commit_time=time,
            concerns=(*concerns, *((_SHALLOW,) if shallow else ())),
            event=about if believed else None,
            default_branch=self._default_branch(),
            past_tags=tuple(past),
            all_tags=tuple(sorted(self._tags())),
        )

    def _kind(self) -> tuple[bool, bool, str]:
        """Whether the clone is shallow, whether there is a work tree, the folder's path in it."""
        flags = ("--is-shallow-repository", "--is-inside-work-tree", "--show-prefix")
        answer = self._git.ask("rev-parse", *flags)
        if answer.status != 0:
            raise _refusal(answer)
        shallow, inside, prefix = answer.out.removesuffix("\n").split("\n", 2)
        return shallow == "true", inside == "true", prefix

    def _newest(self) -> tuple[str, int] | None:
        answer = self._git.ask("rev-list", "--max-count=1", "--timestamp", "HEAD", "--")
        if answer.status == 0:
            time, commit = answer.out.split()
            return commit, int(time)
        if self._git.ask("rev-parse", "--quiet", "--verify", "HEAD").status == 1:
            return None
        raise _refusal(answer)

    def _branch(self) -> str | None:
        answer = self._git.ask("symbolic-ref", "--quiet", "HEAD")
        return answer.out.strip().removeprefix("refs/heads/") or None

    def _default_branch(self) -> str | None:
        """The branch that the remote calls its head, as it was when the repository was cloned."""
        answer = self._git.ask("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
        return answer.out.strip().removeprefix("refs/remotes/origin/") or None

    def _tags(self, *which: str) -> list[str]:
        return self._lines("for-each-ref", *which, "--format=%(refname:strip=2)", "refs/tags")

    def _distance(self, commit: str, last: str | None) -> int:
        since = (f"^refs/tags/{last}",) if last else ()
        (count,) = self._lines("rev-list", "--count", commit, *since, "--")
        return int(count)

    def _changes(self, prefix: str) -> tuple[str, ...]:
        answer = self._checked(
            "status", "--porcelain", "-z", "--untracked-files=no", "--no-renames",
            "--ignore-submodules=untracked", "--", ".",
        )  # fmt: skip
        paths = (entry[3:] for entry in answer.out.split("\0") if entry)
        return tuple(sorted(path.removeprefix(prefix) for path in paths))

    def _remote(self) -> str | None:
        answer = self._git.ask("config", "--null", "--get-regexp", r"^remote\..*\.url$")
        found: dict[str, str] = {}
        for pair in filter(None, answer.out.split("\0")):
            key, _, url = pair.partition("\n")
            found.setdefault(key, url)
        name = "remote.origin.url" if "remote.origin.url" in found else min(found, default="")
        return public_url(found[name]) if name else None

    def _lines(self, *arguments: str) -> list[str]:
        return self._checked(*arguments).out.splitlines()

    def _checked(self, *arguments: str) -> Answer:
        answer = self._git.ask(*arguments)
        if answer.status != 0:
            raise _refusal(answer)
        return answer


_SHALLOW = Concern(
    "the clone is shallow: tags and commits are missing, so the version may be wrong",
    "fetch all of it: fetch-depth: 0 for actions/checkout, GIT_DEPTH: 0 in GitLab, or "
    "git fetch --unshallow --tags",
)


def public_url(url: str) -> str | None:
    """A remote's URL without user, password, query and fragment; ``None`` where it is malformed."""
    if len(url) > 2048 or not url.isprintable():
        return None
    if "://" not in url:
        head, slash, rest = url.partition("/")
        return head.rpartition("@")[2] + slash + rest
    plain = re.split(r"[?#]", _USERINFO.sub("", url), maxsplit=1)[0]
    host = plain.partition("://")[2].partition("/")[0]
    return plain if _HOST.fullmatch(host) else None


def _refusal(answer: Answer) -> Exception:
    """What a failed command means."""
    lines = [line.strip() for line in answer.err.splitlines() if line.strip()]
    message = next((line for line in lines if line.startswith("fatal:")), "".join(lines[:1]))
    if "not a git repository" in answer.err:
        return _NoRepositoryError(message.removeprefix("fatal: "))
    fix = next((line for line in lines if line.startswith("git config --global --add")), None)
    if fix or "unsafe repository" in answer.err:
        return SetupError(
            "git refuses the repository: its folder belongs to another user",
            details=(("git", message.removeprefix("fatal: ")),),
            hint=fix or "git config --global --add safe.directory FOLDER",
        )
    return SetupError(
        "git cannot read the repository",
        details=(("git", message.removeprefix("fatal: ")[:500]),),
        hint="run git status there to see more",
    )


def _without(directory: str, why: str, hint: str) -> SourceFacts:
    """No facts; and a concern where something looks like a repository nevertheless."""
    folder = Path(directory).resolve()
    for one in (folder, *folder.parents):
        if (one / ".git").exists():
            concern = Concern(f'"{one}" looks like a git checkout, but {why}', hint)
            return SourceFacts(concerns=(concern,))
    return SourceFacts()
