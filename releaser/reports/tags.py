"""The tags of images at an event, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from releaser.core.event_tags import ImageTags, TagsAtEvent
from releaser.core.facts import EventFacts
from releaser.core.tagging import SkippedTag, WantedTag
from releaser.reports.words import clean

SCHEMA = 1


def tags_json(found: TagsAtEvent) -> dict[str, object]:
    """The tags as plain data: those of each image in the order of its rules, and every rule."""
    return {
        "schema": SCHEMA,
        "project": found.project,
        "event": {
            "name": found.event.name or None,
            "ref": found.event.ref or None,
            "commit": found.event.sha,
        },
        "images": {image.name: _image_json(image) for image in found.images},
    }


def _image_json(image: ImageTags) -> dict[str, object]:
    version = image.current.version
    return {
        "version": str(version) if version else None,
        "tags": [str(one.tag) for one in image.tags],
        "labels": dict(image.labels),
        "annotations": dict(image.annotations),
        "rules": [_rule_json(row) for row in _rows(image)],
    }


def _rule_json(row: _Row) -> dict[str, object]:
    return {
        "rule": row.rule,
        "fired": row.tag is not None,
        "tag": row.tag,
        "kind": row.kind,
        "given": row.is_given,
        "reason": row.reason,
    }


class _Row:
    """What is said of one rule; ``is_given`` tells that the image gets its tag."""

    def __init__(self, image: ImageTags, one: WantedTag | SkippedTag, first: str | None) -> None:
        self.rule = one.rule
        self.reason = one.reason
        self.tag = self.kind = None
        self.is_given = False
        if isinstance(one, WantedTag):
            self.tag, self.kind = str(one.tag), one.kind.value
            self.is_given = not image.stays_everywhere(one)
            self.reason = _stays(image, one) or one.reason
            if first is not None:
                self.reason = f'as "{first}"'


def _rows(image: ImageTags) -> Iterator[_Row]:
    given: dict[str, str] = {}
    for one in image.outcome.results:
        tag = str(one.tag) if isinstance(one, WantedTag) else None
        yield _Row(image, one, given.get(tag) if tag else None)
        if tag:
            given.setdefault(tag, one.rule)


def _stays(image: ImageTags, one: WantedTag) -> str:
    """Why a line's tag stays where it is, and where, unless that is everywhere."""
    found = image.stays.get(one.tag, {})
    said: dict[str, list[str]] = {}
    for place, newer in found.items():
        said.setdefault(str(newer), []).append(place)
    if len(found) == len(image.places):
        return "stays: " + "; ".join(said) if said else ""
    return "; ".join(f"stays in {', '.join(places)}: {why}" for why, places in said.items())


def tags_text(found: TagsAtEvent) -> str:
    """The tags for people: per image a line for every rule."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: TagsAtEvent) -> Iterator[str]:
    yield clean(f"{found.project}: {_event_words(found.event)}")
    for image in found.images:
        yield ""
        version = image.current.version
        kept = " (kept: nothing of it has changed since)" if image.current.is_kept else ""
        yield f"{image.name} {version}{kept}" if version else f"{image.name}, without a version"
        yield from (f"  {line}" for line in _table(list(_rows(image))))


def _event_words(event: EventFacts) -> str:
    what = event.name.replace("_", " ") if event.name else "no CI event"
    if event.pull_request:
        what = f"{what} {event.pull_request}"
    return f"{what}, {event.ref}" if event.ref else what


def _table(rows: list[_Row]) -> Iterator[str]:
    cells = [(row.tag or "-", _state(row), clean(row.reason), clean(row.rule)) for row in rows]
    widths = [min(max(map(len, column)), 48) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(
            f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)
        ).rstrip()


def _state(row: _Row) -> str:
    if row.tag is None:
        return "none"
    return str(row.kind) if row.is_given else "stays"
