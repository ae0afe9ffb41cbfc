"""``releaser rollback`` in memory: lines go back, stay there, and move on with the next version."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from releaser.core.events import RunResult
from releaser.core.facts import SourceFacts
from releaser.core.oci import Repository
from releaser.core.past_run import PastRun
from releaser.core.plan import TagAction
from releaser.core.rollback import Rollback
from releaser.core.version import Version
from releaser.core.wish import GoBack, Restore, Undo, Wish, Withdraw
from releaser.core.withdrawal import Withdrawal, Withdrawals, withdrawal_reference
from releaser.errors import PlanError, RegistryError, SpecError, UnknownError
from releaser.executor import Limits
from releaser.pipeline import (
    Check,
    Request,
    RollingBack,
    plan_rollback,
    rollback,
    tags_at,
    verify,
)
from releaser.reports.carried import Carried
from releaser.reports.rollback import rollback_json, rollback_text
from releaser.reports.run import Run, as_json
from tests.fakes.registry import image
from tests.test_promoting import numbered
from tests.world import World, released_at

GOLDEN = Path(__file__).parent / "golden" / "publishing"
SPEC = """\
version: 1
project: shop
registries: {main: main.example/shop}
defaults: {tags: ["{{version}}", "{{major}}.{{minor}}", "{{major}}", latest, "{{branch}}"]}
images:
  api: {context: api}
"""
FILES = {"api/Dockerfile": "FROM busybox:latest\nCOPY f /\n", "api/f": "api"}
API = "main.example/shop/api"
REPOSITORY = Repository.parse(API)
KEPT = withdrawal_reference(REPOSITORY, "api")


@pytest.fixture
def world() -> World:
    """Versions 1.3.0, 1.4.1, 1.4.2 and 1.5.0 are released, in that order."""
    made = World(SPEC, FILES)
    for version in ("1.3.0", "1.4.1", "1.4.2", "1.5.0"):
        release(made, version)
    return made


def at(version: str) -> SourceFacts:
    return released_at(version)


def release(world: World, version: str) -> dict[str, Any]:
    """Release a version with content of its own; the report."""
    world.files["/project/api/f"] = version
    world.source = at(version)
    prepared = world.prepare()
    result = world.run(prepared)
    assert result.error is None
    return as_json(Run("release", True, prepared.plan, result))


def planned(world: World, wish: Wish, reason: str = "") -> Rollback:
    return plan_rollback(world.project, world.adapters, RollingBack(wish, reason=reason))


def done(world: World, plan: Rollback) -> RunResult:
    return rollback(plan, world.adapters, world.heard, Limits())


def rolled_back(world: World, wish: Wish, reason: str = "") -> None:
    assert done(world, planned(world, wish, reason)).error is None


def named(world: World) -> dict[str, str]:
    """Each line's tag with the version that it is at."""
    tags = world.registry.repositories[REPOSITORY].tags
    full = {digest: tag for tag, digest in tags.items() if tag.count(".") == 2}
    lines = [tag for tag in tags if tag in {"latest", "1", "1.3", "1.4", "1.5", "main"}]
    return {tag: full.get(tags[tag], "?") for tag in sorted(lines)}


def withdrawn(world: World) -> list[str]:
    data = world.registry.read_record(KEPT)
    return [str(one.version) for one in Withdrawals.unpack(data).entries] if data else []


def version(text: str) -> Version:
    return Version.parse(text)


BEFORE = {"1": "1.5.0", "1.3": "1.3.0", "1.4": "1.4.2", "1.5": "1.5.0", "latest": "1.5.0",
          "main": "1.5.0"}  # fmt: skip


