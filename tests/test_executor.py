"""Running a plan: bounds, failures, signals, and what each step is said to have come to."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from releaser.core.events import (
    BuildCancelled,
    BuildResult,
    Event,
    Outcome,
    RunResult,
    StepFinished,
    StepProgress,
    StepStarted,
)
from releaser.core.oci import Digest, Manifest, Reference, Repository, Tag
from releaser.core.plan import Plan
from releaser.core.steps import BuildStep, PushStep, TagStep
from releaser.errors import (
    EngineError,
    InternalError,
    InterruptedRunError,
    RegistryError,
    UnknownError,
)
from releaser.executor import Doers, Limits, Stop, execute
from releaser.interfaces import Builder, Listener
from tests.build import picture
from tests.fakes.registry import FakeRegistry
from tests.world import Heard, World

PREFIXES = {"main": "main.example/x", "other": "other.example/y", "near": "localhost:5000/z"}


def world(text: str, registries: Sequence[str] = ("main",)) -> World:
    """The images of a picture, each going to ``registries`` under a version and ``latest``."""
    needs = picture(text)
    prefixes = ", ".join(f"{name}: {PREFIXES[name]}" for name in registries)
    spec = f"version: 1\nregistries: {{{prefixes}}}\nimages:\n" + "".join(
        f'  {name}: {{context: {name}, tags: ["{{{{version}}}}", latest]}}\n' for name in needs
    )
    files = {
        f"{name}/Dockerfile": f"FROM busybox\nLABEL n={name}\n"
        + "".join(f"COPY --from={need} /a /b\n" for need in found)
        for name, found in needs.items()
    }
    return World(spec, files)


def executed(
    made: World,
    plan: Plan | None = None,
    *,
    builder: Builder | None = None,
    limits: Limits | None = None,
    stop: Stop | None = None,
    listener: Listener | None = None,
    grace: float = 20.0,
) -> RunResult:
    """Run a plan of this world on its fakes."""
    doers = Doers(made.registry, made.engine, builder or made.builder)
    return execute(
        plan or made.plan(), doers, listener or made.heard, limits or Limits(), stop, grace=grace
    )


def outcomes(result: RunResult) -> dict[str, str]:
    return {key: record.outcome.value for key, record in result.records.items()}


def keys(result: RunResult, outcome: Outcome) -> set[str]:
    return {key for key, record in result.records.items() if record.outcome is outcome}


class Stepwise:
    """Wraps a builder's ``build``: ``before`` is called with each batch, in the worker's thread."""

    name = "stepwise"

    def __init__(self, inner: Builder, before: Callable[[Sequence[BuildStep]], None]) -> None:
        self._inner, self._before = inner, before
        self.batch_size, self.at_once = inner.batch_size, inner.at_once

    def check(self, steps: Sequence[BuildStep]) -> None:
        self._inner.check(steps)

    def build(self, batch: Sequence[BuildStep], listener: Listener) -> Sequence[BuildResult]:
        self._before(batch)
        return self._inner.build(batch, listener)

    def cancel(self) -> None:
        self._inner.cancel()


class Crowd:
    """How many are inside at once, and the most that ever were."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self._lock = threading.Lock()

    def visit(self, size: int = 1) -> None:
        """Stay for a moment."""
        with self._lock:
            self.now += size
            self.most = max(self.most, self.now)
        time.sleep(0.01)
        with self._lock:
            self.now -= size


# -- builds


@pytest.mark.parametrize("keep_going", [False, True])
@pytest.mark.parametrize("batch_size", [1, 3, 20])
def test_a_failed_build_blocks_exactly_its_dependants(*, keep_going: bool, batch_size: int) -> None:
    made = world("a; b: a; c: b; d: b c; e: a; f")
    made.builder.batch_size = batch_size
    made.builder.failures = {"b": EngineError("no")}
    result = executed(made, limits=Limits(jobs=4, keep_going=keep_going))
    ends = {key: end for key, end in outcomes(result).items() if key.startswith("build:")}
    assert ends["build:b"] == "failed"
    assert {key for key, end in ends.items() if end == "blocked"} == {"build:c", "build:d"}
    assert {result.records[key].blocked_by for key in ("build:c", "build:d")} == {"build:b"}
    if keep_going:
        assert keys(result, Outcome.CANCELLED) == set()
        assert {ends[f"build:{name}"] for name in "aef"} == {"done"}
        assert {"push:a@main", "push:e@main", "push:f@main"} <= keys(result, Outcome.DONE)
    assert not [key for key in keys(result, Outcome.DONE) if key.startswith("tag:")]
    assert result.error is result.records["build:b"].error


