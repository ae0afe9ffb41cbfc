"""The names of the container world, parsed once and never malformed afterwards.

``ghcr.io/acme/shop/api:1.4@sha256:…`` is a *reference*: a *repository* (the registry's host and a
path in it), a *tag* and a *digest*, each of the latter two optional. Docker's own defaults apply
where people leave something out: no host means ``docker.io``, and a single name there lives under
``library/``. The grammar is that of the OCI distribution specification ("Pulling manifests") and of
the reference grammar that Docker uses.

>>> str(Reference.parse("api"))
'docker.io/library/api'
>>> Reference.parse("localhost:5000/api:1").repository.registry
'localhost:5000'
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from releaser.errors import SpecError

DOCKER_HUB = "docker.io"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_COMPONENT_ALONE = re.compile(_COMPONENT)
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:.]+\])(?::[0-9]{{1,5}})?")
_LOOPBACK = re.compile(r"127(?:\.[0-9]{1,3}){3}")
_PLATFORM_PART = re.compile(r"[a-z0-9][a-z0-9_.-]*")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """The hash of content: ``sha256:`` and 64 hexadecimal digits, or ``sha512:`` and 128."""

    value: str

    def __post_init__(self) -> None:
        if not _DIGEST.fullmatch(self.value):
            raise SpecError(
                f'"{self.value}" is not a digest', hint="a digest is sha256: and 64 hex digits"
            )

    @classmethod
    def of(cls, content: bytes) -> Digest:
        """The SHA-256 digest of some bytes."""
        return cls("sha256:" + hashlib.sha256(content).hexdigest())

    @property
    def hex(self) -> str:
        """The digits behind the algorithm's name."""
        return self.value.partition(":")[2]

    @property
    def short(self) -> str:
        """The algorithm and the first twelve digits: for people, not for machines."""
        return f"{self.value.partition(':')[0]}:{self.hex[:12]}"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, order=True)
class Tag:
    """The part of a reference after the colon: at most 128 of ``[A-Za-z0-9_.-]``."""

    value: str

    def __post_init__(self) -> None:
        if not _TAG.fullmatch(self.value):
            raise SpecError(
                f'"{self.value}" is not a legal tag',
                details=(
                    (
                        "allowed",
                        "letters, digits, _ . - ; first no . or - ; at most 128 characters",
                    ),
                ),
            )

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, order=True)
class Repository:
    """A registry's host and a path in it: ``ghcr.io`` and ``acme/shop/api``."""

    registry: str
    path: str

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.registry) or not 1 <= _port(self.registry) <= 65535:
            raise SpecError(f'"{self.registry}" is not a registry\'s host or host:port')
        if not _PATH.fullmatch(self.path) or len(self.path) > 255:
            raise SpecError(
                f'"{self.path}" is not a repository',
                details=(("allowed", "lower-case letters and digits, joined by . _ __ - and /"),),
                hint=_lower_case_hint(self.path),
            )

    @classmethod
    def parse(cls, text: str) -> Repository:
        """The repository that ``text`` names, with Docker's defaults; no tag, no digest."""
        host, slash, rest = text.partition("/")
        if slash and ("." in host or ":" in host or host == "localhost" or host.startswith("[")):
            registry, path = host, rest
        else:
            registry, path = DOCKER_HUB, text
        if registry == "index.docker.io":
            registry = DOCKER_HUB
        if registry == DOCKER_HUB and _COMPONENT_ALONE.fullmatch(path):
            path = f"library/{path}"
        return cls(registry, path)

    @property
    def on_this_machine(self) -> bool:
        """Whether its registry is reached without a network."""
        host = self.registry.rpartition(":")[0] or self.registry
        return host in {"localhost", "[::1]"} or bool(_LOOPBACK.fullmatch(host))

    @property
    def familiar(self) -> str:
        """As people write it: without ``docker.io/`` and ``library/``."""
        if self.registry != DOCKER_HUB:
            return str(self)
        return self.path.removeprefix("library/")

    def tagged(self, tag: Tag | str) -> Reference:
        """The reference of a tag in this repository."""
        return Reference(self, tag if isinstance(tag, Tag) else Tag(tag))

    def at(self, digest: Digest) -> Reference:
        """The reference of a digest in this repository."""
        return Reference(self, None, digest)

    def __str__(self) -> str:
        return f"{self.registry}/{self.path}"


