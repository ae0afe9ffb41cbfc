"""The whole outside world on one page.

Everything that releaser asks of the world goes through one of these. Each has a fake in the tests
and one contract suite that the fake and every real adapter must pass. An adapter translates every
foreign exception into one of :mod:`releaser.errors` and removes secrets before it does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from releaser.core.dockerfile import Dockerfile, PathUse
from releaser.core.events import BuildResult, Event
from releaser.core.facts import ContextFacts, EngineFacts, LocalImage, SourceFacts
from releaser.core.git_tags import TagTemplate
from releaser.core.history import History
from releaser.core.inscriptions import Inscription
from releaser.core.lock import Offer
from releaser.core.oci import Digest, Flaw, Manifest, Platform, Reference, Repository, Tag
from releaser.core.redaction import NO_SECRETS_SOUGHT, Sought
from releaser.core.steps import BuildStep, Secret


class Listener(Protocol):
    """Somebody who wants to know what happens; called from several threads, never twice at once."""

    def on(self, event: Event) -> None:
        """Take notice of ``event``; must not raise."""


class Builder(Protocol):
    """Something that builds images into an engine's store: BuildKit, or the engine itself."""

    name: str
    batch_size: int
    """How many images one call of :meth:`build` should be given at most; 1: no links inside."""

    at_once: int
    """How many images it should be given at once, in several calls, where nobody says otherwise."""

    def check(self, steps: Sequence[BuildStep]) -> None:
        """Raise :class:`SetupError` where it cannot work, :class:`SpecError` where a step asks for
        what it cannot do (naming the image and the field)."""

    def build(self, batch: Sequence[BuildStep], listener: Listener) -> Sequence[BuildResult]:
        """Build ``batch``, upstreams before dependants, and say of each image what became of it.

        A link without a source is built in the same batch. A failed build is a result, not an
        exception; :class:`EngineError` is raised only where the engine itself gives up.
        """

    def cancel(self) -> None:
        """Stop every build under way, soon; callable from another thread and more than once."""


class Engine(Protocol):
    """A Docker Engine: the store that builds go to and pushes come from."""

    def check(self) -> EngineFacts:
        """What answers; raises :class:`SetupError` where nothing does."""

    def images(
        self, label: str, references: Sequence[Reference] | None = None
    ) -> tuple[LocalImage, ...]:
        """The images in the store that carry ``label``; all, or those with any of ``references``.

        In one call or few, however many there are. Of the tags of an image at least those that were
        asked for are told.
        """

    def resolve(self, reference: Reference) -> Digest | None:
        """The digest that a base image has now: in its registry, else in the store, else None."""

    def offered(self, reference: Reference) -> Offer | None:
        """What the registry has now under a base image's name; ``None`` where it would not say.

        The engine asks it, as for a pull, so that its mirrors and certificates apply. Platforms
        that it does not tell are missing.
        """

    def resolve_stored(self, reference: Reference) -> Digest | None:
        """The digest under which the store has a base image; no registry is asked."""

    def name(self, image_id: Digest, references: Sequence[Reference]) -> None:
        """Give an image in the store further references."""

    def inscriptions(self, reference: Reference) -> tuple[Inscription, ...]:
        """What an image in the store says besides its files, for every platform that it has.

        Variables, labels, commands, history, and what attestations say; all that a push of
        ``reference`` would make readable without a layer being opened. Raises
        :class:`EngineError` where there is no such image or the engine would not say.
        """

    def push(self, reference: Reference, listener: Listener) -> None:
        """Upload what ``reference`` names. Any error in the stream is a :class:`RegistryError`."""

    def cancel(self) -> None:
        """Stop every transfer under way, soon."""


