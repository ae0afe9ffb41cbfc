"""A saved plan is run as it is, or not at all."""

from __future__ import annotations

import json

import pytest

from releaser.core.saved_plan import SavedPlan, check_unmoved
from releaser.errors import PlanError, SpecError
from tests.world import World

SPEC = (
    "version: 1\nproject: shop\nregistries: {main: registry.example/shop}\n"
    "images:\n  base: {context: base}\n  api: {context: api}\n"
)
FILES = {"base/Dockerfile": "FROM busybox:latest\n", "api/Dockerfile": "FROM base\nENV A=1\n"}
API = "registry.example/shop/api"


def saved(world: World) -> SavedPlan:
    return SavedPlan.parse(world.plan().to_json().encode(), "plan.json")


def moved(world: World, plan: SavedPlan) -> dict[str, str]:
    with pytest.raises(PlanError) as caught:
        check_unmoved(plan, world.plan())
    assert caught.value.code == 3
    return dict(caught.value.details)


def test_nothing_has_moved() -> None:
    world = World(SPEC, FILES)
    plan = saved(world)
    check_unmoved(plan, world.plan())
    assert (plan.commanded, plan.images) == ((None, ()), ("api", "base"))


def test_a_file_has_changed() -> None:
    world = World(SPEC, FILES)
    plan = saved(world)
    world.files["/project/api/Dockerfile"] = "FROM base\nENV A=2\n"
    assert list(moved(world, plan)) == ["api fingerprint"]


def test_a_tag_has_moved() -> None:
    world = World(SPEC, FILES)
    plan = saved(world)
    digest = world.registry.seed_image(f"{API}:latest")
    assert moved(world, plan) == {
        f"{API}:latest action": "create → move",
        f"{API}:latest from": f"nothing → {digest}",
    }


def test_a_base_has_moved() -> None:
    world = World(SPEC, FILES)
    plan = saved(world)
    (base,) = world.engine.bases
    world.engine.bases[base] = world.registry.seed_image("registry.example/x:1", "new")
    assert list(moved(world, plan)) == ["api fingerprint", "base fingerprint"]


def test_somebody_has_released_it_already() -> None:
    world = World(SPEC, FILES)
    plan = saved(world)
    assert world.release().error is None
    assert moved(world, plan)["api action"] == "build → up-to-date"


def test_an_image_has_come_and_one_has_gone() -> None:
    plan = saved(World(SPEC, FILES))
    spec = SPEC.replace("  base: {context: base}\n", "  new: {context: base}\n")
    files = {**FILES, "api/Dockerfile": "FROM new\n"}
    found = moved(World(spec, files), plan)
    assert found["base"] == "is gone"
    assert found["new"] == "is new"


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("not JSON", b"{"),
        ("no plan", b"[]"),
        ("no plan", b"{}"),
        ('schema "9"', json.dumps({"schema": 9, "images": []}).encode()),
        ("not JSON", b"\xff"),
        ("not JSON", b"[" * 100_000),
    ],
)
def test_what_is_no_plan(said: str, text: bytes) -> None:
    with pytest.raises(SpecError, match=said):
        SavedPlan.parse(text, "plan.json")
