"""The tests' own test: with a mistake planted, the test that is there against it fails.

Each runs in a process of its own; without a mistake the same tests pass.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.negative.mistakes import MISTAKES

ROOT = Path(__file__).parents[2]
COUNTS = re.compile(r"(\d+) (passed|failed|error)")


@dataclass(frozen=True)
class Ran:
    """How a run of tests ended: pytest's exit code, how many passed and so on, what was said."""

    code: int
    said: str

    @property
    def counts(self) -> dict[str, int]:
        last = self.said.strip().rpartition("\n")[2]
        return {word: int(number) for number, word in COUNTS.findall(last)}


Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Runs tests, with a mistake where one is named."""
    command = [sys.executable, "-m", "tests.negative.server"]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:

        def ask(*tests: str, plant: str | None = None) -> Ran:
            assert server.stdin
            assert server.stdout
            server.stdin.write(json.dumps({"plant": plant, "tests": tests}) + "\n")
            server.stdin.flush()
            return Ran(**json.loads(server.stdout.readline()))

        yield ask


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_caught(run: Run, name: str) -> None:
    ran = run(MISTAKES[name].test, plant=name)
    assert ran.code == pytest.ExitCode.TESTS_FAILED, ran.said
    assert ran.counts["failed"] == 1, ran.said
    assert "error" not in ran.counts, ran.said


def test_without_a_mistake_they_pass(run: Run) -> None:
    tests = dict.fromkeys(mistake.test for mistake in MISTAKES.values())
    ran = run(*tests)
    assert ran.code == pytest.ExitCode.OK, ran.said
    assert ran.counts["passed"] >= len(tests)


def test_a_mistake_that_cannot_be_planted_catches_nothing(run: Run) -> None:
    ran = run("tests/test_publishing.py", plant="nobody made this one")
    assert ran.code == pytest.ExitCode.USAGE_ERROR, ran.said
