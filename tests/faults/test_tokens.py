"""Faults of logins: tokens that end, token services that fail, registries that deny."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.faults.actions import first, hang, manifests, say, stale
from tests.faults.direct import Direct
from tests.faults.exchange import Exchange
from tests.faults.outcome import FAIL, OK, Judge, Observed
from tests.faults.project import NOWHERE, USER, Project
from tests.faults.proxy import Proxy
from tests.registry_process import start_registry
from tests.registry_server import Reply, document
from tests.registry_tokens import SERVICE, start_token_service

TOKEN = r"^/token"
NOT_AGAIN = 4
"""Nobody can log in: the set-up is missing."""


@pytest.fixture
def locked(tmp_path: Path, project: Project, observed: Observed) -> Iterator[Judge]:
    """A registry that wants tokens; its token service is behind the proxy as well."""
    with start_token_service(tmp_path, (USER, project.password)) as service:
        project.proxy.routes["/token"] = urlsplit(service.url).netloc
        service.url = f"http://{project.proxy.host}/token"
        with start_registry(tmp_path, auth=service.auth) as host:

            @lru_cache
            def header(path: str) -> str:
                made = service.token([f"repository:{path}:pull,push"], everything=True)
                return f"Bearer {made}"

            project.proxy.upstream = host
            project.direct[project.proxy.host] = Direct(host, header)
            project.write()
            yield Judge(project, observed)


@pytest.fixture
def tagging_locked(locked: Judge, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """The content is there: only public tags are written."""
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    locked.project.seed()
    return locked


def challenge(proxy: Proxy, more: str = "") -> Reply:
    """What a registry answers to a token that has ended."""
    realm = f'Bearer realm="http://{proxy.host}/token",service="{SERVICE}"{more}'
    return document(401, {"errors": [{"code": "UNAUTHORIZED"}]}, WWW_Authenticate=realm)


def fail_then(proxy: Proxy, do: Callable[[], object] = lambda: None) -> None:
    """Let the token end at the second tag, and do something else as well."""
    fault = first(do, say(challenge(proxy)))
    proxy.rule("PUT", manifests("1.0.0"), fault)


def test_f30_a_token_ends(tagging_locked: Judge) -> None:
    fail_then(tagging_locked.project.proxy)
    tagging_locked.expect(OK)


def test_f31_the_token_service_fails_for_a_while(tagging_locked: Judge) -> None:
    project = tagging_locked.project
    busy = stale(20, project.pace.now, lambda: Reply(503))
    fail_then(project.proxy, lambda: project.proxy.rule("GET", TOKEN, busy, times=None))
    tagging_locked.expect(OK)


@pytest.mark.engine
@pytest.mark.usefixtures("engine")
def test_f31_the_engine_waits_for_a_token(locked: Judge) -> None:
    """The engine falls silent where it can have no token; it is then left, and asked anew."""
    project = locked.project
    project.push_idle = 3
    gone = challenge(project.proxy, ',error="invalid_token"')
    busy = stale(20, project.pace.now, lambda: Reply(503))
    ended = threading.Event()

    def token(exchange: Exchange) -> None:
        busy(exchange) if ended.is_set() else exchange.forward()

    project.proxy.rule("GET|POST", TOKEN, token, times=None)
    project.proxy.rule("PUT", r"/manifests/fp-", first(ended.set, say(gone)))
    before = project.state()
    ran = project.release()
    assert 503 in {entry.status for entry in project.proxy.asked(".*", TOKEN)}
    locked.judge(ran, OK, before, seconds=30)
    locked.repeat()


def test_f32_nobody_is_let_in(tagging_locked: Judge) -> None:
    project = tagging_locked.project
    project.proxy.rule("PUT", manifests(), say(challenge(project.proxy)), times=None)
    before = project.state()
    ran = project.release()
    tries = len(project.proxy.asked("PUT", manifests()))
    tagging_locked.judge(ran, FAIL | {NOT_AGAIN}, before)
    assert f"{project.proxy.host} rejects the credentials" in ran.err
    assert tries == 2
    assert project.pace.pauses == []
    tagging_locked.repeat()


def test_f33_tokens_that_last_a_moment(
    locked: Judge, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    project = locked.project
    to = project.targets["r"]
    project.targets = {"from": f"{registry}/{project.name}", "to": to}
    project.write()
    project.seed("from", layers=30)
    short_lived(project.proxy, seconds=0.1)
    before = project.state()
    ran = project.release()
    tokens = len(project.proxy.asked("GET", TOKEN))
    locked.judge(ran, OK, before)
    assert 2 <= tokens <= 31
    locked.repeat()


def short_lived(proxy: Proxy, seconds: float) -> None:
    """Reject each token that is older than this."""
    issued: dict[str, float] = {}

    def issue(exchange: Exchange) -> None:
        reply = exchange.served()
        issued[f"Bearer {json.loads(reply.body)['token']}"] = time.monotonic()
        exchange.reply(reply)

    def check(exchange: Exchange) -> None:
        born = issued.get(str(exchange.entry.headers["Authorization"]), 0.0)
        if time.monotonic() - born > seconds:
            exchange.reply(challenge(proxy))
        else:
            exchange.forward()

    proxy.rule("GET", TOKEN, issue, times=None)
    proxy.rule(".*", "^/v2/", check, times=None)


def test_f34_the_token_service_hangs(tagging_locked: Judge) -> None:
    project = tagging_locked.project
    project.pace.factor = 10  # other tokens last longer than this one is waited for
    fail_then(project.proxy, lambda: project.proxy.rule("GET", TOKEN, hang(), times=None))
    before = project.state()
    skipped = len(project.proxy.log)
    ran = project.release()
    ended = next(n for n, e in enumerate(project.proxy.log) if e.ruled) - skipped
    asked = [e for e in project.proxy.log[ended:] if e.path.startswith("/token")]
    tagging_locked.judge(ran, FAIL | {NOT_AGAIN}, before, seconds=15)
    # each of them may take ten seconds where nobody hurries
    assert len(asked) <= 3
    tagging_locked.repeat()
