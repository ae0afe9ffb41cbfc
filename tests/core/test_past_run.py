"""Reports that are read back: what they say, and everything that is no report."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.oci import Digest
from releaser.core.past_run import PastRun
from releaser.core.version import Version
from releaser.errors import SpecError

OLD, NEW = (Digest.of(text) for text in (b"old", b"new"))
REFERENCE = {
    "reference": "r.example/shop/api:latest",
    "registry": "main",
    "kind": "floating",
    "written": True,
    "before": str(OLD),
    "digest": str(NEW),
}
IMAGE = {
    "name": "api",
    "fingerprint": "sha256:1",
    "platforms": ["linux/amd64"],
    "digests": {"main": str(NEW)},
    "references": [REFERENCE],
}
REPORT = {"schema": 1, "project": "shop", "version": "1.4.2", "pushed": True, "images": [IMAGE]}


def parse(document: object) -> PastRun:
    return PastRun.parse(json.dumps(document).encode(), "r.json")


def changed(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy in which what is at ``path`` is another value."""
    made: dict[str, Any] = json.loads(json.dumps(document))
    *steps, last = path.split(".")
    at: Any = made
    for step in steps:
        at = at[int(step)] if step.isdigit() else at[step]
    at[last] = value
    return made


def test_what_a_report_says() -> None:
    found = parse(REPORT)
    [image] = found.images
    assert (found.project, image.name, image.version) == ("shop", "api", Version(1, 4, 2))
    [one] = image.references
    assert (one.before, one.digest, one.written) == (OLD, NEW, True)
    assert image.digests == {"main": NEW}


def test_an_image_may_have_a_version_of_its_own() -> None:
    own = changed(changed(REPORT, "images.0.version", "2.0.0"), "version", None)
    assert parse(own).images[0].version == Version(2, 0, 0)
    assert parse(changed(REPORT, "version", None)).images[0].version is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("images.0.references.0.reference", "r.example/shop/api"),
        ("images.0.references.0.reference", f"r.example/shop/api:1@{OLD}"),
        ("images.0.references.0.reference", "r.example/UPPER:1"),
        ("images.0.references.0.reference", 7),
        ("images.0.references.0.kind", "odd"),
        ("images.0.references.0.before", "sha256:1"),
        ("images.0.references.0.digest", 7),
        ("images.0.references", {}),
        ("images.0.references", [7]),
        ("images.0.digests", []),
        ("images.0.platforms", "linux"),
        ("images.0.platforms", ["linux"]),
        ("images.0.name", None),
        ("images", [7]),
        ("images", {}),
        ("project", None),
    ],
)
def test_what_is_no_report(path: str, value: object) -> None:
    with pytest.raises(SpecError, match=r"r\.json is not the report of a run"):
        parse(changed(REPORT, path, value))


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [("schema", 2, "schema 2"), ("pushed", False, "pushed nothing"), ("pushed", "yes", "nothing")],
)
def test_reports_that_cannot_be_used(path: str, value: object, why: str) -> None:
    with pytest.raises(SpecError, match=why):
        parse(changed(REPORT, path, value))


@given(st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(list(REPORT)), inner),
).map(lambda one: json.dumps(one).encode()))  # fmt: skip
def test_anything_else_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(SpecError):
        PastRun.parse(content, "r.json")