def test_inside_a_batch_there_are_links_and_outside_the_engine_s_names() -> None:
    made = world("a; b: a; c: b; d: c")
    made.builder.batch_size = 2
    result = executed(made)
    assert result.error is None
    names = [[step.image for step in batch] for batch in made.builder.batches]
    assert names == [["a", "b"], ["c", "d"]]
    sources = {
        step.image: [link.source for link in step.links]
        for batch in made.builder.batches
        for step in batch
    }
    tag = next(one for one in made.builder.batches[0] if one.image == "b").names[0]
    assert sources == {"a": [], "b": [None], "c": [tag], "d": [None]}


def test_what_was_cancelled_with_its_batch_is_built_again() -> None:
    made = world("a; b; c")
    made.builder.failures = {"a": EngineError("no")}
    result = executed(made, limits=Limits(keep_going=True))
    assert [[step.image for step in batch] for batch in made.builder.batches] == [
        ["a", "b", "c"],
        ["b", "c"],
    ]
    assert {"build:b", "build:c"} <= keys(result, Outcome.DONE)
    assert Counter(e.key for e in made.heard.events if isinstance(e, StepStarted))["build:b"] == 2


def test_a_builder_that_cancels_for_no_reason_does_not_go_on_for_ever() -> None:
    made = world("a; b: a")
    made.builder.build = lambda batch, listener: [  # type: ignore[method-assign]  # noqa: ARG005
        BuildCancelled(step.image) for step in batch
    ]
    result = executed(made)
    assert isinstance(result.error, EngineError)
    assert "nobody asked" in result.error.message


def test_a_builder_that_says_nothing_of_an_image() -> None:
    made = world("a")
    made.builder.build = lambda batch, listener: []  # type: ignore[method-assign]  # noqa: ARG005
    result = executed(made)
    assert isinstance(result.error, InternalError)
    assert '"a"' in result.error.message


@pytest.mark.parametrize("jobs", [1, 2, 5])
@pytest.mark.parametrize("batch_size", [1, 2, 20])
def test_no_more_builds_at_once_than_jobs(jobs: int, batch_size: int) -> None:
    made = world("; ".join(f"i{n}" for n in range(12)))
    made.builder.batch_size = batch_size
    crowd = Crowd()
    builder = Stepwise(made.builder, lambda batch: crowd.visit(len(batch)))
    assert executed(made, builder=builder, limits=Limits(jobs=jobs)).error is None
    assert crowd.most <= jobs
    assert sum(len(batch) for batch in made.builder.batches) == 12


def test_no_more_transfers_at_once_than_each_registry_allows() -> None:
    made = world("; ".join(f"i{n}" for n in range(9)), ("main", "other"))
    crowds = {"main.example": Crowd(), "other.example": Crowd()}
    push = made.engine.push

    def slowly(reference: Reference, listener: Listener) -> None:
        crowds[reference.repository.registry].visit()
        push(reference, listener)

    made.engine.push = slowly  # type: ignore[method-assign]
    limits = Limits(transfers={"main": 1, "other": 3})
    assert executed(made, limits=limits).error is None
    assert crowds["main.example"].most == 1
    assert crowds["other.example"].most <= 3


# -- pushes and tags


def test_a_plan_whose_steps_wait_for_a_later_stage_is_a_bug_and_no_success() -> None:
    made = world("a")
    plan = made.plan()
    last = max(plan.steps, key=lambda one: one.stage)
    first = replace(plan.steps[0], needs=(last.key,))
    result = executed(made, replace(plan, steps=(first, *plan.steps[1:])))
    assert isinstance(result.error, InternalError)
    assert keys(result, Outcome.DONE) == set()
    assert made.public() == {}


