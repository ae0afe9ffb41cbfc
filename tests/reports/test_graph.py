"""The graph drawn in every form: golden files for what it looks like, properties for the rest."""

from __future__ import annotations

import json
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.graph import Edge, ImageGraph
from releaser.errors import Location
from releaser.reports.graph import Doing, Picture, graph_json, groups_by_image
from releaser.reports.graph_layout import GAP, MOST_BENDS, laid_out, nearest_rising
from releaser.reports.graph_markup import graph_dot, graph_mermaid
from releaser.reports.graph_svg import graph_svg
from releaser.reports.graph_text import MAX_DEPTH, graph_text

GOLDEN = Path(__file__).parents[1] / "golden" / "graph"
FORMS: dict[str, Callable[[Picture], str]] = {
    "txt": graph_text,
    "json": graph_json,
    "mmd": graph_mermaid,
    "dot": graph_dot,
    "svg": graph_svg,
}
SVG = "{http://www.w3.org/2000/svg}"


def edge(image: str, needs: str, instruction: str = "") -> Edge:
    at = Location(f"{image}/Dockerfile", 1)
    return Edge(image, needs, (needs,), at, instruction or f"FROM {needs}")


def picture(
    images: str,
    edges: Iterable[tuple[str, str]] = (),
    doings: dict[str, Doing] | None = None,
    only: str = "",
    groups: dict[str, tuple[str, ...]] | None = None,
) -> Picture:
    graph = ImageGraph(tuple(images.split()), tuple(edge(*one) for one in edges))
    shown = tuple(one for one in graph.order if not only or one in only.split())
    known = groups_by_image(groups or {}, graph.images)
    return Picture("shop", graph, shown, known, doings or {})


