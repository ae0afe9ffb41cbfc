"""Which engine the environment points to, and connecting to it."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest
import requests
import urllib3.exceptions

from releaser.engines.docker_client import Connection, connect
from releaser.engines.docker_endpoint import DEFAULT_HOST, Endpoint, find_endpoint
from releaser.engines.docker_errors import cause_of
from releaser.engines.docker_ssh import ssh_command
from releaser.errors import SetupError
from releaser.logins.config import load_config
from tests.engine_server import refusal, scripted_engine


def settings(folder: Path, content: object) -> dict[str, str]:
    """An environment with a ``config.json`` of this content."""
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "config.json").write_text(text)
    return {"DOCKER_CONFIG": str(folder)}


def context(folder: Path, name: str, docker_endpoint: object) -> Path:
    """A context as ``docker context create`` writes it; answers its folder for certificates."""
    identity = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "contexts" / "meta" / identity
    meta.mkdir(parents=True)
    data = {"Name": name, "Metadata": {}, "Endpoints": {"docker": docker_endpoint}}
    (meta / "meta.json").write_text(json.dumps(data))
    return folder / "contexts" / "tls" / identity / "docker"


def endpoint(environment: Mapping[str, str]) -> Endpoint:
    return find_endpoint(environment, load_config(environment))


def test_nothing_set_means_the_default_socket(tmp_path: Path) -> None:
    assert endpoint({"HOME": str(tmp_path)}).url == DEFAULT_HOST


def test_the_order_is_that_of_docker(tmp_path: Path) -> None:
    for name in ("one", "two"):
        context(tmp_path, name, {"Host": f"tcp://{name}:1"})
    environment = settings(tmp_path, {"currentContext": "two"})
    assert endpoint(environment).url == "tcp://two:1"
    environment["DOCKER_CONTEXT"] = "one"
    assert endpoint(environment).url == "tcp://one:1"
    environment["DOCKER_CONTEXT"] = "default"
    assert endpoint(environment).url == DEFAULT_HOST
    environment["DOCKER_HOST"] = "unix:///here.sock"
    assert endpoint(environment).url == "unix:///here.sock"


def test_a_context_is_found_where_there_is_no_config(tmp_path: Path) -> None:
    context(tmp_path, "one", {"Host": "ssh://me@box"})
    found = endpoint({"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "one"})
    assert (found.url, found.origin) == ("ssh://me@box", "context one")


def test_a_context_that_is_gone_is_no_default(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match='context "gone" does not exist'):
        endpoint(settings(tmp_path, {"currentContext": "gone"}))


@pytest.mark.parametrize("broken", [None, "x", {"Host": "foo://x"}])
def test_a_broken_context_is_named(tmp_path: Path, broken: object) -> None:
    context(tmp_path, "one", broken)
    with pytest.raises(SetupError):
        endpoint(settings(tmp_path, {"currentContext": "one"}))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("tcp://box", "tcp://box:2375"),
        ("box:1234", "tcp://box:1234"),
        ("tcp://[::1]:2375", "tcp://[::1]:2375"),
        (" unix:///x ", "unix:///x"),
        ("ssh://me@box:22", "ssh://me@box:22"),
    ],
)
def test_hosts_are_completed(tmp_path: Path, host: str, url: str) -> None:
    assert endpoint({"HOME": str(tmp_path), "DOCKER_HOST": host}).url == url


@pytest.mark.parametrize(
    "host",
    [
        "foo://x",
        "tcp://me:secret@box",
        "ssh://-oProxyCommand=x",
        "tcp://",
        "tcp://x:y",
        "tcp://[::1",
    ],
)
def test_senseless_hosts_are_refused_without_quoting_them(tmp_path: Path, host: str) -> None:
    with pytest.raises(SetupError) as caught:
        endpoint({"HOME": str(tmp_path), "DOCKER_HOST": host})
    assert "secret" not in f"{caught.value} {caught.value.details}"


def test_tls_of_the_environment(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / f"{name}.pem").touch()
    environment = {"HOME": str(tmp_path / "home"), "DOCKER_HOST": "tcp://box"}
    found = endpoint({**environment, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)})
    assert found.url == "tcp://box:2376"
    assert found.tls
    assert (found.tls.verify, found.tls.ca) == (True, tmp_path / "ca.pem")
    (tmp_path / "key.pem").unlink()
    with pytest.raises(SetupError, match=r"key\.pem is missing"):
        endpoint({**environment, "DOCKER_TLS": "1", "DOCKER_CERT_PATH": str(tmp_path)})


def test_tls_of_a_context(tmp_path: Path) -> None:
    folder = context(tmp_path, "one", {"Host": "tcp://box:1", "SkipTLSVerify": True})
    folder.mkdir(parents=True)
    (folder / "ca.pem").touch()
    found = endpoint(settings(tmp_path, {"currentContext": "one"}))
    assert found.tls
    assert (found.tls.verify, found.tls.certificate) == (False, None)


def test_ssh_is_called_with_the_host_behind_two_dashes() -> None:
    assert ssh_command("ssh://me@box:2222")[-9:] == [
        "-l", "me", "-p", "2222", "--", "box", "docker", "system", "dial-stdio",
    ]  # fmt: skip


def test_it_connects_and_says_the_headers_of_the_settings(tmp_path: Path) -> None:
    environment = settings(tmp_path, {"HttpHeaders": {"X-Team": "shop"}})
    with scripted_engine() as engine:
        connection = Connection({**environment, "DOCKER_HOST": engine.host})
        assert connection.client.api.api_version == "1.51"
        assert connection.client is connection.client
        connection.facts()
    assert engine.asked("/info")[0].headers["X-Team"] == "shop"


def unreachable(environment: Mapping[str, str], folder: Path) -> SetupError:
    with pytest.raises(SetupError) as caught:
        connect({"HOME": str(folder), **environment})
    return caught.value


def test_no_socket(tmp_path: Path) -> None:
    error = unreachable({"DOCKER_HOST": f"unix://{tmp_path}/no.sock"}, tmp_path)
    assert error.message == f"no Docker engine answers at unix://{tmp_path}/no.sock"
    assert error.details == (("cause", "no such socket"), ("set by", "DOCKER_HOST"))
    assert "docker context use" in (error.hint or "")


def test_a_file_is_no_socket(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert unreachable({"DOCKER_HOST": f"unix://{tmp_path}/file"}, tmp_path).details


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    error = unreachable({"DOCKER_HOST": f"tcp://127.0.0.1:{port}"}, tmp_path)
    assert error.details[0] == ("cause", "connection refused")


@pytest.mark.parametrize("status", [404, 500])
def test_something_else_answers(tmp_path: Path, status: int) -> None:
    with scripted_engine() as engine:
        engine.on("/version", refusal("nothing here", status))
        error = unreachable({"DOCKER_HOST": engine.host}, tmp_path)
    assert error.details[0] == ("cause", "nothing here")


def test_ssh_that_fails_says_why(tmp_path: Path) -> None:
    program = tmp_path / "ssh"
    program.write_text("#!/bin/sh\necho 'Host key verification failed.' >&2\nexit 255\n")
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path), prepend=":")
        error = unreachable({"DOCKER_HOST": "ssh://me@box"}, tmp_path)
    assert error.details[0] == ("cause", "Host key verification failed.")
    assert "ssh me@box docker version" in (error.hint or "")


def test_the_permission_has_a_hint_of_its_own() -> None:
    from releaser.engines.docker_client import _unreachable

    error = requests.ConnectionError(
        urllib3.exceptions.ProtocolError("Connection aborted.", PermissionError(13, "denied"))
    )
    made = _unreachable(Endpoint(DEFAULT_HOST, "the default"))("no", cause_of(error), error)
    assert made.details[0] == ("cause", "permission denied")
    assert "usermod" in (made.hint or "")