def test_uploads_to_this_machine_wait_until_all_is_built_and_others_do_not() -> None:
    made = world("a; b: a; c: b", ["main", "near"])
    uploaded = threading.Event()

    def before(batch: Sequence[BuildStep]) -> None:
        if batch[0].image != "a":
            assert uploaded.wait(10)

    class Hears(Heard):
        def on(self, event: Event) -> None:
            super().on(event)
            if isinstance(event, StepFinished) and event.key == "push:a@main":
                uploaded.set()

    made.builder.batch_size = 1
    heard = Hears()
    result = executed(made, builder=Stepwise(made.builder, before), listener=heard)
    assert result.error is None
    started = [one.key for one in heard.events if isinstance(one, StepStarted)]
    assert started.index("push:a@main") < started.index("build:c")
    built = max(started.index(f"build:{image}") for image in "abc")
    assert all(started.index(f"push:{image}@near") > built for image in "abc")


def test_a_failed_build_does_not_keep_other_uploads_to_this_machine_waiting() -> None:
    made = world("a; b; c: b", ["near"])
    made.builder.failures = {"b": EngineError("no")}
    result = executed(made, limits=Limits(keep_going=True))
    assert "push:a@near" in keys(result, Outcome.DONE)


def test_a_push_is_believed_when_the_registry_gives_back_what_was_built() -> None:
    made = world("a")
    plan = made.plan()
    (push,) = [one.step for one in plan.steps if isinstance(one.step, PushStep)]

    def garbled(reference: Reference, listener: Listener) -> None:  # noqa: ARG001
        made.registry.seed_image(reference, "something else")

    made.engine.push = garbled  # type: ignore[method-assign]
    result = executed(made, plan)
    assert isinstance(result.error, RegistryError)
    assert "another content" in result.error.message
    assert str(push.reference) in result.error.message
    assert made.public() == {}


def test_a_push_that_leaves_nothing_behind() -> None:
    made = world("a")
    made.engine.push = lambda reference, listener: None  # type: ignore[method-assign]  # noqa: ARG005
    result = executed(made)
    assert isinstance(result.error, RegistryError)
    assert "is not there" in result.error.message


def test_progress_of_a_push_carries_its_step() -> None:
    made = world("a")
    executed(made)
    said = [e for e in made.heard.events if isinstance(e, StepProgress) and e.key.startswith("p")]
    assert {(event.key, event.image) for event in said} == {("push:a@main", "a")}


def test_tags_are_written_upstreams_first_and_latest_last() -> None:
    made = world("a; b: a; c: b", ("main", "other"))
    assert executed(made).error is None
    written = [Reference.parse(text) for text in made.registry.called("put")]
    tags = [str(one.tag) for one in written]
    assert tags == ["1.4.2"] * 6 + ["latest"] * 6
    images = [one.repository.path.rpartition("/")[2] for one in written]
    assert images == ["a", "a", "b", "b", "c", "c"] * 2
    first = made.registry.calls.index(
        next(call for call in made.registry.calls if call.method == "put")
    )
    assert not [call for call in made.registry.calls[first:] if call.method == "push"]


def test_a_version_that_somebody_else_wrote_meanwhile_is_left_alone() -> None:
    made = world("a; b: a")
    plan = made.plan()
    theirs = made.registry.seed_image("main.example/x/a:1.4.2", "theirs")
    result = executed(made, plan)
    assert result.error is not None
    assert result.error.code == 3
    assert "a:1.4.2 was taken by another release meanwhile" in result.error.message
    assert made.registry.tag_of("main.example/x/a:1.4.2") == theirs
    assert not {key for key in keys(result, Outcome.DONE) if key.startswith("tag:")}


def test_a_line_that_somebody_else_moved_meanwhile_is_moved_on() -> None:
    made = world("a")
    plan = made.plan()
    made.registry.seed_image("main.example/x/a:latest", "theirs")
    result = executed(made, plan)
    assert result.error is None
    written = result.records["tag:main.example/x/a:latest"].write
    assert written is not None
    assert made.registry.tag_of("main.example/x/a:latest") == written.after
    assert result.superseded_by is None


@pytest.mark.parametrize("moved_already", [False, True])
def test_a_line_is_left_to_a_newer_version_that_came_out_meanwhile(moved_already: bool) -> None:
    """Whoever looks last puts the line right: at what the newer version names."""
    made = world("a")
    plan = made.plan()
    newer = made.registry.seed_image("main.example/x/a:2.0.0", "newer")
    if moved_already:
        made.registry.seed_image("main.example/x/a:latest", "newer")
    result = executed(made, plan)
    assert result.error is None
    assert made.registry.tag_of("main.example/x/a:latest") == newer
    assert result.superseded_by == "2.0.0"
    assert (result.records["tag:main.example/x/a:latest"].write is None) is moved_already


