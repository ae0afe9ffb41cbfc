"""The store and the builder of a real Docker Engine, where a script would prove too little."""

from __future__ import annotations

import base64
import io
import json
import os
import tarfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from releaser.core.events import (
    Built,
    Event,
    StepProgress,
)
from releaser.core.oci import Reference
from releaser.core.steps import BuildStep, Link
from releaser.engines.classic_context import GENERATED
from releaser.engines.docker_api import DockerApi
from releaser.engines.docker_client import Connection
from releaser.engines.docker_engine import DockerEngine
from tests.registry_process import start_registry


@dataclass
class Heard:
    events: list[Event] = field(default_factory=list)

    def on(self, event: Event) -> None:
        self.events.append(event)


def step(folder: Path | str = "/src", **fields: Any) -> BuildStep:  # noqa: ANN401
    fields.setdefault("dockerfile", f"{folder}/Dockerfile")
    return BuildStep("api", str(folder), names=(Reference.parse("shop/api:1"),), **fields)


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def big_layer() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("file")
        info.size = 24_000_000
        tar.addfile(info, io.BytesIO(os.urandom(info.size)))
    return buffer.getvalue()


@pytest.mark.engine
def test_a_login_of_the_settings_opens_a_real_registry(tmp_path: Path) -> None:
    with start_registry(tmp_path, htpasswd=("ada", "secret")) as host:
        auth = base64.b64encode(b"ada:secret").decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
        connection = Connection({**os.environ, "DOCKER_CONFIG": str(tmp_path)})
        engine, heard = DockerEngine(connection), Heard()
        reference = Reference.parse(f"{host}/engine-{uuid.uuid4().hex[:8]}/api:1")
        api = connection.client.api
        api.import_image_from_data(big_layer(), repository=str(reference.repository), tag="1")
        try:
            engine.push(reference, heard)
            pushed = engine.resolve(reference)
        finally:
            api.remove_image(str(reference), force=True)
    assert pushed is not None
    progress = [event for event in heard.events if isinstance(event, StepProgress)]
    # How often an engine tells its progress depends on how fast the upload is.
    assert all((event.activity or "").startswith("pushed ") for event in progress)


@pytest.mark.engine
def test_a_real_engine_through_ssh(tmp_path: Path) -> None:
    program = tmp_path / "ssh"
    program.write_text('#!/bin/sh\nshift $(($# - 3))\nexec "$@"\n')
    program.chmod(0o755)
    host = os.environ.get("DOCKER_HOST")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path), prepend=":")
        connection = Connection({**os.environ, "DOCKER_HOST": "ssh://me@box"})
        engine = DockerEngine(connection)
        assert engine.check() == DockerEngine(Connection({**os.environ})).check()
        assert isinstance(engine.images("dev.releaser.nothing"), tuple)
    assert os.environ.get("DOCKER_HOST") == host


@pytest.mark.engine
def test_a_real_engine_builds_what_was_rewritten(tmp_path: Path) -> None:
    connection = Connection(os.environ)
    api = connection.client.api
    prefix = f"classic-{uuid.uuid4().hex[:8]}"
    write(tmp_path, {"base/Dockerfile": "FROM scratch\nCOPY f /from-base\n", "base/f": "1"})
    write(
        tmp_path,
        {
            "api/Dockerfile": "FROM nowhere.invalid/x AS unused\nRUN false\n"
            "FROM base\nCOPY --from=base:latest /from-base /copied\nCOPY . /src/\n",
            "api/.dockerignore": ".dockerignore\nsecret\n",
            "api/file": "f",
            "api/secret": "s",
        },
    )
    names = {name: Reference.parse(f"{prefix}/{name}:1") for name in ("base", "api")}
    base = replace(step(tmp_path / "base"), image="base", names=(names["base"],))
    link = Link("base", ("base", "base:latest"), names["base"])
    image = replace(step(tmp_path / "api", links=(link,)), names=(names["api"],))
    builder, heard = DockerApi(connection), Heard()
    try:
        builder.check([base, image])
        results = [*builder.build([base], heard), *builder.build([image], heard)]
        assert [type(result) for result in results] == [Built, Built]
        assert _files(api, names["api"]) >= {"from-base", "copied", "src/file", "src/Dockerfile"}
        assert not _files(api, names["api"]) & {
            f"src/{name}" for name in (".dockerignore", "secret", GENERATED)
        }
    finally:
        for name in reversed(names.values()):
            api.remove_image(str(name), force=True)


def _files(api: Any, reference: Reference) -> set[str]:  # noqa: ANN401
    container = api.create_container(str(reference), command=["x"])["Id"]
    try:
        content = io.BytesIO(b"".join(api.export(container)))
    finally:
        api.remove_container(container)
    with tarfile.open(fileobj=content) as tar:
        return set(tar.getnames())
