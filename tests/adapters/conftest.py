"""A registry whose answers a test scripts, a clock that it moves, and the adapter between them.

And a git repository.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from releaser.registries.distribution import Distribution
from tests.git_repository import Repo, set_apart
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


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    set_apart(monkeypatch)
    return Repo(tmp_path / "repo")
