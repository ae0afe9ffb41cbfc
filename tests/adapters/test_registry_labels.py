"""The labels of images whose manifests and configurations are odd, large, or not all there."""

from __future__ import annotations

import json

import pytest

from releaser.core.oci import Digest, Reference
from releaser.errors import RegistryError
from releaser.registries.distribution import Distribution
from tests.fakes.registry import CONFIG_TYPE, IMAGE_TYPE, INDEX_TYPE, descriptor, image, index
from tests.registry_client import distribution, told
from tests.registry_server import ScriptedRegistry, answer

LABELS = {"a": "1", "b": ""}
IMAGE = image("labels", labels=LABELS)
DOCKER_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
MOST = 4 * 1024 * 1024


@pytest.fixture
def registry() -> Distribution:
    return distribution()


@pytest.fixture
def reference(server: ScriptedRegistry) -> Reference:
    return server.repository().tagged("1.0")


def seed(
    server: ScriptedRegistry,
    config: bytes,
    kind: str = CONFIG_TYPE,
    media_type: str = IMAGE_TYPE,
    **changes: object,
) -> None:
    """Let 1.0 name an image with ``config``; ``changes`` are made to its manifest."""
    server.blobs[str(Digest.of(config))] = config
    document = {"schemaVersion": 2, "mediaType": media_type, "layers": []}
    document |= {"config": descriptor(config, kind), **changes}
    server.manifests["app", "1.0"] = (media_type, json.dumps(document).encode())


def seed_entries(server: ScriptedRegistry, *entries: dict[str, object]) -> None:
    """Let 1.0 name an index of ``entries``."""
    document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}
    server.manifests["app", "1.0"] = (INDEX_TYPE, json.dumps(document).encode())


class TestConfigurations:
    def test_two_requests(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.seed(reference, IMAGE)
        assert registry.labels(reference) == LABELS
        assert len(server.log) == 2

    def test_of_docker(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        seed(server, b'{"config": {"Labels": {"a": "1"}}}', DOCKER_CONFIG, DOCKER_TYPE)
        assert registry.labels(reference) == {"a": "1"}

    @pytest.mark.parametrize(
        ("config", "labels"),
        [
            (b"{}", {}),
            (b'{"config": null}', {}),
            (b'{"config": 7, "Labels": {"a": "1"}}', {}),
            (b'{"config": {"Labels": null}}', {}),
            (b'{"config": {"Labels": ["a"]}}', {}),
            (b'{"config": {"Labels": {"a": "1", "b": 2, "c": null, "d": ["x"]}}}', {"a": "1"}),
            (b'{"config": {"labels": {"a": "1"}}}', {}),
        ],
    )
    def test_only_texts_are_labels(
        self,
        server: ScriptedRegistry,
        registry: Distribution,
        reference: Reference,
        config: bytes,
        labels: dict[str, str],
    ) -> None:
        seed(server, config)
        assert registry.labels(reference) == labels

    @pytest.mark.parametrize(
        "config",
        [b"", b"no JSON", b"null", b"[]", b'"x"', b"\xff\xfe{}", b"[" * 100_000, b"{}{}"],
        ids=lambda config: config[:10],
    )
    def test_what_is_no_configuration(
        self,
        server: ScriptedRegistry,
        registry: Distribution,
        reference: Reference,
        config: bytes,
    ) -> None:
        seed(server, config)
        with pytest.raises(RegistryError, match="wrong answer") as caught:
            registry.labels(reference)
        assert "not the JSON of an image" in told(caught.value)

    def test_too_large(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        seed(server, b" " * MOST + b"{}")
        with pytest.raises(RegistryError) as caught:
            registry.labels(reference)
        assert f"larger than {MOST} bytes" in told(caught.value)
        assert len(server.log) == 1

    def test_with_a_wrong_hash(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        seed(server, b"{}")
        server.rule("GET", "blobs/", answer(200, b"[]"), times=None)
        with pytest.raises(RegistryError, match="wrong answer"):
            registry.labels(reference)

    def test_that_is_gone(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.seed(reference, IMAGE)
        server.blobs.clear()
        with pytest.raises(RegistryError) as caught:
            registry.labels(reference)
        assert caught.value.status == 404

    @pytest.mark.parametrize("kind", ["", "application/vnd.oci.empty.v1+json", "text/plain"])
    def test_an_artifact_has_none(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference, kind: str
    ) -> None:
        seed(server, b'{"config": {"Labels": {"a": "1"}}}', kind, artifactType="text/x")
        assert registry.labels(reference) is None
        assert len(server.log) == 1


class TestIndexes:
    def test_three_requests(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.seed(reference, index(IMAGE, image("b"), attested=True))
        assert registry.labels(reference) == LABELS
        assert len(server.log) == 3

    def test_without_platforms(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.seed(reference.with_tag("arch"), IMAGE)
        seed_entries(server, descriptor(IMAGE.manifest.body, IMAGE_TYPE))
        assert registry.labels(reference) == LABELS

    def test_of_indexes(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.seed(reference, index(index(index(IMAGE))))
        assert registry.labels(reference) == LABELS

    def test_of_indexes_without_end(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        content = IMAGE
        for _ in range(8):
            content = index(content)
        server.seed(reference, content)
        with pytest.raises(RegistryError, match="wrong answer"):
            registry.labels(reference)
        assert len(server.log) <= 6

    def test_of_other_things(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.seed(reference.with_tag("arch"), IMAGE)
        other = descriptor(b"{}", "application/vnd.example+json")
        chart = {**descriptor(b"{}", IMAGE_TYPE), "artifactType": "text/x-chart"}
        seed_entries(server, other, chart, descriptor(IMAGE.manifest.body, IMAGE_TYPE))
        assert registry.labels(reference) == LABELS

    def test_of_nothing(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        seed_entries(server)
        assert registry.labels(reference) is None

    def test_that_lacks_its_first_image(
        self, server: ScriptedRegistry, registry: Distribution, reference: Reference
    ) -> None:
        server.seed(reference, index(IMAGE, image("b")))
        del server.manifests["app", str(IMAGE.digest)]
        with pytest.raises(RegistryError, match="does not exist") as caught:
            registry.labels(reference)
        assert str(IMAGE.digest) in str(caught.value)
