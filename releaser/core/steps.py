"""The steps of a plan: everything that the program will do to the world, as values.

An adapter gets a step and never the spec. A step has a ``key`` that is stable between runs and is
what logs, events and reports call it: ``build:api``, ``push:api@ghcr``, ``tag:ghcr.io/acme/api:1``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from releaser.core.oci import Digest, Platform, Reference, Repository, Tag
from releaser.core.record import Ingredients, Record
from releaser.core.version import Version


class TagKind(Enum):
    """Whether a tag may ever name something else: a full version may not, ``latest`` may."""

    IMMUTABLE = "immutable"
    FLOATING = "floating"


@dataclass(frozen=True, slots=True)
class Secret:
    """A build secret: its id, and the variable or the file (an absolute path) with its value."""

    id: str
    env: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class NamedContext:
    """An additional build context: a name, and a folder, an image or a URL behind it.

    ``source`` is written as BuildKit takes it: an absolute path, ``docker-image://…``, a URL.
    """

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Link:
    """An image that another one stands on.

    ``names`` are the references by which the dependant's Dockerfile means it, as written there.
    ``source`` says where the built image is found: a digest in a registry or a tag in the engine;
    ``None`` while it is built in the same batch.
    """

    image: str
    names: tuple[str, ...]
    source: Reference | None = None


@dataclass(frozen=True, slots=True)
class Base:
    """A base image from elsewhere: the reference as written, and the digest it was seen to have.

    ``pin`` is what the build must use instead; ``None`` where nobody could say the digest, so that
    it uses what is written.
    """

    written: str
    pin: Reference | None


@dataclass(frozen=True, slots=True)
class BuildStep:
    """One image to build. Paths are absolute; ``context`` may be a URL.

    ``names`` are the references that the engine gives the result; ``labels`` include the
    fingerprint's; ``provenance`` has buildx's settings, ``None`` for none at all.
    """

    image: str
    context: str
    dockerfile: str
    names: tuple[Reference, ...]
    target: str | None = None
    args: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    platforms: tuple[Platform, ...] = ()
    links: tuple[Link, ...] = ()
    bases: tuple[Base, ...] = ()
    contexts: tuple[NamedContext, ...] = ()
    secrets: tuple[Secret, ...] = ()
    ssh: tuple[str, ...] = ()
    extra_hosts: tuple[tuple[str, str], ...] = ()
    network: str | None = None
    no_cache: bool = False
    pull: bool = False
    shm_size: str | None = None
    provenance: str | None = None
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """``build:api``."""
        return f"build:{self.image}"


@dataclass(frozen=True, slots=True)
class NameStep:
    """References to give to an image that is in the engine's store already."""

    image: str
    image_id: Digest
    names: tuple[Reference, ...]

    @property
    def key(self) -> str:
        """``name:api``."""
        return f"name:{self.image}"


@dataclass(frozen=True, slots=True)
class PushStep:
    """An image to upload from the engine to one repository.

    It goes under its fingerprint's tag, which nobody else uses; where that may not be kept, under
    the first of its public tags: ``kind`` is that tag's, and ``before`` the digest that it was seen
    to have. With ``overwrite`` it goes up even where there is something under its fingerprint.
    None of its ``secrets`` may be in it.
    """

    image: str
    registry: str
    reference: Reference
    kind: TagKind | None = None
    before: Digest | None = None
    overwrite: bool = False
    secrets: tuple[Secret, ...] = ()

    @property
    def key(self) -> str:
        """``push:api@ghcr``."""
        return f"push:{self.image}@{self.registry}"


@dataclass(frozen=True, slots=True)
class CopyStep:
    """An image to copy from one registry's repository to another's, byte for byte.

    ``reference`` has a tag, or else the digest alone. Where it is to be ``checked``, all parts are
    looked at afterwards.
    """

    image: str
    registry: str
    source: Reference
    reference: Reference
    checked: bool = False

    @property
    def key(self) -> str:
        """``copy:api@hub``."""
        return f"copy:{self.image}@{self.registry}"


