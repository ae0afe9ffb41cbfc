"""What registries answer to reads and writes: places, headers, HTTP itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import pytest

from releaser.core.oci import Reference, Tag
from releaser.errors import RegistryError
from releaser.logins.login import Password
from releaser.registries.distribution import Distribution
from releaser.registries.hosts import RefusedAddressError, follow
from tests.fakes.registry import image, signature
from tests.hostile.replies import quick, refused
from tests.registry_client import told
from tests.registry_server import (
    Exchange,
    Reply,
    ScriptedRegistry,
    after,
    answer,
    document,
    error,
    say,
    scripted_registry,
)

TAG = r"/v2/app/manifests/1\.0$"
IMAGE = image("replies")
BODY = IMAGE.manifest.body
KIND = IMAGE.manifest.media_type
PAGE = answer(200, b"<html>Welcome to nginx!", Content_Type="text/html")


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


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda r, at: r.check_push(at.repository), "status: 200 OK"),
        (lambda r, at: r.digest(at), "content type: text/html"),
        (lambda r, at: r.manifest(at), "it is not the JSON of a manifest"),
        (lambda r, at: r.tags(at.repository), "it is no list of tags"),
        (lambda r, at: r.put(at.repository, Tag("2.0"), IMAGE.manifest), "a web page (text/html)"),
        (lambda r, at: r.copy(at, at.repository, Tag("2.0")), "not the JSON of a manifest"),
        (lambda r, at: r.labels(at), "it is not the JSON of a manifest"),
        (lambda r, at: r.referrers(at.repository, IMAGE.digest), "not the JSON of a manifest"),
    ],
    ids=[f"R1-{n}" for n in range(8)],
)
def test_what_is_no_registry(
    server: ScriptedRegistry,
    registry: Distribution,
    reference: Reference,
    ask: Callable[[Distribution, Reference], object],
    says: str,
) -> None:
    server.rule("*", ".", PAGE, times=None)
    error_ = refused(lambda: ask(registry, reference), f"registry {server.host} gave a wrong", says)
    assert "something else answers in its place" in told(error_)


LOCATIONS = [
    pytest.param("", "it named no location", id="R4a"),
    pytest.param("https://user@evil.example/x", "user name in it", id="R4e-login"),
    pytest.param("http://169.254.169.254/x", "inner address", id="R4e"),
    pytest.param("ftp://evil.example/x", "neither http nor https", id="R4e-ftp"),
    pytest.param("/v2/app/blobs/uploads/" + "x" * 10_000, "malformed address", id="R4g"),
    pytest.param("/v2/app/blobs/uploads/a b", "malformed address", id="R4h-blank"),
]


@pytest.mark.parametrize(("place", "says"), LOCATIONS)
def test_upload_locations_that_are_not_used(
    server: ScriptedRegistry,
    registry: Distribution,
    reference: Reference,
    place: str,
    says: str,
) -> None:
    with scripted_registry() as to:
        to.rule("POST", "uploads", answer(202, Location=place), times=None)
        refused(
            lambda: registry.copy(reference, to.repository(), Tag("1.0")),
            "its upload location",
            says,
            kind=RegistryError,
        )
        assert to.asked("PUT") == []
    assert server.blobs


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("http://r.example/v2/x", id="R4d"),
        pytest.param("http:x", id="R4d-relative"),
        pytest.param("https://r.example/x\nHost: evil", id="R4h"),
        pytest.param("https://r.example/x\r\n\r\nGET /", id="R4h-request"),
    ],
)
def test_locations_that_are_not_followed(place: str) -> None:
    with pytest.raises(RefusedAddressError):
        follow("https://r.example/v2/a", place)


@pytest.mark.parametrize(
    ("place", "sent"),
    [
        pytest.param("uploads/7", "/v2/app/blobs/uploads/uploads/7?digest=", id="R4b"),
        pytest.param("/v2/app/blobs/uploads/7", "/v2/app/blobs/uploads/7?digest=", id="R4b-path"),
        pytest.param("/v2/app/blobs/uploads/7?a=b", "uploads/7?a=b&digest=", id="R4f"),
        pytest.param("/v2/app/blobs/uploads/7#f", "/v2/app/blobs/uploads/7?digest=", id="R4i"),
    ],
)
def test_upload_locations_that_are_used(
    server: ScriptedRegistry, registry: Distribution, reference: Reference, place: str, sent: str
) -> None:
    assert server.blobs
    with scripted_registry() as to:
        to.rule("POST", "uploads", answer(202, Location=place), times=None)
        registry.copy(reference, to.repository(), Tag("1.0"))
        assert all(sent in request.path for request in to.asked("PUT", "uploads"))
        assert to.blobs == server.blobs


@pytest.mark.parametrize("form", ["http://{}/upload", "//{}/upload"], ids=["R4c", "R4e-slashes"])
def test_uploads_elsewhere_see_no_login(reference: Reference, form: str) -> None:
    def guard(exchange: Exchange) -> Reply:
        if "Authorization" in exchange.request.headers:
            return exchange.served()
        return Reply(401, {"WWW-Authenticate": 'Basic realm="x"'})

    with scripted_registry() as to, scripted_registry() as store:
        place = form.format(store.host)
        to.rule("POST", "uploads", after(answer(202, Location=place)), times=None)
        to.rule("*", "^/v2/app/(manifests|blobs/sha)", guard, times=None)
        store.rule("PUT", "^/upload", answer(201), times=None)
        registry = quick(Password("robot", "correct horse"))
        registry.copy(reference, to.repository(), Tag("1.0"))
        assert len(store.asked("PUT")) == 2
        assert not any("Authorization" in request.headers for request in store.log)


def test_r05a_a_mount_that_is_taken_for_an_upload(
    server: ScriptedRegistry, registry: Distribution, reference: Reference
) -> None:
    server.rule("HEAD", "copy/blobs", answer(404), times=None)
    place = "/v2/copy/blobs/uploads/9"
    server.rule("POST", "mount=", answer(202, Location=place), times=None)
    registry.copy(reference, server.repository("copy"), Tag("1.0"))
    assert len(server.asked("PUT", "uploads/9")) == 2


def test_r05b_an_upload_that_is_only_accepted(
    registry: Distribution, server: ScriptedRegistry, reference: Reference
) -> None:
    with scripted_registry() as to:
        to.rule("PUT", "uploads", after(answer(202)), times=None)
        registry.copy(reference, to.repository(), Tag("1.0"))
        assert to.blobs == server.blobs


def test_r06_a_mount_that_did_not_happen(
    server: ScriptedRegistry, registry: Distribution, reference: Reference
) -> None:
    server.rule("HEAD", "copy/blobs", answer(404), times=None)
    server.rule("POST", "mount=", answer(201), times=None)
    server.rule("PUT", "copy/manifests", say(error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown")))
    registry.copy(reference, server.repository("copy"), Tag("1.0"))
    assert len(server.asked("PUT", "copy/blobs/uploads")) == 2


SHA512 = "sha512:" + hashlib.sha512(BODY).hexdigest()
USUAL = str(IMAGE.digest)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("", id="R7a"),
        pytest.param(USUAL.upper(), id="R7c"),
        pytest.param(SHA512, id="R7d"),
        pytest.param("../../etc/passwd", id="R7e"),
        pytest.param(f"{USUAL}, {USUAL}", id="R7e-twice"),
        pytest.param("sha256:" + "x" * 9000, id="R7e-long"),
    ],
)
def test_digests_that_do_not_decide(
    server: ScriptedRegistry, registry: Distribution, reference: Reference, said: str
) -> None:
    headers = {"Docker_Content_Digest": said} if said else {}
    server.rule("*", TAG, answer(200, BODY, Content_Type=KIND, **headers), times=None)
    assert registry.digest(reference) == IMAGE.digest
    assert registry.manifest(reference) == IMAGE.manifest


@pytest.mark.parametrize(
    "said", ["sha256:" + "0" * 64, "sha512:" + "0" * 128], ids=["R7b", "R7d-wrong"]
)
def test_digests_of_other_bytes(
    server: ScriptedRegistry, registry: Distribution, reference: Reference, said: str
) -> None:
    lie = answer(200, BODY, Content_Type=KIND, Docker_Content_Digest=said)
    server.rule("GET", TAG, lie, times=None)
    refused(lambda: registry.manifest(reference), "does not have the digest that it should have")
    assert len(server.log) == 2


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("", id="R8a"),
        pytest.param(f"{KIND}; charset=utf-8", id="R8b"),
        pytest.param("text/html", id="R8c"),
    ],
)
def test_media_types_that_do_not_decide(
    server: ScriptedRegistry, registry: Distribution, reference: Reference, kind: str
) -> None:
    server.rule("GET", TAG, answer(200, BODY, Content_Type=kind), times=None)
    assert registry.manifest(reference) == IMAGE.manifest


def test_r08d_media_types_that_contradict_each_other(
    server: ScriptedRegistry, registry: Distribution, reference: Reference
) -> None:
    other = "application/vnd.oci.image.index.v1+json"
    server.rule("GET", TAG, answer(200, BODY, Content_Type=other), times=None)
    refused(lambda: registry.manifest(reference), f"it was sent as {other} and calls itself {KIND}")


def test_r16a_no_list_of_referrers(server: ScriptedRegistry, registry: Distribution) -> None:
    server.rule("GET", "referrers", answer(404), times=None)
    assert registry.referrers(server.repository(), IMAGE.digest) == ()
    assert len(server.asked("GET", "manifests/sha256-")) == 1


def test_r16b_a_web_page_for_referrers(server: ScriptedRegistry, registry: Distribution) -> None:
    server.rule("GET", "referrers", PAGE, times=None)
    refused(
        lambda: registry.referrers(server.repository(), IMAGE.digest), "content type: text/html"
    )


def test_r16c_a_subject_that_is_not_noticed(server: ScriptedRegistry) -> None:
    """Without lists of the registry's own, the list is a tag of ours."""
    registry, signed = quick(), signature(IMAGE)
    with scripted_registry() as other:
        other.seed(other.repository().tagged("signature"), signed)
        server.rule("GET", "referrers", answer(404), times=None)
        registry.attach(other.repository().tagged("signature"), server.repository())
        assert registry.referrers(server.repository(), IMAGE.digest) == (signed.digest,)


