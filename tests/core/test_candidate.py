"""What a candidate is called: in registries and in the engine."""

from __future__ import annotations

import pytest

from releaser.core.candidate import Candidate, World
from tests.build import BOTH, request


def only(registries: dict[str, str], **fields: object) -> Candidate:
    (found,) = request("Api", registries, ["{{version}}", "latest"], {"Api": fields}).candidates()
    return found


def test_an_image_is_remembered_in_each_registry_under_its_fingerprint() -> None:
    found = only(BOTH, repository="api")
    tag = found.fingerprint.tag
    assert {name: str(one) for name, one in found.published.items()} == {
        "ghcr": f"ghcr.io/acme/shop/api:{tag}",
        "hub": f"docker.io/acme/api:{tag}",
    }
    assert found.local_names == tuple(found.published.values())
    assert found.name == "Api"


def test_it_wants_each_tag_in_each_registry() -> None:
    found = only(BOTH, repository="api")
    wanted = [(registry, str(tag.tag), str(one)) for registry, tag, one in found.references]
    assert wanted == [
        ("ghcr", "1.4.2", "ghcr.io/acme/shop/api:1.4.2"),
        ("ghcr", "latest", "ghcr.io/acme/shop/api:latest"),
        ("hub", "1.4.2", "docker.io/acme/api:1.4.2"),
        ("hub", "latest", "docker.io/acme/api:latest"),
    ]


@pytest.mark.parametrize(
    ("name", "registries", "fields"),
    [
        ("docker.io/library/api", {}, {}),
        ("docker.io/tools/api", {}, {"repository": "tools/api"}),
        ("docker.io/library/api", BOTH, {"push_to": [], "repository": "api"}),
    ],
)
def test_an_image_that_goes_nowhere_has_a_plain_name_in_the_engine(
    name: str, registries: dict[str, str], fields: dict[str, object]
) -> None:
    found = only(registries, **fields)
    assert found.published == {}
    assert [str(one) for one in found.local_names] == [f"{name}:{found.fingerprint.tag}"]
    assert [str(one) for _, _, one in found.references] == [f"{name}:1.4.2", f"{name}:latest"]
    assert {registry for registry, _, _ in found.references} == {""}


def test_an_empty_world_holds_nothing() -> None:
    world = World()
    assert (world.registries.digests, world.local, world.bases) == ({}, {}, {})
