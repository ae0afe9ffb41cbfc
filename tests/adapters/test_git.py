"""GitSource on real repositories: the facts."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from releaser.core.facts import SourceFacts
from releaser.core.git_tags import TagTemplate
from releaser.errors import SetupError
from releaser.sources import git_program
from releaser.sources.git import GitSource
from releaser.sources.git_urls import public_url
from tests.git_repository import Repo

TEMPLATE = TagTemplate("v{{version}}")


# -- where there is nothing to say ----------------------------------------------------------------


def test_no_repository(tmp_path: Path) -> None:
    assert GitSource(str(tmp_path), {}).facts(TEMPLATE) == SourceFacts()


def test_no_folder(tmp_path: Path) -> None:
    assert GitSource(str(tmp_path / "gone"), {}).facts(TEMPLATE) == SourceFacts()


def test_no_commit(repo: Repo) -> None:
    repo.write("a")
    repo("add", "a")
    assert repo.facts() == SourceFacts()


@pytest.mark.parametrize("hook", [False, True])
def test_no_git_program(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, hook: bool
) -> None:
    repo.commit()
    (repo.folder / "sub").mkdir()
    env = shutil.which("env")
    assert env
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "env").symlink_to(env)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    environment = {"GIT_DIR": ".git"} if hook else {}
    (concern,) = GitSource(str(repo.folder / "sub"), environment).facts(TEMPLATE).concerns
    assert concern.message == (
        f'"{repo.folder}" looks like a git checkout, but there is no git program'
    )
    assert GitSource(str(tmp_path), environment).facts(TEMPLATE) == SourceFacts()


def test_a_worktree_whose_repository_is_gone(repo: Repo, tmp_path: Path) -> None:
    repo.commit()
    repo("worktree", "add", "--quiet", str(tmp_path / "tree"))
    shutil.rmtree(repo.folder)
    facts = GitSource(str(tmp_path / "tree"), {}).facts(TEMPLATE)
    assert facts.commit is None
    assert "git does not take it for a repository" in facts.concerns[0].message


# -- commit, branch, changes ----------------------------------------------------------------------


def test_a_clean_checkout(repo: Repo) -> None:
    commit = repo.commit()
    facts = repo.facts()
    assert facts == SourceFacts(
        commit=commit, branch="main", distance=1, commit_time=facts.commit_time
    )
    assert abs((facts.commit_time or 0) - time.time()) < 600


def test_a_branch_with_slashes_and_a_detached_head(repo: Repo) -> None:
    repo.commit()
    repo("checkout", "--quiet", "-b", "feature/a-b")
    assert repo.facts().branch == "feature/a-b"
    repo("checkout", "--quiet", "--detach")
    assert repo.facts().branch is None


def test_a_tag_or_a_branch_named_head_misleads_nobody(repo: Repo) -> None:
    commit = repo.commit()
    repo("update-ref", "refs/heads/HEAD", commit)
    repo("update-ref", "refs/tags/HEAD", commit)
    second = repo.commit()
    assert (repo.facts().commit, repo.facts().distance) == (second, 2)


def test_changes_are_tracked_paths_relative_to_the_folder(repo: Repo) -> None:
    for name in ("staged", "modified", "deleted", "old name", "same", "sub/in", "ü"):
        repo.write(name, name)
    repo("add", ".")
    repo.commit()
    assert repo.facts().changes == ()
    repo.write("staged", "2")
    repo.write("new", "2")
    repo("add", "staged", "new")
    repo("mv", "old name", "new name")
    repo.write("modified", "2")
    repo.write("sub/in", "2")
    repo.write("ü", "2")
    repo.write("untracked")
    (repo.folder / "deleted").unlink()
    assert repo.facts().changes == (
        "deleted", "modified", "new", "new name", "old name", "staged", "sub/in", "ü",
    )  # fmt: skip
    below = GitSource(str(repo.folder / "sub"), {}).facts(TEMPLATE)
    assert below.changes == ("in",)


def test_ignored_and_untracked_files_are_no_changes(repo: Repo) -> None:
    repo.write(".gitignore", "out\n")
    repo("add", ".")
    repo.commit()
    repo.write("out/x")
    repo.write("other")
    assert repo.facts().changes == ()


def test_a_touched_file_is_no_change_and_nothing_is_written(repo: Repo) -> None:
    path = repo.write("a", "1")
    repo("add", ".")
    repo.commit()
    index = repo.folder / ".git" / "index"
    before = index.read_bytes()
    os.utime(path, (1, 1))
    assert repo.facts().changes == ()
    assert index.read_bytes() == before


def test_filters_of_the_system_are_in_force(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Git LFS is often installed: without the filter every large file would look modified."""
    config = tmp_path / "system"
    config.write_text('[filter "up"]\n\tclean = tr A-Z a-z\n\tsmudge = tr a-z A-Z\n')
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", str(config))
    repo.write(".gitattributes", "*.big filter=up\n")
    path = repo.write("x.big", "LARGE")
    repo("add", ".")
    repo.commit()
    os.utime(path, (1, 1))
    assert repo.facts().changes == ()


