"""``releaser verify`` in memory: what was released, and every way in which it may have changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from releaser.core.oci import Digest, Reference, Repository, Tag
from releaser.core.past_run import PastRun
from releaser.core.verification import Verification
from releaser.core.version import Version
from releaser.core.withdrawal import Withdrawal, Withdrawals, withdrawal_reference
from releaser.errors import RegistryError, SpecError
from releaser.pipeline import Check, verify
from releaser.reports.run import Run, as_json
from releaser.reports.verification import verification_json, verification_text
from tests.fakes.registry import image
from tests.world import World, released_at

GOLDEN = Path(__file__).parent / "golden" / "publishing"
SPEC = """\
version: 1
project: shop
registries: {staging: staging.example/shop, prod: prod.example/shop}
defaults: {platforms: [linux/amd64]}
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
API = "prod.example/shop/api"
COMMIT = f"sha-{str(released_at('1.5.0').commit)[:7]}"


@pytest.fixture
def world() -> World:
    """Version 1.4.2 is released."""
    made = World(SPEC, FILES)
    assert made.release().error is None
    return made


def released(world: World, version: str, text: str) -> dict[str, Any]:
    """Release another version with another content; the report."""
    world.files["/project/api/f"] = text
    world.source = released_at(version)
    prepared = world.prepare()
    result = world.run(prepared)
    assert result.error is None
    return as_json(Run("release", True, prepared.plan, result))


def looked(world: World, *images: str, **fields: object) -> Verification:
    check = Check(images, **(fields or {"version": "1.4.2"}))  # type: ignore[arg-type]
    return verify(world.project, world.adapters, check)


def what(found: Verification) -> list[tuple[str, str]]:
    return [(one.what, one.where) for one in found.differences]


def by_report(world: World, report: dict[str, Any], **fields: object) -> Verification:
    past = PastRun.parse(json.dumps(report).encode(), "r.json")
    return looked(world, report=past, **fields)


def test_what_was_released_is_all_right(world: World) -> None:
    found = looked(world)
    assert (found.differences, found.unsaid) == ((), ())
    assert len(found.claims) == 2 * 2 * 4  # images, registries, tags of a version
    assert verification_text(found) == "shop: 16 tags of 2 images, all right\n"


def test_nothing_is_written(world: World) -> None:
    world.registry.calls.clear()
    looked(world)
    asked = {call.method for call in world.registry.calls}
    assert asked == {"manifest", "flaws", "platforms", "labels", "tags"}


def test_a_tag_that_is_missing(world: World) -> None:
    repository = Repository("prod.example", "shop/api")
    del world.registry.repositories[repository].tags["1.4"]
    found = looked(world)
    assert what(found) == [("missing", f"{API}:1.4")]
    assert found.differences[0].found == "nothing"
    assert found.differences[0].expected.endswith(" (1.4.2)")


def test_a_full_version_that_is_another_image_elsewhere(world: World) -> None:
    world.registry.seed_image(f"{API}:1.4.2", "forged")
    found = looked(world, "api")
    assert ("other digest", f"{API}:1.4.2") in what(found)
    # what it is now has none of our labels
    assert {one for one, _ in what(found)} >= {
        "label dev.releaser.image",
        "label dev.releaser.fingerprint",
    }


def test_a_line_that_is_not_at_its_highest_version(world: World) -> None:
    old = world.registry.tag_of(f"{API}:1.4.2")
    released(world, "1.5.0", "new")
    assert old is not None
    manifest = world.registry.manifest(Repository("prod.example", "shop/api").at(old))
    assert manifest is not None
    assert looked(world).differences == ()  # 1.4.2 may be verified although 1.5.0 is out
    world.registry.put(Repository("prod.example", "shop/api"), Tag("latest"), manifest)
    for version in ("1.4.2", "1.5.0"):
        found = looked(world, version=version)
        assert what(found) == [("not the highest version", f"{API}:latest")]
        assert found.differences[0].expected.endswith(" (1.5.0)")
        assert found.differences[0].found == str(old)


def test_a_version_that_was_rolled_back_is_no_highest(world: World) -> None:
    old = world.registry.tag_of(f"{API}:1.4.2")
    released(world, "1.5.0", "new")
    for host in ("staging.example", "prod.example"):
        for name in ("api", "base"):
            repository = Repository(host, f"shop/{name}")
            kept = Withdrawals(name, (Withdrawal(Version(1, 5, 0)),))
            world.registry.write_record(withdrawal_reference(repository, name), kept.pack())
            digest = world.registry.tag_of(f"{repository}:1.4.2")
            assert digest is not None
            manifest = world.registry.manifest(repository.at(digest))
            assert manifest is not None
            for tag in ("1", "latest"):
                world.registry.put(repository, Tag(tag), manifest)
    assert old == world.registry.tag_of(f"{API}:latest")
    assert looked(world, version="1.4.2").differences == ()
    # its own line has nothing else to be at
    assert looked(world, version="1.5.0").differences == ()


