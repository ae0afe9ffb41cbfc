"""What a first ``images.yaml`` will say, as values: no text yet, and nothing that was looked up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

Value: TypeAlias = "str | bool | int | list[Value] | dict[str, Value] | None"
"""What a key of the file holds; ``None`` is a null that is written."""

_LOGIN = re.compile(r"(?<=://)[^/\s]*@")


def without_login(text: str) -> str:
    """A text without the logins of the URLs in it."""
    return _LOGIN.sub("", text)


FIELDS = (
    *("extends", "matrix", "name", "enabled", "context", "dockerfile", "target", "args", "labels"),
    *("oci_labels", "platforms", "repository", "push_to", "tags", "needs"),
    *("additional_contexts", "secrets", "ssh", "extra_hosts", "network", "shm_size", "no_cache"),
    *("pull", "provenance", "cache_from", "cache_to"),
)
"""The fields of an image in the order that they are written in."""


@dataclass(frozen=True, slots=True, order=True)
class Lost:
    """Something that the source says and the file cannot: where, what, and what comes of it."""

    where: str
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.why}"


@dataclass(frozen=True, slots=True)
class ImageDraft:
    """An image: its fields, the lines of comment above it, and the images that it stands on.

    ``refused`` says why it is not enabled, where something is wrong with it.
    """

    name: str
    fields: Mapping[str, Value] = field(default_factory=dict)
    comments: tuple[str, ...] = ()
    upstreams: frozenset[str] = frozenset()
    refused: str = ""

    def said(self, *comments: str) -> ImageDraft:
        """The image with more lines of comment."""
        return replace(self, comments=(*self.comments, *comments))

    def having(self, **fields: Value) -> ImageDraft:
        """The image with other fields; the order of writing is always that of :data:`FIELDS`."""
        return replace(self, fields={**self.fields, **fields})

    def disabled(self, why: str) -> ImageDraft:
        """The image as one that is not enabled, and says why; a login in a URL is left out."""
        off = replace(self, refused=without_login(why))
        return off.having(enabled=False).said(f"Not enabled: {off.refused}.")

    @property
    def enabled(self) -> bool:
        """Whether it is built at all."""
        return self.fields.get("enabled") is not False


def effective(image: ImageDraft, images: Mapping[str, ImageDraft]) -> ImageDraft:
    """An image with what it has from those that it extends: maps merge, the rest replaces."""
    extends = image.fields.get("extends")
    found: dict[str, Value] = {}
    for name in extends if isinstance(extends, list) else [extends]:
        base = images.get(str(name))
        if base is not None and base is not image:
            inner = effective(base, {key: one for key, one in images.items() if one is not image})
            kept = {key: one for key, one in inner.fields.items() if key not in _NOT_INHERITED}
            _put(found, kept)
    _put(found, image.fields)
    return replace(image, fields=found)


_NOT_INHERITED = frozenset({"extends", "name", "enabled"})


def _put(under: dict[str, Value], over: Mapping[str, Value]) -> None:
    for key, value in over.items():
        below = under.get(key)
        merges = isinstance(below, dict) and isinstance(value, dict)
        under[key] = {**below, **value} if merges else value  # type: ignore[dict-item]


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole file. ``found`` says what it was made of, a line for each thing."""

    project: str
    source: str
    registries: Mapping[str, Value] = field(default_factory=dict)
    vars: Mapping[str, Value] = field(default_factory=dict)
    tag_policies: Mapping[str, Value] = field(default_factory=dict)
    groups: Mapping[str, Value] = field(default_factory=dict)
    images: tuple[ImageDraft, ...] = ()
    lost: tuple[Lost, ...] = ()
    found: tuple[str, ...] = ()
    registry_comment: str = ""

    def with_images(self, images: Iterable[ImageDraft]) -> Draft:
        """The draft with other images."""
        return replace(self, images=tuple(images))

    def losing(self, *lost: Lost) -> Draft:
        """The draft with more that is lost."""
        return replace(self, lost=(*self.lost, *lost))

    def finding(self, *found: str) -> Draft:
        """The draft with more that was found."""
        return replace(self, found=(*self.found, *found))


@dataclass(slots=True)
class Losses:
    """Collects what is lost, each thing once."""

    items: dict[Lost, None] = field(default_factory=dict)

    def add(self, where: str, what: str, why: str) -> None:
        """Note one thing; a login in a URL is left out."""
        self.items.setdefault(Lost(where, without_login(what), without_login(why)))

    def all(self) -> tuple[Lost, ...]:
        """Everything that was noted, in that order."""
        return tuple(self.items)
