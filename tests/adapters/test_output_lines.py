"""What a build prints, in pieces of any size: nothing of a secret, of a terminal, of great size."""

from __future__ import annotations

import base64
import itertools
import tracemalloc
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from releaser.core.redaction import MASK, Redactor
from releaser.core.secret_forms import is_sought
from releaser.engines.output_lines import LONGEST_LINE, OutputLines

SECRET = "hunter-22/ünïcode&more"


def printed(pieces: Iterable[bytes], *secrets: str) -> list[str]:
    lines = OutputLines(Redactor([one.encode() for one in secrets]).hide)
    return [line for piece in pieces for line in lines.feed(piece)] + lines.end()


def pieces(content: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(content) + 1) for cut in cuts} | {0, len(content)})
    return [content[a:b] for a, b in itertools.pairwise(places)]


@given(
    st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp")), min_size=6).filter(
        is_sought
    ),
    st.lists(st.integers(min_value=0), max_size=12),
    st.sampled_from(["raw", "base64", "login"]),
    st.sampled_from(["", "\x1b[31m", "x" * LONGEST_LINE, "x" * (LONGEST_LINE - 4)]),
)
def test_no_secret_survives_any_cut(value: str, cuts: list[int], how: str, before: str) -> None:
    written = {
        "raw": value.encode(),
        "base64": base64.b64encode(value.strip().encode()),
        "login": base64.b64encode(b"u:" + value.strip().encode()),
    }[how]
    content = b"first\n" + before.encode() + written + b" behind\nlast\n"
    found = printed(pieces(content, cuts), value)
    assert (found[0], found[-2:]) == ("first", ["last"]) or found[-1] == "last"
    for form in (value.strip(), base64.b64encode(value.strip().encode()).decode().rstrip("=")):
        assert form not in "\n".join(found).replace(MASK, "\0")


@given(st.binary(max_size=400), st.lists(st.integers(min_value=0), max_size=8))
def test_where_pieces_end_does_not_matter(content: bytes, cuts: list[int]) -> None:
    whole = printed([content])
    assert printed(pieces(content, cuts)) == whole
    assert not any(set(line) & {"\x1b", "\r", "\n", "\x00", "\u202e"} for line in whole)


def test_a_cut_line_shows_no_part_of_what_it_cuts() -> None:
    (line,) = printed([b"x" * (LONGEST_LINE - 5) + SECRET.encode() + b"tail" * 9], SECRET)
    assert line == "x" * (LONGEST_LINE - 5) + MASK + "ta…"


def test_a_value_coloured_from_within_is_found() -> None:
    assert printed([b"hunter\x1b[1m-22/\xc3\xbcn\xc3\xafcode&more\n"], SECRET) == [MASK]


def test_progress_bars_leave_what_they_end_with() -> None:
    assert printed([b" 1%\r 50%\r", b"100%\r\nnext"]) == ["100%", "next"]


def test_a_line_that_comes_again_and_again_is_counted() -> None:
    assert printed([b"a\n" + b"y\n" * 600 + b"b\n"]) == ["a", "y", "… the same 599 times more", "b"]
    assert printed([b"y\n" * 300]) == ["y"] * 300


def test_a_line_without_an_end_takes_no_memory() -> None:
    lines = OutputLines(Redactor([SECRET.encode()]).hide)
    piece = b"x" * (1 << 16)
    tracemalloc.start()
    for _ in range(800):  # 50 MiB
        assert lines.feed(piece) == []
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    assert lines.feed(b"\nnext\n") == ["x" * LONGEST_LINE + "…", "next"]
