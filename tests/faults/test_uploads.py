"""Faults while content is uploaded, by the engine and by releaser's own copies."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from tests.faults.actions import (
    after,
    answer,
    cut,
    lie_of_a_blob,
    mislabel,
    refuse,
    reset,
    say,
)
from tests.faults.exchange import Exchange
from tests.faults.outcome import FAIL, OK, Codes, Judge
from tests.faults.proxy import Action
from tests.registry_server import Reply, document

UPLOAD = r"/blobs/uploads/"
CONTENT = r"/manifests/fp-[0-9a-f]+$"
CHECKED = 1
"""The first upload is begun by the preflight, to see whether it may be."""


@pytest.fixture(params=["copying", pytest.param("pushing", marks=pytest.mark.engine)])
def uploading(request: pytest.FixtureRequest) -> Judge:
    found: Judge = request.getfixturevalue(request.param)
    return found


def by_engine(judge: Judge) -> bool:
    return "to" not in judge.project.targets


def test_f01_two_uploads_cannot_begin(uploading: Judge) -> None:
    proxy = uploading.project.proxy
    proxy.rule("POST", UPLOAD, answer(500), times=2, skip=CHECKED)
    uploading.expect(OK)


def test_f02_a_bad_gateway(uploading: Judge) -> None:
    uploading.project.proxy.rule("POST", UPLOAD, answer(502), skip=CHECKED)
    uploading.expect(OK)
    assert max(uploading.project.pace.pauses) > 0


def test_f03_wait_as_long_as_asked(copying: Judge) -> None:
    fault = answer(503, Retry_After="2")
    copying.project.proxy.rule("POST", UPLOAD, fault, skip=CHECKED)
    copying.expect(OK)
    assert max(copying.project.pace.pauses) >= 2


@pytest.mark.parametrize("asked", ["3", "date", "soon", "-1"])
def test_f04_too_many_requests(copying: Judge, asked: str) -> None:
    pace = copying.project.pace

    def fault(exchange: Exchange) -> None:
        value = formatdate(pace.today() + 4, usegmt=True) if asked == "date" else asked
        exchange.reply(Reply(429, {"Retry-After": value}))

    copying.project.proxy.rule("POST", UPLOAD, fault, times=3, skip=CHECKED)
    copying.expect(OK)
    assert sum(pause > 0 for pause in pace.pauses) >= 3
    if asked in {"3", "date"}:
        assert max(pace.pauses) >= 2.5
    assert max(pace.pauses) < 10


def test_f04_asked_to_wait_for_years(copying: Judge) -> None:
    fault = answer(429, Retry_After="1000000000")
    copying.project.proxy.rule("POST", UPLOAD, fault, times=None, skip=CHECKED)
    copying.project.pace.factor = 400
    copying.expect(FAIL)
    assert 120 <= max(copying.project.pace.pauses) < 125


def test_f05_too_many_requests_for_ever(uploading: Judge) -> None:
    proxy = uploading.project.proxy
    proxy.rule("POST", UPLOAD, answer(429), times=None, skip=CHECKED)
    before = uploading.project.state()
    ran = uploading.project.release()
    made = len(proxy.asked("POST", UPLOAD))
    uploading.judge(ran, FAIL, before)
    # the engine makes up to six tries at each of two blobs without a pause; ours are fifteen,
    # in about a minute
    assert made <= (15 * 12 if by_engine(uploading) else 25)
    uploading.repeat()


def test_f06_blobs_time_out_for_ever(uploading: Judge) -> None:
    proxy = uploading.project.proxy
    proxy.rule("PUT|PATCH", UPLOAD, answer(504), times=None)
    before = uploading.project.state()
    ran = uploading.project.release()
    assert proxy.asked("PUT", "/manifests/") == []
    uploading.judge(ran, FAIL, before)
    uploading.repeat()


@pytest.mark.parametrize(("times", "ends"), [(1, OK), (None, FAIL)], ids=["once", "always"])
def test_f07_reset_of_a_blob(uploading: Judge, times: int | None, ends: Codes) -> None:
    uploading.project.proxy.rule("PUT|PATCH", UPLOAD, reset, times=times)
    uploading.expect(ends)


def test_f08_closed_in_the_middle_of_a_blob(uploading: Judge) -> None:
    project = uploading.project
    if by_engine(uploading):
        project.write({"app": bytes(range(256)) * 4000})
    else:
        project.seed("from", padding=1_000_000)
    project.proxy.rule("PUT|PATCH", UPLOAD, cut(1000))
    uploading.expect(OK)


def test_f09_a_blob_is_stored_and_nobody_says_so(uploading: Judge) -> None:
    proxy = uploading.project.proxy
    proxy.rule("PUT", UPLOAD, after(reset))
    before = uploading.project.state()
    ran = uploading.project.release()
    sent = [entry.path.rpartition("digest=")[2] for entry in proxy.asked("PUT", UPLOAD)]
    uploading.judge(ran, OK, before)
    assert len(sent) == len(set(sent))
    uploading.repeat()


def test_f10_an_upload_is_forgotten(uploading: Judge) -> None:
    proxy = uploading.project.proxy
    proxy.rule("PUT", UPLOAD, refuse(404, "BLOB_UPLOAD_UNKNOWN"))
    uploading.expect(OK)


def test_f11_a_blob_is_lost_once(uploading: Judge) -> None:
    proxy = uploading.project.proxy
    proxy.rule("PUT", CONTENT, refuse(400, "MANIFEST_BLOB_UNKNOWN"))
    uploading.expect(OK)


def test_f12_a_blob_is_always_lost(uploading: Judge) -> None:
    proxy = uploading.project.proxy
    lost = "sha256:" + "5" * 64
    one = {"code": "MANIFEST_BLOB_UNKNOWN", "message": "gone", "detail": {"Digest": lost}}
    proxy.rule("PUT", CONTENT, say(document(400, {"errors": [one]})), times=None)
    before = uploading.project.state()
    ran = uploading.project.release()
    tries = len(proxy.asked("PUT", CONTENT))
    uploading.judge(ran, FAIL, before)
    if not by_engine(uploading):  # the engine keeps the digest to itself
        assert tries == 3
        assert lost[:19] in ran.err
    assert tries <= 4
    uploading.repeat()


def test_f13_a_head_lies_that_a_blob_is_there(uploading: Judge) -> None:
    proxy = uploading.project.proxy
    proxy.rule("HEAD", r"/blobs/sha256:", lie_of_a_blob, times=None)
    uploading.expect(OK | FAIL)


def test_f14_a_head_lies_that_the_content_is_there(pushing: Judge) -> None:
    """The engine believes it and says that it pushed; nothing is released on its word."""
    project = pushing.project

    def lie(exchange: Exchange) -> None:
        if "containerd" not in str(exchange.entry.headers["User-Agent"]):
            exchange.forward()
            return
        exchange.reply(Reply(200, {"Docker-Content-Digest": engine_digest(pushing)}))

    project.proxy.rule("HEAD", CONTENT, lie, times=None)
    pushing.expect(OK | FAIL)


def engine_digest(judge: Judge) -> str:
    """The digest that the engine has for what it just built."""
    import docker

    client = docker.from_env()
    try:
        wanted = f"nonce={judge.project.nonce}"
        return str(client.images.list(filters={"label": wanted})[0].id)
    finally:
        client.close()


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_f15_the_engine_s_manifest_fails(pushing: Judge, status: int) -> None:
    pushing.project.proxy.rule("PUT", CONTENT, answer(status))
    pushing.expect(OK)


def test_f16_the_engine_s_manifest_is_reset(pushing: Judge) -> None:
    pushing.project.proxy.rule("PUT", CONTENT, reset)
    pushing.expect(OK)


@pytest.mark.parametrize("fault", [reset, answer(500), answer(502)], ids=["reset", "500", "502"])
def test_f18_the_engine_s_manifest_was_stored(pushing: Judge, fault: Action) -> None:
    pushing.project.proxy.rule("PUT", CONTENT, after(fault), times=None)
    pushing.expect(OK)


def test_f20_the_engine_is_told_another_digest(pushing: Judge) -> None:
    pushing.project.proxy.rule("PUT", CONTENT, mislabel("sha256:" + "7" * 64))
    pushing.expect(OK | FAIL)
