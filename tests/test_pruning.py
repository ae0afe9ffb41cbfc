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
from releaser.pipeline import PruneRequest, plan_pruning, prune
from releaser.reports.carried import Carried
from releaser.reports.pruning import pruning_json, pruning_text
from tests.fakes.registry import FakeRegistry, Image, image, index
from tests.test_promoting import numbered
from tests.world import World

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

    given: list[Digest | None] = []
    inner = world.registry.untag

    def untag(repository: Repository, names: Collection[Tag], *, spare: Digest | None) -> None:
        given.append(spare)
        inner(repository, names, spare=spare)

    world.registry.untag = untag  # type: ignore[method-assign, assignment]
    assert done(world, plan).error is None
    assert content not in given
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
        def untag(
            self,
            repository: Repository,
            tags: Collection[Tag],
            *,
            spare: Digest | None = None,
        ) -> None:
            super().untag(repository, tags, spare=spare)
            self.repositories[repository].tags.pop("1.4.1", None)

    careless = Careless()
    careless.repositories = world.registry.repositories
    world.registry = careless
    result = done(world, planned(world))
    assert isinstance(result.error, RegistryError)
    assert result.error.message == "1 tags that should have stayed are gone"
    [(reference, was)] = result.error.details
    assert (reference, was[:11]) == (f"{API}:1.4.1", "was sha256:")


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
