"""What every registry must do: the fake, and the real adapter with a real registry behind it.

The real ones are four: open to everybody, with a password (Basic), with tokens, and anonymous
towards one with tokens, which may then only be read.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from releaser.core.oci import Digest, Manifest, Reference, Repository, Tag
from releaser.errors import RegistryError
from releaser.interfaces import Registry
from releaser.logins.login import Login, Password
from releaser.registries.distribution import Distribution
from releaser.registries.retry import Patience
from tests.fakes.registry import FakeRegistry, Image, artifact, image, index
from tests.registry_process import start_registry, upload
from tests.registry_tokens import start_token_service

LOGIN = ("robot", "p4ss:wörd")
IMPATIENT = Patience(tries=3, budget=5.0, first=0.01, longest=0.05, settle=1.0)
_numbers = itertools.count()


@dataclass
class Subject:
    """A registry to test, a way to fill it from outside, and another host that it can copy to."""

    registry: Registry
    host: str
    other: str
    seed: Callable[[Reference, Image], None]

    def repository(self, name: str = "app") -> Repository:
        return Repository(self.host, f"contract/{name}-{next(_numbers)}")


class Logins:
    def of(self, registry: str) -> Login | None:  # noqa: ARG002
        return Password(*LOGIN)


class Nobody:
    def of(self, registry: str) -> Login | None:  # noqa: ARG002
        return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registries")


@pytest.fixture(scope="module")
def anonymous(folder: Path) -> Iterator[Subject]:
    with start_registry(folder) as host, start_registry(folder) as other:
        yield Subject(_distribution(Nobody()), host, other, upload)


@pytest.fixture(scope="module")
def basic(folder: Path) -> Iterator[Subject]:
    with start_registry(folder, LOGIN) as host, start_registry(folder) as other:
        seed = lambda to, what: upload(to, what, LOGIN)  # noqa: E731
        yield Subject(_distribution(Logins()), host, other, seed)


@pytest.fixture(scope="module")
def tokens(folder: Path) -> Iterator[Subject]:
    with (
        start_token_service(folder, LOGIN) as service,
        start_registry(folder, auth=service.auth) as host,
        start_registry(folder, LOGIN) as other,
    ):

        def seed(to: Reference, what: Image) -> None:
            scope = f"repository:{to.repository.path}:pull,push"
            upload(to, what, token=service.token([scope], everything=True))

        yield Subject(_distribution(Logins()), host, other, seed)


@pytest.fixture
def fake() -> Subject:
    registry = FakeRegistry()
    return Subject(
        registry,
        "registry.example",
        "other.example",
        lambda to, what: _ignore(registry.seed(to, what)),
    )


@pytest.fixture(
    params=[
        "fake",
        pytest.param("anonymous", marks=pytest.mark.engine),
        pytest.param("basic", marks=pytest.mark.engine),
        pytest.param("tokens", marks=pytest.mark.engine),
    ]
)
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


def _distribution(logins: Logins | Nobody) -> Distribution:
    return Distribution(logins=logins, realms=frozenset(), patience=IMPATIENT)


def _ignore(_: object) -> None:
    return None


class TestReading:
    def test_what_does_not_exist_is_none(self, subject: Subject) -> None:
        missing = subject.repository().tagged("1.0")
        assert subject.registry.digest(missing) is None
        assert subject.registry.manifest(missing) is None
        assert subject.registry.tags(missing.repository) == ()

    def test_a_tag_that_does_not_exist_in_a_repository_that_does(self, subject: Subject) -> None:
        repository = subject.repository()
        subject.seed(repository.tagged("1.0"), image())
        assert subject.registry.digest(repository.tagged("2.0")) is None
        assert subject.registry.manifest(repository.tagged("2.0")) is None

    def test_a_digest_that_does_not_exist(self, subject: Subject) -> None:
        repository = subject.repository()
        subject.seed(repository.tagged("1.0"), image())
        absent = repository.at(Digest.of(b"nothing"))
        assert subject.registry.digest(absent) is None
        assert subject.registry.manifest(absent) is None

    def test_a_tag_names_a_digest_and_the_bytes_behind_it(self, subject: Subject) -> None:
        reference, content = subject.repository().tagged("1.0"), image("read me", layers=2)
        subject.seed(reference, content)
        assert subject.registry.digest(reference) == content.digest
        assert subject.registry.manifest(reference) == content.manifest

    def test_a_digest_names_itself(self, subject: Subject) -> None:
        repository, content = subject.repository(), image()
        subject.seed(repository.tagged("1.0"), content)
        reference = repository.at(content.digest)
        assert subject.registry.digest(reference) == content.digest
        assert subject.registry.manifest(reference) == content.manifest

    def test_a_digest_beside_a_tag_is_what_counts(self, subject: Subject) -> None:
        repository, old, new = subject.repository(), image("old"), image("new")
        subject.seed(repository.tagged("1"), old)
        subject.seed(repository.tagged("1"), new)
        both = Reference(repository, Tag("1"), old.digest)
        assert subject.registry.manifest(both) == old.manifest

    def test_a_reference_without_tag_means_latest(self, subject: Subject) -> None:
        repository, content = subject.repository(), image()
        subject.seed(repository.tagged("latest"), content)
        assert subject.registry.digest(Reference(repository)) == content.digest

    def test_an_index_has_children_and_no_config(self, subject: Subject) -> None:
        reference, content = subject.repository().tagged("1.0"), index(image("a"), image("b"))
        subject.seed(reference, content)
        found = subject.registry.manifest(reference)
        assert found == content.manifest
        assert found is not None
        assert found.config is None
        assert found.children == (image("a").digest, image("b").digest)

    def test_the_platforms_of_an_index_are_those_that_it_lists(self, subject: Subject) -> None:
        reference, content = subject.repository().tagged("1.0"), index(image("a"), image("b"))
        subject.seed(reference, content)
        found = subject.registry.platforms(reference.repository, content.manifest)
        assert [str(one) for one in found] == ["linux/amd64", "linux/cpu1"]

    def test_the_platform_of_an_image_is_in_its_configuration(self, subject: Subject) -> None:
        reference, content = subject.repository().tagged("1.0"), image()
        subject.seed(reference, content)
        found = subject.registry.platforms(reference.repository, content.manifest)
        assert [str(one) for one in found] == ["linux/amd64"]

    def test_tags_come_sorted(self, subject: Subject) -> None:
        repository = subject.repository()
        for tag in ("2", "10", "latest", "1"):
            subject.seed(repository.tagged(tag), image())
        assert subject.registry.tags(repository) == ("1", "10", "2", "latest")


class TestWriting:
    def test_a_new_tag(self, subject: Subject) -> None:
        repository, content = subject.repository(), image()
        subject.seed(repository.tagged("staging"), content)
        subject.registry.put(repository, Tag("1.0"), content.manifest)
        assert subject.registry.digest(repository.tagged("1.0")) == content.digest
        assert subject.registry.manifest(repository.tagged("1.0")) == content.manifest
        assert subject.registry.tags(repository) == ("1.0", "staging")

    def test_a_tag_moves(self, subject: Subject) -> None:
        repository, old, new = subject.repository(), image("old"), image("new")
        subject.seed(repository.tagged("latest"), old)
        subject.seed(repository.tagged("staging"), new)
        subject.registry.put(repository, Tag("latest"), new.manifest)
        assert subject.registry.digest(repository.tagged("latest")) == new.digest
        assert subject.registry.manifest(repository.at(old.digest)) == old.manifest

    def test_the_same_again_is_fine(self, subject: Subject) -> None:
        repository, content = subject.repository(), image()
        subject.seed(repository.tagged("1.0"), content)
        subject.registry.put(repository, Tag("1.0"), content.manifest)
        assert subject.registry.digest(repository.tagged("1.0")) == content.digest

    def test_an_index_keeps_its_bytes(self, subject: Subject) -> None:
        repository, content = subject.repository(), index(image("a"), image("b"))
        subject.seed(repository.tagged("staging"), content)
        subject.registry.put(repository, Tag("1.0"), content.manifest)
        assert subject.registry.manifest(repository.tagged("1.0")) == content.manifest

    def test_a_manifest_whose_blobs_are_missing_is_refused(self, subject: Subject) -> None:
        repository = subject.repository()
        with pytest.raises(RegistryError) as caught:
            subject.registry.put(repository, Tag("1.0"), image("never uploaded").manifest)
        assert caught.value.status == 400
        assert caught.value.reason == "MANIFEST_BLOB_UNKNOWN"
        assert not caught.value.retryable
        assert subject.registry.digest(repository.tagged("1.0")) is None

    def test_many_threads(self, subject: Subject) -> None:
        repository, content = subject.repository(), image()
        subject.seed(repository.tagged("staging"), content)
        tags = [f"1.{n}" for n in range(32)]
        with ThreadPoolExecutor(16) as pool:
            for _ in pool.map(
                lambda t: subject.registry.put(repository, Tag(t), content.manifest), tags
            ):
                pass
            found = set(pool.map(lambda t: subject.registry.digest(repository.tagged(t)), tags))
        assert found == {content.digest}
        assert subject.registry.tags(repository) == tuple(sorted([*tags, "staging"]))


class TestCheckPush:
    def test_leaves_nothing_behind(self, subject: Subject) -> None:
        repository = subject.repository()
        subject.registry.check_push(repository)
        subject.registry.check_push(repository)
        assert subject.registry.tags(repository) == ()


class TestCopy:
    @pytest.mark.parametrize("content", [image("x", layers=3), index(image("a"), image("b"))])
    def test_to_another_repository(self, subject: Subject, content: Image) -> None:
        source, to = subject.repository("source"), subject.repository("copy")
        subject.seed(source.tagged("1.0"), content)
        assert subject.registry.copy(source.tagged("1.0"), to, Tag("prod")) == content.digest
        self._complete(subject.registry, to, content, "prod")

    @pytest.mark.parametrize("content", [image("x", layers=3), index(image("a"), image("b"))])
    def test_to_another_registry(self, subject: Subject, content: Image) -> None:
        source = subject.repository("source")
        to = Repository(subject.other, source.path)
        subject.seed(source.tagged("1.0"), content)
        assert subject.registry.copy(source.tagged("1.0"), to, Tag("prod")) == content.digest
        self._complete(subject.registry, to, content, "prod")

    def test_by_digest_within_a_repository(self, subject: Subject) -> None:
        repository, content = subject.repository(), index(image("a"), image("b"))
        subject.seed(repository.tagged("1.0"), content)
        reference = repository.at(content.digest)
        assert subject.registry.copy(reference, repository, Tag("latest")) == content.digest
        assert subject.registry.manifest(repository.tagged("latest")) == content.manifest

    def test_twice(self, subject: Subject) -> None:
        source, to, content = subject.repository(), subject.repository(), image()
        subject.seed(source.tagged("1.0"), content)
        for _ in range(2):
            assert subject.registry.copy(source.tagged("1.0"), to, Tag("1.0")) == content.digest

    def test_of_nothing(self, subject: Subject) -> None:
        source, to = subject.repository(), subject.repository()
        with pytest.raises(RegistryError) as caught:
            subject.registry.copy(source.tagged("1.0"), to, Tag("1.0"))
        assert caught.value.status == 404
        assert str(source) in caught.value.message
        assert subject.registry.tags(to) == ()

    def _complete(self, registry: Registry, to: Repository, content: Image, tag: str) -> None:
        found = registry.manifest(to.tagged(tag))
        assert found == content.manifest
        assert isinstance(found, Manifest)
        for child in content.children:
            assert registry.manifest(to.at(child.digest)) == child.manifest
        # a manifest is taken only where its blobs are: this proves them
        registry.put(to, Tag("again"), found)


class TestRecords:
    def test_what_was_never_written_is_none(self, subject: Subject) -> None:
        repository = subject.repository()
        assert subject.registry.read_record(repository.tagged("record")) is None
        subject.seed(repository.tagged("1.0"), image())
        assert subject.registry.read_record(repository.tagged("record")) is None

    @pytest.mark.parametrize(
        "content", [b"x\x9c\x00 record", b"", bytes(range(256)) * 20_000], ids=len
    )
    def test_what_is_written_is_read(self, subject: Subject, content: bytes) -> None:
        reference = subject.repository().tagged("record")
        subject.registry.write_record(reference, content)
        assert subject.registry.read_record(reference) == content

    def test_a_record_moves(self, subject: Subject) -> None:
        reference = subject.repository().tagged("record")
        for content in (b"old", b"new", b"new", b"old"):
            subject.registry.write_record(reference, content)
            assert subject.registry.read_record(reference) == content

    def test_the_same_record_has_the_same_digest_everywhere(self, subject: Subject) -> None:
        one, two = subject.repository().tagged("record"), subject.repository().tagged("other")
        for reference in (one, two):
            subject.registry.write_record(reference, b"same")
        assert subject.registry.digest(one) == subject.registry.digest(two) is not None

    def test_one_that_somebody_else_wrote(self, subject: Subject) -> None:
        reference = subject.repository().tagged("record")
        subject.seed(reference, artifact(b"theirs"))
        assert subject.registry.read_record(reference) == b"theirs"

    def test_two_in_a_repository(self, subject: Subject) -> None:
        repository = subject.repository()
        for tag in ("a", "b"):
            subject.registry.write_record(repository.tagged(tag), tag.encode())
        assert subject.registry.read_record(repository.tagged("a")) == b"a"
        assert subject.registry.read_record(repository.tagged("b")) == b"b"

    @pytest.mark.parametrize("content", [image(), index(image("a"), image("b"))])
    def test_an_image_is_none(self, subject: Subject, content: Image) -> None:
        reference = subject.repository().tagged("1.0")
        subject.seed(reference, content)
        with pytest.raises(RegistryError, match="is not a record") as caught:
            subject.registry.read_record(reference)
        assert str(reference) in caught.value.message

    def test_an_image_gives_way(self, subject: Subject) -> None:
        reference = subject.repository().tagged("record")
        subject.seed(reference, image())
        subject.registry.write_record(reference, b"mine")
        assert subject.registry.read_record(reference) == b"mine"

    def test_is_seen_as_an_image_is(self, subject: Subject) -> None:
        repository, other = subject.repository(), subject.repository()
        reference = repository.tagged("record")
        subject.seed(repository.tagged("1.0"), image())
        subject.registry.write_record(reference, b"seen")
        manifest = subject.registry.manifest(reference)
        assert manifest is not None
        assert subject.registry.digest(reference) == manifest.digest
        assert subject.registry.tags(repository) == ("1.0", "record")
        assert subject.registry.copy(reference, other, Tag("record")) == manifest.digest
        assert subject.registry.read_record(other.tagged("record")) == b"seen"

    def test_of_many_threads(self, subject: Subject) -> None:
        repository = subject.repository()
        tags = [f"record-{n}" for n in range(32)]
        with ThreadPoolExecutor(16) as pool:
            write = lambda t: subject.registry.write_record(repository.tagged(t), t.encode())  # noqa: E731
            list(pool.map(write, tags))
            read = list(
                pool.map(lambda t: subject.registry.read_record(repository.tagged(t)), tags)
            )
        assert read == [tag.encode() for tag in tags]

    def test_one_that_could_not_be_read_again_is_not_written(self, subject: Subject) -> None:
        reference = subject.repository().tagged("record")
        with pytest.raises(RegistryError, match="too large"):
            subject.registry.write_record(reference, bytes(16 * 1024 * 1024 + 1))
        assert subject.registry.digest(reference) is None


class TestLabels:
    LABELS = {"org.example.plan": "7", "empty": "", "text": "a\nb ü"}  # noqa: RUF012

    def test_of_nothing_are_none(self, subject: Subject) -> None:
        assert subject.registry.labels(subject.repository().tagged("1.0")) is None

    def test_of_a_record_are_none(self, subject: Subject) -> None:
        reference = subject.repository().tagged("record")
        subject.registry.write_record(reference, b"record")
        assert subject.registry.labels(reference) is None

    @pytest.mark.parametrize("labels", [LABELS, {}])
    def test_of_an_image(self, subject: Subject, labels: dict[str, str]) -> None:
        repository, content = subject.repository(), image(labels=labels)
        subject.seed(repository.tagged("1.0"), content)
        assert subject.registry.labels(repository.tagged("1.0")) == labels
        assert subject.registry.labels(repository.at(content.digest)) == labels

    @pytest.mark.parametrize("attested", [False, True])
    def test_of_an_index_are_those_of_its_first_image(
        self, subject: Subject, attested: bool
    ) -> None:
        reference = subject.repository().tagged("1.0")
        images = image("a", labels=self.LABELS), image("b", labels={"other": "1"})
        subject.seed(reference, index(*images, attested=attested))
        assert subject.registry.labels(reference) == self.LABELS

    def test_of_an_index_of_attestations_are_none(self, subject: Subject) -> None:
        reference = subject.repository().tagged("1.0")
        subject.seed(reference, index(attested=True))
        assert subject.registry.labels(reference) is None


class TestFake:
    """What only the fake can do, and what other tests rely upon."""

    def test_fails_as_often_as_it_is_told(self) -> None:
        registry, reference = FakeRegistry(), Reference.parse("r.example/app:1")
        registry.seed_image(reference)
        registry.fail("digest", str(reference), RegistryError("down", retryable=True), times=2)
        for _ in range(2):
            with pytest.raises(RegistryError, match="down"):
                registry.digest(reference)
        assert registry.digest(reference) == image().digest
        assert registry.called("digest") == [str(reference)] * 3

    def test_fails_after_the_effect(self) -> None:
        registry, content = FakeRegistry(), image()
        repository = Repository("r.example", "app")
        registry.seed(repository.tagged("staging"), content)
        registry.fail("put", "*", RegistryError("reset"), after=True, times=None)
        with pytest.raises(RegistryError, match="reset"):
            registry.put(repository, Tag("1"), content.manifest)
        assert registry.tag_of("r.example/app:1") == content.digest

    def test_loses_and_damages_the_blob_of_a_record(self) -> None:
        registry, reference = FakeRegistry(), Reference.parse("r.example/app:record")
        registry.write_record(reference, b"record")
        blobs = registry.repositories[reference.repository].blobs
        blobs[Digest.of(b"record")] = b"other"
        with pytest.raises(RegistryError, match="not what it should be"):
            registry.read_record(reference)
        blobs.clear()
        with pytest.raises(RegistryError, match="lacks a blob"):
            registry.read_record(reference)

    @pytest.mark.parametrize("after", [False, True])
    def test_fails_to_keep_a_record(self, after: bool) -> None:
        registry, reference = FakeRegistry(), Reference.parse("r.example/app:record")
        registry.fail("write_record", str(reference), RegistryError("reset"), after=after)
        with pytest.raises(RegistryError, match="reset"):
            registry.write_record(reference, b"record")
        assert registry.read_record(reference) == (b"record" if after else None)
        assert registry.called("write_record") == registry.called("read_record")
