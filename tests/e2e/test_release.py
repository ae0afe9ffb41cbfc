"""The main job on a real engine and a real registry: plan, build, release, and nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.e2e.conftest import EngineUnderTest, Workspace, manifest, tags
from tests.registry_process import start_registry

Make = Callable[[EngineUnderTest], Workspace]

SHOP = {
    "images.yaml": """\
version: 1
project: shop
registries: {main: REGISTRY/NAME}
images:
  base: {context: base}
  api: {context: app, target: api, args: {VERSION: "{{version}}"}}
  worker: {context: app, target: worker, args: {VERSION: "{{version}}"}}
  web: {context: web}
""",
    "base/Dockerfile": "FROM busybox:latest\nLABEL nonce=NONCE\nRUN echo base > /base.txt\n",
    "app/Dockerfile": """\
FROM base AS build
ARG VERSION
COPY src.txt /src.txt
RUN echo "built ${VERSION} on $(cat /base.txt) from $(cat /src.txt)" > /built.txt
FROM base AS api
COPY --from=build /built.txt /api.txt
CMD ["cat", "/api.txt"]
FROM base AS worker
COPY --from=build /built.txt /worker.txt
CMD ["cat", "/worker.txt"]
""",
    "app/src.txt": "source",
    "app/unused.txt": "nobody copies this",
    "web/Dockerfile": """\
FROM api
COPY --from=REGISTRY/NAME/worker:whatever /worker.txt /worker.txt
CMD ["cat", "/api.txt", "/worker.txt", "/base.txt"]
""",
}


def shop(name: str) -> dict[str, str]:
    """The project's files, with repositories of its own."""
    return {path: text.replace("NAME", name) for path, text in SHOP.items()}


def test_release_and_again(any_engine: EngineUnderTest, workspace: Make) -> None:
    work = workspace(any_engine)
    name = f"shop-{any_engine.store}-{any_engine.builder}"
    work.write(shop(name))
    work.commit("v1.2.3")

    first = work.build_or_release("release", "--push")
    assert first.code == 0, first.err
    assert first.report["outcome"] == "released"
    for image, entry in first.images().items():
        repository = f"{work.registry}/{name}/{image}"
        assert entry["outcome"] == "done"
        written = {one["reference"]: one["digest"] for one in entry["references"]}
        assert {f"{repository}:{tag}" for tag in ("1.2.3", "1.2", "1", "latest")} <= set(written)
        for reference, digest in written.items():
            assert (reference, manifest(reference)[0]) == (reference, digest)
        assert entry["digests"] == {"main": entry["digest"]}

    digest = first.images()["web"]["digest"]
    pinned = f"{work.registry}/{name}/web@{digest}"
    any_engine.docker("pull", "-q", pinned)
    said = any_engine.docker("run", "--rm", "--network", "none", pinned)
    built = "built 1.2.3 on base from source"
    assert said.splitlines() == [built, built, "base"]

    again = work.build_or_release("release", "--push")
    assert again.code == 0, again.err
    assert again.report["outcome"] == "nothing-to-do"
    assert [image["steps"] for image in again.report["images"]] == [[], [], [], []]
    assert {n: i["digest"] for n, i in again.images().items()} == {
        n: i["digest"] for n, i in first.images().items()
    }


def test_one_file_changed_builds_what_stands_on_it(
    any_engine: EngineUnderTest, workspace: Make
) -> None:
    work = workspace(any_engine)
    name = f"changed-{any_engine.store}-{any_engine.builder}"
    files = shop(name)
    files["images.yaml"] = files["images.yaml"].replace("{{version}}", "fixed")
    work.write(files)
    work.commit("v1.0.0")
    assert work.build_or_release("release", "--push").code == 0

    work.write({"app/src.txt": "changed", "app/unused.txt": "changed too"})
    work.commit("v1.0.1")
    plan = json.loads(work.run("plan", "--format", "json").out)
    actions = {image["name"]: image["action"] for image in plan["images"]}
    assert actions == {"base": "retag", "api": "build", "worker": "build", "web": "build"}

    second = work.build_or_release("release", "--push")
    assert second.code == 0, second.err
    assert manifest(f"{work.registry}/{name}/base:1.0.1") == manifest(
        f"{work.registry}/{name}/base:1.0.0"
    )
    reference = f"{work.registry}/{name}/web:1.0.1"
    any_engine.docker("pull", "-q", reference)
    said = any_engine.docker("run", "--rm", "--network", "none", reference)
    assert said.splitlines()[0] == "built fixed on base from changed"

    work.write({"app/unused.txt": "once more"})
    work.commit()
    assert '"action": "build"' not in work.run("plan", "--format", "json").out


def test_local_build(any_engine: EngineUnderTest, workspace: Make) -> None:
    work = workspace(any_engine)
    name = f"local-{any_engine.store}-{any_engine.builder}"
    work.write(shop(name))
    first = work.build_or_release("build", "web", "--version", "2.0.0")
    assert first.code == 0, first.err
    assert tags(f"{work.registry}/{name}/web") == []
    said = any_engine.docker(
        "run", "--rm", "--network", "none", f"{work.registry}/{name}/web:2.0.0"
    )
    assert said.splitlines()[0] == "built 2.0.0 on base from source"
    again = work.build_or_release("build", "web", "--version", "2.0.0")
    assert (again.code, again.report["outcome"]) == (0, "nothing-to-do")

    # A dependant alone: what it stands on is in the engine and must be found there.
    work.write(
        {"web/Dockerfile": shop(name)["web/Dockerfile"].replace("NAME", name) + "LABEL a=b\n"}
    )
    one = work.build_or_release("build", "web", "--only", "--version", "2.0.0")
    assert one.code == 0, one.err
    assert [image["name"] for image in one.report["images"]] == ["web"]


