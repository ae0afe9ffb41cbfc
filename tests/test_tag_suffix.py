"""``tag_suffix``: two images in one repository, each with tags and versions of its own."""

from __future__ import annotations

import pytest

from releaser import loader
from releaser.core.events import RunResult
from releaser.core.facts import EventFacts, SourceFacts
from releaser.core.oci import Repository
from releaser.core.promoted import Destinations
from releaser.core.spec import Spec
from releaser.core.tag_kinds import Kind, kind_of, spellings
from releaser.core.tagging import Situation, evaluate, policy_for, released, versions_among
from releaser.core.version import Version
from releaser.errors import SpecError
from releaser.executor import Limits
from releaser.pipeline import Promoting, plan_promotion, promote
from tests.world import World, released_at

SPEC = """\
version: 1
project: shop
registries: {ghcr: ghcr.io/acme/shop}
images:
  api: {context: api, target: runtime}
  api-debug: {extends: api, target: debug, tag_suffix: -debug, repository: api}
"""
FILES = {
    "api/Dockerfile": "FROM busybox:1 AS runtime\nCOPY f /\nFROM runtime AS debug\nRUN debug\n",
    "api/f": "",
}
HERE = Repository.parse("ghcr.io/acme/shop/api")
COMMIT = "1a2b3c4" + "0" * 33


def loaded(text: str) -> Spec:
    return loader.load(text.encode(), "images.yaml", project="shop").spec


def with_rules(*lines: str) -> str:
    rules = "".join(f"    {line}\n" for line in lines)
    return SPEC.replace(
        "images:", f"tag_policies:\n  own:\n{rules}defaults: {{tags: own}}\nimages:"
    )


def tags_of(text: str, ref: str, version: str | None = None, image: str = "api-debug") -> str:
    spec = loaded(text)
    known = Version.parse(version) if version else None
    event = EventFacts("push", ref, default_branch="main", now=0, commit_time=0)
    source = SourceFacts(commit=COMMIT, branch=event.branch)
    at = Situation(known, source, event, image, "shop", is_release=version is not None)
    return " ".join(str(one.tag) for one in evaluate(policy_for(spec, image, known), at).wanted)


def release(world: World, version: str, *images: str) -> RunResult:
    world.files["/project/api/f"] = version
    world.source = released_at(version)
    result = world.release(*images, only=bool(images))
    assert result.error is None
    return result


def test_default_rules_and_latest() -> None:
    found = tags_of(SPEC, "refs/heads/main", "1.4.2")
    assert found == ("1.4.2-debug 1.4-debug 1-debug latest-debug sha-1a2b3c4-debug main-debug")
    assert tags_of(SPEC, "refs/heads/main", "1.4.2", "api") == found.replace("-debug", "")


@pytest.mark.parametrize(
    ("flavor", "tags"),
    [
        ("latest=auto", "1.4.2-debug 1.4-x-debug latest-debug"),
        ("suffix=-slim", "1.4.2-slim-debug 1.4-x-debug latest-debug"),
        ("{suffix: -slim, onlatest: true}", "1.4.2-slim-debug 1.4-x-debug latest-slim-debug"),
        ("{latest: false, prefix: a-}", "a-1.4.2-debug a-1.4-x-debug"),
    ],
)
def test_lines_of_metadata_action_with_a_flavor(flavor: str, tags: str) -> None:
    text = with_rules(
        "rules:",
        "- type=semver,pattern={{version}}",
        "- type=semver,pattern={{major}}.{{minor}},suffix=-x",
        f"flavor: {flavor}",
    )
    assert tags_of(text, "refs/tags/v1.4.2") == tags


def test_what_comes_out_empty_is_no_tag_of_the_suffix_alone() -> None:
    text = with_rules('rules: ["{{prerelease}}", "{{version}}"]')
    assert tags_of(text, "refs/tags/v1.4.2", "1.4.2") == "1.4.2-debug"
    assert tags_of(text, "refs/tags/v1.4.2", "1.4.2-rc.1") == "1.4.2-rc.1-debug"


@pytest.mark.parametrize("branch", ["1", "1.4", "latest", "1a2b3c4"])
def test_a_branch_does_not_pass_for_a_version_or_a_commit(branch: str) -> None:
    text = with_rules('rules: ["{{version}}", "{{branch}}"]')
    assert tags_of(text, f"refs/heads/{branch}") == ""
    assert tags_of(text, f"refs/heads/{branch}-debug", image="api") == ""
    assert tags_of(text, "refs/heads/fix") == "fix-debug"


