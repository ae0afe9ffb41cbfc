"""The definition that bake is given: what is written for a step, to the letter."""

from __future__ import annotations

import json
import re
from typing import Any, Unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.oci import Digest, Platform, Reference
from releaser.core.steps import Base, BuildStep, Link, NamedContext, Secret
from releaser.engines import bake_file
from tests.fakes.builder import StepFields

ATTEST = ["type=provenance,disabled=true", "type=sbom,disabled=true"]
DIGEST = Digest("sha256:" + "a" * 64)


def step(image: str = "api", **fields: Unpack[StepFields]) -> BuildStep:
    fields.setdefault("names", (Reference.parse(f"shop/{image.lower()}:1"),))
    return BuildStep(image, f"/src/{image}", f"/src/{image}/Dockerfile", **fields)


def targets(*batch: BuildStep) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(bake_file.text(batch))["target"]
    return found


def test_the_least_step() -> None:
    assert targets(step()) == {
        "api-1": {
            "context": "/src/api",
            "dockerfile": "/src/api/Dockerfile",
            "tags": ["docker.io/shop/api:1"],
            "output": ["type=docker"],
            "attest": ATTEST,
        }
    }


def test_every_field() -> None:
    full = step(
        target="runtime",
        args=(("A", "1"), ("B", "two words")),
        labels=(("dev.releaser.image", "api"),),
        platforms=(Platform("linux", "amd64"), Platform("linux", "arm", "v7")),
        bases=(Base("python:3.12", Reference.parse("python").repository.at(DIGEST)),),
        contexts=(NamedContext("assets", "/src/assets"),),
        secrets=(Secret("pip", env="PIP_TOKEN"), Secret("npm", file="/run/npmrc")),
        ssh=("default", "key=/id"),
        extra_hosts=(("db", "10.0.0.1"),),
        network="host",
        no_cache=True,
        pull=True,
        shm_size="128m",
        provenance="mode=max",
        cache_from=("type=registry,ref=shop/cache",),
        cache_to=("type=inline",),
    )
    assert targets(full)["api-1"] == {
        "context": "/src/api",
        "dockerfile": "/src/api/Dockerfile",
        "target": "runtime",
        "args": {"A": "1", "B": "two words"},
        "labels": {"dev.releaser.image": "api"},
        "platforms": ["linux/amd64", "linux/arm/v7"],
        "contexts": {
            "python:3.12": f"docker-image://docker.io/library/python@{DIGEST}",
            "assets": "/src/assets",
        },
        "tags": ["docker.io/shop/api:1"],
        "secret": ["type=env,id=pip,env=PIP_TOKEN", "type=file,id=npm,src=/run/npmrc"],
        "ssh": ["default", "key=/id"],
        "extra-hosts": {"db": "10.0.0.1"},
        "network": "host",
        "entitlements": ["network.host"],
        "shm-size": "128m",
        "no-cache": True,
        "pull": True,
        "cache-from": ["type=registry,ref=shop/cache"],
        "cache-to": ["type=inline"],
        "output": ["type=docker"],
        "attest": ["type=provenance,mode=max", "type=sbom,disabled=true"],
    }


def test_links_inside_the_batch_are_targets_and_others_are_images() -> None:
    tag = Reference.parse("localhost:5000/shop/tools:fp-1")
    digest = Reference.parse("shop/lib").repository.at(DIGEST)
    app = step(
        links=(
            Link("base", ("base", "shop/base")),
            Link("tools", ("tools:latest",), tag),
            Link("lib", ("docker.io/library/lib",), digest),
        )
    )
    assert targets(step("base"), app)["api-2"]["contexts"] == {
        "base": "target:base-1",
        "shop/base": "target:base-1",
        "tools": "docker-image://localhost:5000/shop/tools:fp-1",
        "lib": f"docker-image://docker.io/shop/lib@{DIGEST}",
    }


def test_bases_without_a_pin_are_left_to_the_engine() -> None:
    assert "contexts" not in targets(step(bases=(Base("busybox", None),)))["api-1"]


def test_a_link_wins_over_the_base_of_the_same_name() -> None:
    pin = Reference.parse("other").repository.at(DIGEST)
    both = step(bases=(Base("base", pin),), links=(Link("base", ("base",)),))
    assert targets(step("base"), both)["api-2"]["contexts"] == {"base": "target:base-1"}


@pytest.mark.parametrize(
    ("written", "looked_up"),
    [
        ("python", "python"),
        ("python:latest", "python"),
        ("docker.io/library/python:latest", "python"),
        ("index.docker.io/library/python:3", "python:3"),
        ("docker.io/acme/api:2", "acme/api:2"),
        ("localhost:5000/api:latest", "localhost:5000/api"),
        (f"python:latest@{DIGEST}", f"python:latest@{DIGEST}"),
        ("not a reference", "not a reference"),
    ],
)
def test_contexts_have_the_name_that_buildkit_looks_for(written: str, looked_up: str) -> None:
    assert bake_file.context_name(written) == looked_up


def test_target_names_are_legal_and_differ() -> None:
    names = bake_file.target_names([step("a.b"), step("a_b"), step("A.b"), step("internal")])
    assert names == {"a.b": "a_b-1", "a_b": "a_b-2", "A.b": "A_b-3", "internal": "internal-4"}
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", name) for name in names.values())


def test_paths_of_secrets_are_quoted_as_comma_separated_values_are() -> None:
    odd = step(secrets=(Secret("a", file='/srv/a,b "c"'), Secret("b", env="A,B")))
    assert targets(odd)["api-1"]["secret"] == [
        'type=file,id=a,"src=/srv/a,b ""c"""',
        'type=env,id=b,"env=A,B"',
    ]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("${X}", '${"$"}{X}'),
        ("$${X}", '${"$$"}{X}'),
        ("%{if}", '${"%"}{if}'),
        ("a$%{", 'a${"$%"}{'),
        ("$X $ 100% {a} $(id)", "$X $ 100% {a} $(id)"),
    ],
)
def test_templates_of_hcl_are_written_so_that_they_stay(value: str, written: str) -> None:
    assert bake_file.literal(value) == written


def evaluated(template: str) -> str:
    """What HCL makes of a template whose interpolations are quoted strings."""
    found = re.sub(r'\$\{"([$%]+)"\}', r"<\1>", template)
    assert not re.search(r"[$%]\{", found)
    return re.sub(r"<([$%]+)>", r"\1", found)


@given(st.text(alphabet="${}%ab", max_size=20))
def test_no_template_is_left_whatever_the_value(value: str) -> None:
    assert evaluated(bake_file.literal(value)) == value


def test_keys_are_literal_too() -> None:
    odd = step(labels=(("k${X}", "v"),), args=(("%{a", "v"),))
    assert targets(odd)["api-1"]["labels"] == {'k${"$"}{X}': "v"}
    assert targets(odd)["api-1"]["args"] == {'${"%"}{a': "v"}


def test_only_the_hosts_network_needs_a_grant() -> None:
    assert bake_file.grants([step(network="none"), step("b")]) == []
    assert bake_file.grants([step(), step("b", network="host")]) == ["--allow=network.host"]
