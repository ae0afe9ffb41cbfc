"""The streams of the engine: however they are cut, whatever is in them, how a push is judged."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.events import Event, StepProgress
from releaser.core.oci import Reference
from releaser.engines.docker_errors import clean
from releaser.engines.docker_push import PushStream, push_error
from releaser.engines.docker_stream import MAX_RECORD, Record, error_of, records
from releaser.errors import EngineError, RegistryError, ReleaserError, SetupError

REFERENCE = Reference.parse("ghcr.io/acme/api:1.2")
DIGEST = "sha256:" + "b" * 64

# As dockerd 28.5.2 (containerd store) and 20.10.24 (classic store) sent them.
CONTAINERD: list[dict[str, Any]] = [
    {"status": "The push refers to repository [ghcr.io/acme/api]"},
    {"status": "Waiting", "progressDetail": {}, "id": "f17c9932042c"},
    {"status": "Pushing", "progressDetail": {"current": 32768, "total": 1212100}, "id": "f17c9"},
    {"status": "Pushing", "progressDetail": {"current": 1212100, "total": 1212100}, "id": "f17c9"},
    {"status": f"1.2: digest: {DIGEST} size: 530"},
]
CLASSIC: list[dict[str, Any]] = [
    {"status": "The push refers to repository [ghcr.io/acme/api]"},
    {"status": "Preparing", "progressDetail": {}, "id": "bfdee4bbaee7"},
    {"status": "Layer already exists", "progressDetail": {}, "id": "270c633205b9"},
    {
        "status": "Pushing",
        "progressDetail": {"current": 2048, "total": 3},
        "progress": "[=====>]  2.048kB",
        "id": "bfdee4bbaee7",
    },
    {"status": "Pushed", "progressDetail": {}, "id": "bfdee4bbaee7"},
    {"status": f"1.2: digest: {DIGEST} size: 735"},
    {"progressDetail": {}, "aux": {"Tag": "1.2", "Digest": DIGEST, "Size": 735}},
]


@dataclass
class Heard:
    events: list[Event] = field(default_factory=list)

    def on(self, event: Event) -> None:
        self.events.append(event)


def encoded(stream: Iterable[Record]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\r\n" for record in stream)


def pushed(stream: Iterable[Record], clock: Iterator[float] | None = None) -> list[str]:
    """The activities of a push with these records."""
    heard = Heard()
    ticks = clock or iter(range(10**9))
    PushStream(REFERENCE, heard, lambda: next(ticks)).read(stream)
    progress = [event for event in heard.events if isinstance(event, StepProgress)]
    assert all(event.activity and not event.key for event in progress)
    return [event.activity or "" for event in progress]


def refused(*stream: Record) -> ReleaserError:
    with pytest.raises(ReleaserError) as caught:
        pushed(stream)
    return caught.value


json_objects = st.dictionaries(
    st.text(max_size=5), st.recursive(st.none() | st.integers() | st.text(), st.lists), max_size=4
)


@given(stream=st.lists(json_objects, max_size=6), data=st.data())
def test_any_cut_of_the_bytes_gives_the_same_records(
    stream: list[dict[str, Any]], data: st.DataObject
) -> None:
    whole = encoded(stream)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    chunks = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert list(records(chunks)) == stream


@pytest.mark.parametrize("stream", [CONTAINERD, CLASSIC])
def test_a_stream_cut_at_every_byte(stream: list[dict[str, Any]]) -> None:
    assert list(records(bytes([byte]) for byte in encoded(stream))) == stream


def test_several_records_on_a_line_without_a_line_end() -> None:
    assert list(records([b'{"a":1}{"b":2}\n {"c":3}'])) == [{"a": 1}, {"b": 2}, {"c": 3}]


@pytest.mark.parametrize(
    "line", [b"not json", b'{"a":', b"[1]", b"null", b'"text"', b"[" * 100_000, b"\xff\xfe", b"\0"]
)
def test_what_is_no_record_is_skipped(line: bytes) -> None:
    assert list(records([b'{"a":1}\n' + line + b'\n{"b":2}\n'])) == [{"a": 1}, {"b": 2}]


def test_invalid_utf8_inside_a_record_is_replaced() -> None:
    assert list(records([b'{"stream":"\xff"}\n'])) == [{"stream": "\N{REPLACEMENT CHARACTER}"}]


def test_a_line_of_fifty_megabytes_is_dropped_and_memory_stays_flat() -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"stream":"'
        for _ in range(800):
            yield b"x" * 65_536
        yield b'"}\n{"b":2}\n'

    tracemalloc.start()
    assert list(records(chunks())) == [{"b": 2}]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * MAX_RECORD


def test_a_million_progress_records_leave_memory_flat() -> None:
    def stream() -> Iterator[Record]:
        for n in range(200_000):
            detail = {"current": n + 1, "total": 200_000}
            yield {"status": "Pushing", "progressDetail": detail, "id": f"layer{n % 20_000}"}
        yield CONTAINERD[-1]

    tracemalloc.start()
    activities = pushed(stream(), clock=(n / 1e5 for n in range(10**9)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(activities) < 20
    assert peak < 4 * MAX_RECORD


def test_both_generations_succeed() -> None:
    assert pushed(CONTAINERD) == ["pushed 0.0 MB of 1.2 MB", "pushed 1.2 MB of 1.2 MB"]
    assert pushed(CLASSIC) == ["pushed 0.0 MB of 0.0 MB"]


def test_progress_is_told_a_few_times_a_second() -> None:
    stream = [
        {"status": "Pushing", "progressDetail": {"current": n * 10**6, "total": 10**9}, "id": "a"}
        for n in range(1, 1001)
    ]
    assert len(pushed([*stream, CONTAINERD[-1]], clock=(n / 1000 for n in range(10**6)))) == 5


@pytest.mark.parametrize(
    "record",
    [
        {"errorDetail": {"message": "boom"}},
        {"error": "boom"},
        {"errorDetail": {"message": "boom"}, "error": "something older"},
        {"errorDetail": {"code": 1}, "error": "boom"},
        {"errorDetail": "boom"},
    ],
)
def test_a_complaint_is_seen_under_either_key(record: Record) -> None:
    assert error_of(record) == "boom"
    assert "boom" in refused(record).message


@pytest.mark.parametrize("record", [{"errorDetail": {}}, {"errorDetail": None}, {"error": ""}])
def test_a_complaint_without_words_is_one(record: Record) -> None:
    assert refused(record).message.endswith("the engine gave no reason")


def test_records_behind_a_complaint_change_nothing() -> None:
    assert "boom" in refused({"error": "boom"}, *CONTAINERD).message


def test_a_stream_without_a_result_may_go_well_next_time() -> None:
    error = refused(*CONTAINERD[:-1])
    assert isinstance(error, RegistryError)
    assert error.retryable


@pytest.mark.parametrize(
    "status",
    [
        f"1.3: digest: {DIGEST} size: 1",
        f"x: digest: {DIGEST}",
        "1.2: digest: md5:1 size: 1",
        " 1.2: digest: sha256:",
    ],
)
def test_a_result_of_another_tag_is_none(status: str) -> None:
    assert isinstance(refused({"status": status}), RegistryError)


@pytest.mark.parametrize(
    "record",
    [
        {"status": 7, "id": [], "progressDetail": "x", "aux": 3},
        {"id": "a", "status": "Pushing", "progressDetail": {"current": "1", "total": -5}},
        {"aux": {"Digest": None}},
    ],
)
def test_odd_records_do_no_harm(record: Record) -> None:
    assert pushed([record, CONTAINERD[-1]]) == []


def test_an_index_that_was_pushed_in_part_is_no_success() -> None:
    aux = {"aux": {"manifestPushedInsteadOfIndex": True}}
    error = refused(aux, CONTAINERD[-1])
    assert isinstance(error, RegistryError)
    assert not error.retryable
    assert "not all platforms" in error.message


URL = "https://ghcr.io/v2/acme/api/blobs/uploads/"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (f"unexpected status from POST request to {URL}: 503 Service Unavailable", 503),
        (f"failed to push x: unexpected status from PUT request to {URL}: 502 Bad Gateway", 502),
        ("received unexpected HTTP status: 500 Internal Server Error", 500),
        (f"unexpected status from HEAD request to {URL}: 429 Too Many Requests", 429),
        ("error parsing HTTP 429 response body: invalid character 'T'", 429),
        ("toomanyrequests: You have reached your unauthenticated pull rate limit", None),
        (f'failed to do request: Put "{URL}": EOF', None),
        (f'failed to do request: Put "{URL}": read tcp: connection reset by peer', None),
        (f'Put "{URL}": write: broken pipe', None),
        ('Get "https://ghcr.io/v2/": dial tcp 127.0.0.1:1: connect: connection refused', None),
        ('Get "https://ghcr.io/v2/": dial tcp: lookup ghcr.io: no such host', None),
        ('Get "https://ghcr.io/v2/": net/http: TLS handshake timeout', None),
        ("dial tcp 1.2.3.4:443: i/o timeout", None),
        ("blob upload unknown", None),
        (
            "failed to authorize: unexpected status from GET request to https://x: 503 Service Un",
            503,
        ),
    ],
)
def test_what_may_pass_is_tried_again(text: str, status: int | None) -> None:
    error = push_error(REFERENCE, text)
    assert isinstance(error, RegistryError)
    assert (error.retryable, error.status) == (True, status)


@pytest.mark.parametrize(
    "text",
    [
        "unauthorized: authentication required",
        "no basic auth credentials",
        f"unexpected status from HEAD request to {URL}: 401 Unauthorized",
        "failed to authorize: failed to fetch anonymous token: bad gate",
        "unauthorized: incorrect username or password",
        "denied: Your authorization token has expired. Reauthenticate and try again.",
    ],
)
def test_a_login_that_is_wanted_is_a_matter_of_set_up(text: str) -> None:
    error = push_error(REFERENCE, text)
    assert isinstance(error, SetupError)
    assert error.hint == "docker login ghcr.io"


@pytest.mark.parametrize(
    "text",
    [
        "denied: requested access to the resource is denied",
        f"unexpected status from PUT request to {URL}: 403 Forbidden",
        "push access denied, repository does not exist: insufficient_scope: authorization failed",
    ],
)
def test_a_right_that_is_missing_is_not_asked_for_twice(text: str) -> None:
    error = push_error(REFERENCE, text)
    assert isinstance(error, RegistryError)
    assert (error.retryable, error.status, error.reason) == (False, 403, "DENIED")


@pytest.mark.parametrize(
    "text",
    [
        "An image does not exist locally with the tag: ghcr.io/acme/api",
        "tag does not exist: ghcr.io/acme/api:1.2",
    ],
)
def test_an_image_that_the_engine_lacks_is_the_engines_fault(text: str) -> None:
    error = push_error(REFERENCE, text)
    assert isinstance(error, EngineError)
    assert "ghcr.io/acme/api:1.2" in error.message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("http: server gave HTTP response to HTTPS client", "insecure-registries"),
        ("tls: failed to verify certificate: x509: unknown authority", "certs.d/ghcr.io"),
        (f"unexpected status from PUT request to {URL}: 400 Bad Request", "registry's log"),
        ("tag is immutable", "what it allows"),
    ],
)
def test_other_refusals_are_final(text: str, hint: str) -> None:
    error = push_error(REFERENCE, text)
    assert isinstance(error, RegistryError)
    assert not error.retryable
    assert hint in (error.hint or "")


def test_a_status_is_not_read_out_of_a_path() -> None:
    url = "https://localhost:5000/v2/team/500/blobs/"
    error = push_error(REFERENCE, f"unexpected status from PUT request to {url}: 400 Bad Request")
    assert isinstance(error, RegistryError)
    assert (error.status, error.retryable) == (400, False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\n\tc", "a b c"),
        ("\x1b[91mred\x1b[0m \x1b]0;title\x07x", "red x"),
        ("Get https://ada:secret@ghcr.io/x: no", "Get https://ghcr.io/x: no"),
        ('Put "https://s3/x?X-Amz-Signature=secret&y=1": EOF', 'Put "https://s3/x?…": EOF'),
        ("\u202eevil\x00", "evil"),
        ("x" * 5000, "x" * 999 + "…"),
    ],
)
def test_words_of_others_are_made_fit_for_a_terminal(text: str, shown: str) -> None:
    assert clean(text) == shown
