"""The Docker Engine as a store, against an engine that plays a script: retries, limits, logins."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from releaser.core.events import Event, Notice
from releaser.core.lock import Offer
from releaser.core.oci import Digest, Reference
from releaser.engines.docker_client import Connection
from releaser.engines.docker_engine import PUSH_TRIES, DockerEngine
from releaser.engines.docker_lanes import PAUSES
from releaser.errors import EngineError, RegistryError, SetupError
from tests.engine_server import Answer, ScriptedEngine, refusal, scripted_engine, stream

REFERENCE = Reference.parse("localhost:5000/acme/api:1.2")
PUSH = "/images/localhost:5000/acme/api/push"
LOOK = "/distribution/"
DIGEST = Digest("sha256:" + "b" * 64)
OTHER = Digest("sha256:" + "c" * 64)
PUSHED = stream({"status": f"1.2: digest: {DIGEST} size: 530"})
LIMITED = stream({"errorDetail": {"message": "error from registry: toomanyrequests"}})
BUSY = stream({"errorDetail": {"message": "received unexpected HTTP status: 503 Service Un"}})


@dataclass
class Heard:
    events: list[Event] = field(default_factory=list)

    def on(self, event: Event) -> None:
        self.events.append(event)


@dataclass
class Rig:
    script: ScriptedEngine
    engine: DockerEngine
    pauses: list[float]
    heard: Heard = field(default_factory=Heard)

    def push(self) -> None:
        self.engine.push(REFERENCE, self.heard)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    auth = base64.b64encode(b"ada:secret").decode()
    config = {"auths": {"localhost:5000": {"auth": auth}, "ghcr.io": {"auth": auth}}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    pauses: list[float] = []
    with scripted_engine() as script:
        connection = Connection({"DOCKER_HOST": script.host, "DOCKER_CONFIG": str(tmp_path)})
        engine = DockerEngine(
            connection, pause=lambda _stopped, seconds: pauses.append(seconds), idle_seconds=0.5
        )
        yield Rig(script, engine, pauses)


def test_it_says_what_it_is(rig: Rig) -> None:
    facts = rig.engine.check()
    assert (facts.version, facts.platform, facts.containerd_store) == (
        "28.5.2",
        "linux/amd64",
        True,
    )


@pytest.mark.parametrize(
    ("version", "info", "platform"),
    [
        ({"Arch": "arm"}, {"Architecture": "armv7l"}, "linux/arm/v7"),
        ({"Arch": "arm"}, {"Architecture": "armv6l"}, "linux/arm/v6"),
        ({"Arch": "arm64"}, {"Architecture": "aarch64"}, "linux/arm64"),
    ],
)
def test_it_knows_its_platform(
    rig: Rig, version: dict[str, str], info: dict[str, str], platform: str
) -> None:
    known = {"Version": "20.10.24", "ApiVersion": "1.41", "Os": "linux", **version}
    rig.script.on("/version", Answer((json.dumps(known).encode(),)))
    rig.script.on("/info", Answer((json.dumps({**info, "DriverStatus": None}).encode(),)))
    assert rig.engine.check().platform == platform
    assert not rig.engine.check().containerd_store


def test_an_engine_that_cannot_say_what_it_is(rig: Rig) -> None:
    rig.script.on("/info", refusal("plugin crashed"))
    with pytest.raises(SetupError, match="plugin crashed"):
        rig.engine.check()


def test_images_with_and_without_names(rig: Rig) -> None:
    items = [
        {
            "Id": str(OTHER),
            "Labels": {"l": "v"},
            "RepoTags": ["<none>:<none>"],
            "RepoDigests": ["<none>@<none>"],
        },
        {
            "Id": str(DIGEST),
            "Labels": {"l": "w", "other": "x"},
            "RepoTags": ["api:1", "UPPER:1"],
            "RepoDigests": [f"ghcr.io/acme/api@{OTHER}"],
        },
        {"Id": "sha256:" + "d" * 64, "Labels": {"l": ""}, "RepoTags": None},
        {"Id": "sha256:" + "e" * 64, "Labels": None, "RepoTags": ["api:2"]},
    ]
    rig.script.on("/images/json", Answer((json.dumps(items).encode(),)))
    first, second, third = rig.engine.images("l")
    assert (first.fingerprint, second.fingerprint, third.fingerprint) == ("w", "v", "")
    assert first.references == (Reference.parse("api:1"),)
    assert first.digests == (Reference.parse(f"ghcr.io/acme/api@{OTHER}"),)
    (asked,) = rig.script.asked("/images/json")
    assert json.loads(asked.query["filters"][0]) == {"label": ["l"]}


# --- push -----------------------------------------------------------------------------------------


def test_a_push_names_its_tag_and_carries_the_login_of_its_registry(rig: Rig) -> None:
    rig.script.on(PUSH, PUSHED)
    rig.push()
    (asked,) = rig.script.asked(PUSH)
    assert asked.query["tag"] == ["1.2"]
    assert asked.login() == {
        "username": "ada",
        "password": "secret",
        "serveraddress": "localhost:5000",
    }


def test_a_push_without_a_tag_is_one_of_latest_and_not_of_all(rig: Rig) -> None:
    rig.script.on(PUSH, stream({"status": f"latest: digest: {DIGEST} size: 1"}))
    rig.engine.push(Reference(REFERENCE.repository), rig.heard)
    assert rig.script.asked(PUSH)[0].query["tag"] == ["latest"]


def test_nobody_elses_login_is_sent(rig: Rig) -> None:
    rig.script.on("/images/quay.io", PUSHED)
    rig.engine.push(Reference.parse("quay.io/acme/api:1.2"), rig.heard)
    assert rig.script.asked("/images/quay.io")[0].login() == {}


def test_a_fault_that_passes_is_tried_again(rig: Rig) -> None:
    rig.script.on(PUSH, BUSY, BUSY, PUSHED)
    rig.push()
    assert len(rig.script.asked(PUSH)) == 3
    assert [0 <= rig.pauses[0] <= 1.5, 0 <= rig.pauses[1] <= 6] == [True, True]
    notices = [event.message for event in rig.heard.events if isinstance(event, Notice)]
    assert len(notices) == 2
    assert "(2 of 4)" in notices[0]


def test_a_fault_that_stays_ends_after_four_tries(rig: Rig) -> None:
    rig.script.on(PUSH, BUSY)
    with pytest.raises(RegistryError) as caught:
        rig.push()
    assert (caught.value.status, caught.value.retryable) == (503, True)
    assert len(rig.script.asked(PUSH)) == PUSH_TRIES
    assert sum(rig.pauses) <= 30


def test_a_registry_that_limits_requests_is_pushed_to_with_patience(rig: Rig) -> None:
    rig.script.on(PUSH, *[LIMITED] * 9, PUSHED)
    rig.push()
    assert len(rig.script.asked(PUSH)) == 10
    assert rig.pauses == list(PAUSES[:9])
    (notice,) = (event.message for event in rig.heard.events if isinstance(event, Notice))
    assert "one after another" in notice
    rig.script.on(PUSH, PUSHED)
    rig.push()
    assert rig.pauses[9:] == [PAUSES[0]], "the next one does not come at once"


def test_a_limit_that_stays_ends_all_pushes_to_that_registry(rig: Rig) -> None:
    rig.script.on(PUSH, LIMITED)
    for tries in (len(PAUSES) + 1, 1):
        before = len(rig.script.asked(PUSH))
        with pytest.raises(RegistryError) as caught:
            rig.push()
        assert (caught.value.reason, caught.value.retryable) == ("TOOMANYREQUESTS", True)
        assert len(rig.script.asked(PUSH)) - before == tries
    assert sum(rig.pauses) <= 60
    rig.script.on("/images/quay.io", PUSHED)
    rig.engine.push(Reference.parse("quay.io/acme/api:1.2"), rig.heard)


def test_pushes_to_a_registry_that_limits_requests_take_turns(rig: Rig) -> None:
    """And other faults are as before in there."""
    rig.script.on(PUSH, *[LIMITED] * 8, BUSY, *[PUSHED] * 4)
    threads = [threading.Thread(target=rig.push) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    notices = [event.message for event in rig.heard.events if isinstance(event, Notice)]
    assert sum("one after another" in notice for notice in notices) == 1
    assert sum("(2 of 4)" in notice for notice in notices) == 1


def test_who_waits_for_a_turn_can_be_stopped(rig: Rig) -> None:
    lane = rig.engine._lanes.to("localhost:5000")
    lane.narrowed()
    caught: list[Exception] = []

    def push() -> None:
        try:
            rig.push()
        except EngineError as error:
            caught.append(error)

    with lane.turn(lambda: False):
        thread = threading.Thread(target=push)
        thread.start()
        time.sleep(0.3)
        rig.engine.cancel()
        thread.join(5)
    assert [str(error) for error in caught] == [f"the push of {REFERENCE} was stopped"]
    assert rig.script.asked(PUSH) == []


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("denied: requested access to the resource is denied", RegistryError),
        ("unauthorized: authentication required", SetupError),
        ("tag does not exist: localhost:5000/acme/api:1.2", EngineError),
    ],
)
def test_a_fault_that_will_not_pass_is_told_at_once(
    rig: Rig, message: str, kind: type[Exception]
) -> None:
    rig.script.on(PUSH, stream({"error": message}))
    with pytest.raises(kind):
        rig.push()
    assert len(rig.script.asked(PUSH)) == 1


def test_a_refusal_before_the_stream_is_judged_by_its_words(rig: Rig) -> None:
    rig.script.on(PUSH, refusal("received unexpected HTTP status: 500 Internal Server"), PUSHED)
    rig.push()
    rig.script.on(PUSH, refusal("invalid reference format", 400))
    with pytest.raises(RegistryError, match="invalid reference format") as caught:
        rig.push()
    assert not caught.value.retryable


def test_an_engine_that_goes_away_is_asked_again(rig: Rig) -> None:
    partly = stream({"status": "Preparing", "id": "a", "progressDetail": {}}, end="break")
    rig.script.on(PUSH, partly, Answer(end="break"), PUSHED)
    rig.push()
    assert len(rig.script.asked(PUSH)) == 3
    rig.script.on(PUSH, partly)
    with pytest.raises(RegistryError, match="the engine: the connection broke off"):
        rig.push()


def test_silence_is_not_waited_for_without_end(rig: Rig) -> None:
    rig.script.on(PUSH, stream({"status": "Waiting"}, end="hang"), PUSHED)
    began = time.monotonic()
    rig.push()
    assert 0.5 <= time.monotonic() - began < 5
    assert rig.script.gone.wait(5), "the abandoned transfer must be closed"


def test_a_broken_login_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"credsStore": "missing"}))
    with scripted_engine() as script:
        connection = Connection({"DOCKER_HOST": script.host, "DOCKER_CONFIG": str(tmp_path)})
        with pytest.raises(SetupError, match="docker-credential-missing"):
            DockerEngine(connection).push(REFERENCE, Heard())
        assert not script.asked(PUSH)


def cancelled_push(rig: Rig, when: threading.Event | None = None) -> float:
    """Cancel a push in another thread; how long it then took to end, in seconds."""
    caught: list[Exception] = []

    def push() -> None:
        try:
            rig.push()
        except EngineError as error:
            caught.append(error)

    thread = threading.Thread(target=push)
    thread.start()
    end = time.monotonic() + 10
    while not rig.script.asked(PUSH) or (when is not None and not when.is_set()):
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(0.1)
    began = time.monotonic()
    rig.engine.cancel()
    thread.join(10)
    assert str(caught[0]) == f"the push of {REFERENCE} was stopped"
    return time.monotonic() - began


def test_a_push_under_way_can_be_cancelled(rig: Rig, tmp_path: Path) -> None:
    connection = Connection({"DOCKER_HOST": rig.script.host, "DOCKER_CONFIG": str(tmp_path)})
    rig.engine = DockerEngine(connection)
    rig.script.on(PUSH, stream({"status": "Waiting"}, end="hang"))
    assert cancelled_push(rig) < 2
    assert rig.script.gone.wait(5)
    rig.script.on(PUSH, PUSHED)
    rig.push()


def test_a_push_can_be_cancelled_while_it_waits_for_the_next_try(rig: Rig, tmp_path: Path) -> None:
    waits = threading.Event()

    def pause(stopped: threading.Event, _seconds: float) -> None:
        waits.set()
        stopped.wait(10)

    connection = Connection({"DOCKER_HOST": rig.script.host, "DOCKER_CONFIG": str(tmp_path)})
    rig.engine = DockerEngine(connection, pause=pause)
    rig.script.on(PUSH, BUSY)
    assert cancelled_push(rig, waits) < 2
    assert len(rig.script.asked(PUSH)) == 1


# --- resolve --------------------------------------------------------------------------------------


def look_up(digest: object) -> Answer:
    return Answer((json.dumps({"Descriptor": {"digest": str(digest)}}).encode(),))


def local(image_id: Digest, *digests: str) -> Answer:
    return Answer((json.dumps({"Id": str(image_id), "RepoDigests": digests}).encode(),))


KNOWN = f"localhost:5000/acme/api@{OTHER}"


def test_the_engine_asks_the_registry_with_its_login(rig: Rig) -> None:
    rig.script.on(LOOK, look_up(DIGEST))
    assert rig.engine.resolve(REFERENCE) == DIGEST
    (asked,) = rig.script.asked(LOOK)
    assert asked.path == "/distribution/localhost:5000/acme/api:1.2/json"
    assert asked.login() != {}


def test_no_tag_means_latest(rig: Rig) -> None:
    rig.script.on(LOOK, look_up(DIGEST))
    rig.engine.resolve(Reference.parse("busybox"))
    assert rig.script.asked(LOOK)[0].path == "/distribution/docker.io/library/busybox:latest/json"


@pytest.mark.parametrize(
    "answer",
    [
        refusal("dial tcp: connection refused"),
        Answer((b"nonsense",)),
        Answer((b"[]",)),
        Answer(end="break"),
        look_up("sha256:short"),
    ],
)
def test_a_registry_that_would_not_say_leaves_it_to_the_store(rig: Rig, answer: Answer) -> None:
    rig.script.on(LOOK, answer)
    rig.script.on("/images/", local(DIGEST, "other/api@" + str(DIGEST), KNOWN))
    assert rig.engine.resolve(REFERENCE) == OTHER
    rig.script.on("/images/", refusal("no such image", 404))
    assert rig.engine.resolve(REFERENCE) is None


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_digest_that_the_containerd_store_made_up_does_not_count(rig: Rig, status: int) -> None:
    rig.script.on(LOOK, refusal("manifest unknown", status))
    rig.script.on("/images/", local(OTHER, KNOWN))
    assert rig.engine.resolve(REFERENCE) is None
    rig.script.on("/images/", local(DIGEST, KNOWN))
    assert rig.engine.resolve(REFERENCE) == OTHER


def test_what_a_registry_offers_has_platforms(rig: Rig) -> None:
    platforms = [
        {"os": "linux", "architecture": "arm64", "variant": "v8"},
        {"os": "linux", "architecture": "amd64"},
        {"os": "unknown", "architecture": "unknown"},
        "nonsense",
    ]
    said = {"Descriptor": {"digest": str(DIGEST)}, "Platforms": platforms}
    rig.script.on(LOOK, Answer((json.dumps(said).encode(),)))
    found = rig.engine.offered(REFERENCE)
    assert found is not None
    assert (found.digest, [str(one) for one in found.platforms]) == (
        DIGEST,
        ["linux/amd64", "linux/arm64"],
    )
    rig.script.on(LOOK, look_up(DIGEST))
    assert rig.engine.offered(REFERENCE) == Offer(DIGEST)


@pytest.mark.parametrize(
    "answer",
    [
        refusal("dial tcp: connection refused"),
        refusal("no such", 404),
        Answer((b"[]",)),
        look_up("x"),
    ],
)
def test_what_a_registry_would_not_say_is_not_offered(rig: Rig, answer: Answer) -> None:
    rig.script.on(LOOK, answer)
    rig.script.on("/images/", local(DIGEST, KNOWN))
    assert rig.engine.offered(REFERENCE) is None


def test_the_store_alone_asks_no_registry(rig: Rig) -> None:
    rig.script.on("/images/", local(DIGEST, KNOWN))
    assert rig.engine.resolve_stored(REFERENCE) == OTHER
    rig.script.on("/images/", refusal("no such image", 404))
    assert rig.engine.resolve_stored(REFERENCE) is None
    assert rig.script.asked(LOOK) == []


def test_the_id_of_an_image_in_the_store(rig: Rig) -> None:
    rig.script.on("/images/", local(DIGEST))
    assert rig.engine.local_id(REFERENCE) == DIGEST
    rig.script.on("/images/", refusal("no such image", 404))
    assert rig.engine.local_id(REFERENCE) is None
    rig.script.on("/images/", refusal("disk on fire", 500))
    with pytest.raises(EngineError, match="disk on fire"):
        rig.engine.local_id(REFERENCE)


def test_a_name_that_cannot_be_given(rig: Rig) -> None:
    rig.script.on("/images/", refusal("no such image", 404))
    with pytest.raises(EngineError, match="cannot give the image sha256:bbbbbbbbbbbb the name"):
        rig.engine.name(DIGEST, [REFERENCE])
