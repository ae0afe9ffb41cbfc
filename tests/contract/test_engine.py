"""What every engine keeps to: the fake, and the Docker Engine with either image store."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import tarfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from releaser.core.events import Event, StepProgress
from releaser.core.oci import Digest, Reference, Repository
from releaser.engines.docker_client import Connection
from releaser.engines.docker_engine import DockerEngine
from releaser.errors import EngineError, RegistryError, SetupError, StepError
from releaser.interfaces import Engine
from tests.fakes.engine import FakeEngine
from tests.registry_process import start_registry

LABEL = "dev.releaser.test"
CONTROL = Path(__file__).parents[2] / ".ci" / "engine"
UNREACHABLE = "127.0.0.1:1"
ACCEPTED = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)


@dataclass
class Heard:
    events: list[Event] = field(default_factory=list)

    def on(self, event: Event) -> None:
        self.events.append(event)


@dataclass
class Rig:
    """An engine, a registry that takes everything and one that wants a login, and looks into all.

    ``make`` puts an image with labels and references into the store; ``registered`` is the digest
    that a registry holds under a reference.
    """

    engine: Engine
    registry: str
    closed: str
    make: Callable[[Mapping[str, str], tuple[Reference, ...]], Digest]
    registered: Callable[[Reference], Digest | None]
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:10])
    heard: Heard = field(default_factory=Heard)

    def reference(self, image: str, registry: str | None = None) -> Reference:
        path = f"engine-contract/{self.run}/{image}"
        return Repository(registry or self.registry, path).tagged("1")

    def image(self, value: str, *references: Reference) -> Digest:
        return self.make({LABEL: f"{self.run}-{value}"}, references)

    def labelled(self) -> dict[str | None, tuple[Reference, ...]]:
        """The references of this run's images by the value of their label."""
        found = self.engine.images(LABEL)
        own = [image for image in found if (image.fingerprint or "").startswith(self.run)]
        return {(image.fingerprint or "")[11:]: image.references for image in own}


@contextmanager
def fake(_folder: Path) -> Iterator[Rig]:
    held: dict[Reference, Digest] = {}

    def upload(reference: Reference, image_id: Digest, labels: Mapping[str, str]) -> None:
        host = reference.repository.registry
        if host == UNREACHABLE:
            raise RegistryError(f"{host} does not answer", retryable=True)
        if host == "closed:1":
            raise SetupError(f"{host} wants another login", hint=f"docker login {host}")
        held[reference] = image_id
        engine.bases[reference] = image_id
        assert labels

    def make(labels: Mapping[str, str], references: tuple[Reference, ...]) -> Digest:
        image_id = Digest.of(json.dumps(dict(labels)).encode())
        engine.add(image_id, labels, references)
        return image_id

    engine = FakeEngine(upload)
    yield Rig(engine, "open:1", "closed:1", make, held.get)


@contextmanager
def docker(folder: Path, environment: Mapping[str, str]) -> Iterator[Rig]:
    connection = Connection(environment)
    made: set[str] = set()

    def make(labels: Mapping[str, str], references: tuple[Reference, ...]) -> Digest:
        changes = [f'LABEL "{key}"="{value}"' for key, value in labels.items()]
        api = connection.client.api
        answer = json.loads(api.import_image_from_data(_layer(), changes=changes))
        made.add(answer["status"])
        for reference in references:
            api.tag(answer["status"], str(reference.repository), str(reference.tag))
        return Digest(answer["status"])

    engine = DockerEngine(connection, pause=lambda _cancelled, _seconds: None)
    with (
        start_registry(folder) as opened,
        start_registry(folder, htpasswd=("ada", "secret")) as closed,
    ):
        try:
            yield Rig(engine, opened, closed, make, registered)
        finally:
            for image_id in made:
                connection.client.api.remove_image(image_id, force=True)


@contextmanager
def environment_engine(folder: Path) -> Iterator[Rig]:
    with docker(folder, os.environ) as rig:
        yield rig


@contextmanager
def classic_engine(folder: Path) -> Iterator[Rig]:
    with docker(folder, _classic_environment()) as rig:
        yield rig


