"""Conventional commits: what one says, and what is left of a range with reverts in it."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.history import Commit
from releaser.core.versioning import Change, change_of, changes_of
from releaser.core.versioning.conventional import MAX_NOTE, MAX_SUBJECT

SHA = "0123456789" * 4


def change(message: str) -> Change | None:
    return change_of(Commit(SHA, message=message))


def said(message: str) -> Change:
    found = change(message)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("message", "type_", "scope", "description"),
    [
        ("feat: add a button", "feat", None, "add a button"),
        ("feat(api): add a route\n\nWith a body.", "feat", "api", "add a route"),
        ("FIX(Core/IO): a: b", "fix", "Core/IO", "a: b"),
        ("build-image: x", "build-image", None, "x"),
        ("docs: correct spelling of CHANGELOG\n", "docs", None, "correct spelling of CHANGELOG"),
        ("\n\n  feat:   many   spaces  ", "feat", None, "many spaces"),
        ("feat( a b ): x", "feat", "a b", "x"),
        ("fix: windows\r\n\r\nBody", "fix", None, "windows"),
        ("fix: a\x1b[31mred\x07\u202eright", "fix", None, "a [31mred right"),
        ("fix: half \ud800 a character", "fix", None, "half a character"),
    ],
)
def test_what_a_commit_says(message: str, type_: str, scope: str | None, description: str) -> None:
    found = said(message)
    assert (found.type, found.scope, found.description) == (type_, scope, description)
    assert not found.is_breaking
    assert found.note is None


@pytest.mark.parametrize(
    "message",
    [
        "", "\n", "Merge branch 'main'", "feat add", "feat:add", "feat:", "feat: ", "feat(): x",
        "(api): x", "feat (api): x", "feat!(api): x", "feat(a: x", "feat(a)(b): x", "1feat: x",
        "fixup! feat: x", "BREAKING CHANGE: x", "https://example.org: x", "body\n\nfeat: x",
        "feat: \x00",
    ],
)  # fmt: skip
def test_other_commits_say_nothing(message: str) -> None:
    assert change(message) is None


@pytest.mark.parametrize(
    ("message", "note"),
    [
        ("feat!: x", None),
        ("feat(api)!: x", None),
        ("feat: x\n\nBREAKING CHANGE: gone", "gone"),
        ("feat: x\r\n\r\nBREAKING CHANGE: gone\r\n", "gone"),
        ("feat: x\n\nBREAKING-CHANGE: gone", "gone"),
        ("feat: x\n\nBREAKING CHANGE #gone", "gone"),
        ("feat: x\n\nBREAKING CHANGE:\n- one\n- two", "- one - two"),
        ("feat: x\n\nBREAKING CHANGE: a\n b\n\nc\nSigned-off-by: me", "a b c"),
        ("feat: x\n\nbody\n\nRefs: #1\nBREAKING CHANGE: gone", "gone"),
        ("feat: x\n\nbody\n \t\nBREAKING CHANGE: a\nBREAKING CHANGE: b", "a b"),
        ("feat!: x\n\nBREAKING CHANGE: gone", "gone"),
        ("feat: x\n\nBREAKING CHANGE:", None),
    ],
)
def test_a_change_that_breaks(message: str, note: str | None) -> None:
    found = said(message)
    assert found.is_breaking
    assert found.note == note


@pytest.mark.parametrize(
    "body",
    [
        "breaking change: x", "Breaking Change: x", "BREAKING CHANGE x", "BREAKING CHANGE:x",
        "text\nBREAKING CHANGE: not where footers are", "see BREAKING CHANGE: x",
        " BREAKING CHANGE: x", "BREAKING  CHANGE: x",
    ],
)  # fmt: skip
def test_what_breaks_nothing(body: str) -> None:
    assert not said(f"feat: x\n\n{body}").is_breaking
    assert not said("feat: x\nBREAKING CHANGE: no empty line").is_breaking


def test_what_is_taken_is_short() -> None:
    found = said(f"feat: {'a' * 5000}\n\nBREAKING CHANGE: {'b ' * 5000}")
    assert found.description == "a" * (MAX_SUBJECT - len("feat: ")) + "…"
    assert found.note is not None
    assert len(found.note) <= MAX_NOTE + 1


@pytest.mark.parametrize(
    ("scope", "type_", "is_dependency"),
    [
        ("deps", "fix", True),
        ("Deps-Dev", "chore", True),
        ("api", "deps", True),
        ("api", "fix", False),
    ],
)
def test_dependencies(scope: str, type_: str, is_dependency: bool) -> None:
    assert said(f"{type_}({scope}): x").is_dependency == is_dependency


# -- reverts


def commit(number: int, message: str, *parents: int) -> Commit:
    return Commit(sha(number), tuple(map(sha, parents)), message=message)


def sha(number: int) -> str:
    return f"{number:07x}" + "0" * 33


def git_revert(number: int, of: Commit) -> Commit:
    subject = of.message.partition("\n")[0]
    quoted = re.fullmatch('Revert "(.*)"', subject)
    line = f'Reapply "{quoted[1]}"' if quoted else f'Revert "{subject}"'
    return commit(number, f"{line}\n\nThis reverts commit {of.sha}.", number - 1)


def descriptions(*commits: Commit) -> list[str]:
    """What commits, the oldest first, say together."""
    return [f"{one.type}: {one.description}" for one in changes_of(commits[::-1])][::-1]


FEAT = commit(1, "feat: x")
OTHER = commit(2, "fix: y")


def test_changes_are_in_the_order_of_the_commits() -> None:
    assert descriptions(FEAT, commit(3, "no type"), OTHER) == ["feat: x", "fix: y"]


@pytest.mark.parametrize(
    "message",
    [
        f'Revert "feat: x"\n\nThis reverts commit {FEAT.sha}.',
        f'Revert "feat: x" (#12)\n\nThis reverts commit {FEAT.sha[:7]}.\n\nBecause.',
        f"revert: x\n\nThis reverts commit {FEAT.sha}.",
        f"revert(api): x\n\nRefs: {FEAT.sha[:8].upper()}",
        f"Revert: x\n\nbody\n\nRefs: {FEAT.sha[:7]}, {FEAT.sha}",
    ],
)
def test_a_revert_and_what_it_reverts_are_gone(message: str) -> None:
    assert descriptions(FEAT, OTHER, commit(3, message)) == ["fix: y"]


@pytest.mark.parametrize(
    ("message", "said_too"),
    [
        (f'Revert "feat: old"\n\nThis reverts commit {sha(9)}.', 'revert: Revert "feat: old"'),
        ('Revert "feat: x"\n\nReverts acme/shop#12', 'revert: Revert "feat: x"'),
        ("revert: x", "revert: x"),
        ("revert: x\n\nRefs: 000000", "revert: x"),
        ("revert: x\n\nRefs: #12", "revert: x"),
        (f"fix: z\n\nThis reverts commit {FEAT.sha}.", "fix: z"),
        (f'Reapply "feat: old"\n\nThis reverts commit {sha(9)}.', "feat: old"),
        (f'Revert "Revert "feat(a)!: old""\n\nThis reverts commit {sha(9)}.', "feat: old"),
        (
            f'Revert "Reapply "feat: z""\n\nThis reverts commit {sha(9)}.',
            'revert: Revert "feat: z"',
        ),
    ],
)
def test_a_revert_of_something_else_is_a_change(message: str, said_too: str) -> None:
    assert descriptions(FEAT, OTHER, commit(3, message)) == ["feat: x", "fix: y", said_too]


def test_a_revert_of_a_revert_without_a_type_says_nothing() -> None:
    assert descriptions(commit(3, 'Reapply "Update README"')) == []


def test_what_was_reverted_before_it_was_made_stays() -> None:
    early = commit(1, f"revert: x\n\nRefs: {sha(2)}")
    assert descriptions(early, OTHER) == ["revert: x", "fix: y"]


def test_an_abbreviation_of_two_commits_means_none() -> None:
    one = Commit("a" * 39 + "1", message="feat: a")
    two = Commit("a" * 39 + "2", message="feat: b")
    revert = commit(3, f"revert: a\n\nRefs: {'a' * 8}")
    assert descriptions(one, two, revert) == ["feat: a", "feat: b", "revert: a"]


def test_reverts_of_reverts() -> None:
    second = git_revert(3, FEAT)
    third = git_revert(4, second)
    fourth = git_revert(5, third)
    assert descriptions(FEAT, OTHER, second) == ["fix: y"]
    assert descriptions(FEAT, OTHER, second, third) == ["feat: x", "fix: y"]
    assert descriptions(FEAT, OTHER, second, third, fourth) == ["fix: y"]


def test_a_revert_that_is_reverted_twice() -> None:
    """Reverted, there again, reverted by the first name, and there again by the second."""
    second = git_revert(3, FEAT)
    third, fourth, fifth = git_revert(4, second), git_revert(5, FEAT), git_revert(6, second)
    assert descriptions(FEAT, second, third, fourth) == []
    assert descriptions(FEAT, second, third, fourth, fifth) == ["feat: x"]


def test_one_revert_of_several() -> None:
    both = f"This reverts commits {FEAT.sha} and\n{OTHER.sha}."
    assert descriptions(FEAT, OTHER, commit(3, f"revert: all\n\n{both}")) == []
    one = f"revert: all\n\nRefs: {FEAT.sha}, {sha(9)}"
    assert descriptions(FEAT, OTHER, commit(3, one)) == ["fix: y", "revert: all"]


@pytest.mark.parametrize(
    ("stated", "left"),
    [
        (f", reversing\nchanges made to {sha(1)}", ["feat: x"]),
        (f", reversing\nchanges made to {sha(3)}", ["feat: a", "fix: b"]),
        (f", reversing\nchanges made to {sha(8)}", ["feat: x"]),
        ("", ["feat: x"]),
    ],
)
def test_the_revert_of_a_merge_reverts_what_it_brought(stated: str, left: list[str]) -> None:
    branch = (commit(2, "feat: a", 0), commit(3, "fix: b", 2))
    merge = commit(4, "Merge branch", 1, 3)
    revert = commit(5, f'Revert "Merge branch"\n\nThis reverts commit {merge.sha}{stated}.', 4)
    assert descriptions(FEAT, *branch, merge, revert) == left


def test_git_s_reverts_agree_with_what_a_tree_would_hold() -> None:
    """Every way to revert the last thing again and again leaves all or nothing of it."""
    commits = [FEAT]
    for number in range(3, 12):
        commits.append(git_revert(number, commits[-1]))
        assert descriptions(*commits) == (["feat: x"] if len(commits) % 2 else [])


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), max_size=20))
def test_what_is_left_is_what_is_there(moves: list[tuple[bool, int]]) -> None:
    """A feature is told where it is there: where an even number of reverts in force undid it."""
    commits: list[Commit] = []
    there: set[str] = set()
    effects: dict[str, str] = {}
    for number, (is_new, which) in enumerate(moves, start=1):
        if is_new or not commits:
            commits.append(commit(number, f"feat: {number}"))
            effects[commits[-1].sha] = f"feat: {number}"
            there.add(f"feat: {number}")
            continue
        of = commits[which % len(commits)]
        feature = effects[of.sha]
        is_taken = len(re.findall("Revert", of.message.partition("\n")[0])) % 2 == 1
        # Git refuses to revert what is not there in this state.
        if (feature in there) == is_taken:
            continue
        commits.append(git_revert(number, of))
        effects[commits[-1].sha] = feature
        there.symmetric_difference_update({feature})
    assert set(descriptions(*commits)) == there


# -- hostile messages


@given(st.text(), st.text())
def test_any_message_is_read(subject: str, body: str) -> None:
    for message in (subject, f"feat: {subject}\n\n{body}", f"revert: x\n\nRefs: {body}"):
        for found in changes_of([Commit(SHA, message=message)]):
            texts = (found.type, found.scope or "", found.description, found.note or "")
            assert not any(re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", one) for one in texts)
            assert len(found.description) <= MAX_SUBJECT + 1


@pytest.mark.parametrize(
    "unit",
    ["a", " ", "\n", "\n\n", "a: ", "a: b\n", "\n \n", "-", "(", "feat(", ": ", '"', 'Revert "',
     "#", "BREAKING CHANGE", "\n\nBREAKING CHANGE: ", "abcdef1 ", "This reverts commit abcdef1, ",
     "reversing ", "\r\n", "\r", "`", "\x00"],
)  # fmt: skip
@pytest.mark.parametrize("start", ["", "feat: x\n\n", "revert: x\n\nRefs: ", 'Revert "x"\n\n'])
def test_megabytes_are_harmless(start: str, unit: str) -> None:
    message = start + unit * (2_000_000 // len(unit))
    began = time.perf_counter()
    changes_of([Commit(SHA, message=message), FEAT])
    assert time.perf_counter() - began < 10
