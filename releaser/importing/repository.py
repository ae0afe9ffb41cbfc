"""A whole repository as a draft: what other tools' files say, then the Dockerfiles they leave."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from releaser.importing.bake import from_bake
from releaser.importing.compose import from_compose
from releaser.importing.draft import Draft, ImageDraft, Value, effective
from releaser.importing.edges import path_of, with_edges
from releaser.importing.layout import Names, images_of
from releaser.importing.places import registry_name
from releaser.importing.remote import Origin, registry_of
from releaser.importing.renaming import legal, with_legal_names
from releaser.importing.scan import Scan, scan, text_at, unread_beside
from releaser.interfaces import Contexts
from releaser.reports.words import counted


def from_repository(
    root: Path, contexts: Contexts, origin: Origin, registry: str | None = None
) -> Draft:
    """The draft of the folder ``root``; without images where no Dockerfile is there.

    ``registry`` is the prefix that images go to, whatever the git remote says.

    Raises:
        SpecError: a file of another tool cannot be read.
    """
    found = scan(root)
    project = legal(origin.name or root.name.lower())
    prefix, why = registry_of(origin, project) if registry is None else (registry, "")
    draft = _of_tools(found, root, project, prefix)
    names = Names(project, {one.name for one in draft.images})
    by_name = {one.name: one for one in draft.images}
    whole = [effective(one, by_name) for one in draft.images]
    covered = {
        path_of(one)
        for one in whole
        if one.enabled or {"context", "dockerfile"} & one.fields.keys()
    }
    more = tuple(images_of(found, str(root), contexts, names, covered))
    draft = draft.with_images((*draft.images, *more)).losing(*found.lost)
    draft = with_edges(
        placed(draft, prefix, why, commanded=registry is not None), found.dockerfiles, origin.owner
    )
    if found.dockerfiles:
        draft = draft.finding(counted(len(found.dockerfiles), "Dockerfile"))
    return draft


def _of_tools(found: Scan, root: Path, project: str, prefix: str) -> Draft:
    if found.bake:
        text = text_at(root, found.bake)
        draft = from_bake(text, found.bake, project=project, folder=".", registry=prefix)
        if found.compose:
            draft = draft.finding(f"{found.compose}: not read, since {found.bake} is there")
        return with_legal_names(draft)
    if found.compose:
        text = text_at(root, found.compose)
        draft = from_compose(text, found.compose, project=project, folder=".", registry=prefix)
        draft = draft.losing(*unread_beside(root))
        return with_legal_names(draft)
    return Draft(project, "the Dockerfiles of this repository")


def placed(draft: Draft, prefix: str, why: str, *, commanded: bool) -> Draft:
    """The draft with a registry: the one that was asked for, or where other files give none."""
    if draft.registries and not commanded:
        return draft
    comment = f'Where images go: the image "api" to {prefix}/api.'
    if why:
        comment = f"{comment} This is {why}." if "git remote is" in why else f"{comment} {why}."
    name = registry_name(prefix.partition("/")[0])
    registries: dict[str, Value] = {name: prefix}
    images = [_anywhere(one) for one in draft.images]
    placed = replace(draft, registries=registries, registry_comment=comment)
    return placed.with_images(images)


def _anywhere(image: ImageDraft) -> ImageDraft:
    """An image that goes to all registries, unless it goes to none."""
    kept = {key: one for key, one in image.fields.items() if key != "push_to" or one == []}
    return replace(image, fields=kept)