def test_a_line_that_never_stays_is_given_up() -> None:
    made = world("a")
    put = made.registry.put

    def fought_over(repository: Repository, tag: Tag, manifest: Manifest) -> None:
        put(repository, tag, manifest)
        if str(tag) == "latest":
            made.registry.seed_image("main.example/x/a:latest", "theirs")

    made.registry.put = fought_over  # type: ignore[method-assign]
    result = executed(made)
    assert result.error is not None
    assert "again and again" in result.error.message


def test_a_tag_that_is_right_already_is_not_written_again() -> None:
    made = world("a")
    plan = made.plan()
    executed(made, plan)
    written = len(made.registry.called("put"))
    assert executed(made, plan).error is None
    assert len(made.registry.called("put")) == written


def test_an_answer_that_got_lost_after_the_deed() -> None:
    made = world("a")
    lost = RegistryError("connection reset", retryable=True)
    made.registry.fail("put", "main.example/x/a:1.4.2", lost, after=True)
    assert executed(made).error is None


def test_a_registry_that_does_not_say_whether_it_wrote() -> None:
    made = world("a")
    lost = RegistryError("connection reset", retryable=True)
    made.registry.fail("put", "main.example/x/a:1.4.2", lost, after=True)
    plan = made.plan()
    real = made.registry.digest
    asked: list[Reference] = []

    def digest(reference: Reference) -> Digest | None:
        asked.append(reference)
        if made.registry.called("put"):
            raise lost
        return real(reference)

    made.registry.digest = digest  # type: ignore[method-assign]
    result = executed(made, plan)
    assert isinstance(result.error, UnknownError)
    assert result.error.code == 6


# -- bugs, and listeners


class Strange(FakeRegistry):
    """A registry whose adapter lets a foreign exception through."""

    def put(self, repository: Repository, tag: Tag, manifest: Manifest) -> None:  # noqa: ARG002
        raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize("method", ["build", "push", "put"])
