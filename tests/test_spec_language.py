"""What holds for every spec: what is printed reads as the same one, and only some orders count."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from releaser.core.graph import choose
from releaser.core.spec import Spec
from releaser.errors import SpecError
from releaser.loader import KnownFiles, Loaded, load
from releaser.reports.resolved import resolved_text
from tests import test_golden_spec as golden_spec

ROOT = Path(__file__).parents[1]
RIGHT = [
    name for name in golden_spec.NAMES if (golden_spec.CASES / name / "resolved.txt").is_file()
]
Data = dict[str, object]
FAST = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without shrinking: it takes minutes, and what is wrong with a document is said with its place."""


def load_text(text: str) -> Loaded:
    return load(text.encode(), "again.yaml", project="other")


def read_again(found: Loaded) -> Spec:
    return load_text(resolved_text(found.document, found.origin)).spec


@pytest.mark.parametrize("case", RIGHT)
def test_what_is_printed_reads_as_the_same_spec(case: str) -> None:
    found = golden_spec.loaded(golden_spec.CASES / case)
    assert read_again(found) == found.spec


def test_the_example_reads_as_itself() -> None:
    found = load((ROOT / "images.yaml.example").read_bytes(), "images.yaml", project="shop")
    assert read_again(found) == found.spec


# Documents with everything in them.


@dataclass(frozen=True)
class Document:
    """A spec of several files, with profiles upon it in an order."""

    files: Mapping[str, Data]
    profiles: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def loaded(self) -> Loaded:
        texts = {
            name: yaml.safe_dump(one, sort_keys=False, allow_unicode=True).encode()
            for name, one in self.files.items()
        }
        return load(
            texts["images.yaml"],
            "images.yaml",
            project="shop",
            variables=self.variables,
            profiles=self.profiles,
            files=KnownFiles(texts),
        )


plain = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=8)
words = plain.filter(lambda text: "{{" not in text)
values = words | st.sampled_from(
    [
        "{{vars.number}}",
        "{{image}}-{{project}}",
        "{{version}}",
        "3.10",
        "no",
        "~",
        "",
        "a: b",
        "- x",
    ]
)
keys = st.sampled_from(["A", "B", "C"])
pairs = st.dictionaries(keys, values | st.none(), max_size=3)
lines = st.lists(keys, max_size=3, unique=True).map(lambda names: [f"{n}=x" for n in names])
platforms = st.lists(st.sampled_from(["linux/amd64", "linux/arm64"]), unique=True)
FIELDS: Mapping[str, st.SearchStrategy[object]] = {
    "args": pairs | lines,
    "labels": pairs,
    "platforms": platforms | st.none(),
    "target": st.sampled_from(["debug", "runtime", None]),
    "push_to": st.sampled_from([["one"], ["one", "two"], "two", None]),
    "tags": st.sampled_from(["own", ["{{version}}"], ["sha-{{sha}}", "latest"], None]),
    "tag_suffix": st.sampled_from(["-x", None]),
    "secrets": st.sampled_from(
        [[{"id": "pip", "file": "pip.txt"}], {"npm": {"env": "NPM"}}, "id=a,env=B", None]
    ),
    "ssh": st.sampled_from(["default", None]),
    "extra_hosts": st.sampled_from([{"a": "1.1.1.1"}, ["a:1.1.1.1", "a=2.2.2.2"], None]),
    "additional_contexts": st.sampled_from([{"lib": "lib"}, ["lib=./lib"], None]),
    "provenance": st.sampled_from(["true", "mode=max", "false", None]),
    "no_cache": st.sampled_from(["yes", "false"]),
    "shm_size": st.sampled_from(["1g", "64m"]),
    "cache_from": st.sampled_from(["type=gha", ["type=gha"]]),
}
MATRIX = {
    "matrix": {
        "python": ["3.10", "3.11"],
        "os": ["a", "b"],
        "exclude": [{"python": "3.10", "os": "a"}],
        "include": [{"python": "3.12", "os": "c", "more": "x"}, {"os": "b", "extra": "y"}],
    },
    "name": "{{image}}-{{matrix.python}}-{{matrix.os}}",
}


