"""Where images are: the repository of each in each registry that a command is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from releaser.core.graph import choose
from releaser.core.oci import Repository
from releaser.core.spec import Spec
from releaser.core.spec.nearest import listed, nearest
from releaser.errors import SpecError


@dataclass(frozen=True, slots=True)
class Place:
    """An image in a registry."""

    image: str
    registry: str
    repository: Repository


def places(spec: Spec, images: Sequence[str], registries: Sequence[str]) -> tuple[Place, ...]:
    """The places of ``images`` (all, where none is named) in ``registries``.

    Where no registry is named, those that each image goes to. One that no image goes to by itself,
    because only promotions lead there, has all images that go anywhere.

    Raises:
        SpecError: there is no such image or registry, or nothing is left.
    """
    for name in registries:
        check_registry(spec, name)
    found = tuple(
        Place(image, name, spec.repository(image, name))
        for image in choose(spec, images)
        for name in (registries or spec.push_to(image))
        if not registries or may_be_in(spec, image, name)
    )
    if not found:
        raise SpecError("none of the images goes to a registry", hint="look at push_to")
    return found


def may_be_in(spec: Spec, image: str, registry: str) -> bool:
    """Whether an image goes to a registry, by a release or by a promotion."""
    goes = spec.push_to(image)
    return registry in goes or (bool(goes) and not _is_released_to(spec, registry))


def check_registry(spec: Spec, name: str) -> None:
    """Raise :class:`SpecError` where no registry of the spec is called ``name``."""
    if name not in spec.registries:
        near = nearest(name, tuple(spec.registries))
        raise SpecError(
            f'unknown registry "{name}"',
            details=(("declared", listed(tuple(spec.registries)) or "none"),),
            hint=f'did you mean "{near}"?' if near else None,
        )


def _is_released_to(spec: Spec, registry: str) -> bool:
    return any(registry in spec.push_to(image) for image in spec.images)
