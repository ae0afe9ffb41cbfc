"""What is kept of an image: packed and unpacked it stays the same, and nothing secret is in it."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.oci import Repository
from releaser.core.record import MAX_BYTES, Record, UnreadableError, record_reference
from tests.build import digest

HASH = "0123456789abcdef" * 4
texts = st.text(max_size=12)
pairs = st.lists(st.tuples(texts, texts), max_size=6).map(tuple)


@given(texts, pairs, st.none() | st.text(min_size=1), st.none() | st.text(min_size=1))
def test_what_is_packed_can_be_unpacked(
    image: str,
    ingredients: tuple[tuple[str, str], ...],
    version: str | None,
    commit: str | None,
) -> None:
    made = Record.of(image, f"sha256:{HASH}", ingredients, version, commit)
    assert Record.unpack(made.pack()) == made
    assert made.pack() == Record.unpack(made.pack()).pack()


def test_names_that_no_encoding_knows_are_kept() -> None:
    made = Record.of("api", "sha256:1", [("file \udcff", "file 644 x")])
    assert Record.unpack(made.pack()) == made


def test_hashes_are_shortened_and_bases_are_not() -> None:
    base = str(digest("debian"))
    kept = Record.of(
        "api", "sha256:1", [("file app.py", f"file 644 {HASH}"), ("base debian:12", base)]
    )
    assert kept.ingredients == (("file app.py", f"file 644 {HASH[:12]}"), ("base debian:12", base))


@pytest.mark.parametrize("name", ["arg NPM_TOKEN", "arg@linux/arm64 DB_PASSWORD"])
def test_what_looks_like_a_secret_is_not_kept_and_can_still_be_compared(name: str) -> None:
    one, two = (Record.of("a", "f", [(name, f"={value}")]).ingredients for value in ("s3", "s4"))
    assert one != two
    assert "s3" not in str(one)


def test_an_arg_without_a_value_and_one_with_an_empty_one_differ() -> None:
    unset, empty = (Record.of("a", "f", [("arg TOKEN", v)]).ingredients for v in ("", "="))
    assert unset != empty


def packed(**fields: object) -> bytes:
    document = {"schema": 1, "image": "a", "fingerprint": "f", "version": "", "commit": ""}
    return zlib.compress(json.dumps({**document, "ingredients": [], **fields}).encode())


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cut off"),
        (b"hello", "cut off"),
        (packed()[:-3], "cut off"),
        (zlib.compress(b"[]"), "no record"),
        (zlib.compress(b"[" * 200_000), "no record"),
        (zlib.compress(b"\xff"), "no record"),
        (packed(schema=2), "schema 2"),
        (packed(image=1), '"image"'),
        (packed(ingredients={}), "ingredients"),
        (packed(ingredients=[["a"]]), "ingredient"),
        (packed(ingredients=[["a", 1]]), "ingredient"),
        (packed(ingredients=["ab"]), "ingredient"),
    ],
)
def test_what_is_no_record_is_said_to_be_none(data: bytes, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        Record.unpack(data)


def test_a_record_that_is_too_large_is_not_unpacked() -> None:
    with pytest.raises(UnreadableError, match="too large"):
        Record.unpack(zlib.compress(b" " * (MAX_BYTES + 1)))


@pytest.mark.parametrize(
    ("version", "commit", "since"),
    [
        ("1.4.2", "a" * 40, "1.4.2 (commit aaaaaaa)"),
        ("1.4.2", None, "1.4.2"),
        (None, "a" * 40, "commit aaaaaaa"),
        (None, None, ""),
    ],
)
def test_what_people_call_a_release(version: str | None, commit: str | None, since: str) -> None:
    assert Record("api", "f", (), version, commit).since == since


def test_every_image_of_a_repository_has_a_record_of_its_own() -> None:
    repository = Repository.parse("ghcr.io/acme/shop")
    names = ["api", "worker-py3.12", "x" * 120, "x" * 121, "x" * 300, "x" * 301]
    tags = {str(record_reference(repository, name).tag) for name in names}
    assert len(tags) == len(names)
    assert "fp-record-api" in tags