def test_going_back_withdraws_everything_above(world: World) -> None:
    assert named(world) == BEFORE
    plan = planned(world, GoBack(version("1.4.1")))
    [found] = plan.images
    assert [str(one) for one in found.withdrawn] == ["1.4.2", "1.5.0"]
    assert named(world) == BEFORE  # a plan changes nothing
    assert done(world, plan).error is None
    back = {"1": "1.4.1", "1.4": "1.4.1", "latest": "1.4.1"}
    assert named(world) == {**BEFORE, **back}  # nothing else is left that 1.5 could be at
    assert withdrawn(world) == ["1.4.2", "1.5.0"]
    again = planned(world, GoBack(version("1.4.1")))
    assert (again.changes, again.steps()) == (False, ())


def test_full_versions_stay(world: World) -> None:
    before = dict(world.registry.repositories[REPOSITORY].tags)
    rolled_back(world, GoBack(version("1.3.0")))
    after = world.registry.repositories[REPOSITORY].tags
    for tag in ("1.3.0", "1.4.1", "1.4.2", "1.5.0"):
        assert after[tag] == before[tag]


def test_taking_out_one_version(world: World) -> None:
    rolled_back(world, Withdraw((version("1.4.2"),)))
    assert named(world) == {**BEFORE, "1.4": "1.4.1"}
    assert withdrawn(world) == ["1.4.2"]
    rolled_back(world, Withdraw((version("1.5.0"),)))
    assert named(world) == {**BEFORE, "1.4": "1.4.1", "1": "1.4.1", "latest": "1.4.1"}


def test_restoring(world: World) -> None:
    rolled_back(world, GoBack(version("1.3.0")))
    rolled_back(world, Restore((version("1.4.2"),)))
    assert named(world)["latest"] == named(world)["1.4"] == "1.4.2"
    assert withdrawn(world) == ["1.4.1", "1.5.0"]
    rolled_back(world, Restore((version("1.5.0"), version("1.4.1"))))
    assert named(world) == BEFORE
    assert withdrawn(world) == []


def test_going_back_to_what_was_withdrawn_takes_it_in_again(world: World) -> None:
    rolled_back(world, GoBack(version("1.3.0")))
    rolled_back(world, GoBack(version("1.4.1")))
    assert withdrawn(world) == ["1.4.2", "1.5.0"]
    assert named(world)["latest"] == "1.4.1"


# -- what releases make of it


def test_a_run_again_leaves_the_tags_alone(world: World) -> None:
    rolled_back(world, GoBack(version("1.4.2")))
    back = named(world)
    assert back["latest"] == "1.4.2"
    world.source = at("1.5.0")
    plan = world.plan()
    reasons = {str(one.reference.tag): one.reason for one in plan.images[0].references}
    assert reasons["latest"] == reasons["1"] == "1.5.0 was rolled back"
    assert not plan.refused
    assert world.release().error is None
    assert named(world) == back


def test_the_next_version_moves_the_tags(world: World) -> None:
    rolled_back(world, GoBack(version("1.4.2")))
    release(world, "1.5.1")
    assert named(world) == {**BEFORE, **dict.fromkeys(("1", "1.5", "latest", "main"), "1.5.1")}


def test_a_next_version_below_the_one_that_was_rolled_back(world: World) -> None:
    rolled_back(world, GoBack(version("1.4.2")))
    release(world, "1.4.3")
    assert named(world)["latest"] == named(world)["1"] == named(world)["1.4"] == "1.4.3"


def test_git_tags_of_withdrawn_versions_hold_nothing_back(world: World) -> None:
    rolled_back(world, GoBack(version("1.4.2")))
    world.files["/project/api/f"] = "1.4.3"
    world.source = replace(at("1.4.3"), all_tags=("v1.4.3", "v1.5.0"))
    assert world.release().error is None
    assert named(world)["latest"] == "1.4.3"


def test_one_more_read_only_where_there_is_a_list(world: World) -> None:
    world.source = at("1.6.0")
    world.registry.calls.clear()
    world.plan()
    assert str(KEPT) not in world.registry.called("read_record")
    rolled_back(world, GoBack(version("1.4.2")))
    world.registry.calls.clear()
    world.plan()
    assert world.registry.called("read_record").count(str(KEPT)) == 1


