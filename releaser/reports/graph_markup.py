"""The graph for programs that draw: Mermaid (GitHub, GitLab, Markdown editors) and DOT (Graphviz).

Arrows go from what is built first to what stands on it. A page that shows Mermaid has a limit of
its own, 500 edges where it does not say otherwise (``maxEdges``); the others have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from releaser.reports.graph import Picture, why_edge
from releaser.reports.words import clean

COLOURS: Mapping[str, tuple[str, str]] = {
    "build": ("#fde68a", "#b45309"),
    "push": ("#bfdbfe", "#1d4ed8"),
    "copy": ("#a5f3fc", "#0e7490"),
    "retag": ("#ddd6fe", "#6d28d9"),
    "up-to-date": ("#e5e7eb", "#6b7280"),
}
"""For each action the colours of its inside and its border; dark text can be read on all."""
_INK = "#111827"


def graph_mermaid(picture: Picture) -> str:
    """The graph as a Mermaid flowchart."""
    return "\n".join(_mermaid(picture)) + "\n"


def _mermaid(picture: Picture) -> Iterator[str]:
    ids = {image: f"n{index}" for index, image in enumerate(picture.images)}
    yield "flowchart LR"
    for image, key in ids.items():
        doing = picture.doings.get(image)
        label = f"{_entities(image)}<br/>{_entities(clean(str(doing)))}" if doing else image
        yield f'  {key}["{label}"]'
    for edge in picture.edges:
        # A comment must not look like a directive, which begins with %%{.
        yield f"  %% {why_edge(edge)}"
        yield f"  {ids[edge.needs]} --> {ids[edge.image]}"
    for action, (fill, stroke) in COLOURS.items():
        found = [ids[image] for image, one in picture.doings.items() if one.action == action]
        if found:
            name = action.replace("-", "")
            yield f"  classDef {name} fill:{fill},stroke:{stroke},color:{_INK}"
            yield f"  class {','.join(found)} {name}"


def _entities(text: str) -> str:
    """A text in a quoted label, where Mermaid knows Markdown, HTML and entities like ``#35;``."""
    return re.sub(r"[^\w .,:;/=+…→()@-]", lambda found: f"#{ord(found[0])};", text)


def graph_dot(picture: Picture) -> str:
    """The graph in the DOT language."""
    return "\n".join(_dot(picture)) + "\n"


def _dot(picture: Picture) -> Iterator[str]:
    yield f"digraph {_quoted(picture.project)} {{"
    yield "  rankdir=LR"
    yield '  node [shape=box, style="rounded,filled", fillcolor=white, fontname="sans-serif"]'
    for image in picture.images:
        yield f"  {_quoted(image)} [{_dot_image(picture, image)}]"
    for edge in picture.edges:
        why = _quoted(why_edge(edge))
        yield f"  {_quoted(edge.needs)} -> {_quoted(edge.image)} [tooltip={why}]"
    yield "}"


def _dot_image(picture: Picture, image: str) -> str:
    doing = picture.doings.get(image)
    level = _quoted(f"{image}: level {picture.levels[image]}")
    if doing is None:
        return f"tooltip={level}"
    label = f"{_quoted(image)[:-1]}\\n{_quoted(clean(str(doing)))[1:]}"
    fill, stroke = COLOURS.get(doing.action, ("white", "black"))
    return f'label={label}, fillcolor="{fill}", color="{stroke}", tooltip={level}'


def _quoted(text: str) -> str:
    """A quoted text, in which a backslash would begin an escape of a label (``\\N``)."""
    escaped = clean(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
