"""The small parts of a rule's text: lines, fields between commas, and names that are mistaken."""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterable, Iterator

from releaser.errors import SpecError

MAX_LINE = 4096


def lines_of(text: str) -> tuple[str, ...]:
    """The rules of a block of lines; empty ones and those that begin with ``#`` say nothing."""
    return tuple(line for _, line in line_starts(text))


def line_starts(text: str) -> Iterator[tuple[int, str]]:
    """The rules of a block as :func:`lines_of` has them, each with where it begins in it."""
    offset = 0
    for line in text.splitlines(keepends=True):
        said = line.strip()
        if said and not said.startswith("#"):
            yield offset + line.index(said), said
        offset += len(line)


def fields_of(line: str) -> Iterator[tuple[str | None, str]]:
    """The ``key=value`` fields of a line, as CSV divides it; the key of a mere value is ``None``.

    Raises:
        SpecError: the line is no CSV.
    """
    if len(line) > MAX_LINE:
        raise SpecError(f"the rule is longer than {MAX_LINE} characters")
    try:
        cells = next(csv.reader([line], strict=True))
    except (csv.Error, StopIteration):
        raise SpecError(
            f'"{line}" cannot be divided at its commas',
            hint='write a field with a comma between quotes: "pattern=a{1,2}"',
        ) from None
    for cell in cells:
        key, equals, value = cell.partition("=")
        # As metadata-action divides it: an equals sign in front divides nothing.
        yield (key.strip().lower(), value.strip()) if equals and key else (None, cell.strip())


def joined(fields: Iterable[tuple[str, str]]) -> str:
    """The line of some fields: what :func:`fields_of` reads."""
    cells = (f"{key}={value}" for key, value in fields)
    return ",".join(
        '"' + cell.replace('"', '""') + '"' if re.search('[",]', cell) else cell for cell in cells
    )


def check_word(kind: str, word: str, allowed: Iterable[str]) -> None:
    """Raise :class:`SpecError` where ``word`` is none of ``allowed``, saying what is near."""
    choices = tuple(allowed)
    if word not in choices:
        near = difflib.get_close_matches(word.lower(), choices, n=1)
        raise SpecError(
            f'unknown {kind} "{word}"',
            details=(("allowed", ", ".join(choices)),),
            hint=f'did you mean "{near[0]}"?' if near else None,
        )
