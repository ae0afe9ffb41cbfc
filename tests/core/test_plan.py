"""The plan as a value, and its JSON: a contract that others read, to the letter."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from releaser.core.candidate import World
from releaser.core.oci import Digest
from releaser.core.plan import Mode, Plan
from releaser.core.steps import BuildStep, NameStep
from tests.build import BOTH, Request, digest, local, registry, request

API = "ghcr.io/acme/shop/api"
PLAN_KEYS = ["schema", "project", "version", "images"]
IMAGE_KEYS = [
    "name", "needs", "action", "reason", "fingerprint", "platforms", "digest", "references",
]  # fmt: skip
REFERENCE_KEYS = ["reference", "kind", "action", "from"]


def prints(asked: Request) -> dict[str, str]:
    return {one.name: str(one.fingerprint) for one in asked.candidates()}


def fully_released(asked: Request, found: Digest) -> World:
    """A world in which every content and every tag that ``asked`` wants names ``found``."""
    held = {
        str(reference): found
        for one in asked.candidates()
        for reference in (*one.published.values(), *(ref for _, _, ref in one.references))
    }
    return World(registry(held))


def test_the_json_is_the_contract() -> None:
    asked = request(
        "base; api: base", tags=["latest", "{{version}}"], images={"base": {"tags": []}}
    )
    expected = {
        "schema": 1,
        "project": "shop",
        "version": "1.4.2",
        "images": [
            {
                "name": "api",
                "needs": ["base"],
                "action": "build",
                "reason": {"code": "first-build", "detail": f"nothing in {API}"},
                "fingerprint": prints(asked)["api"],
                "platforms": ["linux/amd64"],
                "digest": None,
                "references": [
                    {
                        "reference": f"{API}:1.4.2",
                        "kind": "immutable",
                        "action": "create",
                        "from": None,
                    },
                    {
                        "reference": f"{API}:latest",
                        "kind": "floating",
                        "action": "create",
                        "from": None,
                    },
                ],
            },
            {
                "name": "base",
                "needs": [],
                "action": "build",
                "reason": {
                    "code": "first-build",
                    "detail": "nothing in ghcr.io/acme/shop/base",
                },
                "fingerprint": prints(asked)["base"],
                "platforms": ["linux/amd64"],
                "digest": None,
                "references": [],
            },
        ],
    }
    assert json.loads(asked.plan().to_json()) == expected


def test_the_keys_stand_in_the_order_of_the_contract() -> None:
    data = json.loads(request("api").plan().to_json())
    assert list(data) == PLAN_KEYS
    assert list(data["images"][0]) == IMAGE_KEYS
    assert all(list(one) == REFERENCE_KEYS for one in data["images"][0]["references"])


def test_digests_are_told_where_they_are_known() -> None:
    asked = request("api", tags=["{{version}}", "latest"])
    world = fully_released(asked, digest("one"))
    (image,) = json.loads(asked.plan(world).to_json())["images"]
    assert (image["action"], image["digest"]) == ("up-to-date", str(digest("one")))
    assert {one["from"] for one in image["references"]} == {str(digest("one"))}


def test_lists_are_sorted() -> None:
    fields = {"platforms": ["linux/arm64", "linux/amd64"], "tags": ["z", "a"]}
    asked = request("z; y; api: z y", BOTH, images={"api": fields})
    data = json.loads(asked.plan().to_json())
    assert [image["name"] for image in data["images"]] == ["api", "y", "z"]
    api = data["images"][0]
    assert api["needs"] == ["y", "z"]
    assert api["platforms"] == ["linux/amd64", "linux/arm64"]
    references = [one["reference"] for one in api["references"]]
    assert references == sorted(references)
    assert len(references) == 4


def test_the_text_is_the_same_for_the_same_plan() -> None:
    asked = request("base; api: base")
    text = asked.plan().to_json()
    assert text == asked.plan().to_json()
    assert text.endswith("\n}\n")
    assert text.startswith('{\n  "schema": 1,\n')


def test_other_words_are_kept_as_they_are_written() -> None:
    asked = request("api")
    plan = replace(asked.plan(), project="café")
    assert '"café"' in plan.to_json()


def test_a_plan_without_a_version_says_null() -> None:
    assert json.loads(request("api", tags=[], version=None).plan().to_json())["version"] is None


# -- without a push --------------------------------------------------------------------------


def in_engine(asked: Request, name: str) -> World:
    made_of = prints(asked)[name]
    return World(local={made_of: local(made_of, f"{name}:old")})


@pytest.mark.parametrize(
    ("expected", "whole"),
    [
        pytest.param(
            ["build:base", "build:api"], request("base; api: base", BOTH).plan(), id="builds"
        ),
        pytest.param(
            ["name:base", "build:api"],
            request("base; api: base").plan(in_engine(request("base; api: base"), "base")),
            id="a name",
        ),
        pytest.param(
            ["build:api"], request("api", {}, mode=Mode.LOCAL).plan(), id="a local plan is the same"
        ),
    ],
)
def test_a_plan_without_push_keeps_to_the_engine(expected: list[str], whole: Plan) -> None:
    kept = whole.without_push()
    assert expected == [step.key for step in kept.steps]
    assert all(isinstance(one.step, BuildStep | NameStep) for one in kept.steps)
    assert {need for one in kept.steps for need in one.needs} <= {one.key for one in kept.steps}
    assert kept.to_json() == whole.to_json()
    assert kept.concerns == whole.concerns
    assert [one for one in whole.steps if one.key in expected] == list(kept.steps)
