"""The plan of a pruning: which tags of a repository go, which stay, and why each of them.

Only what is known goes: tags of fingerprints, of prereleases, of commits where the rules say so,
and what is attached to images that go with all their tags. Everything else stays, with all that it
needs: the parts of an index, a signature's subject, a subject's signatures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from releaser.core.oci import Digest, Manifest, Repository, Tag
from releaser.core.placeholder import is_placeholder
from releaser.core.plan import PlannedStep
from releaser.core.spec import PruneSpec, Spec, seconds_of
from releaser.core.steps import Removal, RemoveStep
from releaser.core.tag_kinds import Kind, kind_of, spellings, subject_of
from releaser.errors import SpecError

AT_ONCE = 25
"""How many images one step removes the tags of."""

ATTACHED = "attached to what is kept"
BEGUN = "its removal was begun and not ended"
_MOVING = frozenset({Kind.OTHER, Kind.OWN})
"""Tags that may name something else at any moment: lines, branches, whatever is not known."""

_ALWAYS = {
    Kind.VERSION: "a full version",
    Kind.OWN: "kept by releaser for itself",
    Kind.ATTACHED: ATTACHED,
    Kind.OTHER: "neither a fingerprint nor a prerelease",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What stays: the last prereleases and contents, those of the last ``seconds`` (``within`` in
    words), tags that match a glob. With ``commits`` the tags of commits may go."""

    last: int | None = None
    seconds: int | None = None
    within: str = ""
    patterns: tuple[str, ...] = ()
    commits: bool = False

    @classmethod
    def of(cls, spec: PruneSpec) -> Rules:
        """The rules of a spec.

        Raises:
            SpecError: nothing in it says what stays.
        """
        if spec.keep_last is None and spec.keep_within is None:
            raise SpecError(
                "nothing says what to keep",
                hint="--keep-last 10, --keep-within 30d, or prune: {keep_last: 10} in the spec",
            )
        seconds = seconds_of(spec.keep_within) if spec.keep_within is not None else None
        return cls(spec.keep_last, seconds, spec.keep_within or "", spec.keep, spec.commits)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A repository of images: what its tags name, the manifests behind them and the indexes below,
    and when they were made (in seconds since 1970), where that is known.

    A tag whose removal was begun and not ended names its placeholder.
    """

    registry: str
    repository: Repository
    images: tuple[str, ...]
    tags: Mapping[Tag, Digest]
    manifests: Mapping[Digest, Manifest] = field(default_factory=dict)
    created: Mapping[Digest, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a tag, and why."""

    tag: Tag
    digest: Digest
    kind: Kind
    removed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class ShelfPruning:
    """What becomes of each tag of a repository, in their order.

    ``spare`` are the digests that nobody needs when these tags are gone.
    """

    shelf: Shelf
    verdicts: tuple[Verdict, ...]
    spare: frozenset[Digest]

    @property
    def removed(self) -> tuple[Verdict, ...]:
        """The tags that go."""
        return tuple(one for one in self.verdicts if one.removed)

    @property
    def kept(self) -> Mapping[Tag, Digest]:
        """The tags that stay, and what they name."""
        return {one.tag: one.digest for one in self.verdicts if not one.removed}

    def removals(self) -> tuple[Removal, ...]:
        """The tags that go, by what they name."""
        found: dict[Digest, list[Tag]] = {}
        for one in self.removed:
            found.setdefault(one.digest, []).append(one.tag)
        return tuple(
            Removal(digest, tuple(tags), digest in self.spare) for digest, tags in found.items()
        )


@dataclass(frozen=True, slots=True)
class Pruning:
    """The plan: what becomes of the tags of some repositories."""

    project: str
    shelves: tuple[ShelfPruning, ...]

    @property
    def changes(self) -> bool:
        """Whether anything goes."""
        return any(one.removed for one in self.shelves)

    def steps(self) -> tuple[PlannedStep, ...]:
        """The removals of each repository, some at a time."""
        return tuple(PlannedStep(step) for one in self.shelves for step in _steps(one))


