"""``releaser promote`` in memory: tags, registries, what is attached, and what must not happen."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from releaser.core.events import RunResult
from releaser.core.oci import Digest, Reference, Repository, Tag, referrers_tag
from releaser.core.plan import TagAction
from releaser.core.promoted import Destinations
from releaser.core.promotion import Promotion
from releaser.core.record import PREFIX
from releaser.core.version import Version
from releaser.core.withdrawal import Withdrawal, Withdrawals, withdrawal_reference
from releaser.errors import (
    PartialError,
    PlanError,
    RegistryError,
    SpecError,
    UnknownError,
)
from releaser.executor import Limits
from releaser.pipeline import Promoting, plan_promotion, promote
from releaser.reports.carried import Carried
from releaser.reports.promotion import promotion_json, promotion_text
from tests.fakes.registry import FakeRegistry, Image, image, index, listing, signature
from tests.world import World, released_at

GOLDEN = Path(__file__).parent / "golden" / "publishing"
SPEC = """\
version: 1
project: shop
registries:
  staging: staging.example/shop
  prod: prod.example/shop
defaults: {push_to: [staging]}
images:
  base: {context: base}
  api: {context: api}
"""
FILES = {
    "base/Dockerfile": "FROM busybox:latest\nCOPY f /\n",
    "base/f": "base",
    "api/Dockerfile": "FROM base\nCOPY f /\n",
    "api/f": "api",
}
STAGING, PROD = "staging.example/shop", "prod.example/shop"


@pytest.fixture
def world() -> World:
    """Version 1.4.2 is released to staging."""
    made = World(SPEC, FILES)
    assert made.release().error is None
    return made


def release(world: World, version: str, text: str) -> None:
    world.files["/project/api/f"] = text
    world.source = released_at(version)
    assert world.release().error is None


def planned(
    world: World,
    asked: str,
    *images: str,
    to: Sequence[str] = (),
    tags: Sequence[str] = (),
    source: str | None = None,
) -> Promotion:
    goal = Destinations.parse(to, tags, tuple(world.project.spec.registries))
    return plan_promotion(world.project, world.adapters, Promoting(asked, goal, images, source))


def done(world: World, plan: Promotion) -> RunResult:
    return promote(plan, world.adapters, world.heard, Limits())


def promoted(world: World, asked: str, *images: str, **fields: Sequence[str]) -> RunResult:
    return done(world, planned(world, asked, *images, **fields))  # type: ignore[arg-type]


def tags_in(world: World, repository: str) -> dict[str, str]:
    held = world.registry.repositories.get(Repository.parse(repository))
    return {tag: str(digest) for tag, digest in held.tags.items()} if held else {}


def actions(plan: Promotion) -> dict[str, str]:
    references = (one.plan for arrival in plan.arrivals for one in arrival.tags)
    return {str(one.reference): f"{one.action.value} {one.reason}".strip() for one in references}


def test_a_tag_in_the_same_registry(world: World) -> None:
    plan = planned(world, "1.4.2", to=["stable"])
    assert actions(plan) == {f"{STAGING}/{name}:stable": "create" for name in ("base", "api")}
    assert done(world, plan).error is None
    for name in ("base", "api"):
        found = tags_in(world, f"{STAGING}/{name}")
        assert found["stable"] == found["1.4.2"]
    assert world.registry.called("copy") == []
    assert not planned(world, "1.4.2", to=["stable"]).changes


def test_another_registry_gets_the_version_with_its_tags(world: World) -> None:
    assert promoted(world, "1.4.2", to=["prod"], tags=["stable"]).error is None
    for name in ("base", "api"):
        here, there = (tags_in(world, f"{place}/{name}") for place in (STAGING, PROD))
        fingerprint = next(tag for tag in here if re.fullmatch("fp-[0-9a-f]{16}", tag))
        wanted = (fingerprint, "1.4.2", "1.4", "1", "latest", "stable")
        assert there == dict.fromkeys(wanted, here["1.4.2"])
        assert not any(tag.startswith(PREFIX) for tag in there)
    again = planned(world, "1.4.2", to=["prod"], tags=["stable"])
    assert not again.changes
    assert again.steps() == ()


def test_what_a_registry_lost_is_brought_again(world: World) -> None:
    assert promoted(world, "1.4.2", to=["prod"]).error is None
    held = world.registry.repositories[Repository.parse(f"{PROD}/api")]
    config = held.manifests[held.tags["1.4.2"]].config
    lost = next(one for one in held.blobs if one != config)
    content = held.blobs.pop(lost)
    again = planned(world, "1.4.2", to=["prod"])
    assert {arrival.image for arrival in again.arrivals if arrival.copied} == {"api"}
    assert done(world, again).error is None
    assert held.blobs[lost] == content
    assert not planned(world, "1.4.2", to=["prod"]).changes


@pytest.mark.parametrize("tag", ["sha-1234567", "3.0.0", "v3.0.0"])
def test_a_tag_that_would_be_untrue(world: World, tag: str) -> None:
    with pytest.raises(SpecError) as caught:
        planned(world, "1.4.2", to=[tag])
    assert f'"{tag}"' in caught.value.message
    assert caught.value.hint


def test_nothing_is_built_and_the_order_is_content_then_narrow_to_wide(world: World) -> None:
    builds, pushes = len(world.builder.batches), len(world.engine.calls)
    world.registry.calls.clear()
    assert promoted(world, "1.4.2", to=["prod"]).error is None
    assert (len(world.builder.batches), len(world.engine.calls)) == (builds, pushes)
    writes = [c for c in world.registry.calls if c.method in {"copy", "put", "attach"}]
    assert [c.method for c in writes[:2]] == ["copy", "copy"]
    tags = [c.subject.rpartition(":")[2] for c in writes[2:]]
    assert tags == ["1.4.2", "1.4.2", "1.4", "1.4", "1", "1", "latest", "latest"]


def test_latest_is_the_version_that_it_is(world: World) -> None:
    release(world, "1.5.0", "new")
    plan = planned(world, "latest", to=["prod"])
    assert {str(one.origin.version) for one in plan.images} == {"1.5.0"}
    assert f"{PROD}/api:1.5.0" in actions(plan)


def test_a_tag_that_is_no_version_goes_alone(world: World) -> None:
    world.registry.seed_image(f"{STAGING}/api:edge", "edge")
    plan = planned(world, "edge", "api", to=["prod"])
    assert actions(plan) == {f"{PROD}/api:edge": "create"}
    assert done(world, plan).error is None
    assert tags_in(world, f"{PROD}/api") == {"edge": str(image("edge").digest)}
    # it is there by its digest alone, since nothing says its fingerprint
    assert f"{PROD}/api@{image('edge').digest}" in world.registry.called("copy")


def test_lines_move_only_forward(world: World) -> None:
    release(world, "1.5.0", "new")
    assert promoted(world, "1.5.0", to=["prod"]).error is None
    plan = planned(world, "1.4.2", to=["prod"])
    found = actions(plan)
    assert found[f"{PROD}/api:1.4.2"] == "create"
    assert found[f"{PROD}/api:1.4"] == "create"
    assert found[f"{PROD}/api:1"] == "keep 1.5.0 is newer"
    assert found[f"{PROD}/api:latest"] == "keep 1.5.0 is newer"
    assert done(world, plan).error is None
    here = tags_in(world, f"{PROD}/api")
    assert here["latest"] == here["1.5.0"] != here["1.4.2"] == here["1.4"]


def withdraw(world: World, place: str, version: Version) -> None:
    kept = Withdrawals("api", (Withdrawal(version),))
    repository = Repository.parse(f"{place}/api")
    world.registry.write_record(withdrawal_reference(repository, "api"), kept.pack())


def test_a_version_that_was_rolled_back_there_moves_no_line(world: World) -> None:
    withdraw(world, PROD, Version(1, 4, 2))
    found = actions(planned(world, "1.4.2", "api", to=["prod"]))
    assert found[f"{PROD}/api:1.4.2"] == "create"
    assert found[f"{PROD}/api:latest"] == "keep 1.4.2 was rolled back"


@pytest.mark.parametrize("asked", ["1.4.2", "latest", "1"])
@pytest.mark.parametrize("tags", [{"to": ["prod"]}, {"tags": ["stable"]}])
def test_a_version_that_was_rolled_back_goes_nowhere(
    world: World, asked: str, tags: dict[str, Sequence[str]]
) -> None:
    withdraw(world, STAGING, Version(1, 4, 2))
    before = world.registry.named()
    with pytest.raises(PlanError, match=r"1\.4\.2 of .* was rolled back in staging") as caught:
        promoted(world, asked, **tags)
    assert caught.value.hint == "releaser rollback --restore 1.4.2"
    assert caught.value.details == (("rolled back", f"{STAGING}/api:1.4.2"),)
    assert world.registry.named() == before
    assert planned(world, asked, "base", **tags).changes  # type: ignore[arg-type]


@pytest.mark.parametrize("other", ["1.4.1", "1.4.3"])
def test_the_same_image_as_a_version_that_was_rolled_back(world: World, other: str) -> None:
    world.source = released_at(other)
    assert world.release().error is None
    withdraw(world, STAGING, Version(1, 4, 2))
    plan = planned(world, "latest", "api", to=["prod"])
    assert [str(one.origin.version) for one in plan.images] == [other]


def test_a_rollback_after_the_plan_moves_no_line(world: World) -> None:
    plan = planned(world, "1.4.2", "api", to=["prod"])
    withdraw(world, PROD, Version(1, 4, 2))
    assert done(world, plan).error is None
    assert "latest" not in tags_in(world, f"{PROD}/api")


def test_an_immutable_tag_with_another_image_refuses_all(world: World) -> None:
    world.registry.seed_image(f"{PROD}/api:1.4.2", "other")
    plan = planned(world, "1.4.2", to=["prod"])
    assert [str(one.reference) for one in plan.refused] == [f"{PROD}/api:1.4.2"]
    world.registry.calls.clear()
    with pytest.raises(PlanError, match="names another content already"):
        done(world, plan)
    assert world.registry.calls == []


def test_a_release_candidate_becomes_the_version(world: World) -> None:
    release(world, "1.5.0-rc.1", "new")
    plan = planned(world, "1.5.0-rc.1", "api", to=["1.5.0", "1.5", "latest"])
    assert set(actions(plan).values()) == {"create", "move"}
    assert done(world, plan).error is None
    found = tags_in(world, f"{STAGING}/api")
    assert found["1.5.0-rc.1"] == found["1.5.0"] == found["1.5"] == found["latest"]
    assert found["1.4.2"] != found["latest"]


def test_a_prerelease_is_not_latest(world: World) -> None:
    release(world, "1.5.0-rc.1", "new")
    found = actions(planned(world, "1.5.0-rc.1", "api", to=["latest"]))
    assert set(found.values()) == {"keep 1.5.0-rc.1 is a prerelease"}
    plan = planned(world, "1.5.0-rc.1", to=["prod"])
    assert {one.rpartition(":")[2] for one in actions(plan)} == {"1.5.0-rc.1"}


@pytest.mark.parametrize("tag", ["1.3", "2", "v1"])
def test_a_tag_that_would_look_like_another_version(world: World, tag: str) -> None:
    with pytest.raises(SpecError, match=r"would look like a version that 1\.4\.2 is not"):
        planned(world, "1.4.2", tags=[tag])


@pytest.mark.parametrize(
    ("to", "tags", "why", "hint"),
    [
        (["prd"], [], "is no registry", 'did you mean "prod"? (--tag prd means the tag)'),
        ([], [], "goes to a tag or a registry", "--to stable"),
        (["fp-0123456789abcdef"], [], "keeps for itself", "choose another"),
        (["a b"], [], "not a legal tag", None),
        (["staging", "prod"], [], "are where the images go to", "leave out the one"),
    ],
)
def test_wrong_destinations(
    world: World, to: list[str], tags: list[str], why: str, hint: str | None
) -> None:
    with pytest.raises(SpecError, match=re.escape(why)) as caught:
        planned(world, "1.4.2", to=to, tags=tags)
    assert (caught.value.hint or "").startswith(hint or "")


def test_a_tag_may_have_any_name(world: World) -> None:
    found = actions(planned(world, "1.4.2", "api", tags=["prod", "prd"], to=["latest"]))
    assert set(found) == {f"{STAGING}/api:{tag}" for tag in ("prod", "prd", "latest")}


def test_from_one_of_several_registries(world: World) -> None:
    world.spec = SPEC.replace("  prod:", "  mirror: mirror.example/shop\n  prod:")
    with pytest.raises(SpecError, match="nothing says which registry") as caught:
        planned(world, "1.4.2", to=["prod"])
    assert caught.value.hint == "--from staging"
    assert planned(world, "1.4.2", to=["prod", "mirror"], source="staging").changes
    with pytest.raises(SpecError, match="is where the images come from"):
        planned(world, "1.4.2", to=["prod"], source="prod")
    with pytest.raises(SpecError, match="unknown registry"):
        planned(world, "1.4.2", to=["prod"], source="prd")


def test_what_is_not_there_is_refused_with_all_of_it(world: World) -> None:
    with pytest.raises(PlanError, match=r'"1.9.9" of image "base" is not in staging') as caught:
        planned(world, "1.9.9", to=["prod"])
    assert caught.value.details == (
        ("missing", f"{STAGING}/base:1.9.9"),
        ("missing", f"{STAGING}/api:1.9.9"),
    )


def test_a_registry_that_would_not_say(world: World) -> None:
    world.registry.fail("tags", f"{PROD}/api", RegistryError("it is down"))
    with pytest.raises(UnknownError, match="would not say what it holds"):
        planned(world, "1.4.2", to=["prod"])


# -- what is attached


def seed_signed(world: World, whole: Image) -> list[Image]:
    """An image of several platforms with signatures of three kinds, released as 2.0.0."""
    repository = Repository.parse(f"{STAGING}/api")
    world.registry.seed(repository.tagged("2.0.0"), whole)
    signatures = [signature(whole, "one"), signature(whole.children[0], "two")]
    nested = signature(signatures[0], "three")
    for one in (*signatures, nested):
        subject = one.manifest.subject
        assert subject is not None
        world.registry.seed(repository.tagged(referrers_tag(subject)), listing(one))
    cosign = Tag(f"sha256-{whole.digest.hex}.sig")
    world.registry.seed(repository.tagged(cosign), image("cosign"))
    return [*signatures, nested]


@pytest.mark.parametrize("lists", [True, False])
def test_signatures_go_along(world: World, lists: bool) -> None:
    world.registry.lists_referrers = lists
    whole = index(image("a"), image("b"), attested=True)
    signatures = seed_signed(world, whole)
    assert promoted(world, "2.0.0", "api", to=["prod"]).error is None
    there = Repository.parse(f"{PROD}/api")
    assert world.registry.manifest(there.tagged("2.0.0")) == whole.manifest
    assert world.registry.flaws(there, whole.manifest, deep=True) == ()
    for one in signatures:
        assert world.registry.manifest(there.at(one.digest)) == one.manifest
        assert one.manifest.subject is not None
        assert one.digest in world.registry.referrers(there, one.manifest.subject)
    cosign = there.tagged(f"sha256-{whole.digest.hex}.sig")
    assert world.registry.digest(cosign) == image("cosign").digest
    assert not planned(world, "2.0.0", "api", to=["prod"]).changes


def test_a_later_signature_follows(world: World) -> None:
    whole = index(image("a"), image("b"))
    seed_signed(world, whole)
    assert promoted(world, "2.0.0", "api", to=["prod"]).error is None
    later = signature(whole, "later")
    repository = Repository.parse(f"{STAGING}/api")
    world.registry.seed(repository.at(later.digest), later)
    plan = planned(world, "2.0.0", "api", to=["prod"])
    [arrival] = plan.arrivals
    assert [one.digest for one in arrival.attaching] == [later.digest]
    assert done(world, plan).error is None


def test_the_signatures_of_cosign_that_are_there_are_left_alone(world: World) -> None:
    whole = index(image("a"), image("b"))
    seed_signed(world, whole)
    tag = f"sha256-{whole.digest.hex}.sig"
    world.registry.seed_image(f"{PROD}/api:{tag}", "theirs")
    plan = planned(world, "2.0.0", "api", to=["prod"])
    assert f"{tag}  stays: there is another" in promotion_text(plan)
    assert done(world, plan).error is None
    assert tags_in(world, f"{PROD}/api")[tag] == str(image("theirs").digest)


# -- all or nothing


def test_a_copy_that_fails_leaves_no_public_tag(world: World) -> None:
    world.registry.fail("copy", "*", RegistryError("it is full"), times=1)
    result = promoted(world, "1.4.2", to=["prod"])
    assert isinstance(result.error, RegistryError)
    for name in ("base", "api"):
        assert not {"1.4.2", "latest"} & set(tags_in(world, f"{PROD}/{name}"))
    world.registry.heal()
    assert promoted(world, "1.4.2", to=["prod"]).error is None


def test_a_copy_that_is_not_whole_leaves_no_public_tag(world: World) -> None:
    class Forgetful(FakeRegistry):
        def copy(self, source: Reference, to: Repository, tag: Tag | None) -> Digest:
            digest = super().copy(source, to, tag)
            if to.path.endswith("api"):
                self.repositories[to].blobs.clear()
            return digest

    forgetful = Forgetful()
    forgetful.repositories = world.registry.repositories
    world.registry = forgetful
    result = promoted(world, "1.4.2", to=["prod"])
    assert isinstance(result.error, RegistryError)
    assert "is not whole" in result.error.message
    assert "latest" not in tags_in(world, f"{PROD}/base")


def test_a_tag_that_fails_is_told_as_partly_done(world: World) -> None:
    world.registry.fail("put", f"{PROD}/api:latest", RegistryError("no"), times=None)
    result = promoted(world, "1.4.2", to=["prod"])
    assert isinstance(result.error, PartialError)
    assert ("missing", f"{PROD}/api:latest") in result.error.details


def test_a_tag_that_somebody_takes_meanwhile_is_left_alone(world: World) -> None:
    plan = planned(world, "1.4.2", to=["prod"])
    world.registry.seed_image(f"{PROD}/base:1.4.2", "theirs")
    result = done(world, plan)
    assert "was taken by another release meanwhile" in str(result.error)
    assert tags_in(world, f"{PROD}/base")["1.4.2"] == str(image("theirs").digest)


def test_the_fingerprint_tag_of_another_build_is_not_overwritten(world: World) -> None:
    tag = next(one for one in tags_in(world, f"{STAGING}/api") if re.match("fp-[0-9a-f]{16}", one))
    world.registry.seed_image(f"{PROD}/api:{tag}", "theirs")
    assert promoted(world, "1.4.2", "api", to=["prod"]).error is None
    assert tags_in(world, f"{PROD}/api")[tag] == str(image("theirs").digest)


# -- reports


def numbered(text: str) -> str:
    """The text with digests numbered in their order, so that it changes with what it says."""
    seen: dict[str, str] = {}
    for found in re.findall(r"sha256[:-][0-9a-f]{64}|sha256:[0-9a-f]{12}|fp-[0-9a-f]{16}", text):
        key = found.partition(":")[2][:12] or found
        seen.setdefault(key, f"{len(seen) + 1:04}")
    for key, number in seen.items():
        digits = key.removeprefix("fp-").removeprefix("sha256-")
        text = re.sub(rf"{digits[:12]}[0-9a-f]*", number * (len(digits) // 4 or 3), text)
    return text


def test_reports(world: World, golden: Callable[[Path, str], None]) -> None:
    release(world, "1.5.0", "new")
    assert promoted(world, "1.5.0", to=["prod"]).error is None
    release(world, "1.5.1", "newer")
    whole = index(image("a"), image("b"))
    seed_signed(world, whole)
    world.registry.seed_image(f"{PROD}/base:1.4.2", "other")
    cases = {
        "promote": planned(world, "1.5.1", to=["prod"], tags=["stable"]),
        "promote-signed": planned(world, "2.0.0", "api", to=["prod"]),
        "promote-refused": planned(world, "1.4.2", to=["prod"]),
        "promote-nothing": planned(world, "1.5.0", to=["prod"]),
    }
    for name, plan in cases.items():
        golden(GOLDEN / f"{name}.txt", numbered(promotion_text(plan)))
    plan = cases["promote-signed"]
    carried = Carried("promote", "promoted", result=done(world, plan), seconds=0.25)
    text = json.dumps(promotion_json(plan, carried), indent=2) + "\n"
    golden(GOLDEN / "promote-signed.json", numbered(text))
    assert {one.plan.action for arrival in plan.arrivals for one in arrival.tags} <= {
        TagAction.CREATE,
        TagAction.MOVE,
    }
