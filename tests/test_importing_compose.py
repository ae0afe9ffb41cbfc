"""Compose files as drafts: every build field, interpolation, and what is said to be lost."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from releaser import loader
from releaser.core.spec import Spec
from releaser.errors import SpecError
from releaser.importing.compose import from_compose
from releaser.importing.draft import Draft, Losses
from releaser.importing.interpolation import Variables
from releaser.importing.renaming import with_legal_names
from releaser.importing.texts import read_yaml
from releaser.importing.writing import write


def draft(text: str, folder: str = ".") -> Draft:
    made = from_compose(
        text, "compose.yaml", project="shop", folder=folder, registry="localhost:5000/shop"
    )
    return with_legal_names(made)


def spec_of(made: Draft) -> Spec:
    return loader.load(write(made).encode(), "images.yaml", project="x").spec


def fields(made: Draft, name: str) -> dict[str, Any]:
    return dict(yaml.safe_load(write(made))["images"][name] or {})


def lost(made: Draft) -> set[tuple[str, str]]:
    return {(one.where, one.what) for one in made.lost}


WHOLE = """\
services:
  all:
    image: ghcr.io/acme/shop/all:${TAG:-1.2}
    build:
      context: services/all
      dockerfile: docker/Dockerfile
      target: rt
      args: {PYTHON: 3.10, DEBUG: true, NAME: "${NAME}", SHELL: }
      labels: ["a=b"]
      additional_contexts: ["lib=../lib", "in=https://u:s3cr3t@git.example/x",
                            "shared=shared", "base=service:base"]
      platforms: [linux/amd64]
      tags: ["docker.io/acme/all:extra"]
      secrets: [pip, {source: npm, target: npmrc}, external]
      ssh: [default]
      cache_from: [type=gha]
      cache_to: [type=gha]
      extra_hosts: ["h:1.2.3.4", "six:[::1]"]
      network: host
      shm_size: 64m
      no_cache: true
      pull: true
      provenance: mode=max
      sbom: true
      privileged: true
      isolation: hyperv
      entitlements: [network.host]
      ulimits: {nofile: 1}
  base:
    build: base
    platform: linux/amd64
  inline:
    build: {dockerfile_inline: "FROM scratch"}
  up:
    build: ../up
  far:
    build: https://github.com/acme/far.git
  db: {image: postgres}
secrets:
  pip: {environment: PIP_TOKEN}
  npm: {file: ./npm.txt}
  external: {external: true}
