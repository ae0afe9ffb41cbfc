"""What every registry must do with what hangs on images, what they need, and tags that go.

The fakes, a scripted registry that knows all of the distribution specification 1.1, and real ones
that neither list referrers nor delete tags by their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from releaser.core.oci import (
    Digest,
    Flaw,
    Manifest,
    Reference,
    Repository,
    Tag,
    referrers_tag,
)
from releaser.core.placeholder import CONTENT, placeholder
from releaser.errors import RegistryError, SetupError
from releaser.registries.distribution import Distribution
from tests.contract.test_registry import IMPATIENT, LOGIN, Logins, Nobody, Subject
from tests.fakes.registry import FakeRegistry, Image, image, index, listing, signature
from tests.registry_client import distribution
from tests.registry_process import start_registry, upload
from tests.registry_server import scripted_registry
from tests.registry_tokens import start_token_service

MISSING = "is missing"
CREATED = "2026-01-31T12:00:00.5Z"


@pytest.fixture
def fake() -> Subject:
    return _in_memory(FakeRegistry())


@pytest.fixture
def old_fake() -> Subject:
    return _in_memory(FakeRegistry(lists_referrers=False, deletes_tags=False))


def _in_memory(registry: FakeRegistry) -> Subject:
    def seed(to: Reference, what: Image) -> None:
        registry.seed(to, what)

    return Subject(registry, "registry.example", "other.example", seed)


@pytest.fixture
def scripted() -> Iterator[Subject]:
    with scripted_registry() as one, scripted_registry() as two:
        states = {one.host: one, two.host: two}
        yield Subject(
            distribution(patience=IMPATIENT),
            one.host,
            two.host,
            lambda to, what: states[to.repository.registry].seed(to, what),
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registries")


@pytest.fixture(scope="module")
def anonymous(folder: Path) -> Iterator[Subject]:
    with start_registry(folder) as host, start_registry(folder) as other:
        yield Subject(_real(Nobody()), host, other, upload)


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

        yield Subject(_real(Logins()), host, other, seed)


def _real(logins: Logins | Nobody) -> Distribution:
    return Distribution(logins=logins, realms=frozenset(), patience=IMPATIENT)


@pytest.fixture(
    params=[
        "fake",
        "old_fake",
        "scripted",
        pytest.param("anonymous", marks=pytest.mark.engine),
        pytest.param("tokens", marks=pytest.mark.engine),
    ]
)
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


def sign(subject: Subject, repository: Repository, *signatures: Image) -> None:
    """Attach signatures as a client does that knows nothing of the registry."""
    about = signatures[0].manifest.subject
    assert about is not None
    subject.seed(repository.tagged(referrers_tag(about)), listing(*signatures))


class TestCopyByDigest:
    @pytest.mark.parametrize("content", [image("x", layers=2), index(image("a"), image("b"))])
    def test_leaves_no_tag(self, subject: Subject, content: Image) -> None:
        source, to = subject.repository("source"), subject.repository("copy")
        subject.seed(source.tagged("1.0"), content)
        reference = source.at(content.digest)
        assert subject.registry.copy(reference, to, None) == content.digest
        assert subject.registry.manifest(to.at(content.digest)) == content.manifest
        assert subject.registry.tags(to) == ()
        assert subject.registry.flaws(to, content.manifest, deep=True) == ()

    def test_twice_and_then_under_a_tag(self, subject: Subject) -> None:
        source, content = subject.repository("source"), image("x")
        to = Repository(subject.other, source.path)
        subject.seed(source.tagged("1.0"), content)
        for tag in (None, None, Tag("1.0")):
            assert subject.registry.copy(source.at(content.digest), to, tag) == content.digest
        assert subject.registry.tags(to) == ("1.0",)


class TestReferrers:
    def test_of_nothing(self, subject: Subject) -> None:
        repository = subject.repository()
        assert subject.registry.referrers(repository, image().digest) == ()
        subject.seed(repository.tagged("1.0"), image())
        assert subject.registry.referrers(repository, image().digest) == ()

    def test_are_listed(self, subject: Subject) -> None:
        repository, content = subject.repository(), image("signed")
        signatures = [signature(content, text) for text in ("a", "b", "c")]
        subject.seed(repository.tagged("1.0"), content)
        sign(subject, repository, *signatures)
        found = subject.registry.referrers(repository, content.digest)
        assert set(found) == {one.digest for one in signatures}
        read = subject.registry.manifest(repository.at(signatures[0].digest))
        assert read == signatures[0].manifest
        assert read is not None
        assert read.subject == content.digest

    @pytest.mark.parametrize("elsewhere", [False, True])
    def test_go_along(self, subject: Subject, elsewhere: bool) -> None:
        source, content = subject.repository("source"), index(image("a"), image("b"))
        to = Repository(subject.other, source.path) if elsewhere else subject.repository("to")
        signatures = [signature(content, text) for text in ("a", "b", "c")]
        subject.seed(source.tagged("1.0"), content)
        sign(subject, source, *signatures)
        subject.registry.copy(source.at(content.digest), to, None)
        for _ in range(2):
            for one in signatures:
                assert subject.registry.attach(source.at(one.digest), to) == one.digest
        assert set(subject.registry.referrers(to, content.digest)) == {
            one.digest for one in signatures
        }
        for one in signatures:
            assert subject.registry.manifest(to.at(one.digest)) == one.manifest
            assert subject.registry.flaws(to, one.manifest, deep=True) == ()

    def test_what_does_not_exist_cannot_be_attached(self, subject: Subject) -> None:
        source = subject.repository()
        with pytest.raises(RegistryError) as caught:
            subject.registry.attach(source.at(image().digest), subject.repository())
        assert caught.value.status == 404


class TestFlaws:
    @pytest.mark.parametrize("deep", [False, True])
    @pytest.mark.parametrize(
        "content", [image("x", layers=3), index(image("a"), image("b"), attested=True)]
    )
    def test_of_what_is_whole_there_are_none(
        self, subject: Subject, content: Image, deep: bool
    ) -> None:
        repository = subject.repository()
        subject.seed(repository.tagged("1.0"), content)
        assert subject.registry.flaws(repository, content.manifest, deep=deep) == ()

    @pytest.mark.parametrize("deep", [False, True])
    def test_missing_blobs(self, subject: Subject, deep: bool) -> None:
        repository, content = subject.repository(), image("never uploaded", layers=2)
        subject.seed(repository.tagged("1.0"), image("something else", layers=1))
        found = subject.registry.flaws(repository, content.manifest, deep=deep)
        assert set(found) == {Flaw(digest, MISSING) for digest in content.blobs}

    def test_missing_children(self, subject: Subject) -> None:
        repository, inner = subject.repository(), index(image("a"), image("b"))
        subject.seed(repository.tagged("1.0"), image("a"))
        found = subject.registry.flaws(repository, inner.manifest)
        assert found == (Flaw(image("b").digest, MISSING),)

    def test_an_index_in_an_index(self, subject: Subject) -> None:
        repository, outer = subject.repository(), index(index(image("a")), image("b"))
        subject.seed(repository.tagged("1.0"), outer)
        found = subject.registry.manifest(repository.tagged("1.0"))
        assert found == outer.manifest
        assert isinstance(found, Manifest)
        assert found.indexes == (index(image("a")).digest,)
        assert subject.registry.flaws(repository, outer.manifest) == ()


class TestCreated:
    def test_is_what_the_image_says(self, subject: Subject) -> None:
        repository = subject.repository()
        subject.seed(repository.tagged("1"), image("a", created=CREATED))
        subject.seed(repository.tagged("2"), index(image("b", created=CREATED), attested=True))
        for tag in ("1", "2"):
            assert subject.registry.created(repository.tagged(tag)) == 1769860800

    def test_of_what_says_nothing(self, subject: Subject) -> None:
        repository = subject.repository()
        subject.seed(repository.tagged("1"), image())
        assert subject.registry.created(repository.tagged("1")) is None
        assert subject.registry.created(repository.tagged("2")) is None


class TestDeletion:
    def test_can_be_asked_for(self, subject: Subject) -> None:
        repository = subject.repository()
        subject.registry.check_delete(repository)
        subject.seed(repository.tagged("1.0"), image())
        subject.registry.check_delete(repository)
        assert subject.registry.tags(repository) == ("1.0",)

    @pytest.mark.parametrize("content", [image("x"), index(image("a"), image("b"))])
    def test_siblings_survive(self, subject: Subject, content: Image) -> None:
        repository = subject.repository()
        for tag in ("fp-1", "fp-2", "1.0", "latest"):
            subject.seed(repository.tagged(tag), content)
        subject.registry.untag(repository, [Tag("fp-1"), Tag("fp-2")])
        assert subject.registry.tags(repository) == ("1.0", "latest")
        for tag in ("fp-1", "fp-2"):
            assert subject.registry.digest(repository.tagged(tag)) is None
        for tag in ("1.0", "latest"):
            assert subject.registry.manifest(repository.tagged(tag)) == content.manifest
        assert subject.registry.flaws(repository, content.manifest, deep=True) == ()

    def test_of_all_tags_of_a_content_leaves_the_content(self, subject: Subject) -> None:
        repository, old, new = subject.repository(), image("old"), image("new")
        for tag in ("fp-1", "1.0-rc.1"):
            subject.seed(repository.tagged(tag), old)
        subject.seed(repository.tagged("1.0"), new)
        subject.registry.untag(repository, [Tag("fp-1"), Tag("1.0-rc.1")])
        assert subject.registry.tags(repository) == ("1.0",)
        assert subject.registry.manifest(repository.at(old.digest)) == old.manifest
        assert subject.registry.flaws(repository, new.manifest, deep=True) == ()

    def test_of_a_content(self, subject: Subject) -> None:
        repository, old, new = subject.repository(), image("old"), image("new")
        subject.seed(repository.at(old.digest), old)
        subject.seed(repository.tagged("1.0"), new)
        for _ in range(2):
            subject.registry.delete(repository, old.digest)
        assert subject.registry.manifest(repository.at(old.digest)) is None
        assert subject.registry.tags(repository) == ("1.0",)
        assert subject.registry.flaws(repository, new.manifest, deep=True) == ()

    def test_that_was_begun_and_not_ended(self, subject: Subject) -> None:
        """A placeholder is nothing under its own tag, is no other tag's, and can be removed."""
        repository, made = subject.repository(), placeholder(Tag("fp-1"))
        left = Image(made, {Digest.of(CONTENT): CONTENT})
        subject.seed(repository.tagged("fp-1"), left)
        subject.seed(repository.tagged("1.0"), image("x"))
        assert subject.registry.tags(repository) == ("1.0", "fp-1")
        assert subject.registry.digest(repository.tagged("fp-1")) is None
        assert subject.registry.manifest(repository.tagged("fp-1")) is None
        assert subject.registry.digest(repository.at(made.digest)) == made.digest
        subject.registry.untag(repository, [Tag("fp-1")])
        assert subject.registry.tags(repository) == ("1.0",)

    def test_that_was_begun_is_written_over(self, subject: Subject) -> None:
        repository, content = subject.repository(), image("x")
        left = Image(placeholder(Tag("fp-1")), {Digest.of(CONTENT): CONTENT})
        subject.seed(repository.tagged("fp-1"), left)
        subject.seed(repository.tagged("1.0"), content)
        subject.registry.put(repository, Tag("fp-1"), content.manifest)
        assert subject.registry.digest(repository.tagged("fp-1")) == content.digest

    def test_a_part_of_a_kept_index_stays(self, subject: Subject) -> None:
        repository, part = subject.repository(), image("part")
        whole = index(part, image("other"))
        subject.seed(repository.tagged("1.0"), whole)
        subject.seed(repository.tagged("fp-part"), part)
        subject.registry.untag(repository, [Tag("fp-part")])
        assert subject.registry.tags(repository) == ("1.0",)
        assert subject.registry.flaws(repository, whole.manifest, deep=True) == ()

    def test_of_what_is_gone_already(self, subject: Subject) -> None:
        repository = subject.repository()
        subject.seed(repository.tagged("1.0"), image("kept"))
        subject.registry.untag(repository, [Tag("fp-1")])
        subject.registry.delete(repository, image("gone").digest)
        assert subject.registry.tags(repository) == ("1.0",)

    def test_a_tag_can_come_back(self, subject: Subject) -> None:
        repository, content = subject.repository(), image("x")
        subject.seed(repository.tagged("1.0"), content)
        for _ in range(2):
            subject.registry.put(repository, Tag("fp-1"), content.manifest)
            subject.registry.untag(repository, [Tag("fp-1")])
            assert subject.registry.tags(repository) == ("1.0",)


@pytest.mark.engine
def test_a_registry_that_does_not_delete(tmp_path: Path) -> None:
    with start_registry(tmp_path, delete=False) as host:
        repository = Repository(host, "app")
        upload(repository.tagged("1.0"), image())
        with pytest.raises(SetupError, match="does not delete"):
            distribution(patience=IMPATIENT).check_delete(repository)


@pytest.mark.engine
def test_who_may_only_read_may_not_delete(tokens: Subject) -> None:
    repository = tokens.repository()
    tokens.seed(repository.tagged("1.0"), image())
    with pytest.raises(SetupError):
        distribution(patience=IMPATIENT).check_delete(repository)


def test_the_fake_that_does_not_delete() -> None:
    registry = FakeRegistry(deletes=False)
    with pytest.raises(SetupError, match="does not delete"):
        registry.check_delete(Repository("r.example", "app"))
