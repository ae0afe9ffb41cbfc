"""Which image stands on which: edges read from the Dockerfiles, a stable order, and selections.

An image *needs* its upstreams; its *dependants* need it. A reference in a Dockerfile belongs to a
declared image when it names the image's repository in any registry, or is the image's bare name
without a tag. A reference that is pinned to a digest asks for exactly that content, so it is never
ours; neither is an image's reference to itself, which means an earlier release of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from releaser.core.oci import Reference, Repository
from releaser.core.spec import Spec
from releaser.core.spec.groups import Groups, members
from releaser.core.spec.nearest import listed, nearest, selected
from releaser.core.spec.switched_off import NOTHING_OFF, SwitchedOff
from releaser.errors import Location, PlanError, SpecError

NO_GROUPS: Groups = {}


@dataclass(frozen=True, slots=True)
class Edge:
    """One image needs another: the references that say so, and where the first of them stands."""

    image: str
    needs: str
    names: tuple[str, ...]
    at: Location
    instruction: str

    def __str__(self) -> str:
        return f"{self.at} {self.instruction}"


@dataclass(frozen=True, slots=True)
class Owners:
    """Answers which declared image a reference belongs to."""

    images: frozenset[str]
    repositories: Mapping[Repository, str]

    @classmethod
    def of(cls, spec: Spec) -> Owners:
        """The owners of every reference under ``spec``; of two in one repository, the first."""
        repositories: dict[Repository, str] = {}
        for image in spec.images:
            for repository in spec.repositories(image):
                repositories.setdefault(repository, image)
        return cls(frozenset(spec.images), repositories)

    def of_reference(self, text: str) -> str | None:
        """The image that ``text`` belongs to, or ``None`` where it is not one of ours."""
        if text in self.images:
            return text
        try:
            reference = Reference.parse(text)
        except SpecError:
            return None
        return None if reference.digest else self.repositories.get(reference.repository)


@dataclass(frozen=True, slots=True)
class Mention:
    """An image's definition mentions another image.

    ``reference`` is what it asks for, ``name`` how its Dockerfile calls it (another word where an
    additional context gives it one), ``at`` where, ``instruction`` in which words.
    """

    reference: str
    name: str
    at: Location
    instruction: str


def edges_of(
    image: str,
    needs: Iterable[tuple[str, str | None]],
    mentions: Iterable[Mention],
    owners: Owners,
    spec_at: Location,
) -> tuple[tuple[Edge, ...], tuple[Mention, ...]]:
    """The edges of one image, and its mentions of images that are none of ours.

    ``needs`` wins over the Dockerfile: it can give a reference to another image, or say that it is
    none of ours; a name alone adds an edge that no instruction shows.
    """
    said = dict(needs)
    found: dict[str, Edge] = {}
    others: list[Mention] = []
    for one in mentions:
        owner = said[one.name] if one.name in said else owners.of_reference(one.reference)
        if owner is None or owner == image:
            others.append(one)
        elif owner not in found:
            found[owner] = Edge(image, owner, (one.name,), one.at, one.instruction)
        elif one.name not in found[owner].names:
            found[owner] = replace(found[owner], names=(*found[owner].names, one.name))
    for owner in said.values():
        if owner is not None and owner != image and owner not in found:
            found[owner] = Edge(image, owner, (), spec_at, f"needs: {owner}")
    return tuple(found.values()), tuple(others)


@dataclass(frozen=True)
class ImageGraph:
    """The images of a spec in a stable order, upstreams first, with the edges between them."""

    images: tuple[str, ...]
    edges: tuple[Edge, ...]
    _needs: dict[str, tuple[Edge, ...]] = field(init=False, repr=False, compare=False)
    _dependants: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    order: tuple[str, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        needs: dict[str, list[Edge]] = {image: [] for image in self.images}
        dependants: dict[str, list[str]] = {image: [] for image in self.images}
        for edge in self.edges:
            needs[edge.image].append(edge)
            dependants[edge.needs].append(edge.image)
        object.__setattr__(self, "_needs", {name: tuple(found) for name, found in needs.items()})
        object.__setattr__(self, "_dependants", {n: tuple(d) for n, d in dependants.items()})
        object.__setattr__(self, "order", self._sorted())

    def edges_from(self, image: str) -> tuple[Edge, ...]:
        """The edges from ``image`` to what it needs."""
        return self._needs[image]

    def needs(self, image: str) -> tuple[str, ...]:
        """The images that ``image`` stands on directly."""
        return tuple(edge.needs for edge in self._needs[image])

    def dependants(self, image: str) -> tuple[str, ...]:
        """The images that stand on ``image`` directly."""
        return self._dependants[image]

    def with_upstreams(self, images: Iterable[str]) -> tuple[str, ...]:
        """``images`` and everything that they stand on, in order."""
        return self._reached(images, {image: self.needs(image) for image in self.images})

    def with_dependants(self, images: Iterable[str]) -> tuple[str, ...]:
        """``images`` and everything that stands on them, in order."""
        return self._reached(images, self._dependants)

    def _reached(
        self, images: Iterable[str], steps: Mapping[str, Sequence[str]]
    ) -> tuple[str, ...]:
        seen: set[str] = set()
        ahead = list(images)
        while ahead:
            image = ahead.pop()
            if image not in seen:
                seen.add(image)
                ahead.extend(steps[image])
        return tuple(image for image in self.order if image in seen)

    def levels(self) -> dict[str, int]:
        """How many images at most lie between each image and one that needs nothing."""
        level: dict[str, int] = {}
        for image in self.order:
            level[image] = 1 + max((level[need] for need in self.needs(image)), default=-1)
        return level

    def _sorted(self) -> tuple[str, ...]:
        """Upstreams first; among what is ready, the spec's order (Kahn's algorithm by levels)."""
        missing = {image: len(self._needs[image]) for image in self.images}
        wave = [image for image in self.images if not missing[image]]
        position = {image: index for index, image in enumerate(self.images)}
        order: list[str] = []
        while wave:
            order.extend(wave)
            following = []
            for image in wave:
                for dependant in self._dependants[image]:
                    missing[dependant] -= 1
                    if not missing[dependant]:
                        following.append(dependant)
            wave = sorted(following, key=position.__getitem__)
        if len(order) < len(self.images):
            raise self._cycle_error([image for image in self.images if missing[image]])
        return tuple(order)

    def _cycle_error(self, stuck: Sequence[str]) -> PlanError:
        """The error that prints a cycle among ``stuck`` as a path, an edge a line."""
        edges = list(self._cycle(stuck))
        path = " → ".join([*(edge.image for edge in edges), edges[0].image])
        return PlanError(
            f"images need each other in a cycle: {path}",
            details=[(f"{edge.image} needs {edge.needs}", str(edge)) for edge in edges],
            hint="break one of these edges; needs: {REFERENCE: null} makes one an outside image",
        )

    def _cycle(self, stuck: Sequence[str]) -> Iterator[Edge]:
        """The edges of one cycle: every stuck image needs a stuck one, so a walk meets itself."""
        among = set(stuck)
        walked: dict[str, Edge] = {}
        image = stuck[0]
        while image not in walked:
            walked[image] = next(edge for edge in self._needs[image] if edge.needs in among)
            image = walked[image].needs
        start = image
        while True:
            yield walked[image]
            image = walked[image].needs
            if image == start:
                return


def choose(spec: Spec, patterns: Sequence[str]) -> tuple[str, ...]:
    """The images of a spec that names, globs and groups mean; see :func:`select`."""
    return select(tuple(spec.images), patterns, spec.groups, spec.off)


def select(
    images: Sequence[str],
    patterns: Sequence[str],
    groups: Groups = NO_GROUPS,
    off: SwitchedOff = NOTHING_OFF,
) -> tuple[str, ...]:
    """The images that names, globs and ``groups`` of a command line mean; all where none are given.

    Raises:
        SpecError: a pattern matches nothing, or what is ``off``.
    """
    wanted = [
        name
        for one in patterns
        for name in (members(one, groups, images) if one in groups else (one,))
    ]

    def unknown(pattern: str) -> SpecError:
        return off.complaint(pattern) or _unknown_image(pattern, (*images, *groups))

    return selected(images, wanted, _matches, unknown)


def _matches(image: str, pattern: str) -> bool:
    return image == pattern or fnmatchcase(image, pattern)


def _unknown_image(pattern: str, images: Sequence[str]) -> SpecError:
    near = nearest(pattern, tuple(images))
    kind = "no image matches" if any(c in pattern for c in "*?[") else "unknown image"
    return SpecError(
        f'{kind} "{pattern}"',
        details=(("declared", listed(images)),),
        hint=f'did you mean "{near}"?' if near else None,
    )
