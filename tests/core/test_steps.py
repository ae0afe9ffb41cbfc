"""Steps have keys that are the same in every run, and that logs, events and reports share."""

from __future__ import annotations

import pytest

from releaser.core.oci import Reference
from releaser.core.steps import (
    BuildStep,
    CopyStep,
    NameStep,
    PushStep,
    Step,
    TagKind,
    TagStep,
)
from tests.build import digest

PUBLIC = Reference.parse("ghcr.io/acme/shop/api:1.4")
CONTENT = Reference.parse("ghcr.io/acme/shop/api:fp-0123456789abcdef")
TAG = TagStep("api", "ghcr", PUBLIC, TagKind.FLOATING, CONTENT)


@pytest.mark.parametrize(
    ("key", "step"),
    [
        ("build:api", BuildStep("api", "/src", "/src/Dockerfile", (CONTENT,))),
        ("name:api", NameStep("api", digest("id"), (CONTENT,))),
        ("push:api@ghcr", PushStep("api", "ghcr", CONTENT)),
        ("copy:api@ghcr", CopyStep("api", "ghcr", PUBLIC, CONTENT)),
        ("tag:ghcr.io/acme/shop/api:1.4", TAG),
    ],
)
def test_a_step_has_a_key(key: str, step: Step) -> None:
    assert key == step.key
    assert step.image == "api"


def test_a_tag_step_knows_its_repository() -> None:
    assert TAG.repository == PUBLIC.repository
    assert TagStep.key_of(PUBLIC) == TAG.key