def test_a_foreign_exception_is_a_bug_and_no_hang(method: str) -> None:
    made = world("a; b: a")
    plan = made.plan()
    if method == "put":
        made.registry.__class__ = Strange
    else:
        where = made.builder if method == "build" else made.engine
        setattr(where, method, lambda *_: 1 // 0)
    result = executed(made, plan)
    assert isinstance(result.error, InternalError)
    assert result.error.code == 70
    assert "ZeroDivisionError" in result.error.message
    assert isinstance(result.error.__cause__, ZeroDivisionError)
    assert set(result.records) == {one.key for one in plan.steps}


def test_missing_doers_are_told() -> None:
    made = world("a")
    plan = made.plan()
    result = execute(plan, Doers(made.registry), Heard(), Limits())
    assert isinstance(result.error, InternalError)
    assert "no builder" in result.error.message


def test_a_listener_that_fails_ends_no_run() -> None:
    class Broken:
        def on(self, event: Event) -> None:
            raise BrokenPipeError(str(event))

    made = world("a; b: a")
    assert executed(made, listener=Broken()).error is None


def test_a_listener_is_never_called_twice_at_once() -> None:
    crowd = Crowd()

    class Slow:
        def on(self, event: Event) -> None:  # noqa: ARG002
            crowd.visit()

    made = world("; ".join(f"i{n}" for n in range(6)))
    made.builder.batch_size = 1
    assert executed(made, listener=Slow()).error is None
    assert crowd.most == 1


def test_every_step_ends_once_and_in_the_plan_s_order() -> None:
    made = world("a; b: a; c", ("main", "other"))
    made.builder.failures = {"b": EngineError("no")}
    plan = made.plan()
    result = executed(made, plan)
    assert list(result.records) == [one.key for one in plan.steps]
    ended = Counter(e.key for e in made.heard.events if isinstance(e, StepFinished))
    assert ended == dict.fromkeys(result.records, 1)


def test_times_are_since_the_beginning() -> None:
    made = world("a; b: a")
    result = executed(made)
    first = result.records["build:a"]
    assert 0 <= first.started < 5
    for record in result.records.values():
        assert record.seconds >= 0
    assert result.records["push:b@main"].started >= first.started


# -- signals


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
@pytest.mark.parametrize("where", ["build", "push", "tag"])
def test_a_signal_ends_the_run_soon(where: str, number: int, code: int) -> None:
    made = world("a; b: a; c")
    plan = made.plan()
    stop = Stop()
    if where == "build":
        made.builder.waiting = {"b"}
    if where == "push":
        made.engine.gate.clear()

    class Signalling(Heard):
        def on(self, event: Event) -> None:
            super().on(event)
            kind = {"build": "build:b", "push": "push:", "tag": "tag:"}[where]
            if isinstance(event, StepProgress | StepStarted) and event.key.startswith(kind):
                stop.set(number)

    listener = Signalling()
    began = time.monotonic()
    result = executed(made, plan, stop=stop, listener=listener)
    assert time.monotonic() - began < 5
    assert isinstance(result.error, InterruptedRunError)
    assert (result.error.code, result.error.signal) == (code, number)
    assert list(result.records) == [one.key for one in plan.steps]
    ended = Counter(e.key for e in listener.events if isinstance(e, StepFinished))
    assert ended == dict.fromkeys(result.records, 1)
    assert not keys(result, Outcome.FAILED)
    done = {key for key in keys(result, Outcome.DONE) if key.startswith("tag:")}
    assert where == "tag" or done == set()
    assert {f"tag:{reference}" for reference in made.public()} == done
    made.builder.waiting, made.engine.gate = set(), threading.Event()
    made.engine.gate.set()
    assert made.release().error is None
    assert not made.plan().changes


def test_a_signal_before_the_first_step_starts_nothing() -> None:
    made = world("a")
    stop = Stop()
    stop.set(15)
    stop.set(2)  # the first one counts
    result = executed(made, stop=stop)
    assert isinstance(result.error, InterruptedRunError)
    assert result.error.code == 143
    assert set(outcomes(result).values()) == {"cancelled"}
    assert made.builder.batches == []


def test_a_signal_after_the_last_step_is_too_late() -> None:
    made = world("a")
    plan = made.plan()
    last = [one.key for one in plan.steps if isinstance(one.step, TagStep)][-1]
    stop = Stop()

    class Late(Heard):
        def on(self, event: Event) -> None:
            if isinstance(event, StepFinished) and event.key == last:
                stop.set(2)

    result = executed(made, plan, stop=stop, listener=Late())
    assert result.error is None
    assert set(outcomes(result).values()) == {"done"}


def test_a_builder_that_was_only_just_called_is_stopped_too() -> None:
    made = world("a")
    made.builder.waiting = {"a"}
    stop = Stop()

    def late(_batch: Sequence[BuildStep]) -> None:
        stop.set(2)
        time.sleep(0.3)  # the first cancel() finds nothing under way

    began = time.monotonic()
    result = executed(made, builder=Stepwise(made.builder, late), stop=stop)
    assert isinstance(result.error, InterruptedRunError)
    assert time.monotonic() - began < 5


def test_a_worker_that_never_comes_back_is_left_behind() -> None:
    made = world("a; b")
    made.builder.batch_size = 1
    stop, release = Stop(), threading.Event()

    def hang(batch: Sequence[BuildStep]) -> None:
        if batch[0].image == "a":
            stop.set(15)
            release.wait()

    began = time.monotonic()
    result = executed(made, builder=Stepwise(made.builder, hang), stop=stop, grace=0.3)
    assert time.monotonic() - began < 5
    assert isinstance(result.error, InterruptedRunError)
    record = result.records["build:a"]
    assert record.outcome is Outcome.CANCELLED
    assert record.seconds > 0
    stuck = [one for one in threading.enumerate() if one.name == "build:a"]
    assert [one.daemon for one in stuck] == [True]
    release.set()


def test_a_failed_run_waits_for_uploads_that_are_under_way() -> None:
    made = world("a; b: a")
    made.builder.batch_size = 1
    made.engine.gate.clear()

    def fail_late(batch: Sequence[BuildStep]) -> None:
        if batch[0].image == "b":
            time.sleep(0.2)
            threading.Timer(0.3, made.engine.gate.set).start()

    made.builder.failures = {"b": EngineError("no")}
    result = executed(made, builder=Stepwise(made.builder, fail_late))
    assert result.error is made.builder.failures["b"]
    assert outcomes(result)["push:a@main"] == "done"
