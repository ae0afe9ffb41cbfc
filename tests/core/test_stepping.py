"""What the builder, the engine and the registries are asked to do, and in which order."""

from __future__ import annotations

from itertools import pairwise

import pytest

from releaser.core.candidate import World
from releaser.core.facts import FINGERPRINT_LABEL, IMAGE_LABEL
from releaser.core.oci import Digest, Reference
from releaser.core.plan import Mode, Plan
from releaser.core.steps import (
    Base,
    BuildStep,
    CopyStep,
    Line,
    Link,
    NamedContext,
    Secret,
    TagKind,
    TagStep,
)
from releaser.core.version import Version
from tests.build import ARM64, BOTH, Request, digest, dockerfile, local, registry, request

ONE = digest("one")
BASE = "ghcr.io/acme/shop/base"
API = "ghcr.io/acme/shop/api"


def build_of(plan: Plan, image: str) -> BuildStep:
    (step,) = (one.step for one in plan.steps if one.key == f"build:{image}")
    assert isinstance(step, BuildStep)
    return step


def needs(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {one.key: one.needs for one in plan.steps if not isinstance(one.step, TagStep)}


def prints(asked: Request) -> dict[str, str]:
    return {one.name: str(one.fingerprint) for one in asked.candidates()}


def marks(asked: Request) -> dict[str, str]:
    """The tag of each image's fingerprint."""
    return {one.name: one.fingerprint.tag for one in asked.candidates()}


# -- order -----------------------------------------------------------------------------------


def test_content_needs_what_it_is_made_from() -> None:
    plan = request("a; b: a; c: a b", BOTH, []).plan()
    assert needs(plan) == {
        "build:a": (),
        "push:a@ghcr": ("build:a",),
        "push:a@hub": ("build:a",),
        "build:b": ("build:a",),
        "push:b@ghcr": ("build:b",),
        "push:b@hub": ("build:b",),
        "build:c": ("build:a", "build:b"),
        "push:c@ghcr": ("build:c",),
        "push:c@hub": ("build:c",),
    }
    assert {one.stage for one in plan.steps} == {0}


def test_public_tags_come_last_from_narrow_to_wide() -> None:
    rules = [
        "latest",
        "{{branch}}",
        "{{major}}",
        "{{major}}.{{minor}}",
        "sha-{{sha}}",
        "{{version}}",
    ]
    plan = request("a; b: a", tags=rules).plan()
    stages: dict[int, list[str]] = {}
    for one in plan.steps:
        stages.setdefault(one.stage, []).append(one.key.removeprefix("tag:ghcr.io/acme/shop/"))
    assert stages == {
        0: ["build:a", "push:a@ghcr", "build:b", "push:b@ghcr"],
        1: ["a:1.4.2", "a:sha-abc1234"],
        2: ["b:1.4.2", "b:sha-abc1234"],
        3: ["a:1.4"],
        4: ["b:1.4"],
        5: ["a:1"],
        6: ["b:1"],
        7: ["a:main"],
        8: ["b:main"],
        9: ["a:latest"],
        10: ["b:latest"],
    }
    assert all(one.stage <= after.stage for one, after in pairwise(plan.steps))


def test_images_that_do_not_need_each_other_share_their_stages() -> None:
    plan = request("a; b", BOTH, ["{{version}}", "latest"]).plan()
    assert sorted({one.stage for one in plan.steps}) == [0, 1, 2]


def test_an_upstream_that_the_plan_leaves_alone_makes_no_stage() -> None:
    asked = request("base; api: base", tags=["{{version}}"], chosen=frozenset({"api"}))
    plan = asked.plan(World(registry({f"{BASE}:{marks(asked)['base']}": ONE})))
    assert {one.key: one.stage for one in plan.steps} == {
        "build:api": 0,
        "push:api@ghcr": 0,
        f"tag:{API}:1.4.2": 1,
    }


def test_a_tag_step_says_what_it_shall_name_and_what_it_names_now() -> None:
    asked = request("api", tags=["{{version}}", "latest"])
    content = f"{API}:{marks(asked)['api']}"
    plan = asked.plan(World(registry({content: ONE, f"{API}:latest": digest("old")})))
    source = Reference.parse(content).repository.at(ONE)
    assert [one.step for one in plan.steps] == [
        TagStep("api", "ghcr", Reference.parse(f"{API}:1.4.2"), TagKind.IMMUTABLE, source),
        TagStep(
            "api",
            "ghcr",
            Reference.parse(f"{API}:latest"),
            TagKind.FLOATING,
            source,
            digest("old"),
            Line("latest", Version(1, 4, 2), ("{{version}}",)),
        ),
    ]


def test_a_tag_of_what_is_yet_to_be_built_is_read_from_the_fingerprints_tag() -> None:
    asked = request("api", tags=["latest"])
    (step,) = (one.step for one in asked.plan().steps if isinstance(one.step, TagStep))
    assert step.source == Reference.parse(f"{API}:{marks(asked)['api']}")


@pytest.mark.parametrize(
    "rules",
    [
        ["{{version}}", "sha-{{sha}}", "v{{version}}", "latest"],
        ["latest", "sha-{{sha}}", "{{version}}", "v{{version}}"],
    ],
)
def test_one_tag_that_names_the_version_is_written_before_all_others_that_never_move(
    rules: list[str],
) -> None:
    """Of two releases of one version from different commits, only such a tag can decide."""
    plan = request("api", BOTH, rules).plan()
    chains = {one.key: one.needs for one in plan.steps if isinstance(one.step, TagStep)}
    for prefix in (f"tag:{API}:", "tag:docker.io/acme/api:"):
        assert chains[f"{prefix}1.4.2"] == ()
        assert chains[f"{prefix}sha-abc1234"] == (f"{prefix}1.4.2",)
        assert chains[f"{prefix}v1.4.2"] == (f"{prefix}1.4.2",)
        assert chains[f"{prefix}latest"] == ()


def test_the_needs_of_a_tag_are_of_its_own_image() -> None:
    plan = request("a; b", tags=["{{version}}", "v{{version}}"]).plan()
    chains = {one.key: one.needs for one in plan.steps if isinstance(one.step, TagStep)}
    place = "tag:ghcr.io/acme/shop"
    assert {key: needs for key, needs in chains.items() if needs} == {
        f"{place}/a:v1.4.2": (f"{place}/a:1.4.2",),
        f"{place}/b:v1.4.2": (f"{place}/b:1.4.2",),
    }


def test_a_copy_names_its_source_by_digest() -> None:
    asked = request("api", BOTH, [])
    mark = marks(asked)["api"]
    plan = asked.plan(World(registry({f"{API}:{mark}": ONE})))
    assert [one.step for one in plan.steps] == [
        CopyStep(
            "api",
            "hub",
            Reference.parse(f"{API}@{ONE}"),
            Reference.parse(f"docker.io/acme/api:{mark}"),
        )
    ]


# -- links -----------------------------------------------------------------------------------


def linked(asked: Request, world: World) -> tuple[Link, ...]:
    return build_of(asked.plan(world), "api").links


def test_a_link_to_what_is_built_too_has_no_source() -> None:
    asked = request("base; api: base", tags=[])
    assert linked(asked, World()) == (Link("base", ("base",), None),)


@pytest.mark.parametrize("where", ["ghcr", "hub", "both"])
def test_a_link_to_what_a_registry_holds_is_a_digest(where: str) -> None:
    asked = request("base; api: base", BOTH, [])
    mark = marks(asked)["base"]
    places = {"ghcr": f"{BASE}:{mark}", "hub": f"docker.io/acme/base:{mark}"}
    held = {place: ONE for name, place in places.items() if where in {name, "both"}}
    first = next(iter(held)).removesuffix(f":{mark}")
    assert linked(asked, World(registry(held))) == (
        Link("base", ("base",), Reference.parse(f"{first}@{ONE}")),
    )


@pytest.mark.parametrize(
    ("push_to", "names", "expected"),
    [
        pytest.param(None, ["{own}", "x:1"], "{own}", id="pushed now, by its own name"),
        pytest.param(None, ["x:1", "x:2"], "docker.io/library/x:1", id="pushed now, by another"),
        pytest.param([], ["x:1", "{own}"], "{own}", id="a helper, by its own name"),
        pytest.param([], ["x:1"], "docker.io/library/x:1", id="a helper, by another name"),
    ],
)
def test_a_link_to_what_the_engine_holds_is_a_name(
    push_to: list[str] | None, names: list[str], expected: str
) -> None:
    asked = request("base; api: base", tags=[], images={"base": {"push_to": push_to}})
    own = str(asked.candidates()[0].local_names[0])
    made_of = prints(asked)["base"]
    store = {made_of: local(made_of, *(name.replace("{own}", own) for name in names))}
    (link,) = linked(asked, World(local=store))
    assert str(link.source) == expected.replace("{own}", own)


def test_a_link_bears_the_names_that_the_dockerfile_uses() -> None:
    file = dockerfile(f"FROM {BASE}:1", "COPY --from=base / /")
    asked = request("base; api: base", tags=[], dockerfiles={"api": file})
    assert linked(asked, World()) == (Link("base", (f"{BASE}:1", "base"), None),)


def test_an_upstream_that_only_the_spec_names_is_a_link_without_names() -> None:
    asked = request(
        "base; api: base",
        tags=[],
        images={"api": {"needs": ["base"]}},
        dockerfiles={"api": dockerfile("FROM scratch")},
    )
    plan = asked.plan()
    assert build_of(plan, "api").links == (Link("base", (), None),)
    assert needs(plan)["build:api"] == ("build:base",)


# -- the build -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pin", "reference", "bases"),
    [
        (f"docker.io/library/alpine@{ONE}", "alpine:3", {"alpine:3": ONE}),
        (f"quay.io/acme/os@{ONE}", "quay.io/acme/os", {"quay.io/acme/os": ONE}),
        (None, "alpine:3", {"alpine:3": None}),
        (None, "alpine:3", {}),
    ],
)
def test_a_base_image_is_pinned(
    pin: str | None, reference: str, bases: dict[str, Digest | None]
) -> None:
    file = dockerfile(f"FROM {reference}")
    asked = request("api", dockerfiles={"api": file}, bases=bases)
    expected = Base(reference, Reference.parse(pin) if pin else None)
    assert build_of(asked.plan(), "api").bases == (expected,)


