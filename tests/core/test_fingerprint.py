"""What changes a fingerprint and what does not; nothing stale is reused, nothing built twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.dockerfile import Dockerfile
from releaser.core.facts import ContextFacts, ContextFile
from releaser.core.fingerprint import COUNTED, NOT_COUNTED, Fingerprint, of_ingredients
from releaser.core.graph import Owners
from releaser.core.oci import Digest, Platform
from releaser.core.resolve import Resolver
from releaser.core.spec import ImageSpec
from tests.build import AMD64, ARM64, at, digest, dockerfile, folder, spec, text_file

UP = Fingerprint("1" * 64)
OTHER = Fingerprint("2" * 64)
GOLDEN = "sha256:968d05e457218ca0a23ffdfbda3d499c4902112ead54cbcc985e4081d6c8f1c5"

LINES = (
    "ARG PYTHON=3.12",
    "FROM python:$PYTHON AS build",
    "ARG MODE=fast",
    "ADD https://example.com/tool /tool",
    "FROM base AS runtime",
    "COPY --from=tools /bin/x /bin/x",
    "COPY --from=build /tool /tool",
    "RUN --mount=type=secret,id=pip true",
    "COPY app /app",
    "FROM runtime AS debug",
    "RUN apk add gdb",
)
DOCKERFILE = dockerfile(*LINES)
FIELDS: dict[str, Any] = {
    "context": "api",
    "target": "runtime",
    "args": {"MODE": "fast"},
    "labels": {"org": "acme"},
    "secrets": [{"id": "pip", "env": "PIP_TOKEN"}],
    "ssh": ["default"],
    "extra_hosts": ["db=10.0.0.1"],
}


@dataclass(frozen=True)
class Inputs:
    """Everything that a fingerprint is made of."""

    fields: Mapping[str, Any] = field(default_factory=lambda: FIELDS)
    file: Dockerfile = DOCKERFILE
    files: ContextFacts = field(default_factory=lambda: folder(app="print()"))
    bases: Mapping[str, Digest | None] = field(
        default_factory=lambda: {"python:3.12": digest("python")}
    )
    upstreams: Mapping[str, Fingerprint] = field(
        default_factory=lambda: {"base": UP, "tools": OTHER}
    )
    root: str = "/src"
    platform: Platform = AMD64

    def but(self, **fields: object) -> Inputs:
        """The same with other fields of the image."""
        return replace(self, fields={**self.fields, **fields})

    def print(self) -> Fingerprint:
        whole = spec("base; tools; api", api=self.fields)
        resolver = Resolver(self.root, self.platform, Owners.of(whole), at)
        image = resolver.resolve("api", whole.images["api"], self.file)
        files = {"": self.files, **{name: folder(part=name) for name, _ in image.folders}}
        return image.fingerprint(files, self.bases, self.upstreams)


USUAL = Inputs()
WITH_CONTEXT = replace(
    USUAL.but(additional_contexts={"conf": "conf"}),
    file=dockerfile("FROM scratch AS runtime", "COPY --from=conf . /"),
)


def edited(old: str, new: str) -> Inputs:
    """The usual inputs with one line of the Dockerfile changed."""
    assert old in LINES
    return replace(USUAL, file=dockerfile(*(new if line == old else line for line in LINES)))


# -- the lists of fields ---------------------------------------------------------------------


def test_every_field_of_an_image_is_counted_or_not() -> None:
    assert set(ImageSpec.model_fields) == COUNTED.keys() | NOT_COUNTED.keys()
    assert not COUNTED.keys() & NOT_COUNTED.keys()
    assert all({**COUNTED, **NOT_COUNTED}.values())


CHANGED: dict[str, list[Inputs]] = {
    "context": [
        replace(USUAL, files=folder(app="print(1)")),
        replace(USUAL, files=ContextFacts((text_file("app2", "print()"),))),
        replace(USUAL, files=ContextFacts((text_file("app", "print()", 0o755),))),
        replace(USUAL, files=ContextFacts((ContextFile("app", "symlink", 0o644, "0" * 64),))),
        replace(USUAL, files=ContextFacts()),
    ],
    "dockerfile": [
        edited("COPY app /app", "COPY app /srv"),
        edited("ADD https://example.com/tool /tool", "ADD https://example.com/tool2 /tool"),
        edited("FROM base AS runtime", "FROM --platform=linux/amd64 base AS runtime"),
    ],
    "target": [USUAL.but(target="debug"), USUAL.but(target="build"), USUAL.but(target=None)],
    "args": [
        USUAL.but(args={"MODE": "slow"}),
        USUAL.but(args={"MODE": ""}),
        USUAL.but(args={"MODE": "fast", "PYTHON": "3.13"}),
        edited("ARG MODE=fast", "ARG MODE"),
    ],
    "labels": [
        USUAL.but(labels={"org": "other"}),
        USUAL.but(labels={}),
        USUAL.but(labels={"o": "acme"}),
    ],
    "platforms": [
        USUAL.but(platforms=["linux/arm64"]),
        USUAL.but(platforms=["linux/amd64", "linux/arm64"]),
        replace(USUAL, platform=ARM64),
    ],
    "needs": [
        USUAL.but(needs={"base": None}),
        USUAL.but(needs={"base": "tools"}),
        USUAL.but(needs={"base": "tools", "tools": "base"}),
        replace(USUAL, upstreams={"base": OTHER, "tools": OTHER}),
        replace(USUAL, upstreams={"base": UP, "tools": UP}),
    ],
    "secrets": [USUAL.but(secrets=[]), USUAL.but(secrets=[{"id": "npm", "env": "PIP_TOKEN"}])],
    "ssh": [USUAL.but(ssh=[]), USUAL.but(ssh=["deploy"])],
    "extra_hosts": [
        USUAL.but(extra_hosts=["db=10.0.0.2"]),
        USUAL.but(extra_hosts=["db=10.0.0.1", "db=10.0.0.2"]),
        USUAL.but(extra_hosts=["cache=10.0.0.1"]),
    ],
    "network": [USUAL.but(network="none"), USUAL.but(network="host")],
    "oci_labels": [USUAL.but(oci_labels=True, labels={"org.opencontainers.image.version": "1"})],
    "provenance": [USUAL.but(provenance=True), USUAL.but(provenance="mode=max")],
    "additional_contexts": [
        USUAL.but(additional_contexts={"base": "docker-image://alpine:3"}),
        USUAL.but(additional_contexts={"base": "https://example.com/x.git"}),
        USUAL.but(additional_contexts={"tools": "folder"}),
    ],
}

SAME: dict[str, list[Inputs]] = {
    "context": [USUAL.but(context="elsewhere")],
    "dockerfile": [
        USUAL.but(dockerfile="other.Dockerfile"),
        edited("COPY app /app", "# a comment\n\nCOPY \\\n  app /app"),
        edited("RUN apk add gdb", "RUN apk add strace"),
    ],
    "target": [USUAL.but(target="RUNTIME")],
    "args": [USUAL.but(args={"MODE": "fast", "UNDECLARED": "1"}), USUAL.but(args={})],
    "needs": [USUAL.but(needs=["base"]), USUAL.but(needs={"base": "base", "tools": "tools"})],
    "platforms": [USUAL.but(platforms=["linux/amd64"])],
    "secrets": [
        USUAL.but(secrets=[{"id": "pip", "env": "OTHER"}]),
        USUAL.but(secrets=[{"id": "pip", "file": "token"}]),
    ],
    "ssh": [USUAL.but(ssh=["default=/run/agent"])],
    "tag_suffix": [USUAL.but(tag_suffix="-debug")],
    "repository": [USUAL.but(repository="other")],
    "push_to": [USUAL.but(push_to=[])],
    "tags": [USUAL.but(tags=["latest"])],
    "no_cache": [USUAL.but(no_cache=True)],
    "pull": [USUAL.but(pull=True)],
    "shm_size": [USUAL.but(shm_size="1g")],
    "cache_from": [USUAL.but(cache_from=["type=gha"])],
    "cache_to": [USUAL.but(cache_to=["type=gha"])],
    "nothing": [replace(USUAL, root="/somewhere/else")],
}


def numbered(table: Mapping[str, list[Inputs]]) -> dict[str, Inputs]:
    return {f"{name} {n}": one for name in table for n, one in enumerate(table[name], start=1)}


@pytest.mark.parametrize("other", numbered(CHANGED).values(), ids=numbered(CHANGED))
def test_what_counts_changes_the_fingerprint(other: Inputs) -> None:
    assert other.print() != USUAL.print()


@pytest.mark.parametrize("other", numbered(SAME).values(), ids=numbered(SAME))
def test_what_does_not_count_leaves_it_alone(other: Inputs) -> None:
    assert other.print() == USUAL.print()


def test_both_lists_are_tried_in_full() -> None:
    assert CHANGED.keys() == COUNTED.keys()
    assert SAME.keys() >= NOT_COUNTED.keys() - {"enabled"}


# -- what it stands on -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "bases",
    [{"python:3.12": digest("newer")}, {"python:3.12": None}, {}],
    ids=["moved", "unknown", "not asked"],
)
def test_a_base_image_counts_by_its_digest(bases: dict[str, Digest | None]) -> None:
    assert replace(USUAL, bases=bases).print() != USUAL.print()


def test_a_base_image_that_is_not_reached_does_not_count() -> None:
    assert replace(USUAL, bases={**USUAL.bases, "other": digest("x")}).print() == USUAL.print()


def test_swapped_upstreams_are_told_apart() -> None:
    first = USUAL.but(needs={"base": "base", "tools": "tools"}).print()
    assert USUAL.but(needs={"base": "tools", "tools": "base"}).print() != first


def test_files_of_an_additional_context_are_told_from_the_main_ones() -> None:
    names = dict(WITH_CONTEXT.print().ingredients)
    assert "file app" in names
    assert "file@conf part" in names
    assert "context conf" not in names


def test_a_context_that_is_an_image_counts_by_its_digest() -> None:
    pulled = replace(
        USUAL.but(additional_contexts={"base": "docker-image://alpine:3"}),
        bases={**USUAL.bases, "alpine:3": digest("alpine")},
    )
    assert dict(pulled.print().ingredients)["base base"] == str(digest("alpine"))
    assert (
        replace(pulled, bases={**pulled.bases, "alpine:3": digest("new")}).print() != pulled.print()
    )


def test_one_arg_with_two_values_counts_with_both() -> None:
    def made(default: str) -> Fingerprint:
        file = dockerfile(
            f"ARG LEVEL={default}",
            "FROM scratch AS one",
            "ARG LEVEL",
            "FROM scratch",
            "COPY --from=one / /",
            "ARG LEVEL=9",
        )
        return replace(USUAL.but(target=None), file=file).print()

    assert made("1") != made("2")


def test_platforms_that_use_different_things_count_each() -> None:
    both = USUAL.but(platforms=["linux/amd64", "linux/arm64"])
    file = dockerfile("ARG TARGETARCH", "FROM python:$TARGETARCH AS runtime")
    names = dict(replace(both, file=file, bases={}).print().ingredients)
    assert {"base python:amd64", "base python:arm64"} <= names.keys()
    assert {"dockerfile@linux/amd64", "dockerfile@linux/arm64"} <= names.keys()


def test_the_order_of_platforms_means_nothing() -> None:
    one = USUAL.but(platforms=["linux/amd64", "linux/arm64"]).print()
    assert USUAL.but(platforms=["linux/arm64", "linux/amd64"]).print() == one


def test_the_first_address_of_a_host_is_another_than_the_second() -> None:
    first = USUAL.but(extra_hosts=["db=10.0.0.1", "db=10.0.0.2"]).print()
    assert USUAL.but(extra_hosts=["db=10.0.0.2", "db=10.0.0.1"]).print() != first


# -- the hash --------------------------------------------------------------------------------

pairs = st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=6)


@given(pairs, st.randoms())
def test_the_order_of_ingredients_means_nothing(
    ingredients: list[tuple[str, str]], random: Random
) -> None:
    shuffled = [*ingredients, *ingredients[:1]]
    random.shuffle(shuffled)
    assert of_ingredients(shuffled) == of_ingredients(ingredients)


@given(pairs, pairs)
def test_other_ingredients_give_another_hash(
    one: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    same = set(one) == set(other)
    assert (of_ingredients(one).value == of_ingredients(other).value) is same


def test_the_order_of_maps_means_nothing() -> None:
    turned = replace(
        USUAL.but(**dict(reversed([*USUAL.fields.items()]))),
        bases=dict(reversed([*USUAL.bases.items()])),
        upstreams=dict(reversed([*USUAL.upstreams.items()])),
    )
    assert turned.print() == USUAL.print()


def test_no_absolute_path_is_an_ingredient() -> None:
    assert not any("/src" in name + value for name, value in WITH_CONTEXT.print().ingredients)


def test_how_it_is_written() -> None:
    found = Fingerprint("0123456789abcdef" * 4)
    assert found.tag == "fp-0123456789abcdef"
    assert str(found) == "sha256:" + "0123456789abcdef" * 4


def test_the_scheme_is_stable() -> None:
    """A change here builds every image of every user anew: is it meant, and is SCHEME raised?"""
    assert str(USUAL.print()) == GOLDEN
    assert [name for name, _ in USUAL.print().ingredients] == [
        "arg MODE",
        "arg PYTHON",
        "base python:3.12",
        "dockerfile",
        "file app",
        "host db",
        "label org",
        "platforms",
        "scheme",
        "secret pip",
        "ssh default",
        "upstream base",
        "upstream tools",
        "url https://example.com/tool",
    ]


# -- modes -----------------------------------------------------------------------------------


def moded(kind: str, mode: int) -> str:
    """The fingerprint with one file of a kind and a mode."""
    return replace(USUAL, files=ContextFacts((ContextFile("app", kind, mode, "00"),))).print().value


@pytest.mark.parametrize(("kind", "one", "other"), [
    ("file", 0o644, 0o664),
    ("file", 0o644, 0o600),
    ("file", 0o755, 0o700),
    ("directory", 0o755, 0o775),
    ("symlink", 0o777, 0o755),
])  # fmt: skip
def test_two_checkouts_with_another_umask_agree(kind: str, one: int, other: int) -> None:
    assert moded(kind, one) == moded(kind, other)


@pytest.mark.parametrize("other", [0o755, 0o4644, 0o2644])
def test_what_may_be_run_and_special_bits_count(other: int) -> None:
    assert moded("file", 0o644) != moded("file", other)
