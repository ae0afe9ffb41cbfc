"""Faults while public tags are written: what counts is what can be read back."""

from __future__ import annotations

import pytest

from tests.fakes.registry import image
from tests.faults.actions import (
    after,
    answer,
    at_times,
    close,
    manifests,
    mislabel,
    reset,
    say,
    stale,
    swallow,
)
from tests.faults.outcome import FAIL, OK, PARTIAL, UNKNOWN, Judge
from tests.faults.proxy import Action
from tests.registry_server import Reply, error

ANY = manifests()
ABSENT = error(404, "MANIFEST_UNKNOWN", "manifest unknown")
FIVE_TAGS = (
    'defaults: {tags: ["{{version}}", "{{major}}.{{minor}}", "{{major}}", stable, latest]}\n'
)


def test_f14_a_head_lies_that_the_tag_is_ours(tagging: Judge) -> None:
    ours = str(tagging.project.seeded["app"].digest)
    lie = say(Reply(200, {"Docker-Content-Digest": ours, "Content-Length": "99"}))
    tagging.project.proxy.rule("HEAD", manifests("1.0.0"), lie, times=None, skip=1)
    tagging.expect(OK)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 425, 429])
def test_f15_one_tag_write_fails(tagging: Judge, status: int) -> None:
    tagging.project.proxy.rule("PUT", ANY, answer(status))
    tagging.expect(OK)
    assert len(tagging.project.pace.pauses) > 0


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 415])
def test_a_refusal_is_final(tagging: Judge, status: int) -> None:
    project = tagging.project
    project.proxy.rule("PUT", ANY, answer(status), times=None)
    before = project.state()
    ran = project.release()
    assert len(project.proxy.asked("PUT", ANY)) == 1
    tagging.judge(ran, FAIL, before)
    tagging.repeat()


def test_f16_reset_before_the_registry_saw_it(tagging: Judge) -> None:
    tagging.project.proxy.rule("PUT", ANY, reset, times=2)
    tagging.expect(OK)


@pytest.mark.parametrize("fault", [reset, close], ids=["reset", "close"])
def test_f17_reset_after_the_registry_stored_it(tagging: Judge, fault: Action) -> None:
    tagging.project.proxy.rule("PUT", ANY, after(fault))
    ran = tagging.expect(OK)
    assert "error" not in ran.err


def test_f18_an_error_each_time_after_it_was_stored(tagging: Judge) -> None:
    tagging.project.proxy.rule("PUT", ANY, after(answer(500)), times=None)
    tagging.expect(OK)


def test_f19_accepted_and_never_stored(tagging: Judge) -> None:
    tagging.project.proxy.rule("PUT", ANY, swallow, times=None)
    tagging.expect(UNKNOWN | FAIL)


def test_f19_accepted_and_not_stored_once(tagging: Judge) -> None:
    tagging.project.proxy.rule("PUT", ANY, swallow)
    tagging.expect(OK)


def test_f20_accepted_with_another_digest(tagging: Judge) -> None:
    other = str(image("something else").digest)
    tagging.project.proxy.rule("PUT", ANY, mislabel(other), times=None)
    tagging.expect(OK)


@pytest.mark.parametrize(("times", "ends"), [(1, OK), (None, FAIL)], ids=["once", "always"])
def test_f21_a_web_page_answers(tagging: Judge, times: int | None, ends: frozenset[int]) -> None:
    page = answer(200, b"<html>log in</html>", Content_Type="text/html; charset=utf-8")
    tagging.project.proxy.rule("PUT", ANY, page, times=times)
    ran = tagging.expect(ends)
    assert "text/html" in ran.err or ends is OK


def test_f22_readable_after_five_seconds(tagging: Judge) -> None:
    now = tagging.project.pace.now
    tagging.project.proxy.rule("GET", ANY, stale(5, now, lambda: ABSENT), times=None)
    tagging.expect(OK)


def test_f23_never_readable(tagging: Judge) -> None:
    tagging.project.proxy.rule("GET", ANY, say(ABSENT), times=None)
    ran = tagging.expect(UNKNOWN)
    assert ":1.0.0" in ran.err


def test_f24_the_old_digest_for_ten_seconds(tagging: Judge) -> None:
    project = tagging.project
    old = image("old")
    for tag in ("1.0.0", "1.0", "1", "latest"):
        project.write_tag(tag, old)
    kind = {"Content-Type": old.manifest.media_type}
    was = Reply(200, kind, old.manifest.body)
    project.proxy.rule(
        "GET", manifests("latest"), stale(10, project.pace.now, lambda: was), times=None
    )
    before = project.state()
    ran = project.release("1.1.0")
    writes = len(project.proxy.asked("PUT", manifests("latest")))
    tagging.judge(ran, OK, before)
    assert writes <= 2
    tagging.repeat(version="1.1.0")


@pytest.mark.parametrize("seed", range(4))
def test_f25_reads_that_fail_at_times(tagging: Judge, seed: int) -> None:
    # a share of 4 % hits too few of the requests of so small a release
    fault = at_times(0.2, seed, answer(500))
    tagging.project.proxy.rule("GET|HEAD", "/manifests/", fault, times=None)
    tagging.expect(OK)


def test_f26_the_third_of_five_tags_fails(tagging: Judge) -> None:
    project = tagging.project
    project.settings = FIVE_TAGS
    project.write()
    project.proxy.rule("PUT", manifests("1"), answer(500), times=None)
    ran = tagging.expect(PARTIAL)
    said = {ref.rpartition(":")[2]: one["written"] for ref, one in ran.references().items()}
    assert (said["1.0.0"], said["1.0"], said["1"], said["latest"]) == (True, True, False, False)
    assert "written" in ran.err
    assert "missing" in ran.err
