"""What was seen of the world, as values: the plan is a function of the spec and of these.

Nothing here asks anything: the observing modules fill these in, a test writes them down. A
*concern* is something suspicious that was seen and that a person should know of, although it is no
error by itself (a shallow clone, a base image whose digest could not be read).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from releaser.core.oci import Digest, Reference, Repository
from releaser.core.withdrawal import Withdrawals

_REMOTE = re.compile(
    r"(?:(?:https?|ssh|git)://(?P<host>[A-Za-z0-9.-]+)(?::[0-9]+)?/|"
    r"(?P<scp>[A-Za-z0-9.-]{2,}):(?!//))(?P<path>[^:?#]*[^:?#/])/?"
)

FINGERPRINT_LABEL = "dev.releaser.fingerprint"
IMAGE_LABEL = "dev.releaser.image"


@dataclass(frozen=True, slots=True)
class Concern:
    """Something suspicious: one line, and what to do about it."""

    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """What the platform that keeps a repository says of it; ``licenses`` is an SPDX identifier."""

    name: str = ""
    description: str = ""
    url: str = ""
    licenses: str = ""


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What a run is about, as rules for tags see it.

    ``name`` is the event's, empty where no CI system said one. ``ref`` is complete:
    ``refs/heads/main``, ``refs/tags/v1.2.3``, ``refs/pull/12/merge``. ``sha`` is the commit that is
    checked out, ``head_sha`` a pull request's own. ``base_ref`` is the branch that a request goes
    to or a tag was pushed from. Times are in seconds since 1970.
    """

    name: str = ""
    ref: str = ""
    sha: str | None = None
    base_ref: str | None = None
    pull_request: int | None = None
    head_sha: str | None = None
    default_branch: str | None = None
    now: int | None = None
    commit_time: int | None = None
    repository: RepositoryFacts = RepositoryFacts()

    @property
    def branch(self) -> str | None:
        """The branch that was pushed."""
        return self._named("refs/heads/")

    @property
    def tag(self) -> str | None:
        """The git tag that was pushed."""
        return self._named("refs/tags/")

    @property
    def request(self) -> str | None:
        """The pull request, as its ref calls it: ``12``."""
        found = self._named("refs/pull/")
        return found.removesuffix("/merge") if found else None

    def _named(self, folder: str) -> str | None:
        return self.ref.removeprefix(folder) or None if self.ref.startswith(folder) else None

    @property
    def is_scheduled(self) -> bool:
        """Whether the clock started it."""
        return "schedule" in self.name


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What git says of the checkout.

    ``tags`` are the tags at HEAD, ``past_tags`` those of its whole history, ``all_tags`` all that
    there are, each sorted. ``last_tag`` is the version tag of the highest version in HEAD's history
    (none where every image has version tags of its own), ``distance`` the number of commits since
    (since the first commit where there is no such tag); ``changes`` are the tracked paths below the
    spec's folder that differ from HEAD; ``branch`` is ``None`` on a detached head. ``commit`` is
    ``None`` where there is no repository or no commit yet. ``commit_time`` is in seconds since
    1970. ``event`` is what a CI system says, where it speaks of this commit; ``default_branch`` is
    what the remote said when it was cloned. ``ci_request`` is what to call the CI system's
    event where it is of a pull or merge request, whatever commit it speaks of; else empty.
    """

    commit: str | None = None
    branch: str | None = None
    tags: tuple[str, ...] = ()
    last_tag: str | None = None
    distance: int = 0
    changes: tuple[str, ...] = ()
    shallow: bool = False
    remote: str | None = None
    commit_time: int | None = None
    concerns: tuple[Concern, ...] = ()
    event: EventFacts | None = None
    default_branch: str | None = None
    past_tags: tuple[str, ...] = ()
    all_tags: tuple[str, ...] = ()
    ci_request: str = ""


def event_of(source: SourceFacts, now: int | None = None) -> EventFacts:
    """What a run is about, at a time: what the CI system says, else what the checkout is of."""
    ref = ""
    if source.branch:
        ref = f"refs/heads/{source.branch}"
    elif source.tags:
        here = source.last_tag if source.last_tag in source.tags else source.tags[-1]
        ref = f"refs/tags/{here}"
    said = source.event or EventFacts(ref=ref)
    return replace(
        said,
        sha=source.commit,
        commit_time=source.commit_time,
        default_branch=said.default_branch or source.default_branch,
        now=now,
        repository=said.repository if said.repository.url else _repository(source.remote or ""),
    )


def contradiction(source: SourceFacts) -> Concern | None:
    """What is odd about the tag that a CI system's event is about; ``None`` where nothing is."""
    tag = source.event.tag if source.event else None
    if tag is None or tag in source.tags or source.shallow:
        return None
    if tag in source.all_tags:
        return Concern(
            f'the event is about tag "{tag}", which is at another commit here',
            "check out the commit of the tag",
        )
    return Concern(
        f'the event is about tag "{tag}", which this clone lacks',
        "fetch it: fetch-depth: 0 for actions/checkout, or git fetch --tags",
    )


