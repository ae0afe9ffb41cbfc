"""An image with its Dockerfile read: templates, paths, edges, base images, contexts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from releaser.core.dockerfile import Dockerfile
from releaser.core.graph import Owners
from releaser.core.oci import Platform
from releaser.core.resolve import ResolvedImage, Resolver, is_folder, render_image
from releaser.core.spec import ImageSpec
from releaser.errors import SpecError
from tests.build import AMD64, ARM64, at, dockerfile, spec

KNOWN = {"version": "1.4.2", "image": "api"}
DIGEST = "sha256:" + "a" * 64


def resolved(
    file: Dockerfile, fields: Mapping[str, Any] | None = None, platform: Platform = AMD64
) -> ResolvedImage:
    whole = spec("base; tools; api", api=fields or {})
    resolver = Resolver("/src", platform, Owners.of(whole), at)
    return resolver.resolve("api", whole.images["api"], file)


def needs(image: ResolvedImage) -> list[tuple[str, tuple[str, ...]]]:
    return [(edge.needs, edge.names) for edge in image.edges]


def bases(image: ResolvedImage) -> list[tuple[str, str]]:
    return [(base.name, base.reference) for base in image.bases]


def image(**fields: object) -> ImageSpec:
    return ImageSpec.model_validate(fields)


# -- templates -------------------------------------------------------------------------------


@pytest.mark.parametrize("strict", [True, False])
def test_args_and_labels_are_rendered(strict: bool) -> None:
    fields = image(args={"V": "{{version}}", "HOME": "${HOME}"}, labels={"v": "v{{ version }}"})
    found = render_image("api", fields, KNOWN, at, strict=strict)
    assert dict(found.args) == {"V": "1.4.2", "HOME": "${HOME}"}
    assert dict(found.labels) == {"v": "v1.4.2"}
    assert found.context == "."


def test_an_unknown_placeholder_stays_where_only_the_graph_is_asked_for() -> None:
    fields = image(args={"V": "{{major}}"}, labels={"b": "{{branch}}"})
    assert render_image("api", fields, KNOWN, at, strict=False) == fields


@pytest.mark.parametrize(
    ("message", "hint", "fields"),
    [
        ('args "V" of image "api": "versoin"', "did you mean", {"args": {"V": "{{versoin}}"}}),
        ('labels "v" of image "api": "sha"', None, {"labels": {"v": "{{sha}}"}}),
        ('labels "v" of image "api": "major"', "tag the commit", {"labels": {"v": "{{major}}"}}),
        ('args "V" of image "api"', "write a name", {"args": {"V": "{{version"}}),
    ],
)  # fmt: skip
def test_an_unknown_placeholder_is_said_with_its_place(
    message: str, hint: str | None, fields: Mapping[str, Any]
) -> None:
    with pytest.raises(SpecError) as caught:
        render_image("api", image(**fields), KNOWN, at, strict=True)
    assert message in caught.value.message
    assert (hint or "") in (caught.value.hint or "")
    assert (hint is None) is (caught.value.hint is None)
    assert caught.value.at == at(("images", "api", "args", "V"))


# -- paths and platforms ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("context", "file", "fields"),
    [
        ("/src", "/src/Dockerfile", {"context": "."}),
        ("/src/api", "/src/api/Dockerfile", {"context": "./api/"}),
        ("/src/api", "/src/api/prod", {"context": "api", "dockerfile": "prod"}),
        ("/src/api", "/src/docker/api", {"context": "api", "dockerfile": "../docker/api"}),
    ],
)  # fmt: skip
def test_paths_are_absolute(context: str, file: str, fields: Mapping[str, Any]) -> None:
    found = resolved(dockerfile("FROM scratch"), fields)
    assert (context, file) == (found.context, found.dockerfile)


def test_platforms_are_the_specs_else_the_machines() -> None:
    file = dockerfile("FROM scratch")
    both = {"platforms": ["linux/arm64", "linux/amd64"]}
    assert resolved(file, both).platforms == (ARM64, AMD64)
    assert resolved(file, platform=ARM64).platforms == (ARM64,)


def test_each_platform_has_its_own_bases_and_edges() -> None:
    file = dockerfile("ARG TARGETARCH", "FROM os:$TARGETARCH", "COPY --from=base / /")
    found = resolved(file, {"platforms": ["linux/amd64", "linux/arm64"]})
    assert bases(found) == [("os:amd64", "os:amd64"), ("os:arm64", "os:arm64")]
    assert needs(found) == [("base", ("base",))]


# -- references ------------------------------------------------------------------------------


def test_references_are_told_apart_in_the_order_of_the_dockerfile() -> None:
    file = dockerfile(
        "ARG OS=alpine:3",
        "FROM tools AS one",
        "FROM $OS AS two",
        "FROM ghcr.io/acme/shop/base:1",
        "COPY --from=tools / /",
        "COPY --from=one / /",
        "RUN --mount=from=two,target=/x true",
        "RUN --mount=from=alpine:3,target=/x true",
    )
    found = resolved(file)
    assert needs(found) == [
        ("tools", ("tools",)),
        ("base", ("ghcr.io/acme/shop/base:1",)),
    ]
    assert bases(found) == [("alpine:3", "alpine:3")]
    assert [str(edge) for edge in found.edges] == [
        "api/Dockerfile:2 FROM tools",
        "api/Dockerfile:4 FROM ghcr.io/acme/shop/base:1",
    ]


def test_the_place_of_an_edge_is_that_of_its_first_mention() -> None:
    file = dockerfile(
        "FROM scratch", "COPY --from=base / /", "COPY --from=tools / /", "COPY --from=base /a /"
    )
    found = resolved(file, {"context": "deep/api"})
    assert [str(edge) for edge in found.edges] == [
        "deep/api/Dockerfile:2 COPY --from=base",
        "deep/api/Dockerfile:3 COPY --from=tools",
    ]


def test_stages_that_are_not_reached_need_nothing() -> None:
    file = dockerfile("FROM base AS unused", "FROM scratch AS runtime", "FROM tools")
    found = resolved(file, {"target": "runtime"})
    assert (needs(found), bases(found)) == ([], [])


def test_args_of_the_spec_choose_the_base() -> None:
    file = dockerfile("ARG FLAVOUR=alpine:3", "FROM $FLAVOUR")
    assert needs(resolved(file, {"args": {"FLAVOUR": "base"}})) == [("base", ("base",))]


def test_a_pinned_reference_and_one_to_itself_are_bases() -> None:
    file = dockerfile(f"FROM base@{DIGEST}", "COPY --from=api / /")
    found = resolved(file)
    assert needs(found) == []
    assert bases(found) == [(f"base@{DIGEST}",) * 2, ("api", "api")]


# -- additional contexts ---------------------------------------------------------------------

USES_CONF = dockerfile("FROM scratch", "COPY --from=conf /x /x", "COPY a b /")


@pytest.mark.parametrize(
    ("needed", "base", "folders", "source"),
    [
        ([], [], [("conf", "/src/conf/prod")], "conf/prod"),
        ([], [], [("conf", "/src/@acme/conf")], "@acme/conf"),
        ([], [], [], "https://example.com/conf.git"),
        ([], [], [], "git@example.com:acme/conf.git"),
        ([], [("conf", "alpine:3")], [], "docker-image://alpine:3"),
        ([("base", ("conf",))], [], [], "docker-image://base"),
        ([("base", ("conf",))], [], [], "docker-image://ghcr.io/acme/shop/base:2"),
        ([("base", ("conf",))], [], [], "target:base"),
        ([("base", ("conf",))], [], [], "service:base"),
    ],
)
def test_an_additional_context_is_a_folder_an_image_or_a_url(
    needed: list[tuple[str, tuple[str, ...]]],
    base: list[tuple[str, str]],
    folders: list[tuple[str, str]],
    source: str,
) -> None:
    found = resolved(USES_CONF, {"additional_contexts": {"conf": source}})
    assert (needed, base, folders) == (needs(found), bases(found), list(found.folders))


def test_a_context_that_no_stage_uses_is_nothing() -> None:
    file = dockerfile("FROM scratch")
    contexts = {"a": "folder", "b": "docker-image://base", "c": "target:nothing"}
    found = resolved(file, {"additional_contexts": contexts})
    assert (needs(found), bases(found), found.folders) == ([], [], ())


def test_a_context_takes_the_place_of_a_base_image() -> None:
    found = resolved(
        dockerfile("FROM python:3"), {"additional_contexts": {"python:3": "target:base"}}
    )
    assert needs(found) == [("base", ("python:3",))]
    assert bases(found) == []
    assert str(found.edges[0]) == "images.yaml:4 additional_contexts: target:base"


@pytest.mark.parametrize("source", ["target:nothing", "service:nothing", "target:api"])
def test_a_context_that_names_no_other_image(source: str) -> None:
    with pytest.raises(SpecError) as caught:
        resolved(USES_CONF, {"additional_contexts": {"conf": source}})
    assert caught.value.message == (
        f'context "conf" of image "api": "{source}" names no other image of this file'
    )
    assert caught.value.at == at(("images", "api", "additional_contexts", "conf"))
    assert caught.value.details == (("declared", "api, base, tools"),)


def test_what_is_copied_is_told_by_context() -> None:
    found = resolved(
        USES_CONF,
        {
            "additional_contexts": {"conf": "conf"},
            "platforms": ["linux/amd64", "linux/arm64"],
        },
    )
    assert [use.sources for use in found.paths()] == [("a", "b")]
    assert [use.sources for use in found.paths("conf")] == [("x",)]


@pytest.mark.parametrize(
    ("folder", "source"),
    [
        (True, "conf"),
        (True, "./a@b"),
        (False, "docker-image://alpine"),
        (False, "target:base"),
        (False, "service:base"),
        (False, "https://example.com/x.git"),
        (False, "oci-layout://x"),
        (False, "git@example.com:x.git"),
    ],
)
def test_a_folder_is_neither_an_image_nor_a_url(folder: bool, source: str) -> None:
    assert folder is is_folder(source)


# -- complaints ------------------------------------------------------------------------------


def test_a_target_that_is_no_stage() -> None:
    with pytest.raises(SpecError, match='no stage "runtme"') as caught:
        resolved(dockerfile("FROM scratch AS runtime", file="api/Dockerfile"), {"target": "runtme"})
    assert caught.value.hint == 'did you mean "runtime"?'
    assert caught.value.message == 'image "api": no stage "runtme" in the Dockerfile'
    assert caught.value.at == at(("images", "api", "target"))
    assert caught.value.details == (("stages", "runtime"), ("Dockerfile", "api/Dockerfile"))


def test_a_complaint_about_a_line_of_the_dockerfile_stays_there() -> None:
    with pytest.raises(SpecError) as caught:
        resolved(dockerfile("FROM scratch", "COPY --from=9 / /", file="api/Dockerfile"))
    assert str(caught.value.at) == "api/Dockerfile:2"
