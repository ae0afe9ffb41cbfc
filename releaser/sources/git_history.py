"""Reads commits, and files of commits, from git."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence

from releaser.core.history import Commit, History
from releaser.errors import InternalError, SetupError
from releaser.sources.git_checkout import all_tags, head, place
from releaser.sources.git_program import GitProgram, TooMuchError, refusal

MAX_FILE = 16 << 20
_HEADER = 1 << 10
"""More than git writes around a file."""

_MARK = re.compile(r"\n?[A-Z]*")
"""What git writes in front of a path: a letter for each parent, after a line break where it is a
commit's first. Of a merge the first mark has an empty field in front of it instead, and with no
path that field stands alone. A hash has no such letter."""

_BLOB = re.compile(rb"[0-9a-f]+ blob ([0-9]+)")
_REVISION = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\^?")
_PLAIN = ("-c", "log.showSignature=false", "-c", "log.showRoot=true", "-c", "diff.relative=false")
"""Settings of people's own that would add to the log or leave something out of it."""

_LOG = (
    *_PLAIN, "log", "--topo-order", "-z", "-c", "--name-status", "--no-renames", "--no-ext-diff",
    "--ignore-submodules=none", "--no-color", "--no-notes", "--encoding=UTF-8",
    "--format=%H%x00%P%x00%ct%x00%B",
)  # fmt: skip


_DIFFERENCES = (
    *_PLAIN, "diff-tree", "--stdin", "-r", "-z", "--always", "--name-status", "--no-renames",
    "--no-ext-diff", "--ignore-submodules=none",
)  # fmt: skip
_AT_ONCE = 64
"""Differences that one command is asked for: each may name all files."""


def read_history(git: GitProgram, since: Sequence[str]) -> History:
    """The commits of HEAD's history that any of the tags ``since`` lacks, and its tags.

    Raises:
        NoGitError, NoRepositoryError, SetupError: as for :class:`GitProgram`.
        InternalError: there is no such tag.
    """
    where, newest = place(git), head(git)
    if newest is None:
        return History()
    tags = all_tags(git)
    unknown = [name for name in since if name not in tags]
    if unknown:
        raise InternalError(f'there is no git tag "{unknown[0]}"')
    starts = list(dict.fromkeys(tags[name] for name in since))
    shared = [f"^{commit}" for commit in _shared(git, starts)]
    log = git.checked(*_LOG, newest[0], *shared, "--").out
    commits = tuple(_commits(log, _view(where.prefix)))
    here, asked = {one.sha for one in commits}, frozenset(since)
    return History(
        commits,
        {name: at for name, at in tags.items() if at in here or name in asked},
        _beside(git, newest[0], [start for start in starts if start not in here]),
    )


