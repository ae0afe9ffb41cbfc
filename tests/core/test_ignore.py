"""Docker's path patterns, without a disk. The truth of the tables was tried with real builds."""

from __future__ import annotations

import doctest
import time

import pytest
from docker.utils.build import PatternMatcher
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.ignore import ROOT, IgnoreFile, Verdict, clean, glob, rules
from releaser.errors import SpecError


def test_the_example_in_the_documentation_is_true() -> None:
    assert doctest.testmod(rules).failed == 0


@pytest.mark.parametrize(
    ("text", "included", "excluded"),
    [
        ("", ["a", "a/b"], []),
        ("*", [], ["a", "a/b", ".hidden"]),
        ("a", ["b/a", "ab"], ["a", "a/b/c"]),
        ("**/a", ["ba", "b/ba"], ["a", "b/a", "b/c/a", "b/a/c"]),
        ("**/*.log", ["a.logs"], ["a.log", "b/a.log", "b.log/c"]),
        ("**foo", ["foob"], ["foo", "barfoo", "a/barfoo", "a/foo/x"]),
        ("foo**", ["a/foo", "fo"], ["foo", "foo/x", "foobar/y"]),
        ("foo/**", ["foo", "foobar/y"], ["foo/x", "foo/x/y"]),
        ("a/**/z", ["a/bz", "z"], ["a/z", "a/b/z", "a/b/c/z"]),
        ("a**z", ["a/bz"], ["az", "a/z", "ab/z"]),
        ("**/b/**", ["b", "a/b"], ["b/x", "a/b/x"]),
        ("**", [], ["a", "a/b"]),
        ("?\nxx?c", ["aa", "xx/c"], ["ü", "xxbc"]),
        ("a[b-d]\ne[^f]", ["aa", "ef"], ["ab", "ad", "eg"]),
        ("a[!b]", ["ac"], ["a!", "ab"]),
        ("\\*\n\\[x\\]", ["a", "x"], ["*", "[x]"]),
        ("d\\d", ["dd"], ["d1"]),
        ("[*]x", ["*x", "ax"], []),
        ("a^b*", ["a^b1"], []),
        ("a^b", ["ab"], ["a^b"]),
        ("a.b\na+(b)", ["axb", "aab"], ["a.b", "a+(b)"]),
        ("/a\n//b\n./c/\nd/.\ne/../f", ["e"], ["a", "b", "c", "d", "f"]),
        ("../a\n.\n/", ["a", "b"], []),
        ("#a\n  #b\n\n \t\n c ", ["#a"], ["#b", "c"]),
        ("\ufeffa\r\nb\r\n", [], ["a", "b"]),
        ("out\n!out/keep", [], ["out", "out/x"]),
        ("*\n! src\n!/lib/", ["src", "src/a", "lib"], ["a"]),
        ("!out/keep\nout", [], ["out/keep"]),
        ("b\n!b/c\nb/*", [], ["b/c"]),
        ("a/b\n!a", ["a", "a/c"], ["a/b"]),
        ("**/b\n!a/b/d", ["a/b/d"], ["a/b", "a/b/c"]),
        ("**\n!**/c", ["c", "b/c", "b/c/d"], ["b", "b/d"]),
        ("A", ["a"], ["A"]),
    ],
)
def test_the_rules(text: str, included: list[str], excluded: list[str]) -> None:
    ignore = IgnoreFile.parse(text)
    assert [path for path in included if ignore.matches(path)] == []
    assert [path for path in excluded if not ignore.matches(path)] == []


def test_a_file_is_included_again_in_an_excluded_folder() -> None:
    ignore = IgnoreFile.parse("out\n!out/keep")
    assert ignore.matches("out")
    assert not ignore.matches("out/keep")
    assert not ignore.matches("out/keep/deeper")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[", 1),
        ("a\n[]", 2),
        ("[^]", 1),
        ("[a", 1),
        ("[a-]", 1),
        ("[-a]", 1),
        ("x\\", 1),
        ("[z-a]b", 1),
        ("!", 1),
        ("! ", 1),
        ("\\q*", 1),
    ],
)
def test_a_malformed_pattern_is_an_error_with_its_line(text: str, line: int) -> None:
    with pytest.raises(SpecError, match="not a legal pattern") as caught:
        IgnoreFile.parse(text, "c/.dockerignore")
    assert str(caught.value).startswith(f"c/.dockerignore:{line}: ")


