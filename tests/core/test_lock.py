"""The lock as a value: names, reading, comparing, moving."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from releaser.core.lock import (
    Difference,
    Kind,
    Lock,
    Locked,
    Offer,
    chosen,
    differences,
    name_of,
    parse,
    updated,
)
from releaser.core.oci import Digest, Platform, Reference
from releaser.core.platforms import runs_on
from releaser.errors import SpecError

ONE, TWO = Digest("sha256:" + "1" * 64), Digest("sha256:" + "2" * 64)
AMD = (Platform.parse("linux/amd64"),)


def lock(**digests: Digest) -> Lock:
    return Lock({f"{name}:latest": Locked(one, AMD, "2024-02-29") for name, one in digests.items()})


# -- names


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("python", "python:latest"),
        ("docker.io/library/python:latest", "python:latest"),
        ("index.docker.io/python", "python:latest"),
        ("acme/app:1", "acme/app:1"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("docker.io/localhost/app", "docker.io/localhost/app:latest"),
        ("docker.io/library/a/b:1", "docker.io/library/a/b:1"),
        (f"python@{ONE}", None),
        (f"python:3@{ONE}", None),
    ],
)
def test_a_base_has_one_name_however_it_is_written(written: str, name: str | None) -> None:
    assert name_of(written) == name


hosts = st.sampled_from(["", "docker.io/", "localhost/", "localhost:5000/", "ghcr.io/"])
parts = st.sampled_from(["library", "localhost", "a", "b.c", "1", "app"])
references = st.builds(
    lambda host, path, tag: f"{host}{'/'.join(path)}{tag}",
    hosts,
    st.lists(parts, min_size=1, max_size=3),
    st.sampled_from(["", ":1", ":latest"]),
)


@given(references)
def test_a_name_means_what_was_written(written: str) -> None:
    try:
        meant = Reference.parse(written)
    except SpecError:
        return
    name = name_of(written)
    assert name is not None
    found = Reference.parse(name)
    assert (found.repository, str(found.tag)) == (meant.repository, meant.wanted)
    assert name_of(name) == name


def test_what_a_lock_says_of_a_reference() -> None:
    held = lock(python=ONE)
    found = held.of("docker.io/library/python")
    assert found is not None
    assert found.digest == ONE
    assert held.of("python:3") is None
    assert held.of(f"python@{TWO}") is None
    assert held.of("Not A Reference") is None


# -- reading

digests = st.integers(0, 15).map(lambda n: Digest("sha256:" + f"{n:x}" * 64))
platforms = st.sampled_from(["linux/amd64", "linux/arm64", "linux/arm/v7", "windows/amd64"])
entries = st.builds(
    Locked,
    digests,
    st.sets(platforms).map(lambda found: tuple(Platform.parse(one) for one in sorted(found))),
    st.dates().map(lambda day: day.isoformat()),
)
locks = st.dictionaries(
    st.sampled_from(["python:3", "ghcr.io/a/b:1", "localhost:5000/c:x", "d:latest"]), entries
).map(Lock)


@given(locks)
def test_what_is_written_is_read(written: Lock) -> None:
    assert parse(written.as_data()) == (written, ())


def problems(data: dict[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    return [(one.path, one.message) for one in parse(data)[1]]


def entry(**fields: object) -> dict[str, Any]:
    good = {"digest": str(ONE), "platforms": ["linux/amd64"], "date": "2024-02-29"}
    return {
        "version": "1",
        "bases": {"python:3": {k: v for k, v in {**good, **fields}.items() if v != "none"}},
    }


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("digest", "sha256:12", '"sha256:12" is not a digest'),
        ("digest", None, '"digest" in base image "python:3" must be text, not empty'),
        ("digest", [], '"digest" in base image "python:3" must be text, not a list'),
        ("platforms", "x", '"platforms" in base image "python:3" must be a list of text, not "x"'),
        ("date", "2024-02-30", '"2024-02-30" is not a day'),
        ("date", "20240229", '"20240229" is not a day'),
        ("date", "2024-W09-4", '"2024-W09-4" is not a day'),
    ],
)
def test_a_field_that_is_wrong(field: str, value: object, said: str) -> None:
    assert problems(entry(**{field: value})) == [(("bases", "python:3", field), said)]
    assert parse(entry(**{field: value}))[0] == Lock()


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("amd64", '"amd64" is not a platform'),
        ({}, '"platforms" in base image "python:3" must be text, not a map'),
    ],
)
def test_a_platform_that_is_wrong(item: object, said: str) -> None:
    found = problems(entry(platforms=["linux/amd64", item]))
    assert found == [(("bases", "python:3", "platforms", 1), said)]


def test_fields_that_are_missing_or_unknown() -> None:
    found = problems(entry(digest="none", digets="x"))
    assert [message for _, message in found] == [
        'unknown field "digets" in base image "python:3"',
        '"digest" is missing in base image "python:3"',
    ]
    assert [message for _, message in problems({"base": {}})] == [
        'unknown field "base" in the lock',
        '"version" is missing in the lock',
        '"bases" is missing in the lock',
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Python:3", '"Python" is not a repository'),
        (f"python@{ONE}", f'"python@{ONE}" names a digest itself, so there is nothing to lock'),
        (
            "docker.io/library/python:3",
            '"docker.io/library/python:3" is the same base image as "python:3"',
        ),
    ],
)
def test_a_name_that_is_wrong(name: str, said: str) -> None:
    data = entry()
    data["bases"][name] = data["bases"]["python:3"]
    assert problems(data) == [(("bases", name), said)]


def test_a_lock_of_another_version() -> None:
    ((path, message),) = problems({"version": "2", "bases": {}})
    assert (path, message) == (("version",), '"2" is not a version of a lock')


@pytest.mark.parametrize("bases", [None, [], "x"])
def test_bases_that_are_no_map(bases: object) -> None:
    assert [path for path, _ in problems({"version": "1", "bases": bases})] == [("bases",)]


# -- comparing and moving


def test_a_lock_differs_by_what_is_missing_moved_and_unused() -> None:
    now = {"a:latest": ONE, "b:latest": TWO, "new:latest": TWO}
    assert differences(lock(a=ONE, b=ONE, old=ONE), now) == (
        Difference("b:latest", Kind.MOVED, ONE, TWO),
        Difference("new:latest", Kind.MISSING, None, TWO),
        Difference("old:latest", Kind.UNUSED, ONE),
    )


@given(locks, locks)
def test_a_lock_that_is_updated_with_everything_is_current(old: Lock, new: Lock) -> None:
    offers = {name: Offer(one.digest, one.platforms) for name, one in new.entries.items()}
    made = updated(old, new.entries, offers, "2024-03-01")
    now = {name: one.digest for name, one in offers.items()}
    assert differences(made, now) == ()
    for name, one in made.entries.items():
        before = old.entries.get(name)
        if before is not None and before.digest == one.digest:
            assert one == before
        else:
            assert (one.platforms, one.date) == (offers[name].platforms, "2024-03-01")


def test_what_is_not_asked_for_keeps_its_digest_and_what_nobody_needs_goes() -> None:
    made = updated(lock(a=ONE, old=ONE), ["a:latest", "b:latest"], {"b:latest": Offer(TWO)}, "x")
    assert set(made.entries) == {"a:latest", "b:latest"}
    assert made.entries["a:latest"] == lock(a=ONE).entries["a:latest"]


NAMES = ("python:3.12", "python:3.13", "redis:latest")


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ([], NAMES),
        (["python:*"], NAMES[:2]),
        (["docker.io/library/redis"], NAMES[2:]),
        (["redis", "python:3.12"], (NAMES[0], NAMES[2])),
    ],
)
def test_references_and_globs(patterns: list[str], found: tuple[str, ...]) -> None:
    assert chosen(NAMES, patterns) == found


def test_a_reference_that_nobody_needs() -> None:
    with pytest.raises(SpecError, match='no image needs a base image "pyton:') as caught:
        chosen(NAMES, ["pyton:3.12"])
    assert caught.value.hint == 'did you mean "python:3.12"?'
    assert caught.value.details == (("needed", ", ".join(NAMES)),)


# -- platforms


@pytest.mark.parametrize(
    ("offered", "wanted", "fits"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64", "linux/amd64/v3", True),
        ("linux/amd64/v3", "linux/amd64", False),
        ("linux/arm/v6", "linux/arm/v7", True),
        ("linux/arm/v7", "linux/arm/v6", False),
        ("linux/arm/v7", "linux/arm64", True),
        ("linux/386", "linux/amd64", True),
        ("linux/amd64", "linux/386", False),
        ("linux/arm64", "linux/amd64", False),
        ("windows/amd64", "linux/amd64", False),
    ],
)
def test_what_a_build_takes(offered: str, wanted: str, fits: bool) -> None:
    assert runs_on(Platform.parse(offered), Platform.parse(wanted)) is fits


@pytest.mark.parametrize(
    ("described", "platform"),
    [
        ({"os": "linux", "architecture": "arm64", "variant": "v8"}, "linux/arm64"),
        ({"os": "linux", "architecture": "arm", "variant": "v6"}, "linux/arm/v6"),
        ({"os": "unknown", "architecture": "unknown"}, "None"),
        ({"os": "linux"}, "None"),
        ({"architecture": "amd64"}, "None"),
        ({"os": "linux", "architecture": "amd64", "variant": ""}, "linux/amd64"),
        ({"os": "linux/x", "architecture": "amd64"}, "None"),
        ({"os": 3, "architecture": []}, "None"),
        ({"os": "Bad Os", "architecture": "amd64"}, "None"),
        (None, "None"),
    ],
)
def test_a_platform_that_json_describes(described: object, platform: str) -> None:
    assert str(Platform.described(described)) == platform
