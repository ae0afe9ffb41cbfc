"""A changelog in the form of Keep a Changelog 1.1.0, made from what commits say.

https://keepachangelog.com/en/1.1.0/: the newest release first, each with the changes that a user
notices, by kind. A breaking change stands first among those of its kind and says so; it is a
``Changed`` one unless it deprecates, removes or secures something.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from releaser.core.version import Version
from releaser.core.versioning.conventional import Change
from releaser.core.versioning.links import Links
from releaser.core.versioning.markdown import inline

UNRELEASED = "Unreleased"
NOTHING = "No notable changes."
_PREAMBLE = """\
What users of each version notice, in the form of
[Keep a Changelog](https://keepachangelog.com/en/1.1.0/). Versions are numbered as
[Semantic Versioning](https://semver.org/spec/v2.0.0.html) says."""


class Section(Enum):
    """A kind of changes, in the order in which they are told."""

    ADDED = "Added"
    CHANGED = "Changed"
    DEPRECATED = "Deprecated"
    REMOVED = "Removed"
    FIXED = "Fixed"
    SECURITY = "Security"


_BY_TYPE = {"feat": Section.ADDED, "perf": Section.CHANGED, "fix": Section.FIXED}
_BY_TYPE_ALWAYS = {
    "deprecate": Section.DEPRECATED,
    "remove": Section.REMOVED,
    "revert": Section.REMOVED,
    "security": Section.SECURITY,
}


@dataclass(frozen=True, slots=True)
class Release:
    """A version with the day (``2024-02-29``) it came out on, its git tag, and what it changed.

    Without a version it is what was not released yet.
    """

    version: Version | None = None
    day: str | None = None
    tag: str | None = None
    changes: tuple[Change, ...] = ()

    @property
    def label(self) -> str:
        """What it is called."""
        return str(self.version) if self.version else UNRELEASED


def section_of(change: Change) -> Section | None:
    """Where a change is told; ``None`` where no user notices it."""
    if change.type in _BY_TYPE_ALWAYS:
        return _BY_TYPE_ALWAYS[change.type]
    if change.is_breaking or change.is_dependency:
        return Section.CHANGED
    return _BY_TYPE.get(change.type)


def changelog(title: str, releases: Sequence[Release], url: str | None = None) -> str:
    """The changelog of ``releases``, the newest first.

    ``url`` is the ``https`` address of the repository: where its platform is known, every version
    links to what it changed.
    """
    links = Links.find(url)
    foot = "\n".join(_references(releases, links)) if links else ""
    parts = (f"# {inline(title)}\n", f"{_PREAMBLE}\n", *map(told, releases), foot and f"{foot}\n")
    return "\n".join(filter(None, parts))


def told(release: Release) -> str:
    """A release as a changelog tells it, with its heading."""
    day = f" - {release.day}" if release.day else ""
    return f"## [{release.label}]{day}\n\n{notes(release.changes)}"


def notes(changes: Sequence[Change]) -> str:
    """What ``changes`` mean to users, by kind."""
    by_section = ((one, [c for c in changes if section_of(c) is one]) for one in Section)
    parts = (_section(one.value, found) for one, found in by_section if found)
    return "\n".join(parts) or f"{NOTHING}\n"


def _section(title: str, changes: Sequence[Change]) -> str:
    ordered = sorted(changes, key=lambda change: not change.is_breaking)
    return f"### {title}\n\n{''.join(map(_entry, ordered))}"


def _entry(change: Change) -> str:
    mark = "**Breaking:** " if change.is_breaking else ""
    scope = inline(change.scope or "")
    about = f"**{scope}:** " if scope else ""
    said = inline(change.description[:1].upper() + change.description[1:])
    note = f"  {inline(change.note)}\n" if change.is_breaking and change.note else ""
    return f"- {mark}{about}{said} ({change.commit.sha[:7]})\n{note}"


def _references(releases: Sequence[Release], links: Links) -> Iterator[str]:
    """What the names of versions link to; what has no tag of its own, or HEAD, links to nothing."""
    named = [(one.label, one.tag if one.version else "HEAD") for one in releases]
    tagged = [(label, tag) for label, tag in named if tag]
    for (label, tag), (_, before) in pairwise([*tagged, ("", None)]):
        if tag and (before or tag != "HEAD"):
            yield f"[{label}]: {links.between(before, tag)}"
