"""The graph as a tree of text: upstreams first, each image once in full."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from releaser.reports.graph import Picture, first_by_level
from releaser.reports.words import clean

MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class _Line:
    """An image in the tree: what stands before it, and whether it is here in full."""

    image: str
    before: str
    inner: str
    depth: int
    below: str | None


def graph_text(picture: Picture) -> str:
    """The tree below each image that needs nothing.

    An image with several upstreams stands in full below the one that is built last, and is only
    mentioned below the others, so that its depth is its level. Below the 20th level a tree goes on
    at the margin.
    """
    return "\n".join([picture.headline, "", *_Tree(picture).lines()]) + "\n"


class _Tree:
    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._home: dict[str, str] = {}
        self._below: dict[str, list[str]] = {image: [] for image in picture.images}
        for image, edges in picture.upstreams.items():
            if edges:
                self._home[image] = first_by_level(picture, edges).needs
            for edge in edges:
                self._below[edge.needs].append(image)

    def lines(self) -> Iterator[str]:
        """All lines, without recursion: a chain of images may be long."""
        roots = [image for image in self._picture.images if image not in self._home]
        for root in roots:
            ahead = [_Line(root, "", "", 0, None)]
            while ahead:
                line = ahead.pop()
                yield self._text(line)
                is_full = line.below is None or self._home[line.image] == line.below
                if is_full and line.depth < MAX_DEPTH:
                    ahead.extend(reversed(list(self._children(line))))
                elif is_full and self._below[line.image]:
                    roots.append(line.image)

    def _children(self, line: _Line) -> Iterator[_Line]:
        children = self._below[line.image]
        for number, child in enumerate(children, 1):
            is_last = number == len(children)
            before = line.inner + ("└── " if is_last else "├── ")
            inner = line.inner + ("    " if is_last else "│   ")
            yield _Line(child, before, inner, line.depth + 1, line.image)

    def _text(self, line: _Line) -> str:
        return f"{line.before}{line.image}{''.join(f'  {note}' for note in self._notes(line))}"

    def _notes(self, line: _Line) -> Iterator[str]:
        image, home = line.image, self._home.get(line.image)
        if line.below is not None and line.below != home:
            yield f"(in full below {home})"
            return
        others = [one.needs for one in self._picture.upstreams[image] if one.needs != home]
        if others:
            yield f"(and on {', '.join(others)})"
        if line.below is None and home is not None:
            yield f"(goes on from below {home})"
        elif line.depth == MAX_DEPTH and self._below[image]:
            yield "(goes on at the margin)"
        if image in self._picture.doings:
            yield clean(str(self._picture.doings[image]))