def test_a_list_that_cannot_be_read_stops_a_plan(world: World) -> None:
    world.registry.write_record(KEPT, b"garbage")
    world.source = at("1.6.0")
    with pytest.raises(UnknownError, match="which versions were rolled back cannot be read"):
        world.plan()
    with pytest.raises(UnknownError):
        planned(world, GoBack(version("1.4.1")))


def test_the_tags_command_says_so(world: World) -> None:
    rolled_back(world, GoBack(version("1.4.2")))
    world.source = at("1.5.0")
    [found] = tags_at(world.project, world.adapters, Request()).images
    said = {str(tag): str(one["main"]) for tag, one in found.stays.items()}
    assert said == dict.fromkeys(("1.5", "1", "latest"), "1.5.0 was rolled back")


def test_floating_tags_that_are_no_lines_are_listed(world: World) -> None:
    world.spec = SPEC.replace('"{{branch}}"]', "latest-b, other]")
    release(world, "1.6.0")
    world.registry.seed(f"{API}:other", image("theirs"))
    [found] = planned(world, GoBack(version("1.5.0"))).images
    lines = {"1.6", *named(world)}
    [told] = [one for one in found.moves if str(one.plan.reference.tag) not in lines]
    assert (str(told.plan.reference), told.plan.action) == (f"{API}:latest-b", TagAction.KEEP)
    assert told.plan.reason == "1.6.0 is there, and it is no line: promote a version to it"
    rolled_back(world, GoBack(version("1.5.0")))
    tags = world.registry.repositories[REPOSITORY].tags
    assert tags["latest-b"] == tags["1.6.0"] != tags["latest"]
    # what the lines are at is the same content now: nothing is wrong with the tag
    world.source = at("1.5.1")
    assert world.release().error is None
    moves = planned(world, Withdraw((version("1.6.0"),))).images[0].moves
    assert "latest-b" not in {str(one.plan.reference.tag) for one in moves}


def test_verification_agrees(world: World) -> None:
    for wish in (GoBack(version("1.4.1")), Restore((version("1.4.2"),))):
        rolled_back(world, wish)
        for one in ("1.3.0", "1.4.1", "1.4.2", "1.5.0"):
            found = verify(world.project, world.adapters, Check(version=one))
            assert found.differences == ()


# -- by a report


def undo(report: dict[str, Any]) -> Undo:
    return Undo(PastRun.parse(json.dumps(report).encode(), "r.json").images)


def test_a_run_is_undone(world: World) -> None:
    report = release(world, "1.6.0")
    assert named(world)["main"] == "1.6.0"
    plan = planned(world, undo(report))
    assert done(world, plan).error is None
    assert {tag: at for tag, at in named(world).items() if tag != "1.6"} == BEFORE
    assert withdrawn(world) == ["1.6.0"]
    world.source = at("1.6.0")
    assert world.release().error is None
    assert named(world)["latest"] == "1.5.0"


def test_what_has_moved_since_is_left_alone(world: World) -> None:
    report = release(world, "1.6.0")
    release(world, "1.6.1")
    plan = planned(world, undo(report))
    [found] = plan.images
    reasons = {str(one.plan.reference.tag): one.plan.reason for one in found.moves}
    assert reasons == {**dict.fromkeys(("1.6", "1", "latest"), ""), "main": "it has moved since"}
    rolled_back(world, undo(report))
    assert named(world)["latest"] == "1.6.1"


def test_what_was_before_is_gone(world: World) -> None:
    report = release(world, "1.6.0")
    before = {one["reference"]: one["before"] for one in report["images"][0]["references"]}
    held = world.registry.repositories[REPOSITORY]
    gone = next(one for one in held.manifests if str(one) == before[f"{API}:latest"])
    for tag in [tag for tag, digest in held.tags.items() if digest == gone]:
        del held.tags[tag]
    del held.manifests[gone]
    plan = planned(world, undo(report))
    with pytest.raises(PlanError, match="cannot go back: what it was is gone"):
        done(world, plan)
    assert named(world)["latest"] == "1.6.0"


