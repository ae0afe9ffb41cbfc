"""What the images of a project are called at an event: every rule's outcome, and what stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from releaser.core.facts import Concern, EventFacts
from releaser.core.oci import Tag
from releaser.core.tagging import Outcome, Stays, WantedTag
from releaser.core.versioning.current import Current


@dataclass(frozen=True, slots=True)
class ImageTags:
    """The tags of one image.

    ``stays`` says of the lines that will not move what keeps them, by registry; where none was
    asked, or the image goes to none, under the name ``""``.
    """

    name: str
    current: Current
    outcome: Outcome
    stays: Mapping[Tag, Mapping[str, Stays]]
    places: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    annotations: tuple[tuple[str, str], ...]

    @property
    def tags(self) -> tuple[WantedTag, ...]:
        """The tags that the image gets in any of its registries."""
        return tuple(one for one in self.outcome.wanted if not self.stays_everywhere(one))

    def stays_everywhere(self, wanted: WantedTag) -> bool:
        """Whether a tag will not be given, since it stands for a newer version in all places."""
        return len(self.stays.get(wanted.tag, ())) == len(self.places)


@dataclass(frozen=True, slots=True)
class TagsAtEvent:
    """The tags of images, the event that they are given at, and what was suspicious."""

    project: str
    event: EventFacts
    images: tuple[ImageTags, ...]
    concerns: tuple[Concern, ...]