def test_a_bare_repository(tmp_path: Path, repo: Repo) -> None:
    commit = repo.commit()
    repo.tag("v1.0.0")
    repo("clone", "--quiet", "--bare", ".", str(tmp_path / "bare"))
    facts = GitSource(str(tmp_path / "bare"), {}).facts(TEMPLATE)
    assert (facts.commit, facts.branch, facts.tags) == (commit, "main", ("v1.0.0",))
    assert facts.changes == ()


def test_inside_the_git_folder(repo: Repo) -> None:
    commit = repo.commit()
    assert GitSource(str(repo.folder / ".git"), {}).facts(TEMPLATE).commit == commit


def test_a_worktree_and_a_linked_root(repo: Repo, tmp_path: Path) -> None:
    repo.write("sub/a", "1")
    repo("add", ".")
    commit = repo.commit()
    repo("worktree", "add", "--quiet", "-b", "other", str(tmp_path / "tree"))
    (tmp_path / "link").symlink_to(tmp_path / "tree" / "sub")
    (tmp_path / "tree" / "sub" / "a").write_text("2")
    facts = GitSource(str(tmp_path / "link"), {}).facts(TEMPLATE)
    assert (facts.commit, facts.branch, facts.changes) == (commit, "other", ("a",))


def test_a_submodule_is_its_own_checkout(repo: Repo, tmp_path: Path) -> None:
    inner = Repo(tmp_path / "inner")
    inner.write("x", "1")
    inner("add", ".")
    inside = inner.commit()
    inner.tag("v3.0.0")
    repo("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.folder), "m")
    repo.commit()
    facts = GitSource(str(repo.folder / "m"), {}).facts(TEMPLATE)
    assert (facts.commit, facts.last_tag) == (inside, "v3.0.0")
    (repo.folder / "m" / "untracked").touch()
    assert repo.facts().changes == ()
    (repo.folder / "m" / "x").write_text("2")
    assert repo.facts().changes == ("m",)


@pytest.mark.parametrize("date", ["@1 +0000", "@4294967296 +0000"])
def test_commits_of_any_time(repo: Repo, monkeypatch: pytest.MonkeyPatch, date: str) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", date)
    repo.commit()
    assert repo.facts().commit_time == int(date[1:].removesuffix(" +0000"))


# -- tags -----------------------------------------------------------------------------------------


def test_tags_at_head_light_and_annotated(repo: Repo) -> None:
    repo.commit()
    repo.tag("v1.0.0", "other")
    repo.commit()
    repo.tag("v1.1.0-rc.1", "latest")
    repo.tag("v1.1.0", annotated=True)
    facts = repo.facts()
    assert facts.tags == ("latest", "v1.1.0", "v1.1.0-rc.1")
    assert (facts.last_tag, facts.distance) == ("v1.1.0", 0)


def test_the_distance_counts_every_commit_since(repo: Repo) -> None:
    repo.commit()
    repo.tag("v1.2.3", annotated=True)
    repo("checkout", "--quiet", "-b", "side")
    repo.commit()
    repo.commit()
    repo("checkout", "--quiet", "main")
    repo.commit("on main")
    repo("merge", "--quiet", "--no-ff", "--no-edit", "side")
    facts = repo.facts()
    assert (facts.tags, facts.last_tag, facts.distance) == ((), "v1.2.3", 4)


def test_without_a_version_tag_the_distance_counts_from_the_start(repo: Repo) -> None:
    repo.commit()
    repo.tag("release", "1.0.0", "v1.0", "v1.0.0.0", "vx")
    repo.commit()
    facts = repo.facts()
    assert (facts.last_tag, facts.distance) == (None, 2)


def test_the_highest_version_counts_and_not_the_newest_tag(repo: Repo) -> None:
    repo.commit()
    repo.tag("v2.0.0", "v10.0.0-rc.1", "v9.9.9_bad")
    repo.commit()
    repo.tag("v1.4.9")
    assert repo.facts().last_tag == "v10.0.0-rc.1"
    repo.tag("v10.0.0-rc.2", "v10.0.0-alpha")
    assert repo.facts().last_tag == "v10.0.0-rc.2"
    repo.tag("v10.0.0")
    assert (repo.facts().last_tag, repo.facts().distance) == ("v10.0.0", 0)


def test_a_tag_that_head_does_not_descend_from_does_not_count(repo: Repo) -> None:
    repo.commit()
    repo.tag("v1.0.0")
    repo("checkout", "--quiet", "-b", "next")
    repo.commit()
    repo.tag("v2.0.0")
    repo("checkout", "--quiet", "main")
    assert repo.facts().last_tag == "v1.0.0"


def test_the_template_decides_what_is_a_version_tag(repo: Repo) -> None:
    repo.commit()
    repo.tag("v1.0.0", "2.0.0", "api/v0.3.0", "v4.0.0-final")
    assert repo.facts("v{{version}}").last_tag == "v4.0.0-final"
    assert repo.facts("{{version}}").last_tag == "2.0.0"
    assert repo.facts("api/v{{version}}").last_tag == "api/v0.3.0"
    assert repo.facts("v{{version}}-final").last_tag == "v4.0.0-final"


def test_twins_by_build_metadata_have_one_winner(repo: Repo) -> None:
    repo.commit()
    repo.tag("v1.0.0+b", "v1.0.0+a")
    assert repo.facts().last_tag == "v1.0.0+b"


def test_tags_of_blobs_trees_and_tags(repo: Repo) -> None:
    repo.write("a", "1")
    repo("add", ".")
    repo.commit()
    repo("tag", "v8.0.0", "HEAD:a")
    repo("tag", "v9.0.0", "HEAD^{tree}")
    repo.tag("v1.0.0", annotated=True)
    repo("tag", "--annotate", "--message", "x", "v2.0.0", "v1.0.0")
    assert (repo.facts().last_tag, repo.facts().distance) == ("v2.0.0", 0)


@pytest.mark.parametrize(
    "name",
    ["-x", "--upload-pack=x", "v1;id", "v1$(id)", "v1`id`", "v1|id", 'v1"q', "v1{{x}}", "ünï", "@"],
)
def test_odd_names_are_only_names(repo: Repo, name: str) -> None:
    commit = repo.commit()
    repo("update-ref", f"refs/tags/{name}", commit)
    repo("update-ref", f"refs/tags/{name}1.0.0", commit)
    repo.commit()
    assert repo.facts(f"{name}{{{{version}}}}").last_tag == f"{name}1.0.0"
    assert repo.facts(f"{name}{{{{version}}}}").distance == 1
    repo("update-ref", f"refs/tags/{name}", "HEAD")
    assert repo.facts().tags == (name,)


def test_a_hundred_thousand_tags(repo: Repo) -> None:
    repo.commit()
    commit = repo.commit()
    repo.tag("annotated", annotated=True)
    tag = repo("rev-parse", "refs/tags/annotated")
    names = sorted(f"v{n // 1000}.{n // 10 % 100}.{n % 10}" for n in range(100_000))
    lines = [
        f"{tag} refs/tags/{name}\n^{commit}\n" if n % 2 else f"{commit} refs/tags/{name}\n"
        for n, name in enumerate(names)
    ]
    header = "# pack-refs with: peeled fully-peeled sorted \n"
    (repo.folder / ".git" / "packed-refs").write_text(header + "".join(lines))
    started = time.perf_counter()
    facts = repo.facts()
    took = time.perf_counter() - started
    assert (facts.last_tag, facts.distance, len(facts.tags)) == ("v99.99.9", 0, 100_001)
    assert took < 10, f"{took:.1f} s; on an idle machine it takes less than one"


# -- clones ---------------------------------------------------------------------------------------


def test_a_shallow_clone_is_a_concern(repo: Repo, tmp_path: Path) -> None:
    repo.commit()
    repo.tag("v1.0.0")
    repo.commit()
    url = repo.folder.as_uri()
    repo("clone", "--quiet", "--depth=1", url, str(tmp_path / "shallow"))
    facts = GitSource(str(tmp_path / "shallow"), {}).facts(TEMPLATE)
    assert (facts.shallow, facts.last_tag, facts.distance) == (True, None, 1)
    (concern,) = facts.concerns
    assert "shallow" in concern.message
    assert "fetch-depth: 0" in str(concern.hint)
    assert not repo.facts().shallow


def test_the_remote_has_no_password(repo: Repo) -> None:
    repo.commit()
    assert repo.facts().remote is None
    repo("remote", "add", "upstream", "https://example.com/up.git")
    assert repo.facts().remote == "https://example.com/up.git"
    repo("remote", "add", "origin", "https://user:s3cret@example.com/acme/shop.git")
    repo("remote", "set-url", "--add", "origin", "https://other.example.com/x")
    facts = repo.facts()
    assert facts.remote == "https://example.com/acme/shop.git"
    assert "s3cret" not in repr(facts)


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://example.com/a/b.git", "https://example.com/a/b.git"),
        ("https://token@example.com/a", "https://example.com/a"),
        ("https://a:b@c:d@example.com:8443/a", "https://example.com:8443/a"),
        ("https://x:p%40ss@[::1]:80/a", "https://[::1]:80/a"),
        ("https://example.com/a?access_token=t#f", "https://example.com/a"),
        ("https://example.com/@scope/a", "https://example.com/@scope/a"),
        ("ssh://git@example.com:22/a", "ssh://example.com:22/a"),
        ("git@example.com:acme/shop.git", "example.com:acme/shop.git"),
        ("user:token@example.com/a", "example.com/a"),
        ("../other", "../other"),
        ("/srv/git/a.git", "/srv/git/a.git"),
        ("file:///srv/git/a.git", "file:///srv/git/a.git"),
        ("https://user:pa/ss@example.com/a", None),
        ("https://example.com/a\x1b[0m", None),
        ("https://example.com/" + "a" * 3000, None),
    ],
)
def test_what_of_a_url_is_public(url: str, public: str | None) -> None:
    assert public_url(url) == public


