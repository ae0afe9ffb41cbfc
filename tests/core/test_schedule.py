"""The scheduler, driven by hand: no threads, no clock."""

from __future__ import annotations

import time

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from releaser.core.schedule import Node, Schedule, State


def schedule(text: str, jobs: int = 9) -> Schedule:
    """A schedule for ``a; b: a; c: a b`` in one pool."""
    nodes = []
    for part in text.split(";"):
        key, _, needs = part.strip().partition(":")
        nodes.append(Node(key, tuple(needs.split()), "build"))
    return Schedule(nodes, {"build": jobs})


def test_what_needs_nothing_is_ready() -> None:
    made = schedule("a; b: a; c")
    assert set(made.ready("build")) == {"a", "c"}


def test_the_longest_chain_comes_first_then_the_order_of_the_plan() -> None:
    made = schedule("x; y; a; b: a; c: b")
    assert made.ready("build") == ("a", "x", "y")


def test_a_pool_is_never_overfull() -> None:
    made = schedule("a; b; c", jobs=2)
    assert len(made.ready("build")) == 2
    made.start("a")
    assert made.ready("build") == ("b",)
    made.start("b")
    assert made.ready("build") == ()


def test_a_batch_holds_what_its_members_lead_to() -> None:
    made = schedule("a; b: a; c: b; d: a c; e")
    assert made.batch("build", 9) == ("a", "b", "c", "d", "e")
    assert made.batch("build", 2) == ("a", "b")


def test_a_batch_needs_every_upstream_done_or_in_it() -> None:
    made = schedule("a; b; c: a b", jobs=9)
    made.start("b")
    assert made.batch("build", 9) == ("a",)
    made.finish("b", ok=True)
    assert made.batch("build", 9) == ("a", "c")


def test_a_failure_blocks_exactly_what_needs_it() -> None:
    made = schedule("a; b: a; c: b; d")
    made.start("a")
    assert made.finish("a", ok=False) == ("b", "c")
    assert made.blocker("c") == "a"
    assert made.blocker("d") is None
    assert made.ready("build") == ("d",)


def test_a_member_of_a_batch_is_blocked_when_its_upstream_failed() -> None:
    made = schedule("a; b: a; c: b; d: c; e")
    for key in ("a", "b", "c", "e"):
        made.start(key)
    assert made.finish("a", ok=False) == ()
    assert made.requeue("b") == ("b",)
    assert made.requeue("c") == ("c", "d")
    assert {made.blocker(key) for key in "bcd"} == {"a"}
    assert made.requeue("e") == ()
    assert made.ready("build") == ("e",)


def test_a_stage_waits_for_the_stages_below() -> None:
    nodes = [Node("t", (), "r", 2), Node("a", (), "build"), Node("s", (), "r", 1)]
    made = Schedule(nodes, {"r": 4, "build": 4})
    assert made.ready("r") == ()
    made.start("a")
    made.finish("a", ok=True)
    assert made.ready("r") == ("s",)
    made.start("s")
    assert made.finish("s", ok=False) == ("t",)
    assert made.finished


def test_a_need_that_is_no_step_counts_as_done() -> None:
    assert Schedule([Node("a", ("nowhere",))], {}).ready("") == ("a",)


@pytest.mark.parametrize("size", [1, 50])
def test_ten_thousand_steps(size: int) -> None:
    nodes = [Node(f"n{n}", (f"n{n // 3 - 1}",) if n > 2 else (), "build") for n in range(10_000)]
    began = time.process_time()
    made = Schedule(nodes, {"build": size})
    count = 0
    while batch := made.batch("build", size):
        for key in batch:
            made.start(key)
        for key in batch:
            made.finish(key, ok=True)
        count += len(batch)
    assert (made.finished, count) == (True, 10_000)
    assert time.process_time() - began < 20


POOLS = {"build": 3, "one": 1, "two": 2}


class Runs(RuleBasedStateMachine):
    """Any order of starts, ends, failures and cancellations keeps the promises."""

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(1, 12))
        nodes: list[Node] = []
        for n in range(count):
            stage = data.draw(st.integers(0, 2))
            below = [node.key for node in nodes if node.stage <= stage]
            some = (
                st.lists(st.sampled_from(below), unique=True, max_size=3) if below else st.just([])
            )
            needs = data.draw(some)
            pool = data.draw(st.sampled_from(sorted(POOLS)))
            nodes.append(Node(f"n{n}", tuple(needs), pool, stage))
        self.nodes = {node.key: node for node in nodes}
        self.schedule = Schedule(data.draw(st.permutations(nodes)), POOLS)
        self.running: set[str] = set()
        self.ended: dict[str, str] = {}

    def needs(self, key: str) -> set[str]:
        return set(self.nodes[key].needs)

    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        pool = data.draw(st.sampled_from(sorted(POOLS)))
        size = data.draw(st.integers(1, 4))
        batch = self.schedule.batch(pool, size)
        assert len(batch) <= size
        done = {key for key, end in self.ended.items() if end == "done"}
        for at, key in enumerate(batch):
            assert self.needs(key) <= done | set(batch[:at])
            below = [k for k, n in self.nodes.items() if n.stage < self.nodes[key].stage]
            assert set(below) <= done
            self.schedule.start(key)
            self.running.add(key)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), end=st.sampled_from(["done", "done", "done", "failed", "again"]))
    def end(self, data: st.DataObject, end: str) -> None:
        done = {key for key, how in self.ended.items() if how == "done"}
        # A builder says of a batch's upstream first what became of it; a success needs its needs.
        able = [k for k in sorted(self.running) if not self.needs(k) & self.running]
        key = data.draw(st.sampled_from(able))
        self.running.discard(key)
        if end == "again" or not self.needs(key) <= done:
            blocked = self.schedule.requeue(key)
        else:
            blocked = self.schedule.finish(key, ok=end == "done")
            self.ended[key] = end
        for one in blocked:
            assert one not in self.ended
            assert one not in self.running
            self.ended[one] = "blocked"

    @invariant()
    def pools_hold(self) -> None:
        for pool, size in POOLS.items():
            inside = [key for key in self.running if self.nodes[key].pool == pool]
            assert len(inside) <= size
            assert self.schedule.free(pool) == size - len(inside)

    @invariant()
    def states_agree(self) -> None:
        names = {"done": State.DONE, "failed": State.FAILED, "blocked": State.BLOCKED}
        for key in self.nodes:
            expected = State.RUNNING if key in self.running else State.WAITING
            assert self.schedule.state(key) is names.get(self.ended.get(key, ""), expected)

    @invariant()
    def the_end_is_the_end(self) -> None:
        if self.schedule.finished:
            assert set(self.ended) == set(self.nodes)
            failed = {key for key, how in self.ended.items() if how == "failed"}
            assert failed or "blocked" not in self.ended.values()


Runs.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestRuns = Runs.TestCase
