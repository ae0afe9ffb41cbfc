"""Full references, as other tools write them, as registries, repositories and tags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from releaser.core.template import render_known
from releaser.importing.draft import Losses, Value

HUB = "docker.io"
LATEST = "latest"

_NAMES = {
    HUB: "hub", "index.docker.io": "hub", "ghcr.io": "ghcr", "registry.gitlab.com": "gitlab",
    "quay.io": "quay", "gcr.io": "gcr", "public.ecr.aws": "ecr", "localhost": "local",
    "127.0.0.1": "local",
}  # fmt: skip
_ENDINGS = {".amazonaws.com": "ecr", ".azurecr.io": "acr", "-docker.pkg.dev": "gar"}


@dataclass(frozen=True, slots=True)
class Place:
    """A reference taken apart: the segments of its repository, and its tag ("" for none).

    The first segment is the registry's host. There are no ``segments`` but one where the reference
    names no registry and no account. Placeholders may stand in all of it.
    """

    segments: tuple[str, ...]
    tag: str

    @property
    def is_bare(self) -> bool:
        """Whether it is a mere name, which can only be pushed once somebody says where."""
        return len(self.segments) == 1


@dataclass(frozen=True, slots=True)
class Home:
    """Where one image goes: its repository below each registry's prefix, and its tags."""

    repository: str
    push_to: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(slots=True)
class Places:
    """All registries of a draft, by name."""

    registries: dict[str, Value] = field(default_factory=dict)
    homes: dict[str, Home] = field(default_factory=dict)


def divided(reference: str) -> tuple[str, str]:
    """The path of a reference and its tag, "" where it has none; a port is no tag."""
    path, colon, tag = reference.rpartition(":")
    return (path, tag) if colon and "/" not in tag else (reference, "")


def place_of(reference: str, values: Mapping[str, str]) -> Place:
    """A reference taken apart; ``values`` tell what its placeholders stand for now."""
    path, tag = divided(reference)
    path = path.partition("@")[0].strip("/")
    head, slash, rest = path.partition("/")
    shown = render_known(head, values)
    has_host = bool(re.match(r"localhost(?:/|$)|[^/]*[.:]", shown))
    if slash and has_host and "{{" in head and "/" not in render_known(rest, values).strip("/"):
        return Place((head, rest.strip("/")), tag)  # the placeholder is the whole prefix
    concrete = render_known(path, values)
    if concrete.count("/") != path.count("/"):
        return place_of(concrete + (f":{tag}" if tag else ""), {})
    if not slash:
        return Place((path,), tag)
    return Place(tuple(path.split("/")) if has_host else (HUB, *path.split("/")), tag)


def settle(
    images: Mapping[str, Sequence[Place]],
    values: Mapping[str, str],
    losses: Losses,
    fallback: str,
) -> Places:
    """The registries that all of ``images`` together need, and what each image says.

    Where a reference is a mere name, it goes to the registry ``fallback`` (a prefix).
    """
    found = Places()
    full = {
        name: [_whole(one, fallback) for one in places] for name, places in images.items() if places
    }
    prefixes = _prefixes([one.segments for places in full.values() for one in places])
    names: dict[tuple[str, ...], str] = {}
    known: dict[str, str] = {}
    for prefix in dict.fromkeys(prefixes.values()):
        text = "/".join(prefix)
        shown = render_known(text, values)
        if shown not in known:
            known[shown] = registry_name(shown.partition("/")[0], found.registries)
            found.registries[known[shown]] = text
        names[prefix] = known[shown]
    for name, places in full.items():
        found.homes[name] = _home(name, places, prefixes, names, losses)
    return found


def registry_name(host: str, taken: Iterable[str] = ()) -> str:
    """A short name for a registry, none of ``taken``."""
    bare = host.partition(":")[0]
    name = _NAMES.get(bare) or next((n for end, n in _ENDINGS.items() if bare.endswith(end)), "")
    name = name or "".join(c for c in bare.split(".")[0] if c.isalnum() or c in "-_") or "registry"
    known, number = set(taken), 1
    found = name
    while found in known:
        number += 1
        found = f"{name}-{number}"
    return found


def _whole(place: Place, fallback: str) -> Place:
    if not place.is_bare:
        return place
    return Place((*fallback.split("/"), *place.segments), place.tag)


def _prefixes(paths: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """For each repository the prefix that it shares with others of its host and account."""
    families: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for path in dict.fromkeys(paths):
        families.setdefault(path[:2] if len(path) > 2 else path[:1], []).append(path)
    found = {}
    for members in families.values():
        shared = list(members[0][:-1])
        for path in members:
            while shared and path[: len(shared)] != tuple(shared):
                shared.pop()
            shared = shared[: len(path) - 1]
        found.update({path: tuple(shared) for path in members})
    return found


def _home(
    name: str,
    places: Sequence[Place],
    prefixes: Mapping[tuple[str, ...], tuple[str, ...]],
    names: Mapping[tuple[str, ...], str],
    losses: Losses,
) -> Home:
    by_path: dict[str, dict[str, list[str]]] = {}
    for one in places:
        prefix = prefixes[one.segments]
        path = "/".join(one.segments[len(prefix) :])
        tags = by_path.setdefault(path, {}).setdefault(names[prefix], [])
        tags.append(one.tag or LATEST)
    chosen = max(by_path, key=lambda path: len(by_path[path]))
    for path, registries in by_path.items():
        if path != chosen:
            why = f"an image has one path in all registries, here {chosen}"
            losses.add(f"image {name}", f"{path} in {', '.join(registries)}", why)
    taken = by_path[chosen]
    all_tags = tuple(dict.fromkeys(tag for tags in taken.values() for tag in tags))
    if any(set(tags) != set(all_tags) for tags in taken.values()):
        why = f"all of them go to each of {', '.join(taken)}"
        losses.add(f"image {name}", "tags that differ between registries", why)
    return Home(chosen, tuple(taken), all_tags)
