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

from releaser.core.spec import SCHEMA_VERSION
from releaser.core.spec.paths import join
from releaser.errors import SpecError
from releaser.loader.complaints import together
from releaser.loader.files import is_of_folders
from releaser.loader.layering import FOLDER, NO_DEFAULTS, as_image, merge, without
from releaser.loader.moving import moved
from releaser.loader.notes import Notes, child
from releaser.loader.profiles import SHARED, Profiles, not_here
from releaser.loader.yaml_text import decode
from releaser.loader.yaml_tree import Entry, List, Map, Node, Null, Text, map_like, parse, replaced

MAX_FILES = 1000
MAX_BYTES = 16 << 20
SECTIONS = (*SHARED, "defaults", "profiles", "include", "version")
"""The keys of a file that is included."""


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
    files that were included, as seen from the first one's folder.
    """

    root: Map
    defaults: dict[str, Map] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)


def included(root: Map, files: Files, profiles: Profiles, notes: Notes) -> Sources:
    """``root`` with everything that it includes, and with ``profiles`` upon all of it.

    Raises:
        SpecError: the files are too many, or too long.
    """
    return _Gathering(files, profiles, notes).all(root)


@dataclass(slots=True)
class _Gathering:
    files: Files
    profiles: Profiles
    notes: Notes
    size: int = 0
    seen: dict[str, Node | Entry] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    incomplete: bool = False

    def all(self, root: Map) -> Sources:
        found = Sources(map_like(root, dict(root.entries)))
        empty = Map(root.line, root.column, file=root.file)
        self._take(found, root, "", empty)
        if self.incomplete:  # complaints about names that stand in a missing file would mislead
            raise together(self.notes.problems, self.notes.file)
        self.profiles.upon_images(found.root)
        return found

    def _take(self, found: Sources, tree: Map, folder: str, outer: Map) -> None:
        """Take a file in ``folder``: what it includes, what it declares, its profiles."""
        if folder:
            tree = moved(tree, folder)
        own = self.profiles.upon_file(tree)
        defaults = self._defaults(own, folder, outer)
        found.defaults[tree.file] = defaults
        is_first = tree.file == found.root.file
        if is_first:
            found.root.entries.clear()
            found.root.entries.update(own.entries)
        else:
            self._declare(found.root, own)
        for path, where in self._named(tree, folder):
            inner = self._read(path, where)
            if inner is not None:
                found.paths.append(path)
                self.path.append(path)
                self._take(found, inner, posixpath.dirname(path) or ".", defaults)
                self.path.pop()

    def _defaults(self, tree: Map, folder: str, outer: Map) -> Map:
        node = child(tree, "defaults")
        own = as_image(node, self.notes) if node is not None else None
        for key, entry in own.entries.items() if own else ():
            if key in NO_DEFAULTS:
                message = f'"{key}" cannot be in "defaults"'
                self.notes.problem(entry, message, "write it in an image")
        own = without(own, NO_DEFAULTS) if own else None
        base = outer
        if folder:
            # What an image takes without a word is its own file's folder.
            place = Text(tree.line, tree.column, folder, tree.file)
            here = Entry(tree.line, tree.column, place, FOLDER, tree.file)
            base = map_like(outer, {**outer.entries, "context": here})
        return merge(base, own) if own is not None else base

    # Includes.

    def _named(self, tree: Map, folder: str) -> Iterable[tuple[str, Text]]:
        """The files that a file includes, each once."""
        node = child(tree, "include")
        items = node.items if isinstance(node, List) else [] if node is None else [node]
        mine: set[str] = set()
        for item in items:
            if not isinstance(item, Text):
                self.notes.problem(item, '"include" must be a list of files or globs')
                continue
            paths = self._matching(item, folder)
            for path in paths:
                if path not in mine:
                    mine.add(path)
                    yield path, item

    def _matching(self, item: Text, folder: str) -> Sequence[str]:
        pattern, text = join(folder, item.value), item.value
        if text.startswith(("/", "~")) or pattern.split("/")[0] == ".." or "\\" in text or not text:
            hint = "paths are seen from the folder of the file, written with /, and stay below it"
            return self._not_included(item, f'"{text}" cannot be included', hint)
        if "{{" in text:
            return self._not_included(item, '"include" holds a placeholder', "write plain text")
        if not set("*?[") & set(text):
            return (pattern,)
        try:
            found = self.files.matching(pattern)
        except SpecError as error:
            return self._not_included(item, error.message, error.hint)
        others = [path for path in found if path not in self.path and not self._is_first(path)]
        other = "other " if found else ""
        return others or self._not_included(
            item, f'"{text}" matches no {other}file', _glob_hint(text)
        )

    def _is_first(self, path: str) -> bool:
        """Whether a path is that of the file which includes all others."""
        shown = posixpath.join(posixpath.dirname(self.notes.file), path)
        return posixpath.normpath(shown) == posixpath.normpath(self.notes.file)

    def _not_included(self, where: Node, message: str, hint: str | None) -> Sequence[str]:
        """Complain about something that would be included, and isn't."""
        self.notes.problem(where, message, hint)
        self.incomplete = True
        return ()

    def _read(self, path: str, where: Text) -> Map | None:
        if path in self.path:
            circle = " includes ".join([*self.path[self.path.index(path) :], path])
            self.notes.problem(where, f"files include each other in a circle: {circle}")
            return None
        if path in self.seen:
            first = [("first", str(self.notes.at(self.seen[path])))]
            self.notes.problem(where, f'"{path}" is included twice', details=first)
            return None
        self.seen[path] = where
        if len(self.seen) > MAX_FILES:
            raise SpecError(f"more than {MAX_FILES} files are included", at=self.notes.at(where))
        if self._is_first(path):
            self.notes.problem(where, f'"{path}" includes itself')
            return None
        try:
            content = self.files.read(path)
        except SpecError as error:
            self._not_included(where, error.message, _BRACES if "{" in path else error.hint)
            return None
        self.size += len(content)
        if self.size > MAX_BYTES:
            raise SpecError("the files that are included are too long", at=self.notes.at(where))
        try:
            folder = posixpath.dirname(self.notes.file)
            return self._parsed(content, posixpath.join(folder, path))
        except SpecError as error:
            self.notes.problems.extend(error.problems)
            self.incomplete = True
            return None

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
                not_here(self.notes, entry, key, "an included file", SECTIONS, hint)
        version = child(node, "version")
        if isinstance(version, Text) and version.value != SCHEMA_VERSION:
            message = f'"{version.value}" is not a version of this file\'s format'
            self.notes.problem(version, message, f"write {SCHEMA_VERSION}, or leave it out")
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


def _glob_hint(text: str) -> str:
    """What is amiss with a glob that matches nothing."""
    if "{" in text:
        return _BRACES
    if is_of_folders(text):
        return f'"**" stands for folders only: write "{text}/images.yaml"'
    return "leave it out, or mend the glob"


_BRACES = 'braces are no glob: list each file, or write a "*"'
_KINDS = {
    "images": "image",
    "vars": "variable",
    "registries": "registry",
    "tag_policies": "tag policy",
    "groups": "group",
}
