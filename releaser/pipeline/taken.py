"""Files that a run writes, and builds that would take them for files of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from releaser.core.resolve import ResolvedImage
from releaser.errors import SpecError
from releaser.interfaces import Contexts


def taker(path: Path, images: Iterable[ResolvedImage], contexts: Contexts) -> str | None:
    """The name of an image whose build would take the file ``path``, there or not; else ``None``.

    ``.dockerignore`` counts, and so does what the reached stages copy.
    """
    place = path.resolve()
    return next((one.name for one in images if _takes(one, place, contexts)), None)


def check_apart(
    files: Mapping[str, Path | None], images: Iterable[ResolvedImage], contexts: Contexts
) -> None:
    """See that no build takes what a run writes; ``files`` have the options that name them.

    An image would change by having been released: the next run of the same release, or one that
    goes on with it, would find that its version has another content.

    Raises:
        SpecError: one does.
    """
    images = tuple(images)
    for option, path in files.items():
        name = taker(path, images, contexts) if path else None
        if name:
            raise SpecError(
                f'{option} {path}: the build of "{name}" takes this file',
                details=(("then", f'every run changes "{name}", and no release can be repeated'),),
                hint="write it outside of the build context, or name it in .dockerignore",
            )


def _takes(image: ResolvedImage, place: Path, contexts: Contexts) -> bool:
    for name, folder in (("", image.context), *image.folders):
        root = Path(folder).resolve()
        if place.is_relative_to(root):
            shown = place.relative_to(root).as_posix()
            dockerfile = "" if name else image.dockerfile
            if contexts.taken(folder, dockerfile, image.paths(name), [shown]):
                return True
    return False
