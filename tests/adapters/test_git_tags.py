"""GitSource on real repositories: tags that are written and pushed, all of them or none."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from releaser.errors import InterruptedRunError, PlanError, ReleaserError, SetupError
from releaser.sources import git_program, git_tag_writing
from releaser.sources.git_urls import public_text
from tests.git_repository import Repo

TAGS = {"v1.0.0": "version 1.0.0\n", "api/v1.0.0": "of api"}


@pytest.fixture
def remote(repo: Repo, tmp_path: Path) -> Repo:
    """A bare repository that ``repo`` pushes to."""
    repo.commit("one", a="1")
    bare = Repo(tmp_path / "remote.git", "--bare")
    repo("remote", "add", "origin", bare.folder.as_uri())
    repo("push", "--quiet", "origin", "main")
    return bare


def hook(repo: Repo, name: str, script: str) -> None:
    inside = repo.folder / ".git"
    path = (inside if inside.exists() else repo.folder) / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def told(error: ReleaserError) -> str:
    return "\n".join(value for _, value in error.details)


# -- here -----------------------------------------------------------------------------------------


def test_tags_are_annotated_and_at_head(repo: Repo) -> None:
    repo.commit("before")
    commit = repo.commit()
    repo.source().write_tags(TAGS, push=False)
    assert repo.tags() == ["api/v1.0.0", "v1.0.0"]
    for name, message in TAGS.items():
        assert repo("cat-file", "-t", f"refs/tags/{name}") == "tag"
        assert repo("rev-parse", f"refs/tags/{name}^{{}}") == commit
        assert repo("tag", "--list", "--format=%(contents)", name) == message.strip()
        assert repo("tag", "--list", "--format=%(taggername)", name) == "A U Thor"
    assert repo.facts().last_tag == "v1.0.0"


@pytest.mark.parametrize(
    "message",
    ["# 1.0.0\n\n* a\n* b\n\n## More\n#", "-x", "", "a\n\n\tb", "ü \x1b[31m", "x" * 300_000],
    ids=["headings", "option", "empty", "tab", "escape", "long"],  # a name ends in the environment
)
def test_a_message_is_kept(repo: Repo, message: str) -> None:
    repo.commit()
    repo.source().write_tags({"v1": message}, push=False)
    assert repo("tag", "--list", "--format=%(contents)", "v1").strip() == message.strip()


def test_no_tags_are_no_work(repo: Repo) -> None:
    repo.commit()
    repo.source().write_tags({}, push=True)
    assert repo.tags() == []


def test_a_detached_head_and_a_worktree(repo: Repo, tmp_path: Path) -> None:
    first = repo.commit()
    repo.commit()
    repo("worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"), first)
    repo.source(str(tmp_path / "tree")).write_tags({"v1": "x"}, push=False)
    repo("checkout", "--quiet", "--detach", first)
    repo.source().write_tags({"v2": "x"}, push=False)
    assert repo("rev-parse", "v1^{}", "v2^{}").split() == [first, first]


def test_a_shallow_clone_can_be_tagged(repo: Repo, remote: Repo, tmp_path: Path) -> None:
    repo.commit("two")
    repo("push", "--quiet", "origin", "main")
    remote("symbolic-ref", "HEAD", "refs/heads/main")
    clone = remote.clone(tmp_path / "clone", "--depth=1")
    clone.source().write_tags(TAGS, push=True)
    assert remote.tags() == sorted(TAGS)


def test_the_tags_of_a_submodule_are_its_own(repo: Repo, remote: Repo) -> None:
    outer = Repo(repo.folder.parent / "outer")
    allow = ("-c", "protocol.file.allow=always")
    outer(*allow, "submodule", "--quiet", "add", remote.folder.as_uri(), "m")
    outer.commit("with it")
    inner = Repo(outer.folder / "m")
    inner("checkout", "--quiet", "--detach", "origin/main")
    inner.source().write_tags({"v1": "x"}, push=True)
    assert (remote.tags(), outer.tags()) == (["v1"], [])


def test_without_a_commit_or_a_repository_there_is_an_error(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SetupError, match="there is no commit"):
        repo.source().write_tags({"v1": "x"}, push=False)
    (tmp_path / "plain").mkdir()
    with pytest.raises(SetupError, match="there is no git repository"):
        repo.source(str(tmp_path / "plain")).write_tags({"v1": "x"}, push=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SetupError, match="there is no git program"):
        repo.source().write_tags({"v1": "x"}, push=False)


def test_a_tag_at_another_commit_is_refused_and_nothing_is_written(repo: Repo) -> None:
    repo.commit()
    repo.tag("api/v1.0.0")
    repo.commit()
    with pytest.raises(PlanError, match=r'git tag "api/v1\.0\.0" exists already'):
        repo.source().write_tags(TAGS, push=False)
    assert repo.tags() == ["api/v1.0.0"]


@pytest.mark.parametrize("annotated", [True, False])
def test_a_tag_at_head_is_kept_as_it_is(repo: Repo, *, annotated: bool) -> None:
    repo.commit()
    repo.tag("v1.0.0", annotated=annotated)
    before = repo("rev-parse", "refs/tags/v1.0.0")
    repo.source().write_tags(TAGS, push=False)
    assert repo.tags() == sorted(TAGS)
    assert repo("rev-parse", "refs/tags/v1.0.0") == before


def test_without_an_identity_nothing_is_written(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit()
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{role}_NAME")
        monkeypatch.delenv(f"GIT_{role}_EMAIL")
    repo("config", "user.useConfigOnly", "true")
    with pytest.raises(SetupError, match="git does not know who") as caught:
        repo.source().write_tags(TAGS, push=False)
    assert "git config user.name" in str(caught.value.hint)
    assert repo.tags() == []
    repo("config", "user.name", "B")
    repo("config", "user.email", "b@example.com")
    repo.source().write_tags({"v1": "x"}, push=False)
    assert repo("tag", "--list", "--format=%(taggername)", "v1") == "B"


@pytest.mark.parametrize("name", ["-d", "a b", "a..b", "", "@{x", "v1.lock", "api/v1.0.0/x"])
def test_one_tag_that_git_refuses_leaves_none(repo: Repo, name: str) -> None:
    repo.commit()
    with pytest.raises(SetupError, match="git refuses to write tag") as caught:
        repo.source().write_tags({**TAGS, name: "x"}, push=False)
    assert told(caught.value)
    assert repo.tags() == []


def test_a_signature_that_cannot_be_made_leaves_none(repo: Repo) -> None:
    """The user's settings are in force: who signs all tags signs these."""
    repo.commit()
    repo("config", "tag.gpgSign", "true")
    repo("config", "gpg.program", "/bin/false")
    with pytest.raises(SetupError, match="git refuses to write tag"):
        repo.source().write_tags(TAGS, push=False)
    assert repo.tags() == []


