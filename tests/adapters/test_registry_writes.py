"""Writes that registries lie about, and whether we may write at all."""

from __future__ import annotations

import pytest

from releaser.core.oci import Digest, Repository, Tag
from releaser.errors import RegistryError, SetupError, UnknownError
from releaser.registries.distribution import Distribution
from tests.fakes.registry import Image, image
from tests.registry_client import Time, told
from tests.registry_server import (
    Action,
    Reply,
    ScriptedRegistry,
    after,
    answer,
    close,
    error,
    reset,
    say,
    scripted_registry,
)

TAG = r"/v2/app/manifests/1\.0$"
IMAGE = image("adapter")


def put(registry: Distribution, server: ScriptedRegistry, content: Image = IMAGE) -> None:
    registry.put(server.repository(), Tag("1.0"), content.manifest)


class TestTagWrites:
    """The numbers are those of the fault list that the adapter was designed against."""

    @pytest.mark.parametrize("status", [500, 502, 503, 429])
    def test_f15_refused_once(
        self, server: ScriptedRegistry, registry: Distribution, status: int
    ) -> None:
        server.rule("PUT", TAG, answer(status))
        put(registry, server)
        assert server.manifests["app", "1.0"][1] == IMAGE.manifest.body

    def test_f16_reset_before_the_write(
        self, server: ScriptedRegistry, registry: Distribution
    ) -> None:
        server.rule("PUT", TAG, reset)
        put(registry, server)
        assert len(server.asked("PUT")) == 2

    @pytest.mark.parametrize("fault", [reset, close, answer(500), answer(400)])
    def test_f17_f18_lost_acknowledgement(
        self, server: ScriptedRegistry, registry: Distribution, when: Time, fault: Action
    ) -> None:
        server.rule("PUT", TAG, after(fault), times=None)
        put(registry, server)
        assert len(server.asked("PUT")) == 1
        assert when.pauses == []

    def test_f19_accepted_and_nothing_stored(
        self, server: ScriptedRegistry, registry: Distribution
    ) -> None:
        server.rule("PUT", TAG, answer(201), times=None)
        with pytest.raises(UnknownError) as caught:
            put(registry, server)
        assert len(server.asked("PUT")) == 2
        assert "writes: 201, 201" in told(caught.value)
        assert str(IMAGE.digest) in told(caught.value)

    def test_f19_accepted_and_lost_once(
        self, server: ScriptedRegistry, registry: Distribution
    ) -> None:
        server.rule("PUT", TAG, answer(201))
        put(registry, server)
        assert server.manifests["app", "1.0"][1] == IMAGE.manifest.body

    def test_f20_accepted_with_a_wrong_digest(
        self, server: ScriptedRegistry, registry: Distribution
    ) -> None:
        wrong = str(Digest.of(b"something else"))
        server.rule("PUT", TAG, after(answer(201, Docker_Content_Digest=wrong)))
        put(registry, server)
        assert len(server.asked("PUT")) == 1

    def test_f21_a_web_page_says_yes(
        self, server: ScriptedRegistry, registry: Distribution
    ) -> None:
        page = answer(200, b"<h1>Welcome to our hotel</h1>", Content_Type="text/html")
        server.rule("*", TAG, page, times=None)
        with pytest.raises(RegistryError) as caught:
            put(registry, server)
        assert "text/html" in told(caught.value)
        assert "hotel" not in told(caught.value)

    def test_f22_not_found_for_some_seconds(
        self, server: ScriptedRegistry, registry: Distribution, when: Time
    ) -> None:
        missing = error(404, "MANIFEST_UNKNOWN", "")
        server.rule("GET", TAG, lambda e: missing if when.now < 1005 else e.served(), times=None)
        put(registry, server)
        assert len(server.asked("PUT")) == 1

    def test_f23_not_found_for_ever(
        self, server: ScriptedRegistry, registry: Distribution, when: Time
    ) -> None:
        server.rule("GET", TAG, say(error(404, "MANIFEST_UNKNOWN", "")), times=None)
        with pytest.raises(UnknownError):
            put(registry, server)
        assert 50 < sum(when.pauses) < 70

    def test_f24_an_old_digest_for_some_seconds(
        self, server: ScriptedRegistry, registry: Distribution, when: Time
    ) -> None:
        old = Reply(200, {"Content-Type": "x"}, image("old").manifest.body)
        server.rule("GET", TAG, lambda e: old if when.now < 1010 else e.served(), times=None)
        put(registry, server)
        assert len(server.asked("PUT")) == 1
        assert when.now >= 1010

    def test_f25_unreadable_while_written(
        self, server: ScriptedRegistry, registry: Distribution
    ) -> None:
        server.rule("GET", TAG, answer(500), times=2)
        put(registry, server)
        assert len(server.asked("PUT")) == 1

    def test_refused_and_confirmed(self, server: ScriptedRegistry, registry: Distribution) -> None:
        server.rule("PUT", TAG, say(error(403, "DENIED", "tag is immutable")), times=None)
        with pytest.raises(RegistryError) as caught:
            put(registry, server)
        assert (caught.value.status, caught.value.reason) == (403, "DENIED")
        assert "registry says: DENIED: tag is immutable" in told(caught.value)
        assert len(server.asked("PUT")) == 1

    def test_broken_off_and_unreadable(
        self, server: ScriptedRegistry, registry: Distribution
    ) -> None:
        server.rule("PUT", TAG, reset, times=None)
        server.rule("GET", TAG, answer(500), times=None)
        with pytest.raises(UnknownError):
            put(registry, server)

    def test_never_connected_is_a_failure_and_not_unknown(self, registry: Distribution) -> None:
        with scripted_registry() as gone:
            pass
        with pytest.raises(RegistryError):
            put(registry, gone)


