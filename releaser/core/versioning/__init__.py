"""Which version comes next, what it changed, and which version a file declares.

Commits say what they change in the words of Conventional Commits; that decides how far the version
moves, and it is told to users in a changelog.
"""

from __future__ import annotations

from releaser.core.versioning.bump import USUAL, Bump, Bumping, Since, bump_of, next_version
from releaser.core.versioning.changelog import Release, Section, changelog, notes, section_of
from releaser.core.versioning.conventional import Change, change_of, changes_of
from releaser.core.versioning.files import declared_version
from releaser.core.versioning.insertion import inserted

__all__ = [
    "USUAL",
    "Bump",
    "Bumping",
    "Change",
    "Release",
    "Section",
    "Since",
    "bump_of",
    "change_of",
    "changelog",
    "changes_of",
    "declared_version",
    "inserted",
    "next_version",
    "notes",
    "section_of",
]
