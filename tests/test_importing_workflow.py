"""Workflows with docker/metadata-action and docker/build-push-action as drafts."""

from __future__ import annotations

from typing import Any

import yaml

from releaser import loader
from releaser.core.spec import Spec
from releaser.importing.draft import Draft
from releaser.importing.remote import Origin, origin_of, registry_of
from releaser.importing.renaming import with_legal_names
from releaser.importing.workflow import from_workflow
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
        ("job build", "tags: ${{ github.run_id }}"),
        ("job build", "rule type=nonsense"),
        ("job build", "flavor odd=1"),
        ("job build", "annotations"),
        ("job build", "build-args: ${{ github.run_id }}"),
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
    assert ("job build", "tags") in lost(made)
    assert fields(made, "build") == {"context": "."}
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
    made = draft(build("{context: 'https://github.com/a/b.git', tags: 'acme/a:1'}"))
    assert ("job build", "context") in lost(made)


def test_a_secret_s_value_is_never_written() -> None:
    made = draft(build("{tags: 'acme/a:1', secrets: 'token=hunter2'}"))
    assert "hunter2" not in write(made)
    assert fields(made, "a")["secrets"] == [{"id": "token", "env": "TOKEN"}]


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
