"""Chooses what a draft is made of: a whole repository, or one file of another tool."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path

from releaser.core.dockerfile import Dockerfile
from releaser.core.spec.registry_fields import RegistrySpec
from releaser.errors import SetupError, SpecError
from releaser.importing.bake import from_bake
from releaser.importing.compose import from_compose
from releaser.importing.draft import Draft, effective
from releaser.importing.edges import path_of, with_edges
from releaser.importing.kinds import KINDS, WORKFLOW
from releaser.importing.remote import Origin, origin_of, registry_of
from releaser.importing.renaming import legal, with_legal_names
from releaser.importing.repository import from_repository, placed
from releaser.importing.scan import BAKE, COMPOSE, stays, unread_beside
from releaser.importing.workflow import from_workflow
from releaser.interfaces import Contexts
from releaser.sources.dockerfiles import read_text
from releaser.sources.git import GitSource


def drafted(
    path: Path | None, source: str | None, registry: str | None, contexts: Contexts
) -> tuple[Draft, Path]:
    """A draft and the folder that it is for.

    ``source`` is a kind of file, and ``path`` the file; or ``source`` is the file, and its name
    says the kind; or there is none, and ``path`` is a folder to look through.

    Raises:
        SpecError: there is nothing to make a draft of, or it cannot be read.
    """
    if registry is not None:
        _check_prefix(registry)
    if source is not None:
        return _from_file(path, source, registry, contexts)
    root = _folder(path or Path.cwd())
    draft = from_repository(root, contexts, _origin(root), registry)
    if not draft.images:
        looked = (
            "looked for",
            "Dockerfile, *.Dockerfile, Dockerfile.*, Containerfile, bake, compose",
        )
        raise SpecError(
            f'there is no Dockerfile in "{root}" or below it',
            details=(looked, *(("passed over", str(one)) for one in draft.lost)),
            hint="name the folder: releaser init DIR, or a file: releaser init --from FILE",
        )
    return draft, root


def _check_prefix(registry: str) -> None:
    try:
        RegistrySpec(prefix=registry)
    except ValueError:
        raise SpecError(
            "--registry is not a prefix", hint="write host/path: --registry ghcr.io/acme/shop"
        ) from None


def _folder(path: Path) -> Path:
    root = path.absolute()
    if not root.is_dir():
        hint = f"releaser init --from {path}" if root.is_file() else None
        raise SpecError(f'there is no folder "{path}"', hint=hint)
    return root


def _origin(root: Path) -> Origin:
    """Where the repository is kept; logins in the URL are gone by then."""
    try:
        return origin_of(GitSource(str(root)).remote())
    except SetupError:  # what git refuses to read says nothing, and a plan will say why
        return Origin()


# One file.


def _from_file(
    path: Path | None, source: str, registry: str | None, contexts: Contexts
) -> tuple[Draft, Path]:
    kind, file = (source, path) if source in KINDS else (_kind(source), Path(source))
    file = file if file is not None else _usual(kind)
    if file.is_dir():
        file = _usual(kind, file)
    text = read_text(str(file))
    root, folder = _root(file.absolute(), kind, text)
    origin = _origin(root)
    project = legal(origin.name or root.name.lower())
    prefix, why = registry_of(origin, project) if registry is None else (registry, "")
    named = {"project": project, "folder": folder, "registry": prefix}
    match kind:
        case "bake":
            draft = from_bake(text, file.name, **named)
        case "compose":
            draft = from_compose(text, file.name, **named)
            draft = draft.losing(*unread_beside(file.parent))
        case _:
            draft = from_workflow(text, file.name, **named, origin=origin)
    if not draft.images:
        raise SpecError(
            f'"{file}" builds no image',
            details=tuple(("passed over", str(one)) for one in draft.lost),
            hint=_NOTHING[kind],
        )
    draft = placed(with_legal_names(draft), prefix, why, commanded=registry is not None)
    return with_edges(draft, _dockerfiles(draft, root, contexts), origin.owner), root


_NOTHING = {
    "bake": "it needs a target",
    "compose": "it needs a service with build:",
    WORKFLOW: "it needs a step with docker/build-push-action",
}


def _kind(file: str) -> str:
    """The kind of a file by its name, or its place."""
    name, lower = Path(file).name, Path(file).name.lower()
    if not Path(file).exists() and not Path(file).suffix:
        raise SpecError(
            f'--from "{file}" is no kind and no file',
            details=(("allowed", f"{', '.join(KINDS)}, FILE"),),
            hint="releaser init --from compose FILE, or only the file where its name says the kind",
        )
    if lower.endswith((".hcl", ".json")) or "bake" in lower:
        return "bake"
    if "workflows" in Path(file).absolute().parts:
        return WORKFLOW
    if "compose" in lower:
        return "compose"
    raise SpecError(
        f'"{name}" does not say what it is',
        hint=f"releaser init --from compose {file}, or another kind",
        details=(("allowed", ", ".join(KINDS)),),
    )  # fmt: skip


def _usual(kind: str, folder: Path = Path()) -> Path:
    """The file that a tool reads when none is named."""
    names = {"bake": BAKE, "compose": COMPOSE}.get(kind, ())
    files = (folder / one for one in names)
    found = next((one for one in files if one.is_file() and stays(one, folder)), None)
    if found is None:
        more = f", or {', '.join(names)} in this folder" if names else ""
        raise SpecError(
            f"--from {kind} needs a file{more}", hint=f"releaser init --from {kind} FILE"
        )
    return found


def _root(file: Path, kind: str, text: str) -> tuple[Path, str]:
    """The folder that ``images.yaml`` is for, and the one that paths are seen from, from there.

    It is the file's own, but where its paths lead above it: then as far up as they lead, within
    the checkout.
    """
    if kind == WORKFLOW:
        parts = file.parts
        place = parts.index(".github") if ".github" in parts else len(parts) - 1
        return Path(*parts[:place]), "."
    here = file.parent
    root = here
    ups = max((one.count("..") for one in _quoted(text)), default=0)
    for _ in range(min(ups, 5)):
        if (root / ".git").exists() or root.parent == root:
            break
        root = root.parent
    return root, posixpath.relpath(here, root)


def _quoted(text: str) -> list[str]:
    """Words of a text that begin as paths do which lead up."""
    words = (one.strip("\"'[]{},") for one in text.replace("=", " ").replace(":", " ").split())
    return [one for one in words if one == ".." or one.startswith("../")]


def _dockerfiles(draft: Draft, root: Path, contexts: Contexts) -> Mapping[str, Dockerfile]:
    found = {}
    by_name = {one.name: one for one in draft.images}
    for image in draft.images:
        path = path_of(effective(image, by_name))
        try:
            found[path] = contexts.dockerfile(str(root / path))
        except SpecError:  # what is missing is told when the draft is tried
            continue
    return found
