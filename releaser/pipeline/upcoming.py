"""The next version of what has versions: the project, or each image of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from releaser.core.facts import Concern
from releaser.core.git_tags import TagTemplate
from releaser.core.graph import choose
from releaser.core.history import History
from releaser.core.version import Version
from releaser.core.versioning.bump import Bumping, Since, bump_of, next_version
from releaser.core.versioning.conventional import Change, changes_of
from releaser.core.versioning.upcoming import Upcoming
from releaser.errors import PlanError, SetupError
from releaser.pipeline.changes import Changes
from releaser.pipeline.checkout import Seen, see, template_of
from releaser.pipeline.request import Adapters, Project, Request


@dataclass(frozen=True)
class Outlook:
    """What comes next, read from the commits since the last versions."""

    project: Project
    adapters: Adapters
    request: Request

    @cached_property
    def seen(self) -> Seen:
        """The checkout, with the version that every image has now."""
        source = self.adapters.source.facts(template_of(self.project))
        request = replace(self.request, version=None)  # what is commanded comes next, not now
        return see(self.project, self.adapters, request, source)

    @property
    def template(self) -> TagTemplate:
        """How git tags of versions are spelled."""
        return template_of(self.project)

    @property
    def concerns(self) -> tuple[Concern, ...]:
        """What was suspicious."""
        return (*self.project.concerns, *self.seen.source.concerns)

    def upcoming(self, prerelease: str | None = None) -> tuple[Upcoming, ...]:
        """The next version of the project, or of each image that the request names.

        ``prerelease`` is the name of one that is wanted: ``rc``.

        Raises:
            SpecError: a name matches no image, or ``prerelease`` cannot stand in a version.
            SetupError: the history cannot be read.
        """
        chosen = choose(self.project.spec, self.request.images)
        if self.template.is_per_image:
            return tuple(self.next_of(name, (name,), prerelease) for name in chosen)
        return (self.next_of("", chosen, prerelease),)

    def next_of(self, image: str, images: Sequence[str], prerelease: str | None = None) -> Upcoming:
        """What comes next for ``images``; ``image`` is the one whose tags count, ``""``: all."""
        last, final = self.last(image), self.last(image, final=True)
        changes = self.changes(images, final)
        bump = bump_of(changes)
        decided = self._decided(image)
        found = (
            decided[1]
            if decided
            else next_version(
                Since(self._version(last, image), bump_of(self.changes(images, last))),
                Since(self._version(final, image), bump),
                Bumping(self.project.spec.versioning.major_on_zero),
                prerelease=prerelease,
                taken=[one for _, one in self.tagged(image, self.seen.source.all_tags)],
            )
        )
        return Upcoming(
            name=image or self.project.spec.project,
            current=self.seen.current(images[0]).version,
            last=self._version(last, image),
            version=found,
            tag=self.template.spell(found, image) if found else None,
            bump=bump,
            changes=changes,
            decided=decided[0] if decided else None,
        )

    def _decided(self, image: str) -> tuple[str, Version | None] | None:
        """Who decides in place of the commits, and what: a version that is out is not the next."""
        spec = self.project.spec.versioning
        if self.request.version is not None:
            return "the command line", Version.parse(self.request.version)
        declared = self.seen.versioner.declared(image)
        if declared is None:
            return None
        is_out = self.template.spell(declared, image) in self.seen.source.all_tags
        return str(spec.file), None if is_out else declared

    def last(self, image: str, *, final: bool = False) -> str | None:
        """The tag of the highest version in HEAD's history; a ``final`` one is no prerelease."""
        if (image, final) not in self._lasts:
            found = self.tagged(image, self.seen.source.past_tags)
            kept = [(one, tag) for tag, one in found if not (final and one.prerelease)]
            self._lasts[image, final] = max(kept)[1] if kept else None
        return self._lasts[image, final]

    @cached_property
    def _lasts(self) -> dict[tuple[str, bool], str | None]:
        return {}

    def tagged(self, image: str, tags: Sequence[str]) -> Iterable[tuple[str, Version]]:
        """Those of the sorted ``tags`` that name a version of an image, each with it."""
        return self.template.versions(self.template.among(tags, image), image)

    def _version(self, tag: str | None, image: str) -> Version | None:
        return self.template.version(tag, image) if tag else None

    def changes(self, images: Sequence[str], tag: str | None) -> tuple[Change, ...]:
        """What the commits since ``tag`` change of any of ``images``, the newest first."""
        return self._touched.among(self._said_since(tag), images)

    def _said_since(self, tag: str | None) -> tuple[Change, ...]:
        start = self.history.tags[tag] if tag else None
        if start not in self._kept:
            self._kept[start] = changes_of(self.history.since(tag))
        return self._kept[start]

    @cached_property
    def _kept(self) -> dict[str | None, tuple[Change, ...]]:
        """What was said since a commit."""
        return {}

    @cached_property
    def history(self) -> History:
        """The commits since the oldest of the last full versions; all, where there is none yet."""
        names = self.project.spec.images if self.template.is_per_image else ("",)
        finals = [self.last(name, final=True) for name in names]
        tags = {tag for name, tag in zip(names, finals, strict=True) if tag}
        tags |= {tag for name in names if (tag := self.last(name))}
        since = sorted(tags) if all(finals) else ()
        return self.adapters.source.history(since)

    @cached_property
    def _touched(self) -> Changes:
        return self.touched_by(self.history)

    def touched_by(self, history: History) -> Changes:
        """Which commits of a history changed which images."""
        return Changes(
            self.project,
            self.adapters.contexts,
            self.adapters.source,
            self.seen.versioner.selection(),
            history.commits,
        )


def write_tags(
    outlook: Outlook, chosen: Sequence[Upcoming], *, push: bool, dirty: bool
) -> tuple[str, ...]:
    """Write the git tags of the next versions at HEAD, all of them or none; give their names.

    Where ``push``, the version tags that are at HEAD already are pushed too, where the remote lacks
    them, and what was pushed is given.

    Raises:
        PlanError: the tree has changes that HEAD lacks (unless ``dirty`` ones are let be), or a tag
            exists already.
        SetupError: the history is not whole, or git refuses.
    """
    source = outlook.seen.source
    if source.commit is None:
        raise SetupError("there is no commit to tag", hint="run it in a git checkout")
    if source.shallow and not all(one.decided for one in chosen):
        raise SetupError(
            "the clone is shallow, so what changed since the last version is not known",
            hint="fetch it: actions/checkout with fetch-depth: 0, or git fetch --unshallow",
        )
    if source.changes and not dirty:
        raise PlanError(
            "the tree has changes that are not committed, and a tag names a commit",
            details=(("changed", ", ".join(source.changes[:5])),),
            hint="commit them, or pass --allow-dirty to leave them out",
        )
    tags = {one.tag: f"{one.name} {one.version}" for one in chosen if one.tag}
    for one in chosen if push else ():
        image = one.name if outlook.template.is_per_image else ""
        for tag, version in outlook.tagged(image, source.tags):
            tags.setdefault(tag, f"{one.name} {version}")
    return outlook.adapters.source.write_tags(tags, push=push) if tags else ()
