"""Any bytes at all: the readers of replies return, or raise our own errors, and nothing else."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from releaser.core.events import Event
from releaser.core.oci import Digest, Reference, Repository
from releaser.engines import docker_answers
from releaser.engines.docker_push import PushStream
from releaser.engines.docker_stream import error_of, records
from releaser.engines.rawjson import RecordStream
from releaser.errors import RegistryError, ReleaserError
from releaser.logins.login import Password
from releaser.registries import manifests
from releaser.registries.authority import Authority, pull
from releaser.registries.challenge import MAX_HEADER, challenges, wanted
from releaser.registries.client import Ask, Client
from releaser.registries.hosts import RefusedAddressError, check_realm, endpoint, follow
from releaser.registries.labels import read_created, read_labels
from releaser.registries.links import MalformedLinkError, next_link
from releaser.registries.reading import absent, next_page, read_digest, read_manifest, read_tags
from releaser.registries.records import read_record
from releaser.registries.referrers import read_referrers
from releaser.registries.refusals import clean, refused, unauthorized, what_was_said
from releaser.registries.retry import retry_after
from releaser.registries.transport import Answer, Request, Transport
from releaser.registries.writing import check_push, write_manifest
from tests.hostile.replies import QUICK
from tests.registry_client import Known, Time, told

bounded = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
AT = endpoint("r.example")
REFERENCE = Reference.parse("r.example/app:1.2")

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
names = st.sampled_from(
    ["schemaVersion", "mediaType", "manifests", "layers", "config", "digest", "size", "subject",
     "platform", "os", "errors", "code", "message", "detail", "token", "tags", "name", "Labels",
     "Id", "RepoTags", "RepoDigests", "status", "aux", "error", "errorDetail", "progressDetail",
     "id", "current", "total", "vertexes", "logs", "statuses", "data", "vertex", "started"]
) | st.text(max_size=5)  # fmt: skip
values = st.recursive(
    scalars | st.sampled_from(["sha256:" + "0" * 64, manifests.OCI_INDEX, manifests.OCI_MANIFEST]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6),
    max_leaves=20,
)
bodies = st.binary(max_size=400) | values.map(lambda value: json.dumps(value).encode())
latin = st.text(st.characters(max_codepoint=255), max_size=300)
grammar = st.lists(
    st.sampled_from(
        ["Bearer", "Basic", " ", ",", "=", '"', "\\", "realm", "https://a/t", ";", "<", ">", "rel",
         "next", "?n=1", "service", "\t", "x"]
    ),
    max_size=40,
).map("".join)  # fmt: skip
headers = latin | grammar


def cut(data: st.DataObject, whole: bytes) -> list[bytes]:
    """``whole`` in pieces."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    return [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


@bounded
@given(headers)
def test_challenges_of_any_kind(header: str) -> None:
    found = challenges(header)
    assert all(one.scheme == one.scheme.lower() for one in found)
    answered = wanted(header)
    assert answered is None or answered.scheme in {"bearer", "basic"}


