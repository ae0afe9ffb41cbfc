"""What the Docker command line's ``config.json`` says, of logins and of the engine.

It lies in ``$DOCKER_CONFIG`` or ``~/.docker``. A file that is broken, in whatever part that matters
here, is an error and never an empty configuration: docker-py would go on without logins, so that
pushes fail as "denied" far from the cause.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from releaser.core.harmless import one_line
from releaser.errors import SetupError

MAX_SIZE = 1 << 20


@dataclass(frozen=True, slots=True)
class DockerConfig:
    """The parts of ``config.json`` that matter here; all empty where there is no such file.

    ``folder`` is where it lies, contexts and certificates too. ``auths`` has logins; ``helpers``
    and ``store`` are names of programs that keep others. The representation holds no secrets.
    """

    folder: Path
    auths: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    helpers: Mapping[str, str] = field(default_factory=dict)
    store: str | None = None
    context: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    proxies: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    @property
    def file(self) -> Path:
        """The file itself, whether it exists or not."""
        return self.folder / "config.json"


def load_config(environment: Mapping[str, str]) -> DockerConfig:
    """The configuration in ``DOCKER_CONFIG``, else in ``~/.docker``.

    Raises:
        SetupError: the file cannot be read or is not what Docker writes.
    """
    folder = config_folder(environment)
    file = folder / "config.json"
    data = _read(file)
    section = _Sections(file, data)
    return DockerConfig(
        folder,
        auths=section.mappings("auths"),
        helpers=section.texts("credHelpers"),
        store=section.text("credsStore"),
        context=section.text("currentContext"),
        headers=section.texts("HttpHeaders"),
        proxies=section.mappings("proxies"),
    )


def config_folder(environment: Mapping[str, str]) -> Path:
    """The folder that the Docker command line keeps its settings in.

    Raises:
        SetupError: nothing says which it is.
    """
    given = environment.get("DOCKER_CONFIG")
    if given:
        return Path(given)
    home = environment.get("HOME") or environment.get("USERPROFILE")
    try:
        return Path(home or Path.home()) / ".docker"
    except RuntimeError:
        raise SetupError(
            "the folder with the Docker settings cannot be found",
            details=(("cause", "you have no home folder"),),
            hint="set DOCKER_CONFIG to it",
        ) from None


def _read(file: Path) -> dict[str, Any]:
    text = read_bounded(file)
    # Docker takes an empty file for an empty configuration (docker/cli, LoadFromReader).
    if text is None or not text.strip():
        return {}
    return parse_object(file, text)


def read_bounded(file: Path) -> bytes | None:
    """The content of a small file, ``None`` where it does not exist.

    Raises:
        SetupError: it cannot be read, is no regular file, or holds more than a megabyte.
    """
    try:
        if file.exists() and not (file.is_file() or file.is_dir()):
            raise broken(file, "it is no regular file")  # opening a FIFO would wait for ever
        with file.open("rb") as stream:
            content = stream.read(MAX_SIZE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise broken(file, error.strerror or str(error)) from None
    if len(content) > MAX_SIZE:
        raise broken(file, "it is larger than a megabyte")
    return content


def parse_object(file: Path, text: bytes) -> dict[str, Any]:
    """The JSON object in ``text``, which came from ``file``.

    Raises:
        SetupError: it is something else.
    """
    try:
        data = json.loads(text.decode())
    except UnicodeDecodeError:
        raise broken(file, "it is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise broken(file, f"it is not JSON ({error.msg.lower()} in {where})") from None
    except (ValueError, RecursionError):
        raise broken(file, "it is not JSON") from None
    if not isinstance(data, dict):
        raise broken(file, "it holds no JSON object")
    return data


def broken(file: Path, cause: str) -> SetupError:
    """The complaint about a settings file of Docker."""
    return SetupError(
        f"the Docker settings in {file} cannot be used",
        details=(("cause", cause),),
        hint="repair the file, or move it away and log in again",
    )


class _Sections:
    """Typed access to a part of the file; what has another type is a broken file."""

    def __init__(self, file: Path, data: Mapping[str, Any]) -> None:
        self._file = file
        self._data = data

    def text(self, key: str) -> str | None:
        value = self._data.get(key)
        if value is not None and not isinstance(value, str):
            raise broken(self._file, f'"{key}" is no text')
        return value or None

    def texts(self, key: str) -> dict[str, str]:
        found = self._object(key)
        for name, value in found.items():
            if not isinstance(value, str):
                raise broken(self._file, f'"{one_line(name, 100)}" in "{key}" is no text')
        return found

    def mappings(self, key: str) -> dict[str, dict[str, Any]]:
        found = self._object(key)
        for name, value in found.items():
            if not isinstance(value, dict):
                raise broken(self._file, f'"{one_line(name, 100)}" in "{key}" is no object')
        return found

    def _object(self, key: str) -> dict[str, Any]:
        value = self._data.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise broken(self._file, f'"{key}" is no object')
        return value
