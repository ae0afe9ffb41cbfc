"""What an image says besides its files: to everybody who can pull it.

Its configuration has variables, labels, commands and a history (OCI image specification, "Image
Configuration"); an attestation beside it has how it was built (SLSA provenance), build arguments
and the Dockerfile included. A secret must be in none of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

MAX_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Inscription:
    """Some text, and where it stands: ``env TOKEN``, ``label maintainer``, ``history line 3``."""

    where: str
    text: str = field(repr=False)


class Seeker(Protocol):
    """Something that knows values, and tells by a name which one a text has."""

    def found(self, text: str) -> str | None:
        """The name, or ``None`` where the text has none of the values."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A value that was found: by its name, and where."""

    name: str
    where: str


def findings(inscriptions: Iterable[Inscription], seeker: Seeker) -> tuple[Finding, ...]:
    """What ``seeker`` finds, each value once in each place."""
    found = ((seeker.found(one.text), one.where) for one in inscriptions)
    return tuple(dict.fromkeys(Finding(name, where) for name, where in found if name))


def of_documents(documents: Iterable[object]) -> Iterator[Inscription]:
    """What the JSON documents of an image say: configurations, attestations, manifests."""
    known = [one for one in documents if isinstance(one, Mapping)]
    several = sum(_is_configuration(one) and one.get("os") != "unknown" for one in known) > 1
    for document in known:
        if _is_configuration(document):
            platform = f"{document.get('os')}/{document.get('architecture')}"
            yield from of_configuration(document, f" ({platform})" if several else "")
        else:
            yield Inscription(_kind(document), "\n".join(_strings(document)))


def of_configuration(document: Mapping[str, object], more: str = "") -> Iterator[Inscription]:
    """What an image's configuration says; ``more`` is put behind every place."""
    config = document.get("config")
    for key, value in config.items() if isinstance(config, Mapping) else ():
        yield from (Inscription(w + more, text) for w, text in _setting(str(key), value))
    history = document.get("history")
    for number, entry in enumerate(history if isinstance(history, list) else (), 1):
        yield Inscription(f"history line {number}{more}", "\n".join(_strings(entry)))
    rest = {k: v for k, v in document.items() if k not in {"config", "history", "rootfs"}}
    yield Inscription(f"configuration{more}", "\n".join(_strings(rest)))


def parsed(content: bytes) -> object:
    """The JSON document in ``content``; ``None`` where there is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _is_configuration(document: Mapping[str, object]) -> bool:
    return "rootfs" in document or ("history" in document and "config" in document)


def _kind(document: Mapping[str, object]) -> str:
    kind = document.get("predicateType")
    if not isinstance(kind, str):
        return "manifest"
    return "provenance" if "provenance" in kind else "attestation"


def _setting(key: str, value: object) -> Iterator[tuple[str, str]]:
    if key == "Env" and isinstance(value, list):
        for one in map(str, value):
            yield f"env {one.partition('=')[0]}", one
    elif key == "Labels" and isinstance(value, Mapping):
        for name, text in value.items():
            yield f"label {name}", f"{name}\n{text}"
    elif value:
        yield key.lower(), "\n".join(_strings(value))


def _strings(value: object, depth: int = 0) -> Iterator[str]:
    """Every string in a document; of a list of strings also all of them together, as a command."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping) and depth < MAX_DEPTH:
        for key, inner in value.items():
            yield str(key)
            yield from _strings(inner, depth + 1)
    elif isinstance(value, list) and depth < MAX_DEPTH:
        for inner in value:
            yield from _strings(inner, depth + 1)
        yield " ".join(one for one in value if isinstance(one, str))