def test_a_variable_of_a_hook_does_not_lead_away(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit()
    other = Repo(tmp_path / "other")
    other.commit()
    monkeypatch.setenv("GIT_DIR", str(other.folder / ".git"))
    repo.source(**os.environ).write_tags({"v1": "x"}, push=False)
    monkeypatch.delenv("GIT_DIR")
    assert (repo.tags(), other.tags()) == (["v1"], [])


# -- at the remote --------------------------------------------------------------------------------


def test_tags_are_pushed_and_nothing_else_is(repo: Repo, remote: Repo) -> None:
    repo.tag("mine", annotated=True)
    repo("config", "push.followTags", "true")
    repo.commit("not pushed")
    repo("branch", "v1.0.0")
    repo.source().write_tags(TAGS, push=True)
    assert remote.tags() == sorted(TAGS)
    assert remote("for-each-ref", "--format=%(refname)", "refs/heads") == "refs/heads/main"
    assert remote("rev-parse", "v1.0.0") == repo("rev-parse", "refs/tags/v1.0.0")


def test_the_same_again_pushes_what_is_missing(repo: Repo, remote: Repo) -> None:
    repo.source().write_tags(TAGS, push=False)
    assert remote.tags() == []
    repo.source().write_tags(TAGS, push=True)
    before = remote("rev-parse", *TAGS)
    repo.source().write_tags(TAGS, push=True)
    assert remote("rev-parse", *TAGS) == before


def test_a_tag_that_another_clone_pushed_first(repo: Repo, remote: Repo, tmp_path: Path) -> None:
    remote("symbolic-ref", "HEAD", "refs/heads/main")
    other = remote.clone(tmp_path / "other")
    other.commit("another")
    other.source().write_tags({"api/v1.0.0": "theirs"}, push=True)
    before = remote("rev-parse", "api/v1.0.0")
    with pytest.raises(PlanError, match=r'"api/v1\.0\.0" exists already at the remote') as caught:
        repo.source().write_tags(TAGS, push=True)
    assert "git fetch origin --tags" in str(caught.value.hint)
    assert repo.tags() == []
    assert (remote.tags(), remote("rev-parse", "api/v1.0.0")) == (["api/v1.0.0"], before)
    with pytest.raises(PlanError, match="exists already at the remote"):
        repo.source().write_tags({"api/v1.0.0": "alone"}, push=True)
    assert repo.tags() == []


def test_a_failed_push_keeps_the_tags_that_were_there_before(repo: Repo, remote: Repo) -> None:
    repo.tag("v1.0.0")
    hook(remote, "pre-receive", "exit 1")
    with pytest.raises(SetupError):
        repo.source().write_tags(TAGS, push=True)
    assert repo.tags() == ["v1.0.0"]


@pytest.mark.parametrize("script", ["echo no tags today >&2; exit 1", "cat; exit 1"])
def test_a_remote_that_refuses_is_told_with_its_own_words(
    repo: Repo, remote: Repo, script: str
) -> None:
    hook(remote, "pre-receive", script)
    with pytest.raises(SetupError, match='git cannot push tags to the remote "origin"') as caught:
        repo.source().write_tags(TAGS, push=True)
    if "today" in script:
        assert "remote: no tags today" in told(caught.value)
    assert caught.value.hint
    assert (repo.tags(), remote.tags()) == ([], [])


def test_two_tags_of_which_one_is_refused(repo: Repo, remote: Repo) -> None:
    hook(remote, "update", 'case $1 in refs/tags/api/*) echo "not $1" >&2; exit 1;; esac')
    with pytest.raises(SetupError) as caught:
        repo.source().write_tags(TAGS, push=True)
    assert "not refs/tags/api/v1.0.0" in told(caught.value)
    assert (repo.tags(), remote.tags()) == ([], [])
    repo.source().write_tags({"v1.0.0": "x"}, push=True)
    assert (repo.tags(), remote.tags()) == (["v1.0.0"], ["v1.0.0"])


def test_a_server_without_transactions_takes_one_tag_alone(repo: Repo, remote: Repo) -> None:
    remote("config", "receive.advertiseAtomic", "false")
    with pytest.raises(SetupError) as caught:
        repo.source().write_tags(TAGS, push=True)
    assert "does not support --atomic" in told(caught.value)
    assert (repo.tags(), remote.tags()) == ([], [])
    repo.source().write_tags({"v1.0.0": "x"}, push=True)
    assert remote.tags() == ["v1.0.0"]


def test_the_user_s_own_hooks_have_their_say(repo: Repo, remote: Repo) -> None:
    hook(repo, "pre-push", "echo my own rule >&2; exit 1")
    with pytest.raises(SetupError) as caught:
        repo.source().write_tags(TAGS, push=True)
    assert "my own rule" in told(caught.value)
    assert (repo.tags(), remote.tags()) == ([], [])


def test_which_remote_it_is(repo: Repo, remote: Repo) -> None:
    repo("remote", "rename", "origin", "upstream")
    repo.source().write_tags({"v1": "x"}, push=True)
    assert remote.tags() == ["v1"]
    repo("remote", "add", "second", "/nowhere")
    with pytest.raises(SetupError, match="there is no remote to push") as caught:
        repo.source().write_tags({"v2": "x"}, push=True)
    assert told(caught.value) == "second, upstream"
    repo("remote", "rename", "upstream", "origin")
    repo.source().write_tags({"v2": "x"}, push=True)
    for name in ("origin", "second"):
        repo("remote", "remove", name)
    with pytest.raises(SetupError, match="there is no remote to push") as caught:
        repo.source().write_tags({"v3": "x"}, push=True)
    assert told(caught.value) == "none"
    assert repo.tags() == remote.tags() == ["v1", "v2"]


def test_a_remote_that_is_not_there(repo: Repo) -> None:
    repo.commit()
    repo("remote", "add", "origin", str(repo.folder / "gone"))
    with pytest.raises(SetupError, match="cannot push") as caught:
        repo.source().write_tags(TAGS, push=True)
    assert "does not appear to be a git repository" in told(caught.value)
    assert repo.tags() == []


def test_no_error_tells_a_password(repo: Repo, tmp_path: Path) -> None:
    repo.commit()
    program = tmp_path / "program"
    program.write_text(
        '#!/bin/sh\necho "fatal: cannot reach $2: token=1" >&2\n'
        'echo "redirected to https://u:s3cret@b.example.com/x?token=s3cret" >&2\nexit 128\n'
    )
    program.chmod(0o755)
    (tmp_path / "git-remote-told").symlink_to(program)
    path = f"{tmp_path}:{os.environ['PATH']}"
    repo("remote", "add", "origin", "told://user:s3'c ret@example.com/a.git?token=s3cret")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path)
        with pytest.raises(SetupError) as caught:
            repo.source().write_tags(TAGS, push=True)
    assert "s3" not in repr((caught.value.args, caught.value.details, caught.value.hint))
    assert "told://example.com/a.git" in told(caught.value)
    assert "https://b.example.com/x" in told(caught.value)


