"""The text of a spec in parts: one for each image, and all the rest.

States of a spec differ in few images, and reading one whole takes long: with the parts that two
states have in common left out, the rest is read in no time. What is written in a way that cannot be
taken apart by its lines is not: anchors, images that are no block of their own, open quotes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

_IMAGES = re.compile(r"^images:[ \t]*(?:#[^\n]*)?\n", re.MULTILINE)
_END = re.compile(r"^[^ \t\n#]", re.MULTILINE)
_FIRST = re.compile(r"^( +)[^ \t\n#]", re.MULTILINE)
_ALIAS = re.compile(r"(?:^|[\s\[{,:])[*&][^\s*&]|<<", re.MULTILINE)
_PAIRS = (("{", "}"), ("[", "]"))


@dataclass(frozen=True, slots=True)
class Blocks:
    """The lines of a spec before its images, those of each image, and those after all of them."""

    before: str
    images: Mapping[str, str]
    after: str

    @classmethod
    def find(cls, text: bytes) -> Blocks | None:
        """The parts of ``text``; ``None`` where it cannot be taken apart."""
        try:
            whole = text.decode("utf-8")
        except UnicodeDecodeError:
            return None
        start = _IMAGES.search(whole)
        if start is None or "\r" in whole or "\t" in whole or _ALIAS.search(whole):
            return None
        end = _END.search(whole, start.end())
        last = end.start() if end else len(whole)
        if _IMAGES.search(whole, last):
            return None
        images = _images(whole[start.end() : last])
        return cls(whole[: start.end()], images, whole[last:]) if images else None

    def only(self, images: Collection[str]) -> bytes:
        """The text without all images but ``images``."""
        kept = "".join(text for name, text in self.images.items() if name in images)
        return f"{self.before}{kept}{self.after}".encode()


def _images(text: str) -> dict[str, str] | None:
    first = _FIRST.search(text)
    if first is None:
        return None
    key = re.compile(rf"^{first[1]}([A-Za-z0-9][A-Za-z0-9._-]*):(?=[ \n])", re.MULTILINE)
    low = re.compile(rf"^ {{0,{len(first[1])}}}[^ \n#]", re.MULTILINE)
    starts = list(key.finditer(text))
    if len(starts) != len(low.findall(text)):
        return None
    ends = [*(one.start() for one in starts[1:]), len(text)]
    found = {one[1]: text[one.start() : end] for one, end in zip(starts, ends, strict=True)}
    whole = len(found) == len(starts) and all(map(_is_closed, found.values()))
    return found if whole else None


def _is_closed(text: str) -> bool:
    """Whether no quote and no bracket of an image goes on in the next one."""
    paired = all(text.count(one) == text.count(other) for one, other in _PAIRS)
    return paired and text.count('"') % 2 == text.count("'") % 2 == 0
