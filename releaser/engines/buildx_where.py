"""Finds the lines of a Dockerfile that an error is about, for a person who will open it there.

buildx prints the lines around the failed instruction of one target, the failed ones marked, before
its error. They are believed for a Dockerfile that holds them at these numbers; for other targets
that failed in the same solve, the instruction is looked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_LARGEST_DOCKERFILE = 1024 * 1024
_HEADER = re.compile(r"\S.*:\d+")
_RULE = "-" * 20
_SOURCE = re.compile(r" *(\d+) \| ?(>>>|   )? ?(.*)")


@dataclass(frozen=True, slots=True)
class Where:
    """Some lines of a Dockerfile and the instruction there; 0 and empty where nobody knows."""

    dockerfile: str
    instruction: str = ""
    first: int = 0
    last: int = 0

    def __str__(self) -> str:
        """``services/api/Dockerfile:12-14``, relative where it is below the working directory."""
        below = os.path.relpath(self.dockerfile)
        path = self.dockerfile if below.startswith("..") else below
        end = f"-{self.last}" if self.last > self.first else ""
        return f"{path}:{self.first}{end}" if self.first else path


@dataclass(frozen=True, slots=True)
class _Snippet:
    """Lines of a Dockerfile as buildx prints them, by number, and which of them it marks."""

    lines: dict[int, str]
    marked: tuple[int, ...]

    def is_of(self, source: Sequence[str]) -> bool:
        """Whether the Dockerfile holds these lines; one that cannot be read may."""
        return not source or all(source[n - 1 : n] == [text] for n, text in self.lines.items())


def find(dockerfile: str, instruction: str, plain: Sequence[str]) -> Where:
    """Where ``instruction`` (empty: whatever is marked) stands in ``dockerfile``.

    ``plain`` are the lines that buildx printed besides its progress.
    """
    source = _lines(dockerfile)
    for snippet in _snippets(plain):
        if snippet.marked and snippet.is_of(source):
            first, last = snippet.marked[0], snippet.marked[-1]
            written = instruction or _joined(source[first - 1 : last])
            return Where(dockerfile, written, first, last)
    return Where(dockerfile, instruction, *(_look_for(instruction, source) or ()))


def _lines(path: str) -> list[str]:
    try:
        with Path(path).open("rb") as file:
            text = file.read(_LARGEST_DOCKERFILE).decode("utf-8", "replace")
    except (OSError, ValueError):
        return []
    return [line.rstrip() for line in text.split("\n")]


def _snippets(plain: Sequence[str]) -> Iterator[_Snippet]:
    for number, line in enumerate(plain[:-1]):
        if _HEADER.fullmatch(line) and plain[number + 1] == _RULE:
            yield _snippet(plain[number + 2 :])


def _snippet(lines: Sequence[str]) -> _Snippet:
    texts: dict[int, str] = {}
    marked: list[int] = []
    for line in lines:
        match = _SOURCE.fullmatch(line)
        if match is None:
            break
        texts[int(match[1])] = match[3]
        if match[2] == ">>>":
            marked.append(int(match[1]))
    return _Snippet(texts, tuple(marked))


def _look_for(instruction: str, source: Sequence[str]) -> tuple[int, int] | None:
    wanted = _comparable(instruction)
    for start, line in enumerate(source):
        end = start
        while end < len(source) - 1 and _continues(source[end]):
            end += 1
        joined = _joined(source[start : end + 1])
        if wanted and wanted == _comparable(joined) and not _is_comment(line):
            return start + 1, end + 1
    return None


def _continues(line: str) -> bool:
    return line.endswith("\\") or _is_comment(line)


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _joined(lines: Sequence[str]) -> str:
    """An instruction as one line; of one with a here-document, the first line."""
    if lines and "<<" in lines[0]:
        return lines[0].strip()
    parts = [line.strip().removesuffix("\\").strip() for line in lines if not _is_comment(line)]
    return " ".join(part for part in parts if part)


def _comparable(instruction: str) -> str:
    # BuildKit names a here-document "RUN <<EOT (set -e...)", and blanks are not kept.
    head, marker, _ = instruction.partition("<<")
    return " ".join(head.split()) + marker