def test_a_report_of_other_images(world: World) -> None:
    report = release(world, "1.6.0")
    report["images"][0]["name"] = "other"
    with pytest.raises(SpecError, match="about none of these images"):
        planned(world, undo(report))


def test_lines_do_not_go_back_to_what_was_withdrawn(world: World) -> None:
    release(world, "1.6.0")
    report = release(world, "1.6.1")
    rolled_back(world, Withdraw((version("1.6.0"),)))
    rolled_back(world, undo(report))
    assert named(world)["latest"] == named(world)["1"] == "1.5.0"
    assert verify(world.project, world.adapters, Check(version="1.6.1")).differences == ()


def test_lines_do_not_go_back_past_a_version_that_stays(world: World) -> None:
    report = release(world, "1.6.0")
    world.source = at("1.6.1")
    assert world.release().error is None  # the same content
    rolled_back(world, undo(report))
    assert withdrawn(world) == ["1.6.0"]
    tags = world.registry.repositories[REPOSITORY].tags
    assert tags["latest"] == tags["1.6"] == tags["1.6.1"]


def test_a_run_that_did_nothing_has_nothing_to_undo(world: World) -> None:
    before = dict(world.registry.repositories[REPOSITORY].tags)
    report = release(world, "1.5.0")
    with pytest.raises(PlanError, match="there is nothing to undo") as caught:
        planned(world, undo(report))
    assert (caught.value.hint or "").startswith("releaser rollback --withdraw 1.5.0 ")
    assert world.registry.repositories[REPOSITORY].tags == before


def test_a_run_that_moved_a_branch_alone_is_undone_by_that(world: World) -> None:
    world.files["/project/api/f"] = "next"
    world.source = SourceFacts(commit="c" * 40, branch="main")
    prepared = world.prepare()
    report = as_json(Run("release", True, prepared.plan, world.run(prepared)))
    assert named(world) == {**BEFORE, "main": "?"}
    [found] = planned(world, undo(report)).images
    reasons = {str(one.plan.reference.tag): one.plan.reason for one in found.moves}
    assert reasons["main"] == "until the next run that gives this tag"
    rolled_back(world, undo(report))
    assert (named(world), withdrawn(world)) == (BEFORE, [])


def test_what_a_report_says_of_a_version_that_is_gone_counts_for_nothing(world: World) -> None:
    report = release(world, "1.6.0")
    for tag in ("1.6.0", "1.6", "1", "latest"):
        del world.registry.repositories[REPOSITORY].tags[tag]
    rolled_back(world, undo(report))
    assert withdrawn(world) == []
    assert named(world)["main"] == "1.5.0"


# -- what must not happen


@pytest.mark.parametrize("wish", [GoBack(version("9.0.0")), Withdraw((version("9.0.0"),)),
                                  Restore((version("9.0.0"),))])  # fmt: skip
def test_a_version_that_is_not_there(world: World, wish: Wish) -> None:
    with pytest.raises(PlanError, match=r"9\.0\.0 of image \"api\" is not in main") as caught:
        planned(world, wish)
    assert caught.value.details == (("there", "1.3.0, 1.4.1, 1.4.2, 1.5.0"),)


def test_a_registry_that_fails_half_way(world: World) -> None:
    plan = planned(world, GoBack(version("1.4.1")))
    world.registry.fail("put", f"{API}:1.4", RegistryError("no"), times=None)
    result = done(world, plan)
    assert result.error is not None
    # what is withdrawn is kept first, so that no release moves tags forward meanwhile
    assert withdrawn(world) == ["1.4.2", "1.5.0"]
    world.registry.heal()
    rolled_back(world, GoBack(version("1.4.1")))
    assert named(world)["latest"] == "1.4.1"


