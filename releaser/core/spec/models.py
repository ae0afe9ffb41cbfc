"""The keys of ``images.yaml``. Unknown ones are refused; build fields are those of Compose.

The names and meanings of build fields are the Compose build specification's, so a Dockerfile is
named as seen from its context, and everything else as seen from the folder of the file.
"""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from releaser.core.oci import DOCKER_HUB, Repository
from releaser.core.spec.fields import (
    Flag,
    HostPairs,
    Names,
    Needs,
    Pairs,
    Platforms,
    flag,
    refused,
    refused_as,
    split_line,
    wanted,
    whole,
)
from releaser.core.spec.prune_fields import KEEP_NOTHING_SAID, PruneSpec
from releaser.core.spec.size_fields import check_size
from releaser.core.spec.tag_fields import Rules, TagPolicySpec, policy_of, with_policies
from releaser.core.spec.version_fields import GIT_TAGS, VersioningSpec
from releaser.core.template import blank
from releaser.errors import SpecError

SCHEMA_VERSION = "1"
MAX_REGISTRIES = 100
PLAN_FIELDS = frozenset({"args", "labels", "tags"})
"""The fields of an image whose placeholders may stand for what only a plan knows."""

PUBLIC_REGISTRIES = frozenset(
    {DOCKER_HUB, "ghcr.io", "quay.io", "gcr.io", "public.ecr.aws", "mcr.microsoft.com"}
    | {"registry.gitlab.com"}
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PROVENANCE = re.compile(r"mode=(?:min|max)|(?:builder-id|reproducible|version)=[^\s\"]+")
_USERINFO = re.compile(r"[^/]*@")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretSpec(_Model):
    """A build secret: its id in the Dockerfile, and the variable or file that holds its value.

    ``file`` is relative to the folder of the spec.
    """

    id: str
    env: str | None = None
    file: str | None = None

    @field_validator("id")
    @classmethod
    def _legal_id(cls, value: str) -> str:
        if not _ID.fullmatch(blank(value)):
            raise refused(
                f'"{value}" is not the id of a secret',
                details=(("allowed", "letters, digits, . _ - ; first a letter or digit"),),
            )
        return value

    @field_validator("env")
    @classmethod
    def _legal_env(cls, value: str | None) -> str | None:
        # The value is not repeated: it may be the secret itself, written here by mistake.
        if value is not None and not _VARIABLE.fullmatch(blank(value)):
            raise refused(
                "this is not the name of an environment variable",
                "write the name of the variable that holds the secret, not the secret",
                private=True,
            )
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise refused(
                f'secret "{self.id}" needs either env or file',
                "write where its value is: {id: pip, env: PIP_TOKEN} or {id: pip, file: pip.txt}",
            )
        return self


def _secrets(value: object) -> object:
    """A map from ids, a list of maps, or buildx's ``id=pip,env=PIP_TOKEN``."""
    if isinstance(value, dict):
        return tuple(
            {"id": key, **item} if isinstance(item, dict) else item for key, item in value.items()
        )
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, list | tuple):
        raise wanted("a list of secrets, or a map from their ids")
    return tuple(_secret(item) if isinstance(item, str) else item for item in value)


def _secret(text: str) -> dict[str, str]:
    if "=" not in text:
        raise refused(f'secret "{text}" needs either env or file', f"write id={text},env=NAME")
    fields = dict(split_line(part) for part in text.split(","))
    source = "env" if fields.pop("type", "file") == "env" else "file"
    return {(source if key in {"src", "source"} else key): fields[key] for key in fields}


