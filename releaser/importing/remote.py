"""The registry that goes with the place where a repository is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass

_REMOTE = re.compile(
    r"(?:[a-z+]+://)?(?:[^@/]*@)?([A-Za-z0-9][^:/@]*)(?::[0-9]+(?=/))?[:/]/*(.+?)(?:\.git)?/*"
)
_PART = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a repository is kept: ``github.com``, and its path there, ``Acme/Shop``."""

    host: str = ""
    path: str = ""

    @property
    def owner(self) -> str:
        """Who it belongs to there."""
        return self.path.partition("/")[0].lower()

    @property
    def name(self) -> str:
        """What it is called there, as a project is."""
        return self.path.rpartition("/")[2].lower()


def origin_of(url: str | None) -> Origin:
    """What a remote's URL says, and nothing of a login in it; empty where it names no host."""
    found = _REMOTE.fullmatch(url or "")
    if found is None or "." not in found[1]:
        return Origin()
    return Origin(found[1].lower(), found[2])


def registry_of(origin: Origin, project: str) -> tuple[str, str]:
    """The prefix for images of a repository, and a comment that says where it is from."""
    path = "/".join(part for part in origin.path.lower().split("/") if _PART.fullmatch(part))
    if origin.host == "github.com" and path:
        return f"ghcr.io/{path}", "GitHub's registry, as the git remote is there"
    if origin.host == "gitlab.com" and path:
        return f"registry.gitlab.com/{path}", "GitLab's registry, as the git remote is there"
    name = _PART.fullmatch(project.lower())
    why = f"No registry is known of {origin.host}" if origin.host else "No git remote says where"
    return (
        f"localhost:5000/{name[0] if name else 'images'}",
        f"{why}: put your own here, host/path",
    )
