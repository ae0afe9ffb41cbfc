"""What images use of their build contexts, and what they miss there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from releaser.core.facts import ContextFacts
from releaser.core.resolve import At, ResolvedImage
from releaser.errors import Location, SpecError
from releaser.interfaces import Contexts
from releaser.observe.threads import concurrently


def all_files(
    contexts: Contexts, images: Sequence[ResolvedImage], at: At, *, strict: bool = True
) -> dict[str, dict[str, ContextFacts]]:
    """The files that each image uses of its build context (``""``) and its additional folders.

    Raises:
        SpecError: contexts are not there, or (where ``strict``) COPY sources match nothing; all
            complaints at once.
    """
    looked = concurrently(lambda image: _files_of(contexts, image, at), images)
    complaints = [
        complaint
        for image, (found, own) in zip(images, looked, strict=True)
        for complaint in (*own, *(missing_sources(contexts, image, found) if strict else ()))
    ]
    if complaints:
        raise SpecError.together(complaints)
    return {image.name: found for image, (found, _) in zip(images, looked, strict=True)}


def _files_of(
    contexts: Contexts, image: ResolvedImage, at: At
) -> tuple[dict[str, ContextFacts], list[SpecError]]:
    """What an image uses, and a complaint about each folder that cannot be read."""
    found: dict[str, ContextFacts] = {}
    complaints: list[SpecError] = []
    main = (image.context, image.dockerfile)
    places = {"": main, **{name: (folder, "") for name, folder in image.folders}}
    for name, (folder, dockerfile) in places.items():
        field = ("additional_contexts", name) if name else ("context",)
        try:
            found[name] = contexts.files(folder, dockerfile, image.paths(name))
        except SpecError as error:
            where = error.at or at(("images", image.name, *field))
            message = f'image "{image.name}": {error.message}'
            complaints.append(SpecError(message, at=where, details=error.details, hint=error.hint))
    return found, complaints


def seen_from(error: SpecError, root: str, folder: str) -> SpecError:
    """The same complaints with paths as the author of the spec writes them.

    ``root`` is the absolute path of the spec's folder, ``folder`` how people see it from where
    they stand (empty: they stand in it).
    """

    def shown(text: str) -> str:
        return paths_seen_from(text, root, folder)

    def one(problem: SpecError) -> SpecError:
        where = problem.at and replace(problem.at, file=shown(problem.at.file))
        details = [(key, shown(value)) for key, value in problem.details]
        hint = problem.hint and shown(problem.hint)
        return SpecError(shown(problem.message), at=where, details=details, hint=hint)

    return SpecError.together([one(problem) for problem in error.problems])


def paths_seen_from(text: str, root: str, folder: str) -> str:
    """A text with the paths in it as the author of the spec writes them; see :func:`seen_from`."""
    if root == "/":
        return text
    inside = re.compile(rf"(?<![\w/.-]){re.escape(root.rstrip('/'))}(/|(?![\w.-]))")
    return inside.sub(lambda m: (folder and folder + m[1]) or ("" if m[1] else "."), text)


def missing_sources(
    contexts: Contexts, image: ResolvedImage, files: dict[str, ContextFacts]
) -> list[SpecError]:
    """A complaint for each COPY source that matches nothing."""
    folders = {"": (image.context, image.dockerfile)}
    folders |= {name: (folder, "") for name, folder in image.folders}
    return [
        SpecError(
            f'image "{image.name}" copies "{source}", which is not in the build context',
            at=Location(image.dockerfile, line),
            details=(("context", folders[name][0]),),
            hint=contexts.explain_missing(*folders[name], source),
        )
        for name, facts in files.items()
        for source, line in facts.missing
    ]