class RegistrySpec(_Model):
    """A place that images go to: ``<prefix>/<repository>``.

    ``insecure`` allows plain http and certificates that nobody vouches for; ``concurrency`` is how
    many transfers and requests may be under way at once.
    """

    prefix: str
    insecure: Flag = False
    concurrency: Annotated[int, whole(1, 64)] = 8

    @field_validator("prefix")
    @classmethod
    def _legal(cls, value: str) -> str:
        _check_prefix(value)
        return value

    @model_validator(mode="after")
    def _careful(self) -> Self:
        host = self.repository("x").registry
        if self.insecure and host in PUBLIC_REGISTRIES:
            raise refused(f"{host} cannot be insecure", 'leave "insecure" out: it speaks https')
        return self

    def repository(self, path: str) -> Repository:
        """The repository of an image in this registry."""
        return Repository.parse(f"{self.prefix}/{path}")


def _check_prefix(prefix: str) -> None:
    # Userinfo first: a password must not be repeated by any of the others.
    scheme, mark, rest = prefix.rpartition("://")
    if _USERINFO.match(rest):
        raise refused(
            "the prefix has a login in it",
            'write host/path, and log in with "docker login"',
            private=True,
        )
    if mark:
        more = ' and "insecure: true"' if scheme == "http" else ""
        raise refused(f'"{prefix}" has a scheme', f'write "{rest.rstrip("/")}"{more}')
    if not prefix or "//" in prefix or prefix != prefix.strip("/"):
        better = re.sub("/+", "/", prefix.strip("/"))
        hint = f'write "{better}"' if better else "write host/path: ghcr.io/acme"
        raise refused(f'"{prefix}" is not a prefix', hint)
    _check_host_and_path(prefix)


def _check_host_and_path(prefix: str) -> None:
    host, slash, path = prefix.partition("/")
    for character, what in ("@", "a digest"), (":", "a tag"):
        if character in path:
            hint = f'write "{host}/{path.partition(character)[0]}"'
            raise refused(f'"{prefix}" has {what}', hint)
    if host != host.lower() and (slash or "." in host or ":" in host):
        raise refused(f'"{host}" is not in lower case', f'write "{prefix.lower()}"')
    try:
        Repository.parse(prefix if slash else f"{prefix}/x")
    except SpecError as error:
        raise refused_as(error, "a prefix is host, host:port or host/path: ghcr.io/acme") from None


class Keeping(_Model):
    """What may be kept in the repositories besides public tags (``fingerprints`` in the file).

    ``tags``: a tag ``fp-<16 hex>`` under which every image is found again. ``records``: what each
    image was made of when it was last released, under ``fp-record-<image>``; without it a plan
    cannot say what changed. Left out, records are kept where the tags are.
    """

    tags: Flag = True
    records: Flag = True

    @model_validator(mode="before")
    @classmethod
    def _records_are_tags(cls, value: object) -> object:
        if isinstance(value, dict) and "tags" in value and "records" not in value:
            return {**value, "records": value["tags"]}
        return value


KEEP_ALL = Keeping()


def _registry(value: object) -> object:
    if isinstance(value, str):
        return {"prefix": value}
    if not isinstance(value, dict | RegistrySpec):
        raise wanted("a prefix (host/path), or a map with one")
    return value


def _provenance(value: object) -> object:
    """Compose's ``true``, ``false`` or settings, as the settings; ``None`` where it is off."""
    if isinstance(value, bool) or (isinstance(value, str) and "=" not in value):
        return "mode=min" if flag(value) else None
    if value is not None and not isinstance(value, str):
        raise wanted("true, false, or settings such as mode=max")
    return value