include: [other.yaml]
"""


def test_every_build_field() -> None:
    made = draft(WHOLE)
    assert fields(made, "all") == {
        "context": "services/all",
        "dockerfile": "docker/Dockerfile",
        "target": "rt",
        "args": {"PYTHON": "3.10", "DEBUG": "true", "NAME": "{{vars.NAME}}"},
        "labels": {"a": "b"},
        "platforms": ["linux/amd64"],
        "tags": ["{{vars.TAG}}", "extra"],
        "additional_contexts": {"shared": "shared", "base": "service:base"},
        "secrets": [{"id": "pip", "env": "PIP_TOKEN"}, {"id": "npmrc", "file": "npm.txt"},
                    {"id": "external", "env": "external"}],
        "ssh": ["default"],
        "extra_hosts": {"h": "1.2.3.4", "six": "::1"},
        "network": "host",
        "shm_size": "64m",
        "no_cache": True,
        "pull": True,
        "provenance": "mode=max",
        "cache_from": ["type=gha"],
        "cache_to": ["type=gha"],
    }  # fmt: skip
    assert fields(made, "base") == {"context": "base", "platforms": ["linux/amd64"]}
    assert {one.name for one in made.images if not one.enabled} == {"inline", "up", "far"}
    assert made.vars == {"TAG": "1.2", "NAME": ""}
    spec = spec_of(made)
    assert dict(spec.images["all"].args)["PYTHON"] == "3.10"
    assert str(spec.repository("base", "ghcr")) == "ghcr.io/acme/shop/base"


def test_a_login_is_neither_written_nor_said() -> None:
    made = draft(WHOLE)
    assert "s3cr3t" not in write(made)
    assert "s3cr3t" not in "".join(str(one) for one in made.lost)


def test_everything_that_is_lost_is_said() -> None:
    assert lost(draft(WHOLE)) == {
        ("service all", "args SHELL"), ("service all", "additional context lib"),
        ("service all", "additional context in"),
        ("service all", "secret external"), ("service all", "build.sbom"),
        ("service all", "build.privileged"), ("service all", "build.isolation"),
        ("service all", "build.entitlements"), ("service all", "build.ulimits"),
        ("service inline", "build.dockerfile_inline"), ("service up", "build.context"),
        ("service far", "build.context"), ("include", "other files"),
        ("variable NAME", "its default"),
        ("image all", "tags that differ between registries"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "written", "variables"),
    [
        ("a${B:-c}d", "a{{vars.B}}d", {"B": "c"}),
        ("${B-c}", "{{vars.B}}", {"B": "c"}),
        ("$B/$$B/${B}", "{{vars.B}}/$B/{{vars.B}}", {"B": ""}),
        ("${B:?must}", "{{vars.B}}", {"B": ""}),
        ("x${B:+c}", "x", {}),
        ("${A:-${B:-c}}", "{{vars.A}}", {"A": "c", "B": "c"}),
        ("plain $ 5", "plain $ 5", {}),
    ],
)
def test_interpolation(text: str, written: str, variables: dict[str, str]) -> None:
    known = Variables(Losses())
    assert known.text(text, "here") == written
    assert known.found == variables


def test_a_variable_has_one_default() -> None:
    known = Variables(Losses())
    known.text("${A} ${A:-x} ${A:-y}", "here")
    assert known.found == {"A": "x"}
    assert [one.what for one in known.losses.all()] == ["the default y of A"]


def test_a_tag_that_nobody_gives_is_latest() -> None:
    made = draft("services: {a: {image: 'ghcr.io/acme/a:${TAG}', build: a}}")
    assert made.vars == {"TAG": "latest"}


def test_extends_and_profiles() -> None:
    made = draft(
        "services:\n"
        "  a: {build: {context: a, args: {X: 1, Y: 1}, tags: []}, profiles: [dev]}\n"
        "  b: {extends: a, build: {args: {Y: 2}}}\n"
        "  c: {extends: {service: base, file: common.yml}, build: c}\n"
        "  d: {extends: d, build: d, profiles: [a, dev]}\n"
        "  e: {extends: {service: db}, build: e}\n"
        "  db: {image: postgres}\n"
    )
    assert fields(made, "b") == {"context": "a", "args": {"X": "1", "Y": "2"}}
    assert made.groups == {"dev": ["a", "d"]}
    assert fields(made, "e")["context"] == "e"
    assert ("service c", "extends base of common.yml") in lost(made)
    assert ("profile dev", "the profile") in lost(made)
    assert ("profile a", "the group") in lost(made)


def test_names_repositories_and_latest() -> None:
    made = draft(
        "services:\n"
        "  a: {build: a, image: acme/a}\n"
        "  b: {build: b, image: 'acme/b-svc:latest'}\n"
        "  c: {build: c, image: mine}\n"
    )
    assert dict(made.registries) == {"hub": "docker.io/acme", "local": "localhost:5000/shop"}
    assert fields(made, "a") == {"context": "a", "push_to": ["hub"]}
    assert fields(made, "b") == {"context": "b", "repository": "b-svc", "push_to": ["hub"]}
    assert fields(made, "c") == {"context": "c", "repository": "mine", "push_to": ["local"]}


def test_texts_stay_what_they_are() -> None:
    data = read_yaml(
        "a: 3.10\nb: 010\nc: no\nd: 2020-01-01\ne:\nf: !reset [x]\ng: !override {h: 1}\n"
        "x: &x {y: 1}\nz: {<<: *x, w: ~}\ni: !reset null\n",
        "f",
    )
    assert data == {
        "a": "3.10", "b": "010", "c": "no", "d": "2020-01-01", "e": None, "f": ["x"],
        "g": {"h": "1"}, "x": {"y": "1"}, "z": {"y": "1", "w": None}, "i": "null",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "a: [", "- a", "", "a: 1\na: *b", "? [a]\n: b", "a: !!python/object:os.system x",
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 10)}]\n"
            for n in range(8)
        ),
        "[" * 5000,
    ],
)  # fmt: skip
def test_what_is_not_a_map_is_refused(text: str) -> None:
    with pytest.raises(SpecError):
        read_yaml(text, "compose.yaml")


def test_paths_of_a_file_in_a_folder() -> None:
    made = draft("services: {a: {build: ..}, b: {build: {context: x}}}", folder="deploy")
    assert fields(made, "a") == {"context": "."}
    assert fields(made, "b") == {"context": "deploy/x"}


@pytest.mark.parametrize("extends", ["[1]", "{service: [x]}", "{service: {a: b}}", "true"])
def test_what_extends_cannot_name_is_said(extends: str) -> None:
    made = draft(f"services: {{a: {{build: a, extends: {extends}}}, x: {{build: x}}}}\n")
    assert [one.name for one in made.images] == ["a", "x"]
    assert any(where == "service a" and what.startswith("extends") for where, what in lost(made))


def test_extends_is_followed_so_deep_and_no_deeper() -> None:
    services = "".join(f"  s{n}: {{build: b, extends: s{n + 1}}}\n" for n in range(150))
    made = draft(f"services:\n{services}  s150: {{build: b}}\n")
    assert len(made.images) == 151
    assert ("service s100", "extends s101") in lost(made)


def test_each_default_that_the_file_does_not_give_is_said() -> None:
    made = draft(
        "services: {a: {image: 'ghcr.io/x/a:${TAG:-}', build: {context: a, args: "
        '{A: "${NONE}", B: "${SOME:-b}", C: "${MUST:?}", D: "${BARE:-}"}}}}\n'
    )
    said = {one.where: one.why for one in made.lost if one.what == "its default"}
    assert said == {
        "variable TAG": "the file gives none, so it is latest here",
        "variable NONE": "the file gives none, so it is empty here",
    }
