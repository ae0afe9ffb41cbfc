"""The registry as the only memory: what is asked of it, what is kept in it, and what if it may not.

The whole product runs, on fakes.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from releaser.core.events import Notice, Outcome
from releaser.core.facts import FINGERPRINT_LABEL
from releaser.core.oci import Digest, Reference, Repository
from releaser.core.plan import Action, Mode, Plan
from releaser.core.record import Record
from releaser.errors import RegistryError, SetupError, StepError, UnknownError
from tests.fakes.engine import FakeEngine
from tests.world import BASE, BUSYBOX, World

HEAD = "version: 1\nproject: shop\nregistries: {main: registry.example/shop}\n"
TAGS = 'defaults: {tags: ["{{version}}", "{{major}}.{{minor}}", latest]}\n'
IMAGES = "images:\n  base: {context: base}\n  api: {context: api}\n"
SPEC = HEAD + TAGS + IMAGES
OFF = SPEC.replace("defaults:", "fingerprints: {tags: false}\ndefaults:")
TWO = "registries: {main: registry.example/shop, hub: hub.example/shop}"
FILES = {
    "base/Dockerfile": "FROM busybox:latest\nCOPY app /app\n",
    "base/app": "one",
    "api/Dockerfile": "FROM base\nCOPY app /app\n",
    "api/app": "one",
}
API = "registry.example/shop/api"


def actions(plan: Plan) -> dict[str, Action]:
    return {image.name: image.action for image in plan.images}


def released(spec: str = SPEC, **files: str) -> World:
    world = World(spec, {**FILES, **{f"api/{name}": text for name, text in files.items()}})
    assert world.release().error is None
    world.registry.calls.clear()
    return world


def tags(world: World, repository: str = API) -> list[str]:
    return list(world.registry.tags(Repository.parse(repository)))


# -- what is asked ---------------------------------------------------------------------------


def test_where_nothing_changed_each_name_is_asked_for_once_and_no_list_of_tags() -> None:
    world = released()
    assert not world.plan().changes
    asked = world.registry.called("digest")
    assert len(asked) == len(set(asked)) == 2 * (1 + 3)
    assert {call.method for call in world.registry.calls} == {"digest"}


def test_only_where_content_is_missing_are_tags_listed_and_a_record_read() -> None:
    world = released()
    world.files["/project/api/app"] = "two"
    world.plan()
    assert world.registry.called("tags") == [API]
    assert world.registry.called("read_record") == [f"{API}:fp-record-api"]


def test_of_a_first_release_no_public_tag_is_asked_for() -> None:
    world = World(SPEC, FILES)
    world.plan()
    assert len(world.registry.called("digest")) == 2
    assert world.registry.called("read_record") == []


def test_tags_are_listed_where_a_line_might_move() -> None:
    world = released()
    world.plan(version="1.4.3")
    assert sorted(set(world.registry.called("tags"))) == []
    world.registry.seed_image(f"{API}:latest", "of somebody else")
    world.plan()
    assert world.registry.called("tags") == [API]


# -- what is kept ----------------------------------------------------------------------------


def test_every_upload_leaves_a_record_of_what_the_image_is_made_of() -> None:
    world = released()
    data = world.registry.read_record(Reference.parse(f"{API}:fp-record-api"))
    assert data is not None
    kept = Record.unpack(data)
    (api,) = (image for image in world.plan().images if image.name == "api")
    assert (kept.image, kept.fingerprint) == ("api", str(api.fingerprint))
    assert (kept.version, kept.commit) == ("1.4.2", "a" * 40)
    assert {name for name, _ in kept.ingredients} == {n for n, _ in api.fingerprint.ingredients}


def test_a_release_of_old_content_makes_its_record_the_last_one_again() -> None:
    world = released()
    world.files["/project/api/app"] = "two"
    assert world.release(version="1.4.3").error is None
    world.files["/project/api/app"] = "one"
    assert actions(world.plan(version="1.4.4"))["api"] is Action.RETAG
    assert world.release(version="1.4.4").error is None
    data = world.registry.read_record(Reference.parse(f"{API}:fp-record-api"))
    assert data is not None
    assert Record.unpack(data).version == "1.4.4"


@pytest.mark.parametrize(
    "error", [RegistryError("no artifacts here"), SetupError("denied"), UnknownError("who knows")]
)
def test_a_record_that_cannot_be_kept_fails_no_release(error: Exception) -> None:
    world = World(SPEC, FILES)
    world.registry.fail("write_record", "*", error, times=None)  # type: ignore[arg-type]
    result = world.release()
    assert result.error is None
    assert {one.outcome for one in result.records.values()} == {Outcome.DONE}
    said = [event for event in world.heard.events if isinstance(event, Notice)]
    assert [str(error) in one.message for one in said] == [True, True]


@pytest.mark.parametrize("error", [RegistryError("broken"), SetupError("denied")])
def test_a_record_that_cannot_be_read_stops_no_plan(error: Exception) -> None:
    world = released()
    world.files["/project/api/app"] = "two"
    world.registry.fail("read_record", "*", error)  # type: ignore[arg-type]
    (api,) = (image for image in world.plan().images if image.name == "api")
    assert (api.reason.code.value, api.reason.detail) == ("record-unreadable", str(error))


def test_records_can_be_turned_off() -> None:
    world = released(SPEC.replace("defaults:", "fingerprints: {records: false}\ndefaults:"))
    assert not [tag for tag in tags(world) if tag.startswith("fp-record-")]
    world.files["/project/api/app"] = "two"
    world.plan()
    assert world.registry.called("read_record") == []


# -- no tags besides the public ones ---------------------------------------------------------


def test_without_fingerprint_tags_only_public_tags_are_written() -> None:
    world = released(OFF)
    assert tags(world) == ["1.4", "1.4.2", "latest"]
    assert len({world.registry.tag_of(f"{API}:{tag}") for tag in tags(world)}) == 1


def test_without_fingerprint_tags_the_label_behind_a_tag_tells_what_is_there() -> None:
    world = released(OFF)
    assert actions(world.plan()) == {"base": Action.UP_TO_DATE, "api": Action.UP_TO_DATE}
    world.engine.stored.clear()
    assert actions(world.plan(version="1.4.3")) == {"base": Action.RETAG, "api": Action.RETAG}
    assert world.release(version="1.4.3").error is None
    assert world.registry.tag_of(f"{API}:1.4.3") == world.registry.tag_of(f"{API}:1.4.2")
    assert not world.plan(version="1.4.3").changes


def test_without_fingerprint_tags_what_changed_is_built_and_nothing_else() -> None:
    world = released(OFF)
    world.files["/project/api/app"] = "two"
    assert actions(world.plan(version="1.4.3")) == {"base": Action.RETAG, "api": Action.BUILD}
    assert world.release(version="1.4.3").error is None
    assert world.registry.tag_of(f"{API}:1.4.3") != world.registry.tag_of(f"{API}:1.4.2")
    assert world.registry.tag_of(f"{API}:latest") == world.registry.tag_of(f"{API}:1.4.3")


def test_without_fingerprint_tags_nothing_is_uploaded_before_all_is_built() -> None:
    world = World(OFF, FILES)
    world.builder.failures["api"] = StepError("broken")
    assert world.release().error is not None
    assert world.engine.pushed == []
    assert world.public() == {}


def test_records_can_be_kept_without_fingerprint_tags() -> None:
    world = released(OFF.replace("tags: false", "tags: false, records: true"))
    assert tags(world) == ["1.4", "1.4.2", "fp-record-api", "latest"]
    assert not world.plan().changes
    world.files["/project/api/app"] = "two"
    (api,) = (image for image in world.plan(version="1.4.3").images if image.name == "api")
    assert (api.reason.code.value, api.reason.detail) == ("file-changed", "api/app")
    assert world.release(version="1.4.3").error is None
    assert not world.plan(version="1.4.3").changes


def test_without_fingerprint_tags_a_tag_that_was_taken_meanwhile_is_left_alone() -> None:
    world = World(OFF, FILES)
    prepared = world.prepare()
    other = world.registry.seed_image(f"{API}:1.4.2", "of somebody else")
    result = world.run(prepared)
    assert result.error is not None
    assert world.registry.tag_of(f"{API}:1.4.2") == other


def test_without_fingerprint_tags_content_is_copied_between_registries() -> None:
    world = released(OFF.replace("shop}\n", "shop, hub: hub.example/shop}\n", 1).replace(
        "{context: api}", "{context: api, push_to: [main]}"
    ))  # fmt: skip
    world.spec = world.spec.replace(", push_to: [main]", "")
    world.engine.stored.clear()
    assert actions(world.plan())["api"] is Action.COPY
    assert world.release().error is None
    assert tags(world, "hub.example/shop/api") == ["1.4", "1.4.2", "latest"]
    assert not world.plan().changes


# -- what is not pinned ----------------------------------------------------------------------

URL = FILES["base/Dockerfile"] + "ADD https://example.com/tool /tool\n"


def unpinned(spec: str = SPEC) -> World:
    world = World(spec, {**FILES, "base/Dockerfile": URL})
    assert world.release().error is None
    return world


def test_what_is_not_pinned_is_built_in_every_release_with_what_stands_on_it() -> None:
    world = unpinned()
    plan = world.plan(version="1.4.3")
    assert actions(plan) == {"base": Action.BUILD, "api": Action.BUILD}
    codes = [image.reason.code.value for image in plan.images]
    assert codes == ["always-built", "upstream-changed"]
    before = world.registry.tag_of(f"{API}:1.4.2")
    world.builder.salt = "later"
    assert world.release(version="1.4.3").error is None
    assert world.registry.tag_of(f"{API}:latest") == world.registry.tag_of(f"{API}:1.4.3") != before
    assert world.registry.tag_of(f"{API}:1.4.2") == before


def test_a_release_that_was_made_is_not_made_again_for_what_is_not_pinned() -> None:
    world = unpinned()
    world.engine.stored.clear()
    assert not world.plan().changes
    assert world.release(version="1.4.3").error is None
    assert not world.plan().changes  # nor is an older one


def test_what_is_not_pinned_is_built_for_a_new_version_of_the_same_commit() -> None:
    world = unpinned()
    world.source = replace(world.source, tags=("v1.4.2", "v1.4.3"))
    assert actions(world.plan()) == {"base": Action.BUILD, "api": Action.BUILD}


def test_a_dependant_is_built_on_what_was_released_alone_before_it() -> None:
    world = unpinned()
    world.builder.salt = "later"
    assert world.release("base", version="1.4.3").error is None
    assert actions(world.plan(version="1.4.3")) == {"base": Action.UP_TO_DATE, "api": Action.BUILD}


def test_one_release_has_one_content_in_all_registries() -> None:
    world = unpinned(SPEC.replace("shop}\n", "shop, hub: hub.example/shop}\n", 1))
    world.builder.salt = "later"
    whole, world.spec = world.spec, SPEC
    assert world.release(version="1.4.3").error is None
    world.spec = whole
    assert {image.action for image in world.plan(version="1.4.3").images} == {Action.COPY}
    assert world.release(version="1.4.3").error is None
    at = {world.registry.tag_of(f"{host}.example/shop/api:1.4.3") for host in ("registry", "hub")}
    assert len(at) == 1


def test_without_a_tag_that_never_moves_there_is_no_release_to_be_found_again() -> None:
    world = unpinned(SPEC.replace(TAGS, "defaults: {tags: [latest]}\n"))
    before = world.registry.tag_of(f"{API}:latest")
    world.builder.salt = "later"
    assert actions(world.plan()) == {"base": Action.BUILD, "api": Action.BUILD}
    assert world.release().error is None
    assert world.registry.tag_of(f"{API}:latest") != before


def test_triggers_of_an_image_of_ours_may_use_anything_of_its_dependants_contexts() -> None:
    base = "FROM busybox:latest\nONBUILD COPY f /f\n"
    world = World(SPEC, {**FILES, "base/Dockerfile": base, "api/Dockerfile": "FROM base\n"})
    world.files["/project/api/f"] = "one"
    assert world.release().error is None
    world.files["/project/api/f"] = "two"
    assert actions(world.plan(version="1.4.3")) == {"base": Action.RETAG, "api": Action.BUILD}


# -- two at once -----------------------------------------------------------------------------


def raced(after: str) -> tuple[World, World]:
    """Two engines that build one release at once; the second is done when the first is at the
    call ``after``."""
    one, two = World(SPEC, FILES), World(SPEC, FILES)
    two.registry = one.registry
    two.engine = FakeEngine(two._upload, bases={BUSYBOX: BASE})
    two.builder.salt = "other"
    prepared, other = one.prepare(), two.prepare()
    method = getattr(one.registry, after)
    fired = threading.Event()

    def first_the_other(*arguments: object) -> object:
        if not fired.is_set():
            fired.set()
            assert two.run(other).error is None
        return method(*arguments)

    setattr(one.registry, after, first_the_other)
    result = one.run(prepared)
    assert result.error is None, (result.error, result.error.details)
    return one, two


@pytest.mark.parametrize("after", ["manifest", "put", "check_push"])
def test_of_two_releases_of_one_version_at_once_the_first_tag_decides(after: str) -> None:
    one, two = raced(after)
    for world in (one, two):
        assert not world.plan().changes
    for image in ("base", "api"):
        named = {
            world.registry.tag_of(f"registry.example/shop/{image}:{tag}")
            for tag in ("1.4.2", "1.4", "latest", content_tag(world, image))
            for world in (one, two)
        }
        assert len(named) == 1


def content_tag(world: World, image: str) -> str:
    return next(one.fingerprint.tag for one in world.plan().images if one.name == image)


def test_two_images_of_one_content_in_one_repository_are_one() -> None:
    images = "".join(
        f"  {name}: {{context: base, repository: shared, tags: ['{{{{version}}}}-{name}']}}\n"
        for name in ("one", "two")
    )
    world = World(f"{HEAD}images:\n{images}", FILES)
    assert world.release().error is None
    shared = {
        world.registry.tag_of(f"registry.example/shop/shared:1.4.2-{n}") for n in ("one", "two")
    }
    assert len(shared) == 1
    assert not world.plan().changes


def test_a_release_that_was_cut_off_is_finished_with_what_was_built() -> None:
    world = World(SPEC, {**FILES, "base/Dockerfile": URL})
    world.registry.fail("put", f"{API}:latest", RegistryError("down"), times=None)
    assert world.release().error is not None
    made = world.registry.tag_of(f"{API}:1.4.2")
    world.builder.salt = "later"
    world.registry.heal()
    plan = world.plan()
    assert actions(plan) == {"base": Action.RETAG, "api": Action.RETAG} or actions(plan) == {
        "base": Action.UP_TO_DATE, "api": Action.RETAG
    }  # fmt: skip
    assert world.release().error is None
    assert world.registry.tag_of(f"{API}:latest") == made
    assert not world.plan().changes


def test_a_local_build_always_asks_the_builder_for_what_is_not_pinned() -> None:
    world = unpinned()
    world.build()
    assert actions(world.plan(mode=Mode.LOCAL)) == {"base": Action.BUILD, "api": Action.BUILD}


@pytest.mark.parametrize(
    ("line", "pinned"),
    [
        ("ADD https://example.com/x /x", False),
        (f"ADD --checksum=sha256:{'1' * 64} https://example.com/x /x", True),
        ("ADD https://github.com/a/b.git /x", False),
        ("ADD https://github.com/a/b.git#v1.2.3 /x", False),
        (f"ADD https://github.com/a/b.git#{'1' * 40} /x", True),
        (f"ADD https://github.com/a/b.git#{'1' * 40}:docs /x", True),
        (f"ADD https://github.com/a/b.git?ref=main&commit={'1' * 40} /x", True),
        (f"ADD https://github.com/a/b.git#{'1' * 39} /x", False),
        (f"ADD --checksum={'1' * 40} https://github.com/a/b.git#v1 /x", True),
        ("ADD git@github.com:a/b.git#main /x", False),
        ("ARG V=1\nADD https://example.com/$V /x", False),
    ],
)
def test_what_counts_as_pinned(line: str, pinned: bool) -> None:
    world = World(SPEC, {**FILES, "api/Dockerfile": f"FROM base\n{line}\n"})
    assert world.release().error is None
    again = world.plan(version="1.4.3")
    assert actions(again)["api"] is (Action.RETAG if pinned else Action.BUILD)


@pytest.mark.parametrize(
    ("source", "pinned"),
    [
        ("https://github.com/a/b.git", False),
        (f"https://github.com/a/b.git#{'2' * 40}", True),
        ("https://example.com/x.tar", False),
    ],
)
def test_a_named_context_elsewhere_counts_like_an_add(source: str, pinned: bool) -> None:
    spec = SPEC.replace(
        "{context: api}", f'{{context: api, additional_contexts: {{conf: "{source}"}}}}'
    )
    files = {**FILES, "api/Dockerfile": "FROM base\nCOPY --from=conf / /\n"}
    world = World(spec, files)
    assert world.release().error is None
    again = world.plan(version="1.4.3")
    assert actions(again)["api"] is (Action.RETAG if pinned else Action.BUILD)


def test_labels_are_those_of_the_content_and_not_of_another_image() -> None:
    world = released(OFF)
    found = world.registry.labels(Reference.parse(f"{API}:latest"))
    (api,) = (image for image in world.plan().images if image.name == "api")
    assert found is not None
    assert found[FINGERPRINT_LABEL] == str(api.fingerprint)
    assert isinstance(api.digest, Digest)