class Registry(Protocol):
    """The registries, through the OCI distribution API; one object for all hosts.

    Every method raises :class:`RegistryError` where a registry refuses or does not answer and
    :class:`SetupError` where it rejects the credentials. Transient faults are retried inside.

    Beside images a repository can hold *records*: bytes that we keep under a tag of their own. For
    :meth:`digest`, :meth:`manifest`, :meth:`tags` and :meth:`copy` a record is as good as an image.

    A tag whose removal was begun and not ended (:mod:`releaser.core.placeholder`) is still listed;
    for :meth:`digest` and :meth:`manifest` it names nothing.
    """

    def check_push(self, repository: Repository) -> None:
        """Raise where a push to ``repository`` would be refused (no side effect is left)."""

    def digest(self, reference: Reference) -> Digest | None:
        """What ``reference`` names, or ``None`` where the registry says that it does not exist."""

    def manifest(self, reference: Reference) -> Manifest | None:
        """The bytes behind ``reference``, their hash checked, or ``None`` where there are none."""

    def platforms(self, repository: Repository, manifest: Manifest) -> tuple[Platform, ...]:
        """The platforms that ``manifest``, which is in ``repository``, exists for, sorted.

        What an index lists, what an image's configuration says; empty where neither tells.
        """

    def tags(self, repository: Repository) -> tuple[str, ...]:
        """All tags of ``repository``, sorted; empty where it does not exist."""

    def put(self, repository: Repository, tag: Tag, manifest: Manifest) -> None:
        """Let ``tag`` name ``manifest``, and read it back: returns only when a GET agrees."""

    def copy(self, source: Reference, to: Repository, tag: Tag | None) -> Digest:
        """Copy an image with all its manifests and blobs to another repository, byte for byte.

        Without a ``tag`` it is there under its digest alone.
        """

    def read_record(self, reference: Reference) -> bytes | None:
        """What is kept under ``reference`` (a tag), or ``None`` where nothing is.

        Raises :class:`RegistryError` where what is there is no record, is larger than 16 MiB or
        does not have its digest.
        """

    def write_record(self, reference: Reference, record: bytes) -> None:
        """Keep ``record``, at most 16 MiB, under ``reference`` (a tag, which moves).

        Returns when a GET has returned its manifest. Nothing is sent where the very same record is
        there already.
        """

    def labels(self, reference: Reference) -> Mapping[str, str] | None:
        """The labels of the image that ``reference`` names, or ``None`` where there is no image.

        Of an index: of its first manifest that is an image for a platform (attestations, whose
        platform is unknown/unknown, are left out).
        """

    def created(self, reference: Reference) -> int | None:
        """When the image that ``reference`` names was made, in seconds since 1970, by its own word.

        ``None`` where there is no image or it does not say. Of an index: as :meth:`labels`.
        """

    def flaws(
        self, repository: Repository, manifest: Manifest, *, deep: bool = False
    ) -> tuple[Flaw, ...]:
        """What ``manifest`` needs, down to the last blob, and ``repository`` does not give.

        Manifests and configurations are read and hashed; layers are asked for, or (``deep``) read
        and hashed as well. :class:`RegistryError` means that the registry would not say.
        """

    def referrers(self, repository: Repository, subject: Digest) -> tuple[Digest, ...]:
        """The manifests in ``repository`` that name ``subject`` as theirs; signatures do.

        As the registry lists them, else as the tag ``sha256-<digits>`` does (OCI distribution
        specification, "Listing Referrers", "Referrers Tag Schema").
        """

    def attach(self, source: Reference, to: Repository) -> Digest:
        """Copy a manifest that refers to another one, by digest, and see that ``to`` lists it."""

    def check_delete(self, repository: Repository) -> None:
        """Raise :class:`SetupError` where tags cannot be deleted; no side effect is left."""

    def untag(self, repository: Repository, tags: Collection[Tag]) -> bool:
        """Let ``tags`` name nothing; what they named, and its other tags, stay.

        Returns when the registry says that no tag is left: whether it deletes by digest only, so
        that what they named takes up room until it is deleted (:meth:`delete`).
        """

    def delete(self, repository: Repository, digest: Digest) -> None:
        """Delete a manifest, and with it every tag that names it at that moment."""


