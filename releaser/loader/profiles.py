"""Profiles: what a file says of itself for another use, put upon it when it is asked for.

A profile that several files have holds for each of them. What it says of images is put upon them
when all are known, and there the first file has the last word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from releaser.core.spec import Spec, unknown
from releaser.core.spec.nearest import nearest
from releaser.errors import SpecError
from releaser.loader.layering import as_image, inherited, merge
from releaser.loader.notes import Notes, child
from releaser.loader.yaml_tree import Entry, Map, Null, map_like, replaced

SHARED = ("images", "vars", "registries", "tag_policies", "groups")
"""What every file may declare, by name."""
PROFILE = (*SHARED, "defaults", "versioning", "prune", "fingerprints")
"""The keys of a profile."""


@dataclass(slots=True)
class Profiles:
    """The profiles that were ``chosen``, in the order in which they are put upon a file.

    Files of the ``past`` may lack some of them.
    """

    chosen: Sequence[str]
    notes: Notes
    past: bool = False
    _known: dict[str, None] = field(default_factory=dict)
    _late: list[list[tuple[str, Map]]] = field(default_factory=list)

    def upon_file(self, tree: Map) -> Map:
        """A file with its profiles upon it, except for what they say of images."""
        declared = child(tree, "profiles")
        entries = {key: _own(entry) for key, entry in tree.entries.items() if key != "profiles"}
        found = map_like(tree, entries)
        if not isinstance(declared, Map):
            if declared is not None and not isinstance(declared, Null):
                hint = "write production: {defaults: {…}}"
                self.notes.problem(declared, '"profiles" must be a map of names', hint)
            return found
        self._late.append([])
        self._known.update(dict.fromkeys(declared.entries))
        for entry in declared.entries.values():
            self._check(entry)
        for name in self.chosen:
            profile = child(declared, name)
            if isinstance(profile, Map):
                self._upon(found, profile, f'profile "{name}"')
        return found

    def upon_images(self, root: Map) -> None:
        """Put what the profiles say of images upon all of them, in place."""
        for one in reversed(self._late):
            for source, images in one:
                self._upon_images(root, images, source)
        for name in dict.fromkeys(self.chosen):
            if name not in self._known and not self.past:
                found = unknown("profile", name, self._known, ())
                error = SpecError(found.message, hint=found.hint, details=found.details)
                self.notes.problems.append(error)

    def _check(self, entry: Entry) -> None:
        if isinstance(entry.value, Null):
            return
        if not isinstance(entry.value, Map):
            self.notes.problem(
                entry, "a profile must be a map", "defaults: {args: {ENV: production}}"
            )
            return
        for key, one in entry.value.entries.items():
            if key not in PROFILE:
                not_here(self.notes, one, key, "a profile", PROFILE)

    def _upon(self, tree: Map, profile: Map, source: str) -> None:
        for key, entry in profile.entries.items():
            below = tree.entries.get(key)
            if key == "images" and isinstance(entry.value, Map):
                self._late[-1].append((source, entry.value))
            elif key == "defaults":
                tree.entries[key] = self._upon_defaults(below, entry, source)
            elif below and isinstance(below.value, Map) and isinstance(entry.value, Map):
                tree.entries[key] = replaced(below, _over(below.value, entry.value, source))
            elif key in PROFILE:
                tree.entries[key] = entry

    def _upon_defaults(self, below: Entry | None, entry: Entry, source: str) -> Entry:
        over = as_image(entry.value, self.notes)
        base = as_image(below.value, self.notes) if below is not None else None
        if over is None:
            return entry
        over = inherited(over, source)
        return replaced(entry, over if base is None else merge(base, over))

    def _upon_images(self, root: Map, images: Map, source: str) -> None:
        known = child(root, "images")
        if not isinstance(known, Map):
            return
        for name, entry in images.entries.items():
            there = known.entries.get(name)
            over = as_image(entry.value, self.notes)
            if there is None:
                self.notes.unknown(entry, "image", name, known.entries)
            elif over is not None:
                base = as_image(there.value, self.notes)
                upon = inherited(over, source)
                value = upon if base is None else merge(base, upon)
                known.entries[name] = replaced(there, value)


def _own(entry: Entry) -> Entry:
    """An entry whose map may be added to."""
    value = entry.value
    return (
        replaced(entry, map_like(value, dict(value.entries))) if isinstance(value, Map) else entry
    )


def _over(base: Map, over: Map, source: str) -> Map:
    return map_like(base, {**base.entries, **inherited(over, source).entries})


def not_here(
    notes: Notes,
    entry: Entry,
    key: str,
    where: str,
    allowed: Sequence[str],
    hint: str | None = None,
) -> None:
    """Complain about a key where it has no place; ``hint`` is for those that have one elsewhere."""
    near = nearest(key, tuple(allowed))
    if key not in Spec.model_fields:
        hint = f'did you mean "{near}"?' if near else None
    details = [("allowed", ", ".join(allowed))]
    notes.problem(entry, f'"{key}" cannot be in {where}', hint, details)
