"""The attributes of one bake target as fields of an image."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from releaser.core.spec.paths import is_remote
from releaser.importing.attributes import (
    as_lines,
    fields_of,
    hosts_of,
    inside,
    path_of,
    provenance_of,
    secrets_of,
    ssh_of,
    usable,
)
from releaser.importing.bake_text import Translator
from releaser.importing.draft import Value
from releaser.importing.expressions import Expression

LOST = {
    "annotations": "releaser writes no annotations of manifests",
    "call": "releaser only builds",
    "no-cache-filter": "no_cache is for a whole image",
    "policy": "releaser evaluates no policies of builds",
    "resources": "releaser sets no limits for builds",
    "ulimits": "releaser sets no limits for builds",
}
"""Attributes without a counterpart, and why."""

_TARGET = "target:"


@dataclass(slots=True)
class BakeFields:
    """What a target says itself: ``links`` are the targets that its named contexts are."""

    fields: dict[str, Value] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    name: str = ""
    links: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    inline: bool = False
    comments: tuple[str, ...] = ()


def fields_of_target(
    attributes: Mapping[str, Expression], translator: Translator, folder: str
) -> BakeFields:
    """The fields of a target, whose paths are seen from ``folder``."""
    given = {key: translator.value(key, one) for key, one in attributes.items()}
    found = BakeFields()
    _paths(found, given, translator, folder)
    _texts(found, given, translator)
    _lists(found, given, translator)
    _contexts(found, given, translator, folder)
    _said(found, given, translator)
    for key, value in given.items():
        if value not in (None, [], {}, ""):
            translator.lose(key, LOST.get(key, "releaser has nothing like it"))
    return found


def _paths(found: BakeFields, given: dict[str, Value], translator: Translator, folder: str) -> None:
    context, dockerfile = given.pop("context", None), given.pop("dockerfile", None)
    found.inline = given.pop("dockerfile-inline", None) is not None
    if isinstance(context, str) and is_remote(context):
        translator.lose("context", f"{context} is a URL: only folders can be built")
    elif isinstance(context, str):
        found.fields["context"] = path_of(context.removeprefix("cwd://") or ".", folder)
        if not inside(str(found.fields["context"])):
            translator.lose("context", f"{context} is outside of the folder of the file")
            found.fields["context"] = "."
    elif folder not in {"", "."} and not found.inline:
        found.fields["context"] = folder
    if isinstance(dockerfile, str):
        found.fields["dockerfile"] = posixpath.normpath(dockerfile)


def _texts(found: BakeFields, given: dict[str, Value], translator: Translator) -> None:
    for key in "target", "network", "shm-size":
        value = given.pop(key, None)
        if isinstance(value, str) and value:
            found.fields[key.replace("-", "_")] = value
    for key in "no-cache", "pull":
        value = given.pop(key, None)
        if value is not None:
            found.fields[key.replace("-", "_")] = value in (True, "true")
    for key in "args", "labels":
        value = given.pop(key, None)
        if isinstance(value, dict):
            # Null is the Dockerfile's own value; bake takes no inherited one away for it.
            kept = {name: _text(one) for name, one in value.items() if one is not None}
            found.fields.update({key: kept} if kept else {})
    name = given.pop("name", None)
    found.name = name if isinstance(name, str) else ""
    network = found.fields.get("network")
    if network is not None and network not in {"none", "host", "default"}:
        translator.lose("network", f"{network}: only none, host and default are there")
        del found.fields["network"]


def _text(value: Value) -> Value:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _lists(found: BakeFields, given: dict[str, Value], translator: Translator) -> None:
    say = translator.lose
    platforms = [one for one in _items(given.pop("platforms", None)) if one and one != "local"]
    tags = [one for one in _items(given.pop("tags", None)) if isinstance(one, str) and one]
    found.tags = tuple(str(one) for one in tags)
    hosts = given.pop("extra-hosts", None)
    values: dict[str, Value] = {
        "platforms": list(dict.fromkeys(str(one) for one in platforms)),
        "secrets": secrets_of(_items(given.pop("secret", None)), say),
        "ssh": ssh_of(_items(given.pop("ssh", None)), say),
        "extra_hosts": hosts_of(hosts) if hosts else {},
        "cache_from": as_lines(_items(given.pop("cache-from", None)), say, "cache-from"),
        "cache_to": as_lines(_items(given.pop("cache-to", None)), say, "cache-to"),
    }
    found.fields.update({key: value for key, value in values.items() if value})
    attest = given.pop("attest", None)
    if attest is not None:
        provenance = provenance_of(_items(attest), say)
        if provenance is not None:
            found.fields["provenance"] = provenance


def _items(value: Value) -> list[Value]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _contexts(
    found: BakeFields, given: dict[str, Value], translator: Translator, folder: str
) -> None:
    contexts = given.pop("contexts", None)
    kept: dict[str, Value] = {}
    for name, source in contexts.items() if isinstance(contexts, dict) else ():
        text = path_of(source, folder) if isinstance(source, str) else ""
        if text.startswith(_TARGET):
            found.links = (*found.links, text.removeprefix(_TARGET))
        if not text or not usable(text):
            translator.lose(
                f"contexts.{name}", f"{source} is outside of the folder of the file, or has a login"
            )
        else:
            kept[name] = text
    if kept:
        found.fields["additional_contexts"] = kept


def _said(found: BakeFields, given: dict[str, Value], translator: Translator) -> None:
    description = given.pop("description", None)
    if isinstance(description, str) and description:
        found.comments = (description,)
    entitlements = [one for one in _items(given.pop("entitlements", None)) if one]
    for one in entitlements:
        if one != "network.host" or found.fields.get("network") != "host":
            translator.lose("entitlements", f"{one} cannot be granted")
    outputs = [_output(one) for one in _items(given.pop("output", None)) if one]
    found.outputs = tuple(outputs)
    if outputs:
        translator.lose("output", f"{', '.join(outputs)}: releaser says where images go")
    if given.get("call") in {"build", None}:
        given.pop("call", None)


def _output(value: Value) -> str:
    if isinstance(value, dict):
        return str(value.get("type", "image"))
    fields = fields_of(str(value))
    return fields.get("type") or ("local" if fields else "image")
