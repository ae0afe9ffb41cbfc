"""A promotion, planned or done, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from releaser.core.promotion import Arrival, Attachment, ImagePromotion, Promotion
from releaser.reports.carried import Carried, ending, envelope, reference_of
from releaser.reports.text import reference_line
from releaser.reports.words import clean, counted


def promotion_json(plan: Promotion | None, carried: Carried) -> dict[str, object]:
    """The promotion as plain data; ``None`` where it ended before there was a plan."""
    if plan is None:
        return envelope(carried, None, None, ())
    images = (_image_json(image, carried) for image in plan.images)
    return {**envelope(carried, plan.project, None, images), "asked": plan.asked}


def _image_json(image: ImagePromotion, carried: Carried) -> dict[str, object]:
    come = image.origin
    return {
        "name": come.image,
        "version": str(come.version) if come.version else None,
        "source": str(come.reference),
        "digest": str(come.digest),
        "digests": {one.registry: str(one.digest) for one in image.arrivals},
        "copies": [_copy_json(one) for one in image.arrivals if one.copied],
        "references": [
            reference_of(one.plan, carried) for arrival in image.arrivals for one in arrival.tags
        ],
    }


def _copy_json(arrival: Arrival) -> dict[str, object]:
    return {
        "registry": arrival.registry,
        "repository": str(arrival.repository),
        "tag": str(arrival.tag) if arrival.tag else None,
        "attached": [_attachment_json(one) for one in arrival.attachments],
    }


def _attachment_json(one: Attachment) -> dict[str, object]:
    return {
        "digest": str(one.attached.digest),
        "subject": str(one.attached.subject),
        "tag": str(one.attached.tag) if one.attached.tag else None,
        "copied": not one.reason,
        "reason": one.reason,
    }


def promotion_text(plan: Promotion) -> str:
    """The plan for people: per image what it is, what is copied, and what happens to its tags."""
    return "\n".join(_lines(plan)) + "\n"


def promotion_ending(plan: Promotion, carried: Carried) -> str:
    """How it ended, in a line."""
    return f"{plan.project}: {ending(carried)} in {carried.seconds:.1f} s\n"


def _lines(plan: Promotion) -> Iterator[str]:
    copies = sum(arrival.copied for arrival in plan.arrivals)
    tags = sum(len(arrival.written) for arrival in plan.arrivals)
    counts = f"{copies} to copy, {counted(tags, 'tag')} to write"
    yield f"{plan.project}: promote {plan.asked}: {counts}"
    for image in plan.images:
        come = image.origin
        version = f" {come.version}" if come.version else ""
        yield ""
        yield clean(f"{come.image}{version}  {come.digest.short} from {come.reference}")
        for arrival in image.arrivals:
            yield from (f"  {line}" for line in _arrival_lines(arrival))
    if not (plan.changes or plan.refused):
        yield ""
        yield "nothing to do"


def _arrival_lines(arrival: Arrival) -> Iterator[str]:
    if arrival.copied:
        name = f":{arrival.tag}" if arrival.tag else f"@{arrival.digest.short}"
        more = len(arrival.attaching)
        yield f"> {arrival.repository}{name}{f', and {more} attached' if more else ''}"
    for one in arrival.attachments:
        if one.reason.startswith("there is another"):
            yield clean(f"= {arrival.repository}:{one.attached.tag}  stays: {one.reason}")
    for plan in (one.plan for one in arrival.tags):
        yield clean(reference_line(plan))
