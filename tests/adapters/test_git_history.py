"""GitSource on real repositories: commits, and files of commits."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from releaser.core.history import Commit, History
from releaser.errors import InternalError, SetupError
from releaser.sources import git_history, git_program
from tests.git_repository import Repo


def messages(history: History) -> list[str]:
    return [one.message for one in history.commits]


# -- commits --------------------------------------------------------------------------------------


def test_without_a_repository_or_a_commit_there_is_nothing(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    for folder in (tmp_path / "plain", tmp_path / "gone"):
        source = repo.source(str(folder))
        assert source.history([]) == History()
        assert source.files_at(["0" * 40], "a")[0] is None
    assert repo.source().history([]) == History()
    assert repo.source().files_at(["0" * 40], "a")[0] is None


def test_without_a_git_program_there_is_nothing(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repo.commit(a="1")
    monkeypatch.setenv("PATH", "/nowhere")
    assert repo.source().history([]) == History()
    assert repo.source().files_at([commit], "a")[0] is None


def test_commits_come_with_all_that_there_is_to_know(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "@1700000000 +0200")
    one = repo.commit("feat: one\n\nBody with\nlines\n\nCloses: #1", b__c="1", a="1")
    two = repo.commit("two", a="2")
    repo("rm", "--quiet", "b/c")
    repo("mv", "a", "d")
    three = repo.commit("three")
    assert repo.source().history([]) == History(
        (
            Commit(three, (two,), 1_700_000_000, "three", ("a", "b/c", "d")),
            Commit(two, (one,), 1_700_000_000, "two", ("a",)),
            Commit(
                one,
                (),
                1_700_000_000,
                "feat: one\n\nBody with\nlines\n\nCloses: #1",
                ("a", "b/c"),
            ),
        )
    )


def test_paths_are_as_seen_from_the_folder(repo: Repo) -> None:
    repo.commit("x", top="", a__b__own="", a__b__deep__own="", a__other="", ab__c="", z__y="")
    (commit,) = repo.source("a/b").history([]).commits
    assert commit.paths == ("../../ab/c", "../../top", "../../z/y", "../other", "deep/own", "own")


def test_the_folder_itself_may_have_been_a_file(repo: Repo) -> None:
    repo.commit("file", a__b="")
    repo("rm", "--quiet", "a/b")
    repo.commit("folder", a__b__c="")
    newest, oldest = repo.source("a/b").history([]).commits
    assert (newest.paths, oldest.paths) == (("../b", "c"), ("../b",))


@pytest.mark.parametrize(
    "name",
    ["a b", " lead", "q'\"uote", "li\nne", "\nM", "M", "ta\tb", "ü", "-x", ":(top)x", "*", "\\n",
     "0" * 40],
)  # fmt: skip
def test_odd_file_names_are_only_names(repo: Repo, name: str) -> None:
    repo.write(f"sub/{name}", "1")
    repo("add", "--all")
    commit = repo.commit()
    (found,) = repo.source("sub").history([]).commits
    assert found.paths == (name,)
    expected = None if "\n" in name else b"1"
    assert repo.source("sub").files_at([commit], name)[0] == expected


def test_names_and_messages_that_are_no_utf8(repo: Repo) -> None:
    (repo.folder / os.fsdecode(b"\xff")).touch()
    repo("add", "--all")
    tree = repo("write-tree")
    text = repo.folder / "message"
    who = b"A <a@example.com> 1 +0000"
    head = b"tree %s\nauthor %s\ncommitter %s\n\n" % (tree.encode(), who, who)
    text.write_bytes(head + b"latin \xe4\n")
    commit = repo("hash-object", "-t", "commit", "-w", "message")
    repo("update-ref", "HEAD", commit)
    (found,) = repo.source().history([]).commits
    assert (found.paths, found.message) == (("\\xff",), "latin \\xe4")


def test_a_message_in_another_encoding_is_read(repo: Repo) -> None:
    text = repo.folder / "message"
    text.write_bytes(b"latin \xe4\n")
    encoding = ("-c", "i18n.commitEncoding=ISO-8859-1", "-c", "i18n.logOutputEncoding=ISO-8859-1")
    repo(*encoding, "commit", "--quiet", "--allow-empty", "--file", "message")
    repo("config", "i18n.logOutputEncoding", "ISO-8859-1")
    assert messages(repo.source().history([])) == ["latin ä"]


@pytest.mark.parametrize("message", ["A\n\nM\n\na", "-----", "#x", "commit 1", "0" * 40])
def test_a_message_is_taken_for_nothing_else(repo: Repo, message: str) -> None:
    repo("commit", "--quiet", "--allow-empty", "--cleanup=verbatim", "--file=-", given=message)
    repo.commit("second", a="")
    second, first = repo.source().history([]).commits
    assert (first.message, first.paths) == (message, ())
    assert (second.message, second.paths) == ("second", ("a",))


def diverged(repo: Repo) -> tuple[str, str]:
    """A file that the branches side and main changed in other ways; main is checked out."""
    repo.commit("base", a="0\n", c="0\n")
    repo("checkout", "--quiet", "-b", "side")
    side = repo.commit("side", a="1\n")
    repo("checkout", "--quiet", "main")
    return repo.commit("main", a="2\n", b="2"), side


@pytest.mark.parametrize(
    ("options", "files", "paths"),
    [
        ((), {"a": "3"}, ("a",)),
        ((), {"a": "1\n"}, ()),
        ((), {"a": "2\n", "evil": "1"}, ("evil",)),
        ((), {"a": "3", "\nM": "1", "0" * 40: ""}, ("\nM", "0" * 40, "a")),
        (("--strategy=ours",), {}, ()),
        (("--strategy-option=theirs",), {}, ()),
        (("--strategy=ours",), {"c": "3"}, ("c",)),
    ],
)
def test_a_merge_has_the_paths_that_no_parent_has_like_that(
    repo: Repo, options: tuple[str, ...], files: dict[str, str], paths: tuple[str, ...]
) -> None:
    main, side = diverged(repo)
    with suppress(subprocess.CalledProcessError):
        repo("merge", "--quiet", "--no-commit", "--no-ff", *options, "side")
    merge = repo.commit("merge", **files)
    after = repo.commit("after", b="3")
    newest, first, *rest = repo.source().history([]).commits
    assert (newest.sha, newest.paths) == (after, ("b",))
    assert (first.sha, first.parents, first.paths) == (merge, (main, side), paths)
    assert {one.message: one.paths for one in rest} == {
        "main": ("a", "b"), "side": ("a",), "base": ("a", "c"),
    }  # fmt: skip


def test_a_merge_of_many_parents(repo: Repo) -> None:
    repo.commit("base")
    names = [f"side{number}" for number in range(45)]
    for name in names:
        repo("checkout", "--quiet", "-b", name, "main")
        repo.commit(name, **{name: "1"})
    repo("checkout", "--quiet", "main")
    repo("merge", "--quiet", "--no-commit", "--no-ff", *names)
    repo.commit("merge", evil="1")
    found = repo.source().history([]).commits
    assert (len(found[0].parents), found[0].paths) == (46, ("evil",))
    assert {one.message: one.paths for one in found[1:-1]} == {name: (name,) for name in names}


def test_head_differs_from_what_a_merge_threw_away(repo: Repo) -> None:
    main, side = diverged(repo)
    repo("merge", "--quiet", "--strategy=ours", "side")
    source = repo.source()
    assert source.differences([side, main]) == {side: ("a", "b"), main: ()}
    repo.commit("many", x__y="1", **{"\nM": "1"})
    assert repo.source("x").differences([main]) == {main: ("../\nM", "y")}
    (repo.folder / "x" / "y").chmod(0o755)
    repo.commit("mode", x__y="1")
    head = repo("rev-parse", "HEAD")
    assert source.differences([head]) == {head: ()}
    before = repo("rev-parse", "HEAD^")
    assert source.differences([before]) == {before: ("x/y",)}
    commits = repo("rev-list", "HEAD").split() * 40
    assert len(source.differences(commits)) == 6
    with pytest.raises(InternalError, match="no commit's hash"):
        source.differences(["HEAD"])


@pytest.mark.parametrize(
    "setting",
    ["log.showSignature=true", "log.showRoot=false", "diff.relative=true", "diff.renames=copies",
     "log.diffMerges=separate", "diff.ignoreSubmodules=all", "log.date=relative", "color.ui=always",
     "diff.noprefix=true", "core.quotePath=true", "format.pretty=oneline", "log.decorate=full",
     "notes.displayRef=refs/notes/*", "diff.external=/nowhere", "log.follow=true",
     "core.abbrev=4", "log.abbrevCommit=true"],
)  # fmt: skip
def test_the_user_s_settings_change_nothing(repo: Repo, setting: str) -> None:
    repo.commit("one", a__x="1", b="1" * 100)
    repo("mv", "b", "c")
    repo.commit("two", a__y="1")
    repo("notes", "add", "--message", "a note")
    before = repo.source("a").history([])
    repo("config", *setting.split("=", 1))
    assert repo.source("a").history([]) == before


# -- tags -----------------------------------------------------------------------------------------


def test_what_all_tags_have_is_left_out(repo: Repo) -> None:
    first = repo.commit("first")
    repo.tag("v1", "same")
    second = repo.commit("second")
    repo.tag("v2", annotated=True)
    third = repo.commit("third")
    repo.tag("v3")
    source = repo.source()
    assert messages(source.history([])) == ["third", "second", "first"]
    assert source.history([]).tags == {"v1": first, "same": first, "v2": second, "v3": third}
    assert messages(source.history(["v1"])) == ["third", "second"]
    assert source.history(["v1"]).tags == {"v1": first, "v2": second, "v3": third}
    assert messages(source.history(["v2", "v1", "same"])) == ["third", "second"]
    assert messages(source.history(["v2", "v3"])) == ["third"]
    assert source.history(["v3"]) == History((), {"v3": third})
    found = source.history(["v1", "v2"])
    assert [one.message for one in found.since("v1")] == ["third", "second"]
    assert [one.message for one in found.since("v2")] == ["third"]
    assert [one.message for one in found.since("v1", "v2")] == ["second"]


def test_tags_of_tags_blobs_and_trees(repo: Repo) -> None:
    commit = repo.commit("one", a="1")
    repo.tag("v1", annotated=True)
    repo("tag", "--annotate", "--message", "x", "v2", "v1")
    repo("tag", "blob", "HEAD:a")
    repo("tag", "tree", "HEAD^{tree}")
    repo("pack-refs", "--all")
    assert repo.source().history([]).tags == {"v1": commit, "v2": commit}
    assert repo.source().history(["v2"]) == History((), {"v2": commit})


@pytest.mark.parametrize("name", ["-x", "--all", "v1;id", "ünï", "a/b/v1", "x\u2028y", "v1@", "@"])
def test_odd_names_of_tags_are_only_names(repo: Repo, name: str) -> None:
    commit = repo.commit("one")
    repo("update-ref", f"refs/tags/{name}", commit)
    repo.commit("two")
    found = repo.source().history([name])
    assert (messages(found), found.tags) == (["two"], {name: commit})
    assert name in repo.facts().past_tags


def test_a_tag_that_is_not_there_is_a_bug(repo: Repo) -> None:
    repo.commit()
    with pytest.raises(InternalError, match='no git tag "v1"'):
        repo.source().history(["v1"])


def test_a_tag_elsewhere_has_what_it_was_made_from(repo: Repo) -> None:
    repo.commit("base")
    repo("checkout", "--quiet", "-b", "old")
    repo.commit("fix")
    repo.tag("v1.0.1")
    repo("checkout", "--quiet", "--orphan", "alone")
    repo.commit("alone")
    repo.tag("other")
    repo("checkout", "--quiet", "main")
    repo.commit("next")
    found = repo.source().history(["v1.0.1", "other"])
    assert messages(found) == ["next", "base"]
    assert [one.message for one in found.since("v1.0.1")] == ["next"]
    assert [one.message for one in found.since("other")] == ["next", "base"]
    assert messages(repo.source().history(["v1.0.1"])) == ["next"]
    assert messages(repo.source().history(["other"])) == ["next", "base"]


def test_history_agrees_with_the_plain_meaning_of_ancestors(repo: Repo) -> None:
    dice = random.Random(4)  # noqa: S311 - the same in every run
    for round_ in range(12):
        has, shas = grown(repo, dice, f"branch-{round_}")
        head = dice.randrange(len(shas))
        repo("checkout", "--quiet", "--detach", shas[head])
        tags = {f"r{round_}-{n}": dice.randrange(len(shas)) for n in range(5)}
        for name, at in tags.items():
            repo("tag", name, shas[at])
        since = dice.sample(sorted(tags), dice.randint(1, 5))
        found = repo.source().history(since)
        shared = frozenset.intersection(*(has[tags[name]] for name in since))
        assert {one.sha for one in found.commits} == {shas[n] for n in has[head] - shared}
        for name in since:
            expected = {shas[n] for n in has[head] - has[tags[name]]}
            assert {one.sha for one in found.since(name)} == expected
        order = {one.sha: place for place, one in enumerate(found.commits)}
        for one in found.commits:
            assert all(order.get(parent, 99) > order[one.sha] for parent in one.parents)


def grown(repo: Repo, dice: random.Random, name: str) -> tuple[list[frozenset[int]], list[str]]:
    """Commits with random parents, in random order of time: what each has, and its hash."""
    lines: list[str] = []
    has: list[frozenset[int]] = []
    for number in range(12):
        parents = dice.sample(range(number), min(number, dice.choice([0, 1, 1, 1, 2, 3])))
        has.append(frozenset({number}).union(*(has[parent] for parent in parents)))
        when = 1_600_000_000 + dice.randrange(1_000_000)
        lines += [f"commit refs/heads/{name}-{number}", f"mark :{number + 1}"]
        lines += [f"committer A <a@example.com> {when} +0000", "data 1", "x"]
        for place, parent in enumerate(parents):
            lines.append(f"{'merge' if place else 'from'} :{parent + 1}")
    repo("fast-import", "--quiet", given="\n".join(lines) + "\n")
    return has, [repo("rev-parse", f"refs/heads/{name}-{number}") for number in range(12)]


# -- checkouts of all kinds -----------------------------------------------------------------------


def test_a_shallow_clone_says_what_it_has(repo: Repo, tmp_path: Path) -> None:
    first = repo.commit("first", a="1")
    repo.tag("v1")
    repo.commit("second", a="2")
    third = repo.commit("third", b="3")
    repo.tag("v2")
    newest = repo.commit("fourth", b="4")
    clone = repo.clone(tmp_path / "clone", "--depth=2")
    found = clone.source().history([])
    assert messages(found) == ["fourth", "third"]
    assert (found.commits[1].parents, found.tags) == ((), {"v2": third})
    assert messages(clone.source().history(["v2"])) == ["fourth"]
    assert clone.source().files_at([f"{newest}^"], "b")[0] == b"3"
    assert clone.source().files_at([f"{third}^"], "a")[0] is None
    clone("fetch", "--quiet", "--depth=1", "origin", "tag", "v1")
    found = clone.source().history(["v1"])
    assert (messages(found), found.tags["v1"]) == (["fourth", "third"], first)


def test_a_worktree_a_bare_repository_and_a_submodule(repo: Repo, tmp_path: Path) -> None:
    commit = repo.commit("one", sub__a="1")
    repo.tag("v1")
    repo("worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"))
    (tmp_path / "link").symlink_to(tmp_path / "tree" / "sub")
    repo.clone(tmp_path / "bare", "--bare")
    outer = Repo(tmp_path / "outer")
    allow = ("-c", "protocol.file.allow=always")
    outer(*allow, "submodule", "--quiet", "add", str(repo.folder), "m")
    outer.commit("with it")
    for folder, path in (("link", "a"), ("tree", "sub/a"), ("bare", "sub/a"), ("outer/m/sub", "a")):
        source = repo.source(str(tmp_path / folder))
        assert messages(source.history([])) == ["one"], folder
        assert messages(source.history(["v1"])) == [], folder
        assert source.files_at([commit], path)[0] == b"1", folder
    (found,) = outer.source().history([]).commits
    assert found.paths == (".gitmodules", "m")
    assert outer.source().files_at([found.sha], "m")[0] is None
    assert outer.source().files_at([found.sha], "m/sub/a")[0] is None


def test_a_broken_repository_is_an_error(repo: Repo) -> None:
    first = repo.commit("first", a="1")
    second = repo.commit("second", a="2")
    (repo.folder / ".git" / "objects" / first[:2] / first[2:]).unlink()
    with pytest.raises(SetupError, match="git cannot read the repository"):
        repo.source().history([])
    assert repo.source().files_at([second], "a")[0] == b"2"


def test_a_hostile_configuration_starts_nothing(repo: Repo, tmp_path: Path) -> None:
    commit = repo.commit("one", a="1")
    mark = tmp_path / "started"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho $0 $@ >> {mark}\n")
    program.chmod(0o755)
    (repo.folder / ".git" / "info").mkdir(exist_ok=True)
    (repo.folder / ".git" / "info" / "attributes").write_text("* diff=x filter=x\n")
    for name in (
        "core.fsmonitor", "core.pager", "pager.log", "diff.external", "gpg.program",
        "diff.x.command", "diff.x.textconv", "filter.x.smudge", "filter.x.process", "core.editor",
        "core.sshCommand", "alias.log", "credential.helper",
    ):  # fmt: skip
        repo("config", name, f"!{program}" if name.startswith("alias") else str(program))
    repo("config", "log.showSignature", "true")
    assert messages(repo.source().history([])) == ["one"]
    assert repo.source().files_at([commit], "a")[0] == b"1"
    assert not mark.exists(), mark.read_text()


def test_twenty_thousand_commits_with_two_thousand_tags(repo: Repo) -> None:
    lines: list[str] = []
    for number in range(20_000):
        lines += ["commit refs/heads/main", f"committer A <a@example.com> {10**9 + number} +0000"]
        lines += ["data 8", "fix: it", "", f"M 644 inline s{number % 50}/d/f{number % 7}"]
        lines += ["data 5", f"{number:05}", ""]
        if number % 10 == 0:
            lines += [f"reset refs/tags/v1.{number}.0", "from refs/heads/main", ""]
    repo("fast-import", "--quiet", given="\n".join(lines))
    tags = repo.tags()
    started = time.perf_counter()
    found = repo.source().history(tags)
    took = time.perf_counter() - started
    assert (len(found.commits), len(found.tags)) == (19_999, 2000)
    assert took < 15, f"{took:.1f} s; on an idle machine it takes one"


def test_more_than_can_be_read_is_an_error(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit("x" * 10_000)
    monkeypatch.setattr(git_program, "MAX_BYTES", 5000)
    with pytest.raises(SetupError, match="git says more than") as caught:
        repo.source().history([])
    assert dict(caught.value.details)["folder"] == str(repo.folder)


# -- files of commits -----------------------------------------------------------------------------


def test_a_file_of_a_commit_and_of_the_one_before(repo: Repo) -> None:
    content = bytes(range(256)) * 300
    (repo.folder / "a").write_bytes(content)
    repo("add", "a")
    first = repo.commit("first", sub__b="1\r\n")
    second = repo.commit("second", a="two", sub__b="2")
    source = repo.source()
    assert source.files_at([first], "a")[0] == source.files_at([f"{second}^"], "a")[0] == content
    assert source.files_at([second], "a")[0] == b"two"
    assert source.files_at([first], "sub/b")[0] == b"1\r\n"
    below = repo.source("sub")
    assert below.files_at([second], "b")[0] == below.files_at([second], "./x/../b")[0] == b"2"
    assert below.files_at([first], "../a")[0] == content


def test_files_of_many_commits_come_in_their_order(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_history, "_CHUNK", 5)
    repo.write("f", "0\n")
    first = repo.commit("first", a="1")
    (repo.folder / "f").unlink()
    (repo.folder / "f").symlink_to("no\nwhere\n")
    repo("add", "--all")
    second = repo.commit("second")
    (repo.folder / "f").unlink()
    third = repo.commit("third", f="22")
    fourth = repo.commit("fourth", f="\n\n\n\n")
    source = repo.source()
    asked = [fourth, second, f"{first}^", third, first, f"{fourth}^"]
    assert source.files_at(asked, "f") == (b"\n\n\n\n", None, None, b"22", None, b"22")
    assert source.files_at([], "f") == ()


def test_what_is_no_file_of_the_commit_is_none(repo: Repo, tmp_path: Path) -> None:
    first = repo.commit("first", sub__b="1", empty="")
    (tmp_path / "outside").write_text("secret")
    for name, target in (
        ("link", "sub/b"), ("folder", "sub"), ("out", "../outside"), ("loop", "loop"),
        ("nowhere", "gone"), ("root", "/etc/hostname"),
    ):  # fmt: skip
        (repo.folder / name).symlink_to(target)
    repo("add", "--all")
    second = repo.commit("second")
    source = repo.source()
    assert source.files_at([first], "empty")[0] == b""
    assert source.files_at([second], "link")[0] == source.files_at([second], "folder/b")[0] == b"1"
    for path in (
        "gone", "sub", ".", "", "..", "../outside", "/etc/hostname", "sub/b/c", "out", "loop",
        "nowhere", "root", "a\0b", "sub/b\nx", "gone blob 5", "sub/../../outside",
    ):  # fmt: skip
        assert source.files_at([second], path)[0] is None, path
    assert source.files_at([first], "link")[0] is None
    assert source.files_at([f"{first}^"], "sub/b")[0] is None
    assert source.files_at(["0" * 40], "sub/b")[0] is None


@pytest.mark.parametrize(
    "revision", ["HEAD", "main", "--help", "-x", "", "abc", "0" * 39, "0" * 40 + "^^", "A" * 40]
)
def test_only_a_hash_names_a_commit(repo: Repo, revision: str) -> None:
    repo.commit(a="1")
    with pytest.raises(InternalError, match="no commit's hash"):
        repo.source().files_at([revision], "a")[0]


@pytest.mark.parametrize("more", [0, 1, 5000])
def test_a_file_has_a_limit(repo: Repo, monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    monkeypatch.setattr(git_history, "MAX_FILE", 1 << 20)
    commit = repo.commit(a="x" * ((1 << 20) + more))
    if not more:
        assert len(repo.source().files_at([commit], "a")[0] or b"") == 1 << 20
        return
    with pytest.raises(SetupError, match="is larger than 1 MiB"):
        repo.source().files_at([commit], "a")[0]


def test_a_file_whose_content_is_not_here_is_an_error(repo: Repo) -> None:
    commit = repo.commit(a="1")
    blob = repo("rev-parse", "HEAD:a")
    (repo.folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(SetupError, match="lacks the content of"):
        repo.source().files_at([commit], "a")[0]


def test_a_partial_clone_fetches_nothing(repo: Repo, tmp_path: Path) -> None:
    repo("config", "uploadpack.allowFilter", "true")
    first = repo.commit(a="1")
    repo.commit(a="2")
    clone = repo.clone(tmp_path / "clone", "--filter=blob:none")
    assert clone.source().files_at([f"{first}"], "b")[0] is None
    with pytest.raises(SetupError):
        clone.source().files_at([first], "a")[0]
    assert len(clone.source().history([]).commits) == 2
    shutil.rmtree(repo.folder)
    assert len(clone.source().history([]).commits) == 2
