"""The decision about one image: what is where, and what must therefore happen."""

from __future__ import annotations

import pytest

from releaser.core.oci import Digest, Reference
from releaser.core.rebuild import (
    Build,
    Copy,
    Decision,
    Push,
    Reason,
    ReasonCode,
    Reuse,
    decide_local,
    decide_published,
)
from tests.build import digest, local

WHY = Build(Reason(ReasonCode.FILE_CHANGED, "app.py"))
HERE = local("sha256:x", "api:fp")
GHCR = Reference.parse("ghcr.io/acme/api:fp-1")
HUB = Reference.parse("docker.io/acme/api:fp-1")
ONE, OTHER = digest("one"), digest("other")


def not_pushed(detail: str) -> Reason:
    return Reason(ReasonCode.NOT_PUSHED, detail)


@pytest.mark.parametrize(
    ("decision", "ghcr", "hub", "here"),
    [
        pytest.param(WHY, None, None, False, id="nowhere"),
        pytest.param(
            Push(not_pushed("built here, not in ghcr, hub"), HERE, ("ghcr", "hub")),
            None, None, True, id="in the engine only",
        ),
        pytest.param(
            Copy(not_pushed("in ghcr, not in hub"), GHCR.repository.at(ONE), ("hub",)),
            ONE, None, False, id="in the first registry",
        ),
        pytest.param(
            Copy(not_pushed("in hub, not in ghcr"), HUB.repository.at(ONE), ("ghcr",)),
            None, ONE, True, id="in the second registry and the engine: copied all the same",
        ),
        pytest.param(
            Reuse(Reason(ReasonCode.NOTHING_CHANGED), (("ghcr", ONE), ("hub", ONE))),
            ONE, ONE, True, id="everywhere",
        ),
        pytest.param(
            Reuse(Reason(ReasonCode.NOTHING_CHANGED), (("ghcr", ONE), ("hub", OTHER))),
            ONE, OTHER, False, id="everywhere, as two builds",
        ),
    ],
)  # fmt: skip
def test_of_a_published_image(
    decision: Decision, ghcr: Digest | None, hub: Digest | None, here: bool
) -> None:
    found = decide_published(
        {"ghcr": GHCR, "hub": HUB}, {GHCR: ghcr, HUB: hub}, HERE if here else None, WHY
    )
    assert decision == found


def test_what_was_not_asked_for_is_not_there() -> None:
    assert decide_published({"ghcr": GHCR}, {}, None, WHY) == WHY


def test_of_a_local_image() -> None:
    assert decide_local(None, WHY) == WHY
    assert decide_local(HERE, WHY) == Reuse(Reason(ReasonCode.NOTHING_CHANGED), local=HERE)
