"""Tries a draft: what the loader or the checks refuse is written all the same, and not enabled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from releaser import loader
from releaser.core.graph import ImageGraph
from releaser.errors import PlanError, SpecError
from releaser.importing.draft import Draft, ImageDraft, without_login
from releaser.importing.legible import (
    check_legible,
    names_of,
    with_legible_images,
    with_sound_frame,
)
from releaser.importing.writing import NAME, write
from releaser.interfaces import Contexts
from releaser.pipeline import Project, check


@dataclass(frozen=True, slots=True)
class Tried:
    """A draft that loads, and passes where an image of it is enabled: its text and its graph.

    ``refused`` says why images are not enabled.
    """

    draft: Draft
    text: str
    graph: ImageGraph
    refused: Mapping[str, str]


def tried(draft: Draft, root: Path, contexts: Contexts) -> Tried:
    """The draft as it passes in the folder ``root``.

    Where no image passes, all are there and none is enabled: such a file is right but for that.

    Raises:
        SpecError, PlanError: it does not, even with those images left out that do not alone.
    """
    before = {one.name: one.refused for one in draft.images if one.refused}
    try:
        return _passed(draft, root, contexts, before)
    except (SpecError, PlanError):
        draft = with_sound_frame(draft, root.name)
        refused = _refused(draft, root, contexts, before, together=False)
    try:
        return _passed(_without(draft, refused, root), root, contexts, refused)
    except (SpecError, PlanError):  # some pass alone, and not beside others
        refused = _refused(draft, root, contexts, before, together=True)
    return _passed(_without(draft, refused, root), root, contexts, refused)


def _without(draft: Draft, refused: Mapping[str, str], root: Path) -> Draft:
    off = draft.with_images(
        one.disabled(refused[one.name]) if one.enabled and one.name in refused else one
        for one in draft.images
    )
    return with_legible_images(off, root.name)


def _passed(draft: Draft, root: Path, contexts: Contexts, refused: Mapping[str, str]) -> Tried:
    text = write(draft)
    if any(one.enabled for one in draft.images):
        return Tried(draft, text, _graph(text, root, contexts), refused)
    check_legible(draft, root.name)
    return Tried(draft, text, ImageGraph((), ()), refused)


def _graph(text: str, root: Path, contexts: Contexts) -> ImageGraph:
    loaded = loader.load(text.encode(), NAME, project=root.name)
    project = Project(loaded.spec, str(root), loaded.location, loaded.concerns)
    return check(project, contexts).graph


def _refused(
    draft: Draft, root: Path, contexts: Contexts, before: Mapping[str, str], *, together: bool
) -> dict[str, str]:
    """Why images do not pass, each with nothing but what it stands on beside it.

    Where they are tried ``together``, all that passed before are there as well.
    """
    found = dict(before)
    by_name = {one.name: one for one in draft.images}
    kept: list[str] = []
    for image in _upstreams_first(by_name):
        if not image.enabled:
            continue
        bad = sorted(_needed(image) & found.keys())
        if bad:
            found[image.name] = f"it stands on {bad[0]}, which is not enabled"
            continue
        beside = _closure([*(kept if together else ()), image.name], by_name)
        alone = replace(draft, groups={}, lost=()).with_images(
            [one for one in draft.images if one.name in beside]
        )
        try:
            _graph(write(alone), root, contexts)
            kept.append(image.name)
        except (SpecError, PlanError) as error:
            found[image.name] = _complaint(error)
    return found


def _closure(names: Iterable[str], by_name: Mapping[str, ImageDraft]) -> set[str]:
    seen: set[str] = set()
    ahead = list(names)
    while ahead:
        name = ahead.pop()
        if name in by_name and name not in seen:
            seen.add(name)
            ahead += [*_needed(by_name[name]), *names_of(by_name[name])]
    return seen


def _upstreams_first(by_name: Mapping[str, ImageDraft]) -> list[ImageDraft]:
    found: dict[str, ImageDraft] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in by_name and name not in found and name not in above:
            for one in sorted(_needed(by_name[name])):
                visit(one, (*above, name))
            found[name] = by_name[name]

    for name in by_name:
        visit(name, ())
    return list(found.values())


def _needed(image: ImageDraft) -> set[str]:
    """The images that one names, and those that its Dockerfile was seen to stand on."""
    needs, contexts = image.fields.get("needs"), image.fields.get("additional_contexts")
    named = needs.values() if isinstance(needs, dict) else needs if isinstance(needs, list) else ()
    links = contexts.values() if isinstance(contexts, dict) else ()
    texts = (str(one).partition(":") for one in links)
    found = {name for scheme, _, name in texts if scheme in {"target", "service"}}
    return found | {str(one) for one in named if one} | set(image.upstreams)


def _complaint(error: SpecError | PlanError) -> str:
    at = error.at if error.at is not None and error.at.file != NAME else None
    return without_login(f"{at}: {error.message}" if at else error.message)