def undated(spec: Spec, shelf: Shelf) -> tuple[Digest, ...]:
    """The digests whose age may matter: those that only tags name that may go."""
    around = spellings(spec, shelf.images)
    kinds: dict[Digest, set[Kind]] = {}
    for tag, digest in _whole(shelf).tags.items():
        kinds.setdefault(digest, set()).add(kind_of(str(tag), around)[0])
    may_go = {Kind.FINGERPRINT, Kind.PRERELEASE, Kind.COMMIT, Kind.ATTACHED}
    return tuple(
        digest
        for digest, found in kinds.items()
        if found <= may_go and found != {Kind.ATTACHED} and digest not in shelf.created
    )


def prune_shelf(spec: Spec, shelf: Shelf, rules: Rules, now: int) -> ShelfPruning:
    """What becomes of each tag of a repository, at a time in seconds since 1970."""
    whole = _whole(shelf)
    verdicts = _with_attached(whole, _Judge(spec, whole, rules, now).verdicts())
    needed = _needed(whole, verdicts.values())
    gone = {one.digest for one in verdicts.values() if one.removed} - needed
    around = spellings(spec, shelf.images)
    for tag, digest in shelf.tags.items():
        if tag not in whole.tags:
            kind = kind_of(str(tag), around)[0]
            verdicts[tag] = Verdict(tag, digest, kind, removed=True, reason=BEGUN)
    return ShelfPruning(shelf, tuple(verdicts[tag] for tag in sorted(verdicts)), frozenset(gone))


def _whole(shelf: Shelf) -> Shelf:
    """The repository without the tags whose removal was begun: no rule is about these."""
    named = shelf.tags.items()
    kept = {t: one for t, one in named if not is_placeholder(shelf.repository.tagged(t), one)}
    return replace(shelf, tags=kept)


class _Judge:
    """Applies the rules to one repository; what is attached is kept so far."""

    def __init__(self, spec: Spec, shelf: Shelf, rules: Rules, now: int) -> None:
        around = spellings(spec, shelf.images)
        self._shelf, self._rules, self._now = shelf, rules, now
        self._kinds = {tag: kind_of(str(tag), around) for tag in shelf.tags}
        self._kept: dict[Tag, str] = {}

    def verdicts(self) -> dict[Tag, Verdict]:
        for tag, (kind, _) in self._kinds.items():
            reason = self._always(tag, kind)
            if reason:
                self._kept[tag] = reason
        self._prereleases()
        self._contents()
        return {tag: self._verdict(tag) for tag in self._kinds}

    def _always(self, tag: Tag, kind: Kind) -> str:
        """Why a tag stays whatever the rules say of age and number."""
        for pattern in self._rules.patterns:
            if fnmatchcase(str(tag), pattern):
                return f'matches "{pattern}"'
        if kind is Kind.COMMIT and not self._rules.commits:
            return "a commit"
        return _ALWAYS.get(kind, "")

    def _prereleases(self) -> None:
        found = [
            (version, tag)
            for tag, (kind, version) in self._kinds.items()
            if kind is Kind.PRERELEASE and version is not None
        ]
        versions = sorted({version for version, _ in found}, reverse=True)
        last = set(versions[: self._rules.last or 0])
        for version, tag in found:
            if version in last:
                self._kept.setdefault(tag, f"one of the last {self._rules.last} prereleases")
            self._keep_young(tag)

    def _contents(self) -> None:
        """Fingerprints, and commits: they stay with what else names the same, else by age."""
        names = {
            self._shelf.tags[tag]: tag
            for tag in sorted(self._kept, reverse=True)
            if self._names(tag)
        }
        loose = [tag for tag in self._followers() if self._shelf.tags[tag] not in names]
        for tag in self._followers():
            other = names.get(self._shelf.tags[tag])
            if other is not None and other != tag:
                self._kept.setdefault(tag, f"{other} names it too")
        created = self._shelf.created
        dated = {self._shelf.tags[tag] for tag in loose} & created.keys()
        newest = sorted(dated, key=lambda one: (created[one], one), reverse=True)
        last = set(newest[: self._rules.last or 0])
        for tag in loose:
            if self._shelf.tags[tag] in last:
                reason = f"one of the last {self._rules.last} that nothing else names"
                self._kept.setdefault(tag, reason)
            self._keep_young(tag, unknown=True)

    def _names(self, tag: Tag) -> bool:
        """Whether a tag that stays keeps what else names the same."""
        return self._kinds[tag][0] is not Kind.ATTACHED

    def _followers(self) -> list[Tag]:
        kinds = {Kind.FINGERPRINT, Kind.COMMIT}
        return [tag for tag, (kind, _) in self._kinds.items() if kind in kinds]

    def _keep_young(self, tag: Tag, *, unknown: bool = False) -> None:
        made = self._shelf.created.get(self._shelf.tags[tag])
        if made is None:
            if unknown or self._rules.seconds is not None:
                self._kept.setdefault(tag, "it does not say when it was made")
        elif self._rules.seconds is not None and self._now - made <= self._rules.seconds:
            self._kept.setdefault(tag, f"made within {self._rules.within}")

    def _verdict(self, tag: Tag) -> Verdict:
        kind, digest = self._kinds[tag][0], self._shelf.tags[tag]
        reason = self._kept.get(tag)
        if reason is not None:
            return Verdict(tag, digest, kind, removed=False, reason=reason)
        why = "an old prerelease" if kind is Kind.PRERELEASE else "nothing else that stays names it"
        return Verdict(tag, digest, kind, removed=True, reason=why)


