"""Reads commits, and files of commits, from git."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from releaser.core.history import Commit, History
from releaser.errors import InternalError, SetupError
from releaser.sources.git_checkout import all_tags, head, place
from releaser.sources.git_program import GitProgram, refusal

MAX_FILE = 16 << 20
_MARK = re.compile(r"\n?[A-Z]*")
"""What git writes in front of a path: a letter for each parent, after a line break where it is a
commit's first. Of a merge the first mark has an empty field in front of it instead, and with no
path that field stands alone. A hash has no such letter."""

_BLOB = re.compile(rb"([0-9a-f]+) blob ([0-9]+)")
_NO_FILE = re.compile(rb"(?:dangling|loop|notdir|symlink) ([0-9]+)")
_CHUNK = 64 << 20
"""How much of files is read at once, where they are many."""
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


def read_files(git: GitProgram, revisions: Sequence[str], path: str) -> tuple[bytes | None, ...]:
    """A file of each commit, its path as seen from the program's folder; ``None``: there is none.

    Raises:
        NoGitError, NoRepositoryError: as for :class:`GitProgram`.
        SetupError: the same, and where the file is larger than 16 MiB or not in this clone.
        InternalError: a revision is neither a commit's hash nor one with ``^``.
    """
    for revision in revisions:
        _check_revision(revision)
    inside = posixpath.normpath(place(git).prefix + path)
    if inside.startswith(("/", "../")) or inside in {".", ".."} or re.search(r"[\n\0]", inside):
        return (None,) * len(revisions)
    blobs = list(_blobs(git, revisions, inside))
    contents = _contents(git, {blob.sha: blob.size for blob in blobs if blob})
    return tuple(contents[blob.sha] if blob else None for blob in blobs)


def _check_revision(revision: str) -> None:
    if not _REVISION.fullmatch(revision):
        raise InternalError(f'"{revision}" is no commit\'s hash')


@dataclass(frozen=True, slots=True)
class _Blob:
    """A file's content by its hash, and its size."""

    sha: str
    size: int


def _blobs(git: GitProgram, revisions: Sequence[str], path: str) -> Iterator[_Blob | None]:
    """What is at ``path`` in each commit, symbolic links followed; ``None`` where it is no file."""
    given = "".join(f"{one}:{path}\n" for one in revisions).encode(errors="surrogateescape")
    said = git.checked("cat-file", "--batch-check", "--follow-symlinks", given=given).content
    at = 0
    for revision in revisions:
        end = said.index(b"\n", at)
        header, at = said[at:end], end + 1
        blob, led = _BLOB.fullmatch(header), _NO_FILE.fullmatch(header)
        # Where a link leads to no file, what it says follows on lines of its own.
        at += int(led[1]) + 1 if led else 0
        if header.endswith(b" missing"):
            _check_absent(git, revision, path)
        if blob and int(blob[2]) > MAX_FILE:
            raise SetupError(f'"{revision}:{path}" is larger than {MAX_FILE >> 20} MiB')
        yield _Blob(blob[1].decode(), int(blob[2])) if blob else None


def _contents(git: GitProgram, sizes: Mapping[str, int]) -> dict[str, bytes]:
    """The content of each blob; ``sizes`` are theirs."""
    found: dict[str, bytes] = {}
    some: list[str] = []
    for sha, size in sizes.items():
        if some and sum(sizes[one] for one in some) + size > _CHUNK:
            found.update(_read(git, some))
            some = []
        some.append(sha)
    return {**found, **dict(_read(git, some))}


def _read(git: GitProgram, blobs: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    if not blobs:
        return
    said = git.checked("cat-file", "--batch", given="".join(f"{one}\n" for one in blobs).encode())
    at = 0
    for sha in blobs:
        end = said.content.index(b"\n", at)
        header = _BLOB.fullmatch(said.content[at:end])
        if header is None:
            raise SetupError(f'git cannot read the file "{sha}"', hint="git fsck says more")
        at = end + 1 + int(header[2])
        yield sha, said.content[end + 1 : at]
        at += 1


def _check_absent(git: GitProgram, revision: str, path: str) -> None:
    """Raise where the commit has the file, and only its content is not here."""
    command = ("--literal-pathspecs", "ls-tree", "--full-tree", revision, "--", path)
    if " blob " in git.ask(*command).out.partition("\t")[0]:
        raise SetupError(
            f'the clone lacks the content of "{revision}:{path}"',
            hint="it is a partial clone: clone without --filter, or git fetch --refetch",
        )


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
