"""Build contexts in memory: a map from absolute paths to texts, and no disk."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, MutableMapping, Sequence
from pathlib import PurePosixPath

from releaser.core.dockerfile import Dockerfile, PathUse, parse
from releaser.core.facts import ContextFacts, ContextFile
from releaser.core.ignore import IgnoreFile, glob
from releaser.errors import SpecError


class MemoryContexts:
    """Files by absolute path, of which the folders follow; a path that ends in / is a folder.

    There are no symbolic links, files have mode 0o644 (or what ``modes`` says of a path) and
    folders 0o755. ``texts`` may be changed: the next question sees it.
    """

    def __init__(
        self, texts: Mapping[str, str] | None = None, modes: Mapping[str, int] | None = None
    ) -> None:
        self.texts: MutableMapping[str, str] = dict(texts or {})
        self.modes: MutableMapping[str, int] = dict(modes or {})

    def dockerfile(self, path: str) -> Dockerfile:
        if path not in self.texts:
            raise SpecError(f'there is no Dockerfile "{path}"')
        return parse(self.texts[path], path)

    def files(self, context: str, dockerfile: str, uses: Sequence[PathUse]) -> ContextFacts:
        seen = self._seen(context, dockerfile)
        found: set[str] = set()
        missing: list[tuple[int, str]] = []
        for use in uses:
            if use.context is not None and dockerfile:
                continue
            for source in use.sources:
                taken = _taken(seen, source, use)
                found |= taken or set()
                missing += [(use.line, source)] if taken is None else []
        files = tuple(self._file(context, path, seen[path]) for path in sorted(found))
        return ContextFacts(files, tuple((source, line) for line, source in sorted(set(missing))))

    def taken(
        self, context: str, dockerfile: str, uses: Sequence[PathUse], paths: Collection[str]
    ) -> frozenset[str]:
        found = {file.path for file in self.files(context, dockerfile, uses).files}
        held = _with_folders(dict.fromkeys(paths, ""))
        seen = self._without_ignored(held, context, dockerfile)
        for use in uses:
            if use.context is None or not dockerfile:
                for source in use.sources:
                    found |= _taken(seen, source, use) or set()
        return frozenset(path for path in paths if path in found or _holds(path, found))

    def explain_missing(self, context: str, dockerfile: str, source: str) -> str:  # noqa: ARG002
        return f'there is no "{source}"'

    def _seen(self, context: str, dockerfile: str) -> dict[str, str | None]:
        """What a build sees of the context: texts by path, ``None`` for a folder."""
        start = context + "/"
        inside = [path for path in self.texts if path.startswith(start)]
        held = _with_folders({path.removeprefix(start): self.texts[path] for path in inside})
        if not held and not any(path == context + "/" for path in self.texts):
            raise SpecError(f'there is no build context "{context}"')
        return self._without_ignored(held, context, dockerfile)

    def _without_ignored(
        self, held: Mapping[str, str | None], context: str, dockerfile: str
    ) -> dict[str, str | None]:
        ignore = IgnoreFile.parse(self._ignore_text(context, dockerfile))
        kept = {path for path in held if not ignore.matches(path)}
        return {path: held[path] for path in held if path in kept or _holds(path, kept)}

    def _ignore_text(self, context: str, dockerfile: str) -> str:
        own = self.texts.get(f"{dockerfile}.dockerignore") if dockerfile else None
        return self.texts.get(f"{context}/.dockerignore", "") if own is None else own

    def _file(self, context: str, path: str, text: str | None) -> ContextFile:
        mode = self.modes.get(f"{context}/{path}", 0o755 if text is None else 0o644)
        if text is None:
            return ContextFile(path, "directory", mode)
        return ContextFile(path, "file", mode, hashlib.sha256(text.encode()).hexdigest())


def _with_folders(texts: Mapping[str, str]) -> dict[str, str | None]:
    """``texts`` and the folders above them, which have none; a path that ends in / is one.

    Those outside of the context are left out.
    """
    held: dict[str, str | None] = {}
    for path, text in texts.items():
        if path.startswith(("/", "../")):
            continue
        held.update(dict.fromkeys([str(p) for p in PurePosixPath(path).parents][:-1]))
        if path:
            held.setdefault(path.rstrip("/"), None if path.endswith("/") else text)
    return held


def _taken(seen: Mapping[str, str | None], source: str, use: PathUse) -> set[str] | None:
    pattern = glob(source, literal=use.literal)
    if pattern.base and pattern.base not in seen:
        return None
    if pattern.literal:
        return _whole(seen, pattern.base, use)
    start = len(pattern.base) + 1 if pattern.base else 0
    below = [path for path in seen if path.startswith(pattern.base + "/") or not start]
    if use.parents:
        wanted = IgnoreFile.of([pattern.rest])
        found = {path for path in below if wanted.matches(path[start:])}
        return found | {path for path in seen if _holds(path, found)}
    matched = [path for path in below if pattern.matches(path[start:])]
    return {path for one in matched for path in _whole(seen, one, use)}


def _whole(seen: Mapping[str, str | None], top: str, use: PathUse) -> set[str]:
    exclude = IgnoreFile.of(() if use.parents else use.exclude)
    below = [path for path in seen if not top or path.startswith(top + "/")]
    kept = {path for path in below if not exclude.matches(path.removeprefix(top + "/"))}
    kept |= {path for path in below if _holds(path, kept)}
    if use.parents:
        kept |= {path for path in seen if _holds(path, {top})}
    return kept | ({top} if top else set())


def _holds(folder: str, paths: Iterable[str]) -> bool:
    return any(path.startswith(folder + "/") for path in paths)
