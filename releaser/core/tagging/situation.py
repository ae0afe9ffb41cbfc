"""What an image's tags depend on besides their rules, and what names in rules stand for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from releaser.core import template
from releaser.core.facts import EventFacts, SourceFacts
from releaser.core.tag_rules.dates import written
from releaser.core.tag_rules.expressions import DateCall
from releaser.core.version import Version

PLACEHOLDERS = frozenset(template.PLAN_NAMES)
_DEFAULT_BRANCH_EVENTS = re.compile("create|discussion|issues|schedule")
"""Events that are always about the last commit of the default branch."""


@dataclass(frozen=True, slots=True)
class Situation:
    """An image in a checkout at an event.

    ``commanded`` tells that a person chose the version, ``is_release`` that it is one whatever the
    event is about.
    """

    version: Version | None
    source: SourceFacts
    event: EventFacts
    image: str
    project: str
    commanded: bool = False
    is_release: bool = False

    @property
    def is_dirty(self) -> bool:
        """Whether what is built is not what the commit and its tags say."""
        return bool(self.source.changes) and not self.commanded

    @property
    def is_default_branch(self) -> bool:
        """Whether the event is about the default branch."""
        named = self.event.ref.removeprefix("refs/heads/")
        if named and named == self.event.default_branch:
            return True
        return bool(named and _DEFAULT_BRANCH_EVENTS.search(self.event.name))

    def known(self) -> dict[str, str]:
        """The names that every rule knows; only what is known is in it."""
        found = values(self.version, self.source, image=self.image, project=self.project)
        default = self.is_default_branch
        found["is_default_branch"] = "true" if default else "false"
        found["is_not_default_branch"] = "false" if default else "true"
        event = {
            "branch": self.event.branch,
            "tag": self.event.tag,
            "base_ref": self.event.base_ref,
        }
        return {**{name: value for name, value in event.items() if value}, **found}

    def date(self, call: DateCall) -> str | None:
        """A date as a rule asks for it; ``None`` where nothing says what time it is."""
        seconds = self.event.now if call.name == "date" else self.event.commit_time
        return None if seconds is None else written(seconds, call.format, call.zone)


def values(
    version: Version | None, source: SourceFacts, *, image: str, project: str
) -> dict[str, str]:
    """What the placeholders of tags, labels and args stand for; only what is known is in it."""
    found = {"image": image, "project": project}
    if version is not None:
        found |= parts_of(version)
    if source.commit:
        short = source.commit[:7]
        found |= {"commit": source.commit, "sha": short, "short_sha": short}
    if source.branch:
        found["branch"] = source.branch
    return found


def parts_of(version: Version) -> Mapping[str, str]:
    """What the names of a version's parts stand for."""
    return {
        "version": str(version),
        "major": str(version.major),
        "minor": str(version.minor),
        "patch": str(version.patch),
        "prerelease": version.prerelease or "",
    }