class ImageSpec(_Model):
    """One image: what is built, for which platforms, and where it goes.

    ``needs`` pairs a reference as the Dockerfile writes it with the image that provides it
    (``None``: that reference is not one of ours); a plain name stands for itself. ``None`` for
    ``push_to`` is every registry, for ``tags`` the rules that fit the source. ``provenance`` holds
    buildx's settings of it; ``None``: there is none. ``oci_labels`` adds the labels that say what
    the image is and which commit and version it is made of.
    """

    context: str = "."
    dockerfile: str | None = None
    target: str | None = None
    args: Pairs = ()
    labels: Pairs = ()
    platforms: Platforms = ()
    needs: Needs = ()
    repository: str | None = None
    push_to: Names | None = None
    tags: Rules | None = None
    secrets: Annotated[tuple[SecretSpec, ...], BeforeValidator(_secrets)] = ()
    ssh: Names = ()
    extra_hosts: HostPairs = ()
    network: str | None = None
    no_cache: Flag = False
    pull: Flag = False
    shm_size: str | None = None
    oci_labels: Flag = False
    provenance: Annotated[str | None, BeforeValidator(_provenance)] = None
    cache_from: Names = ()
    cache_to: Names = ()
    additional_contexts: Pairs = ()

    @field_validator("shm_size")
    @classmethod
    def _a_size(cls, value: str | None) -> str | None:
        if value is not None:
            check_size(value)
        return value

    @field_validator("provenance")
    @classmethod
    def _settings(cls, value: str | None) -> str | None:
        for part in value.split(",") if value else ():
            if not _PROVENANCE.fullmatch(blank(part, "mode=min")):
                raise refused(
                    f'"{part}" is no setting of provenance',
                    "write true, false, or mode=max",
                    (("allowed", "mode=min, mode=max, builder-id=…, reproducible=…, version=…"),),
                )
        return value

    @field_validator("target")
    @classmethod
    def _a_stage(cls, value: str | None) -> str | None:
        if value is not None and not _ID.fullmatch(blank(value)):
            raise refused(f'"{value}" is not the name of a stage')
        return value


class Spec(_Model):
    """The whole file, with ``defaults`` merged into every image and ``vars`` rendered."""

    version: str
    project: str
    registries: dict[str, Annotated[RegistrySpec, BeforeValidator(_registry)]] = Field(
        default_factory=dict
    )
    vars: dict[str, str] = Field(default_factory=dict)
    fingerprints: Keeping = KEEP_ALL
    versioning: VersioningSpec = GIT_TAGS
    tag_policies: dict[str, TagPolicySpec] = Field(default_factory=dict)
    prune: PruneSpec = KEEP_NOTHING_SAID
    defaults: ImageSpec = ImageSpec()
    images: dict[str, ImageSpec]

    @model_validator(mode="before")
    @classmethod
    def _named_policies(cls, value: object) -> object:
        return with_policies(value) if isinstance(value, dict) else value

    @field_validator("version")
    @classmethod
    def _known(cls, value: str) -> str:
        if value != SCHEMA_VERSION:
            raise refused(
                f'"{value[:60]}" is not a version of this file\'s format',
                f"write {SCHEMA_VERSION}",
                (("allowed", SCHEMA_VERSION),),
            )
        return value

    @field_validator("registries")
    @classmethod
    def _few(cls, value: dict[str, RegistrySpec]) -> dict[str, RegistrySpec]:
        if len(value) > MAX_REGISTRIES:
            raise refused(f"there are more than {MAX_REGISTRIES} registries")
        return value

    @field_validator("images")
    @classmethod
    def _some(cls, value: dict[str, ImageSpec]) -> dict[str, ImageSpec]:
        if not value:
            raise refused("no image is declared", "declare one: api: {context: .}")
        return value

    def tag_policy(self, image: str) -> TagPolicySpec | None:
        """The rules for an image's tags; ``None`` where it has none of its own.

        Raises:
            KeyError: it names a policy that there is not.
        """
        rules = self.images[image].tags
        named = policy_of(rules)
        if named is not None:
            return self.tag_policies[named]
        return None if rules is None else TagPolicySpec.model_construct(rules=rules)

    def push_to(self, image: str) -> tuple[str, ...]:
        """The names of the registries that an image goes to: its own list, else all."""
        chosen = self.images[image].push_to
        return tuple(self.registries) if chosen is None else chosen

    def repository(self, image: str, registry: str) -> Repository:
        """The repository of an image in a registry."""
        return self.registries[registry].repository(self.images[image].repository or image)

    def repositories(self, image: str) -> tuple[Repository, ...]:
        """Every repository that names the image, in any of the registries."""
        return tuple(self.repository(image, registry) for registry in self.registries)
