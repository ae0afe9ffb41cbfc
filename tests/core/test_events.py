"""Events are values that a listener can compare, and a result says how a run ended."""

from __future__ import annotations

from releaser.core.events import (
    Built,
    Notice,
    Outcome,
    RunResult,
    StepFinished,
    StepProgress,
    StepRecord,
    StepStarted,
)
from releaser.errors import EngineError
from tests.build import digest


def test_events_are_equal_where_they_say_the_same() -> None:
    assert StepStarted("build:api", "api") == StepStarted("build:api", "api")
    assert StepProgress("build:api", "api", line="x") != StepProgress("build:api", "api")
    assert len({Notice("a"), Notice("a"), Notice("b", "hint")}) == 2


def test_a_step_that_never_began_took_no_time() -> None:
    event = StepFinished("push:api@ghcr", "api", Outcome.BLOCKED, blocked_by="build:api")
    assert (event.seconds, event.error, event.digest) == (0.0, None, None)


def test_a_build_counts_what_came_from_the_cache() -> None:
    built = Built("api", digest("id"), cached=2, instructions=5)
    assert (built.cached, built.instructions) == (2, 5)


def test_a_result_holds_a_record_for_each_step() -> None:
    error = EngineError("it failed")
    record = StepRecord("build:api", "api", Outcome.FAILED, error=error)
    result = RunResult({record.key: record}, error)
    assert result.records["build:api"].error is result.error
    assert {one.value for one in Outcome} == {"done", "failed", "blocked", "cancelled"}
