"""Specs that are well formed and mean something impossible, dangerous or endless."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from releaser.core.oci import Digest, Reference, Tag
from releaser.core.template import render
from releaser.errors import SpecError
from releaser.loader import load
from tests.git_repository import Repo
from tests.hostile.conftest import Shop

IMAGES = "version: 1\nimages:\n"


def graph(shop: Shop, **bases: str) -> None:
    """Images that stand on others; each has a folder of its own."""
    shop.write(
        "images.yaml", IMAGES + "".join(f"  {name}: {{context: {name}}}\n" for name in bases)
    )
    for name, base in bases.items():
        shop.write(f"{name}/Dockerfile", f"FROM {base}\n")


def test_s19a_a_cycle_is_told_edge_by_edge(shop: Shop) -> None:
    graph(shop, a="b", b="c", c="a")
    ended = shop.refused("validate", code=3)
    ended.says("images need each other in a cycle: a → b → c → a")
    ended.says("a/Dockerfile:1 FROM b", "c/Dockerfile:1 FROM a", "hint: break one of these edges")


def test_s19b_an_image_on_its_own_name_stands_on_the_public_one(shop: Shop) -> None:
    graph(shop, redis="redis")
    assert "1 image, 0 edges" in shop.run("validate").out


def test_s20_a_chain_of_two_thousand(shop: Shop) -> None:
    names = [f"i{number}" for number in range(2_000)]
    graph(shop, **dict(zip(names, ["scratch", *names], strict=False)))
    ended = shop.run("validate")
    assert "2000 images, 1999 edges" in ended.out
    assert ended.seconds < 60


@pytest.mark.parametrize(
    "text",
    ["sha256:" + "a" * 63, "sha256:" + "A" * 64, "sha256:" + "g" * 64, "md5:" + "a" * 32, "sha256:",
     "sha256", "", "sha256:" + "a" * 65, "sha256:" + "a" * 63 + "\n"],
)  # fmt: skip
def test_s25_digests(text: str) -> None:
    with pytest.raises(SpecError):
        Digest(text)
    with pytest.raises(SpecError):
        Reference.parse(f"ghcr.io/acme/api@{text}")


@pytest.mark.parametrize(
    "text", ["", "-x", ".x", "a" * 129, "a b", "a/b", "a:b", "a+b", "a\n", "ä", "a,b", "a=b", "٣"]
)
def test_s24_tags(text: str) -> None:
    with pytest.raises(SpecError):
        Tag(text)


@pytest.mark.parametrize(
    "text", ["docker.io/library/x", "index.docker.io/library/x", "docker.io/x", "x"]
)
def test_s22_one_image_in_many_spellings(text: str) -> None:
    assert Reference.parse(text).repository == Reference.parse("x").repository
    assert (
        Reference.parse("localhost:5000/x").repository != Reference.parse("localhost/x").repository
    )


# -- tags -----------------------------------------------------------------------------------------


def test_s26b_a_tag_of_nothing_is_none(shop: Shop) -> None:
    shop.spec("context: .", "tags: []")
    shop.refused("release", "--push", "--version=1.0.0").says("there is no registry to push to")
    shop.spec("context: .", 'tags: ["{{prerelease}}"]')
    ended = shop.run("plan", "--version=1.0.0")
    ended.says("warning: no image gets a tag")


def test_s26c_two_rules_that_give_one_tag(shop: Shop) -> None:
    shop.spec("context: .", 'tags: ["{{version}}", "{{major}}.{{minor}}.{{patch}}"]')
    ended = shop.run("tags", "--version=1.0.0")
    assert ended.code == 0
    assert ended.out.count("1.0.0 ") <= 3


def test_s39_floating_tags_without_a_version(shop: Shop) -> None:
    shop.spec("context: .", 'tags: ["{{major}}.{{minor}}"]')
    shop.run("plan").says("warning: no image gets a tag")


@pytest.mark.parametrize(
    "text", ["{0.__class__}", "${HOME}", "$(id)", "`id`", "%(x)s", "{version}", "<%= 1 %>"]
)
def test_s27b_other_languages_are_plain_text(shop: Shop, text: str) -> None:
    shop.write("Dockerfile", "FROM scratch\nARG A\n")
    shop.spec("context: .", f"args: {{A: {json.dumps(text)}}}")
    assert shop.run("plan", "--version=1.0.0").code == 0


def test_s27c_what_a_placeholder_stands_for_is_not_read_again(shop: Shop) -> None:
    assert render("{{branch}}", {"branch": "{{version}}", "version": "1"}) == "{{version}}"
    shop.write("Dockerfile", "FROM scratch\nARG A\n")
    shop.spec("context: .", 'args: {A: "{{branch}}"}')
    repo = Repo(shop.folder)
    repo.commit()
    repo("symbolic-ref", "HEAD", "refs/heads/{{version}}")
    repo.commit()
    assert shop.run("plan", "--version=1.0.0").code == 0


# -- args and labels ------------------------------------------------------------------------------


def test_s32b_an_arg_that_looks_like_a_secret(shop: Shop) -> None:
    shop.spec("context: .", "args: {NPM_TOKEN: hunter2}")
    ended = shop.run("plan", "--version=1.0.0")
    assert ended.code == 0
    ended.says('images.yaml:5:23: build arg "NPM_TOKEN" looks like a secret', "use secrets:")
    assert "hunter2" not in ended.err + ended.out


@pytest.mark.parametrize("field", ["args", "labels"])
def test_s32c_values_of_any_text(shop: Shop, field: str) -> None:
    shop.spec("context: .", f'{field}: {{A: "a=b,c\\n--x \\"y\\" $(id) ::set-output::"}}')
    assert shop.run("plan", "--version=1.0.0").code == 0


@pytest.mark.parametrize("field", ["args", "labels"])
def test_s32d_values_without_an_end(shop: Shop, field: str) -> None:
    shop.spec("context: .", f"{field}: {{A: {'x' * (1 << 20)}}}")
    shop.refused("validate").says("longer than 1 MiB")
    shop.spec("context: .", f"{field}: {{A: {'x' * 900_000}}}")
    assert shop.run("validate").code == 0


def test_s33b_a_label_of_the_standard_may_be_overruled(shop: Shop) -> None:
    lines = ("oci_labels: true", "labels: {org.opencontainers.image.title: mine}")
    shop.spec("context: .", *lines)
    assert shop.run("plan", "--version=1.0.0").code == 0


def test_s38b_words_for_no_mean_no(shop: Shop) -> None:
    for word in ("false", '"false"', "no", "off", "False"):
        shop.spec("context: .", f"no_cache: {word}")
        content = Path("images.yaml").read_bytes()
        assert load(content, "f", project="p").spec.images["api"].no_cache is False


def test_s40_a_spec_that_changed_after_its_plan(shop: Shop) -> None:
    shop.write(".dockerignore", "plan.json\n")
    assert shop.run("plan", "--version=1.0.0", "-o", "plan.json").code == 0
    shop.write("Dockerfile", "FROM scratch\nCOPY a /\n")
    shop.write("a")
    ended = shop.refused("release", "--plan=plan.json", code=3)
    ended.says("the saved plan is stale", "api fingerprint", "hint: look at a fresh plan")
