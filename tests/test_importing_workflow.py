"""Workflows with docker/metadata-action and docker/build-push-action as drafts."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from releaser import loader
from releaser.core.spec import Spec
from releaser.importing.draft import Draft
from releaser.importing.remote import Origin, origin_of, registry_of
from releaser.importing.renaming import with_legal_names
from releaser.importing.workflow import from_workflow
from releaser.importing.workflow_matrix import apart, variants
from releaser.importing.writing import write

SHOP = Origin("github.com", "Acme/Shop")


def draft(text: str, origin: Origin = SHOP) -> Draft:
    made = from_workflow(
        text, "release.yml", project="shop", folder=".", registry="ghcr.io/acme/shop", origin=origin
    )
    return with_legal_names(made)


def spec_of(made: Draft) -> Spec:
    return loader.load(write(made).encode(), "images.yaml", project="x").spec


def fields(made: Draft, name: str) -> dict[str, Any]:
    return dict(yaml.safe_load(write(made))["images"][name] or {})


def lost(made: Draft) -> set[tuple[str, str]]:
    return {(one.where, one.what) for one in made.lost}


WHOLE = """\
on: {push: {tags: ["v*"]}}
env:
  REGISTRY: ghcr.io
  IMAGE: ${{ env.REGISTRY }}/${{ github.repository }}
jobs:
  test: {steps: [{run: make test}]}
  build:
    runs-on: ubuntu-latest
    env: {PYTHON: "3.10"}
    steps:
      - uses: actions/checkout@v4
      - uses: docker/setup-buildx-action@v3
      - id: meta
        uses: docker/metadata-action@v5
        with:
          images: |
            ${{ env.IMAGE }}
            name=acme/shop,enable=true
            name=quay.io/acme/shop,enable=false
          tags: |
            # every night
            type=schedule
            type=semver,pattern={{version}}
            type=semver,pattern={{major}}.{{minor}}
            type=ref,event=pr
            type=sha
            type=raw,value=${{ github.run_id }}
            type=nonsense
          flavor: |
            latest=auto
            suffix=-slim
            odd=1
          labels: org.opencontainers.image.vendor=acme
          annotations: a=b
      - uses: docker/build-push-action@v6
        with:
          context: .
          file: docker/Dockerfile
          push: ${{ github.event_name != 'pull_request' }}
          platforms: linux/amd64,linux/arm64
          tags: ${{ steps.meta.outputs.tags }}
          labels: ${{ steps.meta.outputs.labels }}
          target: runtime
          build-args: |
            PYTHON=${{ env.PYTHON }}
            SHA=${{ github.sha }}
            RUN=${{ github.run_id }}
          build-contexts: |
            lib=libs
          secrets: |
            "github_token=${{ secrets.GITHUB_TOKEN }}"
          secret-envs: pip=PIP_TOKEN
          secret-files: npm=npm.txt
          ssh: default
          add-hosts: h:1.2.3.4
          cache-from: type=gha
          cache-to: type=gha,mode=max
          network: host
          shm-size: 64m
          no-cache: true
          pull: true
          provenance: mode=max
          sbom: true
          outputs: type=image
          annotations: a=b
          unheard: of
