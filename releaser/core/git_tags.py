"""Git tags that name versions: how they are spelled, and what they say.

A template has ``{{version}}`` once; with ``{{image}}`` in it every image has versions of its own:
``v{{version}}`` spells ``v1.4.2``, ``{{image}}/v{{version}}`` spells ``api/v1.4.2``.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from releaser.core import template
from releaser.core.version import Version
from releaser.errors import SpecError

NAMES = ("version", "image")
DEFAULT = "v{{version}}"
_VERSION = "{{version}}"
# Bounded, because turning digits into a number takes the square of their count.
_CORE = re.compile(r"([0-9]{1,128})\.([0-9]{1,128})\.([0-9]{1,128})")
_TRIED = (Version(1, 0, 0), Version(1, 0, 0, "rc.1"))
_ILLEGAL = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)|^[-/.]|[/.]$")


@dataclass(frozen=True, slots=True)
class TagTemplate:
    """How the git tag of a version is spelled."""

    text: str = DEFAULT

    @classmethod
    def parse(cls, text: str) -> TagTemplate:
        """The template that ``text`` is.

        Raises:
            SpecError: it does not have ``{{version}}`` once, has a name that is not known, or
                spells what git refuses (``git check-ref-format``).
        """
        template.check(text, NAMES)
        if template.names(text).count("version") != 1:
            raise SpecError(
                f'"{text}" must have {_VERSION} in it once',
                hint='write "v{{version}}", or "{{image}}/v{{version}}" for images of their own',
            )
        if not is_legal(template.blank(text, "1")) or text.startswith("refs/"):
            raise SpecError(f'"{text}" does not spell a legal git tag')
        return cls(text)

    @property
    def is_per_image(self) -> bool:
        """Whether every image has versions of its own."""
        return "image" in template.names(self.text)

    def spell(self, version: Version, image: str = "") -> str:
        """The git tag of a version."""
        known = {"version": str(version), "image": image}
        return template.render(self.text, known)

    def among(self, tags: Sequence[str], image: str = "") -> Sequence[str]:
        """Those of ``tags``, which are sorted, that begin as an image's do: looked up at once."""
        before, _ = self._around(image)
        start = bisect_left(tags, before)
        return tags[start : bisect_left(tags, before + "\U0010ffff", start)]

    def version(self, tag: str, image: str = "") -> Version | None:
        """The version that ``tag`` names for an image, or ``None`` where it names none."""
        before, after = self._around(image)
        if not _stands_between(tag, before, after):
            return None
        return Version.find(tag[len(before) : len(tag) - len(after)])

    def highest(self, tags: Iterable[str], image: str = "") -> tuple[str, Version] | None:
        """The tag of the highest version among ``tags``, with its version.

        Only tags with the highest MAJOR.MINOR.PATCH are compared in full: with 100,000 tags that is
        the difference between a tenth of a second and several.
        """
        before, after = self._around(image)
        groups: dict[tuple[int, ...], list[str]] = {}
        for tag in tags:
            found = _CORE.match(tag, len(before)) if tag.startswith(before) else None
            if found:
                groups.setdefault(tuple(map(int, found.groups())), []).append(tag)
        for core in sorted(groups, reverse=True):
            versions = [
                (version, tag)
                for tag in groups[core]
                if _stands_between(tag, before, after)
                and (version := Version.find(tag[len(before) : len(tag) - len(after)]))
            ]
            if versions:
                version, tag = max(versions, key=_rank)
                return tag, version
        return None

    def versions(self, tags: Iterable[str], image: str = "") -> Iterator[tuple[str, Version]]:
        """The tags among ``tags`` that name a version, each with it."""
        before, after = self._around(image)
        for tag in tags:
            if _stands_between(tag, before, after):
                version = Version.find(tag[len(before) : len(tag) - len(after)])
                if version:
                    yield tag, version

    def confused(self, images: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Pairs of images of which a tag of the first names a version of the second too."""
        begins: dict[str, list[str]] = {}
        names = tuple(images)
        for name in names:
            begins.setdefault(self._around(name)[0], []).append(name)
        for name in names:
            for version in _TRIED:
                tag = self.spell(version, name)
                near = (one for n in range(len(tag)) for one in begins.get(tag[:n], ()))
                other = next((one for one in near if one != name and self.version(tag, one)), None)
                if other is not None:
                    yield name, other
                    break

    def _around(self, image: str) -> tuple[str, str]:
        """What stands before and after the version."""
        # The placeholder is given back, in one way of writing it.
        known = {"version": _VERSION, "image": image}
        before, _, after = template.render_known(self.text, known).partition(_VERSION)
        return before, after


def is_legal(tag: str) -> bool:
    """Whether git takes a name for a tag (``git check-ref-format``)."""
    return not _ILLEGAL.search(tag)


def _rank(found: tuple[Version, str]) -> tuple[Version, bool, str]:
    """Among twins the one without build metadata comes first: no tag can hold that."""
    version, tag = found
    return version, version.build is None, tag


def _stands_between(tag: str, before: str, after: str) -> bool:
    long_enough = len(tag) > len(before) + len(after)
    return long_enough and tag.startswith(before) and tag.endswith(after)
