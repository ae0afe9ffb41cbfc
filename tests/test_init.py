"""``releaser init`` on repositories laid out as public ones are: what it writes plans unchanged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from releaser import loader
from releaser.cli import app
from releaser.pipeline import Project, check
from releaser.sources.context import DiskContexts
from tests.git_repository import set_apart
from tests.layouts import LAYOUTS, MONOREPO, Layout

GOLDEN = Path(__file__).parent / "golden" / "init"
Golden = Callable[[Path, str], None]
Ran = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_apart(monkeypatch)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str]) -> Ran:
    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = app.run(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def laid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Layout], Path]:
    def lay(layout: Layout) -> Path:
        root = layout.lay(tmp_path / "repository")
        monkeypatch.chdir(root)
        return root

    return lay


def edges(root: Path) -> set[tuple[str, str]]:
    loaded = loader.load((root / "images.yaml").read_bytes(), "images.yaml", project="x")
    assert loaded.concerns == ()
    graph = check(Project(loaded.spec, str(root), loaded.location), DiskContexts()).graph
    return {(edge.image, edge.needs) for edge in graph.edges}


@pytest.mark.parametrize("case", LAYOUTS)
def test_what_is_written_plans_unchanged(
    case: str, laid: Callable[[Layout], Path], ran: Ran, golden: Golden
) -> None:
    root = laid(LAYOUTS[case])
    code, out, err = ran("init")
    assert (code, out) == (0, "")
    golden(GOLDEN / f"{case}.yaml", (root / "images.yaml").read_text())
    golden(GOLDEN / f"{case}.txt", err)
    assert edges(root) == LAYOUTS[case].edges
    assert ran("validate")[0] == 0
    code, out, err = ran("plan", "--offline", "--format", "json")
    assert code == 0, err
    plan = json.loads(out)
    enabled = [name for name, one in _images(root).items() if one.get("enabled") is not False]
    assert len(plan["images"]) >= len(enabled)


def _images(root: Path) -> dict[str, dict[str, object]]:
    data = yaml.safe_load((root / "images.yaml").read_text())
    return {name: one or {} for name, one in data["images"].items()}


def test_a_login_in_the_remote_is_neither_printed_nor_written(
    laid: Callable[[Layout], Path], ran: Ran
) -> None:
    root = laid(MONOREPO)
    _, out, err = ran("init")
    for text in (out, err, (root / "images.yaml").read_text()):
        assert "SeCrEt" not in text
        assert "ci:" not in text
    assert "ghcr.io/acme/shop" in (root / "images.yaml").read_text()


def test_it_writes_over_nothing_unless_told(laid: Callable[[Layout], Path], ran: Ran) -> None:
    root = laid(LAYOUTS["chain"])
    (root / "images.yaml").write_text("mine\n")
    code, _, err = ran("init")
    assert code == 2
    assert "images.yaml is there already" in err
    assert "--force" in err
    assert (root / "images.yaml").read_text() == "mine\n"
    assert ran("init", "--force")[0] == 0
    assert "base-notebook" in (root / "images.yaml").read_text()
    assert [path.name for path in root.iterdir() if path.name.startswith(".images")] == []


@pytest.mark.parametrize("how", [("--stdout",), ("-o", "-"), ("-",)])
def test_it_prints(how: tuple[str, ...], laid: Callable[[Layout], Path], ran: Ran) -> None:
    root = laid(LAYOUTS["chain"])
    code, out, _ = ran("init", *how)
    assert code == 0
    assert out == (GOLDEN / "chain.yaml").read_text()
    assert not (root / "images.yaml").exists()


def test_another_folder_and_another_file(
    laid: Callable[[Layout], Path], ran: Ran, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = laid(LAYOUTS["targets"])
    monkeypatch.chdir(tmp_path)
    code, _, err = ran("init", str(root), "-o", str(root / "release.yaml"))
    assert code == 0
    assert "next: releaser plan -f repository/release.yaml" in err
    assert ran("validate", "-f", str(root / "release.yaml"))[0] == 0


def test_a_registry_of_one_s_own(laid: Callable[[Layout], Path], ran: Ran) -> None:
    laid(LAYOUTS["bake"])
    code, out, _ = ran("init", "--stdout", "--registry", "quay.example:8443/team")
    assert code == 0
    assert yaml.safe_load(out)["registries"] == {"quay": "quay.example:8443/team"}
    code, _, err = ran("init", "--stdout", "--registry", "https://user:pw@x/y")
    assert code == 2
    assert "pw" not in err


def test_without_a_dockerfile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ran: Ran) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "Dockerfile").write_text("FROM scratch\n")
    code, _, err = ran("init")
    assert code == 2
    assert "there is no Dockerfile" in err
    assert "hint: name the folder" in err
    assert ran("init", "nowhere")[0] == 2


def test_what_does_not_pass_is_written_and_not_enabled(
    laid: Callable[[Layout], Path], ran: Ran
) -> None:
    files = {
        "app/Dockerfile": "FROM scratch\nCOPY build/app.jar /\n",
        "child/Dockerfile": "FROM acme/app:latest\n",
        "good/Dockerfile": "FROM scratch\n",
        "asking/Dockerfile": "ARG BASE\nFROM ${BASE}\n",
        "broken/Dockerfile": "NONSENSE\n",
    }
    root = laid(Layout(files))
    code, _, err = ran("init")
    assert code == 0
    images = _images(root)
    off = {name for name, one in images.items() if one.get("enabled") is False}
    assert off == {"app", "child", "asking"}
    assert images.keys() - off == {"good"}
    assert 'app is not enabled: app/Dockerfile:2: image "app" copies "build/app.jar"' in err
    assert "child is not enabled: it stands on app, which is not enabled" in err
    assert "not carried over: broken/Dockerfile:1" in err
    text = (root / "images.yaml").read_text()
    assert "# Not enabled: it stands on app, which is not enabled." in text
    assert ran("plan", "--offline")[0] == 0


def test_a_file_is_written_though_no_image_passes(laid: Callable[[Layout], Path], ran: Ran) -> None:
    dockerfile = "FROM eclipse-temurin:21\nCOPY target/app.jar /\n"
    root = laid(Layout({"Dockerfile": dockerfile, "more/Dockerfile": "ARG BASE\nFROM ${BASE}\n"}))
    code, out, err = ran("init")
    assert (code, out) == (0, "")
    assert "found 2 Dockerfiles" in err
    copied = 'Dockerfile:2: image "repository" copies "target/app.jar"'
    assert f"repository is not enabled: {copied}" in err
    assert "more is not enabled: more/Dockerfile:2: " in err
    assert "images.yaml is written; no image in it is enabled: enable one" in err
    assert f"# Not enabled: {copied}" in (root / "images.yaml").read_text()
    assert [one["enabled"] for one in _images(root).values()] == [False, False]
    assert "no image is enabled" in ran("validate")[2]
    text = (root / "images.yaml").read_text().replace("    enabled: false\n", "", 1)
    (root / "images.yaml").write_text(text)
    (root / "target").mkdir()
    (root / "target" / "app.jar").write_text("")
    assert ran("validate")[0] == 0


def test_a_folder_whose_name_is_a_template_keeps_nothing_else_back(
    laid: Callable[[Layout], Path], ran: Ran
) -> None:
    names = ("{{cookiecutter.slug}}/Dockerfile", "app/Dockerfile")
    root = laid(Layout(dict.fromkeys(names, "FROM scratch\n")))
    code, _, err = ran("init")
    assert code == 0
    assert "found 1 Dockerfile\n" in err
    assert "not carried over: {{cookiecutter.slug}}/Dockerfile: the Dockerfile: its path has" in err
    assert set(_images(root)) == {"app"}


def test_paths_are_as_seen_from_the_file_that_is_written(
    laid: Callable[[Layout], Path], ran: Ran
) -> None:
    root = laid(
        Layout(dict.fromkeys(("svc/api/Dockerfile", "svc/web/Dockerfile"), "FROM alpine\n"))
    )
    assert ran("init", "svc", "-o", "release.yaml")[0] == 0
    text = (root / "release.yaml").read_text()
    assert "context: svc/api" in text
    assert ran("validate", "-f", "release.yaml")[0] == 0
    assert ran("init", "-o", "svc/images.yaml")[0] == 0
    assert "context: api" in (root / "svc" / "images.yaml").read_text()
    assert ran("validate", "-f", "svc/images.yaml")[0] == 0
    (root / "docs").mkdir()
    code, _, err = ran("init", "-o", "docs/images.yaml")
    assert code == 2
    assert 'cannot name "svc/api" of image "api"' in err
    assert "hint: write it into" in err
    assert list((root / "docs").iterdir()) == []


def test_all_paths_of_an_image_are_as_seen_from_the_file(
    laid: Callable[[Layout], Path], ran: Ran
) -> None:
    bake = """\
