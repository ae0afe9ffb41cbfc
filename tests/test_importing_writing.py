"""The writer of YAML: what it writes is read as what it was, by this loader and by any other."""

from __future__ import annotations

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from releaser.importing.draft import Draft, ImageDraft, Lost
from releaser.importing.writing import WIDTH, scalar, write
from releaser.loader.yaml_tree import List, Map, Node, Null, Text, parse

CHARACTERS = st.characters(
    categories=("L", "M", "N", "P", "S", "Z", "Cc", "Cf", "Co"), exclude_characters="\0"
)
TEXTS = st.one_of(
    st.text(CHARACTERS, max_size=30),
    st.text("{}[]:,#&*!|>'\"%@`-? ~=.\\\n\t0123456789eEx_nulltrue/", max_size=12),
    st.sampled_from(["3.10", "010", "no", "~", "{{version}}", "*x", "1e3", "0x1F", "<<", "=",
                     "12:30", "2020-01-01", "null", "a: b", "a #b", "- a", "---", "...", "",
                     "\x85", "\u2028"]),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


def plain(node: Node) -> object:
    match node:
        case Text():
            return node.value
        case Null():
            return None
        case List():
            return [plain(one) for one in node.items]
        case Map():
            return {key: plain(entry.value) for key, entry in node.entries.items()}
    raise AssertionError(node)


@given(TEXTS)
def test_a_scalar_is_what_it_was(text: str) -> None:
    assert yaml.safe_load(f"k: {scalar(text)}") == {"k": text}


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES, min_size=1))
def test_values_are_what_they_were_to_every_reader(fields: dict[str, object]) -> None:
    image = ImageDraft("x", fields)  # type: ignore[arg-type]
    text = write(Draft("p", "s", images=(image,)))
    assert yaml.safe_load(text)["images"] == {"x": fields}
    node, complaints = parse(text, "f")
    assert not complaints
    assert node is not None
    found = plain(node)
    assert isinstance(found, dict)
    assert found["images"]["x"] == _as_text(fields)


def _as_text(value: object) -> object:
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            return {key: _as_text(one) for key, one in value.items()}
        case list():
            return [_as_text(one) for one in value]
    return value


@given(st.text(max_size=300))
def test_comments_stay_comments(text: str) -> None:
    image = ImageDraft("x", {"context": "."}, (text,))
    made = Draft("p", text, images=(image,), lost=(Lost(text, text, text),))
    written = write(made)
    assert yaml.safe_load(written) == {
        "version": 1,
        "project": "p",
        "images": {"x": {"context": "."}},
    }
    assert all(len(line) <= WIDTH or " " not in line.strip("# -") for line in written.splitlines())