def pretended(source: SourceFacts, event: EventFacts) -> SourceFacts:
    """The same checkout, as if it were that of another event; what that leaves out stays."""
    really = event_of(source)
    said = replace(
        event,
        name=event.name or really.name,
        ref=event.ref or really.ref,
        base_ref=event.base_ref or (None if event.ref else really.base_ref),
        default_branch=event.default_branch or really.default_branch,
        repository=source.event.repository if source.event else RepositoryFacts(),
    )
    return replace(source, event=said, branch=said.branch)


def _repository(remote: str) -> RepositoryFacts:
    """What a remote's URL says: ``https://host/a/b.git``, ``ssh://host:22/a/b``, ``host:a/b``."""
    found = _REMOTE.fullmatch(remote)
    if not found:
        return RepositoryFacts()
    path = found["path"].strip("/").removesuffix(".git")
    return RepositoryFacts(
        path.rpartition("/")[2], url=f"https://{found['host'] or found['scp']}/{path}"
    )


@dataclass(frozen=True, slots=True, order=True)
class ContextFile:
    """One file that a build uses: where, what it is, and a hash of what it holds.

    ``path`` is relative to the context, with slashes. ``kind`` is ``file``, ``directory`` or
    ``symlink``; ``mode`` the permission bits; ``digest`` the hexadecimal SHA-256 of a file's bytes
    or of a symlink's target, empty for a directory.
    """

    path: str
    kind: str
    mode: int
    digest: str = ""


@dataclass(frozen=True, slots=True)
class ContextFacts:
    """The files of a build context that an image's stages use, sorted by path.

    ``missing`` are the COPY sources that match nothing, each with the line of its instruction.
    """

    files: tuple[ContextFile, ...] = ()
    missing: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class LocalImage:
    """An image in the engine's store.

    ``image_id`` is what the engine calls it by; ``fingerprint`` the value of its label;
    ``references`` its tags; ``digests`` the repository digests that the engine knows.
    """

    image_id: Digest
    fingerprint: str | None
    references: tuple[Reference, ...] = ()
    digests: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """The engine that answers: its version, its own platform, and how it stores images.

    ``containerd_store`` tells that the engine keeps manifests and indexes locally (so a digest is
    known before a push); the classic store does not. ``free`` is how many bytes its disk has left,
    where that can be seen.
    """

    version: str
    platform: str
    containerd_store: bool
    free: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RegistryFacts:
    """What the registries hold of the references that were asked for.

    ``digests`` has every reference that was asked: the digest it names, or ``None`` where the
    registry says that it does not exist. ``tags`` are all tags of a repository, where they were
    listed, ``withdrawn`` the versions that were rolled back, by the place where that is kept.
    """

    digests: Mapping[Reference, Digest | None] = field(default_factory=dict)
    tags: Mapping[Repository, tuple[str, ...]] = field(default_factory=dict)
    withdrawn: Mapping[Reference, Withdrawals] = field(default_factory=dict)
