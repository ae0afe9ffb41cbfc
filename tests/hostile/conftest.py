"""A registry whose answers a test scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.registry_server import ScriptedRegistry, scripted_registry


@pytest.fixture
def server() -> Iterator[ScriptedRegistry]:
    with scripted_registry() as state:
        yield state
