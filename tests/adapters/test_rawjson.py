"""The progress of buildx as it was recorded from a real one (0.29.1), and as it never should be."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.engines.rawjson import (
    LONGEST_PLAIN,
    LONGEST_RECORD,
    LineSplitter,
    Log,
    Plain,
    Record,
    RecordStream,
    Status,
    Vertex,
    clean,
    records,
)

RECORDED = sorted((Path(__file__).parent / "data/rawjson").glob("*.jsonl"))
SAMPLE = (Path(__file__).parent / "data/rawjson/failing-run.jsonl").read_bytes()


def parsed(chunks: Sequence[bytes]) -> list[Record]:
    stream = RecordStream()
    return [record for chunk in chunks for record in stream.feed(chunk)] + list(stream.end())


def pieces(content: bytes, cuts: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    return [content[a:b] for a, b in itertools.pairwise(edges)]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_every_line_of_a_real_stream_is_understood(path: Path) -> None:
    found = parsed([path.read_bytes()])
    assert any(isinstance(record, Vertex) for record in found)
    assert not any(isinstance(r, Plain) and r.text.startswith("{") for r in found)


def test_a_failed_instruction_its_output_and_the_error_are_there() -> None:
    found = parsed([SAMPLE])
    errors = [r for r in found if isinstance(r, Vertex) and r.error]
    assert [r.name for r in errors] == [
        "[3/3] RUN echo before &&     echo second >&2 &&     exit 7"
    ]
    assert errors[0].error.endswith("did not complete successfully: exit code: 7")
    logs = [(r.stream, r.data) for r in found if isinstance(r, Log)]
    assert logs == [(1, b"before\n"), (2, b"second\n")]
    assert Plain("Dockerfile:4") in found


@given(st.lists(st.integers(min_value=0), max_size=30))
def test_any_chunking_gives_the_same_records(cuts: list[int]) -> None:
    assert parsed(pieces(SAMPLE, cuts)) == parsed([SAMPLE])


@given(st.binary(max_size=2000), st.lists(st.integers(min_value=0), max_size=10))
def test_bytes_of_any_kind_are_read_and_chunking_does_not_matter(
    content: bytes, cuts: list[int]
) -> None:
    assert parsed(pieces(content, cuts)) == parsed([content])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["vertexes", "logs", "statuses", "digest", "name", "data", "id"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_json_of_any_shape_is_survived(value: object) -> None:
    for record in records(json.dumps(value).encode()):
        assert isinstance(record, Vertex | Log | Status | Plain)


@pytest.mark.parametrize(
    "line",
    [b"{", b'{"vertexes"', b"[]", b"ERROR: no", b"", b"{" * 100_000, b"null", b'"text"', b"{\xff}"],
)
def test_what_is_no_object_stays_a_plain_line(line: bytes) -> None:
    (record,) = records(line)
    assert isinstance(record, Plain)


def test_a_line_without_end_is_cut_and_the_next_is_whole() -> None:
    lines = LineSplitter(limit=10)
    found = [line for _ in range(50) for line in lines.feed(b"x" * 7)]
    assert found == []
    assert lines.feed(b"\nnext\nla") == [b"x" * 10, b"next"]
    assert lines.end() == [b"la"]
    assert lines.end() == []


def test_a_record_longer_than_the_limit_becomes_a_short_plain_line() -> None:
    content = b'{"logs":"' + b"x" * (LONGEST_RECORD + 5) + b'"}\nnext\n'
    cut, following = parsed([content])
    assert isinstance(cut, Plain)
    assert len(cut.text) == LONGEST_PLAIN + 1
    assert following == Plain("next")


def test_log_data_that_is_no_base64_is_empty() -> None:
    (record,) = records(b'{"logs":[{"vertex":"sha256:1","stream":1,"data":"%%%"}]}')
    assert record == Log("sha256:1", 1, b"")


def test_log_data_is_decoded_and_other_streams_count_as_stdout() -> None:
    data = base64.b64encode(b"h\xc3\xa9").decode()
    line = json.dumps({"logs": [{"vertex": "v", "stream": s, "data": data} for s in (2, 9)]})
    assert list(records(line.encode())) == [Log("v", 2, b"h\xc3\xa9"), Log("v", 1, b"h\xc3\xa9")]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext  ", "plain\ttext"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2K\x1b[1A\x1b[38;5;12mblue\x1b[m", "blue"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b(Btext\x1b=", "text"),
        ("10%\r50%\r100%\r\n", "100%"),
        ("a\x00b\x08c\x7fd\x9be", "abcde"),
        ("safe\u202etxt.exe\u2028", "safetxt.exe"),
        ("\x1b", ""),
        ("\x1b[", ""),
        ("grüße ✓", "grüße ✓"),
    ],
)
def test_lines_for_people_hold_nothing_for_terminals(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text())
def test_clean_text_has_no_control_character_and_stays_clean(text: str) -> None:
    shown = clean(text)
    assert not any(ord(c) < 32 and c != "\t" for c in shown)
    assert clean(shown) == shown
