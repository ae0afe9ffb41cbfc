"""Addresses of what changed between two git tags, on the platform that keeps a repository."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

_URL = re.compile(r"https://(?P<host>[A-Za-z0-9.-]+)(?::[0-9]+)?(?:/[\w.~-]+){2,}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Links:
    """Where a platform shows a comparison of two revisions, and a tag."""

    comparisons: str
    tags: str

    @classmethod
    def find(cls, url: str | None) -> Links | None:
        """Those of a repository, by its ``https`` address; ``None`` where its form is not known.

        Known are GitHub and GitLab, on servers of one's own too where the host is called so:
        ``github.acme.dev``.
        """
        plain = (url or "").rstrip("/").removesuffix(".git")
        found = _URL.fullmatch(plain)
        match found["host"].lower().split(".") if found else ():
            case ["github", *_]:
                return cls(f"{plain}/compare/", f"{plain}/releases/tag/")
            case ["gitlab", *_]:
                return cls(f"{plain}/-/compare/", f"{plain}/-/tags/")
            case _:
                return None

    def between(self, before: str | None, after: str) -> str:
        """What ``after`` has and ``before`` has not; without a tag before, ``after`` itself."""
        if before is None:
            return self.tags + quoted(after)
        return f"{self.comparisons}{quoted(before)}...{quoted(after)}"


def quoted(revision: str) -> str:
    """A revision as a part of an address, in which it may have parts of its own."""
    return quote(revision, safe="/")
