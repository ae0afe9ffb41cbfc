"""The changelog of a project, or of an image: what came out with every version of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from releaser.core.facts import Concern
from releaser.core.graph import choose
from releaser.core.history import History
from releaser.core.tag_rules.dates import moment
from releaser.core.version import Version
from releaser.core.versioning.changelog import Release
from releaser.core.versioning.conventional import Change, changes_of
from releaser.core.versioning.releases import came_out
from releaser.pipeline.changes import Changes
from releaser.pipeline.request import Adapters, Project, Request
from releaser.pipeline.upcoming import Outlook


@dataclass(frozen=True, slots=True)
class Told:
    """The releases of a project or of an image, the newest first; its folder below the spec's."""

    name: str
    folder: str
    releases: tuple[Release, ...]


@dataclass(frozen=True)
class Changelogs:
    """Reads the whole history of a project."""

    project: Project
    adapters: Adapters
    request: Request

    @cached_property
    def outlook(self) -> Outlook:
        """What comes next."""
        return Outlook(self.project, self.adapters, self.request)

    @property
    def concerns(self) -> tuple[Concern, ...]:
        """What was suspicious."""
        return self.outlook.concerns

    @property
    def url(self) -> str | None:
        """The address of the repository, for links."""
        return self.outlook.seen.event.repository.url or None

    def told(self, *, day: str | None = None) -> tuple[Told, ...]:
        """The changelogs of the images that the request names, or of the whole project.

        Where ``day`` is given, what is unreleased is told as the next version, out on that day.

        Raises:
            SpecError: a name matches no image.
            SetupError: the history cannot be read.
        """
        spec = self.project.spec
        own = self.outlook.template.is_per_image
        if not (own or self.request.images):
            return (Told(spec.project, ".", self._releases("", tuple(spec.images), day)),)
        chosen = choose(spec, self.request.images)
        return tuple(
            Told(name, spec.images[name].context, self._releases(name if own else "", [name], day))
            for name in chosen
        )

    def _releases(self, image: str, images: Sequence[str], day: str | None) -> tuple[Release, ...]:
        """What came out with every version; ``image`` is the one whose tags count, if not all."""
        found = self.outlook.tagged(image, self.outlook.seen.source.past_tags)
        versions = {tag: version for version, tag in sorted((v, tag) for tag, v in found)}
        said = self._said(tuple(versions))
        releases = [
            self._release(tag, version, self._changes.among(changes, images))
            for (tag, version), changes in zip(versions.items(), said, strict=False)
        ]
        rest = self._changes.among(said[-1], images)
        newest = self._newest(image, images, rest, day)
        return tuple(reversed([*releases, *newest]))

    def _newest(
        self, image: str, images: Sequence[str], changes: tuple[Change, ...], day: str | None
    ) -> Iterable[Release]:
        """What is unreleased, under the version that it will have where it is to be told so."""
        following = self.outlook.next_of(image, images) if day else None
        if following is None or following.version is None:
            return (Release(changes=changes),) if changes or not day else ()
        return (Release(following.version, day, following.tag, changes),)

    def _release(self, tag: str, version: Version, changes: tuple[Change, ...]) -> Release:
        return Release(version, _day(self._times[self._history.tags[tag]]), tag, changes)

    def _said(self, tags: tuple[str, ...]) -> tuple[tuple[Change, ...], ...]:
        """What the commits say that came out with each of ``tags``, and last those of HEAD."""
        at = tuple(self._history.tags[tag] for tag in tags)
        if at not in self._known:
            groups = came_out(self._history, tags)
            self._known[at] = tuple(changes_of(groups[tag]) for tag in (*tags, None))
        return self._known[at]

    @cached_property
    def _known(self) -> dict[tuple[str, ...], tuple[tuple[Change, ...], ...]]:
        return {}

    @cached_property
    def _history(self) -> History:
        return self.adapters.source.history(())

    @cached_property
    def _times(self) -> dict[str, int]:
        return {one.sha: one.time for one in self._history.commits}

    @cached_property
    def _changes(self) -> Changes:
        return self.outlook.touched_by(self._history)


def _day(seconds: int) -> str | None:
    """The day of a commit; ``None`` where its clock was so wrong that there is none."""
    at = moment(seconds)
    return at.date().isoformat() if at else None
