"""Copies from one registry to another, and what may happen to them on the way."""

from __future__ import annotations

import json

import pytest

from releaser.core.oci import Digest, Reference, Tag
from releaser.errors import RegistryError
from releaser.registries.distribution import Distribution
from tests.fakes.registry import IMAGE_TYPE, descriptor, image, index
from tests.registry_client import told
from tests.registry_server import (
    Action,
    ScriptedRegistry,
    answer,
    error,
    raw,
    reset,
    say,
    scripted_registry,
)

IMAGE = image("adapter")


@pytest.fixture
def reference(server: ScriptedRegistry) -> Reference:
    reference = server.repository().tagged("1.0")
    server.seed(reference, IMAGE)
    return reference


class TestCopy:
    def test_nothing_is_sent_that_is_there(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        registry.copy(reference, server.repository("copy"), Tag("1.0"))
        assert server.asked("POST") == []

    def test_what_is_missing_is_streamed(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        with scripted_registry() as other:
            registry.copy(reference, other.repository("copy"), Tag("1.0"))
            assert other.blobs == server.blobs
            [write] = other.asked("PUT", "manifests")
            assert write.body == IMAGE.manifest.body

    def test_the_tag_comes_last(self, server: ScriptedRegistry, registry: Distribution) -> None:
        source, tree = server.repository().tagged("multi"), index(image("a"), image("b"))
        server.seed(source, tree)
        with scripted_registry() as other:
            registry.copy(source, other.repository("copy"), Tag("1.0"))
            written = [r.path.rsplit("/", 1)[1] for r in other.asked("PUT", "manifests")]
        assert written == [*map(str, tree.manifest.children), "1.0"]

    @pytest.mark.parametrize("fault", [answer(500), answer(404), answer(416), reset])
    def test_a_failed_upload_begins_again(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference, fault: Action
    ) -> None:
        with scripted_registry() as other:
            other.rule("PUT", "uploads", fault, times=2)
            registry.copy(reference, other.repository(), Tag("1.0"))
            assert other.blobs == server.blobs

    def test_a_source_that_breaks_off(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        half = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        server.rule("GET", "blobs/", half, times=2)
        with scripted_registry() as other:
            registry.copy(reference, other.repository(), Tag("1.0"))
            assert other.blobs == server.blobs

    @pytest.mark.parametrize("wrong", [b"", b"short", b"x" * 5000])
    def test_a_source_with_other_bytes(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference, wrong: bytes
    ) -> None:
        server.rule("GET", "blobs/", answer(200, wrong), times=None)
        with scripted_registry() as other:
            with pytest.raises(RegistryError, match="wrong answer"):
                registry.copy(reference, other.repository(), Tag("1.0"))
            assert other.manifests == {}
            assert other.blobs == {}

    def test_a_head_that_lies(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        with scripted_registry() as other:
            other.rule("HEAD", "blobs", answer(200), times=None)
            other.rule("PUT", "manifests", say(error(400, "MANIFEST_BLOB_UNKNOWN", "")))
            registry.copy(reference, other.repository(), Tag("1.0"))
            assert other.blobs == server.blobs

    def test_blobs_that_get_lost_again_and_again(
        self, registry: Distribution, reference: Reference
    ) -> None:
        with scripted_registry() as other:
            lost = error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")
            other.rule("PUT", "manifests", say(lost), times=None)
            with pytest.raises(RegistryError) as caught:
                registry.copy(reference, other.repository(), Tag("1.0"))
            assert caught.value.reason == "MANIFEST_BLOB_UNKNOWN"
            assert len(other.asked("PUT", "manifests")) == 3

    def test_a_mount_that_is_refused(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.rule("HEAD", "blobs", say(error(404, "BLOB_UNKNOWN", "")), times=None)
        server.rule("POST", "mount=", answer(403, b"{}"), times=None)
        registry.copy(reference, server.repository("copy"), Tag("1.0"))
        assert len(server.asked("PUT", "uploads")) == 2

    def test_a_mount_that_did_not_happen(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.rule("HEAD", "copy/blobs", say(error(404, "BLOB_UNKNOWN", "")), times=None)
        server.rule("PUT", "copy/manifests", say(error(400, "MANIFEST_BLOB_UNKNOWN", "")))
        registry.copy(reference, server.repository("copy"), Tag("1.0"))
        assert len(server.asked("POST", "mount=")) == 2
        assert len(server.asked("PUT", "uploads")) == 2

    def test_foreign_layers_are_not_followed(
        self, server: ScriptedRegistry, registry: Distribution
    ) -> None:
        with scripted_registry() as other, scripted_registry() as bait:
            layer = {
                "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                "digest": str(Digest.of(b"foreign")),
                "size": 7,
                "urls": [f"http://{bait.host}/layer"],
            }
            plain = json.loads(IMAGE.manifest.body)
            body = json.dumps({**plain, "layers": [layer]}).encode()
            server.seed(server.repository().tagged("1.0"), IMAGE)
            server.manifests["app", "1.0"] = (IMAGE.manifest.media_type, body)
            registry.copy(server.repository().tagged("1.0"), other.repository(), Tag("1.0"))
            assert bait.log == []
            assert other.manifests["app", "1.0"][1] == body

    def test_an_index_that_lacks_a_child(
        self, server: ScriptedRegistry, registry: Distribution
    ) -> None:
        tree = index(image("a"), image("b"))
        server.seed(server.repository().tagged("multi"), tree)
        del server.manifests["app", str(tree.manifest.children[1])]
        with scripted_registry() as other:
            with pytest.raises(RegistryError, match="does not exist"):
                registry.copy(server.repository().tagged("multi"), other.repository(), Tag("1"))
            assert other.log == []

    @pytest.mark.parametrize(
        "place", ["http://169.254.169.254/x", "ftp://x/y", "//\x00", "", "x" * 9000]
    )
    def test_an_upload_location_that_is_not_followed(
        self, registry: Distribution, reference: Reference, place: str
    ) -> None:
        with scripted_registry() as other:
            other.rule("POST", "uploads", answer(202, Location=place), times=None)
            with pytest.raises(RegistryError, match="wrong answer"):
                registry.copy(reference, other.repository(), Tag("1.0"))

    def test_an_index_in_an_index_without_end(
        self, server: ScriptedRegistry, registry: Distribution
    ) -> None:
        content = image()
        for _ in range(8):
            content = index(content)
        server.seed(server.repository().tagged("deep"), content)
        with scripted_registry() as other:
            with pytest.raises(RegistryError) as caught:
                registry.copy(server.repository().tagged("deep"), other.repository(), Tag("1"))
            assert "too many manifests" in told(caught.value)
            assert other.log == []

    def test_a_large_blob_flows_through(
        self, server: ScriptedRegistry, registry: Distribution
    ) -> None:
        blob = bytes(8_000_000)
        small = image("large")
        layer = descriptor(blob, "application/vnd.oci.image.layer.v1.tar")
        document = {**json.loads(small.manifest.body), "layers": [layer]}
        server.seed(server.repository().tagged("1.0"), small)
        server.blobs[str(Digest.of(blob))] = blob
        server.manifests["app", "1.0"] = (IMAGE_TYPE, json.dumps(document).encode())
        with scripted_registry() as other:
            registry.copy(server.repository().tagged("1.0"), other.repository(), Tag("1.0"))
            assert other.blobs[str(Digest.of(blob))] == blob