def test_two_images_in_one_repository_need_a_suffix() -> None:
    with pytest.raises(SpecError, match='images "api" and "api-debug" both get the same tags'):
        loaded(SPEC.replace("tag_suffix: -debug, ", ""))
    text = with_rules("rules: ['{{version}}', latest]")
    with pytest.raises(SpecError, match=r'both get the tag "\{\{version}}"'):
        loaded(text.replace("tag_suffix: -debug, ", ""))
    more = "  other: {context: api, repository: api, tag_suffix: -debug}\n"
    with pytest.raises(SpecError, match='"api-debug" and "other" both get the same tags'):
        loaded(SPEC + more)


def test_a_suffix_written_by_hand_meets_the_same_one() -> None:
    more = "  other: {context: api, repository: api, tags: ['{{version}}-debug']}\n"
    text = with_rules("rules: ['{{version}}']")
    with pytest.raises(SpecError, match=r'both get the tag "\{\{version}}-debug"'):
        loaded(text + more)


def test_versions_are_judged_among_their_own() -> None:
    spec = loaded(SPEC)
    tags = ["1.4.2", "1.5.0", "1.4.2-debug", "1.6.0-rc.1-debug", "latest-debug", "1.7.0-rc.1"]
    assert versions_among(tags, spec, "api") == (Version(1, 4, 2), Version(1, 5, 0))
    assert versions_among(tags, spec, "api-debug") == (Version(1, 4, 2),)
    assert released(["1.4-debug"], image="", project="", python=True, behind="-debug") == (
        Version(1, 4, 0),
    )


def test_pruning_knows_versions_with_a_suffix() -> None:
    around = spellings(loaded(SPEC), ["api", "api-debug"])
    assert kind_of("1.4.2-debug", around) == (Kind.VERSION, Version(1, 4, 2))
    early = Version(1, 5, 0, "rc.1")
    assert kind_of("1.5.0-rc.1-debug", around) == (Kind.PRERELEASE, early)
    assert kind_of("1.5.0-rc.1", around) == (Kind.PRERELEASE, early)


def test_a_candidate_becomes_the_version() -> None:
    world = World(SPEC, FILES)
    release(world, "1.4.3-rc.1")
    goal = Destinations.parse(["1.4.3"], [], ("ghcr",))
    asked = Promoting("1.4.3-rc.1", goal, ("api-debug",))
    plan = plan_promotion(world.project, world.adapters, asked)
    assert promote(plan, world.adapters, world.heard, Limits()).error is None
    assert f"{HERE}:1.4.3-debug" in world.public()
    assert f"{HERE}:1.4.3" not in world.public()


def test_lines_move_among_their_own() -> None:
    world = World(SPEC, FILES)
    release(world, "1.4.2")
    release(world, "1.5.0", "api")
    public = world.public()
    assert public[f"{HERE}:latest"] == public[f"{HERE}:1.5.0"]
    assert public[f"{HERE}:latest-debug"] == public[f"{HERE}:1.4.2-debug"]
    # 1.5.0 of the other image keeps no tag of this one where it is, and 1.4.3-debug none of that.
    release(world, "1.4.3", "api-debug")
    after = world.public()
    assert after[f"{HERE}:latest-debug"] == after[f"{HERE}:1.4.3-debug"]
    assert after[f"{HERE}:1.4-debug"] == after[f"{HERE}:1.4.3-debug"]
    assert {tag: digest for tag, digest in after.items() if not tag.endswith("-debug")} == {
        tag: digest for tag, digest in public.items() if not tag.endswith("-debug")
    }
    release(world, "1.4.1", "api-debug")
    assert world.public()[f"{HERE}:latest-debug"] == after[f"{HERE}:latest-debug"]


def test_what_is_promoted_keeps_its_suffix() -> None:
    world = World(SPEC, FILES)
    release(world, "1.4.2")
    for asked in ("1.4.2", "latest", "1.4.2-debug"):
        images = ("api-debug",) if asked.endswith("-debug") else ()
        goal = Destinations.parse(["stable"], [], ("ghcr",))
        plan = plan_promotion(world.project, world.adapters, Promoting(asked, goal, images))
        assert promote(plan, world.adapters, world.heard, Limits()).error is None
    public = world.public()
    assert public[f"{HERE}:stable"] == public[f"{HERE}:1.4.2"]
    assert public[f"{HERE}:stable-debug"] == public[f"{HERE}:1.4.2-debug"]


@pytest.mark.parametrize("suffix", ["/x", "a b", "+x", "'{{version}}'", "x" * 65])
def test_what_cannot_stand_behind_a_tag(suffix: str) -> None:
    with pytest.raises(SpecError):
        loaded(SPEC.replace("-debug, rep", f"{suffix}, rep"))


def test_a_suffix_may_come_from_a_variable() -> None:
    text = SPEC.replace("-debug, rep", "'-{{vars.kind}}', rep").replace(
        "images:", "vars: {kind: dev}\nimages:"
    )
    assert loaded(text).images["api-debug"].tag_suffix == "-dev"