@pytest.mark.parametrize(
    ("pin", "bases"),
    [(f"docker.io/library/alpine@{ONE}", {"alpine:3": ONE}), ("docker.io/library/alpine:3", {})],
    ids=["pinned", "nobody says its digest"],
)
def test_a_context_that_is_an_image_always_has_a_source(
    pin: str, bases: dict[str, Digest | None]
) -> None:
    asked = request(
        "api",
        images={"api": {"additional_contexts": {"os": "docker-image://alpine:3"}}},
        dockerfiles={"api": dockerfile("FROM os")},
        bases=bases,
    )
    step = build_of(asked.plan(), "api")
    assert step.bases == (Base("os", Reference.parse(pin)),)
    assert step.contexts == ()


@pytest.mark.parametrize(
    ("contexts", "source"),
    [
        ((NamedContext("conf", "/src/conf"),), "conf"),
        ((NamedContext("conf", "/src/@acme/conf"),), "./@acme/conf"),
        ((NamedContext("conf", "https://example.com/x.git#v1"),), "https://example.com/x.git#v1"),
        ((NamedContext("conf", "git@example.com:x.git"),), "git@example.com:x.git"),
        ((), "docker-image://alpine:3"),
        ((), "target:base"),
    ],
)
def test_contexts_that_are_folders_or_urls_are_handed_on(
    contexts: tuple[NamedContext, ...], source: str
) -> None:
    asked = request(
        "base; api",
        images={"api": {"additional_contexts": {"conf": source}}},
        dockerfiles={"api": dockerfile("FROM scratch", "COPY --from=conf / /")},
    )
    assert contexts == build_of(asked.plan(), "api").contexts


