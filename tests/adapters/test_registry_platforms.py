"""Which platforms an image exists for, as registries say it, right and wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from releaser.core.oci import Digest, Manifest
from releaser.errors import RegistryError
from releaser.registries.distribution import Distribution
from tests.fakes.registry import INDEX_TYPE, descriptor, image
from tests.registry_client import Time, distribution
from tests.registry_server import Action, ScriptedRegistry, answer, scripted_registry

CONFIG = "/v2/app/blobs/"
IMAGE = image("platforms")


@pytest.fixture
def server() -> Iterator[ScriptedRegistry]:
    with scripted_registry() as state:
        state.seed(state.repository().tagged("1.0"), IMAGE)
        yield state


@pytest.fixture
def registry() -> Distribution:
    return distribution(when=Time())


def found(server: ScriptedRegistry, registry: Distribution, manifest: Manifest) -> list[str]:
    return [str(one) for one in registry.platforms(server.repository(), manifest)]


def index_of(*platforms: object) -> Manifest:
    entries = [{"platform": one} if one else {} for one in platforms]
    return Manifest(INDEX_TYPE, json.dumps({"manifests": entries}).encode())


def test_an_index_is_not_asked_about(server: ScriptedRegistry, registry: Distribution) -> None:
    manifest = index_of(
        {"os": "linux", "architecture": "arm64", "variant": "v8"},
        {"os": "linux", "architecture": "amd64"},
        {"os": "unknown", "architecture": "unknown"},
        {"os": "windows", "architecture": "amd64", "os.version": "10.0.17763.1"},
        {"os": "windows", "architecture": "amd64", "os.version": "10.0.20348.1"},
        None,
        "linux/amd64",
    )
    assert found(server, registry, manifest) == ["linux/amd64", "linux/arm64", "windows/amd64"]
    assert server.log == []


def test_an_image_s_configuration_is_read(server: ScriptedRegistry, registry: Distribution) -> None:
    assert found(server, registry, IMAGE.manifest) == ["linux/amd64"]
    (asked,) = server.asked("GET")
    assert asked.path == f"{CONFIG}{IMAGE.manifest.config}"


@pytest.mark.parametrize(
    "config", [b"{}", b"[]", b"not json", b"[" * 100_000, b'{"os": "linux"}', b"\xff"]
)
def test_a_configuration_that_tells_nothing(
    server: ScriptedRegistry, registry: Distribution, config: bytes
) -> None:
    digest = Digest.of(config)
    server.blobs[str(digest)] = config
    said = descriptor(config, "application/vnd.oci.image.config.v1+json")
    body = json.dumps({"schemaVersion": 2, "config": said, "layers": []}).encode()
    assert found(server, registry, Manifest(IMAGE.manifest.media_type, body, digest)) == []


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (answer(200, b"{}"), "gave a wrong answer"),
        (answer(404), "would not read blob"),
        (answer(200, b" " * (4 * 1024 * 1024 + 1)), "read blob"),
    ],
    ids=["another one", "none", "too large"],
)
def test_a_configuration_that_is_not_there(
    server: ScriptedRegistry, registry: Distribution, action: Action, message: str
) -> None:
    server.rule("GET", CONFIG, action, times=None)
    with pytest.raises(RegistryError, match=message):
        found(server, registry, IMAGE.manifest)
