"""What images and groups are called in a bake file, whose names have letters, digits, ``_``, ``-``.

A name that is legal there stays; another makes way for it and for those before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

DEFAULT = "default"
"""The group, or else the target, that bake builds where none is named."""
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class BakeNames:
    """Each image's target, each group's name, and what the group of all images is called."""

    targets: Mapping[str, str]
    groups: Mapping[str, str]
    everything: str

    def changes(self) -> tuple[str, ...]:
        """What is not called in the file as in the spec, each in a sentence."""
        found = [f'image "{a}" is the target "{b}"' for a, b in self.targets.items() if a != b]
        found += [f'group "{a}" is called "{b}"' for a, b in self.groups.items() if a != b]
        if self.everything != DEFAULT:
            what = f'"{self.everything}", for an image is called "{DEFAULT}"'
            found.append(f"the group of all images is called {what}")
        return tuple(found)


def bake_names(images: Iterable[str], groups: Iterable[str]) -> BakeNames:
    """The names of ``images`` and ``groups``, which are different from each other."""
    names = dict.fromkeys(images), dict.fromkeys(groups)
    taken = {DEFAULT, *(one for some in names for one in some if not _ILLEGAL.search(one))}
    targets, grouped = ({one: _name(one, taken) for one in some} for some in names)
    # Bake takes a target for lost that has the name of a group which lists it.
    everything = _free("all", taken) if DEFAULT in targets else DEFAULT
    return BakeNames(targets, grouped, everything)


def _name(name: str, taken: set[str]) -> str:
    return _free(_ILLEGAL.sub("_", name), taken) if _ILLEGAL.search(name) else name


def _free(wanted: str, taken: set[str]) -> str:
    """``wanted``, numbered where that is taken already."""
    free, number = wanted, 1
    while free in taken:
        number += 1
        free = f"{wanted}-{number}"
    taken.add(free)
    return free
