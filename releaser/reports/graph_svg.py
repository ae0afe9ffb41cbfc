"""The graph as an SVG of its own: no program, no font and no script is needed to look at it.

It is light or dark as its reader's screen is. What does not fit into a box is in its title, which
is what a pointer shows; lines say in theirs why one image needs another.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from releaser.core.graph import Edge
from releaser.reports.graph import Picture, why_edge
from releaser.reports.graph_layout import Layout, laid_out
from releaser.reports.graph_markup import COLOURS
from releaser.reports.words import clean

CHARACTER = 7.9  # the width of a monospaced character at 13 px; the usual ones have 7.2 to 7.83
SMALL = 6.7  # and at 11 px
LONGEST = 40
MARGIN, HEAD, PAD = 24.0, 34.0, 12.0
SPACE, MOST_SPACE = 64.0, 200.0
_STYLE = """\
.rg-bg{fill:#ffffff}
.rg-box{fill:#f8fafc;stroke:#94a3b8}
.rg-name{font:13px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#0f172a}
.rg-note{font:11px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#475569}
.rg-line{fill:none;stroke:#94a3b8;stroke-width:1.4}
.rg-tip{fill:#94a3b8}
.rg-near{fill:none;stroke:#000;stroke-opacity:0;stroke-width:9}
.rg-edge:hover .rg-line{stroke:#2563eb;stroke-width:2.4}
@media (prefers-color-scheme:dark){
.rg-bg{fill:#0f172a}
.rg-box{fill:#1e293b;stroke:#64748b}
.rg-name{fill:#f1f5f9}
.rg-note{fill:#a8b5c7}
.rg-line{stroke:#64748b}
.rg-tip{fill:#64748b}
.rg-edge:hover .rg-line{stroke:#60a5fa}
}"""


@dataclass(frozen=True, slots=True)
class _Box:
    """The place of an image: its left upper corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def graph_svg(picture: Picture) -> str:
    """The graph as an SVG document."""
    return "\n".join(_Sheet(picture).lines()) + "\n"


class _Sheet:
    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._numbers = {image: index for index, image in enumerate(picture.images)}
        shown = sorted({picture.levels[image] for image in picture.images})
        ranks = {level: rank for rank, level in enumerate(shown)}
        self._columns = [ranks[picture.levels[image]] for image in picture.images]
        self._size = 46.0 if picture.doings else 30.0
        edges = [(self._numbers[one.needs], self._numbers[one.image]) for one in picture.edges]
        self._layout: Layout = laid_out(self._columns, edges, self._size)
        self._lefts, self._widths = self._across()
        self._boxes = self._placed()

    # Places.

    def _across(self) -> tuple[list[float], list[float]]:
        """The left edge and the width of each column."""
        count = max((self._columns[one] for one in self._layout.y), default=-1) + 1
        widths = [0.0] * count
        for image in self._layout.y:
            column = self._columns[image]
            widths[column] = max(widths[column], self._width(image))
        lefts, left = [], MARGIN
        for width, space in zip(widths, self._spaces(count), strict=True):
            lefts.append(left)
            left += width + space
        return lefts, widths

    def _spaces(self, count: int) -> list[float]:
        """The room behind each column: the more lines there are in it, the wider."""
        lines = Counter[int]()
        for edge in self._picture.edges:
            need, image = self._numbers[edge.needs], self._numbers[edge.image]
            lines[self._columns[need]] += 1
            if self._layout.bends.get((need, image)):
                lines[self._columns[image] - 1] += 1
        return [min(SPACE + 2 * lines[column], MOST_SPACE) for column in range(count)]

    def _width(self, number: int) -> float:
        image = self._picture.images[number]
        doing = self._picture.doings.get(image)
        note = len(_cut(str(doing))) * SMALL if doing else 0
        return max(len(_cut(image)) * CHARACTER, note, 40) + 2 * PAD

    def _placed(self) -> dict[int, _Box]:
        boxes = {
            image: _Box(
                self._lefts[self._columns[image]],
                MARGIN + HEAD + HEAD + y - self._size / 2,
                self._widths[self._columns[image]],
                self._size,
            )
            for image, y in self._layout.y.items()
        }
        return boxes | dict(self._grid())

    def _grid(self) -> Iterator[tuple[int, _Box]]:
        """Images without an edge stand in rows, below the others."""
        alone = self._layout.alone
        if not alone:
            return
        width, gap = max(map(self._width, alone)), 20.0
        across = self._right - MARGIN
        fit = int((across + gap) // (width + gap)) if self._lefts else 0
        columns = max(fit, min(6, math.ceil(math.sqrt(len(alone) / 2))))
        top = self._grid_top + (HEAD if self._lefts else 0)
        for index, image in enumerate(alone):
            row, column = divmod(index, columns)
            x = MARGIN + column * (width + gap)
            yield image, _Box(x, top + row * (self._size + 12), width, self._size)

    @property
    def _right(self) -> float:
        return self._lefts[-1] + self._widths[-1] if self._lefts else MARGIN

    @property
    def _grid_top(self) -> float:
        return MARGIN + HEAD + (HEAD + self._layout.height + MARGIN if self._lefts else 0)

    # Lines of the document.

    def lines(self) -> Iterator[str]:
        boxes = self._boxes.values()
        legend = len(self._legend_text()) * SMALL + MARGIN
        title = len(self._picture.headline) * CHARACTER + MARGIN
        right = max([box.x + box.width for box in boxes] + [legend, title]) + MARGIN
        bottom = max(box.y + box.height for box in boxes) + MARGIN if boxes else MARGIN + HEAD
        foot = HEAD if self._picture.doings else 0.0
        size = f"{_n(right)} {_n(bottom + foot)}"
        width, height = size.split()
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {size}" role="img">'
        )
        yield f"<title>{_text(self._picture.headline)}</title>"
        yield f"<style>\n{_STYLE}\n</style>"
        yield f'<rect class="rg-bg" width="{width}" height="{height}"/>'
        yield _label("rg-name", MARGIN, MARGIN + 10, self._picture.headline)
        yield from self._headings()
        yield from (self._edge(edge) for edge in self._picture.edges)
        for image in self._picture.images:
            yield from self._image(image, self._boxes[self._numbers[image]])
        yield from self._legend(bottom)
        yield "</svg>"

    def _headings(self) -> Iterator[str]:
        levels = sorted({self._picture.levels[image] for image in self._picture.images})
        for level, left in zip(levels, self._lefts, strict=False):
            yield _label("rg-note", left, MARGIN + HEAD + 12, f"level {level}")
        if self._lefts and self._layout.alone:
            yield _label("rg-note", MARGIN, self._grid_top + 16, "joined to none of these")

    def _image(self, image: str, box: _Box) -> Iterator[str]:
        doing = self._picture.doings.get(image)
        yield f"<g><title>{_text(self._said_of(image))}</title>"
        yield f'<rect class="rg-box" {_rect(box)} rx="5"/>'
        if doing:
            colour = COLOURS.get(doing.action, ("", "#6b7280"))[1]
            strip = _Box(box.x, box.y, 5, box.height)
            yield f'<rect fill="{colour}" {_rect(strip)} rx="2"/>'
        baseline = box.y + 19.5
        yield _label("rg-name", box.x + PAD, baseline, _cut(image))
        if doing:
            yield _label("rg-note", box.x + PAD, baseline + 16, _cut(str(doing)))
        yield "</g>"

    def _said_of(self, image: str) -> str:
        """Everything that is known of an image, a line each."""
        doing = self._picture.doings.get(image)
        groups = self._picture.groups.get(image, ())
        found = [f"{image}: level {self._picture.levels[image]}"]
        found += [f"in {', '.join(groups)}"] if groups else []
        found += [clean(str(doing))] if doing else []
        edges = self._picture.graph.edges_from(image)
        found += [f"needs {edge.needs}: {why_edge(edge)}" for edge in edges]
        return "\n".join(found)

    def _edge(self, edge: Edge) -> str:
        need, image = self._numbers[edge.needs], self._numbers[edge.image]
        start, end = self._boxes[need], self._boxes[image]
        bends = self._layout.bends.get((need, image), ())
        columns = range(self._columns[need] + 1, self._columns[need] + 1 + len(bends))
        tip = end.x - 6
        path = self._path(start, end, columns, bends)
        arrow = f"M{_n(tip)} {_n(end.middle - 4)}L{_n(end.x)} {_n(end.middle)}"
        arrow += f"L{_n(tip)} {_n(end.middle + 4)}Z"
        said = _text(f"{edge.image} needs {edge.needs}: {why_edge(edge)}")
        return (
            f'<g class="rg-edge"><title>{said}</title><path class="rg-near" d="{path}"/>'
            f'<path class="rg-line" d="{path}"/><path class="rg-tip" d="{arrow}"/></g>'
        )

    def _path(self, start: _Box, end: _Box, columns: Sequence[int], bends: Sequence[float]) -> str:
        """From one box to another, straight through the columns between them."""
        x, y = start.x + start.width, start.middle
        parts = [f"M{_n(x)} {_n(y)}"]
        for column, bend in zip(columns, bends, strict=True):
            height = MARGIN + HEAD + HEAD + bend
            parts.append(_curve(x, y, self._lefts[column], height))
            x, y = self._lefts[column] + self._widths[column], height
            parts.append(f"H{_n(x)}")
        parts.append(_curve(x, y, end.x - 5, end.middle))
        return "".join(parts)

    def _counted(self) -> list[tuple[str, int]]:
        found = Counter(one.action for one in self._picture.doings.values())
        return [(action, found[action]) for action in COLOURS if found[action]]

    def _legend_text(self) -> str:
        return "".join(f"   {count} {action}    " for action, count in self._counted())

    def _legend(self, top: float) -> Iterator[str]:
        x = MARGIN
        for action, count in self._counted():
            yield f'<rect fill="{COLOURS[action][1]}" {_rect(_Box(x, top + 3, 10, 10))} rx="2"/>'
            text = f"{count} {action}"
            yield _label("rg-note", x + 16, top + 12, text)
            x += 16 + len(text) * SMALL + 20


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    half = (to_x - x) / 2
    if abs(to_y - y) < 0.5:
        return f"H{_n(to_x)}"
    return f"C{_n(x + half)} {_n(y)} {_n(to_x - half)} {_n(to_y)} {_n(to_x)} {_n(to_y)}"


def _rect(box: _Box) -> str:
    return f'x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}"'


def _label(style: str, x: float, y: float, text: str) -> str:
    return f'<text class="{style}" x="{_n(x)}" y="{_n(y)}">{_text(text)}</text>'


def _cut(text: str) -> str:
    """A text that fits into a box; what tells variants apart is often at its end."""
    text = clean(text)
    return text if len(text) <= LONGEST else f"{text[:24]}…{text[-15:]}"


def _text(text: str) -> str:
    return escape(text, quote=False)


def _n(number: float) -> str:
    return f"{number + 0.0:.1f}".removesuffix(".0")