def test_a_line_has_a_longest_length() -> None:
    IgnoreFile.parse("a" * rules.MAX_LINE)
    with pytest.raises(SpecError, match="64 KiB"):
        IgnoreFile.parse("a" * (rules.MAX_LINE + 1))


def test_the_deciding_rule_is_known() -> None:
    ignore = IgnoreFile.parse("# comment\nout\n!out/keep\n")
    deciding = ignore.reason("out/x")
    assert deciding is not None
    assert (deciding.written, deciding.line, deciding.negated) == ("out", 2, False)
    kept = ignore.reason("out/keep/x")
    assert kept is not None
    assert (kept.written, kept.line) == ("!out/keep", 3)
    assert ignore.reason("src") is None


@pytest.mark.parametrize(
    ("text", "folder", "reached"),
    [
        ("*\n!src", "docs", False),
        ("*\n!src/a", "src", True),
        ("*\n!src/a", "src/b", False),
        ("*\n!src/*/c", "src/b", True),
        ("*\n!src/*/c", "src/b/x", False),
        ("*\n!**/keep", "docs", True),
        ("*\n!s*/keep", "docs", False),
        ("*\n!s*/keep", "src", True),
        ("docs", "docs", False),
    ],
)
def test_where_a_negation_can_reach(text: str, folder: str, *, reached: bool) -> None:
    assert IgnoreFile.parse(text).reaches_into(folder) is reached


def test_an_exclude_list_keeps_a_leading_slash_and_so_matches_nothing() -> None:
    exclude = IgnoreFile.of(["/a", " b ", "!b/c", ""])
    assert not exclude.matches("a")
    assert exclude.matches("b/x")
    assert not exclude.matches("b/c")
    with pytest.raises(SpecError, match="not a legal pattern"):
        IgnoreFile.of(["["])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "."),
        (".", "."),
        ("./a//b/", "a/b"),
        ("a/./b/../c", "a/c"),
        ("../a/..", ".."),
        ("a/../..", ".."),
        ("/..", "/"),
        ("/../a", "/a"),
        ("//a", "/a"),
        ("!a/..", "."),
    ],
)
def test_clean_is_what_go_calls_clean(path: str, expected: str) -> None:
    assert clean(path) == expected


@pytest.mark.parametrize(
    ("source", "base", "rest"),
    [
        (".", "", ""),
        ("/", "", ""),
        ("./a/b/", "a/b", ""),
        ("../a", "a", ""),
        ("a/*.txt", "a", "*.txt"),
        ("a/b?/c", "a", "b?/c"),
        ("*", "", "*"),
        ("a\\*b", "a\\*b", ""),
    ],
)
def test_a_source_is_a_path_and_a_pattern(source: str, base: str, rest: str) -> None:
    found = glob(source)
    assert (found.base, found.rest, found.literal) == (base, rest, not rest)


@pytest.mark.parametrize(
    ("source", "matching", "others"),
    [
        ("*.txt", ["a.txt", ".txt"], ["a/b.txt", "a.txts"]),
        ("*/b", ["a/b"], ["b", "a/c/b"]),
        ("**/b", ["a/b"], ["b", "a/c/b"]),
        ("?", ["a", "ü", "\n"], ["", "ab", "/"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "x"]),
        ("[^a]x", ["bx", "/x"], ["ax"]),
        ("[!a]x", ["!x", "ax"], ["bx"]),
        ("[\\]a]*", ["]", "ab"], ["b"]),
        ("[c-a]*", [], ["a", "b"]),
        ("[^c-a]*", ["a", "b"], []),
        ("\\*?", ["*a"], ["ba"]),
        ("a.[c]", ["a.c"], ["abc"]),
        ("[*?]", ["*", "?"], ["a"]),
    ],
)
def test_a_glob_is_what_go_calls_a_match(
    source: str, matching: list[str], others: list[str]
) -> None:
    pattern = glob(source)
    assert [path for path in matching if not pattern.matches(path)] == []
    assert [path for path in others if pattern.matches(path)] == []


@pytest.mark.parametrize("source", ["a[", "[]", "[^]", "[a-]", "[-]", "*\\", "x/[a-"])
def test_a_malformed_glob_is_an_error(source: str) -> None:
    with pytest.raises(SpecError, match="not a legal pattern"):
        glob(source)


def test_a_glob_knows_where_it_can_match() -> None:
    pattern = glob("src/a*/[bc]/*.py")
    assert pattern.reaches_into("ab")
    assert pattern.reaches_into("ab/c")
    assert not pattern.reaches_into("b")
    assert not pattern.reaches_into("ab/d")
    assert not pattern.reaches_into("ab/c/x.py")
    assert glob("[^a]*/x").reaches_into("any/where")


