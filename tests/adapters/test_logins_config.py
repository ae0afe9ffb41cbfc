"""Docker's ``config.json``, in all the states that such a file can be in."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from releaser.errors import SetupError
from releaser.logins.config import DockerConfig, config_folder, load_config

KNOWN = {
    "auths": {"ghcr.io": {"auth": "x"}},
    "credHelpers": {"quay.io": "one"},
    "credsStore": "two",
    "currentContext": "desktop",
    "HttpHeaders": {"X-Team": "shop"},
    "proxies": {"default": {"httpProxy": "http://p"}},
    "psFormat": "unknown here",
}


def environment(folder: Path, content: object) -> dict[str, str]:
    """An environment with a ``config.json`` of this content."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    (folder / "config.json").write_bytes(text)
    return {"DOCKER_CONFIG": str(folder)}


def test_what_it_says(tmp_path: Path) -> None:
    assert load_config(environment(tmp_path, KNOWN)) == DockerConfig(
        tmp_path,
        auths={"ghcr.io": {"auth": "x"}},
        helpers={"quay.io": "one"},
        store="two",
        context="desktop",
        headers={"X-Team": "shop"},
        proxies={"default": {"httpProxy": "http://p"}},
    )


@pytest.mark.parametrize("content", [b"", b"  \n", {}, dict.fromkeys(KNOWN), {"credsStore": ""}])
def test_an_empty_file_is_an_empty_configuration(tmp_path: Path, content: object) -> None:
    assert load_config(environment(tmp_path, content)) == DockerConfig(tmp_path)


def test_no_file_is_an_empty_configuration(tmp_path: Path) -> None:
    assert load_config({"DOCKER_CONFIG": str(tmp_path)}) == DockerConfig(tmp_path)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"{", "is not JSON ("),
        (b'{"auths": {"ghcr.io": {"auth": "bWU6czNj', "in line 1, column 32"),
        (b"\xff\xfe{\x00}\x00", "it is not UTF-8 text"),
        (b'{"auths": {"\xff": {}}}', "it is not UTF-8 text"),
        (b"[]", "it holds no JSON object"),
        (b"null", "it holds no JSON object"),
        (b"[" * 100_000, "it is not JSON"),
        (b"1" * 10_000, "it is not JSON"),
        (b" " * (1 << 20) + b"{}", "it is larger than a megabyte"),
        ({"auths": []}, '"auths" is no object'),
        ({"auths": {"ghcr.io": 1}}, '"ghcr.io" in "auths" is no object'),
        ({"auths": {"\x1b[1mx": []}}, '"x" in "auths" is no object'),
        ({"credHelpers": "x"}, '"credHelpers" is no object'),
        ({"credHelpers": {"ghcr.io": 3}}, '"ghcr.io" in "credHelpers" is no text'),
        ({"credsStore": {}}, '"credsStore" is no text'),
        ({"credsStore": ["x"]}, '"credsStore" is no text'),
        ({"HttpHeaders": {"X-Team": 7}}, '"X-Team" in "HttpHeaders" is no text'),
        ({"currentContext": 7}, '"currentContext" is no text'),
        ({"proxies": {"default": "http://p"}}, '"default" in "proxies" is no object'),
    ],
)
def test_a_broken_file_is_an_error(tmp_path: Path, content: object, cause: str) -> None:
    with pytest.raises(SetupError, match=r"config\.json cannot be used") as caught:
        load_config(environment(tmp_path, content))
    assert str(tmp_path) in caught.value.message
    assert cause in dict(caught.value.details)["cause"]
    assert caught.value.hint
    assert caught.value.code == 4
    assert caught.value.__cause__ is None


def complaint(folder: Path) -> str:
    with pytest.raises(SetupError, match=r"config\.json cannot be used") as caught:
        load_config({"DOCKER_CONFIG": str(folder)})
    return dict(caught.value.details)["cause"]


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    assert complaint(tmp_path) == "Is a directory"


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    assert complaint(tmp_path) == "it is no regular file"


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    assert complaint(tmp_path / ("x" * 300)) == "File name too long"


def test_the_representation_holds_no_secrets(tmp_path: Path) -> None:
    auth = base64.b64encode(b"ada:secret").decode()
    shown = repr(load_config(environment(tmp_path, {"auths": {"ghcr.io": {"auth": auth}}})))
    assert auth not in shown


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"DOCKER_CONFIG": "/d", "HOME": "/h"}, "/d"),
        ({"DOCKER_CONFIG": "", "HOME": "/h"}, "/h/.docker"),
        ({"USERPROFILE": "/u"}, "/u/.docker"),
        ({}, "/own/.docker"),
    ],
)
def test_where_it_is(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], folder: str
) -> None:
    monkeypatch.setenv("HOME", "/own")
    assert config_folder(environment) == Path(folder)


def test_nowhere_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(_: str) -> str:
        return "~"  # what it says of a user whom the system does not know

    monkeypatch.setattr("os.path.expanduser", homeless)
    with pytest.raises(SetupError, match="cannot be found") as caught:
        config_folder({})
    assert "DOCKER_CONFIG" in (caught.value.hint or "")