@bounded
@given(st.sampled_from(["\\", '"', ",", "=", " ", "a", '="', "a=", 'a="\\', "<", ";", "rel="]))
def test_long_headers_take_no_time(piece: str) -> None:
    began = time.monotonic()
    challenges("Bearer realm=" + piece * MAX_HEADER)
    for start in ("<x>;", '<x>; rel="', "<"):
        with contextlib.suppress(MalformedLinkError):
            next_link(start + piece * (8000 // len(piece)))
    assert time.monotonic() - began < 2


@bounded
@given(headers)
def test_links_of_any_kind(header: str) -> None:
    path = "app/tags/list"
    ask = Ask(AT, "GET", path, (pull("app"),), "list the tags of app")
    with contextlib.suppress(RegistryError):
        url = next_page(ask, Answer(200, {"Link": header}, b"", AT.base))
        assert not url or url.startswith("https://r.example/")


@given(st.text(max_size=60), st.lists(st.sampled_from(["next", "prev", "x"]), min_size=1))
def test_a_link_that_is_written_is_read(title: str, relations: list[str]) -> None:
    quoted = title.replace("\\", "\\\\").replace('"', '\\"')
    header = f'</a,b>; title="{quoted}"; rel="{" ".join(relations)}"'
    assert next_link(header) == ("/a,b" if "next" in relations else None)


@bounded
@given(headers)
def test_addresses_of_any_kind(address: str) -> None:
    with contextlib.suppress(RefusedAddressError):
        assert follow("https://r.example/v2/a", address).startswith("https://")
    with contextlib.suppress(RefusedAddressError):
        check_realm(address, AT, frozenset(), secret=True)
        assert address.startswith("https://")


@bounded
@given(bodies, latin)
def test_manifests_of_any_kind(body: bytes, kind: str) -> None:
    said = ""
    try:
        found = manifests.parse(body, kind)
        manifests.blobs(found)
        manifests.first_image(found)
        manifests.image_config(found)
        manifests.entry(found)
    except manifests.MalformedError as error:
        said = str(error)
    assert not said or said.isprintable()
    assert len(said) < 300


@bounded
@given(st.integers(100, 999), bodies, latin)
def test_errors_of_any_kind(status: int, body: bytes, kind: str) -> None:
    answer = Answer(status, {"Content-Type": kind}, body, AT.base)
    reason, said = what_was_said(answer, ["secret"])
    assert said.isprintable()
    assert "secret" not in said
    assert reason is None or reason.isascii()
    absent(answer)
    for error in (
        refused("r.example", "read app:1", answer),
        unauthorized("r.example", "read app:1", answer, known=True),
    ):
        assert error.hint
        assert all(line.isprintable() for line in told(error).splitlines())


@bounded
@given(st.text(max_size=500))
def test_clean_text_is_one_short_line(text: str) -> None:
    assert clean(text).isprintable()
    assert len(clean(text)) <= 300


@bounded
@given(headers, st.floats(0, 1e10))
def test_waits_of_any_kind(value: str, now: float) -> None:
    asked = retry_after(value, now)
    assert asked is None or asked >= 0


class Scripted(Transport):
    """A transport without a network: the same answer to everything."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = answers
        self.asked = 0

    def send(self, request: Request) -> Answer:
        self.asked += 1
        return replace(self.answers[min(self.asked, len(self.answers)) - 1], url=request.url)

    @contextlib.contextmanager
    def open(self, request: Request) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        answer = self.send(request)
        yield replace(answer, body=b""), iter([answer.body])


def client(*answers: Answer) -> Client:
    transport = Scripted(*answers)
    clock = Time().clock
    authority = Authority(transport, Known(Password("me", "pw")), frozenset(), clock)
    return Client(transport, authority, QUICK, clock)


statuses = st.sampled_from([200, 200, 200, 201, 204, 301, 400, 401, 404, 429, 500])
answers = st.builds(
    Answer,
    statuses,
    st.fixed_dictionaries(
        {},
        optional={
            "Content-Type": latin,
            "Link": headers,
            "Docker-Content-Digest": latin,
            "WWW-Authenticate": headers | st.just('Bearer realm="https://r.example/token"'),
            "Retry-After": latin,
        },
    ),
    bodies,
    st.just(""),
)


@bounded
@given(st.lists(answers, min_size=1, max_size=4))
def test_answers_of_any_kind(given_: list[Answer]) -> None:
    repository = Repository("r.example", "app")
    asks: list[Callable[[Client], object]] = [
        lambda c: read_digest(c, AT, REFERENCE),
        lambda c: read_manifest(c, AT, REFERENCE),
        lambda c: read_tags(c, AT, repository),
        lambda c: read_labels(c, AT, REFERENCE),
        lambda c: read_created(c, AT, REFERENCE),
        lambda c: read_record(c, AT, REFERENCE),
        lambda c: read_referrers(c, AT, repository, Digest("sha256:" + "0" * 64)),
        lambda c: check_push(c, AT, repository),
        lambda c: write_manifest(c, AT, REFERENCE, manifests.listing([])),
    ]
    for ask in asks:
        said = ""
        try:
            ask(client(*given_))
        except ReleaserError as error:
            said = told(error)
        assert all(line.isprintable() for line in said.splitlines()), said


@bounded
@given(bodies, st.data())
def test_streams_of_any_kind(whole: bytes, data: st.DataObject) -> None:
    found = list(records([whole]))
    assert list(records(cut(data, whole))) == found or b"NaN" in whole
    for record in found:
        error_of(record)
    with contextlib.suppress(ReleaserError):
        PushStream(REFERENCE, Heard()).read(found)


@bounded
@given(bodies, st.data())
def test_progress_of_any_kind(whole: bytes, data: st.DataObject) -> None:
    at_once, piecewise = RecordStream(), RecordStream()
    expected = [*at_once.feed(whole), *at_once.end()]
    found = [record for piece in cut(data, whole) for record in piecewise.feed(piece)]
    assert [*found, *piecewise.end()] == expected


@bounded
@given(values, values)
def test_engines_of_any_kind(one: object, other: object) -> None:
    asks: list[Callable[[], object]] = [
        lambda: docker_answers.api_version(one),
        lambda: docker_answers.release(one),
        lambda: docker_answers.platform(one, other),
        lambda: docker_answers.containerd_store(one),
        lambda: docker_answers.images(one, "l"),
        lambda: docker_answers.identity(docker_answers.described(one)),
        lambda: docker_answers.references(one),
    ]
    for ask in asks:
        with contextlib.suppress(docker_answers.OddAnswerError):
            ask()


class Heard:
    def on(self, _: Event) -> None:
        """Say nothing."""
