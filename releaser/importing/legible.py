"""Leaves out of a draft what would keep its file from being read: a file that is made loads.

An image that is not enabled is read all the same: a name that no image may have, or a placeholder
that stands for nothing, is an error of the file there as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from releaser import loader
from releaser.errors import SpecError
from releaser.importing.draft import Draft, ImageDraft, Lost, Value
from releaser.importing.renaming import legal
from releaser.importing.writing import NAME, write


def check_legible(draft: Draft, project: str) -> None:
    """Raise :class:`SpecError` where the file cannot be read, be anything enabled or not."""
    probe = "probe"
    while probe in {one.name for one in draft.images}:
        probe += "-"
    shown = replace(draft, lost=()).with_images([*draft.images, ImageDraft(f"{probe}0")])
    loader.load(write(shown).encode(), NAME, project=project)


def with_sound_frame(draft: Draft, project: str) -> Draft:
    """The draft without those variables, registries and policies that are no legal ones."""
    if _complaint(replace(draft, groups={}).with_images(()), project) is None:
        return draft
    lost: list[Lost] = []

    def sound(section: str, only: Callable[[Mapping[str, Value]], Draft]) -> dict[str, Value]:
        kept: dict[str, Value] = {}
        for key, value in getattr(draft, section).items():
            why = _complaint(only({key: value}), project)
            if why is None:
                kept[key] = value
            else:
                lost.append(Lost(section, key, f"{why}: it is left out"))
        return kept

    bare = replace(draft, vars={}, registries={}, tag_policies={}, groups={}).with_images(())
    variables = sound("vars", lambda one: replace(bare, vars=one))
    known = replace(bare, vars=variables)
    registries = sound("registries", lambda one: replace(known, registries=one))
    policies = sound("tag_policies", lambda one: replace(known, tag_policies=one))
    kept = replace(draft, vars=variables, registries=registries, tag_policies=policies)
    return kept.losing(*lost)


def with_legible_images(draft: Draft, project: str) -> Draft:
    """The draft with nothing but a name for those images that cannot even be read."""
    if _complaint(draft, project) is None:
        return draft
    found: list[ImageDraft] = []
    lost: list[Lost] = []
    by_name = {one.name: one for one in draft.images}
    for image in draft.images:
        beside = [by_name[one] for one in extended(image, by_name)]
        alone = replace(draft, groups={}).with_images([*beside, image])
        why = None if image.enabled else _complaint(alone, project)
        if why is not None:
            lost.append(Lost(f"image {image.name}", "all that is said of it", why))
            bare = replace(image, name=legal(image.name), fields={"enabled": False})
            found.append(replace(bare, upstreams=frozenset()))
        else:
            found.append(image)
    return draft.with_images(found).losing(*lost)


def extended(image: ImageDraft, by_name: dict[str, ImageDraft]) -> list[str]:
    """The images that one extends, and those that these extend, itself not among them."""
    found: dict[str, None] = {}
    ahead = names_of(image)
    while ahead:
        name = ahead.pop()
        if name in by_name and name not in found and name != image.name:
            found[name] = None
            ahead += names_of(by_name[name])
    return list(found)


def names_of(image: ImageDraft) -> list[str]:
    """The images that one names to extend."""
    extends = image.fields.get("extends", [])
    return [str(one) for one in (extends if isinstance(extends, list) else [extends])]


def _complaint(draft: Draft, project: str) -> str | None:
    try:
        check_legible(draft, project)
    except SpecError as error:
        return error.message
    return None