def fields(of: st.DrawFn) -> Data:
    names = of(st.lists(st.sampled_from(sorted(FIELDS)), max_size=4, unique=True))
    return {name: of(FIELDS[name]) for name in names}


@st.composite
def images(of: st.DrawFn, names: tuple[str, ...], others: tuple[str, ...]) -> Data:
    """Some images, which extend those before them and ``others``."""
    found: Data = {}
    for name in names:
        image: Data = {"context": name, **fields(of)}
        above = (*others, *found)
        extends: bool = of(st.booleans())
        if above and extends:
            image["extends"] = of(st.lists(st.sampled_from(above), max_size=2, unique=True))
        if of(st.integers(0, 3)) == 0:
            image |= MATRIX
        if of(st.integers(0, 3)) == 0:
            image["enabled"] = of(st.sampled_from(["false", "{{vars.on}}", "yes"]))
        need = of(st.sampled_from([None, ["base"], {"x:1": "base", "y:1": None}, ["few"]]))
        if need is not None:
            image["needs"] = need
        found[name] = image
    return found


@st.composite
def documents(of: st.DrawFn) -> Document:
    """A first file, two that it includes, profiles in all of them."""
    own = of(images(("api", "web"), ()))
    more = {
        "a/images.yaml": of(images(("a1", "a2"), ("web",))),
        "b/images.yaml": of(images(("b1",), ("web", "a1"))),
    }
    profiles = {
        name: {"defaults": fields(of), "vars": {"on": name == "p"}, "images": {"api": fields(of)}}
        for name in ("p", "q")
    }
    first: Data = {
        "version": 1,
        "registries": {"one": "one.example/x", "two": {"prefix": "two.example", "insecure": True}},
        "vars": {"number": 3, "on": of(st.booleans()), "text": of(words)},
        "tag_policies": {"own": {"rules": ["{{version}}"], "flavor": "latest=true"}},
        "groups": {"few": ["base", "a*"], "all": ["few", "api", "b1"]},
        "include": sorted(more),
        "profiles": profiles,
        "defaults": fields(of),
        "images": {"base": {"context": "base"}, **own},
    }
    files: dict[str, Data] = {"images.yaml": first}
    for name, declared in more.items():
        late = {"p": {"defaults": fields(of)}}
        files[name] = {"defaults": fields(of), "images": declared, "profiles": late}
    chosen = of(st.permutations(["p", "q"]))[: of(st.integers(0, 2))]
    variables = of(st.sampled_from([{}, {"number": "7"}, {"text": "x y"}]))
    return Document(files, tuple(chosen), variables)


@settings(max_examples=120, phases=FAST)
@given(documents())
def test_any_spec_reads_as_itself(document: Document) -> None:
    found = document.loaded()
    again = load_text(resolved_text(found.document, found.origin))
    assert again.spec == found.spec
    assert resolved_text(again.document, str) == resolved_text(found.document, str)


def meant(spec: Spec) -> object:
    """A spec without the orders that follow from that of its images."""
    found = spec.model_dump()
    found["groups"] = {name: set(one) for name, one in found["groups"].items()}
    for image in found["images"].values():
        image["needs"] = set(map(tuple, image["needs"]))
    return found


def shuffled(value: object, order: random.Random) -> object:
    """The same data with the keys of maps in another order; lists stay, and so do the axes of a
    matrix, by whose order variants without a name of their own are called."""
    if isinstance(value, dict):
        names = list(value)
        order.shuffle(names)
        return {
            key: value[key] if key == "matrix" else shuffled(value[key], order) for key in names
        }
    return [shuffled(item, order) for item in value] if isinstance(value, list) else value