def _classic_environment() -> dict[str, str]:
    """The environment of a second engine with the classic store, which keeps running."""
    done = subprocess.run(
        [str(CONTROL), "daemon", "classic", "--store", "classic"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = (line.removeprefix("export ") for line in done.stdout.splitlines())
    pairs = (word.partition("=") for line in lines for word in shlex.split(line))
    return {**os.environ, **{key: value for key, _, value in pairs if key != "PATH"}}


def _layer() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        content = uuid.uuid4().bytes * 4096
        info = tarfile.TarInfo("file")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def registered(reference: Reference) -> Digest | None:
    """What a registry holds, asked over plain HTTP without any code of releaser's adapters."""
    host, path = reference.repository.registry, reference.repository.path
    url = f"http://{host}/v2/{path}/manifests/{reference.wanted}"
    request = urllib.request.Request(url, headers={"Accept": ACCEPTED})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - http://
            return Digest.of(answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 404:
            raise
        return None


ENGINES = [
    pytest.param(fake, id="fake"),
    pytest.param(environment_engine, id="docker", marks=pytest.mark.engine),
    pytest.param(classic_engine, id="docker-classic", marks=pytest.mark.engine),
]


@pytest.fixture(params=ENGINES)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    make: Callable[[Path], AbstractContextManager[Rig]] = request.param
    with make(tmp_path) as made:
        yield made


def test_it_says_what_it_is(rig: Rig) -> None:
    facts = rig.engine.check()
    assert facts.version[0].isdigit()
    assert facts.platform.startswith("linux/")


@pytest.mark.engine
def test_the_classic_store_is_told_apart() -> None:
    assert not DockerEngine(Connection(_classic_environment())).check().containerd_store


def test_images_are_found_by_their_label(rig: Rig) -> None:
    one, two = rig.reference("one"), rig.reference("two")
    rig.image("a", one, two)
    rig.image("b")
    found = rig.labelled()
    assert {value: set(references) for value, references in found.items()} == {
        "a": {one, two},
        "b": set(),
    }


def test_an_image_without_the_label_is_not_listed(rig: Rig) -> None:
    rig.make({"dev.releaser.other": rig.run}, ())
    assert rig.labelled() == {}


def test_images_are_found_by_name(rig: Rig) -> None:
    one, two, three = (rig.reference(name) for name in ("one", "two", "three"))
    rig.image("a", one, two)
    rig.image("b", three)
    rig.make({"dev.releaser.other": rig.run}, (rig.reference("other"),))
    asked = (one, rig.reference("nothing"), rig.reference("other"))
    (found,) = rig.engine.images(LABEL, asked)
    assert one in found.references
    assert found.fingerprint == rig.engine.images(LABEL, (two,))[0].fingerprint
    assert len(rig.engine.images(LABEL, (one, three))) == 2
    assert rig.engine.images(LABEL, ()) == ()


def test_the_id_is_what_the_store_calls_the_image(rig: Rig) -> None:
    image_id = rig.image("a")
    assert image_id in {image.image_id for image in rig.engine.images(LABEL)}


def test_a_name_is_added(rig: Rig) -> None:
    image_id = rig.image("a", rig.reference("one"))
    rig.engine.name(image_id, (rig.reference("two"), rig.reference("three")))
    names = {rig.reference(name) for name in ("one", "two", "three")}
    assert set(rig.labelled()["a"]) == names


def test_a_name_moves_to_the_image_that_is_given_it(rig: Rig) -> None:
    rig.image("a", rig.reference("one"))
    rig.engine.name(rig.image("b"), (rig.reference("one"),))
    assert rig.labelled() == {"a": (), "b": (rig.reference("one"),)}


def test_an_image_that_is_not_there_cannot_be_named(rig: Rig) -> None:
    with pytest.raises(StepError):
        rig.engine.name(Digest.of(rig.run.encode()), (rig.reference("one"),))


def test_an_image_says_its_labels_in_words_and_where_they_stand(rig: Rig) -> None:
    reference = rig.reference("one")
    rig.image("a", reference)
    said = {one.where: one.text for one in rig.engine.inscriptions(reference)}
    assert f"{rig.run}-a" in said[f"label {LABEL}"]


def test_an_image_that_is_not_there_says_nothing(rig: Rig) -> None:
    with pytest.raises(EngineError):
        rig.engine.inscriptions(rig.reference("one"))


def test_a_pushed_image_is_in_the_registry(rig: Rig) -> None:
    reference = rig.reference("api")
    rig.image("a", reference)
    assert rig.registered(reference) is None
    rig.engine.push(reference, rig.heard)
    assert rig.registered(reference) is not None


def test_only_the_tag_that_is_asked_for_is_pushed(rig: Rig) -> None:
    reference = rig.reference("api")
    rig.image("a", reference, reference.with_tag("secret-internal"))
    rig.engine.push(reference, rig.heard)
    assert rig.registered(reference.with_tag("secret-internal")) is None


def test_a_push_can_be_repeated(rig: Rig) -> None:
    reference = rig.reference("api")
    rig.image("a", reference)
    rig.engine.push(reference, rig.heard)
    first = rig.registered(reference)
    rig.engine.push(reference, rig.heard)
    assert rig.registered(reference) == first


def test_progress_of_a_push_is_an_activity(rig: Rig) -> None:
    reference = rig.reference("api")
    rig.image("a", reference)
    rig.engine.push(reference, rig.heard)
    progress = [event for event in rig.heard.events if isinstance(event, StepProgress)]
    assert all((event.activity or "").startswith("pushed ") for event in progress)


def test_pushes_run_side_by_side(rig: Rig) -> None:
    references = [rig.reference(f"image-{n}") for n in range(6)]
    for n, reference in enumerate(references):
        rig.image(str(n), reference)
    threads = [threading.Thread(target=rig.engine.push, args=(r, rig.heard)) for r in references]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert all(rig.registered(reference) for reference in references)


def test_an_unknown_reference_cannot_be_pushed(rig: Rig) -> None:
    with pytest.raises(StepError, match="no image called"):
        rig.engine.push(rig.reference("nothing"), rig.heard)


def test_a_registry_that_does_not_answer_is_an_error(rig: Rig) -> None:
    reference = rig.reference("api", UNREACHABLE)
    rig.image("a", reference)
    with pytest.raises(RegistryError) as caught:
        rig.engine.push(reference, rig.heard)
    assert caught.value.retryable


def test_a_registry_that_wants_a_login_says_so(rig: Rig) -> None:
    reference = rig.reference("api", rig.closed)
    rig.image("a", reference)
    with pytest.raises(SetupError) as caught:
        rig.engine.push(reference, rig.heard)
    assert caught.value.hint == f"docker login {rig.closed}"


def test_a_base_is_resolved_in_its_registry(rig: Rig) -> None:
    reference = rig.reference("base")
    rig.image("a", reference)
    rig.engine.push(reference, rig.heard)
    assert rig.engine.resolve(reference) == rig.registered(reference)


def test_a_base_with_a_digest_is_resolved_already(rig: Rig) -> None:
    digest = Digest.of(b"anything")
    assert rig.engine.resolve(rig.reference("base").repository.at(digest)) == digest
    assert rig.engine.resolve_stored(rig.reference("base").repository.at(digest)) == digest


def test_what_a_registry_offers_is_seen_through_the_engine(rig: Rig) -> None:
    reference = rig.reference("base")
    assert rig.engine.offered(reference) is None
    rig.image("a", reference)
    assert rig.engine.offered(reference) is None
    rig.engine.push(reference, rig.heard)
    found = rig.engine.offered(reference)
    assert found is not None
    assert found.digest == rig.registered(reference)
    # the Docker Engine does not look into the configuration behind an OCI manifest
    assert {str(one) for one in found.platforms} <= {rig.engine.check().platform}


def test_a_base_that_is_in_the_store_is_known_without_a_registry(rig: Rig) -> None:
    reference = rig.reference("base")
    assert rig.engine.resolve_stored(reference) is None
    rig.image("a", reference)
    rig.engine.push(reference, rig.heard)
    assert rig.engine.resolve_stored(reference) == rig.registered(reference)


def test_an_image_that_no_registry_knows_has_no_digest(rig: Rig) -> None:
    reference = rig.reference("local-only")
    assert rig.engine.resolve(reference) is None
    rig.image("a", reference)
    assert rig.engine.resolve(reference) is None


def test_cancelling_an_idle_engine_changes_nothing(rig: Rig) -> None:
    reference = rig.reference("api")
    rig.image("a", reference)
    rig.engine.cancel()
    rig.engine.cancel()
    began = time.monotonic()
    rig.engine.push(reference, rig.heard)
    assert rig.registered(reference) is not None
    assert time.monotonic() - began < 60