SHOP = "base tools api worker web docs migrations"
EDGES = [
    ("api", "base"),
    ("worker", "base"),
    ("worker", "tools"),
    ("web", "api"),
    ("web", "base"),
    ("migrations", "worker"),
]
DOINGS = {
    "base": Doing("up-to-date", "nothing changed"),
    "tools": Doing("copy", "not everywhere"),
    "api": Doing("build", 'file changed: services/api/"odd" & <strange>.py'),
    "worker": Doing("retag", "tags to write: 1.4.2"),
    "web": Doing("build", "what it stands on changed: api: file changed: services/api/app.py"),
    "docs": Doing("push", "not everywhere"),
}
PICTURES = {
    "one": picture("api"),
    "shop": picture(SHOP, EDGES, groups={"backend": ("api", "w*")}),
    "planned": picture(SHOP, EDGES, DOINGS),
    "some": picture(SHOP, EDGES, only="web base migrations docs"),
    "alone": picture("a b c d e"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", PICTURES)
def test_what_it_looks_like(name: str, form: str, golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / f"{name}.{form}", FORMS[form](PICTURES[name]))


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_a_picture_too(form: str) -> None:
    assert FORMS[form](picture(""))


# Text.


def test_each_image_stands_in_full_once_and_as_deep_as_its_level() -> None:
    lines = graph_text(PICTURES["shop"]).splitlines()[2:]
    full = [line for line in lines if "(in full below" not in line]
    names = [re.sub(r"^[│├└─ ]*", "", line).split()[0] for line in full]
    assert sorted(names) == sorted(SHOP.split())
    levels = PICTURES["shop"].levels
    for line, name in zip(full, names, strict=True):
        assert line.index(name) == 4 * levels[name]


def chain(length: int) -> Picture:
    names = [f"i{n}" for n in range(length)]
    return picture(" ".join(names), zip(names[1:], names[:-1], strict=True))


def test_a_long_chain_goes_on_at_the_margin() -> None:
    text = graph_text(chain(5000))
    lines = text.splitlines()
    assert max(map(len, lines)) < 4 * MAX_DEPTH + 60
    assert f"i{MAX_DEPTH}  (goes on from below i{MAX_DEPTH - 1})" in lines
    assert sum("(goes on from" not in line for line in lines[2:]) == 5000


# Markup.


def test_a_reason_cannot_leave_its_label() -> None:
    odd = 'x"]\n  n9["y \\" --> %%{init: {}}%% <script>alert(1)</script> #quot; `**b**`'
    drawn = picture("api", doings={"api": Doing("build", odd)})
    [label] = re.findall(r'n0\["(.*)"\]', graph_mermaid(drawn))
    assert not set('"<>`*{}\\') & set(label.replace("<br/>", ""))
    assert graph_mermaid(drawn).count("\n") == 4
    assert graph_dot(drawn).count("\n") == 5
    [quoted] = re.findall(r"label=(.*), fillcolor", graph_dot(drawn))
    assert re.fullmatch(r'"(?:[^"\\]|\\.)*"', quoted)


def test_control_characters_reach_no_form() -> None:
    odd = Doing("build", "a\x1b[31mb\x00c\u202ed")
    for form, draw in FORMS.items():
        text = draw(picture("api", doings={"api": odd}))
        assert "\x1b" not in text, form
        assert "\x00" not in text, form


def test_json_has_edges_with_their_reasons() -> None:
    data = json.loads(graph_json(PICTURES["planned"]))
    assert data["schema"] == 1
    web = next(one for one in data["images"] if one["name"] == "web")
    assert (web["level"], web["needs"], web["action"]) == (2, ["api", "base"], "build")
    assert data["edges"][0] == {
        "image": "api",
        "needs": "base",
        "references": ["base"],
        "instruction": "FROM base",
        "file": "api/Dockerfile",
        "line": 1,
    }


# SVG.


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float

    def meets(self, other: Box) -> bool:
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


def boxes(document: ET.Element) -> list[Box]:
    return [
        Box(*(float(one.attrib[key]) for key in ("x", "y", "width", "height")))
        for one in document.iter(f"{SVG}rect")
        if one.get("class") == "rg-box"
    ]


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    names = [f"image-{'x' * draw(st.integers(0, 60))}{n}" for n in range(draw(st.integers(1, 14)))]
    edges = [
        (name, need)
        for number, name in enumerate(names)
        for need in names[:number]
        if draw(st.integers(0, 3)) == 0
    ]
    doings = {name: Doing("build", "why " * draw(st.integers(0, 30))) for name in names}
    return picture(" ".join(names), edges, doings if draw(st.booleans()) else None)


@given(pictures())
def test_no_box_or_label_meets_another(drawn: Picture) -> None:
    document = ET.fromstring(graph_svg(drawn))  # noqa: S314 - our own
    found = boxes(document)
    assert len(found) == len(drawn.images)
    for index, one in enumerate(found):
        assert not any(one.meets(other) for other in found[:index])
        assert one.x >= 0
        assert one.x + one.width <= float(document.attrib["width"])
        assert one.y + one.height <= float(document.attrib["height"])
    for group in document.iter(f"{SVG}g"):
        box = next((one for one in group if one.get("class") == "rg-box"), None)
        for label in group.iter(f"{SVG}text"):
            assert box is not None
            wide = 7.83 if label.get("class") == "rg-name" else 6.63
            end = float(label.attrib["x"]) + wide * len(label.text or "")
            assert end <= float(box.attrib["x"]) + float(box.attrib["width"])


@given(pictures())
def test_lines_lead_from_the_right_of_a_box_to_the_left_of_another(drawn: Picture) -> None:
    document = ET.fromstring(graph_svg(drawn))  # noqa: S314 - our own
    places = dict(zip(drawn.images, boxes(document), strict=True))
    lines = [one for one in document.iter(f"{SVG}path") if one.get("class") == "rg-line"]
    assert len(lines) == len(drawn.edges)
    for line, joined in zip(lines, drawn.edges, strict=True):
        first = re.match(r"M([\d.]+) ([\d.]+)", line.attrib["d"])
        assert first
        start = places[joined.needs]
        assert abs(float(first[1]) - start.x - start.width) < 0.2
        assert abs(float(first[2]) - start.y - start.height / 2) < 0.2
        assert start.x + start.width < places[joined.image].x


def test_titles_say_why() -> None:
    text = graph_svg(PICTURES["planned"])
    assert "<title>web needs api: FROM api (web/Dockerfile:1)</title>" in text
    assert "&lt;strange&gt;" in text
    assert "<strange>" not in text
    assert "prefers-color-scheme:dark" in text


def test_colours_tell_actions_apart() -> None:
    for draw in (graph_svg, graph_dot, graph_mermaid):
        assert "#b45309" in draw(PICTURES["planned"])
        assert "#b45309" not in draw(PICTURES["shop"])


# Layout.


@given(st.lists(st.integers(-50, 50), max_size=12))
def test_rising_numbers_are_the_nearest(values: list[int]) -> None:
    found = nearest_rising(values)
    assert all(a <= b + 1e-9 for a, b in pairwise(found))
    assert len(found) == len(values)
    cost = sum((a - b) ** 2 for a, b in zip(found, values, strict=True))
    for other in (sorted(values), [sum(values) / len(values)] * len(values) if values else []):
        assert cost <= sum((a - b) ** 2 for a, b in zip(other, values, strict=True)) + 1e-6


def test_a_tree_has_no_crossings() -> None:
    """Leaves that are given in a mixed order stand beside their upstreams."""
    levels = [0, 0, 0, 1, 1, 1, 1, 1, 1, 2]
    edges = [(0, 3), (1, 4), (2, 5), (0, 6), (1, 7), (2, 8), (8, 9), (0, 9), (2, 9), (1, 9)]
    y = laid_out(levels, edges, 30).y
    first = {n: need for need, n in edges if n < 9}
    ends = sorted((y[n], y[need]) for n, need in first.items())
    assert [need for _, need in ends] == sorted(need for _, need in ends)


def test_parts_stand_below_each_other() -> None:
    found = laid_out([0, 1, 0, 1, 0], [(0, 1), (2, 3)], 30)
    assert found.alone == [4]
    assert found.y[2] - found.y[0] >= 30 + GAP
    assert found.height == max(found.y.values()) + 15


def test_a_thousand_images_are_drawn_quickly_and_small() -> None:
    names = [f"i{n}" for n in range(1000)]
    edges = [(names[n], names[n // 3 * step // 4]) for n in range(30, 1000) for step in (1, 2, 3)]
    drawn = picture(" ".join(names), dict.fromkeys(edges))
    began = time.process_time()
    sizes = [len(draw(drawn)) for draw in FORMS.values()]
    assert time.process_time() - began < 4  # all five; a busy machine is slow
    assert max(sizes) < 4_000_000


def test_long_lines_are_bounded() -> None:
    """A chain in which every image needs the first one would have a bend in every level."""
    count = 300
    edges = [(n, n + 1) for n in range(count)] + [(0, n) for n in range(2, count + 1)]
    assert sum(n - need - 1 for need, n in edges) > MOST_BENDS
    found = laid_out(list(range(count + 1)), edges, 30)
    assert not any(found.bends.values())
