"""What registries answer when something went wrong, or nothing went as HTTP has it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from releaser.core.oci import Reference, Tag
from releaser.errors import RegistryError
from releaser.registries.distribution import Distribution
from tests.fakes.registry import image
from tests.hostile.replies import MEGABYTE, flat, quick, refused
from tests.registry_server import (
    Action,
    ScriptedRegistry,
    after,
    answer,
    document,
    raw,
    scripted_registry,
)

TAG = r"/v2/app/manifests/1\.0$"
IMAGE = image("replies")
BODY = IMAGE.manifest.body
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
NO_HTTP = "its answer is not HTTP, or broke off"
LARGER = "is larger than 4194304 bytes"


@pytest.fixture
def server() -> Iterator[ScriptedRegistry]:
    with scripted_registry() as state:
        yield state


@pytest.fixture
def registry() -> Distribution:
    return quick()


@pytest.fixture
def reference(server: ScriptedRegistry) -> Reference:
    found = server.repository().tagged("1.0")
    server.seed(found, IMAGE)
    return found


NASTY = "\x1b[31m\x9b2J\r\n::set-output name=x::y\n##[error]\u202egpj.\u2066"
ERRORS = [
    pytest.param(b"<html>" + b"x" * 99, "text/html", "(text/html, 105 bytes)", id="R11a"),
    pytest.param(b"", "text/plain", "status: 403 Forbidden", id="R11b"),
    pytest.param(b'{"errors": null}', "application/json", "status: 403", id="R11d"),
    pytest.param(b'{"errors": [[7]]}', "application/json", "status: 403", id="R11d-odd"),
    pytest.param(b"[" * 8000, "application/json", "status: 403", id="R11d-deep"),
    pytest.param(
        b'{"errors": [{"code": "ODD_ONE", "message": "no"}]}', "", "ODD_ONE: no", id="R11e"
    ),
    pytest.param(b'{"errors": [{"code": "rm -rf", "detail": 7}]}', "", "status: 403", id="R11e-x"),
    pytest.param(NASTY.encode(), "text/plain", "registry says: ", id="R11f"),
    pytest.param(
        document(403, {"errors": [{"code": "DENIED", "message": NASTY}]}).body,
        "application/json",
        "DENIED: ",
        id="R11f-json",
    ),
]


@pytest.mark.parametrize(("body", "kind", "says"), ERRORS)
def test_errors(
    server: ScriptedRegistry,
    registry: Distribution,
    reference: Reference,
    body: bytes,
    kind: str,
    says: str,
) -> None:
    server.rule("*", ".", answer(403, body, Content_Type=kind), times=None)
    for ask in (registry.manifest, registry.digest, registry.labels):
        refused(lambda: ask(reference), "would not read app:1.0", kind=RegistryError)  # noqa: B023
    refused(lambda: registry.manifest(reference), says)


def test_r11c_an_error_of_a_hundred_megabytes(
    server: ScriptedRegistry, registry: Distribution, reference: Reference
) -> None:
    head = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\n\r\n"
    server.rule("GET", TAG, raw(head, *[b"x" * MEGABYTE] * 100), times=None)
    with flat(4 * MEGABYTE):
        refused(lambda: registry.manifest(reference), "registry says: xxx")


def test_r12_warnings_by_the_dozen(
    server: ScriptedRegistry, registry: Distribution, reference: Reference
) -> None:
    warning = b'Warning: 299 - "' + b"\x1b[2J::error::" * 350 + b'"\r\n'
    head = OK + warning * 50 + b"Content-Length: %d\r\n\r\n" % len(BODY)
    server.rule("GET", TAG, raw(head, BODY), times=None)
    assert registry.manifest(reference) == IMAGE.manifest


ZIPPED = gzip.compress(b" " * 32 * MEGABYTE)


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        pytest.param(ZIPPED, "gzip", id="R13a"),
        pytest.param(gzip.compress(ZIPPED), "gzip, gzip", id="R13b"),
        pytest.param(b"\x1b\x00\x00\x24", "br", id="R13c"),
        pytest.param(gzip.compress(BODY), "gzip", id="R13a-an-honest-one"),
    ],
)
def test_what_is_compressed_is_never_unpacked(
    server: ScriptedRegistry, registry: Distribution, reference: Reference, body: bytes, coding: str
) -> None:
    server.rule("GET", "^/v2/", answer(200, body, Content_Encoding=coding), times=None)
    with flat(4 * MEGABYTE):
        refused(lambda: registry.manifest(reference), f"content encoding: {coding}")
        refused(lambda: registry.tags(reference.repository), f"content encoding: {coding}")
    assert {r.headers["Accept-Encoding"] for r in server.log} == {"identity"}


HTTP = [
    pytest.param([CHUNKED + b"-1\r\n", *[b"x" * MEGABYTE] * 32], NO_HTTP, id="R14a"),
    pytest.param([CHUNKED + b"-5\r\n", b"x" * 99], NO_HTTP, id="R14a-negative"),
    pytest.param([CHUNKED + b"0x10\r\n", b"x" * 99], NO_HTTP, id="R14b"),
    pytest.param([CHUNKED + b"\r\n", b"x" * 99], NO_HTTP, id="R14b-none"),
    pytest.param([CHUNKED + b"f" * 70_000], NO_HTTP, id="R14b-endless"),
    pytest.param([CHUNKED, *[b"100000\r\n" + b"x" * MEGABYTE + b"\r\n"] * 32], LARGER,
                 id="R14b-large"),
    pytest.param([b"HTTP/1.1 100 Continue\r\n\r\n" * 9000], "connection", id="R14c"),
    pytest.param([b"<html>no status line at all"], NO_HTTP, id="R14d"),
    pytest.param([b"\x16\x03\x01\x00\xa5\x01\x00"], NO_HTTP, id="R14d-tls"),
    pytest.param([b"HTTP/1.1 999999 OK\r\n\r\n"], NO_HTTP, id="R14d-status"),
    pytest.param([OK + b"X: " + b"x" * MEGABYTE + b"\r\n\r\n"], NO_HTTP, id="R14e"),
    pytest.param([OK + b"X: y\r\n" * 5000 + b"\r\n"], NO_HTTP, id="R14e-many"),
    pytest.param([OK + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\n{}"], NO_HTTP, id="R14f"),
    pytest.param([OK + b"Content-Length: 99999\r\n\r\n{}"], "closed the connection",
                 id="R14f-more"),
    pytest.param([CHUNKED + b"0\r\n", *[b"X: " + b"x" * 60_000 + b"\r\n"] * 99], "not the JSON",
                 id="R14g"),
]  # fmt: skip


@pytest.mark.parametrize(("pieces", "says"), HTTP)
def test_what_is_not_http(
    server: ScriptedRegistry,
    registry: Distribution,
    reference: Reference,
    pieces: list[bytes],
    says: str,
) -> None:
    server.rule("GET", TAG, raw(*pieces), times=None)
    with flat(12 * MEGABYTE) if sum(map(len, pieces)) > MEGABYTE else nullcontext():
        refused(lambda: registry.manifest(reference), says, kind=RegistryError)
    assert len(server.log) <= 2


def test_r15a_a_head_with_a_body(
    server: ScriptedRegistry, registry: Distribution, reference: Reference
) -> None:
    forged = OK + b"Content-Length: 2\r\n\r\n{}"
    head = OK + b"Docker-Content-Digest: %s\r\nContent-Length: %d\r\n\r\n"
    reply = raw(head % (str(IMAGE.digest).encode(), len(forged)) + forged)
    server.rule("HEAD", TAG, reply, times=None)
    assert registry.digest(reference) == IMAGE.digest
    assert registry.manifest(reference) == IMAGE.manifest


@pytest.mark.parametrize(
    "action", [after(answer(204)), after(answer(200))], ids=["R15b", "R15b-200"]
)
def test_writes_that_are_answered_oddly(
    server: ScriptedRegistry, registry: Distribution, action: Action
) -> None:
    server.rule("PUT", "manifests", action)
    registry.put(server.repository(), Tag("2.0"), IMAGE.manifest)
    assert len(server.asked("PUT")) == 1


@pytest.mark.parametrize(
    ("status", "says"),
    [
        pytest.param(301, "its redirect is not followed: it named no location", id="R15c"),
        pytest.param(307, "its redirect is not followed: it named no location", id="R15c-307"),
        pytest.param(304, "status: 304 Not Modified", id="R15c-304"),
        pytest.param(206, "status: 206 Partial Content", id="R15c-206"),
        pytest.param(418, "status: 418 I'm a Teapot", id="R15e"),
        pytest.param(999, "status: 999", id="R15e-999"),
    ],
)
def test_odd_statuses(
    server: ScriptedRegistry, registry: Distribution, reference: Reference, status: int, says: str
) -> None:
    server.rule("GET", TAG, answer(status), times=None)
    refused(lambda: registry.manifest(reference), says, kind=RegistryError)
    assert len(server.log) == 1


@pytest.mark.parametrize("status", [302, 307, 308], ids="R15d-{}".format)
def test_writes_are_not_redirected(
    server: ScriptedRegistry, registry: Distribution, status: int
) -> None:
    with scripted_registry() as thief:
        server.rule("PUT", ".", answer(status, Location=f"http://{thief.host}/x"), times=None)
        put = registry.put
        refused(lambda: put(server.repository(), Tag("2.0"), IMAGE.manifest), f"status: {status}")
        assert thief.log == []
