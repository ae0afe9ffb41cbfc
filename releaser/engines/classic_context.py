"""A build context as the tar archive that the engine's own builder takes.

It is written to a temporary file, so a large context costs disk and no memory. Owners are root and
group 0, as with the Docker command line (docker/cli, ``build.TarWithOptions``), so that an image
does not depend on who built it.
"""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from releaser.core.ignore import ROOT, IgnoreFile, Verdict
from releaser.errors import EngineError, SpecError

GENERATED = ".releaser.dockerfile"
_IGNORE = ".dockerignore"
_MAX_IGNORE = 1 << 20


@dataclass(frozen=True, slots=True)
class SentContext:
    """An archive, at its beginning, and the name of the Dockerfile in it."""

    archive: IO[bytes]
    dockerfile: str


@contextmanager
def packed(context: str, dockerfile: str, text: str, *, changed: bool) -> Iterator[SentContext]:
    """The archive of a context (an absolute path) with the Dockerfile ``text``.

    A Dockerfile that is ``changed``, or lies outside, is added under a name of ours. The archive's
    ``.dockerignore`` lists it then, so that the engine removes it before the build sees the context
    (moby, ``removeDockerfile``); a COPY of everything brings that line into the image, as it does
    with the Docker command line.

    Raises:
        SpecError: the context is no folder, or its ignore file is wrong.
        EngineError: something in it cannot be read.
    """
    file, rules = _ignore_of(context, dockerfile)
    inside = _relative(dockerfile, context)
    own = changed or inside is None or file not in (None, f"{context}/{_IGNORE}")
    name = GENERATED if own or inside is None else inside
    added = _added(rules, text, has_ignore=file is not None) if own else {}
    keep = {_IGNORE} if own else {_IGNORE, name}
    with tempfile.TemporaryFile() as archive:
        try:
            _write(archive, context, IgnoreFile.parse(rules, file or _IGNORE), keep, added)
        except OSError as error:
            raise EngineError(
                f"the build context {context} cannot be read: {error.strerror or error}",
                details=(("path", str(error.filename)),) if error.filename else (),
            ) from None
        archive.seek(0)
        yield SentContext(archive, name)


def _ignore_of(context: str, dockerfile: str) -> tuple[str | None, str]:
    """The ignore file that counts, and its text: the one beside the Dockerfile comes first."""
    if not Path(context).is_dir():
        raise SpecError(f"the build context {context} is not a folder")
    for file in (f"{dockerfile}.dockerignore", f"{context}/{_IGNORE}"):
        try:
            with Path(file).open("rb") as stream:
                content = stream.read(_MAX_IGNORE + 1)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise SpecError(f"{file} cannot be read: {error.strerror}") from None
        if len(content) > _MAX_IGNORE:
            raise SpecError(f"{file} is larger than a megabyte")
        return file, content.decode(errors="replace")
    return None, ""


def _relative(dockerfile: str, context: str) -> str | None:
    """The Dockerfile's path in the context, ``None`` where it lies outside."""
    path = os.path.relpath(dockerfile, context)
    return None if path == ".." or path.startswith("../") else path


def _added(rules: str, text: str, *, has_ignore: bool) -> dict[str, bytes]:
    # Where the context has no ignore file, ours is to vanish with the Dockerfile.
    names = (GENERATED,) if has_ignore else (GENERATED, _IGNORE)
    lines = "\n".join((*([rules.rstrip("\n")] if rules else []), *names))
    return {_IGNORE: f"{lines}\n".encode(), GENERATED: text.encode()}


def _write(
    archive: IO[bytes], context: str, ignore: IgnoreFile, keep: set[str], added: dict[str, bytes]
) -> None:
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in _paths(context, ignore, keep):
            if path not in added:
                _add(tar, f"{context}/{path}", path)
        for name, content in added.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            tar.addfile(info, io.BytesIO(content))


def _add(tar: tarfile.TarFile, file: str, path: str) -> None:
    # Without this a file with two names becomes a link to a name that may not be in the archive.
    tar.inodes.clear()  # type: ignore[attr-defined]
    info = tar.gettarinfo(file, arcname=path)
    if info is None:  # a socket, which typeshed does not know
        return  # type: ignore[unreachable]
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = int(info.mtime)
    if info.isreg():
        with Path(file).open("rb") as content:
            tar.addfile(info, content)
    else:
        tar.addfile(info)


def _paths(context: str, ignore: IgnoreFile, keep: set[str]) -> Iterator[str]:
    """What is in the context, sorted; folders before what they hold.

    An excluded folder is there where something in it is included again. ``keep`` is always there:
    the engine reads it, and then removes what its ignore file excludes.
    """
    held: list[str] = []
    for path, verdict, folder in _walk(context, ignore, keep, "", ROOT):
        while held and not path.startswith(f"{held[-1]}/"):
            held.pop()
        if verdict.excluded and path not in keep:
            if folder:
                held.append(path)
            continue
        yield from held
        held.clear()
        yield path


def _walk(
    context: str, ignore: IgnoreFile, keep: set[str], folder: str, above: Verdict
) -> Iterator[tuple[str, Verdict, bool]]:
    prefix = f"{folder}/" if folder else ""
    with os.scandir(f"{context}/{folder}") as items:
        entries = sorted((item.name, item.is_dir(follow_symlinks=False)) for item in items)
    for name, is_folder in entries:
        path = prefix + name
        verdict = ignore.verdict(path, above)
        yield path, verdict, is_folder
        wanted = not verdict.excluded or ignore.reaches_into(path)
        if is_folder and (wanted or any(each.startswith(f"{path}/") for each in keep)):
            yield from _walk(context, ignore, keep, path, verdict)
