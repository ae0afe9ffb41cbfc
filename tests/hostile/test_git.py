"""Repositories that are broken, odd or hostile, seen from the command line."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.git_repository import Repo
from tests.hostile.conftest import Shop
from tests.registry_server import scripted_registry


@pytest.fixture
def repo(shop: Shop) -> Repo:
    """The project as a repository of one commit."""
    made = Repo(shop.folder)
    made("add", ".")
    made.commit()
    return made


def publishing(shop: Shop, host: str) -> None:
    head = f"version: 1\nregistries: {{r: {host}/x}}\n"
    shop.write("images.yaml", head + "images: {api: {context: .}}\n")


def test_g01_no_repository(shop: Shop) -> None:
    assert shop.run("plan").says("warning: no image gets a tag").code == 0
    with scripted_registry() as server:
        publishing(shop, server.host)
        ended = shop.refused("release", "--push", code=4)
        ended.says("no image would get a tag", "pass --version 1.0.0, or release from a git")


def test_g02_a_bare_repository(shop: Shop, repo: Repo) -> None:
    repo("config", "core.bare", "true")
    assert shop.run("plan", "--version=1.0.0").code == 0


def test_g03_no_commit(shop: Shop) -> None:
    Repo(shop.folder)
    assert shop.run("plan").says("no image gets a tag").code == 0


def test_g04_a_shallow_clone_has_no_version(
    shop: Shop, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.tag("v1.0.0")
    with scripted_registry() as server:
        publishing(shop, server.host)
        repo("add", ".")
        repo.commit()
        shallow = repo.clone(tmp_path / "shallow", "--depth=1")
        monkeypatch.chdir(shallow.folder)
        ended = shop.refused("release", "--push", code=4)
        ended.says("the clone is shallow, so the last version is not known", "fetch-depth: 0")
        assert not server.asked("PUT")


def test_g05_a_tree_with_changes(shop: Shop, repo: Repo) -> None:
    with scripted_registry() as server:
        publishing(shop, server.host)
        shop.write("untracked")
        ended = shop.refused("release", "--push", "--version=1.0.0", code=3)
        ended.says("the tree has changes that are not committed", "images.yaml", "--allow-dirty")
        repo("add", "images.yaml")
        shop.refused("release", "--push", "--version=1.0.0", code=3).says("images.yaml")


def test_g06_a_detached_head(shop: Shop, repo: Repo) -> None:
    repo("checkout", "--quiet", "--detach")
    assert "0.0.0-dev.1" in shop.run("plan").out


@pytest.mark.parametrize(
    ("names", "version"),
    [
        pytest.param(("v1.0.0", "v1.0.1"), "1.0.1", id="G7-two-versions"),
        pytest.param(("v1.0.0", "1.0.0"), "1.0.0", id="G13-with-and-without-v"),
        pytest.param(("v2.0.0", "v2.0.0-rc.1"), "2.0.0", id="G14a-prerelease-after-release"),
    ],
)
def test_tags_at_head(shop: Shop, repo: Repo, names: tuple[str, ...], version: str) -> None:
    repo.tag(*names)
    assert f"shop {version}: " in shop.run("plan").out


def test_g08_light_and_annotated_tags(shop: Shop, repo: Repo) -> None:
    repo.tag("v1.0.0", annotated=True)
    assert "shop 1.0.0: " in shop.run("plan").out


def test_g09_a_tag_that_is_not_at_head(shop: Shop, repo: Repo) -> None:
    repo.tag("v1.0.0")
    repo.commit()
    assert "shop 1.0.1-dev.1.g" in shop.run("plan").out


def test_g10_a_tag_that_moved_after_the_plan(shop: Shop, repo: Repo) -> None:
    repo.tag("v1.0.0")
    assert shop.run("plan", "-o", "../plan.json").code == 0
    repo("tag", "--delete", "v1.0.0")
    repo.tag("v2.0.0")
    ended = shop.refused("release", "--plan=../plan.json", code=3)
    ended.says("the saved plan is stale", "1.0.0 → 2.0.0")


ODD = ["-x", "--upload-pack=touch pwned", "v1;touch${IFS}pwned", "v1$(id)", "v1`id`", "v1|id",
       "v1&id", 'v1"q', "v1'q", "v1<b>", "v1{{x}}", "v1#f", "v1,x", "ünï", "@"]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_g11a_odd_tags_are_only_names(shop: Shop, repo: Repo, name: str) -> None:
    name = name.replace(" ", "-")
    repo("update-ref", f"refs/tags/{name}", "HEAD")
    ended = shop.run("plan")
    assert ended.code == 0
    assert "0.0.0-dev.1" in ended.out
    assert not (shop.folder / "pwned").exists()


def branch_tags(shop: Shop, repo: Repo, name: str) -> str:
    shop.spec("context: .", 'tags: ["type=ref,event=branch"]')
    repo("symbolic-ref", "HEAD", f"refs/heads/{name}")
    repo("add", ".")
    repo.commit()
    ended = shop.run("tags")
    assert ended.code == 0
    return ended.out


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("-x", "  x  "), ("v1$(id)", "  v1-id-  "), ("v1{{x}}", "  v1-x-  "),
        ("v1,x", "  v1-x  "), ("ünï", "  n-  "), ("@", 'nothing of branch "@" may stand'),
    ],
)  # fmt: skip
def test_g11b_odd_branches(shop: Shop, repo: Repo, name: str, shown: str) -> None:
    assert shown in branch_tags(shop, repo, name)


@pytest.mark.parametrize(
    "name", ["latest", "1.2.3", "v1.2", "1", "fp-0123456789abcdef", "fp-record-api"]
)
def test_g11c_no_branch_gets_a_reserved_tag(shop: Shop, repo: Repo, name: str) -> None:
    assert f'branch "{name}" would look like' in branch_tags(shop, repo, name)


def test_g11d_two_branches_with_one_slug(shop: Shop, repo: Repo) -> None:
    assert "  feature-a  " in branch_tags(shop, repo, "feature/a")
    assert "  feature-a  " in branch_tags(shop, repo, "feature-a")


def test_g12_tags_of_files_and_trees(shop: Shop, repo: Repo) -> None:
    repo("update-ref", "refs/tags/v9.0.0", repo("rev-parse", "HEAD:Dockerfile"))
    repo("update-ref", "refs/tags/v8.0.0", repo("rev-parse", "HEAD^{tree}"))
    assert "0.0.0-dev.1" in shop.run("plan").out


def test_g14b_a_backport_moves_no_newer_line(shop: Shop, repo: Repo) -> None:
    repo.tag("v1.4.8")
    repo.commit()
    repo.tag("v2.0.0")
    repo("checkout", "--quiet", "--detach", "v1.4.8")
    repo.commit("a backport")
    repo.tag("v1.4.9")
    out = shop.run("tags").out
    assert "1.4.9" in out
    latest = next(line for line in out.splitlines() if " latest " in line)
    assert "stays      2.0.0 is newer" in latest


def test_g15_twins_by_build_metadata(shop: Shop, repo: Repo) -> None:
    repo.tag("v1.0.0+a", "v1.0.0+b")
    shop.refused("plan").says("is not a legal tag")


def test_g16_a_submodule_that_is_missing(shop: Shop, repo: Repo) -> None:
    commit = repo("rev-parse", "HEAD")
    repo("update-index", "--add", "--cacheinfo", f"160000,{commit},lib")
    (shop.folder / "lib").mkdir()
    repo.commit()
    shop.write("Dockerfile", "FROM scratch\nCOPY lib/x /\n")
    shop.refused("validate").says('copies "lib/x", which is not in the build context')


def test_g17_somebody_elses_repository(
    shop: Shop, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert repo.tags() == []
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    ended = shop.refused("plan", code=4)
    ended.says("its folder belongs to another user", "hint: git config --global --add safe.dir")


def planted(shop: Shop) -> tuple[Path, Path]:
    """A program, and the mark that it leaves."""
    mark, program = shop.folder.parent / "started", shop.folder.parent / "program"
    program.write_text(f"#!/bin/sh\necho $0 $@ >> {mark}\ncat\n")
    program.chmod(0o755)
    return program, mark


SETTINGS = ["core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "diff.external",
            "gpg.program", "core.askPass", "filter.x.clean", "filter.x.smudge",
            "filter.x.process", "core.hooksPath", "core.alternateRefsCommand"]  # fmt: skip


@pytest.mark.parametrize("command", [("plan",), ("affected", "--since=HEAD~1"), ("changelog",)])
def test_g18a_a_hostile_configuration(shop: Shop, repo: Repo, command: tuple[str, ...]) -> None:
    program, mark = planted(shop)
    shop.write(".gitattributes", "* filter=x diff=x\n")
    repo("add", ".")
    repo.commit()
    hooks = shop.folder / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        (hooks / name).write_bytes(program.read_bytes())
        (hooks / name).chmod(0o755)
    for name in SETTINGS:
        value = hooks if name == "core.hooksPath" else program
        repo("config", name, str(value))
    os.utime("Dockerfile", (1, 1))
    mark.unlink(missing_ok=True)
    assert shop.run(*command).code == 0
    assert not mark.exists(), mark.read_text()


def test_g18b_a_filter_that_no_option_can_name(shop: Shop, repo: Repo) -> None:
    program, mark = planted(shop)
    repo("config", "filter.a=b.clean", str(program))
    ended = shop.refused("plan", code=4)
    ended.says("sets up a program that git would run", "filter.a=b", "git config --local --edit")
    assert not mark.exists()


def test_g18c_git_lfs_in_the_checkout_is_in_force(
    shop: Shop, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As actions/checkout sets it up; without it every large file would look modified."""
    programs = shop.folder.parent / "programs"
    programs.mkdir()
    (programs / "git-lfs").write_text("#!/bin/sh\ntr A-Z a-z\n")
    (programs / "git-lfs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    repo("config", "filter.lfs.clean", "git-lfs clean -- %f")
    shop.write(".gitattributes", "*.big filter=lfs\n")
    shop.write("x.big", "LARGE")
    repo("add", ".")
    repo.commit()
    os.utime("x.big", (1, 1))
    assert repo.facts().changes == ()


def test_g19_a_remote_with_a_token(shop: Shop, repo: Repo) -> None:
    repo("remote", "add", "origin", "https://user:hunter2@example.com/acme/shop.git?token=hunter2")
    shop.spec("context: .", "oci_labels: true")
    commands = [("plan", "--format=json"), ("tags", "--format=json"), ("changelog",), ("version",)]
    for command in commands:
        ended = shop.run(*command)
        assert "hunter2" not in ended.out + ended.err, command


def test_g20_a_worktree_and_a_linked_folder(
    shop: Shop, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.tag("v1.0.0")
    repo("worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"))
    (tmp_path / "link").symlink_to(tmp_path / "tree")
    for name in ("tree", "link"):
        monkeypatch.chdir(tmp_path / name)
        assert " 1.0.0: " in shop.run("plan").out


def test_g21_a_hundred_thousand_tags(shop: Shop, repo: Repo) -> None:
    commit = repo("rev-parse", "HEAD")
    names = sorted(f"v{n // 1000}.{n // 10 % 100}.{n % 10}" for n in range(100_000))
    lines = [f"{commit} refs/tags/{name}\n" for name in names]
    header = "# pack-refs with: peeled fully-peeled sorted \n"
    (shop.folder / ".git" / "packed-refs").write_text(header + "".join(lines))
    began = time.process_time()
    out = shop.run("plan").out
    took = time.process_time() - began
    assert " 99.99.9: " in out
    assert took < 8, f"{took:.1f} s; on an idle machine it takes two"


@pytest.mark.parametrize("date", ["0 +0000", "4294967295 +0000", "2147483648 +0000"])
def test_g22_commits_of_any_time(
    shop: Shop, repo: Repo, monkeypatch: pytest.MonkeyPatch, date: str
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", f"@{date}")
    repo.commit()
    repo.tag("v1.0.0")
    shop.spec("context: .", "oci_labels: true", "tags: [\"{{version}}-{{date 'YYYYMMDD'}}\"]")
    ended = shop.run("tags")
    assert ended.code == 0
    assert "1.0.0-" in ended.out