def test_a_build_step_carries_all_that_the_builder_needs() -> None:
    asked = request(
        "api",
        BOTH,
        ["latest"],
        {
            "api": {
                "target": "runtime",
                "dockerfile": "docker/api",
                "args": {"V": "{{version}}"},
                "labels": {"org": "acme"},
                "platforms": ["linux/arm64"],
                "secrets": [{"id": "a", "env": "A"}, {"id": "b", "file": "./keys/b"}],
                "ssh": ["default"],
                "extra_hosts": ["db=10.0.0.1"],
                "network": "none",
                "no_cache": "true",
                "pull": "true",
                "shm_size": "64m",
                "provenance": "true",
                "cache_from": ["type=gha"],
                "cache_to": ["type=gha,mode=max"],
            }
        },
        dockerfiles={"api": dockerfile("FROM scratch AS runtime")},
    )
    mark = marks(asked)["api"]
    assert build_of(asked.plan(), "api") == BuildStep(
        image="api",
        context="/src/api",
        dockerfile="/src/api/docker/api",
        names=(Reference.parse(f"{API}:{mark}"), Reference.parse(f"docker.io/acme/api:{mark}")),
        target="runtime",
        args=(("V", "1.4.2"),),
        labels=(
            ("org", "acme"),
            (FINGERPRINT_LABEL, prints(asked)["api"]),
            (IMAGE_LABEL, "shop/api"),
        ),
        platforms=(ARM64,),
        secrets=(Secret("a", env="A"), Secret("b", file="/src/keys/b")),
        ssh=("default",),
        extra_hosts=(("db", "10.0.0.1"),),
        network="none",
        no_cache=True,
        pull=True,
        shm_size="64m",
        provenance="mode=min",
        cache_from=("type=gha",),
        cache_to=("type=gha,mode=max",),
    )


def test_a_local_build_is_named_by_its_public_tags_at_once() -> None:
    asked = request("api", {}, ["{{version}}", "latest"], mode=Mode.LOCAL)
    mark = marks(asked)["api"]
    names = [str(name) for name in build_of(asked.plan(), "api").names]
    assert names == [f"docker.io/library/api:{tag}" for tag in (mark, "1.4.2", "latest")]


def test_an_image_is_named_before_it_is_pushed() -> None:
    asked = request("api", BOTH, [])
    made_of, mark = prints(asked)["api"], marks(asked)["api"]
    plan = asked.plan(World(local={made_of: local(made_of, f"{API}:{mark}")}))
    assert needs(plan) == {
        "name:api": (),
        "push:api@ghcr": ("name:api",),
        "push:api@hub": ("name:api",),
    }
    name = plan.steps[0].step
    assert getattr(name, "names", ()) == (Reference.parse(f"docker.io/acme/api:{mark}"),)
