"""Versions in any order on a real engine and a real registry, read back after every release."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.e2e.conftest import EngineUnderTest, Workspace, all_tags, manifest

Make = Callable[[EngineUnderTest], Workspace]

FILES = {
    "images.yaml": """\
version: 1
project: shop
registries: {main: REGISTRY/NAME}
tag_policies:
  release: |
    type=semver,pattern={{version}}
    type=semver,pattern={{major}}.{{minor}}
    type=semver,pattern={{major}}
    type=sha
images:
  api: {context: api, tags: release}
""",
    "api/Dockerfile": "FROM scratch\nLABEL nonce=NONCE\nCOPY f /f\n",
}


@dataclass(frozen=True)
class Api:
    """A project with one image, which goes to ``repository``."""

    work: Workspace
    repository: str

    def commit(self, version: str) -> None:
        """Change the image, commit, and tag that."""
        self.work.write({"api/f": f"{version}\n"})
        self.work.commit(f"v{version}")

    def held(self) -> dict[str, str]:
        """Every tag of the image with its digest, but for the commits' and releaser's own."""
        return {
            tag: manifest(f"{self.repository}:{tag}")[0]
            for tag in all_tags(self.repository)
            if not tag.startswith(("fp-", "sha-"))
        }

    def everything(self) -> tuple[list[str], dict[str, str], list[str]]:
        """All that a release leaves behind, in the registry and in the engine."""
        label = f"label=nonce={self.work.nonce}"
        images = self.work.engine.docker("image", "ls", "-aq", "--no-trunc", "--filter", label)
        return all_tags(self.repository), self.held(), sorted(images.split())

    def release(self) -> str:
        """Release, and the digest that came of it."""
        ran = self.work.build_or_release("release", "--push")
        assert ran.code == 0, ran.err
        digest: str = ran.images()["api"]["digest"]
        return digest

    def said_of(self, tag: str) -> str:
        """What the plan says of a tag."""
        plan = self.work.run("plan")
        assert plan.code == 0, plan.err
        reference = f"{self.repository}:{tag}"
        lines = (
            line.split(maxsplit=2) for line in plan.out.splitlines() if f"{reference} " in line
        )
        return next((f"{mark} {words}" for mark, _, words in lines), "")


@pytest.fixture
def api(engine: EngineUnderTest, workspace: Make, request: pytest.FixtureRequest) -> Api:
    """The image; its repository is named after the test."""
    work = workspace(engine)
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40]
    work.write({path: text.replace("NAME", name) for path, text in FILES.items()})
    return Api(work, f"{work.registry}/{name}/api")


def test_lines_follow_the_highest_version_whatever_is_released_when(api: Api) -> None:
    api.commit("1.0.0")
    first = api.release()
    assert api.held() == dict.fromkeys(("1.0.0", "1.0", "1", "latest"), first)

    api.commit("1.1.0")
    second = api.release()
    lines = dict.fromkeys(("1.1.0", "1.1", "1", "latest"), second)
    assert api.held() == {"1.0.0": first, "1.0": first, **lines}

    api.commit("2.0.0")
    third = api.release()
    before = api.held()
    assert before == {
        **dict.fromkeys(("1.0.0", "1.0"), first),
        **dict.fromkeys(("1.1.0", "1.1", "1"), second),
        **dict.fromkeys(("2.0.0", "2.0", "2", "latest"), third),
    }

    api.work.git("checkout", "-q", "-b", "fix", "v1.1.0")
    api.commit("1.1.1")
    latest = api.said_of("latest")
    assert latest == f"= stays at {third[:19]}: 2.0.0 is newer"
    shown = json.loads(api.work.run("tags", "api", "--format", "json").out)["images"]["api"]
    assert shown["tags"] == ["1.1.1", "1.1", "1", f"sha-{api.work.git('rev-parse', 'HEAD')[:7]}"]
    backport = api.release()
    assert api.held() == {**before, **dict.fromkeys(("1.1.1", "1.1", "1"), backport)}

    api.work.git("checkout", "-q", "main")
    before = api.held()
    api.commit("2.1.0-rc.1")
    candidate = api.release()
    assert api.held() == {**before, "2.1.0-rc.1": candidate}
    assert len({first, second, third, backport, candidate}) == 5


def test_a_version_is_out_once(api: Api) -> None:
    api.commit("1.0.0")
    api.release()
    api.commit("1.1.0")
    api.release()
    everything = api.everything()

    # Another content under a tag that was moved, under a command, and in a plan alone.
    original = api.work.git("rev-parse", "v1.0.0^{commit}")
    api.work.write({"api/f": "another\n"})
    api.work.commit()
    for arguments in (["release", "--push", "--version", "1.0.0"], ["plan", "--version", "1.0.0"]):
        ran = api.work.run(*arguments)
        assert ran.code == 3, ran.out
        assert "1.0.0" in ran.err
        assert "names another content already" in ran.err
    api.work.git("tag", "-f", "v1.0.0")
    ran = api.work.build_or_release("release", "--push")
    assert (ran.code, ran.report["outcome"]) == (3, "refused")
    assert api.everything() == everything

    # The same content is what is out already.
    api.work.git("checkout", "-q", original)
    api.work.git("tag", "-f", "v1.0.0")
    for _ in range(2):
        ran = api.work.build_or_release("release", "--push")
        assert (ran.code, ran.report["outcome"]) == (0, "nothing-to-do")
        assert [image["steps"] for image in ran.report["images"]] == [[]]
    assert api.everything() == everything


def test_a_git_tag_holds_latest_back_before_it_is_released(api: Api) -> None:
    api.commit("1.0.0")
    api.release()
    before = api.held()
    api.commit("2.0.0")  # tagged, and not released yet
    api.work.git("checkout", "-q", "-b", "fix", "v1.0.0")
    api.commit("1.1.0")
    assert api.said_of("latest").endswith("2.0.0 is newer (a git tag)")
    assert "2.0.0 is newer (a git tag)" in api.work.run("tags").out
    fix = api.release()
    assert api.held() == {**before, **dict.fromkeys(("1.1.0", "1.1", "1"), fix)}

    api.work.git("checkout", "-q", "main")
    second = api.release()
    assert api.held()["latest"] == api.held()["2"] == second


def test_a_line_that_nobody_has_yet_waits_for_the_git_tag(api: Api) -> None:
    api.commit("1.0.0")
    api.commit("1.1.0")
    api.work.git("checkout", "-q", "v1.0.0")
    assert api.said_of("latest") == "= not written: 1.1.0 is newer (a git tag)"
    first = api.release()
    assert api.held() == dict.fromkeys(("1.0.0", "1.0"), first)
