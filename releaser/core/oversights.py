"""What a build would go on after, and is hardly ever meant: a concern, and no error.

A build argument that no ARG declares is dropped by BuildKit with a warning at most, and a base
image without a tag is whatever ``latest`` is on the day of the build.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from releaser.core.facts import Concern
from releaser.core.graph import Mention
from releaser.core.lock import Lock
from releaser.core.oci import Reference
from releaser.core.resolve import At, ResolvedImage
from releaser.core.spec.nearest import nearest
from releaser.errors import Location

MOST_PLACES = 3

_PREDEFINED = re.compile(
    r"(?:HTTP|HTTPS|FTP|NO|ALL)_PROXY|(?:http|https|ftp|no|all)_proxy|BUILDKIT_.*|SOURCE_DATE_EPOCH"
    r"|(?:TARGET|BUILD)(?:PLATFORM|OS|OSVERSION|ARCH|VARIANT)|TARGETSTAGE"
)
"""What BuildKit takes without an ARG (its ``--build-arg`` reference), or sets by itself."""


def oversights(
    images: Mapping[str, ResolvedImage], root: str, at: At, lock: Lock | None
) -> tuple[Concern, ...]:
    """The concerns about images and their Dockerfiles; ``root`` is the folder of the spec."""
    return (*_undeclared(images, at), *_untagged(images, root, lock or Lock()))


def _undeclared(images: Mapping[str, ResolvedImage], at: At) -> Iterator[Concern]:
    """Args that no Dockerfile of all the images that have them from one place declares.

    An argument in the defaults is not for every image.
    """
    found: dict[tuple[str, Location], list[ResolvedImage]] = {}
    for image in images.values():
        for name, _ in image.spec.args:
            if not _PREDEFINED.fullmatch(name):
                found.setdefault((name, at(("images", image.name, "args", name))), []).append(image)
    for (name, where), users in found.items():
        if not any(name in one.declared or one.triggered for one in users):
            yield _undeclared_concern(name, where, users)


def _undeclared_concern(name: str, where: Location, users: Sequence[ResolvedImage]) -> Concern:
    declared = tuple(sorted({arg for one in users for arg in one.declared}))
    near = nearest(name, declared)
    files = sorted({one.dockerfile for one in users})
    message = f'{where}: build arg "{name}" is declared nowhere in {_few(files)}'
    hint = f'did you mean "{near}"?' if near else f"write ARG {name} there, or leave it out"
    return Concern(message, hint)


def _untagged(images: Mapping[str, ResolvedImage], root: str, lock: Lock) -> Iterator[Concern]:
    """Base images that are pinned by no tag, no digest and no lock."""
    found: dict[str, dict[str, None]] = {}
    for image in images.values():
        for base in image.bases:
            if _means_latest(base) and lock.of(base.reference) is None:
                found.setdefault(base.reference, {})[_place(base, image, root)] = None
    for reference, places in found.items():
        message = f'base image "{reference}" has no tag, so it is whatever latest is today'
        yield Concern(f"{_few(tuple(places))}: {message}", "name a tag, or pin it: releaser lock")


def _place(base: Mention, image: ResolvedImage, root: str) -> str:
    """Where a base image is named; a Dockerfile by its whole path."""
    in_dockerfile = base.at.file == posixpath.relpath(image.dockerfile, root)
    return str(replace(base.at, file=image.dockerfile) if in_dockerfile else base.at)


def _means_latest(base: Mention) -> bool:
    reference = Reference.parse(base.reference)
    return reference.tag is None and reference.digest is None


def _few(names: Sequence[str]) -> str:
    more = len(names) - MOST_PLACES
    return ", ".join(names[:MOST_PLACES]) + (f" and {more} more" if more > 0 else "")
