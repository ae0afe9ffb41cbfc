from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.cli.errors import format_error, read_source
from releaser.core.harmless import printable
from releaser.errors import EngineError, Location, SetupError, SpecError


def text_of(error: SpecError, source: str) -> str:
    return format_error(error, read=lambda _file: source)


def test_the_one_shape() -> None:
    error = SpecError(
        'unknown field "taggs"',
        at=Location("images.yaml", 2, 3),
        details=[("allowed", "tags"), ("in", "image")],
        hint='did you mean "tags"?',
    )
    assert text_of(error, "a\n  taggs: x\n").splitlines() == [
        'error: images.yaml:2:3: unknown field "taggs"',
        "  2 |   taggs: x",
        "    |   ^",
        "  allowed: tags",
        "  in:      image",
        'hint: did you mean "tags"?',
    ]


def test_an_error_without_a_place_or_a_hint() -> None:
    assert format_error(SetupError("no engine answers")) == "error: no engine answers\n"


def test_the_output_of_a_step_stands_off_the_margin() -> None:
    error = EngineError("the build failed", output=["::set-output x", "\x1b[31mred"], hint="look")
    assert format_error(error).splitlines() == [
        "error: the build failed",
        "  | ::set-output x",
        "  | \\x1b[31mred",
        "hint: look",
    ]


def test_several_problems_follow_each_other() -> None:
    error = SpecError.together([SpecError("one"), SpecError("two")])
    assert format_error(error) == "error: one\n\nerror: two\n"


@pytest.mark.parametrize(
    "at",
    [Location("f"), Location("f", 1), Location("f", 99, 1), Location("f", 2, 1)],
)
def test_there_is_not_always_a_line_to_show(at: Location) -> None:
    assert text_of(SpecError("x", at=at), "abc\n \n").count("\n") == 1


@pytest.mark.parametrize(
    ("line", "column", "shown", "mark"),
    [
        ("\tx", 2, " x", " ^"),
        ("名x", 2, "名x", "  ^"),
        ("é" * 3 + "x", 4, "éééx", "   ^"),
        ("e\u0301x", 3, "e\u0301x", " ^"),
        ("\x1b[0mx", 5, "\\x1b[0mx", "       ^"),
    ],
)
def test_the_mark_stands_below_the_column(line: str, column: int, shown: str, mark: str) -> None:
    error = SpecError("x", at=Location("f", 1, column))
    assert text_of(error, line).splitlines()[1:] == [f"  1 | {shown}", f"    | {mark}"]


def test_a_long_line_is_cut_around_the_column() -> None:
    error = SpecError("x", at=Location("f", 1, 5_001))
    _, line, mark = text_of(error, "a" * 5_000 + "b" + "c" * 5_000).splitlines()
    assert len(line) <= 110
    assert line[mark.index("^")] == "b"


def test_a_long_message_is_cut() -> None:
    error = SpecError("a" * 1_000_000, details=[("b", "c" * 5_000)], hint="d" * 5_000)
    assert len(format_error(error)) < 7_000


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_like(end: str) -> None:
    error = SpecError("x", at=Location("f", 2, 1))
    assert "  2 | b" in text_of(error, f"a{end}b{end}c")


@given(st.text())
def test_nothing_printed_moves_a_terminal(text: str) -> None:
    assert printable(text).isprintable() or "\xa0" in text or any(c.isspace() for c in text)
    assert not {"\n", "\r", "\x1b", "\u202e", "\t"} & set(printable(text))


def test_sources_are_read_with_care(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"\xef\xbb\xbfa\xff")
    assert read_source(str(path)) == "a\ufffd"
    assert read_source(str(tmp_path)) is None
    assert read_source("/dev/zero") is None
    assert read_source("a\0b") is None
    with path.open("wb") as file:
        file.truncate(1 << 30)
    assert read_source(str(path)) is None


def test_a_line_that_one_error_must_not_repeat_is_repeated_by_none() -> None:
    text = "registries: {o: 'user:hunter2@host/x', n: 'http://foo/x'}\n"
    first = SpecError("a login in it", at=Location("images.yaml", 1))
    second = SpecError("has a scheme", at=Location("images.yaml", 1, 43))
    said = format_error(SpecError.together([first, second]), read=lambda _: text)
    assert "hunter2" not in said
    assert "images.yaml:1:43" in said
