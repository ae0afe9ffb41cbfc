"""Secrets that lie where a build takes its files from: what a COPY takes, everybody can read."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping

from releaser.core.facts import ContextFacts
from releaser.core.resolve import ResolvedImage
from releaser.errors import SpecError
from releaser.pipeline.request import Project

Files = Mapping[str, Mapping[str, ContextFacts]]
"""What each image uses of its contexts, by the names of both."""


def check_secrets(project: Project, images: Iterable[ResolvedImage], files: Files) -> None:
    """Raise :class:`SpecError` where an image uses the file of one of its secrets as any other."""
    found = [one for image in images for one in _copied(project, image, files[image.name])]
    if found:
        raise SpecError.together(found)


def _copied(
    project: Project, image: ResolvedImage, files: Mapping[str, ContextFacts]
) -> Iterator[SpecError]:
    secrets = {
        posixpath.normpath(secret.file): (index, secret)
        for index, secret in enumerate(image.spec.secrets)
        if secret.file is not None
    }
    if not secrets:
        return
    used = {
        image.path_of(context, one.path, project.root)
        for context, facts in files.items()
        for one in facts.files
    }
    for path in sorted(secrets.keys() & used):
        index, secret = secrets[path]
        yield SpecError(
            f'the Dockerfile of image "{image.name}" takes "{path}", '
            f'the file of its secret "{secret.id}"',
            at=project.at(("images", image.name, "secrets", index, "file")),
            hint="exclude it in .dockerignore: RUN --mount=type=secret does not need it there",
        )
