"""A registry of the spec: the prefix that stands before the names of images, and how it speaks."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from releaser.core.oci import DOCKER_HUB, Repository
from releaser.core.spec.fields import Flag, refused, refused_as, wanted, whole
from releaser.errors import SpecError

PUBLIC_REGISTRIES = frozenset(
    {DOCKER_HUB, "ghcr.io", "quay.io", "gcr.io", "public.ecr.aws", "mcr.microsoft.com"}
    | {"registry.gitlab.com"}
)
_USERINFO = re.compile(r"[^/]*@")


class RegistrySpec(BaseModel):
    """A place that images go to: ``<prefix>/<repository>``.

    ``insecure`` allows plain http and certificates that nobody vouches for; ``concurrency`` is how
    many transfers and requests may be under way at once.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

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


def registry(value: object) -> object:
    """A registry in any of its forms as the fields of one; raises what a validator raises."""
    if isinstance(value, str):
        return {"prefix": value}
    if not isinstance(value, dict | RegistrySpec):
        raise wanted("a prefix (host/path), or a map with one")
    return value