def _with_attached(shelf: Shelf, verdicts: Mapping[Tag, Verdict]) -> dict[Tag, Verdict]:
    """What is attached to an image that goes with all its tags goes with it."""
    loose = {
        tag: one
        for tag, one in verdicts.items()
        if one.kind is Kind.ATTACHED and one.reason == ATTACHED
    }
    needed = _needed(shelf, (one for tag, one in verdicts.items() if tag not in loose))
    gone = {one.digest for one in verdicts.values() if one.removed} - needed
    found = dict(verdicts)
    while more := [tag for tag in loose if subject_of(tag) in gone]:
        for tag in more:
            one = loose.pop(tag)
            found[tag] = replace(one, removed=True, reason="attached to what goes")
            gone |= {one.digest} - needed
    return found


def _needed(shelf: Shelf, verdicts: Iterable[Verdict]) -> frozenset[Digest]:
    """Every digest that a tag that stays needs, and what refers to one of these."""
    referring: dict[Digest, list[Digest]] = {}
    for digest, manifest in shelf.manifests.items():
        if manifest.subject is not None:
            referring.setdefault(manifest.subject, []).append(digest)
    found: set[Digest] = set()
    waiting = [one.digest for one in verdicts if not one.removed]
    while waiting:
        digest = waiting.pop()
        if digest in found:
            continue
        found.add(digest)
        waiting += referring.get(digest, ())
        known = shelf.manifests.get(digest)
        if known is not None:
            waiting += known.children
            waiting += [known.subject] if known.subject is not None else []
    return frozenset(found)


def _steps(one: ShelfPruning) -> Iterator[RemoveStep]:
    removals: Sequence[Removal] = one.removals()
    shelf = one.shelf
    settled = frozenset(str(v.tag) for v in one.verdicts if v.kind not in _MOVING)
    for start in range(0, len(removals), AT_ONCE):
        some = tuple(removals[start : start + AT_ONCE])
        number = start // AT_ONCE + 1
        name = ", ".join(shelf.images)
        yield RemoveStep(name, shelf.registry, shelf.repository, some, settled, number)
