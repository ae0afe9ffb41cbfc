"""``releaser rollback`` of several images, in several registries: all of a version, or none."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from releaser.core.facts import SourceFacts
from releaser.core.oci import Repository
from releaser.core.past_run import PastRun
from releaser.core.rollback import Rollback
from releaser.core.version import Version
from releaser.core.wish import GoBack, Restore, Undo, Wish, Withdraw
from releaser.core.withdrawal import Withdrawals, withdrawal_reference
from releaser.errors import PlanError
from releaser.executor import Limits
from releaser.pipeline import Check, RollingBack, plan_rollback, rollback, verify
from releaser.reports.run import Run, as_json
from tests.ledger import Dying, GoneError
from tests.world import World, released_at

SPEC = """\
version: 1
project: shop
registries: {main: main.example/shop, other: other.example/shop}
defaults: {tags: ["{{version}}", "{{major}}.{{minor}}", latest]}
images: {a: {context: a}, b: {context: b}}
"""
OWN = SPEC.replace("defaults:", 'versioning: {tag: "{{image}}/v{{version}}"}\ndefaults:')
DOCKERFILE = "FROM busybox:latest\nCOPY f /\n"
FILES = {"a/Dockerfile": DOCKERFILE, "b/Dockerfile": DOCKERFILE, "a/f": "a", "b/f": "b"}
PLACES = [f"{registry}.example/shop/{name}" for registry in ("main", "other") for name in "ab"]


def version(text: str) -> Version:
    return Version.parse(text)


def checkout(world: World, source: SourceFacts, content: str, *images: str) -> None:
    for name in images:
        world.files[f"/project/{name}/f"] = content
    world.source = source


def release(world: World, *images: str) -> dict[str, Any]:
    """Release what is checked out; the report."""
    prepared = world.prepare(*images)
    result = world.run(prepared)
    assert result.error is None
    return as_json(Run("release", True, prepared.plan, result))


def cut_short(world: World, text: str, *missing: str) -> None:
    """A release that was killed before some of its full versions were written."""
    checkout(world, released_at(text), text, "a", "b")
    release(world)
    for place in PLACES:
        tags = world.registry.repositories[Repository.parse(place)].tags
        for line in ("latest", "1.0"):  # they come after all full versions
            tags[line] = tags["1.0.0"]
        if place in missing:
            del tags[text]


@pytest.fixture
def world() -> World:
    """Version 1.0.0 is released."""
    made = World(SPEC, FILES)
    checkout(made, released_at("1.0.0"), "1.0.0", "a", "b")
    release(made)
    return made


def planned(world: World, wish: Wish, *images: str) -> Rollback:
    return plan_rollback(world.project, world.adapters, RollingBack(wish, images))


def rolled_back(world: World, wish: Wish, *images: str) -> None:
    plan = planned(world, wish, *images)
    assert rollback(plan, world.adapters, world.heard, Limits()).error is None
    assert not planned(world, wish, *images).changes


def lines(world: World, tag: str = "latest") -> dict[str, str]:
    """The version that the line is at, by place."""
    found = {}
    for place in PLACES:
        tags = world.registry.repositories[Repository.parse(place)].tags
        full = {digest: one for one, digest in tags.items() if one.count(".") == 2}
        found[place] = full.get(tags[tag], "?")
    return found


def withdrawn(world: World) -> dict[str, list[str]]:
    found = {}
    for place in PLACES:
        repository = Repository.parse(place)
        data = world.registry.read_record(withdrawal_reference(repository, place[-1]))
        entries = Withdrawals.unpack(data).entries if data else ()
        found[place] = [str(one.version) for one in entries]
    return found


def undo(report: dict[str, Any]) -> Undo:
    return Undo(PastRun.parse(json.dumps(report).encode(), "r.json").images)


def everywhere(value: object) -> dict[str, object]:
    return dict.fromkeys(PLACES, value)


@pytest.mark.parametrize("wish", [GoBack(version("1.0.0")), Withdraw((version("1.0.1"),))])
@pytest.mark.parametrize("missing", [PLACES[1:], PLACES[2:], PLACES[1::2], PLACES[:3]])
def test_a_version_that_is_partly_out_is_withdrawn_in_all_of_it(
    world: World, wish: Wish, missing: list[str]
) -> None:
    cut_short(world, "1.0.1", *missing)
    rolled_back(world, wish)
    assert withdrawn(world) == everywhere(["1.0.1"])
    release(world)
    assert lines(world) == lines(world, "1.0") == everywhere("1.0.0")
    assert verify(world.project, world.adapters, Check(version="1.0.1")).differences == ()
    rolled_back(world, Restore((version("1.0.1"),)))
    assert lines(world) == everywhere("1.0.1")


def test_a_release_that_dies_is_rolled_back_for_all_images() -> None:
    seen = set()
    for calls in range(16, 96, 4):
        world = World(SPEC, FILES)
        checkout(world, released_at("1.0.0"), "1.0.0", "a", "b")
        release(world)
        checkout(world, released_at("1.0.1"), "1.0.1", "a", "b")
        prepared, registry = world.prepare(), world.registry
        world.registry = Dying(registry, calls, None)  # type: ignore[assignment]
        with suppress(GoneError):
            world.run(prepared, Limits(transfers={"main": 1, "other": 1}))
        world.registry = registry
        out = sum(registry.tag_of(f"{place}:1.0.1") is not None for place in PLACES)
        seen.add(out)
        if out:
            rolled_back(world, GoBack(version("1.0.0")))
            release(world)
            assert lines(world) == everywhere("1.0.0")
    assert seen >= {0, 4}
    assert seen & {1, 2, 3}, "one of these must be cut short between full versions"


def test_what_is_not_asked_for_is_left_alone(world: World) -> None:
    cut_short(world, "1.0.1", *PLACES[1:])
    rolled_back(world, GoBack(version("1.0.0")), "a")
    assert withdrawn(world) == {place: ["1.0.1"] if place[-1] == "a" else [] for place in PLACES}
    for wish in (Withdraw((version("1.0.1"),)), Restore((version("1.0.1"),))):
        with pytest.raises(PlanError, match=r'1\.0\.1 of image "b" is not in main'):
            planned(world, wish, "b")


# -- images with versions of their own


def at(*tags: str) -> SourceFacts:
    return SourceFacts(commit=f"{len(tags)}" * 40, branch="main", tags=tags)


@pytest.fixture
def own() -> World:
    """Image a is out as 1.0.0 and 1.0.1, and image b as 1.0.0."""
    made = World(OWN, FILES)
    for tag in ("a/v1.0.0", "a/v1.0.1", "b/v1.0.0"):
        checkout(made, at(tag), tag, tag[0])
        release(made, tag[0])
    return made


def test_versions_of_their_own_are_withdrawn_image_by_image(own: World) -> None:
    tags = own.registry.repositories[Repository.parse(PLACES[2])].tags
    del tags["1.0.1"]
    rolled_back(own, GoBack(version("1.0.0")))
    assert withdrawn(own) == {place: ["1.0.1"] if place[-1] == "a" else [] for place in PLACES}
    with pytest.raises(PlanError, match=r'1\.0\.1 of image "b" is not in main'):
        planned(own, Withdraw((version("1.0.1"),)))


def test_only_what_the_run_released_is_withdrawn(own: World) -> None:
    checkout(own, at("a/v1.0.1", "b/v1.0.1"), "new", "b")
    own.files["/project/a/f"] = "a/v1.0.1"
    report = release(own)
    assert {one["version"] for one in report["images"]} == {"1.0.1"}
    rolled_back(own, undo(report))
    assert withdrawn(own) == {place: ["1.0.1"] if place[-1] == "b" else [] for place in PLACES}
    assert lines(own) == {place: "1.0.1" if place[-1] == "a" else "1.0.0" for place in PLACES}
    [said, *_] = planned(own, undo(report)).images
    reasons = {one.plan.reason for one in said.moves}
    assert reasons == {"another run released this version: --withdraw takes it out"}


def test_a_run_that_finished_another_is_undone_by_what_it_wrote(world: World) -> None:
    cut_short(world, "1.0.1", *PLACES[1:])
    report = release(world)
    assert lines(world) == everywhere("1.0.1")
    rolled_back(world, undo(report))
    assert withdrawn(world) == {**everywhere(["1.0.1"]), PLACES[0]: []}
    assert lines(world) == {**everywhere("1.0.0"), PLACES[0]: "1.0.1"}
    assert verify(world.project, world.adapters, Check(version="1.0.1")).differences == ()
    rolled_back(world, Withdraw((version("1.0.1"),)))
    assert lines(world) == everywhere("1.0.0")
