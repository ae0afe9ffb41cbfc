"""What registries send as manifests, as configurations and as lists of tags."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest

from releaser.core.oci import Digest, Manifest, Reference, Tag
from releaser.errors import RegistryError
from releaser.registries import manifests
from releaser.registries.distribution import Distribution
from tests.fakes.registry import image
from tests.hostile.replies import MEGABYTE, flat, quick, refused
from tests.registry_server import (
    Exchange,
    Reply,
    ScriptedRegistry,
    answer,
    document,
    say,
    scripted_registry,
)

TAG = r"/v2/app/manifests/1\.0$"
IMAGE = image("content")
INDEX = manifests.OCI_INDEX
CONFIG = "application/vnd.oci.image.config.v1+json"
ZERO = "sha256:" + "0" * 64


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


def manifest(**changes: object) -> bytes:
    """A manifest in which something is different."""
    return json.dumps({**json.loads(IMAGE.manifest.body), **changes}).encode()


def entry(**changes: object) -> dict[str, object]:
    return {"mediaType": manifests.OCI_MANIFEST, "digest": ZERO, "size": 7, **changes}


def listing(*entries: object, **more: object) -> bytes:
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries)}
    return json.dumps({**index, **more}).encode()


V1 = b'{"schemaVersion": 1, "name": "app", "fsLayers": [{"blobSum": "sha256:0"}]}'
TWICE = b'{"schemaVersion": 2, "manifests": [], "manifests": [7]}'
CASES = b'{"schemaVersion": 2, "manifests": [], "Manifests": [7]}'
LONG = b'{"schemaVersion": 2, "manifests": [{"size": ' + b"9" * 5000 + b"}]}"
FLOAT = b'{"schemaVersion": 2, "manifests": [{"digest": "%s", "size": 1e400}]}'
BAD = [
    pytest.param(b"<html>", "it is not the JSON of a manifest", id="R9a"),
    pytest.param(b"\xff\xfe\x00", "it is not the JSON of a manifest", id="R9a-bytes"),
    pytest.param(b"[]", "it is not a JSON object", id="R9a-list"),
    pytest.param(TWICE, "it is not the JSON of a manifest", id="R9b"),
    pytest.param(CASES, "two names in it differ in case only", id="R9k"),
    pytest.param(listing(entry(Digest=ZERO)), "differ in case only", id="R9k-entry"),
    pytest.param(listing(*[entry()] * 6000), "a list that is too long", id="R9c"),
    pytest.param(b" " * (5 * MEGABYTE), "larger than 4194304 bytes", id="R9c-large"),
    pytest.param(b"[" * 2_000_000, "it is not the JSON of a manifest", id="R9d"),
    pytest.param(b'{"a":' * 500_000, "it is not the JSON of a manifest", id="R9d-objects"),
    pytest.param(V1, "it is a manifest of an old schema", id="R9e"),
    pytest.param(listing(entry(size=-1)), "no proper size", id="R9g"),
    pytest.param(listing(entry(size=2**63)), "no proper size", id="R9h"),
    pytest.param(listing(entry(size=True)), "no proper size", id="R9h-bool"),
    pytest.param(FLOAT.replace(b"%s", ZERO.encode()), "no proper size", id="R9h-infinite"),
    pytest.param(LONG, "it is not the JSON of a manifest", id="R9m"),
    pytest.param(listing(layers=[]), "both a manifest and an index", id="R9l"),
    pytest.param(b'{"schemaVersion": 2}', "or neither", id="R9l-neither"),
    pytest.param(listing(entry(digest="sha256:../../x")), "no proper digest", id="R9o"),
    pytest.param(listing(entry(digest="md5:" + "0" * 32)), "no proper digest", id="R9o-md5"),
    pytest.param(listing(entry(digest="\x1b[2J::error::")), "no proper digest", id="R9o-ansi"),
]


@pytest.mark.parametrize(("body", "says"), BAD)
def test_manifests_that_are_none(
    server: ScriptedRegistry,
    registry: Distribution,
    reference: Reference,
    body: bytes,
    says: str,
) -> None:
    server.rule("GET", TAG, answer(200, body), times=None)
    with flat(80 * MEGABYTE) if len(body) > MEGABYTE else nullcontext():
        refused(lambda: registry.manifest(reference), says, kind=RegistryError)
    assert len(server.log) == 1


def stored(server: ScriptedRegistry, body: bytes, kind: str = INDEX) -> Digest:
    """Let the registry have a manifest, under its digest and under 1.0."""
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    for name in (digest, "1.0"):
        server.manifests["app", name] = (kind, body)
    return Digest(digest)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda r, at, _: r.labels(at), id="R9f"),
        pytest.param(lambda r, at, to: r.copy(at, to, Tag("1.0")), id="R9f-copy"),
        pytest.param(lambda r, at, _: r.flaws(at.repository, r.manifest(at)), id="R9f-flaws"),
    ],
)
def test_an_index_without_end(
    server: ScriptedRegistry, registry: Distribution, ask: Callable[..., object]
) -> None:
    inner = stored(server, listing())
    for depth in range(30):
        below = entry(mediaType=INDEX, digest=str(inner), annotations={"depth": str(depth)})
        inner = stored(server, listing(below))
    at = server.repository().tagged("1.0")
    with scripted_registry() as other:
        refused(lambda: ask(registry, at, other.repository()), kind=RegistryError)
    assert len(server.log) < 20


def test_r09f_an_index_of_itself_only(server: ScriptedRegistry, registry: Distribution) -> None:
    """A digest cannot be its own, but a registry may claim so."""
    server.manifests["app", ZERO] = (INDEX, listing(entry(mediaType=INDEX)))
    at = server.repository().at(Digest(ZERO))
    refused(lambda: registry.manifest(at), "does not have the digest")


@pytest.mark.parametrize("name", ["data", "urls"], ids=["R9i", "R9j"])
def test_nothing_embedded_and_no_other_address_is_used(
    server: ScriptedRegistry, registry: Distribution, reference: Reference, name: str
) -> None:
    content = json.loads(IMAGE.manifest.body)
    with scripted_registry() as elsewhere, scripted_registry() as to:
        for part in (content["config"], *content["layers"]):
            part[name] = {"data": "A" * MEGABYTE, "urls": [f"http://{elsewhere.host}/x"]}[name]
        body = json.dumps(content).encode()
        stored(server, body, IMAGE.manifest.media_type)
        registry.copy(reference, to.repository(), Tag("1.0"))
        assert registry.flaws(reference.repository, Manifest(IMAGE.manifest.media_type, body)) == ()
        assert to.blobs == server.blobs
        assert elsewhere.log == []


CONFIGS = [b"<html>", b"[]", b"null", b"[" * 100_000, b"\xff\xfe", b'{"config": ' + b"9" * 5000]


@pytest.mark.parametrize("body", CONFIGS, ids=[f"R9n-{n}" for n in range(len(CONFIGS))])
def test_configurations_that_are_none(
    server: ScriptedRegistry, registry: Distribution, body: bytes
) -> None:
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    server.blobs[digest] = body
    described = {"mediaType": CONFIG, "digest": digest}
    stored(server, manifest(config={**described, "size": len(body)}), IMAGE.manifest.media_type)
    at = server.repository().tagged("1.0")
    refused(lambda: registry.labels(at), "it is not the JSON of an image", kind=RegistryError)
    refused(lambda: registry.created(at), "it is not the JSON of an image", kind=RegistryError)
    assert registry.platforms(at.repository, registry.manifest(at) or Manifest("", b"")) == ()


@pytest.mark.parametrize(
    "layers",
    [7, None, [7], [{}], [{"digest": ZERO, "size": -1}]],
    ids=[f"R9p-{n}" for n in range(5)],
)
def test_layers_that_are_none(
    server: ScriptedRegistry, registry: Distribution, layers: object
) -> None:
    stored(server, manifest(layers=layers), IMAGE.manifest.media_type)
    at = server.repository().tagged("1.0")
    with scripted_registry() as to:
        refused(lambda: registry.copy(at, to.repository(), Tag("1.0")), kind=RegistryError)
        assert to.asked("PUT") == []
    found = registry.manifest(at)
    assert found is not None
    [flaw] = registry.flaws(at.repository, found)
    assert "is malformed" in flaw.why


def tags(server: ScriptedRegistry, content: object, **headers: str) -> None:
    server.rule("GET", "tags/list", say(document(200, content, **headers)))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param({"name": "app", "tags": None}, (), id="R10a"),
        pytest.param({"name": "a/proxy/of/app", "tags": ["b"]}, ("b",), id="R10b"),
        pytest.param({"name": "app", "tags": ["b", "a", "b"]}, ("a", "b"), id="R10c"),
        pytest.param({"name": "app", "tags": ["c", "a", "b"]}, ("a", "b", "c"), id="R10d"),
        pytest.param(
            {"name": "app", "tags": ["a", "-x", "\x1b[2J", "b c", "x" * 129, "::error::", ""]},
            ("a",),
            id="R10o",
        ),
    ],
)
def test_lists_of_tags(
    server: ScriptedRegistry, registry: Distribution, content: object, found: tuple[str, ...]
) -> None:
    tags(server, content)
    assert registry.tags(server.repository()) == found


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"name": "app", "tags": ["a", 7]}, id="R10e"),
        pytest.param({"name": "app", "tags": [["a"]]}, id="R10e-lists"),
        pytest.param({"name": "app", "tags": {"a": "b"}}, id="R10e-object"),
        pytest.param({"name": "app", "tags": "a"}, id="R10e-text"),
        pytest.param([], id="R10e-list"),
    ],
)
def test_what_is_no_list_of_tags(
    server: ScriptedRegistry, registry: Distribution, content: object
) -> None:
    tags(server, content)
    refused(lambda: registry.tags(server.repository()), "it is no list of tags")


def test_r10f_a_hundred_thousand_tags(server: ScriptedRegistry, registry: Distribution) -> None:
    tags(server, {"name": "app", "tags": [f"v{n}" for n in range(100_000)]})
    with flat(60 * MEGABYTE):
        assert len(registry.tags(server.repository())) == 100_000


def test_r10g_more_tags_than_anybody_has(server: ScriptedRegistry, registry: Distribution) -> None:
    def page(exchange: Exchange) -> Reply:
        number = len(exchange.server.log)
        content = {"name": "app", "tags": [f"v{number}.{n}" for n in range(30_000)]}
        return document(200, content, Link=f"<?x={number}>; rel=next")

    server.rule("GET", "tags/list", page, times=None)
    refused(lambda: registry.tags(server.repository()), "its list of tags does not end")
    assert len(server.log) == 4


LINKS = [
    pytest.param('<http://evil.example/x>; rel="next"', "on another host", id="R10h"),
    pytest.param('<//evil.example/x>; rel="next"', "on another host", id="R10h-slashes"),
    pytest.param('<http://169.254.169.254/>; rel="next"', "inner address", id="R10h-metadata"),
    pytest.param('<file:///etc/passwd>; rel="next"', "neither http nor https", id="R10h-file"),
    pytest.param('</v2/app/tags/list?n=1000>; rel="next"', "does not end", id="R10i"),
    pytest.param('<x>; rel="next', "the Link header is malformed", id="R10m"),
    pytest.param("x; rel=next", "the Link header is malformed", id="R10m-bare"),
    pytest.param("<x>; rel=next " + "," * 20_000, "the Link header is malformed", id="R10m-long"),
]


@pytest.mark.parametrize(("link", "says"), LINKS)
def test_next_pages_that_are_not_fetched(
    server: ScriptedRegistry, registry: Distribution, link: str, says: str
) -> None:
    tags(server, {"name": "app", "tags": ["a"]}, Link=link)
    refused(lambda: registry.tags(server.repository()), says, kind=RegistryError)
    assert len(server.log) == 1


@pytest.mark.parametrize(
    "link",
    [
        pytest.param('</v2/app/tags/list?last=a>; rel="next"', id="R10j"),
        pytest.param("<list?last=a>;rel=next", id="R10j-relative"),
        pytest.param('<?last=a>; title="a, b"; rel="prev next"', id="R10l"),
        pytest.param('</x>; rel="first", <?last=a>; rel=NEXT', id="R10l-second"),
    ],
)
def test_next_pages(server: ScriptedRegistry, registry: Distribution, link: str) -> None:
    server.rule("GET", "last=a", say(document(200, {"name": "app", "tags": ["b"]})))
    tags(server, {"name": "app", "tags": ["a"]}, Link=link)
    assert registry.tags(server.repository()) == ("a", "b")


@pytest.mark.parametrize(
    "link",
    ['<?x>; rel="next-archive"', '<?x>; title="rel=next"', ""],
    ids=["R10n", "R10n-b", "R10n-c"],
)
def test_what_is_no_next_page(server: ScriptedRegistry, registry: Distribution, link: str) -> None:
    tags(server, {"name": "app", "tags": ["a"]}, Link=link)
    assert registry.tags(server.repository()) == ("a",)
    assert len(server.log) == 1


def test_r10k_a_registry_that_sends_all_at_once(
    server: ScriptedRegistry, registry: Distribution
) -> None:
    tags(server, {"name": "app", "tags": [f"v{n}" for n in range(3000)]})
    assert len(registry.tags(server.repository())) == 3000
    assert server.log[0].path.endswith("?n=1000")
