"""Writes the definition that ``docker buildx bake`` builds a batch from: a pure function.

One target per image, linked with ``target:`` where an image stands on another one of the batch
(docs/bake-reference.md of docker/buildx). Three traps are hidden here:

* Strings of a JSON definition are templates of HCL: ``${`` and ``%{`` must be written so that they
  come out as they are. :func:`literal` does that for every string, keys included.
* BuildKit looks a named context up by the *familiar* form of a reference, without ``:latest``, and
  bake does not rewrite the names it is given: ``docker.io/library/python:latest`` as a name is
  never found, ``python`` is.
* Lists such as ``secret`` are read as comma separated values, so a path with a comma needs quotes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from releaser.core.oci import Reference
from releaser.core.steps import BuildStep, Link, Secret
from releaser.errors import SpecError

_TEMPLATE = re.compile(r"[$%]+(?=\{)")
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]")

Definition = dict[str, object]


def target_names(batch: Sequence[BuildStep]) -> dict[str, str]:
    """The bake target of each image: legal there, and different from all others.

    The number keeps ``a.b`` and ``a_b`` apart, and an image ``internal`` from BuildKit's own name.
    """
    return {
        step.image: f"{_ILLEGAL.sub('_', step.image)}-{number}"
        for number, step in enumerate(batch, start=1)
    }


def text(batch: Sequence[BuildStep]) -> str:
    """The JSON text of the definition of ``batch``. Secrets are in it by name, never by value."""
    targets = target_names(batch)
    definition = {"target": {targets[step.image]: _target(step, targets) for step in batch}}
    return json.dumps(literals(definition), indent=1)


def grants(batch: Sequence[BuildStep]) -> list[str]:
    """The options that allow a build what its steps ask for, beyond reading files."""
    wanted = any(step.network == "host" for step in batch)
    return ["--allow=network.host"] if wanted else []


def literal(value: str) -> str:
    """``value`` so that HCL's template language gives it back unchanged.

    ``$${`` would do for one dollar sign only: a run of them before a brace is written as a quoted
    string inside an interpolation instead, which holds for any run.
    """
    return _TEMPLATE.sub(lambda run: '${"' + run[0] + '"}', value)


def context_name(name: str) -> str:
    """The name under which BuildKit looks for a named context when it meets ``name``.

    BuildKit, ``frontend/dockerui/namedcontext.go``: the familiar form, less a last ``:latest``.
    """
    try:
        reference = Reference.parse(name)
    except SpecError:
        return name
    tag = f":{reference.tag}" if reference.tag else ""
    digest = f"@{reference.digest}" if reference.digest else ""
    return (reference.repository.familiar + tag + digest).removesuffix(":latest")


def literals(value: object) -> object:
    """Data for JSON in which every text, keys included, is as :func:`literal` writes it."""
    match value:
        case str():
            return literal(value)
        case dict():
            return {literal(key): literals(item) for key, item in value.items()}
        case list():
            return [literals(item) for item in value]
        case _:
            return value


def _target(step: BuildStep, targets: Mapping[str, str]) -> Definition:
    fields: Definition = {
        "context": step.context,
        "dockerfile": step.dockerfile,
        "target": step.target,
        "args": dict(step.args),
        "labels": dict(step.labels),
        "platforms": [str(platform) for platform in step.platforms],
        "contexts": dict(_contexts(step, targets)),
        "tags": [str(name) for name in step.names],
        "secret": [secret_line(secret) for secret in step.secrets],
        "ssh": list(step.ssh),
        "extra-hosts": dict(step.extra_hosts),
        "network": step.network,
        "entitlements": ["network.host"] if step.network == "host" else [],
        "shm-size": step.shm_size,
        "no-cache": step.no_cache,
        "pull": step.pull and not _stands_on_a_tag(step),
        "cache-from": list(step.cache_from),
        "cache-to": [_forgiving(cache) for cache in step.cache_to],
        "output": ["type=docker"],
    }
    # Attestations hold times and ids: with them every build has another digest.
    provenance = step.provenance or "disabled=true"
    attest = [f"type=provenance,{provenance}", "type=sbom,disabled=true"]
    return {key: value for key, value in fields.items() if value} | {"attest": attest}


def _forgiving(cache: str) -> str:
    """A cache that cannot be written does not fail the image, unless the spec says that it shall.

    BuildKit, ``control/control.go``: ``ignore-error`` is an attribute of every kind of cache.
    """
    if "=" not in cache:  # the short form, which has no attributes
        cache = f"type=registry,ref={cache}"
    if "ignore-error=" in cache or "type=inline" in cache.split(","):
        return cache
    return f"{cache},ignore-error=true"


def _stands_on_a_tag(step: BuildStep) -> bool:
    # With "pull" BuildKit asks registries only: it would not find an image that the engine alone
    # has, or find an older one there. Bases are pinned, so that little is lost without it.
    return any(link.source is not None and link.source.digest is None for link in step.links)


def _contexts(step: BuildStep, targets: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for base in step.bases:
        if base.pin is not None:
            yield context_name(base.written), f"docker-image://{base.pin}"
    for link in step.links:
        source = _source(link, targets)
        yield from ((context_name(name), source) for name in link.names)
    yield from ((context_name(context.name), context.source) for context in step.contexts)


def _source(link: Link, targets: Mapping[str, str]) -> str:
    if link.source is not None:
        return f"docker-image://{link.source}"
    return f"target:{targets[link.image]}"


def secret_line(secret: Secret) -> str:
    """A secret in buildx's own words: ``type=env,id=pip,env=PIP_TOKEN``."""
    if secret.env is not None:
        return _csv(("type", "env"), ("id", secret.id), ("env", secret.env))
    return _csv(("type", "file"), ("id", secret.id), ("src", secret.file or ""))


def _csv(*fields: tuple[str, str]) -> str:
    return ",".join(_quoted(f"{key}={value}") for key, value in fields)


def _quoted(field: str) -> str:
    if not any(mark in field for mark in ',"\r\n'):
        return field
    return '"' + field.replace('"', '""') + '"'
