"""Values of the spec that end as a part of something longer: an option of a build, a list of hosts.

BuildKit and buildx take several of them as comma separated values or as lines. What could begin
another field there is refused, so that a value is never more than itself.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import ip_address

from releaser.core.spec.models import ImageSpec
from releaser.core.spec.paths import check_inside
from releaser.core.spec.problem import Path, Problem
from releaser.errors import SpecError

_PLAIN = r"[^\x00-\x20\x7f,\"'`\\]"
_CACHE_FIELD = re.compile(rf"([a-z][a-z0-9_.-]*)=({_PLAIN}*)")
_CACHE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_GATEWAY = "host-gateway"
_NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")
_SSH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:=[^\x00-\x1f\x7f,\"]+)?")
_CONTEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]*")
_FOLDERS = ("src", "dest")
"""The fields of a cache of ``type=local`` that name a folder."""


def value_problems(here: Path, image: ImageSpec) -> Iterator[Problem]:
    """What is wrong with such values of an image; ``here`` is its path in the document."""
    for field in ("cache_from", "cache_to"):
        for index, text in enumerate(getattr(image, field)):
            yield from _said((*here, field, index), partial(check_cache, text))
    for host, address in image.extra_hosts:
        yield from _said((*here, "extra_hosts", host), partial(check_host, host, address))
    if image.network is not None:
        yield from _said((*here, "network"), partial(check_network, image.network))
    for index, key in enumerate(image.ssh):
        yield from _said((*here, "ssh", index), partial(check_ssh, key))
    for name, _ in image.additional_contexts:
        path = (*here, "additional_contexts", name)
        yield from _said(path, partial(check_context_name, name), about_key=True)


def _said(path: Path, check: Callable[[], None], *, about_key: bool = False) -> Iterator[Problem]:
    try:
        check()
    except SpecError as error:
        yield Problem(path, error.message, error.hint, error.details, about_key=about_key)


def check_cache(text: str) -> None:
    """Raise :class:`SpecError` where ``text`` is neither a reference nor ``type=…,name=value``.

    A local cache may lie anywhere; a relative path is seen from the folder of the file.
    """
    if _CACHE_NAME.fullmatch(text):
        return
    fields = [_CACHE_FIELD.fullmatch(part) for part in text.split(",")]
    found = {field[1]: field[2] for field in fields if field}
    if None in fields or len(found) < len(fields) or not found.get("type"):
        raise SpecError(
            f'"{text}" is not a cache',
            hint="write type=gha, type=registry,ref=ghcr.io/acme/cache, or a reference",
        )
    for name in _FOLDERS if found["type"] == "local" else ():
        if not found.get(name, "/").startswith("/"):
            check_inside(found[name])


def rooted(cache: str, root: str) -> str:
    """``cache`` with the folder of a local one as an absolute path; buildx runs elsewhere."""
    parts = cache.split(",")
    if "type=local" not in parts:
        return cache
    return ",".join(_rooted(part, root) for part in parts)


def _rooted(part: str, root: str) -> str:
    name, _, value = part.partition("=")
    if name not in _FOLDERS:
        return part
    return f"{name}={posixpath.normpath(posixpath.join(root, value))}"


def check_host(host: str, address: str) -> None:
    """Raise :class:`SpecError` where a line of ``/etc/hosts`` would hold more than one name."""
    if not _HOST.fullmatch(host):
        raise SpecError(f'"{host}" is not a name for a host')
    try:
        if address != _GATEWAY:
            ip_address(address.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise SpecError(
            f'"{address}" is not the address of a host', hint=f"write 10.0.0.1, ::1 or {_GATEWAY}"
        ) from None


def check_network(name: str) -> None:
    """Raise :class:`SpecError` where ``name`` names no network mode."""
    if not _NETWORK.fullmatch(name):
        raise SpecError(f'"{name}" is not a network', hint="write default, none or host")


def check_ssh(key: str) -> None:
    """Raise :class:`SpecError` where ``key`` is neither an id nor ``id=path``."""
    if not _SSH.fullmatch(key):
        raise SpecError(f'"{key}" is not an SSH agent or key', hint="write default, or id=path")


def check_context_name(name: str) -> None:
    """Raise :class:`SpecError` where no Dockerfile could name a context like this."""
    if not _CONTEXT.fullmatch(name):
        raise SpecError(
            f'"{name}" is not a name for a context', hint="write it as FROM or COPY --from does"
        )
