"""The keys of ``images.yaml``. Unknown ones are refused; build fields are those of Compose.

The names and meanings of build fields are the Compose build specification's, so a Dockerfile is
named as seen from its context, and everything else as seen from the folder of the file.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    field_validator,
    model_validator,
)

from releaser.core.oci import Repository
from releaser.core.spec.fields import (
    Flag,
    HostPairs,
    Names,
    Needs,
    Pairs,
    Platforms,
    flag,
    refused,
    split_line,
    wanted,
)
from releaser.core.spec.prune_fields import KEEP_NOTHING_SAID, PruneSpec
from releaser.core.spec.registry_fields import RegistrySpec, registry
from releaser.core.spec.size_fields import check_size
from releaser.core.spec.switched_off import NOTHING_OFF, SwitchedOff
from releaser.core.spec.tag_fields import Rules, TagPolicySpec, policy_of, with_policies
from releaser.core.spec.version_fields import GIT_TAGS, VersioningSpec
from releaser.core.template import blank

SCHEMA_VERSION = "1"
MAX_REGISTRIES = 100
PLAN_FIELDS = frozenset({"args", "labels", "tags"})
"""The fields of an image whose placeholders may stand for what only a plan knows."""

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PROVENANCE = re.compile(r"mode=(?:min|max)|(?:builder-id|reproducible|version)=[^\s\x22]+")
SUFFIX = re.compile(r"[A-Za-z0-9._-]{0,64}")


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
        if not ID.fullmatch(blank(value)):
            raise refused(
                f'"{value}" is not the id of a secret',
                details=(("allowed", "letters, digits, . _ - ; first a letter or digit"),),
            )
        return value

    @field_validator("env")
    @classmethod
    def _legal_env(cls, value: str | None) -> str | None:
        # The value is not repeated: it may be the secret itself, written here by mistake.
        if value is not None and not ENVIRONMENT_NAME.fullmatch(blank(value)):
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
    buildx's settings of it; ``None``: there is none. One that is not ``enabled`` is there only to
    be extended. ``oci_labels`` adds labels that say what the image is and what it is made of.
    ``tag_suffix`` stands behind every tag.
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
    tag_suffix: str = ""
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
    enabled: Flag = True

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
            if not PROVENANCE.fullmatch(blank(part, "mode=min")):
                raise refused(
                    f'"{part}" is no setting of provenance',
                    "write true, false, or mode=max",
                    (("allowed", "mode=min, mode=max, builder-id=…, reproducible=…, version=…"),),
                )
        return value

    @field_validator("tag_suffix")
    @classmethod
    def _a_suffix(cls, value: str) -> str:
        if not SUFFIX.fullmatch(value):
            raise refused(
                f'"{value}" cannot stand behind a tag',
                "write it with its dash: -debug",
                (("allowed", "up to 64 letters, digits, . _ -"),),
            )
        return value

    @field_validator("target")
    @classmethod
    def _a_stage(cls, value: str | None) -> str | None:
        if value is not None and not ID.fullmatch(blank(value)):
            raise refused(f'"{value}" is not the name of a stage')
        return value


class Spec(_Model):
    """The whole file, with ``defaults`` merged into every image and ``vars`` rendered."""

    version: str
    project: str
    registries: dict[str, Annotated[RegistrySpec, BeforeValidator(registry)]] = Field(
        default_factory=dict
    )
    vars: dict[str, str] = Field(default_factory=dict)
    fingerprints: Keeping = KEEP_ALL
    versioning: VersioningSpec = GIT_TAGS
    tag_policies: dict[str, TagPolicySpec] = Field(default_factory=dict)
    prune: PruneSpec = KEEP_NOTHING_SAID
    groups: dict[str, Names] = Field(default_factory=dict)
    defaults: ImageSpec = ImageSpec()
    images: dict[str, ImageSpec]
    _off: SwitchedOff = PrivateAttr(NOTHING_OFF)

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

    def of_enabled(
        self, images: dict[str, ImageSpec], groups: dict[str, Names], off: SwitchedOff
    ) -> Self:
        """The spec with those images and groups only; defaults are in them already."""
        found = self.model_copy(
            update={"images": images, "groups": groups, "defaults": ImageSpec()}
        )
        found._off = off  # noqa: SLF001 - it is the same class
        return found

    @property
    def off(self) -> SwitchedOff:
        """What was declared and is not enabled."""
        return self._off

    @cached_property
    def tag_suffixes(self) -> frozenset[str]:
        """What stands behind the tags of any image."""
        return frozenset(one.tag_suffix for one in self.images.values() if one.tag_suffix)

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
