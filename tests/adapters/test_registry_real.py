"""The distribution adapter with real registries that say no."""

from __future__ import annotations

from pathlib import Path

import pytest

from releaser.core.oci import Repository, Tag
from releaser.errors import SetupError
from releaser.logins.login import Password
from tests.fakes.registry import image
from tests.registry_client import distribution, told
from tests.registry_process import start_registry, upload
from tests.registry_tokens import start_token_service

LOGIN = ("robot", "p4ss")
IMAGE = image("real")

pytestmark = pytest.mark.engine


def test_a_wrong_password(tmp_path: Path) -> None:
    with start_registry(tmp_path, LOGIN) as host:
        with pytest.raises(SetupError, match="rejects the credentials") as caught:
            distribution(Password("robot", "wrong!")).check_push(Repository(host, "app"))
        assert f"docker login {host}" in told(caught.value)
        assert "wrong!" not in told(caught.value)


def test_no_password(tmp_path: Path) -> None:
    with (
        start_registry(tmp_path, LOGIN) as host,
        pytest.raises(SetupError, match="asks for credentials"),
    ):
        distribution().check_push(Repository(host, "app"))


def test_reading_is_for_everybody_and_writing_is_not(tmp_path: Path) -> None:
    with (
        start_token_service(tmp_path, LOGIN) as service,
        start_registry(tmp_path, auth=service.auth) as host,
    ):
        repository = Repository(host, "team/app")
        token = service.token([f"repository:{repository.path}:pull,push"], everything=True)
        upload(repository.tagged("1.0"), IMAGE, token=token)
        nobody = distribution()
        assert nobody.manifest(repository.tagged("1.0")) == IMAGE.manifest
        with pytest.raises(SetupError):
            nobody.check_push(repository)
        with pytest.raises(SetupError):
            nobody.put(repository, Tag("2.0"), IMAGE.manifest)
        robot = distribution(Password(*LOGIN))
        robot.put(repository, Tag("2.0"), IMAGE.manifest)
        assert nobody.tags(repository) == ("1.0", "2.0")
        record = repository.tagged("record")
        with pytest.raises(SetupError):
            nobody.write_record(record, b"theirs")
        robot.write_record(record, b"ours")
        assert nobody.read_record(record) == b"ours"
        assert nobody.labels(repository.tagged("2.0")) == {}


def test_a_check_leaves_no_upload(tmp_path: Path) -> None:
    with start_registry(tmp_path) as host:
        distribution().check_push(Repository(host, "app"))
        # version 2.8 writes "hashstates" once more after it has removed the upload
        assert not list(tmp_path.rglob("_uploads/*/startedat"))
        assert not list(tmp_path.rglob("_uploads/*/data"))


def test_a_mount_moves_no_bytes(tmp_path: Path) -> None:
    with start_registry(tmp_path) as host:
        source, to = Repository(host, "source"), Repository(host, "to")
        upload(source.tagged("1.0"), IMAGE)
        before = set(tmp_path.rglob("blobs/sha256/*/*/data"))
        assert distribution().copy(source.tagged("1.0"), to, Tag("1.0")) == IMAGE.digest
        assert set(tmp_path.rglob("blobs/sha256/*/*/data")) == before
