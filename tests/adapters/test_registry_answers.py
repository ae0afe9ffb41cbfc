"""The distribution adapter against a registry that answers nonsense."""

from __future__ import annotations

import pytest

from releaser.core.oci import Reference
from releaser.errors import RegistryError
from releaser.registries.distribution import Distribution
from tests.fakes.registry import INDEX_TYPE, image
from tests.registry_client import told
from tests.registry_server import (
    Exchange,
    Reply,
    ScriptedRegistry,
    answer,
    error,
    raw,
    say,
)

TAG = r"/v2/app/manifests/1\.0$"
IMAGE = image("adapter")


@pytest.fixture
def reference(server: ScriptedRegistry) -> Reference:
    reference = server.repository().tagged("1.0")
    server.seed(reference, IMAGE)
    return reference


class TestAnswers:
    def test_a_wrong_hash_is_tried_again(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.rule("GET", TAG, flipped)
        assert registry.manifest(reference) == IMAGE.manifest

    def test_a_wrong_hash_twice_is_an_error(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.rule("GET", TAG, flipped, times=None)
        with pytest.raises(RegistryError, match="wrong answer") as caught:
            registry.manifest(reference)
        assert not caught.value.retryable
        assert len(server.log) == 2

    def test_a_digest_that_was_asked_for_is_checked(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        other = image("other").manifest
        server.manifests["app", str(IMAGE.digest)] = (other.media_type, other.body)
        with pytest.raises(RegistryError, match="wrong answer"):
            registry.manifest(reference.repository.at(IMAGE.digest))
        with pytest.raises(RegistryError, match="wrong answer"):
            registry.digest(reference.repository.at(IMAGE.digest))

    def test_half_an_answer_is_tried_again(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n"
        server.rule("GET", TAG, raw(head, IMAGE.manifest.body))
        assert registry.manifest(reference) == IMAGE.manifest

    @pytest.mark.parametrize(
        "junk",
        [
            b"not HTTP at all\r\n\r\n",
            b"HTTP/1.1 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nx",
            b"",
        ],
        ids=["text", "no status", "long header", "many headers", "bad chunk", "nothing"],
    )
    def test_what_is_not_http_is_tried_again(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference, junk: bytes
    ) -> None:
        server.rule("GET", TAG, raw(junk))
        assert registry.manifest(reference) == IMAGE.manifest

    def test_a_manifest_that_is_too_large(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.rule("GET", TAG, answer(200, b" " * (4 * 1024 * 1024 + 1)), times=None)
        with pytest.raises(RegistryError) as caught:
            registry.manifest(reference)
        assert "larger than 4194304 bytes" in told(caught.value)
        assert len(server.log) == 1

    def test_a_body_without_end(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        server.rule("GET", TAG, raw(head, *[chunk] * 50))
        with pytest.raises(RegistryError, match="no usable answer"):
            registry.manifest(reference)

    def test_a_long_error_is_cut(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        page = b"x" * 1_000_000
        server.rule("GET", TAG, answer(403, page, Content_Type="text/plain"))
        with pytest.raises(RegistryError) as caught:
            registry.manifest(reference)
        assert len(told(caught.value)) < 600

    def test_an_error_cannot_speak_to_the_terminal_or_to_the_runner(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        nasty = "\x1b[31mred\n::set-output name=x::y\r\u202egpj"
        server.rule("GET", TAG, say(error(403, "DENIED", nasty)))
        with pytest.raises(RegistryError) as caught:
            registry.manifest(reference)
        said = dict(caught.value.details)["registry says"]
        assert said.isprintable()
        assert not said.startswith("::")

    @pytest.mark.parametrize(
        "body",
        [b"", b"null", b"[]", b'{"errors": null}', b'{"errors": [7]}', b"[" * 5000, b"\xff\xfe"],
    )
    def test_odd_errors(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference, body: bytes
    ) -> None:
        server.rule("GET", TAG, answer(403, body, Content_Type="application/json"))
        with pytest.raises(RegistryError) as caught:
            registry.manifest(reference)
        assert (caught.value.status, caught.value.reason) == (403, None)

    @pytest.mark.parametrize(
        ("name", "body"),
        [
            ("html", b"<html>"),
            ("list", b"[]"),
            ("empty", b""),
            ("schema 1", b'{"schemaVersion": 1}'),
            ("deep", b"[" * 100_000),
            ("twice", b'{"schemaVersion": 2, "schemaVersion": 2, "manifests": []}'),
            ("both", b'{"schemaVersion": 2, "manifests": [], "layers": [], "config": {}}'),
            ("neither", b'{"schemaVersion": 2}'),
            ("unknown", b'{"schemaVersion": 2, "mediaType": "text/plain", "layers": []}'),
            ("no config", b'{"schemaVersion": 2, "layers": []}'),
            ("bad size", b'{"schemaVersion":2,"manifests":[{"digest":"sha256:%s","size":-1}]}'),
            ("bad digest", b'{"schemaVersion":2,"manifests":[{"digest":"../x","size":1}]}'),
            ("odd entry", b'{"schemaVersion":2,"manifests":[7]}'),
        ],
    )
    def test_what_is_no_manifest(
        self,
        server: ScriptedRegistry,
        registry: Distribution,
        reference: Reference,
        name: str,  # noqa: ARG002
        body: bytes,
    ) -> None:
        server.rule(
            "GET", TAG, answer(200, body.replace(b"%s", b"0" * 64), Content_Type="text/html")
        )
        with pytest.raises(RegistryError) as caught:
            registry.manifest(reference)
        assert "content type: text/html" in told(caught.value)

    def test_two_media_types_that_contradict_each_other(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.rule("GET", TAG, answer(200, IMAGE.manifest.body, Content_Type=INDEX_TYPE))
        with pytest.raises(RegistryError, match="wrong answer"):
            registry.manifest(reference)

    @pytest.mark.parametrize("kind", ["", "text/plain; charset=utf-8", "application/json"])
    def test_a_registry_that_does_not_say_what_it_sends(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference, kind: str
    ) -> None:
        server.rule("GET", TAG, answer(200, IMAGE.manifest.body, Content_Type=kind))
        assert registry.manifest(reference) == IMAGE.manifest

    @pytest.mark.parametrize("status", [405, 501])
    def test_head_that_is_not_allowed(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference, status: int
    ) -> None:
        server.rule("HEAD", TAG, answer(status), times=None)
        assert registry.digest(reference) == IMAGE.digest

    @pytest.mark.parametrize("said", ["", "sha256:short", "garbage"])
    def test_head_without_a_digest(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference, said: str
    ) -> None:
        server.rule("HEAD", TAG, answer(200, Docker_Content_Digest=said), times=None)
        assert registry.digest(reference) == IMAGE.digest

    def test_a_web_page_is_not_proof_of_absence(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        page = answer(404, b"<h1>no such host</h1>", Content_Type="text/html")
        server.rule("*", ".", page, times=None)
        with pytest.raises(RegistryError):
            registry.digest(reference)
        with pytest.raises(RegistryError):
            registry.manifest(reference)
        with pytest.raises(RegistryError):
            registry.tags(reference.repository)


def flipped(exchange: Exchange) -> Reply:
    """The right answer with one wrong byte."""
    right = exchange.served()
    return Reply(right.status, right.headers, b"[" + right.body[1:])
