"""An image must exist for every platform that what is built FROM it is built for."""

from __future__ import annotations

import pytest

from releaser.errors import SpecError
from releaser.pipeline import check
from tests.world import World

BOTH = "[linux/amd64, linux/arm64]"


def world(upstream: str, dependant: str, dockerfile: str) -> World:
    spec = (
        "version: 1\nproject: p\nimages:\n"
        f"  up: {{context: up, platforms: {upstream}}}\n"
        f"  down: {{context: down, platforms: {dependant}}}\n"
    )
    return World(spec, {"up/Dockerfile": "FROM scratch\n", "down/Dockerfile": dockerfile})


@pytest.mark.parametrize("dockerfile", [
    "FROM up\n",
    "FROM up AS a\nFROM a AS b\nFROM b\n",
    "ARG X=up\nFROM ${X}\n",
])  # fmt: skip
def test_a_platform_that_the_upstream_lacks_is_refused(dockerfile: str) -> None:
    made = world("linux/amd64", BOTH, dockerfile)
    with pytest.raises(SpecError, match='"down" is built for linux/arm64, and "up"') as caught:
        check(made.project, made.adapters.contexts)
    assert str(caught.value.at).startswith("down/Dockerfile:")


@pytest.mark.parametrize(("upstream", "dockerfile"), [
    (BOTH, "FROM up\n"),
    ("linux/amd64", "FROM --platform=$BUILDPLATFORM up AS t\nFROM scratch\nCOPY --from=t / /\n"),
    ("linux/amd64", "FROM scratch\nCOPY --from=up / /\n"),
    ("linux/amd64", "FROM --platform=linux/amd64 up\n"),
])  # fmt: skip
def test_what_is_another_platform_on_purpose_is_left_alone(upstream: str, dockerfile: str) -> None:
    made = world(upstream, BOTH, dockerfile)
    check(made.project, made.adapters.contexts)
