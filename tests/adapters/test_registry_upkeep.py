"""Referrers, deletions, parts and ages: every way in which a registry may answer."""

from __future__ import annotations

import json

import pytest

from releaser.core.oci import Digest, Flaw, Manifest, Tag, referrers_tag
from releaser.core.placeholder import CONTENT, placeholder
from releaser.errors import RegistryError, SetupError
from releaser.registries.distribution import Distribution
from tests.fakes.registry import CONFIG_TYPE, Image, image, index, listing, signature
from tests.registry_client import Time
from tests.registry_server import Reply, ScriptedRegistry, answer, document, error, say

IMAGE = image("signed", layers=2)
UNSUPPORTED = error(405, "UNSUPPORTED", "The operation is unsupported.")


def signed(server: ScriptedRegistry, count: int) -> list[Image]:
    found = [signature(IMAGE, str(number)) for number in range(count)]
    server.seed(server.repository().tagged("1.0"), IMAGE)
    for one in found:
        server.seed(server.repository().at(one.digest), one)
    return found


class TestReferrers:
    def test_all_pages(self, registry: Distribution, server: ScriptedRegistry) -> None:
        found = signed(server, 5)
        listed = registry.referrers(server.repository(), IMAGE.digest)
        assert set(listed) == {one.digest for one in found}
        assert len(server.asked("GET", "/referrers/")) == 3

    @pytest.mark.parametrize("status", [400, 404, 405, 501])
    def test_a_registry_that_keeps_no_lists(
        self, registry: Distribution, server: ScriptedRegistry, status: int
    ) -> None:
        [one] = signed(server, 1)
        server.rule("GET", "/referrers/", answer(status, b"<html>"), times=None)
        assert registry.referrers(server.repository(), IMAGE.digest) == ()
        server.seed(server.repository().tagged(referrers_tag(IMAGE.digest)), listing(one))
        assert registry.referrers(server.repository(), IMAGE.digest) == (one.digest,)

    def test_a_refusal_is_told(self, registry: Distribution, server: ScriptedRegistry) -> None:
        server.rule("GET", "/referrers/", say(error(403, "DENIED", "no")), times=None)
        with pytest.raises(RegistryError, match="list what refers to app@sha256:"):
            registry.referrers(server.repository(), IMAGE.digest)

    @pytest.mark.parametrize("body", [b"", b"[]", b'{"manifests": 7}', b"<html>"])
    def test_a_wrong_answer(
        self, registry: Distribution, server: ScriptedRegistry, body: bytes
    ) -> None:
        server.rule("GET", "/referrers/", answer(200, body), times=None)
        with pytest.raises(RegistryError, match="gave a wrong answer"):
            registry.referrers(server.repository(), IMAGE.digest)

    def test_a_next_page_elsewhere_is_not_followed(
        self, registry: Distribution, server: ScriptedRegistry
    ) -> None:
        link = '<http://127.0.0.1:1/v2/app/referrers/x>; rel="next"'
        empty = {"schemaVersion": 2, "manifests": []}
        server.rule("GET", "/referrers/", say(document(200, empty, Link=link)), times=None)
        with pytest.raises(RegistryError, match="gave a wrong answer"):
            registry.referrers(server.repository(), IMAGE.digest)

    def test_a_list_of_ours_keeps_what_is_in_it(
        self, registry: Distribution, server: ScriptedRegistry
    ) -> None:
        one, two = signed(server, 2)
        to = server.repository("to")
        server.rule("GET", "/referrers/", answer(404, b"404 page not found"), times=None)
        server.seed(to.tagged(referrers_tag(IMAGE.digest)), listing(one))
        registry.copy(server.repository().at(IMAGE.digest), to, None)
        registry.attach(server.repository().at(two.digest), to)
        listed = registry.manifest(to.tagged(referrers_tag(IMAGE.digest)))
        assert listed is not None
        assert listed.children == (one.digest, two.digest)
        [_, entry] = json.loads(listed.body)["manifests"]
        assert entry["artifactType"] == "application/vnd.example.signature"

    def test_what_is_no_list_is_not_overwritten(
        self, registry: Distribution, server: ScriptedRegistry
    ) -> None:
        [one] = signed(server, 1)
        to = server.repository("to")
        server.rule("GET", "/referrers/", answer(404), times=None)
        server.seed(to.tagged(referrers_tag(IMAGE.digest)), image("no list"))
        with pytest.raises(RegistryError, match="gave a wrong answer"):
            registry.attach(server.repository().at(one.digest), to)


