"""The tags of images at an event, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from releaser.core.event_tags import ImageTags, TagsAtEvent
from releaser.core.facts import EventFacts
from releaser.core.tagging import SkippedTag, WantedTag
from releaser.reports.words import clean

SCHEMA = 1
WIDEST = 60


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
        "stays_in": list(row.stays_in),
        "reason": row.reason,
    }


@dataclass(frozen=True, slots=True)
class _Row:
    """What is said of one rule.

    ``is_given`` tells that the image gets its tag, ``stays_in`` in which registries it does not;
    ``repeats`` that another rule gives it already.
    """

    rule: str
    reason: str
    tag: str | None = None
    kind: str | None = None
    is_given: bool = False
    stays_in: tuple[str, ...] = ()
    repeats: bool = False

    @property
    def state(self) -> str:
        """What became of the rule, in a word."""
        if self.tag is None:
            return "skipped"
        if not self.is_given:
            return "stays"
        return "repeated" if self.repeats else str(self.kind)


def _rows(image: ImageTags) -> Iterator[_Row]:
    given: dict[str, str] = {}
    for one in image.outcome.results:
        if isinstance(one, SkippedTag):
            yield _Row(one.rule, one.reason)
            continue
        tag = str(one.tag)
        first = given.get(tag)
        given.setdefault(tag, one.rule)
        yield _Row(
            rule=one.rule,
            reason=f"given by {first}" if first else _stays(image, one) or one.reason,
            tag=tag,
            kind=one.kind.value,
            is_given=not image.stays_everywhere(one),
            stays_in=tuple(filter(None, image.stays.get(one.tag, {}))),
            repeats=first is not None,
        )


def _stays(image: ImageTags, one: WantedTag) -> str:
    """Why a line's tag stays where it is, and where, unless that is the same everywhere."""
    said: dict[str, list[str]] = {}
    for place, newer in image.stays.get(one.tag, {}).items():
        said.setdefault(str(newer), []).append(place)
    if not image.stays_everywhere(one):
        return "; ".join(f"stays in {', '.join(places)}: {why}" for why, places in said.items())
    if len(said) == 1:
        return next(iter(said))
    return "; ".join(f"{why} in {', '.join(places)}" for why, places in said.items())


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
    return f"{what}, {event.ref}" if event.ref else what


def _table(rows: list[_Row]) -> Iterator[str]:
    cells = [(row.tag or "-", row.state, clean(row.reason), clean(row.rule)) for row in rows]
    widths = [min(max(map(len, column)), WIDEST) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(
            f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)
        ).rstrip()
