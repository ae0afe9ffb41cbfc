"""What the engine's own builder is asked for: the Dockerfile as it is sent, and the query."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from releaser.core.oci import Digest, Platform, Reference
from releaser.core.steps import Base, BuildStep, Link
from releaser.engines.classic_dockerfile import ClassicDockerfile, prepare
from releaser.engines.classic_request import proxy_arguments, query, sources
from releaser.errors import SpecError

AMD = Platform.parse("linux/amd64")
ID = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
OURS = Reference.parse("localhost:5000/shop/base:fp-1")


def step(folder: Path | str = "/src", **fields: Any) -> BuildStep:  # noqa: ANN401
    fields.setdefault("dockerfile", f"{folder}/Dockerfile")
    return BuildStep("api", str(folder), names=(Reference.parse("shop/api:1"),), **fields)


def rewritten(text: str, **fields: Any) -> str:  # noqa: ANN401
    made = prepare(step(**fields), text, {"base": str(OURS)}, AMD)
    assert made.changed == (made.text != text)
    assert len(made.text.split("\n")) == len(text.split("\n"))
    return made.text


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("FROM base", f"FROM {OURS}"),
        ("from  base  as x", f"from  {OURS}  as x"),
        ("FROM base AS base", f"FROM {OURS} AS base"),
        ("FROM --platform=linux/amd64 base", f"FROM --platform=linux/amd64 {OURS}"),
        ("FROM \\\n# base\n  base AS x", f"FROM \\\n# base\n  {OURS} AS x"),
        ("# escape=`\nFROM `\n base", f"# escape=`\nFROM `\n {OURS}"),
        ("ARG B=base\nFROM $B", f"ARG B=base\nFROM {OURS}"),
        ("ARG B=ba\nFROM ${B}se\r\nRUN x", f"ARG B=ba\nFROM {OURS}\r\nRUN x"),
        ("FROM docker.io/library/base:latest", f"FROM {OURS}"),
        ("FROM other\nCOPY --from=base /a /b", f"FROM other\nCOPY --from={OURS} /a /b"),
        ('FROM other\nCOPY --from="base" a b', f"FROM other\nCOPY --from={OURS} a b"),
        (
            "FROM other\nCOPY --chown=base \\\n  --from=base base /b",
            f"FROM other\nCOPY --chown=base \\\n  --from={OURS} base /b",
        ),
        ("FROM base\nRUN echo base", f"FROM {OURS}\nRUN echo base"),
        ("FROM base-x\nCOPY base /base", "FROM base-x\nCOPY base /base"),
        ("FROM x AS base\nFROM base\nCOPY --from=base a b",) * 2,
        ("FROM base:2\nLABEL base=base",) * 2,
    ],
)
def test_references_to_our_images_are_replaced(written: str, sent: str) -> None:
    assert rewritten(written) == sent


def test_a_reference_in_pieces_is_an_error_that_says_where() -> None:
    with pytest.raises(SpecError, match="cannot be put in the place of base") as caught:
        rewritten("FROM ba\\\nse AS x")
    assert str(caught.value.at) == "/src/Dockerfile:1"
    assert "api" in caught.value.message


def test_stages_that_the_target_does_not_use_are_emptied() -> None:
    text = "ARG A\nFROM base AS unused\nRUN false\n\nFROM x AS build\nRUN make \\\n  all\n"
    text += (
        "FROM y AS main\nCOPY --from=1 /a /a\nCOPY --from=build /b /b\nFROM z AS after\nRUN false\n"
    )
    made = prepare(step(target="main"), text, {}, AMD)
    assert made.text == (
        "ARG A\n\n\n\nFROM x AS build\nRUN make \\\n  all\nFROM y AS main\n"
        "COPY --from=0 /a /a\nCOPY --from=build /b /b\n\n\n"
    )
    assert [each.keyword for each in made.instructions] == [
        "ARG", "FROM", "RUN", "FROM", "COPY", "COPY",
    ]  # fmt: skip
    assert made.images == ("x", "y")


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("FROM --platform=$BUILDPLATFORM x", "FROM --platform=linux/amd64 x"),
        ("FROM --platform=${TARGETPLATFORM} x", "FROM --platform=linux/arm64 x"),
        ("FROM x-${TARGETARCH}", "FROM x-arm64"),
        ("ARG V=1.2\nFROM x:${V%.*}", "ARG V=1.2\nFROM x:1"),
        ("ARG V=1\nFROM x:${V}", "ARG V=1\nFROM x:${V}"),
    ],
)
def test_variables_that_only_buildkit_knows_are_filled_in(written: str, sent: str) -> None:
    assert rewritten(written, platforms=(Platform.parse("linux/arm64"),)) == sent


def test_platform_arguments_are_given_where_they_are_declared() -> None:
    text = "FROM x\nARG TARGETARCH\nARG TARGETOS=windows\nARG BUILDPLATFORM\nARG TARGETVARIANT"
    given = step(args=(("TARGETOS", "plan9"),))
    assert prepare(given, text, {}, AMD).arguments == {
        "TARGETARCH": "amd64",
        "BUILDPLATFORM": "linux/amd64",
        "TARGETVARIANT": "",
    }


def test_sources_are_links_and_pins() -> None:
    pin = Reference.parse(f"docker.io/library/x@{ID}")
    made = step(
        bases=(Base("x", pin), Base("local", None)),
        links=(Link("a", ("a", "a:1"), OURS), Link("b", ("b",))),
    )
    assert sources(made, {"b": Digest(OTHER)}) == {
        "x": str(pin),
        "a": str(OURS),
        "a:1": str(OURS),
        "b": OTHER,
    }


PLAIN = ClassicDockerfile("", changed=False, instructions=(), images=(), arguments={"T": "1"})


def test_everything_that_it_can_do_is_asked_for() -> None:
    asked = query(
        step(
            args=(("A", "1"), ("http_proxy", "mine")),
            labels=(("l", "a b"),),
            platforms=(AMD,),
            extra_hosts=(("h", "1.2.3.4"), ("six", "::1")),
            network="none",
            no_cache=True,
            pull=True,
            shm_size="1.5g",
            cache_from=("a:1", "type=registry,ref=b:2"),
        ),
        PLAIN,
        {"http_proxy": "theirs"},
    )
    assert asked == {
        "version": "1",
        "rm": "1",
        "forcerm": "1",
        "t": ["docker.io/shop/api:1"],
        "buildargs": '{"http_proxy": "mine", "T": "1", "A": "1"}',
        "labels": '{"l": "a b"}',
        "cachefrom": '["a:1", "b:2"]',
        "extrahosts": ["h:1.2.3.4", "six:::1"],
        "nocache": "1",
        "pull": "1",
        "networkmode": "none",
        "platform": "linux/amd64",
        "shmsize": "1610612736",
    }


def test_what_is_not_asked_for_is_left_to_the_engine() -> None:
    given = {"version", "rm", "forcerm", "t", "buildargs", "labels", "cachefrom", "extrahosts"}
    assert set(query(step(), PLAIN, {})) == given


def test_an_image_on_others_of_ours_is_not_pulled() -> None:
    assert "pull" not in query(step(pull=True, links=(Link("a", ("a",), OURS),)), PLAIN, {})


@pytest.mark.parametrize(
    ("size", "value"), [("64m", 1 << 26), ("1gb", 1 << 30), ("2KiB", 2048), ("7", 7), ("7b", 7)]
)
def test_sizes(size: str, value: int) -> None:
    assert query(step(shm_size=size), PLAIN, {})["shmsize"] == str(value)


def test_proxies_come_in_both_cases() -> None:
    assert proxy_arguments({"httpProxy": "p", "noProxy": "n", "other": "x"}) == {
        "HTTP_PROXY": "p",
        "http_proxy": "p",
        "NO_PROXY": "n",
        "no_proxy": "n",
    }