@dataclass(frozen=True, slots=True)
class AttachStep:
    """Something that refers to an image, to be copied after it: a signature, an SBOM.

    ``source`` is its digest. Without a ``tag`` (cosign has tags) the registry lists it.
    """

    image: str
    registry: str
    source: Reference
    repository: Repository
    tag: Tag | None = None

    @property
    def key(self) -> str:
        """``attach:api@prod:sha256:0123456789ab``."""
        name = self.tag or (self.source.digest.short if self.source.digest else "")
        return f"attach:{self.image}@{self.registry}:{name}"


@dataclass(frozen=True, slots=True)
class Line:
    """The line of versions that a floating tag stands for, and the version that is released.

    ``template`` is the tag's text with the names of a version's parts in it, ``spellings`` are
    those of the tags of full versions; ``tagged`` are the full versions that git has tags of,
    ``withdrawn`` those that do not count, besides what the repository itself says. Among versions
    of Python (``is_python``) 1.4 is a full one. ``behind`` stands behind all tags of the image:
    those without it are another image's.
    """

    template: str
    version: Version
    spellings: tuple[str, ...] = ()
    tagged: tuple[Version, ...] = ()
    is_python: bool = False
    withdrawn: frozenset[Version] = frozenset()
    behind: str = ""


@dataclass(frozen=True, slots=True)
class TagStep:
    """A public tag to write: it shall name what ``source`` (same repository) names.

    ``before`` is the digest that the tag was seen to have, ``None`` where it did not exist. One of
    a ``line`` names the highest version of it that is out when it is written, whatever that is; one
    that is ``guarded`` is written only while it is still as it was seen.
    """

    image: str
    registry: str
    reference: Reference
    kind: TagKind
    source: Reference
    before: Digest | None = None
    line: Line | None = None
    guarded: bool = False

    @property
    def key(self) -> str:
        """``tag:ghcr.io/acme/shop/api:1.4``."""
        return self.key_of(self.reference)

    @staticmethod
    def key_of(reference: Reference) -> str:
        """The key of the step that writes ``reference``."""
        return f"tag:{reference}"

    @property
    def repository(self) -> Repository:
        """The repository that the tag is in."""
        return self.reference.repository


@dataclass(frozen=True, slots=True)
class WithdrawStep:
    """The list of an image's versions that were rolled back, to be kept in its repository.

    ``before`` is the digest that the list was seen to have, ``None`` where there was none.
    """

    image: str
    registry: str
    reference: Reference
    record: bytes = field(repr=False)
    before: Digest | None = None

    @property
    def key(self) -> str:
        """``withdraw:api@ghcr``."""
        return f"withdraw:{self.image}@{self.registry}"


@dataclass(frozen=True, slots=True)
class Removal:
    """Tags that go, and what they name; ``spare`` tells that nobody needs that either."""

    digest: Digest
    tags: tuple[Tag, ...]
    spare: bool


@dataclass(frozen=True, slots=True)
class RemoveStep:
    """Tags to remove from a repository; ``settled`` are those of its tags that never move.

    ``number`` tells the steps of a repository from one another.
    """

    image: str
    registry: str
    repository: Repository
    removals: tuple[Removal, ...]
    settled: frozenset[str] = field(repr=False)
    number: int = 1

    @property
    def key(self) -> str:
        """``remove:ghcr.io/acme/shop/api#1``."""
        return f"remove:{self.repository}#{self.number}"


@dataclass(frozen=True, slots=True)
class RecordStep:
    """What an image is made of, to be kept in its repository for the next plan to compare with."""

    image: str
    registry: str
    reference: Reference
    fingerprint: str
    ingredients: Ingredients = field(repr=False)
    version: str | None = None
    commit: str | None = None

    @property
    def key(self) -> str:
        """``record:api@ghcr``."""
        return f"record:{self.image}@{self.registry}"

    @property
    def record(self) -> Record:
        """The record; made when it is kept, since most plans are only looked at."""
        return Record.of(self.image, self.fingerprint, self.ingredients, self.version, self.commit)


Step = (
    BuildStep
    | NameStep
    | PushStep
    | CopyStep
    | AttachStep
    | TagStep
    | RecordStep
    | WithdrawStep
    | RemoveStep
)