target "base" {}
target "api" {
  inherits = ["base"]
  context = "api"
  contexts = { lib = "lib", up = "target:base", alpine = "docker-image://alpine" }
  secret = ["id=npm,src=npm.txt"]
  cache-from = ["type=local,src=cache", "type=gha"]
}
"""
    files = ("Dockerfile", "api/Dockerfile", "lib/x", "npm.txt")
    root = laid(Layout({**{f"in/{one}": "FROM scratch\n" for one in files}, "in/b.hcl": bake}))
    assert ran("init", "--from", "bake", "in/b.hcl", "-o", "images.yaml")[0] == 0
    images = _images(root)
    assert images["base"]["context"] == "in"
    assert images["api"] == {
        "extends": "base", "context": "in/api",
        "additional_contexts": {
            "lib": "in/lib", "up": "target:base", "alpine": "docker-image://alpine",
        },
        "secrets": [{"id": "npm", "file": "in/npm.txt"}],
        "cache_from": ["type=local,src=in/cache", "type=gha"],
    }  # fmt: skip


def test_names_of_others_are_not_taken_for_images_of_this_file(
    laid: Callable[[Layout], Path], ran: Ran
) -> None:
    files = {
        "redis/Dockerfile": "FROM redis:7\nCOPY redis.conf /\n",
        "redis/redis.conf": "",
        "python/Dockerfile": "FROM debian\n",
        "cache/Dockerfile": "FROM redis:7\n",
        "job/Dockerfile": "FROM bitnami/python:3.12\n",
        "tool/Dockerfile": "FROM python:3.12\n",
        "own/Dockerfile": "FROM registry.acme.example/python:3.12\n",
        "bare/Dockerfile": "FROM redis\n",
    }
    root = laid(Layout(files))
    assert ran("init")[0] == 0
    assert edges(root) == {("own", "python")}
    assert _images(root)["bare"]["needs"] == {"redis": None}


def test_dockerfiles_of_targets_that_make_no_image_are_no_images(
    laid: Callable[[Layout], Path], ran: Ran
) -> None:
    bake = (
        'target "app" {}\ntarget "lint" {\n dockerfile = "hack/lint.Dockerfile"\n'
        ' output = ["type=cacheonly"]\n}\n'
    )
    names = ("Dockerfile", "hack/lint.Dockerfile", "docs/Dockerfile")
    root = laid(Layout({"docker-bake.hcl": bake, **dict.fromkeys(names, "FROM scratch\n")}))
    assert ran("init")[0] == 0
    images = _images(root)
    assert {name for name, one in images.items() if one.get("enabled") is not False} == {
        "app",
        "docs",
    }
    assert images.keys() == {"app", "lint", "docs"}


def test_names_out_of_paths(laid: Callable[[Layout], Path], ran: Ran) -> None:
    paths = (
        "Dockerfile", "Dockerfile.worker", "Dockerfile.dev", "cron.Dockerfile", "api/Containerfile",
        "api/docker/Dockerfile.debug", "docker/proxy/Dockerfile", "a/web/Dockerfile",
        "b/web/Dockerfile", "Upper Case/Dockerfile", "build/ci.dockerfile", "notes/Dockerfile.md",
    )  # fmt: skip
    root = laid(Layout(dict.fromkeys(paths, "FROM scratch\n")))
    assert ran("init")[0] == 0
    assert set(_images(root)) == {
        "repository", "worker", "repository-dev", "cron", "api", "api-debug", "proxy", "web",
        "b-web", "upper-case", "repository-ci",
    }  # fmt: skip
    assert _images(root)["api"]["dockerfile"] == "Containerfile"


def test_the_plain_dockerfile_has_the_plain_name_and_letters_keep_their_base(
    laid: Callable[[Layout], Path], ran: Ran
) -> None:
    paths = ("api/Containerfile", "api/Dockerfile", "dïr/ünï/Dockerfile")
    root = laid(Layout(dict.fromkeys(paths, "FROM scratch\n")))
    assert ran("init")[0] == 0
    files = {name: one.get("dockerfile", "Dockerfile") for name, one in _images(root).items()}
    assert files == {"api": "Dockerfile", "api-2": "Containerfile", "uni": "Dockerfile"}


def test_bounds_are_kept(laid: Callable[[Layout], Path], ran: Ran) -> None:
    deep = "/".join("abcdefghijklmnop") + "/Dockerfile"
    root = laid(Layout({"x/Dockerfile": "FROM scratch\n", deep: "FROM scratch\n"}))
    (root / "up").symlink_to(root.parent)
    assert ran("init")[0] == 0
    assert set(_images(root)) == {"x"}


@pytest.mark.parametrize("name", ["Dockerfile.link", "docker-bake.hcl", "compose.yaml"])
def test_no_link_is_followed_out_of_the_folder(name: str, tmp_path: Path, ran: Ran) -> None:
    outside = tmp_path / "outside"
    outside.write_text("confidential words\n")
    root = tmp_path / "repository"
    root.mkdir()
    (root / "Dockerfile").write_text("FROM alpine:3.20\n")
    (root / name).symlink_to(outside)
    code, out, err = ran("init", str(root), "--stdout")
    assert code == 0, err
    assert "confidential" not in out + err
    assert f"not carried over: {name}: " in err
    assert "leads out of the folder" in err


def test_a_link_within_the_folder_is_followed(tmp_path: Path, ran: Ran) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "real.txt").write_text("FROM alpine:3.20\n")
    (tmp_path / "a" / "Dockerfile").symlink_to("real.txt")
    code, out, err = ran("init", str(tmp_path), "--stdout")
    assert code == 0, err
    assert "context: a" in out


def test_a_dangling_link_is_there_already(tmp_path: Path, ran: Ran) -> None:
    (tmp_path / "Dockerfile").write_text("FROM alpine:3.20\n")
    link = tmp_path / "L.yaml"
    link.symlink_to("nowhere")
    code, _, err = ran("init", str(tmp_path), "-o", str(link))
    assert (code, "is there already" in err) == (2, True), err
    assert link.is_symlink()