def read_differences(
    git: GitProgram, commits: Sequence[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each of ``commits`` with the paths in which HEAD differs from it; nothing without a commit.

    Raises:
        NoGitError, NoRepositoryError, SetupError: as for :class:`GitProgram`.
        InternalError: one of them is no commit's hash.
    """
    for commit in commits:
        _check_revision(commit)
    where, newest = place(git), head(git)
    if newest is None:
        return
    for start in range(0, len(commits), _AT_ONCE):
        some = commits[start : start + _AT_ONCE]
        # Each line is a commit, and what is taken for its parent.
        given = "".join(f"{newest[0]} {commit}\n" for commit in some)
        said = git.checked(*_DIFFERENCES, given=given.encode()).out
        yield from zip(some, _differences(said, _view(where.prefix)), strict=True)


def read_file(git: GitProgram, revision: str, path: str) -> bytes | None:
    """A file of a commit, its path as seen from the program's folder; ``None``: there is none.

    Raises:
        NoGitError, NoRepositoryError: as for :class:`GitProgram`.
        SetupError: the same, and where the file is larger than 16 MiB or not in this clone.
        InternalError: ``revision`` is neither a commit's hash nor one with ``^``.
    """
    _check_revision(revision)
    inside = posixpath.normpath(place(git).prefix + path)
    if inside.startswith(("/", "../")) or inside in {".", ".."} or re.search(r"[\n\0]", inside):
        return None
    return _content(git, revision, inside)


def _check_revision(revision: str) -> None:
    if not _REVISION.fullmatch(revision):
        raise InternalError(f'"{revision}" is no commit\'s hash')


def _content(git: GitProgram, revision: str, path: str) -> bytes | None:
    """The bytes of the file at ``path`` in a commit; ``None`` where it is no file."""
    name = f"{revision}:{path}"
    given = name.encode(errors="surrogateescape") + b"\n"
    command = ("cat-file", "--batch", "--follow-symlinks")
    try:
        answer = git.ask(*command, given=given, most=MAX_FILE + _HEADER)
    except TooMuchError:
        raise _too_large(name) from None
    if answer.status != 0:
        raise refusal(answer)
    header, _, content = answer.content.partition(b"\n")
    if header.endswith(b" missing"):
        _check_absent(git, revision, path)
    blob = _BLOB.fullmatch(header)
    size = int(blob[1]) if blob else 0
    if size > MAX_FILE:
        raise _too_large(name)
    return content[:size] if blob else None


def _check_absent(git: GitProgram, revision: str, path: str) -> None:
    """Raise where the commit has the file, and only its content is not here."""
    command = ("--literal-pathspecs", "ls-tree", "--full-tree", revision, "--", path)
    if " blob " in git.ask(*command).out.partition("\t")[0]:
        raise SetupError(
            f'the clone lacks the content of "{revision}:{path}"',
            hint="it is a partial clone: clone without --filter, or git fetch --refetch",
        )


def _too_large(name: str) -> SetupError:
    return SetupError(f'"{name}" is larger than {MAX_FILE >> 20} MiB')


def _shared(git: GitProgram, starts: Sequence[str]) -> list[str]:
    """The newest commits that all of ``starts`` descend from, themselves included."""
    if len(starts) < 2:
        return list(starts)
    # From the newest on, so that each step is a short one.
    ordered = git.checked("rev-list", "--no-walk=sorted", *starts, "--").out.split()
    answer = git.ask("merge-base", "--octopus", "--all", *ordered)
    if answer.status > 1:
        raise refusal(answer)
    return answer.out.split()


def _beside(git: GitProgram, newest: str, starts: Sequence[str]) -> tuple[Commit, ...]:
    """The commits that ``starts`` have and ``newest`` has not, by hashes and parents alone."""
    if not starts:
        return ()
    walk = ("rev-list", "--topo-order", "--parents")
    lines = git.checked(*walk, *starts, f"^{newest}", "--").out.splitlines()
    return tuple(Commit(sha, tuple(parents)) for sha, *parents in map(str.split, lines))


def _commits(log: str, seen: Callable[[str], str]) -> Iterator[Commit]:
    """The commits of a log: four fields each, then a mark and a path for each change."""
    fields = log.split("\0")
    at, end = 0, len(fields) - 1
    while at < end:
        sha, parents, time, message = fields[at : at + 4]
        at += 4
        paths: list[str] = []
        while at < end and _MARK.fullmatch(fields[at]):
            if fields[at]:
                paths.append(seen(fields[at + 1]))
            at += 2 if fields[at] else 1
        found = tuple(sorted(paths))
        yield Commit(sha, tuple(parents.split()), int(time), message.strip(), found)


def _differences(said: str, seen: Callable[[str], str]) -> Iterator[tuple[str, ...]]:
    """The paths of each difference: a hash, then a mark and a path for each."""
    fields = said.split("\0")
    at, end = 0, len(fields) - 1
    while at < end:
        at += 1
        paths: list[str] = []
        while at < end and _MARK.fullmatch(fields[at]):
            paths.append(seen(fields[at + 1]))
            at += 2
        yield tuple(sorted(paths))


def _view(prefix: str) -> Callable[[str], str]:
    """How paths are seen from the folder ``prefix`` of the repository."""
    parts = prefix.split("/")[:-1]
    folders = ["".join(f"{part}/" for part in parts[:depth]) for depth in range(len(parts), -1, -1)]
    ways = [(folder, "../" * up) for up, folder in enumerate(folders)]

    def seen(path: str) -> str:
        return next(up + path[len(folder) :] for folder, up in ways if path.startswith(folder))

    return seen