NAMES = st.sampled_from(["a", "b", "ab", "a.b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PARTS = st.sampled_from(["a", "b", "ab", "a.b", "*", "**", "a*", "*b", "?", "[ab]", "[^a]*"])
PATTERNS = st.builds(
    str.__add__,
    st.sampled_from(["", "", "!"]),
    st.lists(PARTS, min_size=1, max_size=4).map("/".join),
)


def moby(ignore: IgnoreFile, path: str) -> bool:
    """``MatchesUsingParentResults`` of patternmatcher, folder by folder, without shortcuts."""
    parent = [False] * len(ignore.rules)
    matched = False
    for depth in range(path.count("/") + 1):
        prefix = "/".join(path.split("/")[: depth + 1])
        matched, here = False, [False] * len(ignore.rules)
        for index, rule in enumerate(ignore.rules):
            match = parent[index]
            if not match:
                if rule.negated != matched:
                    continue
                match = bool(rule.match(prefix))
            here[index] = match
            if match:
                matched = not rule.negated
        parent = here
    return matched


@given(st.lists(PATTERNS, max_size=6), PATHS)
def test_the_shortcuts_change_nothing(patterns: list[str], path: str) -> None:
    ignore = IgnoreFile.parse("\n".join(patterns))
    assert ignore.matches(path) == moby(ignore, path)


@given(st.lists(PATTERNS, max_size=6), PATHS, PATHS)
def test_nothing_is_included_where_no_negation_reaches(
    patterns: list[str], folder: str, below: str
) -> None:
    ignore = IgnoreFile.parse("\n".join(patterns))
    if ignore.matches(folder) and not ignore.reaches_into(folder):
        assert ignore.matches(f"{folder}/{below}")


@given(
    PARTS.flatmap(lambda part: st.lists(PARTS, max_size=3).map(lambda more: [part, *more])), PATHS
)
def test_a_glob_reaches_every_folder_of_what_it_matches(parts: list[str], path: str) -> None:
    pattern = glob("*/" + "/".join(parts))
    if pattern.matches(path):
        folders = path.split("/")
        assert all(pattern.reaches_into("/".join(folders[:end])) for end in range(1, len(folders)))


def docker_py(patterns: list[str], path: str) -> bool:
    matcher = PatternMatcher(list(patterns))
    return bool(matcher.matches(path))  # type: ignore[arg-type]  # the stubs want a PathLike


PLAIN = st.lists(
    st.sampled_from(["a", "b", "ab", "a.b", "*", "a*", "*b", "?"]), min_size=1, max_size=4
).map("/".join)


@given(st.lists(st.one_of(PLAIN, PLAIN.map("**/".__add__)), max_size=5), PATHS)
def test_docker_py_agrees_where_nothing_is_negated(patterns: list[str], path: str) -> None:
    """docker-py looks at one depth of parents per pattern: so it is asked for each folder."""
    prefixes = ["/".join(path.split("/")[: n + 1]) for n in range(path.count("/") + 1)]
    ours = IgnoreFile.parse("\n".join(patterns))
    assert ours.matches(path) == any(docker_py(patterns, prefix) for prefix in prefixes)


@pytest.mark.parametrize(
    ("patterns", "path", "excluded"),
    [
        (["A"], "a", False),
        (["*"], ".dockerignore", True),
        (["a/b", "!a"], "a/b", True),
        (["../a"], "a", False),
        (["[^a]"], "b", True),
        (["a^b*"], "a^b1", False),
        (["**b"], "ab", True),
        (["a\\*"], "a*", True),
    ],
)
def test_where_docker_py_differs_moby_decides(
    patterns: list[str], path: str, *, excluded: bool
) -> None:
    assert IgnoreFile.parse("\n".join(patterns)).matches(path) is excluded
    assert docker_py(patterns, path) is not excluded


def test_many_paths_and_patterns_are_quick() -> None:
    patterns = [f"**/*.ext{n}" for n in range(10)] + [f"dir{n}/*" for n in range(10)]
    patterns += [f"**/cache{n}" for n in range(9)] + ["!dir3/keep"]
    ignore = IgnoreFile.parse("\n".join(patterns))
    folder = ignore.verdict("src")
    started = time.perf_counter()
    verdicts = {ignore.verdict(f"src/file{n}.py", folder) for n in range(100_000)}
    assert verdicts == {ROOT, Verdict()}
    assert time.perf_counter() - started < 5
