"""What a spec declares and does not enable: no part of it, and yet not unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from releaser.errors import Location, SpecError


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """The images that are not enabled, the groups of nothing else, and what switches each off.

    They take no part in comparisons: a spec without them means the same.
    """

    images: Mapping[str, Location] = field(default_factory=dict, compare=False)
    groups: Mapping[str, Location] = field(default_factory=dict, compare=False)

    def complaint(self, pattern: str) -> SpecError | None:
        """What is said to somebody who asks for one of them."""
        if pattern in self.groups:
            message = f'no image of group "{pattern}" is enabled'
            return SpecError(message, at=self.groups[pattern], hint="enable one of its images")
        exact = [pattern] if pattern in self.images else []
        meant = exact or [one for one in self.images if fnmatchcase(one, pattern)]
        if not meant:
            return None
        message = f'image "{meant[0]}" is declared, but not enabled'
        if meant != [pattern]:
            message = f'no image that matches "{pattern}" is enabled'
        return SpecError(message, at=self.images[meant[0]], hint='make its "enabled" true')


NOTHING_OFF = SwitchedOff()
