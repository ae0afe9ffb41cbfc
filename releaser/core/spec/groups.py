"""Groups of images: names for several of them, usable wherever an image's name is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from releaser.core.spec.models import Spec
from releaser.core.spec.nearest import listed as listed_names
from releaser.core.spec.nearest import nearest
from releaser.core.spec.problem import Problem

Groups = Mapping[str, Sequence[str]]
"""What each group lists: images, globs, and other groups."""


def members(group: str, groups: Groups, images: Sequence[str]) -> tuple[str, ...]:
    """The images of a group, in the order of ``images``; those of groups in it included."""
    wanted = set(_patterns(group, groups, set()))
    globs = [one for one in wanted if _is_glob(one)]
    return tuple(
        name
        for name in images
        if name in wanted or any(fnmatchcase(name, pattern) for pattern in globs)
    )


def _patterns(group: str, groups: Groups, seen: set[str]) -> Iterator[str]:
    """What a group and all groups in it list; a circle is gone round once."""
    seen.add(group)
    for one in groups[group]:
        if one not in groups:
            yield one
        elif one not in seen:
            yield from _patterns(one, groups, seen)


def enabled_groups(spec: Spec) -> dict[str, tuple[str, ...]]:
    """The groups without what is not enabled; one that is left with nothing is left out."""
    images = [name for name, one in spec.images.items() if one.enabled]
    full = {name for name in spec.groups if members(name, spec.groups, images)}
    return {
        name: tuple(one for one in listed if _is_left(one, full, images))
        for name, listed in spec.groups.items()
        if name in full
    }


def _is_left(one: str, groups: set[str], images: Sequence[str]) -> bool:
    return one in groups or one in images or any(fnmatchcase(name, one) for name in images)


def needs_of(spec: Spec, image: str) -> tuple[tuple[str, str | None], ...]:
    """What an image needs, with all other members that are enabled in place of a group."""
    enabled = [name for name, one in spec.images.items() if one.enabled and name != image]
    found: dict[str, str | None] = {}
    for reference, provider in spec.images[image].needs:
        if provider is not None and provider in spec.groups and provider not in spec.images:
            more = members(provider, spec.groups, enabled)
            found = {**{one: one for one in more}, **found}
        else:
            found[reference] = provider
    return tuple(found.items())


def group_problems(spec: Spec) -> Iterator[Problem]:
    """Groups that are called like an image, list what is not there, or contain themselves."""
    for name, listed in spec.groups.items():
        here = ("groups", name)
        if name in spec.images:
            yield Problem(here, f'"{name}" is an image and a group', "rename one", about_key=True)
        if not listed:
            yield Problem(here, f'group "{name}" lists nothing', about_key=True)
        for index, one in enumerate(listed):
            yield from _listed_problems((*here, index), name, one, spec)


def _listed_problems(
    path: tuple[str | int, ...], group: str, one: str, spec: Spec
) -> Iterator[Problem]:
    if one in spec.groups:
        if one == group or group in _reached(one, spec.groups):
            yield Problem(path, f'group "{group}" contains itself')
    elif _is_glob(one):
        if not any(fnmatchcase(name, one) for name in spec.images):
            images = (("images", listed_names(tuple(spec.images))),)
            yield Problem(path, f'no image matches "{one}"', details=images)
    elif one not in spec.images:
        choices = tuple(dict.fromkeys((*spec.images, *spec.groups)))
        near = nearest(one, choices)
        hint = f'did you mean "{near}"?' if near else None
        allowed = (("allowed", listed_names(choices)),)
        yield Problem(path, f'unknown image "{one}" in group "{group}"', hint, allowed)


def _reached(group: str, groups: Groups) -> set[str]:
    seen: set[str] = set()
    list(_patterns(group, groups, seen))
    return seen


def _is_glob(text: str) -> bool:
    return any(character in text for character in "*?[")