def test_content_that_is_incomplete(world: World) -> None:
    repository = Repository("prod.example", "shop/api")
    held = world.registry.repositories[repository]
    manifest = held.manifests[held.tags["1.4.2"]]
    lost = next(digest for digest in held.blobs if str(digest) in manifest.body.decode())
    del held.blobs[lost]
    found = looked(world, "api")
    assert what(found) == [("incomplete", f"{API}@{manifest.digest}")]
    assert found.differences[0].expected == str(lost)


def test_corrupt_layers_are_found_by_reading_them(world: World) -> None:
    repository = Repository("prod.example", "shop/api")
    held = world.registry.repositories[repository]
    manifest = held.manifests[held.tags["1.4.2"]]
    layer = next(
        digest
        for digest in held.blobs
        if str(digest) in manifest.body.decode() and digest != manifest.config
    )
    held.blobs[layer] = b"rotten"
    assert looked(world, "api").differences == ()
    found = looked(world, "api", version="1.4.2", deep=True)
    assert what(found) == [("incomplete", f"{API}@{manifest.digest}")]


def test_bytes_that_are_not_their_digest(world: World) -> None:
    error = RegistryError("wrong bytes", reason="DIGEST_INVALID")
    world.registry.fail("manifest", f"{API}:1.4.2", error)
    assert what(looked(world)) == [("corrupt", f"{API}:1.4.2")]


def test_platforms_that_are_missing(world: World) -> None:
    world.spec = SPEC.replace("[linux/amd64]", "[linux/amd64, linux/arm64]")
    found = looked(world, "api", version="1.4.2", registries=("prod",))
    assert [(one.what, one.expected, one.found) for one in found.differences] == [
        ("platforms", "linux/amd64, linux/arm64", "linux/amd64")
    ]


@pytest.mark.parametrize("method", ["manifest", "flaws", "tags", "labels"])
def test_a_registry_that_would_not_say(world: World, method: str) -> None:
    world.registry.fail(method, "*", RegistryError("it is down"))
    found = looked(world)
    assert found.differences == ()
    assert [one.why for one in found.unsaid] == ["it is down"]


def test_against_a_report(world: World) -> None:
    report = released(world, "1.5.0", "new")
    assert by_report(world, report).differences == ()
    # the next version moves the lines, and what the report says of them is history
    released(world, "1.5.1", "newer")
    assert {one.where for one in by_report(world, report).differences} == {
        f"{host}.example/shop/api:main" for host in ("staging", "prod")
    }
    world.registry.seed_image(f"{API}:{COMMIT}", "forged")
    found = by_report(world, report)
    assert ("other digest", f"{API}:{COMMIT}") in what(found)


def test_a_fingerprint_that_is_not_that_of_the_report(world: World) -> None:
    report = released(world, "1.5.0", "new")
    for one in report["images"]:
        one["fingerprint"] = "sha256:" + "0" * 64
    found = by_report(world, report, registries=("prod",))
    assert {one.what for one in found.differences} == {"label dev.releaser.fingerprint"}


def test_a_report_in_which_registries_differ(world: World) -> None:
    report = released(world, "1.5.0", "new")
    other = str(Digest.of(b"other"))
    for one in report["images"][0]["references"]:
        if one["registry"] == "prod":
            one["digest"] = other
    found = by_report(world, report)
    assert ("registries differ", "base in prod") in what(found)


def test_the_images_and_registries_that_are_named(world: World) -> None:
    found = looked(world, "a*", version="1.4.2", registries=("prod",))
    assert {str(one.reference.repository) for one in found.claims} == {API}
    with pytest.raises(SpecError, match="unknown registry") as caught:
        looked(world, version="1.4.2", registries=("prd",))
    assert caught.value.hint == 'did you mean "prod"?'


def test_an_image_without_a_version_among_its_tags(world: World) -> None:
    world.spec = SPEC.replace("api: {context: api}", "api: {context: api, tags: [latest]}")
    with pytest.raises(SpecError, match="names a version"):
        looked(world)


def test_reports(world: World, golden: Callable[[Path, str], None]) -> None:
    released(world, "1.5.0", "new")
    del world.registry.repositories[Repository("prod.example", "shop/base")].tags["1.5.0"]
    world.registry.seed(Reference.parse("prod.example/shop/api:latest"), image("x\x1b[2J"))
    error = RegistryError("registry staging.example would not read shop/api:1.5")
    world.registry.fail("manifest", "staging.example/shop/api:1.5", error, times=None)
    found = looked(world, version="1.5.0")
    golden(GOLDEN / "verify.txt", verification_text(found))
    golden(GOLDEN / "verify.json", json.dumps(verification_json(found), indent=2) + "\n")
