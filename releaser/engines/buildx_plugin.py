"""Finds docker's buildx plug-in without running anything: ``docker buildx version`` takes 0.3 s."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

# Where the docker CLI looks, after its own configuration folder
# (docker/cli, cli-plugins/manager/manager_unix.go).
_SYSTEM_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
_LARGEST_CONFIG = 1024 * 1024


def available(environment: Mapping[str, str], docker: str = "docker") -> bool:
    """Whether the docker CLI is there and has buildx.

    The plug-in's file is looked for first; only where it is in no known folder, docker is asked.
    """
    program = shutil.which(docker, path=environment.get("PATH"))
    if program is None:
        return False
    found = any(_is_program(folder / "docker-buildx") for folder in folders(environment))
    return found or _answers(program, environment)


def folders(environment: Mapping[str, str]) -> Iterator[Path]:
    """The folders that the docker CLI looks for plug-ins in, first to last."""
    config = _config_folder(environment)
    if config is not None:
        yield from (Path(extra) for extra in _extra_folders(config / "config.json"))
        yield config / "cli-plugins"
    yield from (Path(folder) for folder in _SYSTEM_FOLDERS)


def _config_folder(environment: Mapping[str, str]) -> Path | None:
    if folder := environment.get("DOCKER_CONFIG"):
        return Path(folder)
    home = environment.get("HOME")
    return Path(home, ".docker") if home else None


def _extra_folders(config: Path) -> list[str]:
    if not config.is_file():
        return []
    try:
        with config.open("rb") as file:
            settings = json.loads(file.read(_LARGEST_CONFIG))
    except (OSError, ValueError, RecursionError):
        return []
    extra = settings.get("cliPluginsExtraDirs") if isinstance(settings, dict) else None
    return [item for item in extra if isinstance(item, str)] if isinstance(extra, list) else []


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _answers(program: str, environment: Mapping[str, str]) -> bool:
    try:
        done = subprocess.run(
            [program, "buildx", "version"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
