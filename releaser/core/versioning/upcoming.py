"""What comes after a version: the next one, its git tag, and the changes that ask for it."""

from __future__ import annotations

from dataclasses import dataclass

from releaser.core.version import Version
from releaser.core.versioning.bump import Bump, bump_of
from releaser.core.versioning.conventional import Change


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The next version of a project, or of one image; ``None`` where nothing asks for one.

    ``current`` is what the checkout is now, ``last`` the highest version that was tagged, ``tag``
    the git tag of the next one. ``changes`` are those since the last full version, the newest
    first; ``bump`` is what they ask for together. ``decided`` says who decided in their place: a
    person, or a file.
    """

    name: str
    current: Version | None
    last: Version | None
    version: Version | None
    tag: str | None
    bump: Bump
    changes: tuple[Change, ...]
    decided: str | None = None

    @property
    def because(self) -> Change | None:
        """The newest of the changes that ask for most."""
        return next((one for one in self.changes if bump_of([one]) is self.bump), None)
