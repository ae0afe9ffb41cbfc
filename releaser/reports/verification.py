"""What a verification came to, as text and as JSON: one line for each difference."""

from __future__ import annotations

from collections.abc import Iterator

from releaser.core.verification import SCHEMA, Difference, Verification
from releaser.reports.words import clean, counted


def verification_json(found: Verification) -> dict[str, object]:
    """The verification as plain data."""
    return {
        "schema": SCHEMA,
        "project": found.project,
        "verified": sorted({str(claim.reference) for claim in found.claims}),
        "differences": [_difference_json(one) for one in found.differences],
        "unknown": [{"where": one.where, "why": one.why} for one in found.unsaid],
    }


def _difference_json(one: Difference) -> dict[str, object]:
    return {
        "what": one.what,
        "where": one.where,
        "expected": one.expected,
        "found": one.found,
    }


def verification_text(found: Verification) -> str:
    """The verification for people: what differs, what is not known, and how much is right."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Verification) -> Iterator[str]:
    for one in found.differences:
        yield clean(f"{one.what}: {one.where}: {_said(one)}")
    for other in found.unsaid:
        yield clean(f"unknown: {other.where}: {other.why}")
    references = {claim.reference for claim in found.claims}
    images = {claim.image for claim in found.claims}
    about = f"{counted(len(references), 'tag')} of {counted(len(images), 'image')}"
    if found.differences:
        yield f"{found.project}: {about}, {counted(len(found.differences), 'difference')}"
    elif found.unsaid:
        yield f"{found.project}: {about}, no difference in what is known"
    else:
        yield f"{found.project}: {about}, all right"


def _said(one: Difference) -> str:
    if one.what == "incomplete":
        return f"{one.expected} {one.found}"
    return f"expected {one.expected}, found {one.found}"
