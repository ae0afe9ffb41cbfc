"""The paths of a draft as they are seen from another folder than the one it was made for."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from releaser.core.spec.paths import is_remote
from releaser.errors import SpecError
from releaser.importing.attributes import inside
from releaser.importing.draft import Draft, ImageDraft, Value

_IMAGES = ("target:", "service:")


def moved(draft: Draft, root: Path, folder: Path) -> Draft:
    """The draft of the folder ``root`` for a file in ``folder``.

    Raises:
        SpecError: what an image is made of is not below ``folder``: no file there may name it.
    """
    start, end = root.resolve(), folder.resolve()
    if start == end:
        return draft
    return draft.with_images(_image(one, start.as_posix(), end.as_posix()) for one in draft.images)


def _image(image: ImageDraft, root: str, folder: str) -> ImageDraft:
    def path(text: str) -> str:
        if is_remote(text) or text.startswith(("/", "~", *_IMAGES)):
            return text
        found = posixpath.relpath(posixpath.join(root, text), folder)
        if not inside(found):
            raise SpecError(
                f'a file in "{folder}" cannot name "{text}" of image "{image.name}"',
                details=(("reason", "it may name what is in its own folder or below it"),),
                hint=f"write it into {root}, or a folder above; --stdout prints it",
            )
        return found

    def field(text: str, names: tuple[str, ...]) -> str:
        name, equals, rest = text.partition("=")
        return f"{name}={path(rest)}" if equals and name in names else text

    fields = dict(image.fields)
    if "extends" not in fields or "context" in fields:
        fields["context"] = path(str(fields.get("context", ".")))
    contexts, secrets = fields.get("additional_contexts"), fields.get("secrets")
    if isinstance(contexts, dict):
        fields["additional_contexts"] = {key: path(str(one)) for key, one in contexts.items()}
    if isinstance(secrets, list):
        fields["secrets"] = [_secret(one, path) for one in secrets]
    for key in "cache_from", "cache_to":
        caches = fields.get(key)
        if isinstance(caches, list):
            fields[key] = [
                ",".join(field(part, ("src", "dest")) for part in str(one).split(","))
                if "type=local" in str(one).split(",")
                else one
                for one in caches
            ]
    return replace(image, fields=fields)


def _secret(secret: Value, path: Callable[[str], str]) -> Value:
    if isinstance(secret, dict) and "file" in secret:
        return {**secret, "file": path(str(secret["file"]))}
    return secret
