"""Releases, backports, deaths, strangers, rollbacks, promotions and pruning, in any order.

The whole product runs on fakes. After each step the registries are held against a few lines that
say the same a second time: where each line of versions belongs, and that versions never change.
What somebody else has disturbed, or a run that ended half-way, may be wrong until a run that is
about it has ended well; nothing else may.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from releaser.core.events import RunResult
from releaser.core.promoted import Destinations
from releaser.core.spec import PruneSpec
from releaser.core.version import Version
from releaser.core.wish import GoBack, Restore, Wish, Withdraw
from releaser.core.withdrawal import Withdrawals, withdrawal_reference
from releaser.errors import PlanError, RegistryError
from releaser.executor import Limits
from releaser.pipeline import (
    Promoting,
    PruneRequest,
    RollingBack,
    plan_promotion,
    plan_pruning,
    plan_rollback,
    promote,
    prune,
    rollback,
)
from tests.fakes.registry import image
from tests.ledger import FILES, IMAGES, SPEC, Dying, GoneError, Ledger, lines_of, repository
from tests.world import World, released_at

FULL = RegistryError("the registry is full", status=507)
ONE_BY_ONE = Limits(transfers={"main": 1, "prod": 1})

some = st.integers(0, 30)
"""Which of several: counted round."""


class Publishing(Ledger, RuleBasedStateMachine):
    """The steps."""

    # -- releases

    def checkout(self, version: Version) -> None:
        self.started.add(version)
        self.world.source = released_at(str(version))
        for name in IMAGES:
            self.world.files[f"/project/{name}/f"] = f"{name} {version}"

    def release(self, version: Version) -> None:
        """Release well: nothing is left to do, and the report is right."""
        self.checkout(version)
        prepared = self.world.prepare()
        result = self.world.run(prepared)
        assert result.error is None, result.error
        self.is_reported(prepared.plan, result)
        self.settled("main", [version])
        assert self.world.plan().steps == ()

    @rule(bump=st.sampled_from(["major", "minor", "patch"]))
    def release_the_next(self, bump: str) -> None:
        self.release(self.next_of(bump))

    @precondition(lambda self: self.started)
    @rule(which=some)
    def backport(self, which: int) -> None:
        self.release(self.older(which))

    @rule(number=st.integers(1, 3))
    def prerelease(self, number: int) -> None:
        last = max(self.started, default=Version(1, 0, 0))
        self.release(Version(last.major, last.minor + 1, 0, f"rc.{number}"))

    @precondition(lambda self: self.started)
    @rule(which=some)
    def release_again(self, which: int) -> None:
        self.release(sorted(self.started)[which % len(self.started)])

    @rule(bump=st.sampled_from(["minor", "patch"]), calls=st.integers(1, 60), again=st.booleans())
    def release_and_die(self, bump: str, calls: int, again: bool) -> None:
        version = self.next_of(bump)
        self.checkout(version)
        self.disturb(version)
        prepared = self.world.prepare()
        self.world.registry = Dying(self.registry, calls, None)  # type: ignore[assignment]
        try:
            self.world.run(prepared, ONE_BY_ONE)
        except GoneError:
            pass
        finally:
            self.world.registry = self.registry
        if again:
            self.release(version)

    @rule(tag=st.integers(0, 3), name=st.sampled_from(IMAGES), times=st.sampled_from([1, None]),
          after=st.booleans())  # fmt: skip
    def release_and_fail(self, tag: int, name: str, times: int | None, after: bool) -> None:
        version = self.next_of("patch")
        self.checkout(version)
        self.disturb(version)
        prepared = self.world.prepare()
        reference = f"{repository('main', name)}:{(str(version), *lines_of(version))[tag]}"
        self.registry.fail("put", reference, FULL, times=times, after=after)
        result = self.world.run(prepared)
        self.registry.heal()
        self.is_reported(prepared.plan, result)
        if result.error is None:
            self.settled("main", [version])

    @precondition(lambda self: self.started)
    @rule(bump=st.sampled_from(["major", "minor", "patch"]), which=some, calls=st.integers(1, 40),
          turn=st.booleans())  # fmt: skip
    def release_two_at_once(self, bump: str, which: int, calls: int, turn: bool) -> None:
        """The one runs as a whole between two calls of the other, both planned before."""
        versions = [self.next_of(bump), self.older(which)][:: -1 if turn else 1]
        if versions[0] == versions[1]:
            return
        plans = []
        for version in versions:
            self.checkout(version)
            plans.append(self.world.prepare())
        inner: list[RunResult] = []

        def between() -> None:
            inner.append(World.run(self.other(), plans[1]))
            assert inner[0].error is None, inner[0].error
            self.is_reported(plans[1].plan, inner[0], alone=False)

        self.world.registry = Dying(self.registry, calls, between)  # type: ignore[assignment]
        result = self.world.run(plans[0], ONE_BY_ONE)
        self.world.registry = self.registry
        assert result.error is None, result.error
        if not inner:
            between()
        self.is_reported(plans[0].plan, result, alone=False)
        self.settled("main", versions)

    def other(self) -> World:
        """The same world seen by another process."""
        twin = World(SPEC, FILES, self.world.source)
        twin.__dict__.update(self.world.__dict__, registry=self.registry)
        return twin

    # -- somebody else

    @precondition(lambda self: self.started)
    @rule(registry=st.sampled_from(["main", "main", "prod"]), name=st.sampled_from(IMAGES),
          which=some, to=some)  # fmt: skip
    def move_a_line(self, registry: str, name: str, which: int, to: int) -> None:
        tags = self.tags(registry, name)
        lines = sorted(tag for tag in tags if tag.count(".") < 2)
        if lines:
            reference = f"{repository(registry, name)}:{lines[which % len(lines)]}"
            content = image(f"foreign {to}")
            self.foreign.add(self.registry.seed(reference, content))
            self.disturbed.add(reference)

    @precondition(lambda self: self.started)
    @rule(name=st.sampled_from(IMAGES), which=some)
    def delete_a_tag(self, name: str, which: int) -> None:
        tags = sorted(self.tags("main", name))
        if tags:
            tag = tags[which % len(tags)]
            del self.registry.repositories[repository("main", name)].tags[tag]
            version = Version.find(tag)
            for line in lines_of(version) if version else (tag,):
                self.disturbed.add(f"{repository('main', name)}:{line}")

    # -- what comes after a release

    @precondition(lambda self: self.everywhere("main"))
    @rule(registry=st.sampled_from(["main", "main", "prod"]), which=some,
          kind=st.sampled_from([GoBack, Withdraw, Restore]))  # fmt: skip
    def roll_back(self, registry: str, which: int, kind: type) -> None:
        out = self.everywhere(registry) if kind is GoBack else sorted(self.anywhere(registry))
        there = [one for one in out if not one.prerelease]
        if not there:
            return
        version = there[which % len(there)]
        wish: Wish = kind(version) if kind is GoBack else kind((version,))
        request = RollingBack(wish, registries=(registry,))
        plan = plan_rollback(self.world.project, self.world.adapters, request)
        result = rollback(plan, self.world.adapters, self.world.heard, Limits())
        assert result.error is None, result.error
        for name in IMAGES:
            gone = self.withdrawn.setdefault((registry, name), set())
            about = self.follow(gone, wish, version, self.anywhere(registry))
            self.settled(registry, about, own=False)
        again = plan_rollback(self.world.project, self.world.adapters, request)
        assert not again.changes

    @precondition(lambda self: self.everywhere("main"))
    @rule(which=some)
    def promote_to_prod(self, which: int) -> None:
        there = self.everywhere("main")
        version = there[which % len(there)]
        request = Promoting(str(version), Destinations(("prod",), ()), source="main")
        if any(version in self.withdrawn.get(("main", name), ()) for name in IMAGES):
            before = self.registry.named()
            with pytest.raises(PlanError, match="was rolled back in main"):
                plan_promotion(self.world.project, self.world.adapters, request)
            assert self.registry.named() == before
            return
        plan = plan_promotion(self.world.project, self.world.adapters, request)
        result = promote(plan, self.world.adapters, self.world.heard, Limits())
        assert result.error is None, result.error
        self.settled("prod", [version])
        for name in IMAGES:
            full = self.tags("prod", name)[str(version)]
            assert full == self.tags("main", name)[str(version)]
        assert not plan_promotion(self.world.project, self.world.adapters, request).changes

    @precondition(lambda self: self.started)
    @rule(kept=st.integers(0, 2))
    def prune_main(self, kept: int) -> None:
        before = {name: self.tags("main", name) for name in IMAGES}
        request = PruneRequest((), ("main",), PruneSpec(keep_last=kept))
        plan = plan_pruning(self.world.project, self.world.adapters, request)
        result = prune(plan, self.world.adapters, self.world.heard, Limits())
        assert result.error is None, result.error
        for name in IMAGES:
            gone = before[name].keys() - self.tags("main", name).keys()
            assert all("-rc." in tag for tag in gone), gone

    # -- what is always true

    @precondition(lambda self: self.started)
    @rule(registry=st.sampled_from(["main", "prod"]), which=some)
    def verify_one(self, registry: str, which: int) -> None:
        self.is_verified(registry, sorted(self.started)[which % len(self.started)])

    @invariant()
    def versions_never_change(self) -> None:
        for registry in ("main", "prod"):
            for name in IMAGES:
                for tag, digest in self.tags(registry, name).items():
                    if tag.count(".") >= 2:
                        place = f"{repository(registry, name)}:{tag}"
                        assert self.first.setdefault(place, digest) == digest, place

    @invariant()
    def lines_are_where_they_belong(self) -> None:
        for registry in ("main", "prod"):
            for name in IMAGES:
                wrong = self.wrong(registry, name) - self.disturbed
                assert wrong == set(), self.told(registry, name)
                kept = self.registry.read_record(
                    withdrawal_reference(repository(registry, name), name)
                )
                said = Withdrawals.unpack(kept).versions if kept else frozenset()
                assert said == self.withdrawn.get((registry, name), set())


def test_whatever_happens() -> None:
    few = settings(max_examples=10, stateful_step_count=12)
    run_state_machine_as_test(Publishing, settings=few)


@pytest.mark.slow
def test_whatever_happens_at_length() -> None:
    many = settings(max_examples=150, stateful_step_count=30)
    run_state_machine_as_test(Publishing, settings=many)
