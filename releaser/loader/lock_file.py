"""``images.lock`` beside ``images.yaml``: where it is, how it is read, and how it is written."""

from __future__ import annotations

import json
import re
from pathlib import Path

from releaser.core.lock import VERSION, Lock, parse
from releaser.errors import Location, SpecError
from releaser.loader.complaints import from_problems, together
from releaser.loader.files import read_spec
from releaser.loader.yaml_text import decode, lines
from releaser.loader.yaml_tree import List, Map, Node, Null, Text
from releaser.loader.yaml_tree import parse as parse_yaml

SUFFIX = ".lock"
_REMEDY = "put it right, or remove it and run releaser lock"
_HEADER = """\
# The digests that base images are pinned to. Written by "releaser lock"; keep it in git.
# "releaser lock --check" tells what has moved since, "releaser lock --update" follows.
"""
_CONFLICT = re.compile(r"(<{7}|={7}|>{7})( |$)")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._/:-]*")


def lock_path(spec: Path) -> Path:
    """Where the lock of a spec file is.

    Raises:
        SpecError: the spec would be its own lock.
    """
    path = spec.with_suffix(SUFFIX)
    if path == spec:
        raise SpecError(f'"{spec}" is the name of a lock', hint="call the spec images.yaml")
    return path


def read_lock(path: Path, shown: str) -> Lock | None:
    """The lock in a file, ``None`` where there is none; ``shown`` is what complaints call it.

    Raises:
        SpecError: it cannot be read, or something is wrong with it: all complaints at once.
    """
    if not path.exists() and not path.is_symlink():
        return None
    try:
        content = read_spec(path)
    except SpecError as error:
        raise SpecError(error.message, at=error.at, hint=_REMEDY) from None
    return load_lock(content, shown)


def load_lock(content: bytes, file: str) -> Lock:
    """The lock in ``content``.

    Raises:
        SpecError: something is wrong with it; all complaints at once, in the file's order.
    """
    text = decode(content, file)
    _check_merged(text, file)
    node, complaints = parse_yaml(text, file)
    if not isinstance(node, Map):
        at = Location(file, node.line, node.column) if node else Location(file, 1, 1)
        raise SpecError("a lock must be a map", at=at, hint=_REMEDY)
    lock, problems = parse({key: _plain(entry.value) for key, entry in node.entries.items()})
    found = [*complaints, *from_problems(problems, node, file)]
    if found:
        raise together(found, file)
    return lock


def _check_merged(text: str, file: str) -> None:
    for number, line in enumerate(lines(text), 1):
        if _CONFLICT.match(line):
            raise SpecError(
                "the file holds a conflict of a merge",
                at=Location(file, number, 1),
                hint="take either side, then run releaser lock",
            )


def _plain(node: Node) -> object:
    match node:
        case Text():
            return node.value
        case List():
            return [_plain(item) for item in node.items]
        case Map():
            return {key: _plain(entry.value) for key, entry in node.entries.items()}
        case Null():
            return None


def lock_text(lock: Lock) -> str:
    """The text of a lock file: one entry below the other by name, the same for the same lock."""
    lines = [f"version: {VERSION}", "bases:" if lock.entries else "bases: {}"]
    for name, one in sorted(lock.entries.items()):
        lines.append(f"  {name if _PLAIN.fullmatch(name) else json.dumps(name)}:")
        lines.append(f"    digest: {one.digest}")
        lines.append(f"    platforms: [{', '.join(sorted(map(str, one.platforms)))}]")
        lines.append(f"    date: {one.date}")
    return _HEADER + "\n".join(lines) + "\n"
