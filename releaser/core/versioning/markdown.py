r"""What anybody wrote, as text in Markdown that says the same and does nothing else.

The rules are those of CommonMark 0.31 (https://spec.commonmark.org, 2.4 and 6.1). Text between
single backticks stays code; everywhere else a character that would mean something gets a backslash
before it, ``<`` and the ``&`` of an entity become entities, so that even what knows no CommonMark
makes no HTML of them. One line stays one line, and what would begin a block at its start (``#``,
``-``, ``1.``) is escaped too. ``snake_case`` and plain addresses stay readable.
"""

from __future__ import annotations

import re

from releaser.core.versioning.conventional import one_line

MAX_TEXT = 2000

_CODE = re.compile(r"(?<!`)(`[^`]+`)(?!`)")
_SPECIAL = re.compile(
    r"[\\`*\[\]{~$<]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|&(?=#?[A-Za-z0-9]{1,40};)"
)
_START = re.compile(r"\A([0-9]{1,9}(?=[.)](?: |\Z))|(?=[#>+=|:-]))")
_ENTITIES = {"<": "&lt;", "&": "&amp;"}


def inline(text: str) -> str:
    """``text`` as one line that may stand anywhere in a paragraph, its start included."""
    parts = _CODE.split(one_line(text, MAX_TEXT))
    found = "".join(part if place % 2 else _plain(part) for place, part in enumerate(parts))
    return _START.sub(r"\1\\", found)


def _plain(text: str) -> str:
    return _SPECIAL.sub(lambda found: _ENTITIES.get(found[0]) or f"\\{found[0]}", text)
