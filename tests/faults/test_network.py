"""Faults of the network itself: names, certificates, redirects, slow and broken answers."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.faults.actions import drip, flip, halve, manifests, redirect, throttle
from tests.faults.certificates import Certificates
from tests.faults.direct import Direct
from tests.faults.outcome import FAIL, OK, UNTOUCHED, Codes, Judge, Observed
from tests.faults.project import NOWHERE, Project
from tests.faults.proxy import start_proxy

NAME = "registry.example"
Resolve = Callable[[], bool]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[[Resolve], None]:
    """Every name under ``.example`` is this machine, as often as a function says so."""
    real = socket.getaddrinfo
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE",
                 "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def install(known: Resolve) -> None:
        def resolve(host: object, *rest: object, **more: object) -> object:
            mine = isinstance(host, str) and host.endswith(".example")
            if mine and not known():
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            return real("127.0.0.1" if mine else host, *rest, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)

    install(lambda: True)
    return install


def named(project: Project, host: str, observed: Observed, *, insecure: bool) -> Judge:
    """The project with its registry at a name, its content there."""
    port = host.partition(":")[2]
    project.direct[f"{NAME}:{port}"] = project.direct[project.proxy.host]
    where = f"{NAME}:{port}/{project.name}"
    project.targets = {"r": where}
    project.insecure = insecure
    project.write()
    return Judge(project, observed)


@pytest.fixture
def by_name(
    project: Project, observed: Observed, names: object, monkeypatch: pytest.MonkeyPatch
) -> Judge:
    """A registry that is reached by a name, in plain http."""
    assert names
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    judge = named(project, project.proxy.host, observed, insecure=True)
    project.seed()
    return judge


def test_f58_a_name_is_not_found_once(by_name: Judge, names: Callable[[Resolve], None]) -> None:
    asked = count()
    names(lambda: next(asked) > 0)
    by_name.expect(OK)


def test_f58_a_name_is_never_found(by_name: Judge, names: Callable[[Resolve], None]) -> None:
    project = by_name.project
    before = project.state()
    names(lambda: False)
    ran = project.release()
    names(lambda: True)
    by_name.judge(ran, UNTOUCHED, before)
    assert NAME in ran.err
    by_name.repeat()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def secure(
    project: Project, registry: str, certificates: Certificates, observed: Observed, names: object
) -> Iterator[Callable[[str], Judge]]:
    """Makes a registry behind TLS with one of the certificates; releaser trusts the good one's."""
    assert names
    made = []

    def make(kind: str) -> Judge:
        server = start_proxy(registry, tls=certificates.context(kind))
        found = server.__enter__()
        made.append(server)
        project.direct[found.host] = Direct(registry)
        project.proxy = found
        found.clock = project.pace.now
        authority = certificates.file("unknown" if kind == "unknown" else "good")
        project.extra = {"DOCKER_HOST": NOWHERE, "SSL_CERT_FILE": str(authority)}
        return named(project, found.host, observed, insecure=False)

    yield make
    for one in made:
        one.__exit__(None, None, None)


def test_a_good_certificate(secure: Callable[[str], Judge]) -> None:
    judge = secure("good")
    judge.project.seed()
    judge.expect(OK)


@pytest.mark.parametrize("kind", ["expired", "elsewhere", "unknown", "old"])
def test_f59_a_bad_certificate(secure: Callable[[str], Judge], kind: str) -> None:
    judge = secure(kind)
    project = judge.project
    ran = project.release()
    judge.judge(ran, UNTOUCHED, {})
    assert project.proxy.log == []
    assert project.pace.pauses == []
    assert "hint:" in ran.err


def test_f60_plain_http_where_tls_should_be(
    project: Project, observed: Observed, names: object
) -> None:
    assert names
    project.extra = {"DOCKER_HOST": NOWHERE}
    judge = named(project, project.proxy.host, observed, insecure=False)
    ran = project.release()
    judge.judge(ran, UNTOUCHED, {})
    assert project.proxy.hellos > 0
    assert project.proxy.log == []


@pytest.mark.parametrize("where", ["http://{host}{path}", "{path}"], ids=["absolute", "relative"])
def test_f62_a_redirect_without_end(tagging: Judge, where: str) -> None:
    proxy = tagging.project.proxy
    url = where.replace("{host}", proxy.host)
    proxy.rule("GET", "/manifests/", redirect(url), times=None)
    tagging.expect(FAIL)


def test_f62_a_redirect_that_drops_tls(secure: Callable[[str], Judge], registry: str) -> None:
    judge = secure("good")
    judge.project.seed()
    url = f"http://{NAME}:{registry.partition(':')[2]}{{path}}"
    judge.project.proxy.rule("GET", "/manifests/", redirect(url), times=None)
    judge.expect(FAIL)


def test_f63_one_byte_at_a_time(tagging: Judge) -> None:
    tagging.project.idle, tagging.project.request = 1.0, 0.3
    tagging.project.proxy.rule("GET", "/manifests/sha256:", drip(0.2), times=None)
    tagging.expect(FAIL)


@pytest.mark.parametrize("route", ["copying", pytest.param("pushing", marks=pytest.mark.engine)])
def test_f64_a_narrow_line(request: pytest.FixtureRequest, route: str) -> None:
    narrow(request.getfixturevalue(route), size=20_000_000, rate=5_000_000, idle=2)


@pytest.mark.slow
@pytest.mark.parametrize("route", ["copying", pytest.param("pushing", marks=pytest.mark.engine)])
def test_f64_a_very_narrow_line(request: pytest.FixtureRequest, route: str) -> None:
    narrow(request.getfixturevalue(route), size=3_000_000, rate=50_000, idle=10)


def narrow(judge: Judge, size: int, rate: float, idle: float) -> None:
    """Upload ``size`` bytes at ``rate`` a second, in longer than silence of ``idle`` may last."""
    project = judge.project
    project.idle = idle
    project.push_idle = 15.0
    if "to" in project.targets:
        project.seed("from", padding=size)
    else:
        project.write({"app": secrets.token_bytes(size)})
    project.proxy.rule("PUT|PATCH", "/blobs/uploads/", throttle(rate), times=None)
    judge.expect(OK, seconds=30 + 1.5 * size / rate)


@pytest.mark.parametrize("path", ["/manifests/sha256:", manifests()], ids=["source", "read-back"])
def test_f65_half_an_answer(tagging: Judge, path: str) -> None:
    tagging.project.proxy.rule("GET", path, halve)
    tagging.expect(OK)


@pytest.mark.parametrize(("times", "ends"), [(1, OK), (None, FAIL)], ids=["once", "always"])
def test_f66_a_flipped_byte(tagging: Judge, times: int | None, ends: Codes) -> None:
    tagging.project.proxy.rule("GET", "/manifests/sha256:", flip, times=times)
    ran = tagging.expect(ends)
    assert "does not have the digest" in ran.err or ends is OK


def test_f66_a_flipped_byte_of_a_read_back(tagging: Judge) -> None:
    tagging.project.proxy.rule("GET", manifests(), flip, times=2)
    tagging.expect(OK)
