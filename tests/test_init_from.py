"""``releaser init --from``: which file is read, where the result goes, and what is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from releaser import loader
from releaser.cli import app
from tests.git_repository import Repo, set_apart

Ran = Callable[..., tuple[int, str, str]]

BAKE = 'target "api" {\n  context = "api"\n  ulimits = ["nofile=1:1"]\n}\n'
COMPOSE = "services: {api: {build: ../api}, web: {build: {context: ., dockerfile: W}}}\n"
WORKFLOW = """\
jobs:
  build:
    steps:
      - uses: docker/build-push-action@v6
        with: {context: api, tags: "ghcr.io/acme/api:1.0"}
"""


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ran:
    set_apart(monkeypatch)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = app.run(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def lay(root: Path, files: Mapping[str, str]) -> Repo:
    repo = Repo(root)
    for name, text in files.items():
        repo.write(name, text)
    return repo


def contexts(file: Path) -> dict[str, str]:
    loaded = loader.load(file.read_bytes(), str(file), project="x")
    return {name: one.context for name, one in loaded.spec.images.items()}


@pytest.mark.parametrize(
    ("file", "text", "arguments"),
    [
        ("docker-bake.hcl", BAKE, ("--from", "bake", "docker-bake.hcl")),
        ("docker-bake.hcl", BAKE, ("--from", "bake")),
        ("docker-bake.hcl", BAKE, ("--from", "bake", ".")),
        ("docker-bake.hcl", BAKE, ("--from", "docker-bake.hcl")),
        ("other.hcl", BAKE, ("--from", "other.hcl")),
        ("plain", BAKE, ("--from", "bake", "plain")),
        ("bake.json", '{"target": {"api": {"context": "api"}}}', ("--from", "bake.json")),
        ("compose.yaml", "services: {api: {build: api}}", ("--from", "compose")),
        ("my-compose.yml", "services: {api: {build: api}}", ("--from", "my-compose.yml")),
        (".github/workflows/ci.yml", WORKFLOW, ("--from", ".github/workflows/ci.yml")),
        (
            ".github/workflows/ci.yml", WORKFLOW,
            ("--from", "metadata-action-workflow", ".github/workflows/ci.yml"),
        ),
    ],
)  # fmt: skip
def test_the_file_that_is_read(
    file: str, text: str, arguments: tuple[str, ...], ran: Ran, tmp_path: Path
) -> None:
    lay(tmp_path, {file: text, "api/Dockerfile": "FROM scratch\n", "more/Dockerfile": "FROM x\n"})
    code, out, err = ran("init", *arguments)
    assert (code, out) == (0, ""), err
    assert contexts(tmp_path / "images.yaml") == {"api": "api"}
    assert ran("validate")[0] == 0


def test_what_is_lost_is_on_stderr_and_in_the_file(ran: Ran, tmp_path: Path) -> None:
    lay(tmp_path, {"docker-bake.hcl": BAKE, "api/Dockerfile": "FROM scratch\n"})
    _, _, err = ran("init", "--from", "bake")
    said = "target api: ulimits: releaser sets no limits for builds"
    assert f"not carried over: {said}\n" in err
    assert f"# - {said}\n" in (tmp_path / "images.yaml").read_text()


def test_a_file_whose_paths_lead_up(ran: Ran, tmp_path: Path) -> None:
    lay(
        tmp_path / "shop",
        {
            "deploy/compose.yaml": COMPOSE,
            "deploy/W": "FROM scratch\n",
            "api/Dockerfile": "FROM scratch\n",
        },
    )
    code, _, err = ran("init", "--from", "shop/deploy/compose.yaml")
    assert code == 0
    assert "shop/images.yaml is written; next: releaser plan -f shop/images.yaml" in err
    assert contexts(tmp_path / "shop" / "images.yaml") == {"api": "api", "web": "deploy"}


def test_a_path_that_leads_out_of_the_checkout(ran: Ran, tmp_path: Path) -> None:
    lay(tmp_path / "shop", {"compose.yaml": "services: {a: {build: ../a}, b: {build: .}}",
                            "Dockerfile": "FROM scratch\n"})  # fmt: skip
    code, _, err = ran("init", "--from", "shop/compose.yaml")
    assert code == 0
    assert "not carried over: service a: build.context: ../a is outside" in err
    assert contexts(tmp_path / "shop" / "images.yaml") == {"b": "."}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--from", "helm", "x"), '--from "helm" is no kind and no file'),
        (("--from", "bake"), "--from bake needs a file, or docker-bake.hcl"),
        (("--from", "metadata-action-workflow"), "--from metadata-action-workflow needs a file"),
        (("--from", "compose", "none.yaml"), '"none.yaml" cannot be read'),
        (("--from", "odd.yaml"), '"odd.yaml" does not say what it is'),
        (("--from", "compose", "odd.yaml"), '"odd.yaml" builds no image'),
        (("--from", "bake", "odd.yaml"), "odd.yaml:1"),
        (("--from", "bake", "empty.hcl"), '"empty.hcl" builds no image'),
        (("--from", "metadata-action-workflow", "odd.yaml"), '"odd.yaml" builds no image'),
        (("odd.yaml",), 'there is no folder "odd.yaml"'),
    ],
)
def test_complaints(arguments: tuple[str, ...], complaint: str, ran: Ran, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text("services: {db: {image: postgres}}\n")
    (tmp_path / "empty.hcl").write_text("")
    code, out, err = ran("init", *arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert "hint: " in err or "reason: " in err or "odd.yaml:1" in err
    assert not (tmp_path / "images.yaml").exists()


def test_two_images_in_one_place_are_not_both_enabled(ran: Ran, tmp_path: Path) -> None:
    text = (
        'target "a" {\n tags = ["x.example/p/a:1"]\n}\n'
        'target "all" {\n inherits = ["a"]\n platforms = ["linux/arm64"]\n}\n'
    )
    lay(tmp_path, {"docker-bake.hcl": text, "Dockerfile": "FROM scratch\n"})
    code, _, err = ran("init", "--from", "bake")
    assert code == 0
    assert "all is not enabled: images" in err
    assert list(contexts(tmp_path / "images.yaml")) == ["a"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("docker-bake.hcl", BAKE),
        ("compose.yaml", "services: {api: {build: api}}\n"),
        (".github/workflows/ci.yml", WORKFLOW),
    ],
)
def test_a_file_is_written_though_no_image_passes(
    file: str, text: str, ran: Ran, tmp_path: Path
) -> None:
    lay(tmp_path, {file: text, "api/Dockerfile": "FROM scratch\nCOPY target/app.jar /\n"})
    code, _, err = ran("init", "--from", file)
    assert code == 0
    assert 'api is not enabled: api/Dockerfile:2: image "api" copies "target/app.jar"' in err
    assert "images.yaml is written; no image in it is enabled" in err
    written = (tmp_path / "images.yaml").read_text()
    assert '# Not enabled: api/Dockerfile:2: image "api" copies "target/app.jar"' in written
    assert "enabled: false" in written


@pytest.mark.parametrize(
    "build",
    [
        '{context: ., args: {A: "{{.Version}}"}}',
        '{context: ., labels: {"{{": x}}',
        '{context: ., target: "{{"}',
        '{context: "{{x}}"}',
        "{context: ., shm_size: much}",
    ],
)
def test_what_cannot_even_be_read_keeps_nothing_else_back(
    build: str, ran: Ran, tmp_path: Path
) -> None:
    odd = f"  odd: {{build: {build}}}\n"
    text = f"services:\n{odd}  good: {{build: .}}\n"
    lay(tmp_path, {"compose.yaml": text, "Dockerfile": "FROM scratch\nARG A\n"})
    code, _, err = ran("init", "--from", "compose")
    assert code == 0, err
    assert "odd" in err.partition("not carried over")[2] or "odd is not enabled: " in err
    assert ran("validate")[0] == 0
    assert "good" in contexts(tmp_path / "images.yaml")
    (tmp_path / "compose.yaml").write_text(f"services:\n{odd}")
    code, _, err = ran("init", "--from", "compose", "--force")
    assert code == 0, err
    code, _, err = ran("validate")
    assert (code, err.count("error: ")) in {(0, 0), (2, err.count("no image is enabled"))}


def test_a_registry_that_is_none_is_left_out_and_said(ran: Ran, tmp_path: Path) -> None:
    text = 'target "a" {\n tags = ["x y/api:1"]\n}\ntarget "b" {\n tags = ["x.example/p/b:1"]\n}\n'
    lay(tmp_path, {"docker-bake.hcl": text, "Dockerfile": "FROM scratch\n"})
    code, _, err = ran("init", "--from", "bake")
    assert code == 0, err
    assert "not carried over: registries: hub: " in err
    assert "a is not enabled: " in err
    assert list(contexts(tmp_path / "images.yaml")) == ["b"]


def test_the_usual_file_is_no_link_that_leads_out_but_a_named_one_may_be(
    tmp_path: Path, ran: Ran
) -> None:
    inside = tmp_path / "inside"
    lay(inside, {"api/Dockerfile": "FROM alpine:3.20\n"})
    (tmp_path / "elsewhere.hcl").write_text(BAKE)
    (inside / "docker-bake.hcl").symlink_to(tmp_path / "elsewhere.hcl")
    code, _, err = ran("init", "--from", "bake", str(inside), "--stdout")
    assert (code, "--from bake needs a file" in err) == (2, True), err
    code, out, err = ran("init", "--from", str(inside / "docker-bake.hcl"), "--stdout")
    assert code == 0, err
    assert "api:" in out


@pytest.mark.parametrize(
    "arguments", [("init", "--stdout"), ("init", "--from", "compose", "--stdout")]
)
def test_an_env_file_beside_a_compose_file_is_said_not_to_be_read(
    arguments: tuple[str, ...], tmp_path: Path, ran: Ran
) -> None:
    text = "services: {api: {build: {context: api, args: {A: '${TOKEN}'}}}}\n"
    lay(tmp_path, {"api/Dockerfile": "FROM alpine:3.20\nARG A\n", "compose.yaml": text})
    assert ".env" not in ran(*arguments)[2]
    (tmp_path / ".env").write_text("TOKEN=confidential\n")
    code, out, err = ran(*arguments)
    assert code == 0, err
    assert "not carried over: .env: the file: it is not read" in err
    assert "confidential" not in out + err
