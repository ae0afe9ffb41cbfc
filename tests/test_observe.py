"""What is asked of the world: each thing once, complaints all at once, and paths people know."""

from __future__ import annotations

import threading

import pytest

from releaser.core.facts import FINGERPRINT_LABEL
from releaser.core.graph import Mention
from releaser.core.oci import Digest, Reference
from releaser.errors import Location, RegistryError, SetupError, SpecError, UnknownError
from releaser.observe import base_digests, concurrently, local_images, registry_facts, seen_from
from tests.build import request
from tests.fakes.engine import FakeEngine
from tests.fakes.registry import FakeRegistry

ONE = Digest("sha256:" + "1" * 64)
PREFIX = "ghcr.io/acme/shop"


def mention(reference: str) -> Mention:
    return Mention(reference, reference, Location("Dockerfile", 1), f"FROM {reference}")


def reference(text: str) -> Reference:
    return Reference.parse(text)


# -- asking many things at once


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_answers_come_in_the_order_of_the_questions(count: int) -> None:
    assert concurrently(lambda n: n * 2, range(count)) == [n * 2 for n in range(count)]


def test_the_first_question_that_fails_is_the_one_that_is_told() -> None:
    def answer(number: int) -> int:
        if number >= 3:
            raise KeyError(number)
        return number

    with pytest.raises(KeyError, match="3"):
        concurrently(answer, range(10))


def test_no_more_questions_at_once_than_workers() -> None:
    lock, now, most = threading.Lock(), 0, 0

    def answer(_: int) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.005)
        with lock:
            now -= 1

    concurrently(answer, range(20), workers=3)
    assert 1 < most <= 3


# -- base images


def test_each_base_is_asked_for_once_and_of_the_engine() -> None:
    engine = FakeEngine(bases={reference("busybox:latest"): ONE})
    registry = FakeRegistry()
    found = base_digests(
        [mention("busybox"), mention("busybox"), mention("no:1")], engine, registry
    )
    assert found == {"busybox": ONE, "no:1": None}
    assert engine.count("resolve") == 2
    assert registry.calls == []


def test_without_an_engine_the_registry_is_asked() -> None:
    registry = FakeRegistry()
    here = registry.seed_image("quay.io/a/b:1")
    registry.fail("digest", "quay.io/a/locked:1", SetupError("log in"))
    registry.fail("digest", "quay.io/a/down:1", RegistryError("503", status=503))
    names = ["quay.io/a/b:1", "quay.io/a/locked:1", "quay.io/a/down:1", "quay.io/a/none:1"]
    found = base_digests([mention(name) for name in names], None, registry)
    assert found == {**dict.fromkeys(names), "quay.io/a/b:1": here}


def test_a_base_that_is_pinned_is_not_asked_for() -> None:
    engine, registry = FakeEngine(), FakeRegistry()
    assert base_digests([mention(f"busybox@{ONE}")], engine, registry) == {f"busybox@{ONE}": ONE}
    assert (engine.calls, registry.calls) == ([], [])


# -- the engine's store


def test_an_image_counts_under_the_tag_of_its_own_fingerprint() -> None:
    candidates = request("a; b: a").candidates()
    engine = FakeEngine()
    fingerprint = str(candidates[0].fingerprint)
    built = Digest("sha256:" + "2" * 64)
    engine.add(ONE, {FINGERPRINT_LABEL: fingerprint}, [reference(f"{PREFIX}/b:1.4.2")])  # inherited
    engine.add(built, {FINGERPRINT_LABEL: fingerprint}, candidates[0].local_names)
    engine.add(Digest("sha256:" + "3" * 64), {}, [reference("busybox:latest")])
    found = local_images(engine, FINGERPRINT_LABEL, candidates)
    assert {name: one.image_id for name, one in found.items()} == {fingerprint: built}
    assert engine.count("images") == 1


