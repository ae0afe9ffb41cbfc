"""Faults of one registry of two, of one image of many, and tags that may not be written."""

from __future__ import annotations

import pytest

from tests.fakes.registry import image
from tests.faults.actions import answer, first, manifests, refuse
from tests.faults.exchange import Exchange
from tests.faults.outcome import FAIL, OK, PARTIAL, REFUSED, UNTOUCHED, Judge, Observed
from tests.faults.project import NOWHERE, Project
from tests.faults.proxy import Proxy

ANY = manifests()
UPLOAD = "/blobs/uploads/"


@pytest.fixture
def both(
    project: Project, second: Proxy, observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> Judge:
    """The content is in both registries: only public tags are written."""
    assert second.host in project.targets["s"]
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    project.write()
    project.seed()
    return Judge(project, observed)


def test_f27_a_registry_is_down_from_the_start(both: Judge, second: Proxy) -> None:
    second.refusing = True
    both.expect(UNTOUCHED)


def test_f27_a_registry_is_down_after_the_plan(both: Judge, second: Proxy) -> None:
    project = both.project

    def die(exchange: Exchange) -> None:
        second.refusing = True
        exchange.close()

    second.rule("POST", UPLOAD, die)
    before = project.state()
    ran = project.release()
    assert project.proxy.asked("PUT") == []
    both.judge(ran, UNTOUCHED, before)
    both.repeat()


def test_f28_a_registry_dies_between_the_tags(both: Judge, second: Proxy) -> None:
    def die(exchange: Exchange) -> None:
        second.refusing = True
        exchange.close()

    second.rule("PUT", manifests("1.0"), die)
    ran = both.expect(PARTIAL)
    said = " ".join(ran.err.split())
    assert f"written: {both.project.targets['r']}" in said
    assert f"missing: {both.project.targets['s']}" in said


def test_f29_one_of_twenty_images_fails(
    project: Project, registry: str, observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    project.images = tuple(f"app{n:02}" for n in range(20))
    to = f"{project.proxy.host}/to-{project.name}"
    project.targets = {"from": f"{registry}/{project.name}", "to": to}
    project.write()
    project.seed("from")
    project.proxy.rule("PUT", f"/app01{UPLOAD}", answer(500), times=None)
    judge = Judge(project, observed)
    before = project.state()
    ran = project.release()
    assert project.proxy.asked("PUT", ANY) == []
    judge.judge(ran, FAIL, before)
    judge.repeat()


def test_f29_one_of_five_images_is_not_pushed(pushing: Judge) -> None:
    project = pushing.project
    project.images = tuple(f"app{n}" for n in range(5))
    project.write()
    project.proxy.rule("PUT", f"/app1{UPLOAD}", answer(500), times=None)
    before = project.state()
    ran = project.release()
    assert project.proxy.asked("PUT", ANY) == []
    pushing.judge(ran, FAIL, before)
    pushing.repeat()


def test_f35_one_repository_is_denied(both: Judge, second: Proxy) -> None:
    second.rule("POST", UPLOAD, refuse(403, "DENIED"), times=None)
    both.expect(REFUSED)


def test_f35_manifests_are_denied(pushing: Judge) -> None:
    project = pushing.project
    project.images = ("app", "other")
    project.write()
    project.proxy.rule("PUT", "/other/manifests/", refuse(403, "DENIED"), times=None)
    before = project.state()
    ran = project.release()
    assert len(project.proxy.asked("PUT", "/other/manifests/")) == 1
    pushing.judge(ran, FAIL, before)
    pushing.repeat()


def test_f36_the_same_content_is_there_and_immutable(tagging: Judge) -> None:
    project = tagging.project
    theirs = project.seeded["app"]
    fault = first(lambda: project.write_tag("1.0.0", theirs), refuse(400, "TAG_INVALID"))
    project.proxy.rule("PUT", manifests("1.0.0"), fault, times=None)
    tagging.expect(OK)


def test_f37_another_content_is_there(tagging: Judge) -> None:
    project = tagging.project
    project.write_tag("1.0.0", image("other"))
    ran = tagging.expect(frozenset({3}), again=frozenset({3}))
    assert str(image("other").digest) in ran.err


def test_f37_another_content_was_there_first(tagging: Judge) -> None:
    """The registry keeps its tags: ours is refused, and what is there is somebody else's."""
    project = tagging.project
    fault = first(lambda: project.write_tag("1.0.0", image("other")), refuse(400, "TAG_INVALID"))
    project.proxy.rule("PUT", manifests("1.0.0"), fault, times=None)
    tagging.expect(REFUSED, again=REFUSED, foreign={"1.0.0"})
