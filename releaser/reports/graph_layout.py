"""Where the images of a picture stand: levels as columns, few crossings, short lines.

The method is the layered one of Sugiyama, Tagawa and Toda (1981): an edge over several levels gets
a bend in each of them, the order within a level follows the mean of the neighbours' places, and
then every level is moved as near to its neighbours as the order and the sizes allow. What is not
connected is laid out by itself, so that nothing of one part crosses another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

MOST_BENDS = 20_000
"""With more bends than these, edges over several levels go straight and behind the images."""
ROUNDS = 8
GAP = 14.0
BEND = 8.0


@dataclass(slots=True)
class Layout:
    """``y`` is the middle of every image, from 0; ``bends`` the heights at which an edge passes the
    levels between its ends. ``alone`` are images with no edge: they have no place here."""

    y: dict[int, float] = field(default_factory=dict)
    bends: dict[tuple[int, int], tuple[float, ...]] = field(default_factory=dict)
    alone: list[int] = field(default_factory=list)
    height: float = 0.0


def laid_out(levels: Sequence[int], edges: Iterable[tuple[int, int]], size: float) -> Layout:
    """The places of images 0, 1, … on these levels; ``edges`` are pairs of upstream and image, and
    ``size`` is the height of an image."""
    found, known = Layout(), list(edges)
    bends = sum(levels[image] - levels[need] - 1 for need, image in known)
    for part in _parts(len(levels), known):
        if len(part.images) == 1:
            found.alone.extend(part.images)
            continue
        drawing = _Drawing(levels, part, size, with_bends=bends <= MOST_BENDS)
        drawing.order()
        drawing.place()
        _add(found, drawing, part)
    return found


@dataclass(slots=True)
class _Part:
    images: list[int] = field(default_factory=list)
    edges: list[tuple[int, int]] = field(default_factory=list)


def _parts(count: int, edges: Sequence[tuple[int, int]]) -> list[_Part]:
    """What is connected, in the order of the first image of each."""
    parent = list(range(count))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    for need, image in edges:
        low, high = sorted((root(need), root(image)))
        parent[high] = low
    parts: dict[int, _Part] = {}
    for image in range(count):
        parts.setdefault(root(image), _Part()).images.append(image)
    for edge in edges:
        parts[root(edge[0])].edges.append(edge)
    return list(parts.values())


class _Drawing:
    """One part: its points level by level from top to bottom, and which of them are joined.

    A point is an image, or a bend: those are below zero.
    """

    def __init__(
        self, levels: Sequence[int], part: _Part, size: float, *, with_bends: bool
    ) -> None:
        self._size = size
        self.layers: list[list[int]] = [
            [] for _ in range(max(levels[one] for one in part.images) + 1)
        ]
        self.up: dict[int, list[int]] = {one: [] for one in part.images}
        self.down: dict[int, list[int]] = {one: [] for one in part.images}
        self.bends: dict[tuple[int, int], list[int]] = {}
        self.y: dict[int, float] = {}
        for image in part.images:
            self.layers[levels[image]].append(image)
        for need, image in part.edges:
            between = range(levels[need] + 1, levels[image]) if with_bends else ()
            self._join(need, image, between)

    def _join(self, need: int, image: int, between: Iterable[int]) -> None:
        """Join two images, with a bend in each of the levels between them."""
        chain = [need]
        for level in between:
            bend = -1 - len(self.up)
            self.up[bend], self.down[bend] = [], []
            self.layers[level].append(bend)
            chain.append(bend)
        self.bends[need, image] = chain[1:]
        for upper, lower in zip(chain, [*chain[1:], image], strict=True):
            self.down[upper].append(lower)
            self.up[lower].append(upper)

    def order(self) -> None:
        """Order each level by the mean of its neighbours' places, there and back."""
        place: dict[int, float] = {}
        for layer in self.layers:
            place.update((point, index) for index, point in enumerate(layer))
        for _ in range(ROUNDS):
            for layer in self.layers[::-1]:
                _sort(layer, self.down, place)
            for layer in self.layers:  # last, for every image has its upstreams and few have more
                _sort(layer, self.up, place)

    def place(self) -> None:
        """Move each level as near to its neighbours as its order allows, there and back."""
        for layer in self.layers:
            y = 0.0
            for point in layer:
                self.y[point] = y + self._height(point) / 2
                y += self._height(point) + GAP
        for _ in range(ROUNDS):
            for layers, joined in ((self.layers, self.up), (self.layers[::-1], self.down)):
                for layer in layers:
                    self._settle(layer, joined)

    def _settle(self, points: Sequence[int], joined: dict[int, list[int]]) -> None:
        wanted = [_mean(point, joined[point], self.y) for point in points]
        offsets, offset = [], 0.0
        for above, point in zip([None, *points], points, strict=False):
            if above is not None:
                offset += (self._height(above) + self._height(point)) / 2 + GAP
            offsets.append(offset)
        shifts = nearest_rising([want - by for want, by in zip(wanted, offsets, strict=True)])
        for point, shift, by in zip(points, shifts, offsets, strict=True):
            self.y[point] = shift + by

    def _height(self, point: int) -> float:
        return self._size if point >= 0 else BEND

    @property
    def top(self) -> float:
        """The upper edge of all points."""
        return min(y - self._height(point) / 2 for point, y in self.y.items())

    @property
    def bottom(self) -> float:
        """The lower edge of all points."""
        return max(y + self._height(point) / 2 for point, y in self.y.items())


def _sort(points: list[int], joined: dict[int, list[int]], place: dict[int, float]) -> None:
    points.sort(key=lambda point: _mean(point, joined[point], place))
    place.update((point, index) for index, point in enumerate(points))


def _mean(point: int, neighbours: Sequence[int], of: dict[int, float]) -> float:
    if not neighbours:
        return of[point]
    return sum(of[one] for one in neighbours) / len(neighbours)


def nearest_rising(values: Sequence[float]) -> list[float]:
    """The numbers that never fall and are nearest to ``values`` by the sum of squares.

    The algorithm is that of adjacent violators: neighbours that fall become one block at their
    mean, until none does.
    """
    blocks: list[tuple[float, int]] = []
    for value in values:
        total, count = value, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            above, many = blocks.pop()
            total, count = total + above, count + many
        blocks.append((total, count))
    return [total / count for total, count in blocks for _ in range(count)]


def _add(found: Layout, drawing: _Drawing, part: _Part) -> None:
    """Put a part below those that there are."""
    by = found.height + (2 * GAP if found.height else 0) - drawing.top
    for image in part.images:
        found.y[image] = drawing.y[image] + by
    for edge, bends in drawing.bends.items():
        found.bends[edge] = tuple(drawing.y[bend] + by for bend in bends)
    found.height = drawing.bottom + by
