"""A change of what is used changes the fingerprints of the image and its dependants, and no other.

Projects are generated whole and go through the whole product in memory, so that what is held here
holds for a plan as a user sees it, and for what a run then builds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from releaser.core.fingerprint import COUNTED, NOT_COUNTED
from releaser.core.oci import Digest, Reference
from releaser.core.plan import Mode
from releaser.core.spec import ImageSpec
from releaser.core.steps import BuildStep
from tests.sketches import ALWAYS, NEVER, PARTS, TOOLS, Change, Project, plain_image, projects
from tests.world import BUSYBOX, World

Drawn = tuple[Project, tuple[Change, ...]]
ONE_PLATFORM = "a platform"
MOVED = {"repository", "push_to"}


def fits(project: Project, change: Change) -> bool:
    """Whether a change leaves a sound project: an image has the platforms of what it stands on."""
    alone = project.dependants(change.image) == {change.image} and not project.needs[change.image]
    return change.name != ONE_PLATFORM or alone


def chosen(drawn: Drawn, data: st.DataObject, *, counts: bool) -> tuple[Project, Change]:
    project, changes = drawn
    fitting = [one for one in changes if one.counts is counts and fits(project, one)]
    return project, data.draw(st.sampled_from(fitting))


# -- what counts, and for whom ---------------------------------------------------------------


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


@settings(max_examples=150)
@given(projects(), st.data())
def test_what_is_used_counts_for_the_image_and_all_that_stand_on_it(
    drawn: Drawn, data: st.DataObject
) -> None:
    project, change = chosen(drawn, data, counts=True)
    other = project.editing(change.image, change.edit)
    assert changed(project.prints(), other.prints()) == project.dependants(change.image)


@settings(max_examples=150)
@given(projects(), st.data())
def test_what_is_not_used_counts_for_nobody(drawn: Drawn, data: st.DataObject) -> None:
    project, change = chosen(drawn, data, counts=False)
    assert project.editing(change.image, change.edit).prints() == project.prints()


@pytest.mark.parametrize("part", PARTS)
def test_each_part_alone(part: str) -> None:
    """No change is left to chance: each is made once, to an image that has nothing else."""
    image = PARTS[part].add(plain_image("i0", ()))
    project = Project((image,), {"i0": ()})
    before = project.prints()
    edits = [*PARTS[part].counts.items(), *PARTS[part].does_not.items()]
    same = {name for name, edit in edits if project.editing("i0", edit).prints() == before}
    assert same == PARTS[part].does_not.keys()


def test_what_every_image_has() -> None:
    project = Project((plain_image("i0", ()),), {"i0": ()})
    before = project.prints()
    edits = [*ALWAYS.items(), *NEVER.items()]
    same = {name for name, edit in edits if project.editing("i0", edit).prints() == before}
    assert same == NEVER.keys()


@settings(max_examples=60)
@given(projects(), st.sampled_from([BUSYBOX, TOOLS]))
def test_another_digest_of_a_base_image_counts_where_it_is_reached(
    drawn: Drawn, base: Reference
) -> None:
    project, _ = drawn
    moved = replace(project, bases={**project.bases, base: Digest("sha256:" + "9" * 64)})
    names = {one.name for one in project.images}
    users = {name for name in names if base in reached(project, name)}
    expected = set[str]().union(*(project.dependants(name) for name in users))
    assert changed(project.prints(), moved.prints()) == expected


def reached(project: Project, name: str) -> set[Reference]:
    """The base images that an image stands on itself."""
    text = next(one for one in project.images if one.name == name).dockerfile()
    busybox = not project.needs[name] or "--from=build" in text
    return {base for base, used in ((BUSYBOX, busybox), (TOOLS, "--from=tools:1" in text)) if used}


# -- what order means ------------------------------------------------------------------------


@settings(max_examples=60)
@given(projects(), st.randoms(use_true_random=False))
def test_the_order_of_files_and_of_maps_means_nothing(drawn: Drawn, random: Random) -> None:
    project, _ = drawn
    made = project.world()
    files = [*made.files.items()]
    random.shuffle(files)
    made.files = dict(files)
    made.spec = json.dumps(shuffled(json.loads(made.spec), random))
    found = {one.name: str(one.fingerprint) for one in made.plan().images}
    assert found == project.prints()


def shuffled(value: object, random: Random) -> object:
    """The same maps in another order; what is a list stays as it is."""
    if not isinstance(value, dict):
        return value
    keys = random.sample([*value], len(value))
    return {key: shuffled(value[key], random) for key in keys}


# -- what a run then builds ------------------------------------------------------------------


def built(world: World) -> list[str]:
    return sorted(step.image for batch in world.builder.batches for step in batch)


@settings(max_examples=50)
@given(projects(registries=2), st.sampled_from(Mode), st.booleans(), st.data())
def test_exactly_what_changed_and_what_stands_on_it_is_built(
    drawn: Drawn, mode: Mode, counts: bool, data: st.DataObject
) -> None:
    """What goes to another place is left out: each repository remembers for itself."""
    project, change = chosen(drawn, data, counts=counts)
    assume(change.name not in MOVED)
    made = project.world()
    assert made.release(mode=mode).error is None
    assert built(made) == sorted(project.needs)
    assert made.plan(mode=mode).steps == ()

    made.builder.batches.clear()
    project.editing(change.image, change.edit).into(made)
    assert made.release(mode=mode).error is None
    assert built(made) == (sorted(project.dependants(change.image)) if counts else [])
    assert made.plan(mode=mode).steps == ()


# -- field by field --------------------------------------------------------------------------

FIELDS: dict[str, tuple[object, object]] = {
    "context": ("one", "two"),
    "dockerfile": ("Dockerfile", "more.Dockerfile"),
    "target": ("first", "second"),
    "args": ({"MODE": "a"}, {"MODE": "b"}),
    "labels": ({"a": "1"}, {"a": "2"}),
    "platforms": (["linux/amd64"], ["linux/arm64"]),
    "needs": ({"up": "left"}, {"up": "right"}),
    "secrets": ([{"id": "a", "env": "A"}], [{"id": "b", "env": "A"}]),
    "ssh": (["default"], ["deploy"]),
    "extra_hosts": (["a=10.0.0.1"], ["a=10.0.0.2"]),
    "network": ("none", "host"),
    "additional_contexts": ({"conf": "conf1"}, {"conf": "conf2"}),
    "repository": ("here", "there"),
    "push_to": (["r"], []),
    "tags": (["one"], ["two"]),
    "tag_suffix": ("-a", "-b"),
    "oci_labels": (False, True),
    "provenance": (False, True),
    "no_cache": (False, True),
    "pull": (False, True),
    "shm_size": ("1g", "2g"),
    "cache_from": (["type=gha"], []),
    "cache_to": (["type=gha"], []),
}
"""Two values of every field that lead to something else in ``FILES``."""

HOW = {"no_cache", "pull", "shm_size", "cache_from", "cache_to"}
"""The fields that a builder gets to see although they do not count."""

TEXT = "FROM up AS first\nARG MODE\nCOPY f /\nCOPY --from=conf c /\nFROM first AS second\nRUN x\n"
FILES = {
    **{f"{one}/Dockerfile": f"FROM busybox\nLABEL of={one}\n" for one in ("left", "right")},
    **{f"{one}/Dockerfile": TEXT for one in ("one", "two")},
    **{f"{one}/f": one for one in ("one", "two")},
    "one/more.Dockerfile": TEXT + "RUN more\n",
    "conf1/c": "1",
    "conf2/c": "2",
}


def with_field(field: str, value: object) -> World:
    usual = {name: values[0] for name, values in FIELDS.items()} | {"target": "second"}
    images = {
        **{name: {"context": name, "platforms": BOTH} for name in ("left", "right")},
        "it": {**usual, field: value},
    }
    registries = {"r": "registry.example/shop"}
    spec = {"version": "1", "project": "p", "registries": registries, "images": images}
    return World(json.dumps(spec), FILES)


BOTH = ["linux/amd64", "linux/arm64"]


def bare_step(world: World) -> BuildStep:
    """What the builder gets, without the names and the labels that a run adds to it."""
    steps = [one.step for one in world.plan().steps]
    (step,) = [one for one in steps if isinstance(one, BuildStep) and one.image == "it"]
    return replace(step, names=(), labels=(), links=())


# An image that is not enabled is not there at all.
@pytest.mark.parametrize("field", [name for name in ImageSpec.model_fields if name != "enabled"])
def test_each_field_counts_as_the_lists_say(field: str) -> None:
    """A field that is in the wrong list, or in none, or that nobody tries, is found here."""
    one, other = (with_field(field, value) for value in FIELDS[field])
    specs = [world.project.spec.images["it"] for world in (one, other)]
    differing = {name for name in FIELDS if getattr(specs[0], name) != getattr(specs[1], name)}
    assert differing == {field}
    first, second = (
        next(image.fingerprint for image in world.plan().images if image.name == "it")
        for world in (one, other)
    )
    assert (first != second) is (field in COUNTED)
    assert (field in COUNTED) is (field not in NOT_COUNTED)
    if field in NOT_COUNTED:
        assert (bare_step(one) != bare_step(other)) is (field in HOW)