class Journal(Protocol):
    """What a run writes to registries, kept where it outlives the run."""

    def begin(
        self, key: str, reference: Reference, before: Digest | None, after: Digest | None
    ) -> None:
        """A write that is about to begin; returns when that is on the disk.

        ``key`` is the step's. Raises :class:`SetupError` where it cannot be kept.
        """

    def end(self, key: str, reference: Reference, error: str | None) -> None:
        """A write that has ended, well where ``error`` is ``None``; raises as :meth:`begin`."""


class _NoJournal:
    """Keeps nothing: for runs that publish nothing, and for tests."""

    def begin(
        self, key: str, reference: Reference, before: Digest | None, after: Digest | None
    ) -> None:
        """Nothing."""

    def end(self, key: str, reference: Reference, error: str | None) -> None:
        """Nothing."""


NO_JOURNAL: Journal = _NoJournal()


class Secrets(Protocol):
    """The values of the secrets that builds are given, as far as they are at hand."""

    def sought(self, secrets: Sequence[Secret]) -> Sought:
        """What to look for where none of ``secrets`` may be; values are known to it alone."""


class _NoSecrets:
    """Knows none: for runs that build nothing, and for tests."""

    def sought(self, secrets: Sequence[Secret]) -> Sought:  # noqa: ARG002
        """Nothing."""
        return NO_SECRETS_SOUGHT


NO_SECRETS: Secrets = _NoSecrets()


class SourceRepository(Protocol):
    """The version control that the spec lies in."""

    def facts(self, template: TagTemplate) -> SourceFacts:
        """What the checkout says of itself; empty facts where there is no repository.

        ``template`` says which tags name versions. Every method raises :class:`SetupError` where
        the repository cannot be read.
        """

    def history(self, since: Sequence[str]) -> History:
        """The commits of HEAD's history that any of the tags ``since`` lacks, and its tags.

        All commits where ``since`` is empty; none where there is no repository or no commit.
        """

    def differences(self, commits: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """The paths in which HEAD differs from each of ``commits`` (hashes), sorted.

        They are as seen from the spec's folder; nothing where there is no repository or no commit.
        """

    def files_at(self, revisions: Sequence[str], path: str) -> tuple[bytes | None, ...]:
        """A file of each commit, its path as seen from the spec's folder; ``None``: there is none.

        A revision is a commit's hash, ``<hash>^`` its first parent. Where the file is the same in
        several, its bytes are there once.
        """

    def write_tags(self, tags: Mapping[str, str], *, push: bool) -> tuple[str, ...]:
        """Write annotated tags at HEAD, each name with its message, all of them or none.

        One that is at HEAD already is kept. Where ``push``, those that the remote (``origin``, else
        the only one) lacks are pushed in one transaction; where that fails, or is interrupted, none
        of those that were written is left here. What was written is returned, or what was pushed.

        Raises:
            PlanError: one of them exists already (at another commit: here or at the remote).
            SetupError: git has no identity to sign with, no remote, or refuses.
        """


class Contexts(Protocol):
    """Build contexts and Dockerfiles on disk."""

    def dockerfile(self, path: str) -> Dockerfile:
        """The parsed Dockerfile at an absolute path; raises :class:`SpecError`."""

    def files(self, context: str, dockerfile: str, uses: Sequence[PathUse]) -> ContextFacts:
        """The files of the context (an absolute path) that ``uses`` match, hashed.

        ``.dockerignore`` is applied as Docker does (the one beside ``dockerfile`` first).
        """

    def taken(
        self, context: str, dockerfile: str, uses: Sequence[PathUse], paths: Collection[str]
    ) -> frozenset[str]:
        """Which of ``paths`` (relative to the context, with slashes) ``uses`` take.

        A path that is no more counts as a file that was there; ``.dockerignore`` is applied.
        """

    def explain_missing(self, context: str, dockerfile: str, source: str) -> str:
        """Why nothing is found for a COPY source: one line for people."""
