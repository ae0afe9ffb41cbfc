"""The version of every image of a project: shared by all, or each image's own."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from releaser.core import template
from releaser.core.facts import Concern, EventFacts, SourceFacts
from releaser.core.git_tags import TagTemplate
from releaser.core.graph import choose
from releaser.core.history import Commit, History
from releaser.core.version import Version
from releaser.core.versioning.current import Checkout, Current, Since
from releaser.errors import SpecError
from releaser.pipeline.changes import Changes
from releaser.pipeline.request import Adapters, Project, Request
from releaser.pipeline.selection import Selection


@dataclass(frozen=True, slots=True)
class Versions:
    """The version of each image by name; ``shared`` is that of all, where they share it."""

    images: Mapping[str, Current]
    shared: Current | None = None

    @property
    def project(self) -> Version | None:
        """The version that the whole project has."""
        return self.shared.version if self.shared else None


@dataclass(frozen=True)
class Versioner:
    """Finds the versions of a project's images at an event.

    ``select`` gives the graph of all images; it is asked for where an image's own history counts.
    """

    project: Project
    adapters: Adapters
    source: SourceFacts
    event: EventFacts
    selection: Callable[[], Selection]

    @property
    def template(self) -> TagTemplate:
        """How git tags of versions are spelled."""
        return TagTemplate(self.project.spec.versioning.tag)

    def versions(self, request: Request) -> Versions:
        """The versions; the one that ``request`` commands is that of the images it names.

        Raises:
            SpecError: a version is none, or the file that declares it is wrong.
            SetupError: the history cannot be read.
        """
        commanded = Version.parse(request.version) if request.version is not None else None
        checkout = Checkout(self.source, self.event, self.template)
        spec = self.project.spec
        names = tuple(spec.images)
        if not spec.versioning.is_per_image:
            declared = self.declared("") if commanded is None else None
            shared = checkout.current(declared=declared, commanded=commanded)
            return Versions(dict.fromkeys(names, shared), shared)
        chosen = set(request.commanded or choose(spec, request.images)) if commanded else set()
        return Versions(
            {
                name: self._own(checkout, name, commanded if name in chosen else None)
                for name in names
            }
        )

    def _own(self, checkout: Checkout, image: str, commanded: Version | None) -> Current:
        if commanded is not None:
            return checkout.current(image, commanded=commanded)
        return checkout.current(image, self._since(image), self.declared(image))

    def declared(self, image: str) -> Version | None:
        """What the file says that declares the version of an image, or of all (``""``)."""
        file = self.project.spec.versioning.file
        if file is None:
            return None
        from releaser.core.versioning.files import declared_version

        folder = self.project.spec.images[image].context if image else ""
        path = posixpath.normpath(template.render(file, {"image": image, "context": folder}))
        shown = posixpath.join(posixpath.dirname(self.project.at(()).file), path)
        try:
            return declared_version(shown, self.project.file(path))
        except SpecError as error:
            if error.at is not None:
                raise
            at = self.project.at(("versioning", "file"))
            raise SpecError(error.message, at=at, details=error.details, hint=error.hint) from None

    def behind(self, versions: Versions) -> Concern | None:
        """What is odd about a file that declares a version below the last one that was tagged."""
        file, last = self.project.spec.versioning.file, self.source.last_tag
        tagged = self.template.version(last) if last else None
        declared = versions.project
        if file is None or tagged is None or declared is None or tagged <= declared:
            return None
        return Concern(f"{file} says {declared}, but git has {last}", f"raise it above {tagged}")

    def owner(self, tag: str | None) -> str | None:
        """The image that ``tag`` names a version of, where every image has versions of its own."""
        if tag is None or not self.template.is_per_image:
            return None
        names = self.project.spec.images
        return next((name for name in names if self.template.version(tag, name)), None)

    def last_tag(self, image: str) -> str | None:
        """The tag of the highest version that an image has in HEAD's history."""
        past = self.template.among(self.source.past_tags, image)
        found = self.template.highest(past, image)
        return found[0] if found else None

    def tagged(self, image: str) -> tuple[Version, ...]:
        """The full versions of an image that git has tags of, in order."""
        return self._tagged(image) if self.template.is_per_image else self._all_tagged

    @cached_property
    def _all_tagged(self) -> tuple[Version, ...]:
        return self._tagged("")

    def _tagged(self, image: str) -> tuple[Version, ...]:
        near = self.template.among(self.source.all_tags, image)
        found = {one for _, one in self.template.versions(near, image) if not one.prerelease}
        return tuple(sorted(found, key=lambda version: version.precedence))

    def _since(self, image: str) -> Since:
        if not self.template.is_per_image:
            return Since.of(self.source)
        tag = self.last_tag(image)
        if tag is None:
            return Since(None, self.source.distance, self.source.commit)
        found = self.commits(image, tag)
        tagged = self.history.tags[tag]
        if not found and image in self._unlike(tagged):
            return Since(tag, 1, self.source.commit, tagged)
        newest = found[0].sha if found else None
        return Since(tag, len(found), newest, tagged)

    def _unlike(self, tagged: str) -> frozenset[str]:
        """The images that are not as they were in a tag's commit, whatever commits say.

        A merge may have thrown away what one side had (``-s ours``).
        """
        if tagged not in self._compared:
            paths = self._differences.get(tagged, ())
            head = self.source.commit or ""
            self._compared[tagged] = self.changes.between(tagged, head, paths)
        return self._compared[tagged]

    @cached_property
    def _compared(self) -> dict[str, frozenset[str]]:
        return {}

    @cached_property
    def _differences(self) -> Mapping[str, tuple[str, ...]]:
        """The paths in which HEAD differs from the commits of the last version tags."""
        tags = {tag for name in self.project.spec.images if (tag := self.last_tag(name))}
        commits = {self.history.tags[tag] for tag in tags}
        return self.adapters.source.differences(sorted(commits - {self.source.commit or ""}))

    def commits(self, image: str, tag: str | None) -> Sequence[Commit]:
        """The commits since ``tag`` that changed an image, the newest first."""
        start = self.history.tags[tag] if tag else None
        if start not in self._after:
            self._after[start] = self.history.since(tag)
        return [one for one in self._after[start] if image in self.changes.of(one)]

    @cached_property
    def _after(self) -> dict[str | None, tuple[Commit, ...]]:
        """The commits since a commit."""
        return {}

    @cached_property
    def history(self) -> History:
        """The history since the oldest of the images' last version tags."""
        tags = {tag for name in self.project.spec.images if (tag := self.last_tag(name))}
        return self.adapters.source.history(sorted(tags)) if tags else History()

    @cached_property
    def changes(self) -> Changes:
        """Which commits of the history changed which images."""
        return Changes(
            self.project,
            self.adapters.contexts,
            self.adapters.source,
            self.selection(),
            self.history.commits,
        )