def test_two_rollbacks_at_once(world: World) -> None:
    first, second = (planned(world, Withdraw((version(one),))) for one in ("1.4.2", "1.5.0"))
    assert done(world, first).error is None
    result = done(world, second)
    assert result.error is not None
    assert "was changed by another rollback meanwhile" in result.error.message
    assert withdrawn(world) == ["1.4.2"]


def test_a_line_that_moves_meanwhile_is_settled_all_the_same(world: World) -> None:
    plan = planned(world, GoBack(version("1.4.1")))
    world.registry.seed(f"{API}:latest", image("theirs"))
    assert done(world, plan).error is None
    assert named(world)["latest"] == "1.4.1"


def test_a_release_that_comes_meanwhile_has_the_lines(world: World) -> None:
    plan = planned(world, GoBack(version("1.4.1")))
    release(world, "1.6.0")
    result = done(world, plan)
    assert result.error is None
    assert named(world)["latest"] == "1.6.0"
    assert named(world)["1.4"] == "1.4.1"
    newer = {key: one.superseded_by for key, one in result.records.items()}
    assert newer[f"tag:{API}:latest"] == "1.6.0"


def test_a_rollback_that_comes_while_a_release_writes_keeps_the_lines(world: World) -> None:
    world.files["/project/api/f"] = "1.6.0"
    world.source = at("1.6.0")
    prepared = world.prepare()
    assert {str(one.reference.tag) for one in prepared.plan.images[0].references} >= {"latest"}
    kept = Withdrawals("api").adding([Withdrawal(version("1.6.0"))])
    world.registry.write_record(KEPT, kept.pack())
    result = world.run(prepared)
    assert result.error is None
    assert named(world) == {**BEFORE, "main": "1.6.0"}
    assert result.records[f"tag:{API}:latest"].superseded_by == "1.5.0"


def test_a_tag_that_moves_meanwhile_is_not_undone(world: World) -> None:
    plan = planned(world, undo(release(world, "1.6.0")))
    world.registry.seed(f"{API}:main", image("theirs"))
    result = done(world, plan)
    assert result.error is not None
    assert "moved by another release meanwhile" in str(result.error)
    assert named(world)["main"] == "?"


def test_a_line_without_any_version_left_is_no_difference(world: World) -> None:
    for one in ("1.5.1", "1.5.2"):
        release(world, one)
    for one in ("1.5.2", "1.5.1", "1.5.0"):
        rolled_back(world, Withdraw((version(one),)))
    assert verify(world.project, world.adapters, Check(version="1.5.2")).differences == ()


def test_the_reason_and_the_time_are_kept(world: World) -> None:
    rolled_back(world, GoBack(version("1.4.2")), reason="it leaks")
    data = world.registry.read_record(KEPT)
    assert data is not None
    [one] = Withdrawals.unpack(data).entries
    assert (str(one.version), one.at, one.reason) == ("1.5.0", "2026-01-31T12:00:00Z", "it leaks")


def test_reports(world: World, golden: Callable[[Path, str], None]) -> None:
    report = release(world, "1.6.0")
    cases = {
        "rollback": planned(world, GoBack(version("1.4.1")), reason="it leaks"),
        "rollback-report": planned(world, undo(report)),
        "rollback-nothing": planned(world, Restore((version("1.6.0"),))),
    }
    for name, plan in cases.items():
        golden(GOLDEN / f"{name}.txt", numbered(rollback_text(plan)))
    plan = cases["rollback"]
    carried = Carried("rollback", "rolled-back", result=done(world, plan), seconds=0.25)
    text = json.dumps(rollback_json(plan, carried), indent=2) + "\n"
    golden(GOLDEN / "rollback.json", numbered(text))
    restore = planned(world, Restore((version("1.5.0"),)))
    golden(GOLDEN / "rollback-restore.txt", numbered(rollback_text(restore)))
    assert {one.plan.action for one in restore.images[0].moves} == {
        TagAction.KEEP, TagAction.MOVE,
    }  # fmt: skip
