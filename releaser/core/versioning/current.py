"""The version that an image has now: a person's, a git tag's, a file's, or one between two tags."""

from __future__ import annotations

from dataclasses import dataclass, replace

from releaser.core.facts import EventFacts, SourceFacts
from releaser.core.git_tags import TagTemplate
from releaser.core.version import Version, between_tags, dirty

USUAL_DEFAULTS = frozenset({"main", "master", "trunk"})
"""What the default branch is called where nothing says which one it is."""


@dataclass(frozen=True, slots=True)
class Current:
    """The version of an image, and what it is the version of.

    ``is_release``: it is one whatever the event is about, so that rules for versions give it.
    ``is_kept``: nothing of the image has changed since that version, which was tagged at another
    commit. ``is_commanded``: a person chose it. ``commit`` is the one that it stands for. It is
    ``None`` where nothing says any version. One that ``needs_history`` is read from commits before
    this one, which a shallow clone lacks.
    """

    version: Version | None = None
    is_release: bool = False
    is_kept: bool = False
    is_commanded: bool = False
    commit: str | None = None
    needs_history: bool = False


@dataclass(frozen=True, slots=True)
class Since:
    """What happened after the last version tag of an image.

    ``count`` is the number of commits since, ``commit`` the newest of them; ``tagged`` the commit
    of the tag, where that is known. Without a tag they count from the first commit.
    """

    tag: str | None = None
    count: int = 0
    commit: str | None = None
    tagged: str | None = None

    @classmethod
    def of(cls, source: SourceFacts) -> Since:
        """All that happened, where the images share their versions."""
        return cls(source.last_tag, source.distance, source.commit)


@dataclass(frozen=True, slots=True)
class Checkout:
    """Where a version is read from: the checkout, the event, and how git tags are spelled."""

    source: SourceFacts
    event: EventFacts
    template: TagTemplate

    def current(
        self,
        image: str = "",
        since: Since | None = None,
        declared: Version | None = None,
        commanded: Version | None = None,
    ) -> Current:
        """The version of an image (of all of them, where they share it).

        ``declared`` is what a file says.
        """
        if commanded is not None:
            return self._release(commanded, is_commanded=True)
        since = since or Since.of(self.source)
        if declared is not None:
            found = self._declared(image, declared, since)
        else:
            found = self._tagged(image) or self._after(image, since)
        if found.version is not None and self.source.changes:
            return replace(found, version=dirty(found.version), is_kept=False)
        return found

    def _tagged(self, image: str) -> Current | None:
        """The version of the tag that the event is about, else of one at HEAD."""
        said = self.template.version(self.event.tag, image) if self.event.tag else None
        if said is not None:
            own = self.template.is_per_image
            return Current(said, is_release=own, commit=self.source.commit)
        here = self.template.highest(self.source.tags, image)
        if here is None:
            return None
        return Current(here[1], is_release=self._stands, commit=self.source.commit)

    @property
    def _stands(self) -> bool:
        """Whether a tag's version counts although the event is not about that tag.

        Without a CI system the checkout is all there is. Where the event is about the tag of one
        image, the others stay what they are.
        """
        return not self.event.name or (self.template.is_per_image and self.event.tag is not None)

    def _after(self, image: str, since: Since) -> Current:
        if self.source.commit is None:
            return Current()
        last = self.template.version(since.tag, image) if since.tag else None
        if last is not None and not since.count:
            kept = Current(last, is_release=self._stands, is_kept=True, commit=since.tagged)
            return replace(kept, needs_history=True)
        commit = since.commit or self.source.commit
        version = between_tags(last, since.count, commit)
        return Current(version, commit=commit, needs_history=True)

    def _declared(self, image: str, version: Version, since: Since) -> Current:
        """A file's version: it is out where its tag is; elsewhere it is the next one."""
        tag = self.template.spell(version, image)
        if self.event.tag == tag or tag in self.source.tags or self.source.commit is None:
            return self._release(version)
        if tag in self.source.past_tags:
            return self._after(image, replace(since, tag=tag))
        if self._is_aside:
            commit = since.commit or self.source.commit
            early = _before(version, since.count, commit)
            return Current(early, commit=commit, needs_history=True)
        return self._release(version)

    def _release(self, version: Version, *, is_commanded: bool = False) -> Current:
        return Current(
            version, is_release=True, is_commanded=is_commanded, commit=self.source.commit
        )

    @property
    def _is_aside(self) -> bool:
        """Whether what is checked out is not known to be what releases are made of."""
        default, branch = self.event.default_branch, self.event.branch
        if self.event.request is not None or branch is None:
            return True
        return branch != default if default else branch not in USUAL_DEFAULTS


def _before(version: Version, count: int, commit: str) -> Version:
    """The version of a commit that comes before the release of ``version``."""
    early = replace(version, prerelease=None)
    mark = between_tags(None, count, commit).prerelease
    return replace(early, prerelease=f"{version.prerelease}.{mark}" if version.prerelease else mark)
