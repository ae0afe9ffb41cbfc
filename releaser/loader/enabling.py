"""The spec without the images that are not enabled, which knows where those are."""

from __future__ import annotations

from collections.abc import Iterable

from releaser.core.spec import Spec
from releaser.core.spec.groups import enabled_groups, needs_of
from releaser.core.spec.switched_off import SwitchedOff
from releaser.errors import Location
from releaser.loader.complaints import Path, find
from releaser.loader.yaml_tree import Map


def enabled(spec: Spec, tree: Map, file: str) -> Spec:
    """The spec with the images that are enabled; defaults are in them."""
    images = {
        name: one.model_copy(update={"needs": needs_of(spec, name)})
        if any(provider in spec.groups for _, provider in one.needs)
        else one
        for name, one in spec.images.items()
        if one.enabled
    }
    groups = enabled_groups(spec)
    images_off = [("images", name, "enabled") for name in spec.images if name not in images]
    groups_off = [("groups", name) for name in spec.groups if name not in groups]
    off = SwitchedOff(_places(images_off, tree, file), _places(groups_off, tree, file))
    return spec.of_enabled(images, groups, off)


def _places(paths: Iterable[Path], tree: Map, file: str) -> dict[str, Location]:
    found = {}
    for path in paths:
        place = find(tree, path)
        found[str(path[1])] = Location(place.file or file, place.line, place.column)
    return found