# -- trust ----------------------------------------------------------------------------------------


def test_somebody_elses_repository_is_refused_with_gits_own_fix(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit()
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(SetupError, match="belongs to another user") as caught:
        repo.facts()
    assert caught.value.hint == f"git config --global --add safe.directory {repo.folder}"


def test_a_hostile_configuration_starts_nothing(repo: Repo, tmp_path: Path) -> None:
    repo.write("a", "1")
    repo("add", ".")
    repo.commit()
    repo.tag("v1.0.0")
    mark = tmp_path / "started"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho $0 $@ >> {mark}\n")
    program.chmod(0o755)
    hooks = repo.folder / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-index-change", "reference-transaction", "fsmonitor-watchman"):
        shutil.copy(program, hooks / hook)
    for name in (
        "core.fsmonitor", "core.pager", "pager.status", "core.editor", "core.sshCommand",
        "diff.external", "gpg.program", "credential.helper", "core.askPass", "alias.status",
        "core.alternateRefsCommand", "remote.origin.uploadpack",
    ):  # fmt: skip
        repo("config", name, f"!{program}" if name.startswith("alias") else str(program))
    for name in ("log.showSignature", "core.fsmonitorHookVersion", "status.submoduleSummary"):
        repo("config", name, "true" if name[0] != "c" else "2")
    repo("config", "remote.origin.url", f"ext::{program}")
    repo.write("a", "2")
    mark.unlink(missing_ok=True)
    assert repo.facts().changes == ("a",)
    assert not mark.exists(), mark.read_text()


def test_the_variables_of_a_hook_do_not_lead_away(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repo.commit()
    other = Repo(tmp_path / "other")
    other.commit("another")
    for name, value in (
        ("GIT_DIR", str(other.folder / ".git")),
        ("GIT_WORK_TREE", str(other.folder)),
        ("GIT_INDEX_FILE", str(other.folder / ".git" / "index")),
    ):
        monkeypatch.setenv(name, value)
    assert GitSource(str(repo.folder)).facts(TEMPLATE).commit == commit


def test_a_broken_repository_is_an_error(repo: Repo) -> None:
    commit = repo.commit()
    (repo.folder / ".git" / "objects" / commit[:2] / commit[2:]).unlink()
    with pytest.raises(SetupError, match="git cannot read the repository"):
        repo.facts()


def test_git_that_hangs_is_stopped(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit()
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(git_program, "TIMEOUT", 0.3)
    started = time.perf_counter()
    with pytest.raises(SetupError, match="did not answer within") as caught:
        repo.facts()
    assert dict(caught.value.details)["command"] == "git rev-parse"
    assert time.perf_counter() - started < 20