@pytest.mark.parametrize("link", ["<?n=1>", "<?x={}>"], ids=["R16d", "R16d-ever-new"])
def test_referrers_in_circles(server: ScriptedRegistry, registry: Distribution, link: str) -> None:
    def page(exchange: Exchange) -> Reply:
        index = {"schemaVersion": 2, "manifests": []}
        target = link.format(len(exchange.server.log))
        return document(200, index, Link=f'{target}; rel="next"')

    server.rule("GET", "referrers", page, times=None)
    refused(lambda: registry.referrers(server.repository(), IMAGE.digest), "the list has no end")
    assert len(server.log) <= 100


@pytest.mark.parametrize("tags", ["", "other", "2.0, other"], ids=["R17-none", "R17-x", "R17-more"])
def test_tags_that_a_write_claims(
    server: ScriptedRegistry, registry: Distribution, tags: str
) -> None:
    server.rule("PUT", "manifests", answer(201, OCI_Tag=tags), times=1)
    registry.put(server.repository(), Tag("2.0"), IMAGE.manifest)
    assert server.manifests["app", "2.0"][1] == BODY
    assert ("app", "other") not in server.manifests


@pytest.mark.parametrize("status", [400, 405, 501], ids="R18-{}".format)
def test_head_that_is_not_known(
    server: ScriptedRegistry, registry: Distribution, reference: Reference, status: int
) -> None:
    server.rule("HEAD", ".", answer(status), times=None)
    assert registry.digest(reference) == IMAGE.digest
    assert registry.flaws(reference.repository, IMAGE.manifest) == ()
    layer = next(d for d in server.blobs if str(d) in BODY.decode() and "layers" in BODY.decode())
    server.blobs[layer] = b"other bytes"
    assert len(registry.flaws(reference.repository, IMAGE.manifest)) == 1