class TestCheckPush:
    def test_the_upload_is_cancelled(
        self, server: ScriptedRegistry, registry: Distribution
    ) -> None:
        registry.check_push(server.repository())
        assert [r.method for r in server.log] == ["POST", "DELETE"]
        assert server.log[1].path == "/v2/app/blobs/uploads/1?state=x"

    @pytest.mark.parametrize("fault", [answer(404), answer(500), reset])
    def test_a_failed_cancellation_is_nothing(
        self, server: ScriptedRegistry, registry: Distribution, fault: Action
    ) -> None:
        server.rule("DELETE", ".", fault, times=None)
        registry.check_push(server.repository())

    @pytest.mark.parametrize("status", [403, 405])
    def test_forbidden(self, server: ScriptedRegistry, registry: Distribution, status: int) -> None:
        server.rule("POST", ".", say(error(status, "DENIED", "not yours")), times=None)
        with pytest.raises(SetupError) as caught:
            registry.check_push(server.repository("team/app"))
        assert f"registry {server.host} does not let us push to team/app" in told(caught.value)
        assert f"docker login {server.host}" in told(caught.value)
        assert "not yours" in told(caught.value)

    def test_nobody_there(self, registry: Distribution) -> None:
        with scripted_registry() as gone:
            pass
        with pytest.raises(SetupError) as caught:
            registry.check_push(gone.repository())
        assert f"registry {gone.host} cannot be reached" in told(caught.value)
        assert "refuses connections" in told(caught.value)

    def test_no_such_host(self, registry: Distribution) -> None:
        with pytest.raises(SetupError) as caught:
            registry.check_push(Repository("registry.invalid", "app"))
        assert "registry registry.invalid cannot be reached" in told(caught.value)

    def test_a_broken_registry_is_no_setup_error(
        self, server: ScriptedRegistry, registry: Distribution
    ) -> None:
        server.rule("POST", ".", answer(500), times=None)
        with pytest.raises(RegistryError):
            registry.check_push(server.repository())