class TestDeletion:
    @pytest.mark.parametrize(
        "reply",
        [UNSUPPORTED, error(400, "UNSUPPORTED", "no"), error(501, "X", "")],
        ids=["405", "400", "501"],
    )
    def test_a_registry_that_does_not_delete(
        self, registry: Distribution, server: ScriptedRegistry, reply: Reply
    ) -> None:
        server.rule("DELETE", "/manifests/", say(reply), times=None)
        with pytest.raises(SetupError, match="does not delete") as caught:
            registry.check_delete(server.repository())
        assert "clean-up" in (caught.value.hint or "")

    def test_one_that_does_not_let_us(
        self, registry: Distribution, server: ScriptedRegistry
    ) -> None:
        server.rule("DELETE", "/manifests/", say(error(403, "DENIED", "no")), times=None)
        with pytest.raises(SetupError, match="does not let us delete in app"):
            registry.check_delete(server.repository())

    def test_one_that_fails(self, registry: Distribution, server: ScriptedRegistry) -> None:
        server.rule("DELETE", "/manifests/", answer(418), times=None)
        with pytest.raises(RegistryError):
            registry.check_delete(server.repository())

    def test_a_tag_by_its_name(self, registry: Distribution, server: ScriptedRegistry) -> None:
        repository = server.repository()
        for tag in ("fp-1", "1.0"):
            server.seed(repository.tagged(tag), IMAGE)
        assert registry.untag(repository, [Tag("fp-1")]) is False
        assert [one.path for one in server.asked("DELETE")] == ["/v2/app/manifests/fp-1"]
        assert registry.tags(repository) == ("1.0",)

    @pytest.mark.parametrize("status", [400, 404, 405])
    def test_by_a_placeholder_where_names_cannot_be_deleted(
        self, registry: Distribution, server: ScriptedRegistry, status: int
    ) -> None:
        repository = server.repository()
        for tag in ("fp-1", "1.0"):
            server.seed(repository.tagged(tag), IMAGE)
        server.rule("DELETE", "/manifests/fp-", answer(status), times=None)
        assert registry.untag(repository, [Tag("fp-1")]) is True
        assert registry.tags(repository) == ("1.0",)
        assert registry.digest(repository.tagged("1.0")) == IMAGE.digest
        assert str(IMAGE.digest) not in " ".join(one.path for one in server.asked("DELETE"))

    def test_placeholders_are_never_shared(
        self, registry: Distribution, server: ScriptedRegistry
    ) -> None:
        repository = server.repository()
        for tag in ("fp-1", "fp-2"):
            server.seed(repository.tagged(tag), IMAGE)
        server.rule("DELETE", "/manifests/fp-", answer(405), times=None)
        registry.untag(repository, [Tag("fp-1"), Tag("fp-2")])
        bodies = {one.body for one in server.asked("PUT", "/manifests/fp-")}
        assert len(bodies) == 2

    def test_a_list_of_referrers_whose_removal_was_begun_is_written_anew(
        self, registry: Distribution, server: ScriptedRegistry
    ) -> None:
        [one] = signed(server, 1)
        repository, tag = server.repository(), referrers_tag(IMAGE.digest)
        server.rule("GET", "/referrers/", answer(404), times=None)
        left = Image(placeholder(tag), {Digest.of(CONTENT): CONTENT})
        server.seed(repository.tagged(tag), left)
        assert registry.referrers(repository, IMAGE.digest) == ()
        registry.attach(repository.at(one.digest), repository)
        assert registry.referrers(repository, IMAGE.digest) == (one.digest,)

    def test_a_tag_that_does_not_go(
        self, registry: Distribution, server: ScriptedRegistry, when: Time
    ) -> None:
        repository = server.repository()
        server.seed(repository.tagged("fp-1"), IMAGE)
        server.rule("DELETE", "/manifests/fp-1", answer(202), times=None)
        with pytest.raises(RegistryError, match="was deleted and is still there"):
            registry.untag(repository, [Tag("fp-1")])
        assert 20 < sum(when.pauses) <= 40

    def test_a_busy_registry_is_asked_again(
        self, registry: Distribution, server: ScriptedRegistry
    ) -> None:
        repository = server.repository()
        server.seed(repository.tagged("fp-1"), IMAGE)
        server.rule("DELETE", "/manifests/fp-1", answer(503), times=2)
        registry.untag(repository, [Tag("fp-1")])
        assert registry.tags(repository) == ()

    def test_a_refusal_is_told(self, registry: Distribution, server: ScriptedRegistry) -> None:
        server.seed(server.repository().tagged("fp-1"), IMAGE)
        server.rule("DELETE", "/manifests/", say(error(403, "DENIED", "immutable")), times=None)
        with pytest.raises(RegistryError, match="would not delete app:fp-1"):
            registry.untag(server.repository(), [Tag("fp-1")])


