"""``releaser prune`` in memory: what is looked at, what is removed, and what must survive."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from releaser.core.events import RunResult
from releaser.core.oci import Digest, Repository, Tag
from releaser.core.pruning import Pruning
from releaser.core.spec import PruneSpec
from releaser.errors import RegistryError, SetupError, SpecError, StepError, UnknownError
from releaser.executor import Limits
from releaser.pipeline import Check, PruneRequest, plan_pruning, prune, verify
from releaser.reports.carried import Carried
from releaser.reports.pruning import pruning_json, pruning_text
from tests.fakes.registry import FakeRegistry, Image, image, index
from tests.test_promoting import numbered
from tests.world import World, released_at

GOLDEN = Path(__file__).parent / "golden" / "publishing"
SPEC = """\
version: 1
project: shop
registries: {main: main.example/shop, hub: hub.example/acme}
defaults: {push_to: [main]}
images:
  api: {context: api}
  one: {context: one, repository: both, tags: ["{{version}}-one", one]}
  two: {context: two, repository: both, tags: ["{{version}}-two", two]}
"""
API = Repository.parse("main.example/shop/api")
BOTH = Repository.parse("main.example/shop/both")
LAST = PruneSpec(keep_last=1)
NONE = PruneSpec(keep_last=0)


def fp(number: int) -> str:
    return f"fp-{number:016x}"


def made(text: str, day: int = 1) -> Image:
    return image(text, created=f"2026-01-{day:02}T12:00:00Z")


@pytest.fixture
def world() -> World:
    """Two versions, three prereleases, and contents that nothing else names."""
    found = World(SPEC, {})
    for number, (tag, day) in enumerate(
        {"1.4.1": 1, "1.4.2": 2, "1.5.0-rc.1": 3, "1.5.0-rc.2": 20, "1.5.0-dev.7.gabc": 2}.items()
    ):
        content = index(made(tag, day), image(f"{tag} arm"))
        found.registry.seed(API.tagged(tag), content)
        found.registry.seed(API.tagged(fp(number)), content)
    for number in (7, 8):
        found.registry.seed(API.tagged(fp(number)), made(f"loose {number}", number))
    found.registry.seed(API.tagged("latest"), index(made("1.4.2", 2), image("1.4.2 arm")))
    found.registry.write_record(API.tagged("fp-record-api"), b"record")
    return found


def planned(
    world: World, *images: str, rules: PruneSpec = LAST, registries: tuple[str, ...] = ()
) -> Pruning:
    request = PruneRequest(images or ("api",), registries, rules)
    return plan_pruning(world.project, world.adapters, request)


def done(world: World, plan: Pruning) -> RunResult:
    return prune(plan, world.adapters, world.heard, Limits())


def tags(world: World, repository: Repository = API) -> set[str]:
    return set(world.registry.repositories[repository].tags)


def removed(plan: Pruning) -> set[str]:
    return {str(one.tag) for shelf in plan.shelves for one in shelf.removed}


OLD = {"1.5.0-rc.1", fp(2), "1.5.0-dev.7.gabc", fp(4), fp(7)}


def test_what_goes_and_what_stays(world: World) -> None:
    before = tags(world)
    plan = planned(world)
    assert removed(plan) == OLD
    assert tags(world) == before  # a plan changes nothing
    assert done(world, plan).error is None
    assert tags(world) == before - OLD
    for tag in tags(world):
        manifest = world.registry.manifest(API.tagged(tag))
        assert manifest is not None
        assert world.registry.flaws(API, manifest, deep=True) == ()
    assert not planned(world).changes


def test_the_rules_of_the_spec(world: World) -> None:
    with pytest.raises(SpecError, match="nothing says what to keep"):
        planned(world, rules=PruneSpec())
    world.spec = SPEC + "prune: {keep_last: 1, keep: ['*rc.1']}\n"
    assert removed(planned(world, rules=PruneSpec())) == OLD - {"1.5.0-rc.1", fp(2)}
    # the command line takes the place of numbers, and adds to patterns
    both = PruneSpec(keep_last=0, keep=("*rc.2",))
    assert removed(planned(world, rules=both)) == (OLD | {fp(8)}) - {"1.5.0-rc.1", fp(2)}


def test_by_age(world: World) -> None:
    # it is the last day of January, at noon
    assert removed(planned(world, rules=PruneSpec(keep_within="24d"))) == OLD - {fp(7)}
    assert removed(planned(world, rules=PruneSpec(keep_within="12d"))) == OLD | {fp(8)}


def test_a_repository_of_two_images(world: World) -> None:
    for tag in ("1.4.2-one", "1.4.2-two", "1.5.0-rc.1-one", "1.5.0-rc.2-two", "1.4.2-three"):
        world.registry.seed(BOTH.tagged(tag), made(tag))
    plan = planned(world, "one", rules=NONE)
    [shelf] = plan.shelves
    assert shelf.shelf.images == ("one", "two")
    assert removed(plan) == {"1.5.0-rc.1-one", "1.5.0-rc.2-two"}
    assert len(planned(world, "one", "two").shelves) == 1


def test_the_registry_that_is_named(world: World) -> None:
    assert [str(one.shelf.repository) for one in planned(world, registries=("hub",)).shelves] == [
        "hub.example/acme/api"
    ]


def test_a_shared_digest_is_never_given_away(world: World) -> None:
    content = world.registry.tag_of("main.example/shop/api:1.5.0-rc.1")
    assert content is not None
    manifest = world.registry.manifest(API.at(content))
    assert manifest is not None
    world.registry.put(API, Tag("1.5.0"), manifest)
    plan = planned(world, rules=NONE)
    spares = {one.digest: one.spare for shelf in plan.shelves for one in shelf.removals()}
    assert spares[content] is False
    assert all(spare for digest, spare in spares.items() if digest != content)
    assert done(world, plan).error is None
    assert world.registry.tag_of("main.example/shop/api:1.5.0") == content


def test_a_release_that_comes_between_keeps_its_content(world: World) -> None:
    plan = planned(world, rules=NONE)
    content = world.registry.tag_of(f"main.example/shop/api:{fp(8)}")
    assert content is not None
    manifest = world.registry.manifest(API.at(content))
    assert manifest is not None
    world.registry.put(API, Tag("1.6.0"), manifest)

    world.registry.deletes_tags = False
    assert done(world, plan).error is None
    assert str(API.at(content)) not in world.registry.called("delete")
    assert world.registry.tag_of("main.example/shop/api:1.6.0") == content


def test_a_tag_that_moved_meanwhile_is_left_alone(world: World) -> None:
    plan = planned(world)
    world.registry.seed(API.tagged(fp(7)), image("another"))
    result = done(world, plan)
    assert isinstance(result.error, StepError)
    assert "was moved by a release meanwhile" in result.error.message
    assert fp(7) in tags(world)


def test_a_tag_that_is_gone_already(world: World) -> None:
    plan = planned(world)
    del world.registry.repositories[API].tags[fp(7)]
    assert done(world, plan).error is None


def test_a_registry_that_does_not_delete_is_told_once(world: World) -> None:
    plan = planned(world, "api", "one", rules=NONE)
    world.registry.deletes = False
    world.registry.seed(BOTH.tagged("1.5.0-rc.1-one"), made("x"))
    plan = planned(world, "api", "one", rules=NONE)
    with pytest.raises(SetupError, match="does not delete") as caught:
        done(world, plan)
    assert caught.value.details == ()
    assert world.registry.called("untag") == []


def test_a_registry_that_loses_what_should_stay(world: World) -> None:
    class Careless(FakeRegistry):
        def untag(self, repository: Repository, tags: Collection[Tag]) -> bool:
            self.repositories[repository].tags.pop("1.4.1", None)
            return super().untag(repository, tags)

    careless = Careless()
    careless.repositories = world.registry.repositories
    world.registry = careless
    result = done(world, planned(world))
    assert isinstance(result.error, UnknownError)
    assert result.error.message == "1 tags that should have stayed are gone"
    [(reference, was)] = result.error.details
    assert (reference, was[:11]) == (f"{API}:1.4.1", "was sha256:")


class Beside(FakeRegistry):
    """A registry that deletes by digest only, in which 1.5.0 is released from its last candidate
    at the first call of a method."""

    content = Digest.of(b"")

    def __init__(self, other: FakeRegistry, at: str) -> None:
        super().__init__(deletes_tags=False)
        self.repositories = other.repositories
        self.at = at
        self.released = False

    def release(self) -> None:
        self.released = True
        held = self.repositories[API].tags
        held |= dict.fromkeys(("1.5.0", "1.5", "latest"), self.content)

    def _enter(self, method: str, subject: object) -> None:
        removing = bool(self.called("untag")) or method == "untag"
        if method == self.at and removing and not self.released:
            self.release()
        super()._enter(method, subject)


def beside(world: World, at: str) -> tuple[Beside, Pruning]:
    """The registry, and the plan of a pruning that removes the last candidate alone."""
    world.registry.seed(API.tagged("1.5"), image("1.5"))
    world.registry.deletes_tags = False
    done(world, planned(world))
    found = Beside(world.registry, at)
    content = found.tag_of(f"{API}:1.5.0-rc.2")
    assert content is not None
    found.content = content
    world.registry = found
    plan = planned(world, rules=PruneSpec(keep_last=0, keep=(fp(8),)))
    assert removed(plan) == {"1.5.0-rc.2", fp(3)}
    return found, plan


@pytest.mark.parametrize("at", ["untag", "tags", "manifest"])
def test_a_release_beside_keeps_what_it_released(world: World, at: str) -> None:
    registry, plan = beside(world, at)
    result = done(world, plan)
    assert registry.released
    assert result.error is None
    assert registry.called("delete") == []
    assert {"1.5.0", "1.5", "latest"} <= tags(world)
    assert removed(plan).isdisjoint(tags(world))
    manifest = registry.manifest(API.tagged("1.5.0"))
    assert manifest is not None
    assert registry.flaws(API, manifest, deep=True) == ()


def test_what_a_release_lost_is_told_and_not_denied(world: World) -> None:
    """Between the last look and the deletion nothing can be told: what was seen before is."""
    _, plan = beside(world, "delete")
    result = done(world, plan)
    assert isinstance(result.error, UnknownError)
    assert result.error.code == 6
    gone = {reference for _, reference in result.error.details}
    assert gone == {f"{API}:1.5", f"{API}:latest"}
    assert "a release may have run beside this" in (result.error.hint or "")


def test_a_tag_that_is_new_since_the_plan_and_goes_is_told(world: World) -> None:
    class Careless(FakeRegistry):
        def untag(self, repository: Repository, tags: Collection[Tag]) -> bool:
            self.repositories[repository].tags.pop("1.6.0", None)
            return super().untag(repository, tags)

    plan = planned(world)
    careless = Careless()
    careless.repositories = world.registry.repositories
    careless.seed(API.tagged("1.6.0"), image("new"))
    world.registry = careless
    result = done(world, plan)
    assert isinstance(result.error, UnknownError)
    assert result.error.details == ((f"{API}:1.6.0", "was not looked at"),)


def test_an_index_that_was_made_of_what_goes_keeps_it(world: World) -> None:
    registry, plan = beside(world, "never")
    held = registry.repositories[API]
    part = held.manifests[registry.content]
    registry.seed(API.tagged("1.6.0"), index(Image(part), image("another")))
    assert done(world, plan).error is None
    assert registry.called("delete") == []
    assert registry.content in held.manifests


def test_what_nobody_needs_is_deleted_by_its_digest(world: World) -> None:
    registry, plan = beside(world, "never")
    assert done(world, plan).error is None
    assert registry.called("delete") == [str(API.at(registry.content))]
    assert registry.content not in registry.repositories[API].manifests


def test_a_removal_that_was_begun_is_ended_by_the_next(world: World) -> None:
    world.registry.deletes_tags = False
    world.registry.fail("bury", "*", RegistryError("it is down"))
    result = done(world, planned(world))
    assert isinstance(result.error, RegistryError)
    [left] = [tag for tag in tags(world) if world.registry.tag_of(f"{API}:{tag}") is None]
    # an immutable tag of a version is no better
    world.registry.fail("bury", "*", RegistryError("it is down"))
    with pytest.raises(RegistryError):
        world.registry.untag(API, [Tag("1.4.1")])
    plan = planned(world, rules=PruneSpec(keep_last=100, keep=("*",)))
    assert removed(plan) == {left, "1.4.1"}
    assert done(world, plan).error is None
    assert {left, "1.4.1"}.isdisjoint(tags(world))
    assert not planned(world, rules=PruneSpec(keep_last=100)).changes


@pytest.mark.parametrize("method", ["tags", "digest", "manifest", "created"])
def test_a_registry_that_would_not_say(world: World, method: str) -> None:
    world.registry.fail(method, "*", RegistryError("it is down"))
    with pytest.raises(UnknownError, match="would not say what it holds"):
        planned(world)


def test_a_deletion_that_fails(world: World) -> None:
    world.registry.fail("untag", "*", RegistryError("it is down"))
    before = tags(world)
    result = done(world, planned(world))
    assert isinstance(result.error, RegistryError)
    assert tags(world) > before - OLD
    world.registry.heal()
    assert done(world, planned(world)).error is None
    assert tags(world) == before - OLD


def test_an_empty_repository(world: World) -> None:
    plan = planned(world, "two")
    assert not plan.changes
    assert "  no tags\n" in pruning_text(plan)


def test_reports(world: World, golden: Callable[[Path, str], None]) -> None:
    plan = planned(world, "api", "two")
    golden(GOLDEN / "prune.txt", _named(pruning_text(plan)))
    carried = Carried("prune", "pruned", result=done(world, plan), seconds=0.25)
    golden(GOLDEN / "prune.json", _named(json.dumps(pruning_json(plan, carried), indent=2) + "\n"))
    golden(GOLDEN / "prune-nothing.txt", _named(pruning_text(planned(world, "api"))))


def _named(text: str) -> str:
    """The text with numbered digests; the tags of fingerprints are ours, and stay."""
    kept = {tag: f"<{n}>" for n, tag in enumerate(sorted(set(re.findall("fp-[0-9a-f]{16}", text))))}
    for tag, mark in kept.items():
        text = text.replace(tag, mark)
    text = numbered(text)
    for tag, mark in kept.items():
        text = text.replace(mark, tag)
    return text


RELEASE = """\
version: 1
project: shop
registries: {main: main.example/shop}
defaults: {push_to: [main]}
images: {api: {context: api}}
"""


def released() -> World:
    found = World(RELEASE, {"api/Dockerfile": "FROM busybox\nCOPY f f\n", "api/f": "x"})
    found.registry.deletes_tags = False
    assert found.release().error is None
    return found


def bury(world: World, *names: str) -> None:
    """Leave tags as a removal does that is killed between its two halves."""
    for name in names:
        world.registry.fail("bury", "*", RegistryError("killed"))
        with pytest.raises(RegistryError, match="killed"):
            world.registry.untag(API, [Tag(name)])


def test_a_release_after_a_killed_pruning_publishes_an_image() -> None:
    world = released()
    [own] = [tag for tag in tags(world) if re.fullmatch("fp-[0-9a-f]{16}", tag)]
    bury(world, own)
    world.source = released_at("1.4.3")
    assert world.release().error is None
    for tag in ("1.4.3", "1.4", "latest", own):
        labels = world.registry.labels(API.tagged(tag))
        assert labels is not None
        assert labels["dev.releaser.image"] == "shop/api"
    digests = {world.registry.tag_of(f"{API}:{tag}") for tag in ("1.4.3", "1.4", "latest", own)}
    assert len(digests) == 1


def test_a_version_whose_removal_was_begun_is_missing_and_is_written_anew() -> None:
    world = released()
    content = world.registry.tag_of(f"{API}:1.4.2")
    bury(world, "1.4.2")
    found = verify(world.project, world.adapters, Check(version="1.4.2"))
    assert [(one.what, one.where) for one in found.differences] == [("missing", f"{API}:1.4.2")]
    assert world.release().error is None
    assert world.registry.tag_of(f"{API}:1.4.2") == content


def test_a_pruning_that_is_killed_between_a_plan_and_its_release() -> None:
    world = released()
    [own] = [tag for tag in tags(world) if re.fullmatch("fp-[0-9a-f]{16}", tag)]
    content = world.registry.tag_of(f"{API}:1.4.2")
    world.source = released_at("1.4.3")
    prepared = world.prepare()
    bury(world, own)
    assert world.run(prepared).error is None
    assert world.registry.tag_of(f"{API}:1.4.3") == content
