"""``releaser graph``: which image stands on which, drawn."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from releaser.cli import options
from releaser.cli.compose import adapters, contexts, load_project
from releaser.cli.concerns import say_concerns
from releaser.errors import SpecError
from releaser.pipeline import Project, Request, build_graph, host_platform, prepare

if TYPE_CHECKING:
    from releaser.reports.graph import Doing, Picture


class GraphFormat(StrEnum):
    """How the graph is drawn."""

    TEXT = "text"
    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"
    JSON = "json"


def graph(
    images: options.Images = None,
    file: options.File = None,
    var: options.Var = None,
    profile: options.Profile = None,
    only: options.Only = False,
    output_format: Annotated[
        GraphFormat, typer.Option("--format", help="How the graph is drawn.")
    ] = GraphFormat.TEXT,
    reasons: Annotated[
        bool, typer.Option("--reasons", help="Say what a release would do with each image.")
    ] = False,
    saved: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="Say what this saved plan does with each."),
    ] = None,
    offline: options.Offline = False,
) -> None:
    """Draw which image stands on which, and why: as a tree, Mermaid, DOT, SVG or JSON."""
    from releaser.reports.graph import Picture, groups_by_image

    if saved is not None and reasons:
        raise SpecError("--plan has reasons of its own", hint="leave --reasons out")
    project = load_project(file, var, profile)
    request = Request(tuple(images or ()), only, offline=offline)
    doings = _planned(project, request) if reasons else {}
    if saved is not None:
        doings = _saved(saved, project)
    found = build_graph(project, contexts(), lambda _: {}, host_platform(), request)
    shown = tuple(image for image in found.closure if image in found.chosen)
    groups = groups_by_image(project.spec.groups, found.graph.images)
    kept = {name: one for name, one in doings.items() if name in shown}
    picture = Picture(project.spec.project, found.graph, shown, groups, kept)
    sys.stdout.write(_drawn(picture, output_format))


def _drawn(picture: Picture, output_format: GraphFormat) -> str:
    from releaser.reports import graph, graph_markup, graph_svg, graph_text

    match output_format:
        case GraphFormat.TEXT:
            return graph_text.graph_text(picture)
        case GraphFormat.MERMAID:
            return graph_markup.graph_mermaid(picture)
        case GraphFormat.DOT:
            return graph_markup.graph_dot(picture)
        case GraphFormat.SVG:
            return graph_svg.graph_svg(picture)
        case GraphFormat.JSON:
            return graph.graph_json(picture)


def _planned(project: Project, request: Request) -> Mapping[str, Doing]:
    """What a release would do now; engine and registries are asked."""
    from releaser.reports.graph import Doing
    from releaser.reports.text import reason_words

    plan = prepare(project, adapters(project), request).plan
    say_concerns(plan.concerns)
    return {one.name: Doing(one.action.value, reason_words(one)) for one in plan.images}


def _saved(path: Path, project: Project) -> Mapping[str, Doing]:
    """What a saved plan does, as far as it says so of images."""
    from releaser.cli.reporting import read_bounded
    from releaser.core.saved_plan import MAX_BYTES, SavedPlan
    from releaser.reports.graph import Doing
    from releaser.reports.text import words_of

    plan = SavedPlan.parse(read_bounded(path, MAX_BYTES), str(path))
    if plan.data.get("project") != project.spec.project:
        raise SpecError(f'{path} is a plan of "{plan.data.get("project")}"')
    return {
        name: Doing(action, words_of(code, detail)) for name, action, code, detail in plan.reasons()
    }
