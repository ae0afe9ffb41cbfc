"""Values of secrets are found however they are written, and whatever stands around them."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from releaser.core.redaction import MASK, Needles, Redactor
from releaser.core.secret_forms import (
    PIECE,
    SHORTEST,
    forms,
    is_sought,
    key_forms,
    line_forms,
)

PEM = "-----BEGIN PRIVATE KEY-----\n" + "".join(
    base64.b64encode(bytes((n * 7 + i * 13) % 256 for i in range(48))).decode() + "\n"
    for n in range(26)
)
ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of a url": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 after one": lambda text: base64.b64encode(b"x" + text.encode() + b"yz").decode(),
    "base64 after two": lambda text: base64.b64encode(b"xy" + text.encode() + b"z").decode(),
    "base64 in a login": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "url": lambda text: quote(text, safe=""),
    "url with slashes": quote,
    "url of a form": quote_plus,
    "json": lambda text: json.dumps(text)[1:-1],
    "json with letters": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
}
LETTERS = st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"))
VALUES = st.text(LETTERS, min_size=6, max_size=60).filter(is_sought)


def left(redactor: Redactor, text: str, value: str) -> set[str]:
    """The forms of a value that stand in a text after redaction."""
    hidden = redactor.hide(text)
    needles = Needles(dict.fromkeys(forms(value.encode()), "x"))
    return {hidden[begin:end] for begin, end in needles.spans(hidden)}


@given(VALUES, st.sampled_from(sorted(ENCODINGS)), st.text(max_size=20), st.text(max_size=20))
@example("a/b+c&<d>", "json", "", "")
@example("ünïcödé pässwörd", "url", "%", "%")
def test_no_value_survives(value: str, encoding: str, before: str, after: str) -> None:
    redactor = Redactor([value.encode()])
    written = ENCODINGS[encoding](value.strip())
    hidden = redactor.hide(before + written + after)
    assert MASK in hidden
    assert not left(redactor, before + written + after, value) or value.strip() in MASK * 9


@given(st.lists(VALUES, min_size=1, max_size=6), st.text(max_size=30))
def test_of_several_values_none_survives(values: list[str], between: str) -> None:
    redactor = Redactor([value.encode() for value in values])
    hidden = redactor.hide(between.join(values))
    for value in values:
        assert value.strip() not in hidden.replace(MASK, "\0")


@given(st.text(max_size=200), st.lists(VALUES, max_size=3))
def test_what_holds_no_value_stays_as_it_is(text: str, values: list[str]) -> None:
    found = frozenset().union(*(forms(value.encode()) for value in values))
    if not any(form in text for form in found):
        assert Redactor([value.encode() for value in values]).hide(text) == text


@pytest.mark.parametrize(
    "value", ["", "true", "12345", " abc  ", "Production", "latest\n", "SHA256", "finger"]
)
def test_what_is_short_or_stands_everywhere_is_left_alone(value: str) -> None:
    assert not forms(value.encode())
    assert not is_sought(value)
    assert Redactor([value.encode()]).hide("true 12345 abc production latest") == (
        "true 12345 abc production latest"
    )


def test_documents_of_ours_keep_their_names() -> None:
    """With the name of a field masked, no report could be read back."""

    def names(data: object) -> set[str]:
        match data:
            case dict():
                return set(data).union(*map(names, data.values()))
            case list():
                return set().union(*map(names, data))
            case _:
                return set()

    golden = Path(__file__).parent.parent / "golden"
    documents = [json.loads(path.read_text()) for path in golden.rglob("*.json")]
    found = {name for document in documents for name in names(document)} - {"a:edge", "shop/api"}
    assert {"fingerprint", "digests"} < found
    assert not {name for name in found if is_sought(name) and name.replace("_", "").isalpha()}


@pytest.mark.parametrize("value", ["abcdef", "0123456789", "256:abc", "abcdef0123456"])
def test_a_digest_is_not_hidden_by_chance(value: str) -> None:
    redactor = Redactor([value.encode()])
    digest = "sha256:" + ("abcdef0123456789" * 4)
    text = f"{digest} x@{digest}"
    assert redactor.hide(text) == text
    assert redactor.hide(f"{text} {value} {digest}") == f"{text} *** {digest}"
    assert MASK in redactor.hide(digest[:-1])
    whole = Redactor([b"abcdef0123456789abcdef"])
    assert whole.hide(digest) != digest


def test_longer_values_go_first_and_overlaps_leave_nothing() -> None:
    redactor = Redactor([b"secret-1", b"secret-1-and-more\nsecond line", b"more-there"])
    assert redactor.hide("abc secret-1-and-more / second line secret-1") == "abc *** / *** ***"
    assert redactor.hide("secret-1-and-more-there!") == "***!"


@pytest.mark.parametrize("wrap", [64, 76])
def test_a_key_of_many_lines_leaves_nothing_raw_or_in_wrapped_base64(wrap: int) -> None:
    redactor = Redactor([PEM.encode()])
    for line in PEM.splitlines():
        assert redactor.hide(f"> {line} <") == f"> {MASK} <"
    encoded = base64.b64encode(PEM.encode()).decode()
    rows = [encoded[at : at + wrap] for at in range(0, len(encoded), wrap)]
    assert {redactor.hide(row) for row in rows[:-1]} == {MASK}


def test_of_a_file_of_settings_only_what_looks_like_a_key_is_sought_in_images() -> None:
    npmrc = b"registry=https://registry.example/\n//registry.example/:_authToken=npm_0123456789\n"
    found = "\n".join(key_forms(npmrc))
    assert "npm_0123456789" in found
    assert "registry=https://registry.example/" not in found.splitlines()
    assert "registry=https://registry.example/" in line_forms(npmrc)
    assert not key_forms(b"npm_0123456789abc")


def test_long_values_are_sought_in_pieces() -> None:
    value = "".join(f"{n:07d}" for n in range(2000))
    redactor = Redactor([value.encode()])
    assert redactor.longest <= PIECE
    assert "".join(f"{n:07d}" for n in range(1000, 1400)) not in redactor.hide(f"a {value} b")
    assert redactor.hide(value[:PIECE]) == MASK


LARGE_TEXT = "".join(
    f"key{n:05d} {n * 7919:x}\nü-0123456789abcdef-{n:06x}\n" for n in range(10_000)
)
NOISE = bytes((n * n * 31 + n // 7) % 256 for n in range(500_000))
RAW = NOISE.decode("latin-1").replace("\n", "").replace("\r", "")


@pytest.mark.parametrize(
    "value",
    [LARGE_TEXT.encode(), NOISE, base64.b64encode(NOISE)[:500_000], b"a1b2c3\n" * 70_000,
     RAW.encode()[:500_000], b"%<&" * 160_000],
    ids=["lines", "binary", "one line", "the same lines", "no ascii", "what is escaped"],
)  # fmt: skip
def test_a_large_value_costs_little(value: bytes) -> None:
    """More than that many times what it takes on a quiet machine would be no longer linear."""
    began = time.process_time()
    redactor = Redactor([value])
    assert redactor.hide("x" * 1000) == "x" * 1000
    redactor.learn(value, b"another-one")
    Needles(dict.fromkeys(forms(value) | key_forms(value), ""))
    assert time.process_time() - began < 4
    assert redactor.longest <= PIECE


def test_of_a_large_text_nothing_is_left() -> None:
    redactor = Redactor([LARGE_TEXT.encode()])
    assert set(redactor.hide(f"a {LARGE_TEXT.strip()} b")) == set("a b*")
    for line in LARGE_TEXT.splitlines()[1::2][::500]:  # those that look like keys
        assert redactor.hide(f"> {line} <") == f"> {MASK} <"
    for line in (*LARGE_TEXT.splitlines()[:100:9], *LARGE_TEXT.splitlines()[-100::9]):
        for encode in ENCODINGS.values():
            assert not left(redactor, encode(line), line)


@pytest.mark.parametrize("value", [LARGE_TEXT.strip().encode(), NOISE], ids=["text", "binary"])
def test_of_a_large_value_nothing_is_left_in_base64(value: bytes) -> None:
    redactor = Redactor([value])
    for before in (b"", b"x", b"xy"):
        encoded = base64.b64encode(before + value).decode()
        assert len(redactor.hide(encoded).replace(MASK, "")) < 12
    assert "hunter" in redactor.hide("hunter-22")


def test_a_large_value_is_searched_for_in_images_as_well() -> None:
    needles = Needles(dict.fromkeys(forms(NOISE) | key_forms(NOISE), "key"))
    assert needles.found(base64.b64encode(b"z" + NOISE).decode()) == "key"
    middle = LARGE_TEXT.splitlines()[9_001]
    assert middle in key_forms(LARGE_TEXT.encode())
    assert base64.b64encode(middle.encode()).decode() not in key_forms(LARGE_TEXT.encode())
    assert not key_forms(NOISE)
    assert not line_forms(NOISE)


def test_values_that_many_threads_learn_are_all_known() -> None:
    redactor = Redactor()
    values = [f"swordfish-{n:04d}".encode() for n in range(200)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(redactor.learn, values))
    assert {redactor.hide(value.decode()) for value in values} == {MASK}


def test_nothing_that_is_sought_shows_in_reprs() -> None:
    redactor = Redactor([b"hunter-22"])
    assert "hunter" not in repr(redactor) + repr(Needles(dict.fromkeys(forms(b"hunter-22"), "t")))


def test_needles_tell_whose_they_are() -> None:
    needles = Needles({"hunter-22": "pip", "swordfish": "npm"})
    assert needles.found("a swordfish") == "npm"
    assert needles.found("nothing") is None
    assert not Needles({})
    assert Needles({}).found("x") is None


def test_shortest_and_mask_do_not_meet() -> None:
    assert len(MASK) < SHORTEST


def test_a_large_log_is_searched_fast() -> None:
    """Ten times slower than measured on a quiet machine would still pass."""
    line = "#12 4.213 Get:7 http://mirror.example/debian bookworm/main libfoo-dev 1.2.3 [34 kB]\n"
    text = line * 100_000
    redactor = Redactor([b"ghp_0123456789abcdefABCDEF", b"correct-horse-battery", PEM.encode()])
    began = time.process_time()
    assert redactor.hide(text) == text
    assert len(text) / 1e6 / (time.process_time() - began) > 10  # MB/s
