"""What git says of a checkout, as facts."""

from __future__ import annotations

from dataclasses import dataclass

from releaser.core.facts import Concern, SourceFacts
from releaser.core.git_tags import TagTemplate
from releaser.sources import ci
from releaser.sources.git_filters import without_own_filters
from releaser.sources.git_program import GitProgram, refusal
from releaser.sources.git_urls import public_url

_SHALLOW = Concern(
    "the clone is shallow: tags and commits are missing, so the version may be wrong",
    "fetch all of it: fetch-depth: 0 for actions/checkout, GIT_DEPTH: 0 in GitLab, or "
    "git fetch --unshallow --tags",
)
_NO_TAGS = Concern(
    "the clone has no tags, so versions begin at 0.0.0",
    "fetch them if there are any: fetch-depth: 0 with fetch-tags: true for actions/checkout, or "
    "git fetch --tags",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a repository a folder is: ``prefix`` is its path in the work tree (``a/b/``)."""

    shallow: bool
    inside: bool
    prefix: str


def place(git: GitProgram) -> Place:
    """Where the program's folder is; raises NoRepositoryError where it is in no repository."""
    flags = ("--is-shallow-repository", "--is-inside-work-tree", "--show-prefix")
    answer = git.checked("rev-parse", *flags)
    shallow, inside, prefix = answer.out.removesuffix("\n").split("\n", 2)
    return Place(shallow == "true", inside == "true", prefix)


def head(git: GitProgram) -> tuple[str, int] | None:
    """The commit that is checked out and its time; ``None`` where there is none yet."""
    answer = git.ask("rev-list", "--max-count=1", "--timestamp", "HEAD", "--")
    if answer.status == 0:
        time, commit = answer.out.split()
        return commit, int(time)
    if git.ask("rev-parse", "--quiet", "--verify", "HEAD").status == 1:
        return None
    raise refusal(answer)


def all_tags(git: GitProgram) -> dict[str, str]:
    """All tags, each with the hash of what it names in the end: a commit, mostly."""
    answer = git.ask("show-ref", "--tags", "--dereference")
    if answer.status > 1:
        raise refusal(answer)
    return peeled(answer.out, " refs/tags/")


def peeled(said: str, between: str) -> dict[str, str]:
    """The tags that lines of git name, each with the hash of what it names in the end."""
    found: dict[str, str] = {}
    for line in said.split("\n")[:-1]:
        at, _, name = line.partition(between)
        found[name.removesuffix("^{}")] = at  # what an annotated tag is of follows the tag itself
    return found


class Checkout:
    """The questions to git, and how its answers are read."""

    def __init__(self, git: GitProgram) -> None:
        self._git = git

    def facts(self, template: TagTemplate, said: ci.CiEvent | None) -> SourceFacts:
        """What the checkout says of itself, given what a CI system says of it."""
        where = place(self._git)
        newest = head(self._git)
        if newest is None:
            return SourceFacts()
        commit, time = newest
        at = self._commits_of_tags()
        past = sorted(at.keys() & set(self._tags(f"--merged={commit}")))
        highest = None if template.is_per_image else template.highest(past)
        last = highest[0] if highest else None
        everything = tuple(sorted(at))
        believed = said.facts if said and said.is_about(commit) else None
        branch, concerns = ci.branch(self._branch(), commit, said)
        missing = (_SHALLOW,) if where.shallow else ()
        if believed and not everything and not where.shallow:
            missing = (_NO_TAGS,)
        return SourceFacts(
            commit=commit,
            branch=branch,
            tags=tuple(sorted(name for name, one in at.items() if one == commit)),
            last_tag=last,
            distance=self._distance(commit, last),
            changes=self._changes(where.prefix) if where.inside else (),
            shallow=where.shallow,
            remote=self.remote(),
            commit_time=time,
            concerns=(*concerns, *missing),
            event=believed,
            default_branch=self._default_branch(),
            past_tags=tuple(past),
            all_tags=everything,
        )

    def _commits_of_tags(self) -> dict[str, str]:
        """All tags that name a commit in the end, with it: a tag may be of a tag, or of a file."""
        found = all_tags(self._git)
        given = "".join(f"{at}\n" for at in found.values()).encode()
        said = self._git.checked("cat-file", "--batch-check=%(objecttype)", given=given).out
        kinds = dict(zip(found, said.split("\n"), strict=False))
        return {name: at for name, at in found.items() if kinds[name] == "commit"}

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
        answer = self._git.checked(
            *without_own_filters(self._git),
            "status", "--porcelain", "-z", "--untracked-files=no", "--no-renames",
            "--ignore-submodules=untracked", "--", ".",
        )  # fmt: skip
        paths = (entry[3:] for entry in answer.out.split("\0") if entry)
        return tuple(sorted(path.removeprefix(prefix) for path in paths))

    def remote(self) -> str | None:
        """The URL of ``origin``, else of the first remote, with no login in it."""
        answer = self._git.ask("config", "--null", "--get-regexp", r"^remote\..*\.url$")
        found: dict[str, str] = {}
        for pair in filter(None, answer.out.split("\0")):
            key, _, url = pair.partition("\n")
            found.setdefault(key, url)
        name = "remote.origin.url" if "remote.origin.url" in found else min(found, default="")
        return public_url(found[name]) if name else None

    def _lines(self, *arguments: str) -> list[str]:
        return self._git.checked(*arguments).out.split("\n")[:-1]
