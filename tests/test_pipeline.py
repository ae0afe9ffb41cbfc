"""The phases together, in memory: what is planned is done, once, and in the right order."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from releaser.core.events import Outcome, RunResult, StepFinished, StepRecord
from releaser.core.facts import SourceFacts
from releaser.core.plan import Mode, Plan, TagAction
from releaser.core.steps import BuildStep, PushStep, RecordStep, TagKind, TagStep
from releaser.errors import (
    EngineError,
    InternalError,
    InterruptedRunError,
    PartialError,
    PlanError,
    RegistryError,
    ReleaserError,
    SetupError,
    SpecError,
    UnknownError,
)
from releaser.executor import Limits, Stop
from releaser.pipeline import Allowed, check, outcome_error, refuse
from tests.world import World

SPEC = """\
version: 1
project: shop
registries: {main: registry.example/shop}
images:
  base: {context: base}
  api: {context: api}
  web: {context: web}
  other: {context: other}
"""
FILES = {
    "base/Dockerfile": "FROM busybox:latest\nCOPY f /f\n",
    "base/f": "base",
    "api/Dockerfile": "FROM base\nCOPY f /f\n",
    "api/f": "api",
    "web/Dockerfile": "FROM api\nCOPY --from=registry.example/shop/base:1 /f /g\n",
    "other/Dockerfile": "FROM scratch\nCOPY f /f\n",
    "other/f": "other",
}
PREFIX = "registry.example/shop"


def world(spec: str = SPEC, **files: str) -> World:
    return World(spec, {**FILES, **{name.replace("_", "/"): text for name, text in files.items()}})


def ends(result: object) -> dict[str, str]:
    records = result.records  # type: ignore[attr-defined]
    return {key: record.outcome.value for key, record in records.items()}


def test_a_release_and_then_nothing() -> None:
    made = world()
    assert made.plan().changes
    assert made.release().error is None
    again = made.plan()
    assert not again.changes
    assert again.steps == ()
    expected = {"1.4.2", "1.4", "1", "latest", "sha-aaaaaaa", "main"}
    assert {
        one.removeprefix(f"{PREFIX}/api:") for one in made.public() if "/api:" in one
    } == expected


def test_tags_move_in_order() -> None:
    made = world()
    made.release()
    written = [name.removeprefix(f"{PREFIX}/") for name in made.registry.called("put")]
    tags = [name.rpartition(":")[2] for name in written]
    images = [name.partition(":")[0] for name in written]
    assert set(tags[:8]) == {"1.4.2", "sha-aaaaaaa"}
    assert set(tags[8:12]) == {"1.4"}
    assert set(tags[-4:]) == {"latest"}
    last = images[-4:]
    assert last.index("base") < last.index("api") < last.index("web")


def test_a_changed_file_builds_what_stands_on_it() -> None:
    made = world()
    made.release()
    made.files["/project/api/f"] = "changed"
    made.source = SourceFacts(commit="c" * 40, branch="main", tags=("v1.5.0",))
    actions = {image.name: image.action.value for image in made.plan().images}
    assert actions == {"base": "retag", "api": "build", "web": "build", "other": "retag"}
    assert made.release().error is None
    assert not made.plan().changes


def test_a_failed_build_changes_nothing_public() -> None:
    made = world()
    made.builder.failures = {"api": EngineError("no")}
    result = made.release(limits=Limits(keep_going=True))
    assert result.error is not None
    assert made.public() == {}
    found = ends(result)
    assert found["build:api"] == "failed"
    assert {key for key, end in found.items() if end == "done"} == {
        "build:base", "build:other", "push:base@main", "push:other@main",
        "record:base@main", "record:other@main",
    }  # fmt: skip
    blocked = {r.key: r.blocked_by for r in result.records.values() if r.blocked_by}
    assert set(blocked.values()) == {"build:api"}
    assert "build:web" in blocked
    assert f"tag:{PREFIX}/other:latest" in blocked

    made.builder.failures = {}
    assert made.release().error is None
    assert not made.plan().changes


def test_every_step_has_one_record_and_one_end() -> None:
    made = world()
    made.builder.failures = {"base": EngineError("no")}
    result = made.release()
    assert set(result.records) == {one.key for one in made.plan().steps}
    finished = [event.key for event in made.heard.events if isinstance(event, StepFinished)]
    assert sorted(finished) == sorted(result.records)


@pytest.mark.parametrize("after", [False, True])
def test_a_tag_that_fails_leaves_a_partial_release_that_can_be_finished(*, after: bool) -> None:
    made = world()
    error = RegistryError("down", status=500)
    made.registry.fail("put", f"{PREFIX}/web:latest", error, after=after)
    result = made.release()
    if after:  # the deed was done, only the answer got lost
        assert result.error is None
    else:
        assert isinstance(result.error, PartialError)
        details = dict(result.error.details)
        assert details["missing"].endswith("/web:latest")
        assert made.release().error is None
    assert not made.plan().changes


def test_the_first_tag_failing_is_no_partial_release() -> None:
    made = world()
    made.registry.fail("put", "*", RegistryError("no", status=403), times=None)
    result = made.release()
    assert result.error
    assert result.error.code == 1
    assert made.public() == {}


def test_an_immutable_tag_is_refused_before_anything() -> None:
    made = world()
    made.release()
    before = made.public()
    made.files["/project/base/f"] = "changed"
    prepared = made.prepare()
    refused = {str(one.reference) for one in prepared.plan.refused}
    assert f"{PREFIX}/web:1.4.2" in refused
    assert f"{PREFIX}/other:1.4.2" not in refused
    with pytest.raises(PlanError, match="names another content already"):
        refuse(prepared, Allowed(push=True))
    assert made.public() == before


def test_a_tag_that_somebody_takes_meanwhile_is_left_alone() -> None:
    made = world()
    prepared = made.prepare()
    there = made.registry.seed_image(f"{PREFIX}/other:1.4.2", "somebody else's")
    result = made.carry_out(prepared, prepared.plan, Limits())
    assert result.error is not None
    assert made.registry.tag_of(f"{PREFIX}/other:1.4.2") == there
    assert made.registry.tag_of(f"{PREFIX}/other:latest") is None


def test_a_dirty_tree() -> None:
    made = world()
    made.source = SourceFacts(commit="a" * 40, tags=("v1.0.0",), changes=("base/f",))
    prepared = made.prepare()
    assert prepared.plan.version == "1.0.0-dirty"
    refuse(prepared, Allowed())
    refuse(prepared, Allowed(push=True, dirty=True))
    with pytest.raises(PlanError, match="not committed"):
        refuse(prepared, Allowed(push=True))


def test_nothing_to_name_a_release_by() -> None:
    made = world()
    made.source = SourceFacts()
    with pytest.raises(SetupError, match="no image would get a tag"):
        refuse(made.prepare(), Allowed(push=True))
    refuse(made.prepare(version="1.0.0"), Allowed(push=True))


def test_a_shallow_clone() -> None:
    made = world()
    made.source = SourceFacts(commit="a" * 40, branch="main", shallow=True)
    with pytest.raises(SetupError, match="shallow"):
        refuse(made.prepare(), Allowed(push=True))
    given_one = made.prepare(version="1.0.0")
    refuse(given_one, Allowed(push=True))


def test_a_selection_takes_its_upstreams_along_unless_told_not_to() -> None:
    made = world()
    assert [image.name for image in made.plan("api").images] == ["base", "api"]
    with pytest.raises(PlanError, match='"api" needs "base", which is not built yet'):
        made.plan("api", only=True)
    made.release("base")
    alone = made.plan("api", only=True)
    assert [image.name for image in alone.images] == ["api"]
    assert [one.key for one in alone.steps][:2] == ["build:api", "push:api@main"]


def test_a_local_build_touches_no_registry() -> None:
    made = world()
    assert made.build("web").error is None
    assert made.registry.calls == []
    assert not made.plan("web", mode=Mode.LOCAL).changes
    pushed = {image.name: image.action.value for image in made.plan("web").images}
    assert pushed == {"base": "push", "api": "push", "web": "push"}


def test_what_inherits_a_label_is_not_the_image() -> None:
    made = world()
    made.build("base")
    (image_id,) = made.engine.stored
    child = made.engine.stored.pop(image_id)
    made.engine.add(image_id, child.labels)  # built FROM it: the label came along, the name did not
    assert made.plan("base", mode=Mode.LOCAL).changes


def test_a_plan_without_an_engine_is_the_same() -> None:
    made = world(base_Dockerfile="FROM scratch\nCOPY f /f\n")
    with_engine = made.plan().to_json()
    error = SetupError("no engine")
    made.engine.fail(error, "check", times=9)
    assert made.plan().to_json() == with_engine
    with pytest.raises(SetupError, match="no engine"):
        made.release()
    with pytest.raises(SetupError, match="no engine"):
        made.build()


def test_a_registry_that_would_not_say() -> None:
    made = world()
    made.registry.fail("tags", "*", RegistryError("boom", retryable=True), times=None)
    with pytest.raises(UnknownError, match="would not say"):
        made.plan()


def test_all_registries_are_asked_before_the_first_build() -> None:
    made = world()
    for image in ("base", "web"):
        made.registry.fail("check_push", f"{PREFIX}/{image}", SetupError(f"denied {image}"))
    with pytest.raises(SetupError, match="denied base") as caught:
        made.release()
    assert ("also", "denied web") in caught.value.details
    assert made.builder.batches == []


def test_a_base_that_nobody_knows_is_a_concern() -> None:
    made = world(other_Dockerfile="FROM unknown.example/base:1\n")
    concerns = [one.message for one in made.plan("other").concerns]
    assert len(concerns) == 1
    assert "unknown.example/base:1" in concerns[0]


def test_a_moved_base_builds_anew() -> None:
    made = world()
    made.release()
    (base,) = made.engine.bases
    made.engine.bases[base] = made.registry.seed_image("registry.example/x:1", "new base")
    actions = {image.name: image.action.value for image in made.plan().images}
    assert actions == {"base": "build", "api": "build", "web": "build", "other": "up-to-date"}


@pytest.mark.parametrize(
    ("message", "files"),
    [
        ('copies "nowhere"', {"api_Dockerfile": "FROM base\nCOPY nowhere /\n"}),
        ("api/Dockerfile", {"api_Dockerfile": "FROM\n"}),
    ],
)
def test_complaints_say_where(message: str, files: dict[str, str]) -> None:
    made = world(**files)
    with pytest.raises(SpecError) as caught:
        check(made.project, made.adapters.contexts)
    assert caught.value.at is not None
    assert message in str(caught.value)


def test_a_missing_dockerfile_is_told_at_its_place_in_the_spec() -> None:
    made = world()
    del made.files["/project/api/Dockerfile"]
    with pytest.raises(SpecError) as caught:
        made.plan()
    assert str(caught.value.at).startswith("images.yaml:6:")
    assert '"api"' in caught.value.message


def test_a_cycle_is_a_path() -> None:
    made = world(base_Dockerfile="FROM web\n")
    with pytest.raises(PlanError) as caught:
        check(made.project, made.adapters.contexts)
    assert caught.value.code == 3
    assert "base → web → api → base" in caught.value.message or "→" in caught.value.message
    assert any("base/Dockerfile:1 FROM web" in value for _, value in caught.value.details)


@pytest.mark.parametrize(("signal", "code"), [(2, 130), (15, 143)])
def test_a_signal_in_a_build(signal: int, code: int) -> None:
    made = world()
    made.builder.waiting = {"api"}
    stop = Stop()
    threading.Timer(0.3, stop.set, [signal]).start()
    began = time.monotonic()
    result = made.release(stop=stop)
    assert time.monotonic() - began < 10
    assert isinstance(result.error, InterruptedRunError)
    assert result.error.code == code
    assert made.public() == {}
    assert ends(result)["build:api"] == "cancelled"
    made.builder.waiting = set()
    assert made.release().error is None


def test_an_adapter_s_bug_ends_the_run() -> None:
    made = world()

    def explode(*_: object) -> None:
        raise KeyError("oops")

    made.engine.push = explode  # type: ignore[method-assign, assignment]
    result = made.release()
    assert result.error is not None
    assert any(r.error and r.error.code == 70 for r in result.records.values())
    assert made.public() == {}


def test_an_image_that_goes_nowhere_is_built_only_where_it_is_needed() -> None:
    made = world(SPEC.replace("{context: base}", "{context: base, push_to: []}"))
    first = made.release("web")
    assert first.error is None
    assert not any("/base:" in one for one in made.public())
    made.engine.stored.clear()
    assert not made.plan("web").changes


PREFIXES = {"a": "a.example/x", "b": "b.example/y"}


@st.composite
def projects(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """A random project: images, edges, registries, where each goes."""
    names = [f"i{n}" for n in range(draw(st.integers(1, 5)))]
    registries = draw(st.sampled_from([{}, {"a": PREFIXES["a"]}, PREFIXES]))
    lines = ["version: 1", "project: p", f"registries: {{{_flow(registries)}}}", "images:"]
    files = {}
    for at, name in enumerate(names):
        needs = draw(st.lists(st.sampled_from(names[:at]), unique=True)) if at else []
        goes = (
            draw(st.none() | st.lists(st.sampled_from(sorted(registries)), unique=True))
            if registries
            else None
        )
        tags = draw(st.sampled_from([None, ["{{version}}"], ["latest", "edge"], []]))
        fields = [f"context: {name}"]
        fields += [f"push_to: [{', '.join(goes)}]"] if goes is not None else []
        fields += [f"tags: [{', '.join(repr(t) for t in tags)}]"] if tags is not None else []
        lines.append(f"  {name}: {{{', '.join(fields)}}}")
        copies = "".join(f"COPY --from={need} / /{need}\n" for need in needs)
        files[f"{name}/Dockerfile"] = f"FROM busybox:latest\nLABEL n={name}\n{copies}"
    return "\n".join(lines) + "\n", files


def _flow(pairs: dict[str, str]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in pairs.items())


FAULTS = st.sampled_from(["none", "build", "push", "put", "tags"])


@settings(max_examples=60, deadline=None)
@given(projects(), FAULTS, st.data())
def test_plan_execute_plan_again(
    project: tuple[str, dict[str, str]], fault: str, data: st.DataObject
) -> None:
    made = World(*project)
    before = made.public()
    victim = data.draw(st.sampled_from(sorted(made.project.spec.images)))
    if fault == "build":
        made.builder.failures = {victim: EngineError("no")}
    if fault == "put":
        made.registry.fail("put", "*", RegistryError("no", status=403))
    if fault == "push":
        steps = [one for one in made.plan().steps if one.key.startswith(f"push:{victim}@")]
        for step in steps[:1]:
            reference = step.step.reference  # type: ignore[union-attr]
            made.engine.fail(RegistryError("no"), "push", reference)
    try:
        first = made.release()
        written = any(
            k.startswith("tag:") and r.outcome is Outcome.DONE for k, r in first.records.items()
        )
        assert written or made.public() == before
    except ReleaserError:
        assert made.public() == before
    made.builder.failures = {}
    last = made.release()
    assert last.error is None, last.error
    again = made.plan()
    assert not again.changes
    assert again.steps == ()
    assert all(one.action is TagAction.KEEP for image in again.images for one in image.references)


@settings(max_examples=60, deadline=None)
@given(projects(), st.data())
def test_a_fault_in_any_step_and_then_none(
    project: tuple[str, dict[str, str]], data: st.DataObject
) -> None:
    """Whatever fails: nothing public before all content is there, and running again resumes."""
    made = World(*project)
    prepared = made.prepare()
    plan = prepared.plan
    # A record that cannot be kept fails no run.
    steps = [one.step for one in plan.steps if not isinstance(one.step, RecordStep)]
    if not steps:
        return
    victim = data.draw(st.sampled_from(steps))
    keep_going = data.draw(st.booleans())
    error = RegistryError("no", status=500)
    match victim:
        case BuildStep():
            made.builder.failures = {victim.image: EngineError("no")}
        case PushStep():
            made.engine.fail(error, "push", victim.reference)
        case TagStep():
            made.registry.fail("put", str(victim.reference), error)
        case _:
            raise AssertionError("nothing is there yet: there is nothing to copy or to name")
    limits = Limits(jobs=data.draw(st.integers(1, 4)), keep_going=keep_going)
    result = made.carry_out(prepared, plan, limits)
    assert result.error is not None
    assert result.records[victim.key].outcome is Outcome.FAILED
    written = {k for k, r in result.records.items() if k.startswith("tag:") and r.digest}
    assert written == {f"tag:{reference}" for reference in made.public()}
    if not isinstance(victim, TagStep):
        assert written == set()
    assert result.error.code == (5 if written else 1)
    assert set(result.records) == {one.key for one in plan.steps}

    made.builder.failures = {}
    already = len(made.builder.batches)
    assert made.release().error is None
    assert not made.plan().changes
    again = [step.image for batch in made.builder.batches[already:] for step in batch]
    done = {k for k, r in result.records.items() if r.outcome is Outcome.DONE}
    assert not {f"build:{image}" for image in again} & done


@settings(max_examples=40, deadline=None)
@given(projects())
def test_tags_are_written_in_order(project: tuple[str, dict[str, str]]) -> None:
    """Immutable before floating, ``latest`` last, and upstreams first among tags of one rule."""
    made = World(*project)
    plan = made.plan()
    steps = {str(one.step.reference): one.step for one in plan.steps if _is_tag(one.step)}  # type: ignore[union-attr]
    made.release()
    written = [steps[name] for name in made.registry.called("put")]
    assert len(written) == len(steps)
    widths = [
        (s.kind is not TagKind.IMMUTABLE, str(s.reference.tag) == "latest")  # type: ignore[union-attr]
        for s in written
    ]
    assert widths == sorted(widths)
    needs = {image.name: set(image.needs) for image in plan.images}
    for rule in dict.fromkeys(str(s.reference.tag) for s in written):  # type: ignore[union-attr]
        seen: set[str] = set()
        for step in (s for s in written if str(s.reference.tag) == rule):  # type: ignore[union-attr]
            dependants = {name for name, found in needs.items() if step.image in found}
            assert not dependants & seen, (step.image, seen)
            seen.add(step.image)


def _is_tag(step: object) -> bool:
    return isinstance(step, TagStep)


# -- endings


def ended(*ends: tuple[str, Outcome, ReleaserError | None]) -> tuple[Plan, RunResult]:
    """A plan of tags, and what became of each."""
    made = world()
    steps = [one for one in made.plan().steps if isinstance(one.step, TagStep)][: len(ends)]
    records = {
        step.key: StepRecord(step.key, name, outcome, error=error)
        for step, (name, outcome, error) in zip(steps, ends, strict=True)
    }
    first = next((error for _, _, error in ends if error), None)
    plan = replace(made.plan(), steps=tuple(steps))
    return plan, RunResult(records, first)


FAILED, DONE, LEFT = Outcome.FAILED, Outcome.DONE, Outcome.CANCELLED


@pytest.mark.parametrize(
    ("code", "ends"),
    [
        (0, [DONE, DONE]),
        (1, [RegistryError("no"), LEFT]),
        (1, [RegistryError("no"), EngineError("no")]),
        (5, [DONE, RegistryError("no")]),
        (5, [DONE, UnknownError("?")]),
        (5, [DONE, LEFT]),
        (6, [UnknownError("?"), LEFT]),
        (6, [RegistryError("no"), UnknownError("?")]),
        (70, [RegistryError("no"), InternalError("bug")]),
        (4, [SetupError("log in"), LEFT]),
    ],
)
def test_how_a_run_ended(code: int, ends: list[Outcome | ReleaserError]) -> None:
    plan, result = ended(
        *(("x", one, None) if isinstance(one, Outcome) else ("x", FAILED, one) for one in ends)
    )
    error = outcome_error(plan, result)
    assert (error.code if error else 0) == code


def test_a_signal_is_not_hidden_by_what_failed_before_it() -> None:
    plan, result = ended(("a", FAILED, EngineError("1")), ("b", FAILED, EngineError("2")))
    stopped = RunResult(result.records, InterruptedRunError(15))
    assert outcome_error(plan, stopped) is stopped.error


def test_both_lists_of_a_partial_release() -> None:
    plan, result = ended(("a", DONE, None), ("b", FAILED, RegistryError("full")), ("c", LEFT, None))
    error = outcome_error(plan, result)
    assert isinstance(error, PartialError)
    names = [step.key.removeprefix("tag:") for step in plan.steps]
    assert error.details == tuple(zip(("written", "missing", "missing"), names, strict=True))
    assert "1 of 3 tags were written: full" in error.message


# -- complaints


def test_all_complaints_come_at_once_with_paths_as_people_see_them() -> None:
    made = world(api_Dockerfile="FROM base\nCOPY none /\n", web_Dockerfile="FROM api\nCOPY no /\n")
    with pytest.raises(SpecError) as caught:
        check(made.project, made.adapters.contexts)
    assert [str(one) for one in caught.value.problems] == [
        'api/Dockerfile:2: image "api" copies "none", which is not in the build context',
        'web/Dockerfile:2: image "web" copies "no", which is not in the build context',
    ]
    assert caught.value.details == (("context", "api"),)


def test_a_context_that_is_not_there() -> None:
    spec = SPEC.replace("{context: api}", "{context: gone, dockerfile: ../api/Dockerfile}")
    made = world(spec)
    for ask in (made.plan, lambda: check(made.project, made.adapters.contexts)):
        with pytest.raises(SpecError) as caught:
            ask()
        assert caught.value.message == 'image "api": there is no build context "gone"'
        assert str(caught.value.at).startswith("images.yaml:6:")


def test_a_target_that_is_not_there() -> None:
    made = world(SPEC.replace("{context: api}", "{context: api, target: prod}"))
    with pytest.raises(SpecError) as caught:
        check(made.project, made.adapters.contexts)
    assert '"prod"' in caught.value.message
    assert str(caught.value.at).startswith("images.yaml:6:")
