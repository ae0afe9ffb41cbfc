"""Looks for Dockerfiles and other tools' files below a folder; nothing outside is read.

Hidden folders and those that hold other people's code are passed by; links to folders are not
followed, and links to files only where they stay below the folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from releaser.core.dockerfile import Dockerfile
from releaser.errors import SpecError
from releaser.importing.draft import Lost
from releaser.sources.dockerfiles import read_dockerfile, read_text

MOST_FOLDERS = 20_000
MOST_DOCKERFILES = 1000
DEEPEST = 12
PASSED_BY = frozenset(
    {"node_modules", "vendor", "third_party", "venv", "site-packages", "target", "dist"}
)

_DOCKERFILE = re.compile(
    r"(?:dockerfile|containerfile)(?:[._-][\w.-]+)?|[\w.-]+\.(?:dockerfile|containerfile)",
    re.IGNORECASE,
)
_NOT_ONE = re.compile(
    r".*\.(?:dockerignore|containerignore|md|txt|ya?ml|json|sh|py|go|js|ts|rb|orig|bak|swp|tmpl|j2"
    r"|tpl|template|erb|in|rego|lock|html|diff|patch)",
    re.IGNORECASE,
)
COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
BAKE = ("docker-bake.hcl", "docker-bake.json")
_OVER = ("docker-bake.override.hcl", "docker-bake.override.json")
_OVER_COMPOSE = tuple(f"{one.rpartition('.')[0]}.override.{one.rpartition('.')[2]}"
                      for one in COMPOSE)  # fmt: skip

_ASTRAY = "it is a link that leads out of the folder, and is not followed"
_TEMPLATE = "its path has {{ in it, where a file would take it for a placeholder"


@dataclass(frozen=True, slots=True)
class Scan:
    """What lies below a folder, with paths as seen from it.

    ``beside`` has what other files a Dockerfile's folder holds; ``files`` those of other tools in
    the folder itself.
    """

    dockerfiles: dict[str, Dockerfile]
    beside: dict[str, bool]
    bake: str | None
    compose: str | None
    lost: tuple[Lost, ...] = ()


def scan(root: Path) -> Scan:
    """Everything of interest below ``root``, in a stable order."""
    found: dict[str, Dockerfile] = {}
    beside: dict[str, bool] = {}
    lost: list[Lost] = []
    for path, is_shared in _dockerfiles(root, lost):
        if "{{" in path:
            lost.append(Lost(path, "the Dockerfile", _TEMPLATE))
            continue
        try:
            found[path] = read_dockerfile(str(root / path))
            beside[path] = is_shared
        except SpecError as error:
            line = f":{error.at.line}" if error.at and error.at.line else ""
            lost.append(Lost(f"{path}{line}", "the Dockerfile", error.message))
    here = {one.name for one in root.iterdir() if one.is_file()}
    astray = [one for one in (*BAKE, *COMPOSE) if one in here and not stays(root / one, root)]
    here.difference_update(astray)
    lost += [Lost(one, "the file", _ASTRAY) for one in astray]
    over = (one for one in (*_OVER, *_OVER_COMPOSE) if one in here)
    lost += [Lost(one, "the file", "only the file that it is put upon is read") for one in over]
    return Scan(found, beside, _first(BAKE, here), _first(COMPOSE, here), tuple(lost))


def stays(path: Path, root: Path) -> bool:
    """Whether what ``path`` names lies below ``root``, after all links."""
    return path.resolve().is_relative_to(root.resolve())


def text_at(root: Path, path: str) -> str:
    """The text of a file of another tool; raises :class:`SpecError`."""
    return read_text(str(root / path))


def unread_beside(folder: Path) -> tuple[Lost, ...]:
    """What Compose reads beside its file, and no draft holds: it is often secret."""
    if not os.path.lexists(folder / ".env"):
        return ()
    return (Lost(".env", "the file", "it is not read: variables have the Compose file's defaults"),)


def _first(names: tuple[str, ...], here: set[str]) -> str | None:
    return next((one for one in names if one in here), None)


def _dockerfiles(root: Path, lost: list[Lost]) -> Iterator[tuple[str, bool]]:
    """The Dockerfiles, each with whether its folder holds other things as well."""
    count = 0
    for folders, (folder, inner, names) in enumerate(os.walk(root)):
        inner[:] = sorted(one for one in inner if _entered(one))
        place = Path(folder).relative_to(root)
        if folders > MOST_FOLDERS or count > MOST_DOCKERFILES:
            lost.append(Lost(str(place), "all from here on", "there is too much below the folder"))
            return
        if len(place.parts) >= DEEPEST:
            inner.clear()
        known = (one for one in names if _is_dockerfile(one) and (Path(folder) / one).is_file())
        mine = sorted(known, key=lambda one: (one != "Dockerfile", one))  # it has the plain name
        others = bool(inner) or any(
            one not in mine and not _NOT_ONE.fullmatch(one) for one in names
        )
        for name in mine:
            if (Path(folder) / name).is_symlink() and not stays(Path(folder) / name, root):
                lost.append(Lost((place / name).as_posix(), "the Dockerfile", _ASTRAY))
                continue
            count += 1
            yield (place / name).as_posix(), others


def _entered(name: str) -> bool:
    return not name.startswith(".") and name not in PASSED_BY


def _is_dockerfile(name: str) -> bool:
    return bool(_DOCKERFILE.fullmatch(name)) and not _NOT_ONE.fullmatch(name)
