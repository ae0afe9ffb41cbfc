"""Records in a registry that loses, damages and redirects what it is given."""

from __future__ import annotations

import json

import pytest

from releaser.core.oci import Digest, Reference
from releaser.errors import RegistryError, SetupError, UnknownError
from releaser.logins.login import Password
from releaser.registries.distribution import Distribution
from tests.fakes.registry import IMAGE_TYPE, RECORD_TYPE, artifact, descriptor
from tests.registry_client import distribution, told
from tests.registry_server import (
    Action,
    ScriptedRegistry,
    after,
    answer,
    close,
    error,
    raw,
    reset,
    say,
    scripted_registry,
)

TAG = r"/v2/app/manifests/record$"
RECORD = b"x\x9c a record"
BLOB = descriptor(RECORD, f"{RECORD_TYPE}+zlib")
MOST = 16 * 1024 * 1024
LOST = error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")


@pytest.fixture
def reference(server: ScriptedRegistry) -> Reference:
    return server.repository().tagged("record")


@pytest.fixture
def kept(server: ScriptedRegistry, reference: Reference) -> Reference:
    server.seed(reference, artifact(RECORD))
    return reference


def methods(server: ScriptedRegistry) -> list[str]:
    return [request.method for request in server.log]


def seed(server: ScriptedRegistry, **changes: object) -> None:
    """Keep an artifact that differs from a record in ``changes``."""
    document = {**json.loads(artifact(RECORD).manifest.body), **changes}
    server.blobs[str(Digest.of(RECORD))] = RECORD
    server.manifests["app", "record"] = (IMAGE_TYPE, json.dumps(document).encode())


