"""Hashes of what files hold, each file read once however many images use it.

Bytes are hashed, never git object ids: what a build sees is the file on disk, after checkout
filters and large-file smudging.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from releaser.sources.tree import Entry, Tree, unreadable

CHUNK = 1 << 18
THREADS = min(4, os.cpu_count() or 1)
LARGE = 32 * 1024
"""Below this a thread costs more than it gains: opening and closing hold the interpreter's lock."""
WORTH_A_POOL = 8 << 20

_Key = tuple[str, str, int, int, int, int]


class Hasher:
    """Remembers the hash of each file by path, size, time of change and inode."""

    def __init__(self) -> None:
        self._known: dict[_Key, str] = {}

    def digests(self, tree: Tree, entries: Iterable[Entry]) -> dict[str, str]:
        """The hexadecimal SHA-256 by path: of a file's bytes or a link's target; "" of a folder.

        Raises:
            SpecError: a file cannot be read.
        """
        found: dict[str, str] = {}
        wanted: list[Entry] = []
        for entry in entries:
            known = "" if entry.kind == "directory" else self._known.get(_key(tree, entry))
            if known is None:
                wanted.append(entry)
            else:
                found[entry.path] = known
        for entry, digest in _hash_all(tree, wanted):
            found[entry.path] = self._known[_key(tree, entry)] = digest
        return found


def _key(tree: Tree, entry: Entry) -> _Key:
    return (tree.root, entry.path, entry.size, entry.modified, entry.inode, entry.device)


def _hash_all(tree: Tree, entries: list[Entry]) -> list[tuple[Entry, str]]:
    large = [entry for entry in entries if entry.kind == "file" and entry.size >= LARGE]
    if THREADS == 1 or sum(entry.size for entry in large) < WORTH_A_POOL:
        return [(entry, _hash(tree, entry)) for entry in entries]
    chosen = set(large)
    small = [entry for entry in entries if entry not in chosen]
    with ThreadPoolExecutor(THREADS) as pool:
        hashes = pool.map(lambda entry: _hash(tree, entry), large)
        found = [(entry, _hash(tree, entry)) for entry in small]
        return [*found, *zip(large, hashes, strict=True)]


def _hash(tree: Tree, entry: Entry) -> str:
    if entry.kind == "file":
        return _hash_file(tree, entry.path)
    content = tree.target(entry.path) if entry.kind == "symlink" else _special(tree, entry)
    return hashlib.sha256(os.fsencode(content)).hexdigest()


def _hash_file(tree: Tree, path: str) -> str:
    """The hash of a file's bytes.

    It may have become a link or a FIFO since it was listed: neither is followed or waited for.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        handle = os.open(tree.absolute(path), flags)
        try:
            return _hash_handle(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise unreadable(tree.root, path, error) from None


def _hash_handle(handle: int) -> str:
    data = os.read(handle, CHUNK)
    digest = hashlib.sha256(data)
    while data:
        data = os.read(handle, CHUNK)
        digest.update(data)
    return digest.hexdigest()


def _special(tree: Tree, entry: Entry) -> str:
    """What stands for the content of a file that is not read.

    BuildKit copies a FIFO as a FIFO, a device as that device, and a socket as an empty file.
    """
    try:
        found = os.lstat(tree.absolute(entry.path))
    except OSError as error:
        raise unreadable(tree.root, entry.path, error) from None
    if stat.S_ISSOCK(found.st_mode):
        return ""
    if stat.S_ISFIFO(found.st_mode):
        return "fifo"
    return f"device {os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
