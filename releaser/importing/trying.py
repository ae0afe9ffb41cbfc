"""Tries a draft: what the loader or the checks refuse is written all the same, and not enabled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from releaser import loader
from releaser.core.graph import ImageGraph
from releaser.errors import PlanError, SpecError
from releaser.importing.draft import Draft, ImageDraft
from releaser.importing.writing import write
from releaser.interfaces import Contexts
from releaser.pipeline import Project, check

NAME = "images.yaml"


@dataclass(frozen=True, slots=True)
class Tried:
    """A draft that passes, its text and its graph; ``refused`` says why images are not enabled.

    There is no ``graph`` where no image is enabled: then the file is there to be mended by hand.
    """

    draft: Draft
    text: str
    graph: ImageGraph | None
    refused: Mapping[str, str]


def tried(draft: Draft, root: Path, contexts: Contexts) -> Tried:
    """The draft as it passes in the folder ``root``.

    Raises:
        SpecError, PlanError: it does not, even with those images left out that do not alone.
    """
    try:
        return _passed(draft, root, contexts, {})
    except (SpecError, PlanError):
        refused = _refused(draft, root, contexts, together=False)
    try:
        return _passed(_without(draft, refused), root, contexts, refused)
    except (SpecError, PlanError):  # some pass alone, and not beside others
        refused = _refused(draft, root, contexts, together=True)
    left = _without(draft, refused)
    if not any(one.enabled for one in left.images):
        return Tried(left, write(left), None, refused)
    return _passed(left, root, contexts, refused)


def _without(draft: Draft, refused: Mapping[str, str]) -> Draft:
    return draft.with_images(
        _disabled(one, refused[one.name]) if one.name in refused else one for one in draft.images
    )


def _passed(draft: Draft, root: Path, contexts: Contexts, refused: Mapping[str, str]) -> Tried:
    text = write(draft)
    return Tried(draft, text, _graph(text, root, contexts), refused)


def _graph(text: str, root: Path, contexts: Contexts) -> ImageGraph:
    loaded = loader.load(text.encode(), NAME, project=root.name)
    project = Project(loaded.spec, str(root), loaded.location, loaded.concerns)
    return check(project, contexts).graph


def _refused(draft: Draft, root: Path, contexts: Contexts, *, together: bool) -> dict[str, str]:
    """Why images do not pass, each with nothing but what it stands on beside it.

    Where they are tried ``together``, all that passed before are there as well.
    """
    found: dict[str, str] = {}
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
            ahead += [*_needed(by_name[name]), *_extended(by_name[name])]
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


def _extended(image: ImageDraft) -> list[str]:
    extends = image.fields.get("extends", [])
    return [str(one) for one in (extends if isinstance(extends, list) else [extends])]


def _needed(image: ImageDraft) -> set[str]:
    """The images that one names, and those that its Dockerfile was seen to stand on."""
    needs, contexts = image.fields.get("needs"), image.fields.get("additional_contexts")
    named = needs.values() if isinstance(needs, dict) else needs if isinstance(needs, list) else ()
    links = contexts.values() if isinstance(contexts, dict) else ()
    texts = (str(one).partition(":") for one in links)
    found = {name for scheme, _, name in texts if scheme in {"target", "service"}}
    return found | {str(one) for one in named if one} | set(image.upstreams)


def _disabled(image: ImageDraft, why: str) -> ImageDraft:
    return image.having(enabled=False).said(f"Not enabled: {why}.")


def _complaint(error: SpecError | PlanError) -> str:
    at = error.at if error.at is not None and error.at.file != NAME else None
    return f"{at}: {error.message}" if at else error.message
