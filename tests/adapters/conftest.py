"""A registry whose answers a test scripts, a clock that it moves, and the adapter between them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from releaser.registries.distribution import Distribution
from tests.registry_client import Time, distribution
from tests.registry_server import ScriptedRegistry, scripted_registry


@pytest.fixture
def server() -> Iterator[ScriptedRegistry]:
    with scripted_registry() as state:
        yield state


@pytest.fixture
def when() -> Time:
    return Time()


@pytest.fixture
def registry(when: Time) -> Distribution:
    return distribution(when=when)
