"""A build step as a request to the engine's own builder, and what of a step it cannot take."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from releaser.core.oci import Digest
from releaser.core.steps import BuildStep
from releaser.engines.classic_dockerfile import ClassicDockerfile
from releaser.errors import SpecError

_MAX_DOCKERFILE = 1 << 20
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([bkmg]?)i?b?", re.IGNORECASE)
_POWERS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3}
_CACHE = re.compile(r"type=registry,ref=([^,=]+)|([^,=]+)")
_PROXIES = {
    "httpProxy": "HTTP_PROXY",
    "httpsProxy": "HTTPS_PROXY",
    "ftpProxy": "FTP_PROXY",
    "noProxy": "NO_PROXY",
    "allProxy": "ALL_PROXY",
}


def refused_fields(step: BuildStep) -> Iterator[str]:
    """The fields of the spec that only BuildKit can serve."""
    if not Path(step.context).is_absolute():
        yield "context"
    if len(step.platforms) > 1:
        yield "platforms"
    for field, value in (
        ("secrets", step.secrets),
        ("ssh", step.ssh),
        ("additional_contexts", step.contexts),
        ("cache_to", step.cache_to),
        ("provenance", step.provenance),
    ):
        if value:
            yield field
    if not all(_CACHE.fullmatch(cache) for cache in step.cache_from):
        yield "cache_from"


def query(
    step: BuildStep, dockerfile: ClassicDockerfile, proxies: Mapping[str, str]
) -> dict[str, str | list[str]]:
    """The query of ``POST /build`` (Engine API, "Build an image"); a list is a repeated parameter.

    ``version=1`` asks for this builder where the engine has BuildKit too. ``pull`` is left out
    where the image stands on others of ours: the engine would look for them in a registry, and
    base images have their pins anyway.
    """
    args = {**proxies, **dockerfile.arguments, **dict(step.args)}
    optional = {
        "nocache": "1" if step.no_cache else None,
        "pull": "1" if step.pull and not step.links else None,
        "networkmode": step.network,
        "platform": str(step.platforms[0]) if step.platforms else None,
        "shmsize": str(_bytes(step.shm_size)) if step.shm_size else None,
    }
    return {
        "version": "1",
        "rm": "1",
        "forcerm": "1",
        "t": [str(name) for name in step.names],
        "buildargs": json.dumps(args),
        "labels": json.dumps(dict(step.labels)),
        "cachefrom": json.dumps([_cached(cache) for cache in step.cache_from]),
        "extrahosts": [f"{host}:{address}" for host, address in step.extra_hosts],
        **{key: value for key, value in optional.items() if value is not None},
    }


def proxy_arguments(settings: Mapping[str, str]) -> dict[str, str]:
    """Proxies of ``config.json`` as build arguments, as the Docker command line gives them."""
    named = {name: str(settings[key]) for key, name in _PROXIES.items() if settings.get(key)}
    return {**named, **{name.lower(): value for name, value in named.items()}}


def sources(step: BuildStep, built: Mapping[str, Digest]) -> dict[str, str]:
    """What each reference in the Dockerfile stands for: an image of ours, or a base's pin.

    ``built`` are the ids of the images that were built just now.
    """
    found = {base.written: str(base.pin) for base in step.bases if base.pin}
    for link in step.links:
        source = str(link.source or built[link.image])
        found.update(dict.fromkeys(link.names, source))
    return found


def read_dockerfile(path: str) -> str:
    """The text of a Dockerfile on disk.

    Raises:
        SpecError: it cannot be read, or is larger than a megabyte.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_DOCKERFILE + 1)
    except OSError as error:
        raise SpecError(f"the Dockerfile {path} cannot be read: {error.strerror}") from None
    if len(content) > _MAX_DOCKERFILE:
        raise SpecError(f"the Dockerfile {path} is larger than a megabyte")
    return content.decode(errors="replace")


def _cached(cache: str) -> str:
    found = _CACHE.fullmatch(cache)
    return (found[1] or found[2]) if found else cache


def _bytes(size: str) -> int:
    """``64m`` in bytes; the spec has checked what a size looks like."""
    found = _SIZE.fullmatch(size)
    if not found:
        raise SpecError(f'"{size}" is not a size', hint="write 128m or 1g")
    return int(float(found[1]) * 1024 ** _POWERS[found[2].lower()])
