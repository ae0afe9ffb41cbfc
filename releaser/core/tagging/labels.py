"""The labels and annotations of the Open Container Initiative that an event gives an image."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from releaser.core.facts import EventFacts

_PREFIX = "org.opencontainers.image."


def oci_labels(
    event: EventFacts, version: str | None, own: Iterable[tuple[str, str]] = ()
) -> tuple[tuple[str, str], ...]:
    """The labels in the order of their names; ``own`` ones take the place of others.

    ``version`` is the first tag. ``created`` is empty where the event does not know the time.
    """
    about = event.repository
    found = {
        "title": about.name,
        "description": about.description,
        "url": about.url,
        "source": about.url,
        "version": version or "",
        "created": _iso(event.now),
        "revision": event.sha or "",
        "licenses": about.licenses,
    }
    return tuple(
        sorted({**{_PREFIX + name: value for name, value in found.items()}, **dict(own)}.items())
    )


def oci_annotations(
    event: EventFacts,
    version: str | None,
    own: Iterable[tuple[str, str]] = (),
    levels: Iterable[str] = ("manifest",),
) -> tuple[str, ...]:
    """The same as annotations, as buildx writes them: ``manifest:name=value``."""
    found = oci_labels(event, version, own)
    return tuple(f"{level}:{name}={value}" for level in levels for name, value in found)


def _iso(seconds: int | None) -> str:
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
