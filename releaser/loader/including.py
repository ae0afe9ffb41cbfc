"""Several files as one: what they include, with their paths as seen from the first one.

A file may declare images, variables, registries, tag policies, groups and profiles; its defaults
are for its own images and those of the files that it includes. What two files declare under one
name is refused: nobody could say which one is meant.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from releaser.core.spec import unknown
from releaser.core.spec.paths import join
from releaser.errors import SpecError
from releaser.loader.layering import as_image, inherited, marked, merge
from releaser.loader.moving import moved
from releaser.loader.notes import Notes, child
from releaser.loader.yaml_text import decode
from releaser.loader.yaml_tree import Entry, List, Map, Node, Null, Text, map_like, parse, replaced

MAX_FILES = 1000
MAX_BYTES = 16 << 20
SHARED = ("images", "vars", "registries", "tag_policies", "groups")
"""What every file may declare, by name."""
SECTIONS = (*SHARED, "defaults", "profiles", "include", "version")
"""The keys of a file that is included."""
PROFILE = (*SHARED, "defaults", "versioning", "prune", "fingerprints")
"""The keys of a profile."""


class Files(Protocol):
    """Where files that are included are read; paths are seen from the folder of the first one."""

    def read(self, path: str) -> bytes:
        """The bytes of a file; raises :class:`SpecError`."""

    def matching(self, pattern: str) -> Sequence[str]:
        """The files that a glob names, in order."""


class NoFiles:
    """For texts that are on no disk."""

    def read(self, path: str) -> bytes:
        """See :class:`Files`."""
        raise SpecError(f'there is no file "{path}"')

    def matching(self, pattern: str) -> Sequence[str]:
        """See :class:`Files`."""
        raise SpecError(f'there is no file "{pattern}"')


@dataclass(slots=True)
class Sources:
    """All files as one: ``root`` has what any of them declares.

    ``defaults`` are those of each file, upon those of the files that include it; ``paths`` the
    files that were included, as seen from the first one's folder, and ``globs`` what named them.
    """

    root: Map
    defaults: dict[str, Map] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    globs: dict[str, tuple[str, ...]] = field(default_factory=dict)


def included(root: Map, files: Files, profiles: Sequence[str], notes: Notes) -> Sources:
    """``root`` with everything that it includes, and with ``profiles`` upon all of it.

    Raises:
        SpecError: the files are too many, or too long.
    """
    return _Gathering(files, profiles, notes).all(root)


@dataclass(slots=True)
class _Gathering:
    files: Files
    profiles: Sequence[str]
    notes: Notes
    size: int = 0
    seen: dict[str, Node | Entry] = field(default_factory=dict)
    known: dict[str, None] = field(default_factory=dict)
    late: list[list[tuple[str, Map]]] = field(default_factory=list)

    def all(self, root: Map) -> Sources:
        found = Sources(map_like(root, dict(root.entries)))
        empty = Map(root.line, root.column, file=root.file)
        self._take(found, root, "", empty)
        for one in reversed(self.late):  # the first file has the last word
            for profile, images in one:
                self._upon_images(found.root, images, profile)
        for name in self.profiles:
            if name not in self.known:
                self.notes.problems.append(_no_profile(name, tuple(self.known)))
        return found

    def _take(self, found: Sources, tree: Map, folder: str, outer: Map) -> None:
        """Take a file in ``folder``: what it includes, what it declares, its profiles."""
        if folder:
            tree = moved(tree, folder)
        own = self._with_profiles(tree)
        defaults = self._defaults(own, folder, outer)
        found.defaults[tree.file] = defaults
        is_first = tree.file == found.root.file
        if is_first:
            found.root.entries.clear()
            found.root.entries.update(own.entries)
        else:
            self._declare(found.root, own)
        for path, where in self._named(found, tree, folder):
            inner = self._read(path, where)
            if inner is not None:
                found.paths.append(path)
                self._take(found, inner, posixpath.dirname(path) or ".", defaults)

    def _defaults(self, tree: Map, folder: str, outer: Map) -> Map:
        node = child(tree, "defaults")
        own = as_image(node, self.notes) if node is not None else None
        base = outer
        if folder:
            # What an image takes without a word is its own file's folder.
            place = Text(tree.line, tree.column, folder, tree.file)
            here = Entry(tree.line, tree.column, place, "the folder of the file", tree.file)
            base = map_like(outer, {**outer.entries, "context": here})
        return merge(base, own) if own is not None else base

    # Includes.

    def _named(self, found: Sources, tree: Map, folder: str) -> Iterable[tuple[str, Text]]:
        """The files that a file includes, each once."""
        node = child(tree, "include")
        items = node.items if isinstance(node, List) else [] if node is None else [node]
        mine: set[str] = set()
        for item in items:
            if not isinstance(item, Text):
                self.notes.problem(item, '"include" must be a list of files or globs')
                continue
            paths = self._matching(item, folder)
            found.globs[join(folder, item.value)] = tuple(paths)
            for path in paths:
                if path not in mine:
                    mine.add(path)
                    yield path, item

    def _matching(self, item: Text, folder: str) -> Sequence[str]:
        pattern, text = join(folder, item.value), item.value
        if text.startswith(("/", "~")) or pattern.split("/")[0] == ".." or "\\" in text or not text:
            hint = "paths are seen from the folder of the file, written with /, and stay below it"
            self.notes.problem(item, f'"{text}" cannot be included', hint)
            return ()
        if "{{" in text:
            self.notes.problem(item, '"include" holds a placeholder', "write plain text")
            return ()
        if not set("*?[") & set(text):
            return (pattern,)
        found = self.files.matching(pattern)
        if not found:
            self.notes.problem(item, f'"{text}" matches no file', "leave it out, or mend the glob")
        return found

    def _read(self, path: str, where: Text) -> Map | None:
        if path in self.seen:
            first = [("first", str(self.notes.at(self.seen[path])))]
            self.notes.problem(where, f'"{path}" is included twice', details=first)
            return None
        self.seen[path] = where
        if len(self.seen) > MAX_FILES:
            raise SpecError(f"more than {MAX_FILES} files are included", at=self.notes.at(where))
        shown = posixpath.join(posixpath.dirname(self.notes.file), path)
        if posixpath.normpath(shown) == posixpath.normpath(self.notes.file):
            self.notes.problem(where, f'"{path}" includes itself')
            return None
        try:
            content = self.files.read(path)
        except SpecError as error:
            at = error.at or self.notes.at(where)
            self.notes.problems.append(SpecError(error.message, at=at, hint=error.hint))
            return None
        self.size += len(content)
        if self.size > MAX_BYTES:
            raise SpecError("the files that are included are too long", at=self.notes.at(where))
        return self._parsed(content, shown)

    def _parsed(self, content: bytes, shown: str) -> Map | None:
        node, complaints = parse(decode(content, shown), shown)
        self.notes.problems.extend(complaints)
        if node is None or isinstance(node, Null):
            return None
        if not isinstance(node, Map):
            self.notes.problem(node, "the file must be a map")
            return None
        for key, entry in node.entries.items():
            if key not in SECTIONS and not key.startswith("x-"):
                hint = "declare it in the file that includes this one"
                details = [("allowed", ", ".join(SECTIONS))]
                self.notes.problem(entry, f'"{key}" cannot be in an included file', hint, details)
        return node

    def _declare(self, root: Map, tree: Map) -> None:
        """Add what a file declares to what the others do."""
        for key in SHARED:
            entry = tree.entries.get(key)
            if entry is None or isinstance(entry.value, Null):
                continue
            if not isinstance(entry.value, Map):
                self.notes.problem(entry, f'"{key}" must be a map')
                continue
            there = root.entries.get(key)
            if there is None or not isinstance(there.value, Map):
                empty = Map(entry.line, entry.column, file=entry.file)
                root.entries[key] = there = replaced(entry, empty)
            self._add(there.value, entry.value, _KINDS[key])

    def _add(self, known: Node, more: Map, kind: str) -> None:
        if not isinstance(known, Map):
            return
        for name, entry in more.entries.items():
            first = known.entries.get(name)
            if first is None:
                known.entries[name] = entry
                known.size += entry.value.size
            else:
                self.notes.twice(entry, f'{kind} "{name}"', first)

    # Profiles.

    def _with_profiles(self, tree: Map) -> Map:
        """A file with the profiles that were asked for upon it."""
        declared = child(tree, "profiles")
        entries = {key: _own(entry) for key, entry in tree.entries.items() if key != "profiles"}
        found = map_like(tree, entries)
        if not isinstance(declared, Map):
            if declared is not None and not isinstance(declared, Null):
                self.notes.problem(declared, '"profiles" must be a map of names')
            return found
        self.late.append([])
        self.known.update(dict.fromkeys(declared.entries))
        for entry in declared.entries.values():
            self._check_profile(entry)
        for name in self.profiles:
            profile = child(declared, name)
            if isinstance(profile, Map):
                self._upon(found, profile, f'profile "{name}"')
        return found

    def _check_profile(self, entry: Entry) -> None:
        if isinstance(entry.value, Null):
            return
        if not isinstance(entry.value, Map):
            self.notes.problem(
                entry, "a profile must be a map", "defaults: {args: {ENV: production}}"
            )
            return
        for key, one in entry.value.entries.items():
            if key not in PROFILE:
                details = [("allowed", ", ".join(PROFILE))]
                self.notes.problem(one, f'"{key}" cannot be in a profile', details=details)

    def _upon(self, tree: Map, profile: Map, source: str) -> None:
        for key, entry in profile.entries.items():
            below = tree.entries.get(key)
            if key == "images" and isinstance(entry.value, Map):
                self.late[-1].append((source, entry.value))
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
        over = marked(over, source)
        return replaced(entry, over if base is None else merge(base, over, ""))

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
                upon = marked(over, source)
                value = upon if base is None else merge(base, upon, "")
                known.entries[name] = replaced(there, value)


_KINDS = {
    "images": "image",
    "vars": "variable",
    "registries": "registry",
    "tag_policies": "tag policy",
    "groups": "group",
}


def _own(entry: Entry) -> Entry:
    """An entry whose map may be added to."""
    value = entry.value
    return (
        replaced(entry, map_like(value, dict(value.entries))) if isinstance(value, Map) else entry
    )


def _over(base: Map, over: Map, source: str) -> Map:
    return map_like(base, {**base.entries, **inherited(over, source).entries})


def _no_profile(name: str, known: tuple[str, ...]) -> SpecError:
    found = unknown("profile", name, known, ())
    return SpecError(found.message, hint=found.hint, details=found.details)
