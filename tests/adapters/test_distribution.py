"""The distribution adapter against a registry that stalls, breaks off and answers too much."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest

from releaser.core.oci import Reference
from releaser.errors import RegistryError
from releaser.registries.distribution import Distribution
from releaser.registries.retry import Patience
from tests.fakes.registry import image
from tests.registry_client import Time, distribution, told
from tests.registry_server import (
    Action,
    Exchange,
    Reply,
    ScriptedRegistry,
    answer,
    close,
    document,
    error,
    raw,
    reset,
    say,
    scripted_registry,
)

TAG = r"/v2/app/manifests/1\.0$"
IMAGE = image("adapter")


@pytest.fixture
def reference(server: ScriptedRegistry) -> Reference:
    reference = server.repository().tagged("1.0")
    server.seed(reference, IMAGE)
    return reference


class TestRetries:
    @pytest.mark.parametrize(
        "status", [408, 425, 429, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529]
    )
    def test_what_may_pass_is_tried_again(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference, status: int
    ) -> None:
        server.rule("HEAD", TAG, answer(status), times=3)
        assert registry.digest(reference) == IMAGE.digest
        assert len(server.asked("HEAD")) == 4

    @pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 415, 418, 501, 505, 507, 511])
    def test_what_will_not_pass_is_not(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference, status: int
    ) -> None:
        server.rule("GET", TAG, say(error(status, "DENIED", "no")), times=None)
        if status == 404:
            assert registry.manifest(reference) is None
        else:
            with pytest.raises(RegistryError) as caught:
                registry.manifest(reference)
            assert (caught.value.status, caught.value.reason) == (status, "DENIED")
            assert not caught.value.retryable
        assert len(server.log) == 1

    @pytest.mark.parametrize(
        "said",
        [
            b'{"errors":[{"code":"UNKNOWN","message":"write /var: no space left on device"}]}',
            b'{"errors":[{"code":"UNKNOWN","detail":{"Enclosed":{"Op":"mkdir","Err":28}}}]}',
        ],
    )
    def test_a_full_disk_is_not_waited_for(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference, said: bytes
    ) -> None:
        server.rule("GET", TAG, answer(500, said, Content_Type="application/json"), times=None)
        with pytest.raises(RegistryError, match="failed when asked to read") as caught:
            registry.manifest(reference)
        assert "make room at the registry" in told(caught.value)
        assert len(server.log) == 1

    @pytest.mark.parametrize("fault", [reset, close])
    def test_a_broken_connection_is_tried_again(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference, fault: Action
    ) -> None:
        server.rule("GET", TAG, fault, times=2)
        assert registry.manifest(reference) == IMAGE.manifest

    def test_pauses_grow_and_end(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference, when: Time
    ) -> None:
        server.rule("GET", TAG, answer(503, b"overloaded", Content_Type="text/plain"), times=None)
        with pytest.raises(RegistryError) as caught:
            registry.manifest(reference)
        assert when.pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0, 20.0]
        assert caught.value.retryable
        assert "registry says: overloaded" in told(caught.value)
        assert "tries: 10 in 92 s" in told(caught.value)

    @pytest.mark.parametrize("asked", ["7", "date"])
    def test_retry_after_is_kept(
        self,
        server: ScriptedRegistry,
        registry: Distribution,
        reference: Reference,
        when: Time,
        asked: str,
    ) -> None:
        value = formatdate(when.now + 7, usegmt=True) if asked == "date" else asked
        server.rule("GET", TAG, answer(429, Retry_After=value))
        assert registry.manifest(reference) == IMAGE.manifest
        assert when.pauses == [7.5]

    def test_retry_after_is_capped(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference, when: Time
    ) -> None:
        server.rule("GET", TAG, answer(429, Retry_After="86400"))
        assert registry.manifest(reference) == IMAGE.manifest
        assert when.pauses == [120.5]

    @pytest.mark.parametrize("asked", ["soon", "-1", "9" * 400, "1e9", ""])
    def test_an_odd_retry_after_does_no_harm(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference, asked: str
    ) -> None:
        server.rule("GET", TAG, answer(503, Retry_After=asked))
        assert registry.manifest(reference) == IMAGE.manifest

    def test_a_host_that_never_answered_is_given_up_soon(
        self, registry: Distribution, when: Time
    ) -> None:
        with scripted_registry() as gone:
            nobody = gone.repository().tagged("1.0")
        with pytest.raises(RegistryError, match="gave no usable answer"):
            registry.digest(nobody)
        assert when.pauses == [0.5, 1.0]

    def test_a_host_that_has_answered_is_waited_for(
        self, registry: Distribution, when: Time
    ) -> None:
        with scripted_registry() as state:
            reference = state.repository().tagged("1.0")
            assert registry.digest(reference) is None
            state.rule("*", ".", close, times=None)
        with pytest.raises(RegistryError) as caught:
            registry.digest(reference)
        assert "refuses connections" in told(caught.value)
        assert len(when.pauses) == 9

    def test_connections_are_kept(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        for _ in range(20):
            registry.digest(reference)
            registry.manifest(reference)
            registry.digest(reference.with_tag("none"))
        assert server.connections == 1

    def test_sixteen_threads(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.rule("GET", TAG, answer(500), times=8)
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda _: registry.manifest(reference), range(200)))
        assert found == [IMAGE.manifest] * 200
        assert server.connections <= 24


class TestTime:
    @pytest.mark.parametrize(
        "head", [b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"HTTP/1"]
    )
    def test_a_slow_drip_ends(self, server: ScriptedRegistry, when: Time, head: bytes) -> None:
        patience = Patience(tries=2, request=0.6)
        registry = distribution(when=when, idle=5.0, patience=patience)
        server.rule("GET", TAG, raw(head, *[b"x"] * 100, pause=0.1), times=None)
        begin = time.monotonic()
        with pytest.raises(RegistryError) as caught:
            registry.manifest(server.repository().tagged("1.0"))
        assert time.monotonic() - begin < 3.0
        assert "did not answer in time" in told(caught.value)
        assert caught.value.retryable

    def test_silence_ends(self, server: ScriptedRegistry, when: Time) -> None:
        registry = distribution(when=when, idle=0.2, patience=Patience(tries=2))
        server.rule("GET", TAG, raw(b"", pause=1.0), times=None)
        begin = time.monotonic()
        with pytest.raises(RegistryError):
            registry.manifest(server.repository().tagged("1.0"))
        assert time.monotonic() - begin < 3.0


class TestTags:
    def test_pages(self, server: ScriptedRegistry, registry: Distribution) -> None:
        first = document(200, {"name": "app", "tags": ["c", "a"]}, Link='<?page=2>; rel="next"')
        second = document(200, {"name": "app", "tags": ["b", "a"]})
        server.rule("GET", "page=2", say(second))
        server.rule("GET", "tags/list", say(first))
        assert registry.tags(server.repository()) == ("a", "b", "c")

    @pytest.mark.parametrize("link", ["<?n=1>", "</v2/app/tags/list?n=1000>"])
    def test_pages_without_end(
        self, server: ScriptedRegistry, registry: Distribution, link: str
    ) -> None:
        page = document(200, {"name": "app", "tags": ["a"]}, Link=f"{link}; rel=next")
        server.rule("GET", "tags/list", say(page), times=None)
        with pytest.raises(RegistryError) as caught:
            registry.tags(server.repository())
        assert "does not end" in told(caught.value)
        assert len(server.log) <= 2

    def test_ever_new_pages(self, server: ScriptedRegistry, registry: Distribution) -> None:
        def page(exchange: Exchange) -> Reply:
            number = len(exchange.server.log)
            return document(200, {"name": "app", "tags": []}, Link=f"<?x={number}>; rel=next")

        server.rule("GET", "tags/list", page, times=None)
        with pytest.raises(RegistryError, match="wrong answer"):
            registry.tags(server.repository())
        assert len(server.log) == 100

    def test_a_page_elsewhere(self, server: ScriptedRegistry, registry: Distribution) -> None:
        with scripted_registry() as other:
            page = document(200, {"tags": ["a"]}, Link=f'<http://{other.host}/>; rel="next"')
            server.rule("GET", "tags/list", say(page), times=None)
            with pytest.raises(RegistryError) as caught:
                registry.tags(server.repository())
            assert "another host" in told(caught.value)
            assert other.log == []

    @pytest.mark.parametrize("content", [{"name": "app", "tags": None}, {"name": "app"}])
    def test_no_tags(
        self, server: ScriptedRegistry, registry: Distribution, content: object
    ) -> None:
        server.rule("GET", "tags/list", say(document(200, content)))
        assert registry.tags(server.repository()) == ()

    @pytest.mark.parametrize("content", [[], {}, {"tags": 7}, {"tags": ["a", 7]}, "x"])
    def test_what_is_no_list_of_tags(
        self, server: ScriptedRegistry, registry: Distribution, content: object
    ) -> None:
        server.rule("GET", "tags/list", say(document(200, content)))
        with pytest.raises(RegistryError):
            registry.tags(server.repository())

    def test_illegal_tags_are_left_out(
        self, server: ScriptedRegistry, registry: Distribution
    ) -> None:
        tags = ["ok", "\x1b[31m", "a b", "-x", ""]
        server.rule("GET", "tags/list", say(document(200, {"name": "app", "tags": tags})))
        assert registry.tags(server.repository()) == ("ok",)

    def test_a_hundred_thousand_tags_on_a_page(
        self, server: ScriptedRegistry, registry: Distribution
    ) -> None:
        tags = [f"v{n}" for n in range(100_000)]
        server.rule("GET", "tags/list", say(document(200, {"name": "app", "tags": tags})))
        assert len(registry.tags(server.repository())) == 100_000