def test_built_then_pushed_from_the_engine(any_engine: EngineUnderTest, workspace: Make) -> None:
    work = workspace(any_engine)
    name = f"later-{any_engine.store}-{any_engine.builder}"
    work.write(shop(name))
    built = work.build_or_release("release", "--version", "3.0.0")
    assert built.code == 0, built.err
    assert tags(f"{work.registry}/{name}/api") == []
    pushed = work.build_or_release("release", "--version", "3.0.0", "--push")
    assert pushed.code == 0, pushed.err
    assert {image["action"] for image in pushed.report["images"]} == {"push"}
    assert tags(f"{work.registry}/{name}/api") == ["3", "3.0", "3.0.0", "latest"]


def test_two_registries_hold_one_digest(
    any_engine: EngineUnderTest, workspace: Make, tmp_path_factory: pytest.TempPathFactory
) -> None:
    work = workspace(any_engine)
    name = f"two-{any_engine.store}-{any_engine.builder}"
    with start_registry(tmp_path_factory.mktemp("second")) as second:
        files = shop(name)
        one = f"registries: {{main: REGISTRY/{name}"
        files["images.yaml"] = files["images.yaml"].replace(one, f"{one}, other: {second}/x")
        work.write(files)
        ran = work.build_or_release("release", "--push", "--version", "1.0.0")
        assert ran.code == 0, ran.err
        for image, entry in ran.images().items():
            assert set(entry["digests"]) == {"main", "other"}
            assert manifest(f"{second}/x/{image}:1.0.0")[0] == entry["digests"]["other"]
            assert manifest(f"{work.registry}/{name}/{image}:1")[0] == entry["digests"]["main"]
        again = work.build_or_release("release", "--push", "--version", "1.0.0")
        assert again.report["outcome"] == "nothing-to-do"


def test_a_second_registry_gets_a_copy(engine: EngineUnderTest, workspace: Make) -> None:
    work = workspace(engine)
    work.write(shop("one"))
    assert work.build_or_release("release", "--push", "--version", "1.0.0").code == 0
    files = shop("one")
    files["images.yaml"] = files["images.yaml"].replace(
        "REGISTRY/one}", "REGISTRY/one, copy: REGISTRY/copied}"
    )
    work.write(files)
    ran = work.build_or_release("release", "--push", "--version", "1.0.0")
    assert ran.code == 0, ran.err
    assert {image["action"] for image in ran.report["images"]} == {"copy"}
    for image in ("base", "api", "worker", "web"):
        assert manifest(f"{work.registry}/copied/{image}:1.0.0") == manifest(
            f"{work.registry}/one/{image}:1.0.0"
        )


def test_provenance(engine: EngineUnderTest, workspace: Make) -> None:
    work = workspace(engine)
    files = shop("provenance")
    files["images.yaml"] += "defaults: {provenance: true}\n"
    work.write(files)
    work.commit("v1.0.0")
    ran = work.build_or_release("release", "--push")
    assert ran.code == 0, ran.err
    for image, entry in ran.images().items():
        index = json.loads(manifest(f"{work.registry}/provenance/{image}:1.0.0")[1])
        kinds = [one.get("annotations", {}) for one in index["manifests"]]
        assert [one.get("vnd.docker.reference.type") for one in kinds[1:]] == [
            "attestation-manifest"
        ]
        assert entry["digests"] == {"main": entry["digest"]}
    assert work.build_or_release("release", "--push").report["outcome"] == "nothing-to-do"


def test_several_platforms(engine: EngineUnderTest, workspace: Make) -> None:
    work = workspace(engine)
    work.write(
        {
            "images.yaml": "version: 1\nproject: p\nregistries: {r: REGISTRY/platforms}\n"
            "defaults: {platforms: [linux/amd64, linux/arm64]}\n"
            "images:\n  data: {context: data}\n  more: {context: more}\n",
            "data/Dockerfile": "FROM scratch\nLABEL nonce=NONCE\nARG TARGETARCH\n"
            "COPY ${TARGETARCH}.txt /arch.txt\n",
            "data/amd64.txt": "amd64",
            "data/arm64.txt": "arm64",
            "more/Dockerfile": "FROM data\nCOPY Dockerfile /Dockerfile\n",
        }
    )
    ran = work.build_or_release("release", "--push", "--version", "1.0.0")
    assert ran.code == 0, ran.err
    index = json.loads(manifest(f"{work.registry}/platforms/more:1.0.0")[1])
    platforms = sorted(one["platform"]["architecture"] for one in index["manifests"])
    assert platforms == ["amd64", "arm64"]
    again = work.build_or_release("release", "--push", "--version", "1.0.0")
    assert again.report["outcome"] == "nothing-to-do"
