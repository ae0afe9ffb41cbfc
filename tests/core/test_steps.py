"""Steps have keys that are the same in every run, and that logs, events and reports share."""

from __future__ import annotations

import pytest

from releaser.core.oci import Reference, Tag
from releaser.core.steps import (
    AttachStep,
    BuildStep,
    CopyStep,
    NameStep,
    PushStep,
    RemoveStep,
    Step,
    TagKind,
    TagStep,
    WithdrawStep,
)
from tests.build import digest

PUBLIC = Reference.parse("ghcr.io/acme/shop/api:1.4")
PLACE = PUBLIC.repository
CONTENT = Reference.parse("ghcr.io/acme/shop/api:fp-0123456789abcdef")
TAG = TagStep("api", "ghcr", PUBLIC, TagKind.FLOATING, CONTENT)


@pytest.mark.parametrize(
    ("key", "step"),
    [
        ("build:api", BuildStep("api", "/src", "/src/Dockerfile", (CONTENT,))),
        ("name:api", NameStep("api", digest("id"), (CONTENT,))),
        ("push:api@ghcr", PushStep("api", "ghcr", CONTENT)),
        (
            "attach:api@ghcr:sha256-1.sig",
            AttachStep("api", "ghcr", PUBLIC, PLACE, Tag("sha256-1.sig")),
        ),
        (
            f"attach:api@ghcr:{digest('s').short}",
            AttachStep("api", "ghcr", PLACE.at(digest("s")), PLACE),
        ),
        ("withdraw:api@ghcr", WithdrawStep("api", "ghcr", PUBLIC, b"")),
        ("remove:ghcr.io/acme/shop/api#2", RemoveStep("api", "ghcr", PLACE, (), frozenset(), 2)),
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