class TestFlaws:
    def test_a_layer_of_another_size(
        self, registry: Distribution, server: ScriptedRegistry
    ) -> None:
        server.seed(server.repository().tagged("1.0"), IMAGE)
        layer = next(one for one in IMAGE.blobs if one != IMAGE.manifest.config)
        server.blobs[str(layer)] = b"short"
        assert registry.flaws(server.repository(), IMAGE.manifest) == (
            Flaw(layer, "is not what its digest says"),
        )

    def test_a_layer_of_other_bytes(self, registry: Distribution, server: ScriptedRegistry) -> None:
        server.seed(server.repository().tagged("1.0"), IMAGE)
        layer = next(one for one in IMAGE.blobs if one != IMAGE.manifest.config)
        server.blobs[str(layer)] = bytes(len(IMAGE.blobs[layer]))
        assert registry.flaws(server.repository(), IMAGE.manifest) == ()
        assert registry.flaws(server.repository(), IMAGE.manifest, deep=True) == (
            Flaw(layer, "is not what its digest says"),
        )

    @pytest.mark.parametrize("deep", [False, True])
    def test_more_bytes_than_there_should_be(
        self, registry: Distribution, server: ScriptedRegistry, deep: bool
    ) -> None:
        server.seed(server.repository().tagged("1.0"), IMAGE)
        layer = next(one for one in IMAGE.blobs if one != IMAGE.manifest.config)
        server.blobs[str(layer)] = IMAGE.blobs[layer] + bytes(1_000_000)
        [found] = registry.flaws(server.repository(), IMAGE.manifest, deep=deep)
        assert found.digest == layer

    def test_a_manifest_of_other_bytes(
        self, registry: Distribution, server: ScriptedRegistry
    ) -> None:
        whole, repository = index(image("a"), image("b")), server.repository()
        server.seed(repository.tagged("1.0"), whole)
        child = whole.children[1]
        kind, body = server.manifests["app", str(child.digest)]
        server.manifests["app", str(child.digest)] = (kind, body + b" ")
        assert registry.flaws(repository, whole.manifest) == (
            Flaw(child.digest, "is not what its digest says"),
        )

    @pytest.mark.parametrize("deep", [False, True])
    def test_what_would_not_be_said(
        self, registry: Distribution, server: ScriptedRegistry, deep: bool
    ) -> None:
        server.seed(server.repository().tagged("1.0"), IMAGE)
        server.rule("*", "/blobs/", say(error(403, "DENIED", "no")), times=None)
        with pytest.raises(RegistryError):
            registry.flaws(server.repository(), IMAGE.manifest, deep=deep)


@pytest.mark.parametrize(
    ("created", "seconds"),
    [
        ("2026-01-31T12:00:00Z", 1769860800),
        ("2026-01-31T12:00:00.123456789Z", 1769860800),
        ("2026-01-31T13:00:00+01:00", 1769860800),
        ("2026-01-31T12:00:00", 1769860800),
        ("1970-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00Z", None),
        ("yesterday", None),
        (7, None),
    ],
)
def test_ages(
    registry: Distribution, server: ScriptedRegistry, created: object, seconds: int | None
) -> None:
    config = json.dumps({"architecture": "amd64", "os": "linux", "created": created}).encode()
    content = image("x")
    body = json.loads(content.manifest.body)
    digest = Digest.of(config)
    body["config"] = {"mediaType": CONFIG_TYPE, "digest": str(digest), "size": len(config)}
    manifest = Manifest(content.manifest.media_type, json.dumps(body).encode(), digest)
    server.seed(server.repository().tagged("1"), Image(manifest, {digest: config}))
    assert registry.created(server.repository().tagged("1")) == seconds


@pytest.mark.parametrize("fresh", [False, True])
def test_caches_are_passed_by_where_that_is_asked_for(
    server: ScriptedRegistry, fresh: bool
) -> None:
    server.seed(server.repository().tagged("1"), IMAGE)
    made = Distribution(realms=frozenset(), fresh=fresh, logins=_Nobody())
    made.manifest(server.repository().tagged("1"))
    made.flaws(server.repository(), IMAGE.manifest)
    said = {one.headers.get("Cache-Control") for one in server.log}
    assert said == ({"no-cache"} if fresh else {None})


class _Nobody:
    def of(self, registry: str) -> None:  # noqa: ARG002
        return None
