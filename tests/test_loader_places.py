"""Where a complaint points that is about a part of a text of several lines."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from releaser.errors import SpecError
from releaser.loader import load, yaml_tree
from releaser.loader.yaml_tree import Map, Text, parse

HEAD = "version: 1\nimages:\n  api:\n    labels:\n"


def places(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load(text.encode(), "images.yaml", project="folder")
    return [str(one.at).removeprefix("images.yaml:") for one in caught.value.problems]


@pytest.mark.parametrize(
    "written",
    [
        "|\n        a\n        b {{nope}}",
        "|-\n        a\n        b {{nope}}\n\n",
        "|+\n        a\n        b {{nope}}\n\n",
        "|2-\n        a\n        b {{nope}}",
        "| # said in lines\n        a\n        b {{nope}}",
        "&lines |\n        a\n        b {{nope}}",
        "!!str |\n        a\n        b {{nope}}",
        "|\n\n        b {{nope}}",
        "|\n        {{image}}\n        b {{nope}}",
        ">\n        a\n        b {{nope}}",
        ">-\n        a\n        b {{nope}}\n\n        c",
        '"a\n        b {{nope}}"',
        '"a\\\n        b {{nope}}"',
        '"\\x41\\t\\u00e4 \\\\\n        b {{nope}}"',
        "'it''s\n        b {{nope}}'",
        "a\n        b {{nope}}",
        '"a {{image}}\n        b {{nope}}\n        {{other}}"',
    ],
)
@pytest.mark.parametrize("pure", [False, True])
def test_a_placeholder_is_pointed_at(
    written: str, pure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if pure:
        monkeypatch.setattr(yaml_tree, "_PARSER", yaml.SafeLoader)
    text = f"{HEAD}      d: {written}\n"
    above = text.partition("{{nope}}")[0].split("\n")
    assert above[-1] == "        b "
    assert places(text) == [f"{len(above)}:11"]
    assert places(text.replace("\n", "\r\n")) == [f"{len(above)}:11"]


def test_a_folded_text_may_be_pointed_at_further_down() -> None:
    assert places(f"{HEAD}      d: >\n        a\n\n          b\n        ü c {{{{nope}}}}\n") == [
        "9:13"
    ]


def test_a_brace_that_is_not_closed_is_pointed_at() -> None:
    assert places(f"{HEAD}      d: |\n        {{{{image}}}}\n        a {{{{sha }}\n") == ["7:11"]


def test_a_line_that_names_a_value_is_pointed_into() -> None:
    assert places(f"{HEAD}      - |\n        d=\n        a {{{{nope}}}}\n") == ["7:11"]


def test_a_variable_with_a_placeholder_is_pointed_into() -> None:
    text = "version: 1\nvars:\n  d: |\n    one\n    two {{sha}}\nimages: {api: {context: .}}\n"
    assert places(text) == ["5:9"]


RULES = """\
type=semver,pattern={{version}}
# type=bogus

  type=bogus
type=raw,value={{nope}}
type=raw,value=a b
"""


@pytest.mark.parametrize(
    ("head", "indent", "begin"),
    [
        ("version: 1\nimages:\n  api:\n    tags: |", 6, 5),
        ("version: 1\nimages: {api: {tags: t}}\ntag_policies:\n  t: |", 6, 5),
        ("version: 1\nimages: {api: {tags: t}}\ntag_policies:\n  t:\n    rules: |", 6, 6),
    ],
)
def test_every_rule_of_a_block_has_its_place(head: str, indent: int, begin: int) -> None:
    block = "".join(f"{' ' * indent}{line}\n" for line in RULES.splitlines())
    found = places(f"{head}\n{block}")
    assert found == [f"{begin + 3}:{indent + 3}", f"{begin + 4}:{indent + 1}"]


def test_what_is_wrong_between_images_has_its_rule() -> None:
    text = "version: 1\nimages:\n  api:\n    tags: |\n      {{version}}\n      a b\n"
    assert places(text) == ["6:7"]


def test_a_comment_among_rules_is_pointed_at() -> None:
    text = "version: 1\nimages:\n  api:\n    tags: |\n      {{version}}\n      # or {{nope}}\n"
    assert places(text) == ["6:12"]


def test_a_part_that_is_wrong_is_said_once() -> None:
    text = "version: 1\nimages:\n  api:\n    context: |-\n      a\n      {{nope}}\n"
    assert places(text) == ["6:7"]


@settings(max_examples=300)
@given(
    st.lists(st.text("ab'\"\\#:äπ \t", min_size=1, max_size=12), min_size=1, max_size=6),
    st.sampled_from([None, "|", ">", "'", '"']),
    st.sampled_from([2, 4]),
    st.integers(8, 40),
)
def test_what_is_seen_is_found_where_it_stands(
    lines: list[str], style: str | None, indent: int, width: int
) -> None:
    value = "\n".join([*lines, "@", *lines])
    text = yaml.dump(
        {"k": {"d": value}},
        default_style=style,
        indent=indent,
        width=width,
        allow_unicode=True,
    )
    root, _ = parse(text, "images.yaml")
    assert isinstance(root, Map)
    inner = root.entries["k"].value
    assert isinstance(inner, Map)
    node = inner.entries["d"].value
    assert isinstance(node, Text)
    assert node.value == value
    if node.written is not None:
        line, column = node.place(value.index("@"))
        assert text.split("\n")[line - 1][column - 1] == "@"