@dataclass(frozen=True, slots=True)
class Reference:
    """A repository with a tag, a digest, both, or neither (which Docker reads as ``latest``)."""

    repository: Repository
    tag: Tag | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """The reference that ``text`` names; raises :class:`SpecError` where it is malformed."""
        name, at, digest = text.partition("@")
        head, slash, last = name.rpartition("/")
        last, colon, tag = last.partition(":")
        return cls(
            Repository.parse(head + slash + last),
            Tag(tag) if colon else None,
            Digest(digest) if at else None,
        )

    def with_tag(self, tag: str) -> Reference:
        """The same repository under another tag, without a digest."""
        return replace(self, tag=Tag(tag), digest=None)

    @property
    def wanted(self) -> str:
        """What a registry is asked for: the digest, else the tag, else ``latest``."""
        return str(self.digest or self.tag or "latest")

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """An operating system, an architecture and perhaps its variant: ``linux/arm/v7``."""

    os: str
    architecture: str
    variant: str | None = None

    @classmethod
    def parse(cls, text: str) -> Platform:
        """The platform that ``text`` names, with the usual aliases made canonical."""
        parts = text.lower().split("/")
        if not 2 <= len(parts) <= 3 or not all(_PLATFORM_PART.fullmatch(p) for p in parts):
            raise SpecError(
                f'"{text}" is not a platform',
                hint="a platform is os/architecture or os/architecture/variant: linux/amd64",
            )
        return cls.canonical(parts[0], parts[1], parts[2] if len(parts) == 3 else None)

    @classmethod
    def described(cls, by: object) -> Platform | None:
        """The platform that a JSON object describes (OCI image specification, "Image Index").

        ``None`` where it describes none, as beside an attestation, whose platform is ``unknown``.
        """
        fields = by if isinstance(by, Mapping) else {}
        parts = [fields.get(name) for name in ("os", "architecture", "variant")]
        texts = [part for part in parts if isinstance(part, str) and part]
        if not all(parts[:2]) or "unknown" in texts[:2] or any("/" in text for text in texts):
            return None
        try:
            return cls.parse("/".join(texts))
        except SpecError:
            return None

    @classmethod
    def canonical(cls, os: str, architecture: str, variant: str | None = None) -> Platform:
        """The platform under the names that registries use (``x86_64`` is ``amd64``).

        The aliases are those of containerd (``platforms.Normalize``), so that two ways to write
        one platform are one here as they are in a build.
        """
        aliases = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386"}
        architecture = aliases.get(architecture, architecture)
        match architecture, variant or None:
            case ("arm64", "8" | "v8") | ("amd64", "v1"):
                variant = None
            case ("armhf", _) | ("arm", None | "7"):
                architecture, variant = "arm", "v7"
            case ("armel", _) | ("arm", "6"):
                architecture, variant = "arm", "v6"
            case ("arm", "5" | "8"):
                variant = f"v{variant}"
        return cls(os, architecture, variant or None)

    def __str__(self) -> str:
        return "/".join(p for p in (self.os, self.architecture, self.variant) if p)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or an index as a registry holds it: the bytes are the truth, the rest is derived.

    ``config`` is the digest of the image's configuration, which is its id in Docker's classic
    store; an index has none. ``children`` are the manifests that an index lists, ``indexes`` those
    of them that are indexes. ``subject`` is the manifest that this one is attached to (OCI image
    specification, "Image Manifest Property Descriptions").
    """

    media_type: str
    body: bytes
    config: Digest | None = None
    children: tuple[Digest, ...] = ()
    indexes: tuple[Digest, ...] = ()
    subject: Digest | None = None

    @property
    def digest(self) -> Digest:
        """The digest under which a registry holds these bytes."""
        return Digest.of(self.body)


@dataclass(frozen=True, slots=True)
class Flaw:
    """A part of an image that a repository does not give as it should, and how."""

    digest: Digest
    why: str


def referrers_tag(subject: Digest) -> Tag:
    """The tag that lists what refers to ``subject`` where a registry does not list it by itself.

    OCI distribution specification 1.1, "Referrers Tag Schema".
    """
    algorithm, _, digits = subject.value.partition(":")
    return Tag(f"{algorithm[:32]}-{digits[:64]}")


def _port(host: str) -> int:
    port = re.search(r":([0-9]{1,5})$", host)
    return int(port[1]) if port else 443


def _lower_case_hint(path: str) -> str | None:
    lower = path.lower()
    return f'use "{lower}"' if lower != path and _PATH.fullmatch(lower) else None