"""


def test_every_input() -> None:
    made = draft(WHOLE)
    assert dict(made.registries) == {"ghcr": "ghcr.io/acme", "hub": "docker.io/acme"}
    assert made.tag_policies == {
        "meta": {
            "rules": [
                "type=schedule", "type=semver,pattern={{version}}",
                "type=semver,pattern={{major}}.{{minor}}", "type=ref,event=pr", "type=sha",
            ],
            "flavor": ["latest=auto", "suffix=-slim"],
        }
    }  # fmt: skip
    assert fields(made, "shop") == {
        "context": ".",
        "dockerfile": "docker/Dockerfile",
        "target": "runtime",
        "args": {"PYTHON": "3.10", "SHA": "{{commit}}"},
        "labels": {"org.opencontainers.image.vendor": "acme"},
        "oci_labels": True,
        "platforms": ["linux/amd64", "linux/arm64"],
        "tags": "meta",
        "additional_contexts": {"lib": "libs"},
        "secrets": [{"id": "github_token", "env": "GITHUB_TOKEN"},
                    {"id": "pip", "env": "PIP_TOKEN"},
                    {"id": "npm", "file": "npm.txt"}],
        "ssh": ["default"],
        "extra_hosts": {"h": "1.2.3.4"},
        "network": "host",
        "shm_size": "64m",
        "no_cache": True,
        "pull": True,
        "provenance": "mode=max",
        "cache_from": ["type=gha"],
        "cache_to": ["type=gha,mode=max"],
    }  # fmt: skip
    policy = spec_of(made).tag_policy("shop")
    assert policy is not None
    assert len(policy.rules) == 5


def test_everything_that_is_lost_is_said() -> None:
    assert lost(draft(WHOLE)) == {
        ("job build", "image quay.io/acme/shop"),
        ("job build", "tags type=raw,value=${{ github.run_id }}: ${{ github.run_id }}"),
        ("job build", "rule type=nonsense"),
        ("job build", "flavor odd=1"),
        ("job build", "annotations"),
        ("job build", "build-args RUN: ${{ github.run_id }}"),
        ("job build", "secret github_token"),
        ("job build", "sbom"),
        ("job build", "outputs"),
        ("job build", "unheard"),
    }


def build(inputs: str, before: str = "", job: str = "") -> str:
    return (
        f"jobs:\n  build:\n{job}    steps:\n{before}"
        f"      - uses: docker/build-push-action@v6\n        with: {inputs}\n"
    )


def test_a_matrix_whose_values_name_images() -> None:
    job = (
        "    strategy:\n      matrix:\n        os: [ubuntu-latest]\n        include:\n"
        "          - {image: api, folder: services/api}\n          - {image: web, folder: web}\n"
    )
    made = draft(
        build(
            "{context: '${{ matrix.folder }}', tags: 'ghcr.io/acme/${{ matrix.image }}:latest'}",
            job=job,
        )
    )
    spec = spec_of(made)
    assert {name: one.context for name, one in spec.images.items()} == {
        "api": "services/api", "web": "web",
    }  # fmt: skip
    assert [str(one) for one in spec.repositories("api")] == ["ghcr.io/acme/api"]


def test_a_matrix_of_variants_of_one_image() -> None:
    job = "    strategy: {matrix: {python: [3.11, 3.12], os: [a, b], exclude: [{os: b}]}}\n"
    meta = (
        "      - {id: m, uses: docker/metadata-action@v5, with: {images: ghcr.io/acme/app,"
        " tags: 'type=semver,pattern={{version}},suffix=-py${{ matrix.python }}',"
        " flavor: 'latest=false'}}\n"
    )
    inputs = (
        "{context: ., tags: '${{ steps.m.outputs.tags }}',"
        " build-args: 'PY=${{ matrix.python }}', target: x}"
    )
    made = draft(build(inputs, meta, job))
    spec = spec_of(made)
    assert [dict(one.args)["PY"] for one in spec.images.values()] == ["3.11", "3.12"]
    assert spec.images["app-3.11-a"].tags == (
        "type=semver,pattern={{version}},suffix=-py3.11",
    )  # fmt: skip
    assert ("image app", "repository app") in lost(made)
    assert ("job build", "flavor") in lost(made)


def test_a_matrix_that_only_a_run_knows() -> None:
    job = "    strategy: {matrix: '${{ fromJSON(needs.x.outputs.y) }}'}\n"
    made = draft(build("{tags: 'acme/x:${{ matrix.v }}'}", job=job))
    assert ("job build", "its matrix") in lost(made)
    assert ("job build", "tags acme/x:${{ matrix.v }}: ${{ matrix.v }}") in lost(made)
    assert fields(made, "x") == {"context": "."}
    job = "    strategy: {matrix: {v: '${{ fromJSON(x) }}'}}\n"
    assert ("job build", "matrix.v") in lost(draft(build("{tags: 'acme/x:1'}", job=job)))


def test_a_build_that_only_loads_for_a_test_is_no_image() -> None:
    made = draft(
        "jobs:\n  build:\n    steps:\n"
        "      - {uses: docker/build-push-action@v6, with: {load: true, tags: 'app:test'}}\n"
        "      - {uses: docker/build-push-action@v6, with: {push: true, tags: 'acme/app:1.0'}}\n"
        "      - {uses: docker/build-push-action@v6, with: {tags: 'acme/app:d', target: d}}\n"
    )
    assert [one.name for one in made.images] == ["app", "app-d"]
    assert fields(made, made.images[0].name)["tags"] == ["1.0"]


def test_contexts_that_are_no_folders() -> None:
    made = draft(build("{context: '{{defaultContext}}:docker', tags: 'acme/a:1'}"))
    assert fields(made, "a")["context"] == "docker"
    made = draft(build("{context: '${{ github.workspace }}/docker', tags: 'acme/a:1'}"))
    assert fields(made, "a")["context"] == "docker"


@pytest.mark.parametrize(
    "inputs",
    ["context: 'https://github.com/a/b.git'", "context: ../a", "context: '${{ inputs.x }}'",
     "file: '${{ inputs.x }}'"],
)  # fmt: skip
def test_what_would_build_something_else_is_not_enabled(inputs: str) -> None:
    made = draft(build(f"{{{inputs}, tags: 'acme/a:1'}}"))
    assert fields(made, "a")["enabled"] is False
    assert any(one.startswith("Not enabled: ") for one in made.images[0].comments)


def test_a_secret_s_value_is_never_written() -> None:
    made = draft(build("{tags: 'acme/a:1', secrets: 'token=hunter2'}"))
    assert "hunter2" not in write(made)
    assert fields(made, "a")["secrets"] == [{"id": "token", "env": "TOKEN"}]


def test_no_line_of_a_secret_s_value_is_written() -> None:
    secrets = '"PEM=aaaaaaa\nbbbbbbb=x\n""ccccccc"\nTOKEN=${{ secrets.T }}\n"open=ddddd\neeeee=y'
    made = draft(build(f'{{tags: "acme/a:1", secrets: {json.dumps(secrets)}}}'))
    names = [one["id"] for one in fields(made, "a")["secrets"]]
    assert names == ["PEM", "TOKEN", "open"]
    said = write(made) + repr(made.lost)
    assert not any(part in said for part in ("aaaaaaa", "bbbbbbb", "ccccccc", "ddddd", "eeeee"))


def test_a_value_with_a_quote_within_is_no_further_secret() -> None:
    secrets = 'PEM="aaaaa\nbbbbb=x\nccccc=y"\nKEY=ddddd\neeeee=\nfffff==\nTOKEN=x'
    made = draft(build(f'{{tags: "acme/a:1", secrets: {json.dumps(secrets)}}}'))
    assert [one["id"] for one in fields(made, "a")["secrets"]] == ["PEM", "KEY", "TOKEN"]
    said = write(made) + repr(made.lost)
    assert not any(5 * one in said for one in "abcdef")


def test_the_login_of_a_context_is_not_written() -> None:
    made = draft(build("{context: 'https://u:hunter2@github.com/a/b.git', tags: 'acme/a:1'}"))
    assert "hunter2" not in write(made) + repr(made)


def test_lists_are_read_as_the_action_reads_them() -> None:
    made = draft(
        build(
            "{tags: 'ghcr.io/ACME/Sub:A', build-args: '\"Q=hello, world\"', "
            "add-hosts: 'a:10.0.0.1,b:10.0.0.2'}"
        )
    )
    assert fields(made, "sub") == {
        "context": ".",
        "args": {"Q": "hello, world"},
        "extra_hosts": {"a": "10.0.0.1", "b": "10.0.0.2"},
        "tags": ["A"],
    }
    whole = "${{ join(fromJSON(steps.meta.outputs.json).tags, ',') }}"
    made = draft(build(f'{{tags: "{whole}"}}'))
    assert ("job build", f"tags: {whole}") in lost(made)
    assert "tags" not in fields(made, "build")


def test_a_reference_is_kept_as_far_as_it_is_known() -> None:
    made = draft(build("{tags: 'ghcr.io/acme/shop/api:${{ github.run_number }}'}"))
    assert fields(made, "api") == {"context": "."}
    made = draft(build("{tags: '${{ secrets.USER }}/clockbox:1.0'}"))
    assert fields(made, "clockbox") == {"context": ".", "tags": ["1.0"]}
    made = draft(build("{tags: 'acme/api:${{ github.ref_name }}'}"))
    assert fields(made, "api")["tags"] == ["type=ref,event=branch", "type=ref,event=tag"]


def test_conditions_of_rules_and_images() -> None:
    meta = (
        "      - id: meta\n        uses: docker/metadata-action@v5\n        with:\n"
        "          images: name=ghcr.io/acme/app,enable=${{ github.event_name != 'x' }}\n"
        "          tags: |\n"
        "            type=semver,pattern={{version}},enable=${{ github.actor == 'x' }}\n"
        "            type=raw,value=edge,enable=${{ github.ref == 'refs/heads/main' }}\n"
        "            type=raw,value=odd,enable=${{ inputs.odd }}\n"
    )
    tags = '"${{ steps.meta.outputs.tags }}\\nacme/app:extra"'
    made = draft(build(f"{{tags: {tags}, no-cache: '${{{{ inputs.n }}}}'}}", before=meta))
    assert fields(made, "app")["tags"] == [
        "type=semver,pattern={{version}}",
        "type=raw,value=edge,enable={{is_default_branch}}",
    ]
    what = {what for _, what in lost(made)}
    assert what == {
        "name=ghcr.io/acme/app",
        "type=semver,pattern={{version}}",
        "tags type=raw,value=odd,enable=${{ inputs.odd }}: ${{ inputs.odd }}",
        "tag acme/app:extra",
        "no-cache: ${{ inputs.n }}",
    }


def test_variants_with_tags_of_their_own_share_a_repository() -> None:
    job = "    strategy: {matrix: {python: ['3.10', '3.9']}}\n"
    inputs = "{build-args: 'P=${{ matrix.python }}', tags: 'acme/py:${{ matrix.python }}'}"
    made = draft(build(inputs, job=job))
    assert fields(made, "py")["repository"] == "py"
    assert {str(one) for one in spec_of(made).images} == {"py-3.10", "py-3.9"}
    rows = "[{target: prod, suffix: ''}, {target: dev, suffix: '-dev'}]"
    job = f"    strategy: {{matrix: {{include: {rows}}}}}\n"
    inputs = "{build-args: 'T=${{ matrix.target }}', tags: 'acme/app:l${{ matrix.suffix }}'}"
    made = draft(build(inputs, job=job))
    assert fields(made, "app")["repository"] == "app"
    assert len(spec_of(made).images) == 2


def test_an_axis_of_platforms_is_no_variant() -> None:
    job = (
        "    strategy:\n      matrix:\n"
        "        platform: [linux/amd64, linux/arm64, windows/amd64]\n"
        "        exclude: [{platform: windows/amd64}]\n"
    )
    text = build("{platforms: '${{ matrix.platform }}', tags: 'ghcr.io/acme/app'}", job=job) + (
        "  merge:\n    steps:\n      - {uses: docker/metadata-action@v5, with: {tags: type=sha}}\n"
    )
    made = draft(text)
    assert fields(made, "app") == {"context": ".", "platforms": ["linux/amd64", "linux/arm64"]}
    assert lost(made) == {("job merge", "docker/metadata-action")}


def test_a_matrix_of_whole_references_is_images_apart() -> None:
    job = (
        "    strategy:\n      matrix:\n        include:\n"
        "          - {file: docker/api, image: ghcr.io/acme/shop-api, more: [x]}\n"
        "          - {file: docker/web, image: ghcr.io/acme/shop-web}\n"
    )
    meta = (
        "      - id: meta\n        uses: docker/metadata-action@v5\n"
        "        with: {images: '${{ matrix.image }}'}\n"
    )
    inputs = "{file: '${{ matrix.file }}', tags: '${{ steps.meta.outputs.tags }}'}"
    made = draft(build(inputs, before=meta, job=job))
    assert fields(made, "shop-api") == {"context": ".", "dockerfile": "docker/api"}
    assert fields(made, "shop-web") == {"context": ".", "dockerfile": "docker/web"}


def test_combinations_are_those_that_github_makes() -> None:
    matrix: Any = {
        "fruit": ["apple", "pear"],
        "animal": ["cat", "dog"],
        "exclude": [{"fruit": "pear", "animal": "dog"}],
        "include": [
            {"color": "green"},
            {"color": "pink", "animal": "cat"},
            {"fruit": "banana"},
        ],
    }
    assert variants(matrix) == [
        {"fruit": "apple", "animal": "cat", "color": "pink"},
        {"fruit": "apple", "animal": "dog", "color": "green"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "banana"},
    ]
    assert variants([]) == []
    assert not apart(matrix, None)
    assert not apart({"v": ["1", "2"]}, ["type=raw,value={{matrix.v}}"])
    assert not apart({"v": ["1", "2"]}, ["{{matrix.v}}", "latest"])


def test_origins_and_their_registries() -> None:
    urls = {
        "git@github.com:Acme/Shop.git": ("ghcr.io/acme/shop", "github.com"),
        "https://u:t@github.com/acme/shop": ("ghcr.io/acme/shop", "github.com"),
        "ssh://git@gitlab.com:22/a/b/c.git": ("registry.gitlab.com/a/b/c", "gitlab.com"),
        "https://bitbucket.org/a/b.git": ("localhost:5000/x", "bitbucket.org"),
        "/srv/git/shop.git": ("localhost:5000/x", ""),
        "../shop": ("localhost:5000/x", ""),
    }
    for url, (prefix, host) in urls.items():
        origin = origin_of(url)
        assert (registry_of(origin, "x")[0], origin.host) == (prefix, host), url
    assert origin_of(None) == Origin()
    assert origin_of("git@github.com:Acme/Shop.git").owner == "acme"