@settings(max_examples=80, phases=FAST)
@given(documents(), st.randoms(use_true_random=False))
def test_the_order_of_keys_files_and_images_means_nothing(
    document: Document, order: random.Random
) -> None:
    files = {}
    for name, one in document.files.items():
        other = shuffled(one, order)
        assert isinstance(other, dict)
        included = list(other.get("include", []))
        order.shuffle(included)
        files[name] = {**other, "include": included}
    same = Document(files, document.profiles, document.variables)
    assert meant(same.loaded().spec) == meant(document.loaded().spec)


def test_the_order_of_profiles_on_the_command_line_counts() -> None:
    def env(*profiles: str, declared: str = "pq") -> str:
        found = {name: {"defaults": {"args": {"ENV": name}}} for name in declared}
        one: Data = {"version": 1, "profiles": found, "images": {"api": {"context": "."}}}
        return dict(Document({"images.yaml": one}, profiles).loaded().spec.images["api"].args)[
            "ENV"
        ]

    assert (env("p", "q"), env("q", "p")) == ("q", "p")
    assert (env("p", "q", declared="qp"), env("q", "p", declared="qp")) == ("q", "p")


def test_a_chain_is_too_long_in_any_order() -> None:
    def messages(numbers: list[int]) -> list[str]:
        chain = {f"n{n}": {"extends": f"n{n - 1}"} if n else {"context": "."} for n in numbers}
        with pytest.raises(SpecError) as caught:
            Document({"images.yaml": {"version": 1, "images": chain}}).loaded()
        return [one.message for one in caught.value.problems]

    numbers = list(range(60))
    found = messages(numbers)
    assert found == ["images extend each other more than 50 levels"]
    assert messages(numbers[::-1]) == messages(sorted(numbers, key=lambda n: n % 7)) == found


def test_a_group_that_is_needed_means_its_enabled_members() -> None:
    found = golden_spec.loaded(golden_spec.CASES / "groups-needed").spec
    assert found.images["api"].needs == (
        ("base-a", "base-a"), ("tools-1", "tools-1"), ("tools-2", "tools-2")
    )  # fmt: skip
    # An image of a group that needs the whole group does not need itself.
    found = golden_spec.loaded(golden_spec.CASES / "groups-of-groups").spec
    assert set(dict(found.images["api-2"].needs)) == {"api", "docs"}


def test_what_needs_says_itself_comes_before_a_group() -> None:
    text = "version: 1\ngroups: {g: [a, b]}\nimages:\n  a: {context: a}\n  b: {context: b}\n"
    found = load_text(text + "  c: {context: c, needs: {g: g, a: ~, 'x:1': b}}\n").spec
    assert dict(found.images["c"].needs) == {"a": None, "b": "b", "x:1": "b"}


OFF = """\
version: 1
vars: {debug: false}
groups: {none: [dbg, "t*"], some: [dbg, a]}
images:
  a: {context: c}
  dbg: {context: c, enabled: false}
  tools:
    context: c
    matrix: {p: [1, 2]}
    enabled: "{{vars.debug}}"
"""


@pytest.mark.parametrize(
    ("pattern", "place", "message"),
    [
        ("dbg", "6:30", 'image "dbg" is declared, but not enabled'),
        ("tools-1", "10:14", 'image "tools-1" is declared, but not enabled'),
        ("too*", "10:14", 'no image that matches "too*" is enabled'),
        ("tools", "7:3", 'no image of group "tools" is enabled'),
        ("none", "3:10", 'no image of group "none" is enabled'),
    ],
)
def test_what_is_not_enabled_is_not_unknown(pattern: str, place: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        choose(load_text(OFF).spec, [pattern])
    assert (caught.value.message, str(caught.value.at)) == (message, f"again.yaml:{place}")
    assert caught.value.hint


def test_what_is_enabled_is_chosen_beside_what_is_not() -> None:
    spec = load_text(OFF).spec
    assert choose(spec, ["some"]) == choose(spec, ["*"]) == ("a",)
    with pytest.raises(SpecError, match='unknown image "b"'):
        choose(spec, ["b"])
