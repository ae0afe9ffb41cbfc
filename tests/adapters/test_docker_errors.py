"""The translation of foreign exceptions."""

from __future__ import annotations

import http.client
import inspect
import json

import docker.credentials.errors
import docker.errors
import pytest
import requests
import urllib3.exceptions

from releaser.engines.docker_errors import cause_of, translated
from releaser.errors import EngineError, ReleaserError, SetupError, SpecError


def made(kind: type[BaseException]) -> BaseException:
    """An exception of a library, however it wants to be made."""
    for arguments in (
        (),
        ("text",),
        ("text", "more"),
        ("c", 1, "cmd", "image", b"err"),
        ("u", 0, 0),
    ):
        try:
            return kind(*arguments)
        except TypeError:
            continue
        except AttributeError:
            continue
    return kind.__new__(kind)


def exceptions(module: object) -> list[type[BaseException]]:
    found = (value for _, value in inspect.getmembers(module, inspect.isclass))
    return [each for each in found if issubclass(each, Exception) and not issubclass(each, Warning)]


FOREIGN = sorted(
    {
        *exceptions(docker.errors),
        *exceptions(docker.credentials.errors),
        *exceptions(requests.exceptions),
        *exceptions(urllib3.exceptions),
        *exceptions(http.client),
        OSError, TimeoutError, ConnectionResetError, UnicodeDecodeError, RecursionError,
        json.JSONDecodeError,
    },
    key=lambda kind: (kind.__module__, kind.__qualname__),
)  # fmt: skip


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
def test_every_exception_of_the_libraries_is_translated(kind: type[BaseException]) -> None:
    listing = "cannot list the images"
    with pytest.raises(EngineError, match=rf"^{listing}: .") as caught, translated(listing):
        raise made(kind)
    assert "\n" not in caught.value.message


def test_all_of_docker_errors_is_in_the_list() -> None:
    names = {kind.__qualname__ for kind in FOREIGN if kind.__module__ == "docker.errors"}
    assert {"APIError", "ImageNotFound", "StreamParseError", "TLSParameterError"} <= names
    assert len(names) >= 15


@pytest.mark.parametrize("error", [SpecError("x"), EngineError("y"), SetupError("z")])
def test_our_own_errors_pass(error: ReleaserError) -> None:
    with pytest.raises(type(error)) as caught, translated("cannot do it"):
        raise error
    assert caught.value is error


@pytest.mark.parametrize("error", [KeyError("bug"), TypeError("bug"), KeyboardInterrupt()])
def test_bugs_and_interrupts_pass(error: BaseException) -> None:
    with pytest.raises(type(error)), translated("cannot do it"):
        raise error


BROKE_OFF = "the connection broke off"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (urllib3.exceptions.TimeoutError("Read timed out."), "no answer in time"),
        (requests.ReadTimeout("Read timed out."), "no answer in time"),
        (requests.ConnectionError(TimeoutError("timed out")), "no answer in time"),
        (urllib3.exceptions.ProtocolError("x", http.client.IncompleteRead(b"")), BROKE_OFF),
        (http.client.RemoteDisconnected("closed"), BROKE_OFF),
        (ConnectionResetError(104, "reset by peer"), BROKE_OFF),
        (docker.errors.APIError("x", explanation="no such \x1b[31mimage"), "no such image"),
        (docker.errors.StreamParseError("no JSON"), "no JSON"),
    ],
)
def test_causes_are_one_line(error: BaseException, cause: str) -> None:
    assert cause_of(error) == cause
