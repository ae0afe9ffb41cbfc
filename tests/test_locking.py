"""The lock and plans without a network, in memory: what is asked, of whom, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from releaser.affected import affected
from releaser.core.facts import Concern
from releaser.core.lock import Difference, Kind, Lock, Locked
from releaser.core.oci import Digest, Platform, Reference
from releaser.core.plan import Action, Mode, TagAction
from releaser.core.rebuild import Reason, ReasonCode
from releaser.core.saved_plan import SavedPlan
from releaser.core.steps import BuildStep
from releaser.errors import RegistryError, ReleaserError, SetupError, SpecError, UnknownError
from releaser.pipeline import Relocked, Request, check, check_lock, relock
from tests.fakes.contexts import MemoryContexts
from tests.fakes.registry import image, index
from tests.world import World

SPEC = """\
version: 1
project: shop
registries: {main: registry.example/shop}
images:
  base: {context: base}
  api: {context: api, args: {NAME: "tools:{{major}}"}}
"""
FILES = {
    "base/Dockerfile": "FROM hub.example/python\nCOPY f /f\n",
    "base/f": "base",
    "api/Dockerfile": (
        "ARG NAME\nFROM hub.example/$NAME AS tools\nFROM base\nCOPY --from=tools /f /f\n"
        f"COPY --from=hub.example/pinned@sha256:{'9' * 64} /f /g\n"
    ),
}
PYTHON, TOOLS = "hub.example/python:latest", "hub.example/tools:1"
OLD, DAY = Digest("sha256:" + "0" * 64), "2024-02-29"
AMD = (Platform.parse("linux/amd64"),)


@pytest.fixture
def made() -> World:
    """Two images on two base images, which a registry has."""
    world = World(SPEC, FILES)
    world.registry.seed(Reference.parse(PYTHON), index(image("python"), image("arm")))
    world.registry.seed(Reference.parse(TOOLS), image("tools"))
    return world


def locked(world: World, **fields: object) -> Relocked:
    found = relock(world.project, world.adapters, Request(), day=DAY, **fields)  # type: ignore[arg-type]
    world.lock = found.lock
    world.registry.calls.clear()
    world.engine.calls.clear()
    return found


def move(world: World, reference: str, text: str) -> Digest:
    return world.registry.seed_image(reference, text)


def says(world: World) -> list[str]:
    return [one.message for one in world.plan().concerns]


# -- writing


def test_every_base_of_every_image_is_locked(made: World) -> None:
    python = index(image("python"), image("arm")).digest
    tools = image("tools").digest
    found = locked(made)
    assert found.differences == (
        Difference(PYTHON, Kind.MISSING, None, python),
        Difference(TOOLS, Kind.MISSING, None, tools),
    )
    platforms = (Platform.parse("linux/amd64"), Platform.parse("linux/cpu1"))
    assert dict(found.lock.entries) == {
        PYTHON: Locked(python, platforms, DAY),
        TOOLS: Locked(tools, AMD, DAY),
    }


def test_what_is_locked_stays_what_is_missing_comes_what_is_unused_goes(made: World) -> None:
    made.lock = Lock(
        {PYTHON: Locked(OLD, AMD, "2020-01-01"), "gone:1": Locked(OLD, AMD, "2020-01-01")}
    )
    found = relock(made.project, made.adapters, Request(), day=DAY)
    assert [(one.name, one.kind) for one in found.differences] == [
        ("gone:1", Kind.UNUSED),
        (TOOLS, Kind.MISSING),
    ]
    assert found.lock.entries[PYTHON] == made.lock.entries[PYTHON]
    assert made.registry.called("manifest") == [TOOLS]


def test_only_what_is_named_moves(made: World) -> None:
    locked(made)
    new = move(made, PYTHON, "new python")
    move(made, TOOLS, "new tools")
    before = made.lock
    assert before is not None
    found = relock(made.project, made.adapters, Request(), day="2024-03-01", moving=["*python*"])
    old = before.entries[PYTHON].digest
    assert found.differences == (Difference(PYTHON, Kind.MOVED, old, new),)
    assert found.lock.entries[PYTHON] == Locked(new, AMD, "2024-03-01")
    assert found.lock.entries[TOOLS] == before.entries[TOOLS]
    everything = relock(made.project, made.adapters, Request(), day="2024-03-01", moving=[])
    assert [one.name for one in everything.differences] == [PYTHON, TOOLS]


def test_a_reference_that_nobody_needs_moves_nothing(made: World) -> None:
    with pytest.raises(SpecError, match="no image needs"):
        relock(made.project, made.adapters, Request(), day=DAY, moving=["nobody"])
    assert made.registry.calls == []


def test_templates_are_rendered_as_a_plan_does(made: World) -> None:
    assert TOOLS in locked(made).lock.entries
    request = Request(version="7.0.0")
    with pytest.raises(SpecError, match='tools:7" does not exist') as caught:
        relock(made.project, made.adapters, request, day=DAY)
    assert str(caught.value.at) == "api/Dockerfile:2"


def test_an_engine_is_not_needed(made: World) -> None:
    made.engine.fail(SetupError("no engine"), "check")
    assert set(locked(made).lock.entries) == {PYTHON, TOOLS}


# -- what cannot be locked


def test_a_base_that_only_the_engine_has(made: World) -> None:
    del made.registry.repositories[Reference.parse(TOOLS).repository]
    made.engine.held[Reference.parse(TOOLS)] = OLD
    with pytest.raises(SpecError, match="is in this engine only") as caught:
        relock(made.project, made.adapters, Request(), day=DAY)
    assert (caught.value.code, str(caught.value.at)) == (2, "api/Dockerfile:2")


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (lambda: SetupError("log in"), SetupError, 4),
        (lambda: RegistryError("503", status=503), UnknownError, 6),
    ],
)
@pytest.mark.parametrize("checking", [False, True])
def test_a_registry_that_would_not_say(
    made: World,
    error: Callable[[], ReleaserError],
    kind: type[ReleaserError],
    code: int,
    *,
    checking: bool,
) -> None:
    made.registry.fail("manifest", PYTHON, error())
    made.registry.fail("platforms", "*", error())

    def ask() -> object:
        if checking:
            return check_lock(made.project, made.adapters, Request())
        return relock(made.project, made.adapters, Request(), day=DAY)

    with pytest.raises(kind, match=f'base image "{PYTHON}"') as caught:
        ask()
    assert caught.value.code == code
    assert [key for key, _ in caught.value.details] == ["also"]
    assert TOOLS in caught.value.details[0][1]


def test_a_registry_that_only_the_engine_s_mirrors_reach(made: World) -> None:
    made.registry.fail("manifest", PYTHON, RegistryError("no such host"))
    made.engine.bases[Reference.parse(PYTHON)] = OLD
    assert locked(made).lock.entries[PYTHON] == Locked(OLD, AMD, DAY)


# -- checking


def test_a_lock_that_is_current(made: World) -> None:
    locked(made)
    assert check_lock(made.project, made.adapters, Request()) == ()


def test_what_is_not_current(made: World) -> None:
    locked(made)
    assert made.lock is not None
    old = made.lock.entries[PYTHON].digest
    new = move(made, PYTHON, "new")
    tools = image("tools").digest
    kept = {"gone:1": Locked(OLD, AMD, DAY), PYTHON: made.lock.entries[PYTHON]}
    made.lock = Lock(kept)
    assert check_lock(made.project, made.adapters, Request()) == (
        Difference("gone:1", Kind.UNUSED, OLD),
        Difference(PYTHON, Kind.MOVED, old, new),
        Difference(TOOLS, Kind.MISSING, None, tools),
    )


# -- plans


def test_a_locked_base_is_not_asked_for(made: World) -> None:
    locked(made)
    move(made, PYTHON, "new")
    plan = made.plan()
    assert made.engine.count("resolve") == 0
    assert not [one for one in made.registry.called("digest") if one.startswith("hub.example")]
    assert plan.concerns == ()
    build = next(one.step for one in plan.steps if isinstance(one.step, BuildStep))
    assert [str(base.pin) for base in build.bases] == [
        f"hub.example/python@{index(image('python'), image('arm')).digest}"
    ]


def test_what_moves_upstream_changes_nothing_until_the_lock_does(made: World) -> None:
    locked(made)
    assert made.release().error is None
    move(made, PYTHON, "new")
    assert not made.plan().changes
    locked(made, moving=[])
    assert {one.name: one.action for one in made.plan().images} == {
        "base": Action.BUILD,
        "api": Action.BUILD,
    }


def test_a_base_that_the_lock_lacks_is_asked_for_and_told(made: World) -> None:
    locked(made)
    assert made.lock is not None
    made.lock = Lock({PYTHON: made.lock.entries[PYTHON]})
    made.engine.bases[Reference.parse(TOOLS)] = OLD
    assert made.plan().concerns == (
        Concern(f'base image "{TOOLS}" is not in the lock', "releaser lock adds it"),
    )
    assert made.engine.count("resolve") == 1
    made.lock = None
    assert [one for one in says(made) if "lock" in one] == []


ARM = "linux/arm64"


@pytest.mark.parametrize(
    ("platforms", "dockerfile", "message"),
    [
        (f"[linux/amd64, {ARM}]", "FROM hub.example/python\n", f"is built for {ARM}, and base"),
        ("[linux/amd64]", "FROM hub.example/python\n", None),
        (f"[{ARM}]", "FROM --platform=linux/amd64 hub.example/python\n", None),
        (f"[{ARM}]", "FROM scratch\nCOPY --from=hub.example/python / /\n", None),
        (f"[{ARM}]", "FROM hub.example/python AS a\nFROM a\n", f"is built for {ARM}, and base"),
    ],
)
@pytest.mark.parametrize("validating", [False, True])
def test_a_locked_base_must_have_the_platforms(
    platforms: str, dockerfile: str, message: str | None, *, validating: bool
) -> None:
    spec = SPEC.partition("  api:")[0].replace("base}", f"base, platforms: {platforms}}}")
    made = World(spec, {"base/Dockerfile": dockerfile})
    made.lock = Lock({PYTHON: Locked(OLD, AMD, DAY)})

    def look() -> None:
        if validating:
            check(made.project, made.adapters.contexts)
        else:
            made.plan()

    if message is None:
        look()
        return
    with pytest.raises(SpecError, match=message) as caught:
        look()
    assert (caught.value.code, str(caught.value.at)) == (2, "base/Dockerfile:1")
    made.lock = Lock({PYTHON: Locked(OLD, (), DAY)})
    look()  # nobody knows what it has


def test_a_lock_that_lacks_a_platform_can_be_updated(made: World) -> None:
    other = (Platform.parse("linux/s390x"),)
    made.lock = Lock({PYTHON: Locked(OLD, other, DAY), TOOLS: Locked(OLD, AMD, DAY)})
    with pytest.raises(SpecError, match="as it is locked"):
        made.plan()
    locked(made, moving=["*python:latest"])
    assert made.plan().changes


def test_a_moved_lock_affects_what_stands_on_it(made: World) -> None:
    made.spec = SPEC.replace("{{major}}", "1")
    locked(made)
    before = made.project
    locked(made)
    contexts = MemoryContexts(made.files)
    assert affected(made.project, contexts, before, contexts) == ()
    assert made.lock is not None
    moved = {**made.lock.entries, TOOLS: Locked(OLD, AMD, DAY)}
    found = affected(replace(before, lock=Lock(moved)), contexts, before, contexts)
    assert [(one.name, one.because) for one in found] == [("api", f"base {TOOLS}")]
    moved = {**made.lock.entries, PYTHON: Locked(OLD, AMD, DAY)}
    found = affected(replace(before, lock=Lock(moved)), contexts, before, contexts)
    assert [(one.name, one.because) for one in found] == [
        ("base", "base hub.example/python"),
        ("api", "upstream base"),
    ]


# -- without a network


def asked_of_registries(world: World) -> list[str]:
    return [*(one.method for one in world.registry.calls), *(["resolve"] * world.engine.count("resolve"))]  # noqa: E501 # fmt: skip


def test_an_offline_plan_asks_nobody(made: World) -> None:
    locked(made)
    plan = made.plan(offline=True)
    assert asked_of_registries(made) == []
    assert {one.name: one.reason for one in plan.images} == {
        "base": Reason(ReasonCode.NOT_ASKED, "not in the engine"),
        "api": Reason(ReasonCode.NOT_ASKED, "not in the engine"),
    }
    assert plan.concerns == (
        Concern(
            "offline, so not asked for: registry registry.example",
            "what is published there is not known",
        ),
    )


def test_what_is_in_the_engine_is_pushed_as_far_as_one_can_know_offline(made: World) -> None:
    locked(made)
    assert made.release("base").error is None
    made.registry.calls.clear()
    plan = made.plan(offline=True)
    assert asked_of_registries(made) == []
    found = {one.name: (one.action, one.reason.code) for one in plan.images}
    assert found == {
        "base": (Action.PUSH, ReasonCode.NOT_ASKED),
        "api": (Action.BUILD, ReasonCode.NOT_ASKED),
    }
    references = [one for image in plan.images for one in image.references]
    assert {(one.before, one.action) for one in references} == {(None, TagAction.CREATE)}


def test_offline_and_without_a_lock_the_store_says_what_bases_are(made: World) -> None:
    made.engine.held[Reference.parse(PYTHON)] = OLD
    plan = made.plan(offline=True)
    assert asked_of_registries(made) == []
    assert [one.message for one in plan.concerns] == [
        f'the digest of base image "{TOOLS}" could not be read, so it counts by its name',
        f"offline, so not asked for: registry registry.example; base image hub.example/python, {TOOLS}",  # noqa: E501
    ]
    build = next(one.step for one in plan.steps if isinstance(one.step, BuildStep))
    assert [str(base.pin) for base in build.bases] == [f"hub.example/python@{OLD}"]


def test_an_offline_plan_needs_no_engine_either(made: World) -> None:
    locked(made)
    made.engine.fail(SetupError("no engine"), "check")
    assert {one.action for one in made.plan(offline=True).images} == {Action.BUILD}
    assert made.registry.calls == []


def test_an_offline_build_asks_nobody(made: World) -> None:
    locked(made)
    assert made.release(mode=Mode.LOCAL, offline=True).error is None
    assert asked_of_registries(made) == []
    again = made.plan(mode=Mode.LOCAL, offline=True)
    assert (again.changes, again.concerns) == (False, ())


@pytest.mark.parametrize("offline", [False, True])
def test_an_offline_build_does_not_pull_what_it_has(made: World, *, offline: bool) -> None:
    made.spec = SPEC.replace("images:", "defaults: {pull: true}\nimages:")
    locked(made)
    plan = made.plan(mode=Mode.LOCAL, offline=offline)
    steps = [one.step for one in plan.steps]
    assert {step.pull for step in steps if isinstance(step, BuildStep)} == {not offline}


def test_an_offline_plan_is_not_released(made: World) -> None:
    offline = made.plan(offline=True).to_json()
    with pytest.raises(SpecError, match=r"plan\.json was made offline") as caught:
        SavedPlan.parse(offline.encode(), "plan.json")
    assert caught.value.hint == "save one that does: releaser plan -o plan.json"
    SavedPlan.parse(made.plan().to_json().encode(), "plan.json")