def test_an_engine_is_not_asked_about_nothing() -> None:
    engine = FakeEngine()
    assert local_images(engine, FINGERPRINT_LABEL, []) == {}
    assert engine.calls == []


# -- registries


def test_only_tags_that_are_there_are_asked_for() -> None:
    candidates = request("a; b: a").candidates()
    registry = FakeRegistry()
    there = registry.seed_image(f"{PREFIX}/a:latest")
    facts = registry_facts(registry, candidates)
    assert facts.digests[reference(f"{PREFIX}/a:latest")] == there
    assert facts.digests[reference(f"{PREFIX}/a:1.4.2")] is None
    assert facts.digests[candidates[1].published["ghcr"]] is None
    assert {str(one): tags for one, tags in facts.tags.items()} == {
        f"{PREFIX}/a": ("latest",),
        f"{PREFIX}/b": (),
    }
    assert sorted(registry.called("digest")) == [
        str(candidates[0].published["ghcr"]),
        f"{PREFIX}/a:latest",
        str(candidates[1].published["ghcr"]),
    ]
    assert sorted(registry.called("tags")) == [f"{PREFIX}/a", f"{PREFIX}/b"]


def test_images_that_go_nowhere_ask_nothing() -> None:
    registry = FakeRegistry()
    facts = registry_facts(registry, request("a", registries={}).candidates())
    assert (dict(facts.digests), dict(facts.tags), registry.calls) == ({}, {}, [])


@pytest.mark.parametrize("method", ["tags", "digest"])
def test_a_registry_that_would_not_say_leaves_it_unknown(method: str) -> None:
    registry = FakeRegistry()
    registry.seed_image(f"{PREFIX}/a:latest")
    error = RegistryError("it is down", status=503, details=[("status", "503")])
    registry.fail(method, "*", error, times=None)
    with pytest.raises(UnknownError, match="would not say what it holds: it is down") as caught:
        registry_facts(registry, request("a").candidates())
    assert caught.value.code == 6
    assert caught.value.details == (("status", "503"),)
    assert caught.value.hint


def test_rejected_credentials_stay_what_they_are() -> None:
    registry = FakeRegistry()
    registry.fail("tags", "*", SetupError("log in"))
    with pytest.raises(SetupError, match="log in"):
        registry_facts(registry, request("a").candidates())


# -- how complaints show paths


@pytest.mark.parametrize(
    ("folder", "text", "shown"),
    [
        ("", 'there is no "/home/x/p/api/Dockerfile"', 'there is no "api/Dockerfile"'),
        ("sub", 'there is no "/home/x/p/api/Dockerfile"', 'there is no "sub/api/Dockerfile"'),
        ("/home/x/p", "/home/x/p/api", "/home/x/p/api"),
        ("", 'context "/home/x/p"', 'context "."'),
        ("sub", 'context "/home/x/p"', 'context "sub"'),
        ("", "/home/x/project/api", "/home/x/project/api"),
        ("", "/mnt/home/x/p/api", "/mnt/home/x/p/api"),
        ("", "/home/x/p-2 and /home/x/p.old", "/home/x/p-2 and /home/x/p.old"),
    ],
)
def test_paths_as_people_see_them(folder: str, text: str, shown: str) -> None:
    error = SpecError(text, details=[("k", text)], hint=text)
    found = seen_from(error, "/home/x/p", folder)
    assert (found.message, found.details, found.hint) == (shown, (("k", shown),), shown)


def test_places_and_every_complaint_are_kept() -> None:
    first = SpecError("one", at=Location("/p/api/Dockerfile", 3))
    found = seen_from(SpecError.together([first, SpecError("two")]), "/p", "")
    assert [str(one) for one in found.problems] == ["api/Dockerfile:3: one", "two"]


def test_a_project_in_the_root_folder() -> None:
    error = SpecError("/Dockerfile and /etc")
    assert seen_from(error, "/", "").message == "/Dockerfile and /etc"
