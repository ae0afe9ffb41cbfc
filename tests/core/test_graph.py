"""Which references are ours, the order of images, selections, and cycles as paths."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.graph import Edge, ImageGraph, Mention, Owners, edges_of, select
from releaser.errors import Location, PlanError, SpecError
from tests.build import BOTH, dags, digraphs, graph, picture, spec

DIGEST = "sha256:" + "a" * 64
SPEC_AT = Location("images.yaml", 3)


def mention(reference: str, name: str | None = None, line: int = 1) -> Mention:
    return Mention(reference, name or reference, Location("Dockerfile", line), f"FROM {reference}")


def edges(
    *mentions: Mention, needs: dict[str, str | None] | None = None, image: str = "api"
) -> tuple[list[tuple[str, tuple[str, ...]]], list[str]]:
    """What ``image`` needs, with the names for it, and the references that are none of ours."""
    owners = Owners.of(spec("base; tools; api", BOTH))
    found, others = edges_of(image, (needs or {}).items(), mentions, owners, SPEC_AT)
    assert all(edge.image == image for edge in found)
    return [(edge.needs, edge.names) for edge in found], [one.reference for one in others]


# -- matching --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "reference"),
    [
        pytest.param("base", "base", id="bare name"),
        pytest.param("base", "ghcr.io/acme/shop/base", id="repository"),
        pytest.param("base", "ghcr.io/acme/shop/base:1.0", id="repository with any tag"),
        pytest.param("base", "docker.io/acme/base", id="other registry"),
        pytest.param("base", "acme/base:2", id="other registry, familiar"),
        pytest.param("base", "index.docker.io/acme/base", id="other registry, alias"),
        pytest.param(None, "base:1.0", id="bare name with a tag"),
        pytest.param(None, "docker.io/library/base", id="official image of the same name"),
        pytest.param(None, "quay.io/acme/shop/base", id="undeclared registry"),
        pytest.param(None, "ghcr.io/acme/shop/other", id="undeclared image"),
        pytest.param(None, f"base@{DIGEST}", id="bare name with a digest"),
        pytest.param(None, f"ghcr.io/acme/shop/base@{DIGEST}", id="digest"),
        pytest.param(None, f"ghcr.io/acme/shop/base:1@{DIGEST}", id="tag and digest"),
        pytest.param(None, "scratch", id="scratch"),
        pytest.param(None, "NOT A reference", id="malformed"),
    ],
)
def test_a_reference_belongs_to(owner: str | None, reference: str) -> None:
    assert owner == Owners.of(spec("base; api", BOTH)).of_reference(reference)


def test_a_repository_of_its_own_is_matched_and_the_default_one_is_not() -> None:
    owners = Owners.of(spec("base", base={"repository": "python-base"}))
    assert owners.of_reference("ghcr.io/acme/shop/python-base:1") == "base"
    assert owners.of_reference("ghcr.io/acme/shop/base:1") is None
    assert owners.of_reference("base") == "base"


def test_an_image_that_goes_nowhere_is_matched_too() -> None:
    owners = Owners.of(spec("base", base={"push_to": []}))
    assert owners.of_reference("ghcr.io/acme/shop/base:1") == "base"


def test_of_two_images_in_one_repository_the_first_is_meant() -> None:
    owners = Owners.of(spec("b; a", every={"repository": "both"}))
    assert owners.of_reference("ghcr.io/acme/shop/both") == "b"


# -- edges -----------------------------------------------------------------------------------


def test_the_dockerfile_gives_edges_and_outside_images() -> None:
    found = edges(mention("base"), mention("alpine:3"), mention("tools"))
    assert found == ([("base", ("base",)), ("tools", ("tools",))], ["alpine:3"])


def test_several_names_for_one_image_are_one_edge_at_the_first_place() -> None:
    owners = Owners.of(spec("base; api"))
    mentions = (
        mention("base", line=1),
        mention("ghcr.io/acme/shop/base:1", line=2),
        mention("base", line=3),
    )
    (edge,), _ = edges_of("api", (), mentions, owners, SPEC_AT)
    assert edge.names == ("base", "ghcr.io/acme/shop/base:1")
    assert str(edge) == "Dockerfile:1 FROM base"


def test_a_reference_to_itself_is_an_outside_image() -> None:
    assert edges(mention("api")) == ([], ["api"])
    assert edges(mention("ghcr.io/acme/shop/api:1")) == ([], ["ghcr.io/acme/shop/api:1"])


@pytest.mark.parametrize(
    ("expected", "needs"),
    [
        pytest.param(([("base", ("base",))], ["python:3"]), {}, id="nothing said"),
        pytest.param(([("base", ("base",)), ("tools", ())], ["python:3"]), {"tools": "tools"},
                     id="adds"),
        pytest.param(([("base", ("base",))], ["python:3"]), {"base": "base"}, id="repeats"),
        pytest.param(([("tools", ("base",))], ["python:3"]), {"base": "tools"}, id="overrides"),
        pytest.param(([], ["base", "python:3"]), {"base": None}, id="null: not one of ours"),
        pytest.param(([("base", ("base", "python:3"))], []), {"python:3": "base"},
                     id="gives an outside one"),
        pytest.param(([("base", ("base",))], ["python:3"]), {"api": "api"}, id="itself: nothing"),
    ],
)  # fmt: skip
def test_needs_wins_over_the_dockerfile(
    expected: tuple[list[tuple[str, tuple[str, ...]]], list[str]], needs: dict[str, str | None]
) -> None:
    assert expected == edges(mention("base"), mention("python:3"), needs=needs)


def test_an_edge_that_only_needs_shows_stands_in_the_spec() -> None:
    owners = Owners.of(spec("base; api"))
    (edge,), _ = edges_of("api", [("base", "base")], (), owners, SPEC_AT)
    assert str(edge) == "images.yaml:3 needs: base"


def test_another_name_for_one_of_ours_is_found_by_its_reference() -> None:
    assert edges(mention("base", name="os")) == ([("base", ("os",))], [])


# -- order -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "text"),
    [
        ("a", "a"),
        ("b a c", "b; a; c"),
        ("a b c", "c: b; b: a; a"),
        ("base lib tool app", "app: lib tool; base; lib: base; tool: base"),
        ("z a y", "y: a; z; a"),
        ("", ""),
    ],
)
def test_upstreams_come_first_and_then_the_order_of_the_spec(order: str, text: str) -> None:
    assert tuple(order.split()) == graph(text).order


@given(dags())
def test_order_respects_edges(needs: dict[str, tuple[str, ...]]) -> None:
    order = graph(dict(reversed(needs.items()))).order
    assert sorted(order) == sorted(needs)
    assert all(order.index(need) < order.index(image) for image in needs for need in needs[image])


@given(dags(), st.data())
def test_order_of_the_others_stays_when_an_unrelated_image_moves(
    needs: dict[str, tuple[str, ...]], data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(needs)))
    items = [*needs.items()]
    items.insert(position, ("UNRELATED", ()))
    moved = graph(dict(items)).order
    assert tuple(image for image in moved if image != "UNRELATED") == graph(needs).order


def test_neighbours_and_levels() -> None:
    found = graph("a; b: a; c: a b; d")
    assert found.needs("c") == ("a", "b")
    assert [edge.needs for edge in found.edges_from("b")] == ["a"]
    assert found.dependants("a") == ("b", "c")
    assert found.levels() == {"a": 0, "d": 0, "b": 1, "c": 2}


@pytest.mark.parametrize(
    ("upstreams", "dependants", "chosen"),
    [
        ("a", "a b c e", "a"),
        ("a b c", "c e", "c"),
        ("a d b", "d b c e", "b d"),
        ("a d b c e", "e", "e"),
        ("", "", ""),
    ],
)
def test_closures_come_in_order(upstreams: str, dependants: str, chosen: str) -> None:
    found = graph("a; b: a; c: b; d; e: c d")
    assert found.with_upstreams(chosen.split()) == tuple(upstreams.split())
    assert found.with_dependants(chosen.split()) == tuple(dependants.split())


def test_a_chain_of_two_thousand_needs_no_recursion() -> None:
    names = [f"i{number:04}" for number in range(2000)]
    needs = {name: (names[index - 1],) if index else () for index, name in enumerate(names)}
    begin = time.perf_counter()
    found = graph(dict(reversed(needs.items())))
    assert found.order == tuple(names)
    assert found.with_upstreams([names[-1]]) == tuple(names)
    assert found.levels()[names[-1]] == 1999
    assert time.perf_counter() - begin < 5


def test_a_cycle_of_two_thousand_is_printed_too() -> None:
    names = [f"i{number:04}" for number in range(2000)]
    with pytest.raises(PlanError) as caught:
        graph({name: (names[index - 1],) for index, name in enumerate(names)})
    assert len(caught.value.details) == 2000


# -- cycles ----------------------------------------------------------------------------------


def test_a_cycle_is_printed_as_a_path_with_a_place_for_each_edge() -> None:
    with pytest.raises(PlanError) as caught:
        graph("out; a: out b; b: c; c: b; d: a")
    assert caught.value.code == 3
    assert caught.value.message == "images need each other in a cycle: b → c → b"
    assert caught.value.details == (
        ("b needs c", "b/Dockerfile:1 FROM c"),
        ("c needs b", "c/Dockerfile:1 FROM b"),
    )
    assert "null" in (caught.value.hint or "")


def is_cyclic(needs: dict[str, tuple[str, ...]]) -> bool:
    left = dict(needs)
    while ready := [image for image in left if not set(left[image]) & left.keys()]:
        for image in ready:
            del left[image]
    return bool(left)


@given(digraphs())
def test_a_reported_cycle_is_one_and_each_one_is_reported(
    needs: dict[str, tuple[str, ...]],
) -> None:
    if not is_cyclic(needs):
        assert sorted(graph(needs).order) == sorted(needs)
        return
    with pytest.raises(PlanError) as caught:
        graph(needs)
    steps = [words.split(" needs ") for words, _ in caught.value.details]
    assert all(need in needs[image] for image, need in steps)
    assert [need for _, need in steps] == [image for image, _ in (*steps[1:], steps[0])]
    assert len({image for image, _ in steps}) == len(steps)


def test_graphs_of_the_same_edges_are_equal() -> None:
    assert graph("a; b: a") == graph("a; b: a")
    edge = Edge("b", "a", ("a",), Location("x", 1), "FROM a")
    assert ImageGraph(("a", "b"), (edge,)) != graph("a; b: a")


# -- selection -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "patterns"),
    [
        ("base api api-debug worker", ()),
        ("api", ("api",)),
        ("base worker", ("worker", "base")),
        ("api api-debug", ("api*",)),
        ("api api-debug", ("api", "api*", "api")),
        ("base api api-debug worker", ("*",)),
        ("base api", ("[ab]???", "api")),
        ("api", ("ap?",)),
    ],
)
def test_names_and_globs_choose_images(chosen: str, patterns: tuple[str, ...]) -> None:
    images = ("base", "api", "api-debug", "worker")
    assert tuple(chosen.split()) == select(images, patterns)


@pytest.mark.parametrize(
    ("message", "hint", "pattern"),
    [
        ('unknown image "wroker"', 'did you mean "worker"?', "wroker"),
        ('unknown image "zzzz"', None, "zzzz"),
        ('unknown image "API"', 'did you mean "api"?', "API"),
        ('no image matches "front*"', None, "front*"),
    ],
)
def test_a_pattern_that_means_nothing(message: str, hint: str | None, pattern: str) -> None:
    with pytest.raises(SpecError) as caught:
        select(("base", "api", "worker"), ("api", pattern))
    assert caught.value.code == 2
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert caught.value.details == (("declared", "base, api, worker"),)


def test_of_many_declared_images_a_dozen_are_shown() -> None:
    with pytest.raises(SpecError) as caught:
        select([f"image{number}" for number in range(40)], ["nothing"])
    ((_, shown),) = caught.value.details
    assert shown.endswith("image11 … (40 in all)")


def test_a_picture_reads_as_written() -> None:
    assert picture("a; b: a ; c: a b;") == {"a": (), "b": ("a",), "c": ("a", "b")}
