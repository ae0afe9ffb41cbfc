"""What all tests share: markers by folder, golden files, and Hypothesis without a stopwatch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

HERE = Path(__file__).parent

# A shared machine may be slow: an example is too slow only where a test says so itself.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True)
settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files anew; look at the difference before it is committed",
    )


# First, so that the groups are known when a worker spreads the tests.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in tests/e2e needs an engine; nothing in tests/core touches the disk."""
    for item in items:
        folder = item.path.relative_to(HERE).parts[0]
        if folder == "e2e":
            item.add_marker(pytest.mark.engine)
        if folder == "core" and {"tmp_path", "monkeypatch"} & set(
            getattr(item, "fixturenames", ())
        ):
            raise pytest.UsageError(f"{item.nodeid}: the core does no I/O, and its tests do none")
        item.add_marker(pytest.mark.xdist_group(_group(item, folder)))


def _group(item: pytest.Item, folder: str) -> str:
    """Files of tests run at once; those of the engine, of which there is one, count as one file.

    Those of the faults are another: no two of them build an image of one name.
    """
    if folder == "faults":
        return folder
    return "engine" if item.get_closest_marker("engine") else str(item.path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(ids: list[str]) -> None:
    """Workers that forget the groups would run tests of one engine against each other."""
    lost = [name for name in ids if "@" not in name]
    if lost:
        pytest.exit(f"{lost[0]} has no group: --dist loadgroup, or pytest-dev/pytest-xdist#1386", 3)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Asserts that a file holds a text; with --update-golden it is written instead."""
    update = request.config.getoption("--update-golden")

    def check(path: Path, actual: str) -> None:
        if update:
            path.write_text(actual, encoding="utf-8")
        assert path.is_file(), f"{path} is missing: run pytest --update-golden and look at it"
        assert actual == path.read_text(encoding="utf-8")

    return check