class TestWrites:
    def test_five_requests_for_a_new_one(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        registry.write_record(reference, RECORD)
        assert methods(server) == ["GET", "POST", "PUT", "PUT", "GET"]
        assert registry.read_record(reference) == RECORD
        assert methods(server)[5:] == ["GET", "GET"]

    def test_nothing_is_sent_that_is_there(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        registry.write_record(reference, RECORD)
        server.log.clear()
        registry.write_record(reference, RECORD)
        assert methods(server) == ["GET"]
        distribution().write_record(reference, RECORD)
        assert methods(server) == ["GET", "GET"]

    def test_what_is_sent_is_an_artifact_with_one_blob(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        registry.write_record(reference, RECORD)
        assert server.blobs == {str(Digest.of(RECORD)): RECORD}
        kind, body = server.manifests["app", "record"]
        assert kind == "application/vnd.oci.image.manifest.v1+json"
        assert json.loads(body) == {
            "schemaVersion": 2,
            "mediaType": kind,
            "artifactType": "application/vnd.releaser.record.v1",
            "config": BLOB,
            "layers": [BLOB],
        }

    def test_its_bytes_never_change(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        # other bytes would let every record be written anew by the next version
        registry.write_record(reference, RECORD)
        assert Digest.of(server.manifests["app", "record"][1]).short == "sha256:4a8a25a1bac1"

    @pytest.mark.parametrize("fault", [answer(500), answer(404), answer(416), reset, close])
    def test_an_upload_that_is_lost_begins_again(
        self,
        server: ScriptedRegistry,
        registry: Distribution,
        reference: Reference,
        fault: Action,
    ) -> None:
        server.rule("PUT", "uploads", fault)
        registry.write_record(reference, RECORD)
        assert methods(server) == ["GET", "POST", "PUT", "POST", "PUT", "PUT", "GET"]
        assert registry.read_record(reference) == RECORD

    @pytest.mark.parametrize("fault", [answer(500), after(reset)])
    def test_an_upload_that_does_not_begin_is_tried_again(
        self,
        server: ScriptedRegistry,
        registry: Distribution,
        reference: Reference,
        fault: Action,
    ) -> None:
        server.rule("POST", "uploads", fault, times=2)
        registry.write_record(reference, RECORD)
        assert registry.read_record(reference) == RECORD

    def test_a_blob_that_is_lost_is_uploaded_again(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.rule("PUT", TAG, say(LOST), times=2)
        registry.write_record(reference, RECORD)
        assert len(server.asked("POST")) == 3

    def test_a_blob_that_is_lost_again_and_again(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.rule("PUT", TAG, say(LOST), times=None)
        with pytest.raises(RegistryError) as caught:
            registry.write_record(reference, RECORD)
        assert caught.value.reason == "MANIFEST_BLOB_UNKNOWN"
        assert len(server.asked("PUT", TAG)) == 3

    def test_accepted_and_nothing_stored(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.rule("PUT", TAG, answer(201), times=None)
        with pytest.raises(UnknownError):
            registry.write_record(reference, RECORD)

    @pytest.mark.parametrize("fault", [reset, answer(500)])
    def test_a_lost_acknowledgement(
        self,
        server: ScriptedRegistry,
        registry: Distribution,
        reference: Reference,
        fault: Action,
    ) -> None:
        server.rule("PUT", TAG, after(fault), times=None)
        registry.write_record(reference, RECORD)
        assert len(server.asked("PUT", TAG)) == 1

    def test_a_registry_that_is_down_for_a_while(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        registry.write_record(reference, RECORD)
        server.rule("GET", TAG, answer(503), times=3)
        registry.write_record(reference, RECORD)
        assert len(server.asked("POST")) == 1

    @pytest.mark.parametrize("what", [b"", b"no JSON", b'{"schemaVersion": 1}'])
    def test_what_is_no_manifest_gives_way(
        self,
        server: ScriptedRegistry,
        registry: Distribution,
        reference: Reference,
        what: bytes,
    ) -> None:
        server.manifests["app", "record"] = (IMAGE_TYPE, what)
        registry.write_record(reference, RECORD)
        assert registry.read_record(reference) == RECORD

    def test_refused(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.rule("POST", ".", say(error(403, "DENIED", "not yours")), times=None)
        with pytest.raises(RegistryError) as caught:
            registry.write_record(reference, RECORD)
        assert (caught.value.status, caught.value.reason) == (403, "DENIED")
        assert server.asked("PUT") == []

    def test_too_large_to_be_read_again(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        with pytest.raises(RegistryError, match="too large"):
            registry.write_record(reference, bytes(MOST + 1))
        assert server.log == []

    def test_as_large_as_it_may_be(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        registry.write_record(reference, bytes(MOST))
        assert registry.read_record(reference) == bytes(MOST)
        assert len(server.log) == 7


class TestReads:
    def test_a_wrong_hash_is_tried_again(
        self, server: ScriptedRegistry, registry: Distribution, kept: Reference
    ) -> None:
        server.rule("GET", "blobs/", answer(200, b"y" * len(RECORD)))
        assert registry.read_record(kept) == RECORD

    @pytest.mark.parametrize("wrong", [b"", RECORD[:-1], b"y" * len(RECORD)])
    def test_a_wrong_hash_twice_is_an_error(
        self, server: ScriptedRegistry, registry: Distribution, kept: Reference, wrong: bytes
    ) -> None:
        server.rule("GET", "blobs/", answer(200, wrong), times=None)
        with pytest.raises(RegistryError, match="wrong answer") as caught:
            registry.read_record(kept)
        assert "digest" in told(caught.value)
        assert len(server.asked("GET", "blobs/")) == 2

    def test_more_than_it_should_be(
        self, server: ScriptedRegistry, registry: Distribution, kept: Reference
    ) -> None:
        endless = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        server.rule("GET", "blobs/", raw(head, *[endless] * 50), times=None)
        with pytest.raises(RegistryError) as caught:
            registry.read_record(kept)
        assert f"larger than {len(RECORD)} bytes" in told(caught.value)
        assert len(server.asked("GET", "blobs/")) == 1

    def test_too_large(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        large = {**BLOB, "size": MOST + 1}
        seed(server, config=large, layers=[large])
        with pytest.raises(RegistryError) as caught:
            registry.read_record(reference)
        assert f"larger than {MOST} bytes" in told(caught.value)
        assert server.asked("GET", "blobs/") == []

    def test_a_blob_that_is_gone(
        self, server: ScriptedRegistry, registry: Distribution, kept: Reference
    ) -> None:
        server.blobs.clear()
        with pytest.raises(RegistryError) as caught:
            registry.read_record(kept)
        assert (caught.value.status, caught.value.reason) == (404, "BLOB_UNKNOWN")
        assert len(server.log) == 2

    @pytest.mark.parametrize(
        "fault",
        [answer(500), answer(429), reset, raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")],
    )
    def test_what_may_pass_is_tried_again(
        self, server: ScriptedRegistry, registry: Distribution, kept: Reference, fault: Action
    ) -> None:
        server.rule("GET", "blobs/", fault, times=3)
        assert registry.read_record(kept) == RECORD

    def test_a_redirect_to_a_store_that_sees_no_login(
        self, server: ScriptedRegistry, kept: Reference
    ) -> None:
        server.rule("*", ".", answer(401, WWW_Authenticate='Basic realm="give"'))
        with scripted_registry() as store:
            store.rule("GET", "signed", answer(200, RECORD))
            place = f"http://{store.host}/signed"
            server.rule("GET", "blobs/", answer(307, Location=place))
            assert distribution(Password("robot", "s3cret")).read_record(kept) == RECORD
            assert "Authorization" in server.asked("GET", "blobs/")[0].headers
            assert [r.headers["Authorization"] for r in store.log] == [None]

    @pytest.mark.parametrize("place", ["", "http://169.254.169.254/", "file:///etc/passwd"])
    def test_a_redirect_that_is_not_followed(
        self, server: ScriptedRegistry, registry: Distribution, kept: Reference, place: str
    ) -> None:
        server.rule("GET", "blobs/", answer(307, Location=place), times=None)
        with pytest.raises(RegistryError) as caught:
            registry.read_record(kept)
        assert "redirect" in told(caught.value)

    @pytest.mark.parametrize(
        "changes",
        [
            {"artifactType": None},
            {"artifactType": f"{RECORD_TYPE}.other"},
            {"artifactType": [RECORD_TYPE]},
            {"layers": [BLOB, descriptor(b"more", f"{RECORD_TYPE}+zlib")]},
            {"layers": [{**BLOB, "mediaType": "application/octet-stream"}]},
            {"layers": [descriptor(b"other", f"{RECORD_TYPE}+zlib")]},
            {"layers": 7},
            {"layers": [7]},
        ],
        ids=str,
    )
    def test_what_is_no_record(
        self,
        server: ScriptedRegistry,
        registry: Distribution,
        reference: Reference,
        changes: dict[str, object],
    ) -> None:
        seed(server, **changes)
        with pytest.raises(RegistryError, match="is not a record"):
            registry.read_record(reference)
        assert len(server.log) == 1

    def test_forbidden(
        self, server: ScriptedRegistry, registry: Distribution, kept: Reference
    ) -> None:
        server.rule("GET", "blobs/", answer(401), times=None)
        with pytest.raises(SetupError):
            registry.read_record(kept)
