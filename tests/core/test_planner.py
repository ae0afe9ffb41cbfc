"""What a plan says of each image and each tag, and that a plan that was done leaves nothing to do.

The last part holds a model of the world of two dicts, registries and engine, on which the steps of
a plan are played. Plan, play, look again, plan again: there must be nothing to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from releaser.core.candidate import World
from releaser.core.facts import Concern, LocalImage, RegistryFacts, SourceFacts
from releaser.core.oci import Digest, Reference, Repository
from releaser.core.plan import Action, ImagePlan, Mode, Plan, TagAction
from releaser.core.planner import make_plan
from releaser.core.steps import BuildStep, CopyStep, NameStep, PushStep, TagKind, TagStep
from releaser.core.tagging import DEFAULT_TAGS
from releaser.errors import PlanError
from tests.build import (
    BOTH,
    GHCR,
    Request,
    dags,
    digest,
    local,
    registry,
    request,
    spec,
)

ONE, OTHER = digest("one"), digest("other")
API = "ghcr.io/acme/shop/api"
HUB_API = "docker.io/acme/api"
UNRECORDED = "in the registry, and no record of the last release"
RELEASE = ["{{version}}", "{{major}}.{{minor}}", "latest"]


def print_of(asked: Request, name: str) -> str:
    (found,) = (one.fingerprint for one in asked.candidates() if one.name == name)
    return str(found)


def tag_of(asked: Request, name: str) -> str:
    (found,) = (one.fingerprint.tag for one in asked.candidates() if one.name == name)
    return found


def summary(plan: Plan) -> dict[str, tuple[str, str, str]]:
    """The action of each image with the code and detail of its reason."""
    return {
        one.name: (one.action.value, one.reason.code.value, one.reason.detail)
        for one in plan.images
    }


def actions(plan: Plan) -> dict[str, str]:
    """The action of each image."""
    return {one.name: one.action.value for one in plan.images}


def tags(image: ImagePlan) -> dict[str, tuple[str, str]]:
    """What happens to each reference, and why."""
    return {str(one.reference): (one.action.value, one.reason) for one in image.references}


def keys(plan: Plan) -> list[str]:
    return [step.key for step in plan.steps]


# -- images ----------------------------------------------------------------------------------


def test_a_first_release_builds_pushes_and_creates() -> None:
    plan = request("api", tags=RELEASE).plan()
    assert summary(plan) == {"api": ("build", "first-build", f"nothing in {API}")}
    assert tags(plan.images[0]) == {
        f"{API}:1.4.2": ("create", ""),
        f"{API}:1.4": ("create", ""),
        f"{API}:latest": ("create", ""),
    }
    assert keys(plan) == [
        "build:api", "push:api@ghcr", f"tag:{API}:1.4.2", f"tag:{API}:1.4", f"tag:{API}:latest",
    ]  # fmt: skip
    assert (plan.project, plan.version, plan.changes, plan.refused) == ("shop", "1.4.2", True, ())


@dataclass(frozen=True)
class Case:
    """What lies where (``fp`` stands for the fingerprint's tag), and what must follow."""

    expected: tuple[str, str, str]
    held: Mapping[str, Digest] = field(default_factory=dict)
    in_engine: bool = False
    steps: tuple[str, ...] = ()


CASES = {
    "nowhere": Case(("build", "first-build", f"nothing in {API}"),
                    steps=("build:api", "push:api@ghcr", "push:api@hub", "tags")),
    "another release": Case(("build", "inputs-changed", f"no {{fp}} {UNRECORDED}"),
                            {f"{API}:1.0.0": OTHER},
                            steps=("build:api", "push:api@ghcr", "push:api@hub", "tags")),
    "in the engine": Case(("push", "not-pushed", "built here, not in ghcr, hub"), in_engine=True,
                          steps=("name:api", "push:api@ghcr", "push:api@hub", "tags")),
    "in one registry": Case(("copy", "not-pushed", "in hub, not in ghcr"), {f"{HUB_API}:fp": ONE},
                            steps=("copy:api@ghcr", "tags")),
    "in one registry and the engine": Case(("copy", "not-pushed", "in ghcr, not in hub"),
                                           {f"{API}:fp": ONE}, in_engine=True,
                                           steps=("copy:api@hub", "tags")),
    "in both, untagged": Case(("retag", "tags-differ", "1.4.2"),
                              {f"{API}:fp": ONE, f"{HUB_API}:fp": ONE}, steps=("tags",)),
    "in both, one untagged": Case(("retag", "tags-differ", "1.4.2"),
                                  {f"{API}:fp": ONE, f"{HUB_API}:fp": ONE, f"{API}:1.4.2": ONE},
                                  steps=("tags",)),
    "in both, tagged": Case(("up-to-date", "nothing-changed", ""),
                            {f"{API}:fp": ONE, f"{HUB_API}:fp": ONE,
                             f"{API}:1.4.2": ONE, f"{HUB_API}:1.4.2": ONE}),
    "in both, as two builds, tagged": Case(("up-to-date", "nothing-changed", ""),
                                           {f"{API}:fp": ONE, f"{HUB_API}:fp": OTHER,
                                            f"{API}:1.4.2": ONE, f"{HUB_API}:1.4.2": OTHER}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_happens_to_an_image(case: Case) -> None:
    asked = request("api", BOTH, ["{{version}}"])
    made_of = tag_of(asked, "api")
    held = {
        reference.replace(":fp", f":{made_of}"): found for reference, found in case.held.items()
    }
    store = {print_of(asked, "api"): local(print_of(asked, "api"), "api:old")}
    plan = asked.plan(World(registry(held), store if case.in_engine else {}))
    action, code, detail = case.expected
    assert summary(plan) == {"api": (action, code, detail.replace("{fp}", made_of))}
    content = [key for key in keys(plan) if not key.startswith("tag:")]
    assert (*content, *(["tags"] if len(content) < len(keys(plan)) else [])) == case.steps
    assert plan.changes is bool(case.steps)
    assert plan.images[0].changes is bool(case.steps)


def test_an_image_in_the_engine_that_has_its_names_is_only_pushed() -> None:
    asked = request("api", tags=[])
    made_of = print_of(asked, "api")
    store = {made_of: local(made_of, f"{API}:{tag_of(asked, 'api')}")}
    plan = asked.plan(World(local=store))
    assert [(one.key, one.needs) for one in plan.steps] == [("push:api@ghcr", ())]


def test_an_image_without_a_name_in_the_engine_is_built() -> None:
    asked = request("api", tags=[])
    made_of = print_of(asked, "api")
    assert actions(asked.plan(World(local={made_of: local(made_of)}))) == {"api": "build"}


@pytest.mark.parametrize(
    ("reason", "base"),
    [
        pytest.param(("upstream-changed", "base"), {}, id="a published upstream"),
        pytest.param(
            ("inputs-changed", f"no fp {UNRECORDED}"),
            {"push_to": []},
            id="a helper",
        ),
    ],
)
def test_the_reason_of_a_build_whose_upstream_is_built(
    reason: tuple[str, str], base: dict[str, object]
) -> None:
    asked = request("base; api: base", tags=[], images={"base": base})
    plan = asked.plan(World(registry({f"{API}:1.0.0": OTHER})))
    assert actions(plan) == {"base": "build", "api": "build"}
    _, code, detail = summary(plan)["api"]
    assert reason == (code, detail.replace(tag_of(asked, "api"), "fp"))


def test_a_change_of_an_upstream_builds_what_stands_on_it_and_nothing_else() -> None:
    before = request("base; api: base; other", tags=["latest"])
    known = Play().run(before)
    plan = replace(before, files={"base": "changed"}).plan(known.world(before))
    assert actions(plan) == {"base": "build", "api": "build", "other": "up-to-date"}


# -- tags ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TagCase:
    """A rule, what its tag names now, what else is there, and what must happen to it."""

    action: str
    reason: str
    rule: str
    now: Digest | None = None
    others: tuple[str, ...] = ()
    version: str = "1.4.2"


TAG_CASES = {
    "an immutable tag that is free": TagCase("create", "", "{{version}}"),
    "an immutable tag that names it": TagCase("keep", "", "{{version}}", ONE),
    "an immutable tag that is taken":
        TagCase("refuse", "it names another content already", "{{version}}", OTHER),
    "a commit's tag that is taken":
        TagCase("refuse", "it names another content already", "sha-{{sha}}", OTHER),
    "a line that is free": TagCase("create", "", "{{major}}"),
    "a line that names it": TagCase("keep", "", "{{major}}", ONE),
    "a line that moves": TagCase("move", "", "{{major}}", OTHER, ("1.4.1",)),
    "a line with a newer one": TagCase("keep", "1.5.0 is newer", "{{major}}", OTHER, ("1.5.0",)),
    "a line that is free, with a newer one":
        TagCase("keep", "1.5.0 is newer", "{{major}}", None, ("1.5.0",)),
    "a line that names it, with a newer one": TagCase("keep", "", "{{major}}", ONE, ("1.5.0",)),
    "a line of an older major":
        TagCase("move", "", "{{major}}", OTHER, ("2.0.1", "2.0.0"), "1.9.1"),
    "latest with a newer major":
        TagCase("keep", "2.0.1 is newer", "latest", OTHER, ("2.0.1", "2.0.0"), "1.9.1"),
    "latest with a newer prerelease": TagCase("move", "", "latest", OTHER, ("2.0.0-rc.1",)),
    "a branch": TagCase("move", "", "{{branch}}", OTHER, ("9.9.9",)),
    "a branch that names it": TagCase("keep", "", "{{branch}}", ONE),
}  # fmt: skip


@pytest.mark.parametrize("case", TAG_CASES.values(), ids=TAG_CASES)
def test_what_happens_to_a_tag(case: TagCase) -> None:
    asked = request("api", tags=[case.rule], version=case.version)
    (reference,) = (one for _, _, one in asked.candidates()[0].references)
    held = {f"{API}:{tag_of(asked, 'api')}": ONE}
    held |= {f"{API}:{other}": OTHER for other in case.others}
    held |= {str(reference): case.now} if case.now else {}
    plan = asked.plan(World(registry(held)))
    assert tags(plan.images[0]) == {str(reference): (case.action, case.reason)}
    assert plan.images[0].references[0].before == case.now
    written = case.action in {"create", "move"}
    assert keys(plan) == ([f"tag:{reference}"] if written else [])
    assert bool(plan.refused) is (case.action == "refuse")
    assert plan.changes is (written or case.action == "refuse")


def test_an_immutable_tag_is_refused_before_any_build() -> None:
    asked = request("api", tags=["{{version}}"])
    plan = asked.plan(World(registry({f"{API}:1.4.2": OTHER})))
    assert [(str(one.reference), one.before) for one in plan.refused] == [(f"{API}:1.4.2", OTHER)]
    assert actions(plan) == {"api": "build"}


def test_versions_spelled_with_a_suffix_hold_a_line_too() -> None:
    asked = request("api", tags=["{{version}}-alpine", "{{major}}-alpine"])
    held = {f"{API}:1.5.0-alpine": OTHER, f"{API}:1-alpine": OTHER}
    plan = asked.plan(World(registry(held)))
    assert tags(plan.images[0])[f"{API}:1-alpine"] == ("keep", "1.5.0 is newer")


def test_skipped_rules_are_in_the_plan_with_their_reasons() -> None:
    plan = request("api", tags=["latest", "{{version}}"], version="2.0.0-rc.1").plan()
    assert [(one.rule, one.reason) for one in plan.images[0].skipped] == [
        ("latest", "2.0.0-rc.1 is a prerelease")
    ]
    assert list(tags(plan.images[0])) == [f"{API}:2.0.0-rc.1"]


def test_lines_stay_where_there_is_no_version() -> None:
    rules = ["{{major}}", "{{version}}", "sha-{{sha}}", "{{branch}}"]
    asked = request("api", tags=rules, version=None)
    plan = asked.plan()
    assert plan.version is None
    assert list(tags(plan.images[0])) == [f"{API}:sha-abc1234", f"{API}:main"]


def test_each_registry_is_judged_by_what_it_holds() -> None:
    asked = request("api", BOTH, ["{{version}}"])
    made_of = tag_of(asked, "api")
    held = {f"{API}:{made_of}": ONE, f"{API}:1.4.2": ONE, f"{HUB_API}:1.4.2": ONE}
    plan = asked.plan(World(registry(held)))
    assert tags(plan.images[0]) == {f"{API}:1.4.2": ("keep", ""), f"{HUB_API}:1.4.2": ("keep", "")}
    assert keys(plan) == ["copy:api@hub"]
    assert plan.images[0].digest == ONE
    assert plan.images[0].digests == (("ghcr", ONE),)


# -- helpers that go nowhere -----------------------------------------------------------------

HELPER: dict[str, dict[str, object]] = {"base": {"push_to": []}}


def test_a_helper_is_built_where_a_build_stands_on_it() -> None:
    plan = request("base; api: base", tags=[], images=HELPER).plan()
    assert keys(plan) == ["build:base", "build:api", "push:api@ghcr"]
    assert summary(plan)["base"][:2] == ("build", "not-in-engine")
    assert plan.images[0].references == ()


def test_a_helper_is_left_alone_where_nothing_is_built_on_it() -> None:
    asked = request("base; mid: base; api: mid", tags=[], images={**HELPER, "mid": {"push_to": []}})
    plan = asked.plan(World(registry({f"{API}:{tag_of(asked, 'api')}": ONE})))
    assert keys(plan) == []
    assert summary(plan) == {
        "base": ("up-to-date", "not-needed", "it goes to no registry, and no build needs it"),
        "mid": ("up-to-date", "not-needed", "it goes to no registry, and no build needs it"),
        "api": ("up-to-date", "nothing-changed", ""),
    }


def test_a_helper_in_the_engine_is_not_built_again() -> None:
    asked = request("base; api: base", tags=[], images=HELPER)
    made_of = print_of(asked, "base")
    plan = asked.plan(World(local={made_of: local(made_of, "base:fp")}))
    assert keys(plan) == ["build:api", "push:api@ghcr"]


def test_an_image_that_goes_nowhere_and_that_nothing_stands_on_is_built() -> None:
    assert keys(request("base", images=HELPER).plan()) == ["build:base"]


# -- a part of the images --------------------------------------------------------------------


def test_only_leaves_upstreams_alone_that_are_there() -> None:
    asked = request("base; api: base", tags=[], chosen=frozenset({"api"}))
    held = registry({f"ghcr.io/acme/shop/base:{tag_of(asked, 'base')}": ONE})
    plan = asked.plan(World(held))
    assert actions(plan) == {"api": "build"}
    assert keys(plan) == ["build:api", "push:api@ghcr"]
    assert plan.steps[0].needs == ()


def test_only_without_the_upstream_is_refused() -> None:
    asked = request("base; api: base", chosen=frozenset({"api"}))
    with pytest.raises(PlanError, match='"api" needs "base", which is not built yet') as caught:
        asked.plan()
    assert caught.value.code == 3
    assert "--only" in (caught.value.hint or "")


def test_only_names_the_image_that_was_asked_for() -> None:
    asked = request("base; mid: base; api: mid", chosen=frozenset({"api"}))
    with pytest.raises(PlanError, match='"api" needs "mid"'):
        asked.plan()


def test_only_does_not_miss_what_nothing_will_be_built_on() -> None:
    asked = request("base; mid: base; api: mid", tags=[], chosen=frozenset({"api"}))
    plan = asked.plan(World(registry({f"{API}:{tag_of(asked, 'api')}": ONE})))
    assert actions(plan) == {"api": "up-to-date"}


# -- the engine alone ------------------------------------------------------------------------


def test_a_local_plan_builds_and_names_and_pushes_nothing() -> None:
    asked = request("base; api: base", tags=["{{version}}"], mode=Mode.LOCAL, images=HELPER)
    plan = asked.plan()
    assert keys(plan) == ["build:base", "build:api"]
    assert summary(plan)["api"][:2] == ("build", "not-in-engine")
    assert tags(plan.images[1]) == {f"{API}:1.4.2": ("create", "")}
    (api,) = (one.step for one in plan.steps if one.step.image == "api")
    assert isinstance(api, BuildStep)
    assert [str(name) for name in api.names] == [f"{API}:{tag_of(asked, 'api')}", f"{API}:1.4.2"]


def test_a_local_plan_names_what_is_there_already() -> None:
    asked = request("api", tags=["{{version}}", "latest"], mode=Mode.LOCAL)
    made_of = print_of(asked, "api")
    there = local(made_of, f"{API}:1.4.2")
    plan = asked.plan(World(local={made_of: there}))
    assert summary(plan) == {"api": ("retag", "tags-differ", "latest")}
    assert [one.step for one in plan.steps] == [
        NameStep("api", there.image_id, (Reference.parse(f"{API}:latest"),))
    ]


def test_a_local_plan_has_nothing_to_do_where_all_names_are_there() -> None:
    asked = request("api", {}, ["{{version}}"], mode=Mode.LOCAL)
    made_of = print_of(asked, "api")
    plan = asked.plan(World(local={made_of: local(made_of, "api:1.4.2")}))
    assert summary(plan) == {"api": ("up-to-date", "nothing-changed", "")}
    assert (keys(plan), plan.images[0].digests, plan.images[0].digest) == ([], (), None)


def test_concerns_are_handed_on() -> None:
    asked = request("api")
    concern = Concern("shallow clone", "fetch more")
    plan = make_plan("shop", None, asked.candidates(), World(), Mode.PUBLISH, (concern,))
    assert plan.concerns == (concern,)


# -- plan, play, plan again ------------------------------------------------------------------


@dataclass
class Play:
    """A world of two dicts, on which steps are played in the order that their stages allow.

    ``salt`` makes every build come out different, as builds do.
    """

    registries: dict[Reference, Digest] = field(default_factory=dict)
    engine: dict[str, LocalImage] = field(default_factory=dict)
    salt: int = 0

    def world(self, asked: Request) -> World:
        """What an observer would see of everything that the request is about."""
        tags: dict[Repository, tuple[str, ...]] = {}
        for reference in sorted(self.registries, key=str):
            tags[reference.repository] = (*tags.get(reference.repository, ()), str(reference.tag))
        return World(RegistryFacts(dict(self.registries), tags), dict(self.engine), asked.bases)

    def run(self, asked: Request) -> Play:
        plan = asked.plan(self.world(asked))
        self.play(plan, {one.name: str(one.fingerprint) for one in asked.candidates()})
        return self

    def play(self, plan: Plan, prints: Mapping[str, str]) -> None:
        done: set[str] = set()
        planned = {one.key for one in plan.steps}
        for one in sorted(plan.steps, key=lambda step: step.stage):
            assert set(one.needs) & planned <= done
            self.step(one.step, prints)
            done.add(one.key)

    def step(self, step: object, prints: Mapping[str, str]) -> None:
        match step:
            case BuildStep():
                self.build(step, prints[step.image])
            case NameStep(image, image_id, names):
                found = self.engine[prints[image]]
                assert found.image_id == image_id
                named = dict.fromkeys((*found.references, *names))
                self.engine[prints[image]] = replace(found, references=tuple(named))
            case PushStep(image, _, reference):
                assert reference in self.engine[prints[image]].references
                self.registries[reference] = self.engine[prints[image]].image_id
            case CopyStep(_, _, source, reference):
                assert source.digest in self.held(source)
                assert source.digest is not None
                self.registries[reference] = source.digest
            case TagStep():
                self.tag(step)

    def build(self, step: BuildStep, made_of: str) -> None:
        for link in step.links:
            if link.source is None:
                assert any(f"/{link.image}:" in str(r) for one in self.engine.values() for r in one.references)  # fmt: skip # noqa: E501
            elif link.source.digest is not None:
                assert link.source.digest in self.held(link.source)
            else:
                assert any(link.source in one.references for one in self.engine.values())
        self.salt += 1
        self.engine[made_of] = LocalImage(digest(f"{made_of} {self.salt}"), made_of, step.names)

    def tag(self, step: TagStep) -> None:
        assert self.registries.get(step.reference) == step.before
        if step.kind is TagKind.IMMUTABLE:
            assert step.before is None
        if step.source.digest is not None:
            assert step.source.digest in self.held(step.source)
        self.registries[step.reference] = step.source.digest or self.registries[step.source]

    def held(self, reference: Reference) -> set[Digest]:
        return {
            found
            for one, found in self.registries.items()
            if one.repository == reference.repository
        }


TAG_LISTS = st.lists(
    st.sampled_from([*DEFAULT_TAGS, "{{version}}-slim", "{{major}}-slim", "nightly"]), unique=True
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A request for random images, with random tags, registries and helpers."""
    needs = draw(dags(max_size=5))
    registries = draw(st.sampled_from([GHCR, BOTH, {}]))
    targets = st.lists(st.sampled_from(sorted(registries)), unique=True) if registries else st.just([])  # fmt: skip # noqa: E501
    fields = {
        name: {"tags": draw(TAG_LISTS), "push_to": draw(st.none() | targets)} for name in needs
    }
    return Request(
        needs,
        spec(needs, registries, **fields),
        version=draw(st.sampled_from(["1.4.2", "1.5.0-rc.1", None])),
        mode=draw(st.sampled_from(Mode)),
    )


@given(requests())
@settings(max_examples=200)
def test_a_plan_that_was_done_leaves_nothing_to_do(asked: Request) -> None:
    play = Play().run(asked)
    again = asked.plan(play.world(asked))
    assert not again.changes
    assert again.steps == ()


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["1.4.2", "1.4.3", "1.3.9", "2.0.0", "2.0.1-rc.1", "0.1.0"]),
        st.integers(0, 4),
        st.sampled_from(["abc", "def", "012"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


@given(requests(), CHANGES)
@settings(max_examples=150)
def test_releases_one_after_another_never_touch_what_is_immutable(
    asked: Request, changes: list[tuple[str, int, str, bool]]
) -> None:
    asked = replace(asked, mode=Mode.PUBLISH)
    play, written = Play(), dict[Reference, Digest]()
    for version, image, commit, fresh_machine in changes:
        name = list(asked.needs)[image % len(asked.needs)]
        source = SourceFacts(commit=commit + "0" * 37, branch="main")
        asked = replace(
            asked, version=version, source=source, files={**asked.files, name: f"{version}{image}"}
        )
        play.engine = {} if fresh_machine else play.engine
        plan = asked.plan(play.world(asked))
        if plan.refused:
            event("refused")
            continue
        play.play(plan, {one.name: str(one.fingerprint) for one in asked.candidates()})
        assert asked.plan(play.world(asked)).steps == ()
        assert all(play.registries[reference] == found for reference, found in written.items())
        written |= {
            one.reference: play.registries[one.reference]
            for planned in plan.images
            for one in planned.references
            if one.kind is TagKind.IMMUTABLE
        }
    assert_lines_are_highest(asked, play)


def assert_lines_are_highest(asked: Request, play: Play) -> None:
    """``latest`` and ``1`` name what the highest version of their line names, where both exist."""
    for repository in {reference.repository for reference in play.registries}:
        held = {str(r.tag): d for r, d in play.registries.items() if r.repository == repository}
        finals = [
            (tuple(map(int, tag.split("."))), found)
            for tag, found in held.items()
            if tag.count(".") == 2 and tag.replace(".", "").isdigit()
        ]
        rules = next(
            image.tags or () for name, image in asked.spec.images.items()
            if str(repository).endswith(f"/{name}")
        )  # fmt: skip
        if finals and "latest" in rules and "{{version}}" in rules:
            assert held["latest"] == max(finals)[1]
        if finals and "{{major}}" in rules and "{{version}}" in rules and "1" in held:
            assert held["1"] == max(one for one in finals if one[0][0] == 1)[1]


@given(requests())
@settings(max_examples=60)
def test_a_run_that_was_cut_off_is_finished_by_the_next(asked: Request) -> None:
    whole = asked.plan()
    prints = {one.name: str(one.fingerprint) for one in asked.candidates()}
    for cut in range(len(whole.steps) + 1):
        play = Play()
        ordered = sorted(whole.steps, key=lambda step: step.stage)
        play.play(replace(whole, steps=tuple(ordered[:cut])), prints)
        play.run(asked)
        assert not asked.plan(play.world(asked)).changes


@given(requests())
@settings(max_examples=60)
def test_a_plan_is_the_same_in_any_order_of_the_spec(asked: Request) -> None:
    turned = dict(reversed([*asked.spec.images.items()]))
    other = replace(asked, spec=asked.spec.model_copy(update={"images": turned}))
    assert other.plan().to_json() == asked.plan().to_json()
    assert sorted(keys(other.plan())) == sorted(keys(asked.plan()))


def test_registries_that_were_not_asked_are_not_taken_to_be_empty() -> None:
    asked = request("a; b: a", registries=BOTH)
    made_of = print_of(asked, "a")
    plan = asked.plan(World(local={made_of: local(made_of, "a:fp")}, asked=False))
    assert summary(plan) == {
        "a": ("push", "not-asked", "in the engine"),
        "b": ("build", "not-asked", "not in the engine"),
    }
    assert plan.as_json()["offline"] is True
    assert "offline" not in asked.plan().as_json()


def test_every_action_has_been_seen() -> None:
    seen = {case.expected[0] for case in CASES.values()}
    assert seen == {action.value for action in Action}
    assert {case.action for case in TAG_CASES.values()} == {one.value for one in TagAction}
