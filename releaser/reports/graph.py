"""The graph of a project as a value that can be drawn, and as JSON.

What is drawn is a selection of images; levels and upstreams are those of the whole graph. Text,
Mermaid, DOT and SVG are made in ``graph_text``, ``graph_markup`` and ``graph_svg``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from releaser.core.graph import Edge, ImageGraph
from releaser.core.spec.groups import Groups, members
from releaser.reports.words import clean, counted

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Doing:
    """What a plan does with an image, and why."""

    action: str
    reason: str

    def __str__(self) -> str:
        return f"{self.action}: {self.reason}" if self.reason else self.action


@dataclass(frozen=True)
class Picture:
    """What is to be drawn: some images of a graph in its order, and what a plan does with them.

    ``groups`` are the groups that each image is in; an image that no plan knows has no doing.
    """

    project: str
    graph: ImageGraph
    images: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    doings: Mapping[str, Doing] = field(default_factory=dict)

    @cached_property
    def levels(self) -> Mapping[str, int]:
        """The level of every image: 0 is what needs nothing."""
        return self.graph.levels()

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """The edges between images that are drawn, by what needs in the graph's order."""
        shown = set(self.images)
        return tuple(
            edge
            for image in self.images
            for edge in self.graph.edges_from(image)
            if edge.needs in shown
        )

    @cached_property
    def upstreams(self) -> Mapping[str, tuple[Edge, ...]]:
        """The edges from each image to what it needs and is drawn."""
        found: dict[str, list[Edge]] = {image: [] for image in self.images}
        for edge in self.edges:
            found[edge.image].append(edge)
        return {image: tuple(edges) for image, edges in found.items()}

    @property
    def headline(self) -> str:
        """The project, and how much of it is drawn."""
        levels = len({self.levels[image] for image in self.images})
        parts = (
            (len(self.images), "image"),
            (len(self.edges), "edge"),
            (levels, "level"),
        )
        sizes = ", ".join(counted(n, noun) for n, noun in parts)
        return f"{clean(self.project)}: {sizes}"


def groups_by_image(groups: Groups, images: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The groups that each image is in, in the order of the file."""
    found: dict[str, list[str]] = {image: [] for image in images}
    for group in groups:
        for image in members(group, groups, images):
            found[image].append(group)
    return {image: tuple(names) for image, names in found.items()}


def why_edge(edge: Edge) -> str:
    """Why one image needs another: the instruction, and where it stands."""
    return clean(f"{edge.instruction} ({edge.at})")


def graph_json(picture: Picture) -> str:
    """The graph as JSON: images in order, and for each edge the reference and where it stands."""
    data = {
        "schema": SCHEMA,
        "project": picture.project,
        "images": [_image(picture, image) for image in picture.images],
        "edges": [_edge(edge) for edge in picture.edges],
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _image(picture: Picture, image: str) -> dict[str, object]:
    doing = picture.doings.get(image)
    return {
        "name": image,
        "level": picture.levels[image],
        "needs": list(picture.graph.needs(image)),
        "groups": list(picture.groups.get(image, ())),
        **({"action": doing.action, "reason": doing.reason} if doing else {}),
    }


def _edge(edge: Edge) -> dict[str, object]:
    return {
        "image": edge.image,
        "needs": edge.needs,
        "references": list(edge.names),
        "instruction": edge.instruction,
        "file": edge.at.file,
        "line": edge.at.line,
    }


def first_by_level(picture: Picture, edges: Iterable[Edge]) -> Edge:
    """The edge to the upstream that is built last: the one that an image is drawn below."""
    return max(edges, key=lambda edge: picture.levels[edge.needs])
