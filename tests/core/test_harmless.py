"""Text from outside: nothing in it moves a terminal, hides, or is a command to a CI system."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.harmless import harmless, one_line, printable

NASTY = st.text(
    st.sampled_from("a#[]:;m0\x1b\x07\\\r\n\t\x00\x7f\x9b\x9d\u202e\u2066\u200b\u061c\ufeff")
    | st.characters()
)


TURNING = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def is_harmless(text: str) -> bool:
    hidden = {"Cc", "Zl", "Zp"}
    plain = all(unicodedata.category(c) not in hidden or c in "\t\n" for c in text)
    return plain and "##[" not in text and not TURNING & set(text)


@given(NASTY)
def test_nothing_gets_through(text: str) -> None:
    assert is_harmless(harmless(text))
    assert harmless(harmless(text)) == harmless(text)


@given(NASTY)
def test_one_line_is_one(text: str) -> None:
    line = one_line(text, 50)
    assert is_harmless(line)
    assert "\n" not in line
    assert len(line) <= 51


@given(NASTY)
def test_what_is_quoted_shows_what_was_in_it(text: str) -> None:
    line = printable(text)
    assert is_harmless(line)
    assert not {"\n", "\r", "\t", "\x1b"} & set(line)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;no end\nnext", "\nnext"),
        ("\x1bPdcs\x1b\\x", "x"),
        ("a\u202eb\u2066c\u200bd\u061ce", "abcde"),
        ("##[group]x ##vso[task]", "# #[group]x # #vso[task]"),
        ("#\x00#[error]", "# #[error]"),
        ("# heading ## two [x]", "# heading ## two [x]"),
        ("one\ttwo\nthree", "one\ttwo\nthree"),
        ("tag \U000e0041\U000e007f", "tag "),
    ],
)
def test_what_is_taken_out(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_a_line_end_in_a_command_makes_none() -> None:
    assert "##[" not in one_line("#\n#[group]", 50)
