"""Symbolic links on the way to what a spec names: none may lead out of the folder of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from releaser.core.spec import ImageSpec, Spec, is_remote
from releaser.errors import Location, SpecError
from releaser.loader.complaints import together

_Path = tuple[str | int, ...]


def check_links(spec: Spec, root: Path, at: Callable[[_Path], Location]) -> None:
    """Raise :class:`SpecError` where a path of the spec leaves ``root`` by a symbolic link.

    The text of a path is judged by the spec itself; this looks at the disk. What does not exist is
    not complained of here. ``at`` says where a path of the document stands.
    """
    top = root.resolve()
    complaints = []
    for path, name in _paths(spec):
        message = _leaves(top, root / name, name)
        if message is not None:
            secret = "secrets" in path
            hint = "give it in a variable: env" if secret else "put what it leads to there"
            complaints.append(SpecError(message, at=at(path), hint=hint))
    if complaints:
        raise together(complaints, at(()).file)


def _leaves(top: Path, path: Path, name: str) -> str | None:
    try:
        target = path.resolve()
    except (OSError, RuntimeError):
        return f'"{name}" is a link that leads to itself'
    if target.is_relative_to(top):
        return None
    return f'"{name}" is reached by a link that leaves the folder of the file'


def _paths(spec: Spec) -> Iterator[tuple[_Path, str]]:
    seen: set[str] = set()
    for name, image in spec.images.items():
        for field, path in _paths_of(image):
            if path not in seen:
                seen.add(path)
                yield ("images", name, *field), path


def _paths_of(image: ImageSpec) -> Iterator[tuple[_Path, str]]:
    yield ("context",), image.context
    dockerfile = f"{image.context}/{image.dockerfile or 'Dockerfile'}"
    yield ("dockerfile",), dockerfile
    yield ("context",), f"{image.context}/.dockerignore"
    yield ("dockerfile",), f"{dockerfile}.dockerignore"
    for index, secret in enumerate(image.secrets):
        if secret.file is not None:
            yield ("secrets", index, "file"), secret.file
    for name, source in image.additional_contexts:
        if not is_remote(source) and not source.startswith(("target:", "service:")):
            yield ("additional_contexts", name), source