@pytest.mark.parametrize(
    ("text", "urls", "shown"),
    [
        ("To https://u:p@h/a.git", [], "To https://h/a.git"),
        ("for 'https://u:p'q@h/a/'", [], "for 'https://h/a/'"),
        ("for 'https://h/a?t=1#x' and more", [], "for 'https://h/a' and more"),
        ("ssh://git@h:22/a and u@h:x", [], "ssh://h:22/a and u@h:x"),
        ("to tok:en@h:a/b failed", ["tok:en@h:a/b"], "to h:a/b failed"),
        ("to https://u:p/q@h/a failed", ["https://u:p/q@h/a"], "to (the remote) failed"),
        ("plain", ["https://h/a"], "plain"),
    ],
)
def test_what_of_a_text_is_public(text: str, urls: list[str], shown: str) -> None:
    assert public_text(text, urls) == shown


def test_a_push_that_hangs_is_stopped(
    repo: Repo, remote: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook(remote, "pre-receive", "exec sleep 20")
    monkeypatch.setattr(git_tag_writing, "PUSH_TIMEOUT", 0.5)
    started = time.perf_counter()
    with pytest.raises(SetupError, match="did not answer within") as caught:
        repo.source().write_tags(TAGS, push=True)
    assert "git ls-remote --tags origin" in str(caught.value.hint)
    assert time.perf_counter() - started < 15
    assert repo.tags() == []


def test_a_daemon_that_a_push_leaves_behind_is_not_waited_for(repo: Repo, remote: Repo) -> None:
    hook(repo, "pre-push", "sleep 20 &")
    started = time.perf_counter()
    repo.source().write_tags(TAGS, push=True)
    assert time.perf_counter() - started < 15
    assert remote.tags() == sorted(TAGS)


def test_an_interrupted_push_leaves_no_tag(
    repo: Repo, remote: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        assert repo.tags() == sorted(TAGS)
        raise KeyboardInterrupt

    monkeypatch.setattr(git_tag_writing.TagWriting, "_push", interrupt)
    with pytest.raises(KeyboardInterrupt):
        repo.source().write_tags(TAGS, push=True)
    assert (repo.tags(), remote.tags()) == ([], [])


def test_an_interrupted_push_is_not_finished_by_what_git_left_behind(
    repo: Repo, remote: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = tmp_path / "began"
    hook(remote, "pre-receive", f"touch {began}; sleep 2")
    monkeypatch.setattr(git_program, "_has_terminal", lambda: False)

    def interrupt(*_: object) -> None:
        if began.exists():
            raise InterruptedRunError(15)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
        with pytest.raises(InterruptedRunError):
            repo.source().write_tags(TAGS, push=True)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert repo.tags() == []
    time.sleep(2.5)
    assert remote.tags() == []


def test_what_was_written_or_pushed_is_said(repo: Repo, remote: Repo) -> None:
    source = repo.source()
    assert source.write_tags({"v1.0.0": "x"}, push=False) == ("v1.0.0",)
    assert source.write_tags(TAGS, push=False) == ("api/v1.0.0",)
    assert source.write_tags(TAGS, push=False) == ()
    assert source.write_tags(TAGS, push=True) == ("v1.0.0", "api/v1.0.0")
    assert source.write_tags(TAGS, push=True) == ()
    remote("tag", "--delete", "v1.0.0")
    assert source.write_tags(TAGS, push=True) == ("v1.0.0",)
    repo("tag", "--force", "v1.0.0")  # another object at the same commit
    assert source.write_tags(TAGS, push=True) == ()
    assert remote("cat-file", "-t", "v1.0.0") == "tag"
