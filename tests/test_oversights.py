"""What is warned of in Dockerfiles: args that none declares, base images without a tag."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from releaser.cli import app, commands
from releaser.core.facts import Concern
from releaser.core.lock import Lock, Locked, name_of
from releaser.core.oci import Digest, Platform
from releaser.pipeline import check
from tests.world import World

SPEC = """\
version: 1
defaults: {args: {PYTHON: 3.12}}
images:
  api: {context: api}
  worker: {context: worker}
"""
FILES = {
    "api/Dockerfile": "ARG PYTHON\nFROM python:${PYTHON}\n",
    "worker/Dockerfile": "FROM busybox:1\n",
}


def warned(spec: str = SPEC, lock: Lock | None = None, **files: str) -> Sequence[Concern]:
    """The concerns, which a plan and ``validate`` have alike."""
    texts = {f"{name}/Dockerfile": text for name, text in files.items()}
    made = World(spec, {**FILES, **texts})
    made.lock = lock
    found = check(made.project, made.adapters.contexts).concerns
    assert made.prepare().oversights == found
    return found


def messages(*args: object, **files: str) -> list[str]:
    return [one.message for one in warned(*args, **files)]  # type: ignore[arg-type]


def test_a_default_is_for_whoever_declares_it() -> None:
    assert messages() == []
    (found,) = messages(api="FROM busybox:1\n")
    assert found.startswith('images.yaml:2:27: build arg "PYTHON" is declared nowhere in api/')


@pytest.mark.parametrize(
    "name",
    [
        "HTTP_PROXY", "https_proxy", "NO_PROXY", "all_proxy", "BUILDKIT_INLINE_CACHE",
        "SOURCE_DATE_EPOCH", "TARGETARCH", "BUILDPLATFORM", "TARGETSTAGE",
    ],
)  # fmt: skip
def test_what_buildkit_knows_needs_no_arg(name: str) -> None:
    assert messages(SPEC.replace("{context: api}", f"{{context: api, args: {{{name}: x}}}}")) == []


@pytest.mark.parametrize(
    "text",
    [
        "FROM busybox:1\nARG A B=1\n",
        "ARG B=1\nFROM busybox:1\n",
        "FROM busybox:1 AS other\nARG B\nFROM busybox:1\n",
        "FROM busybox:1\nONBUILD ARG B\n",
    ],
)
def test_any_stage_may_declare_it(text: str) -> None:
    spec = SPEC.replace("{context: api}", "{context: api, args: {B: x}}")
    assert messages(spec.replace("defaults:", "x-defaults:"), api=text) == []


def test_a_near_name_is_offered() -> None:
    spec = SPEC.replace("{context: api}", "{context: api, args: {PYTON: 3}}")
    (found,) = warned(spec)
    assert found.hint == 'did you mean "PYTHON"?'


def test_an_image_on_triggers_may_declare_anything() -> None:
    spec = SPEC.replace("{context: worker}", "{context: worker, args: {V: 1}}")
    on_base = {"api": "ARG PYTHON\nFROM busybox:1\nONBUILD ARG V\n", "worker": "FROM api\n"}
    assert messages(spec, **on_base) == []
    assert len(messages(spec, worker="FROM busybox:1\n")) == 1


def test_bases_without_a_tag() -> None:
    pinned = f"FROM python@sha256:{'1' * 64}\nCOPY --from=busybox /x /x\n"
    assert messages(worker=pinned) == [
        'worker/Dockerfile:2: base image "busybox" has no tag, so it is whatever latest is today'
    ]
    assert messages(worker="FROM api\nFROM scratch\nFROM busybox:latest AS x\nFROM x\n") == []
    both = {"api": "ARG PYTHON\nFROM busybox\n", "worker": "FROM busybox\n"}
    (one,) = messages(**both)
    assert one.startswith("api/Dockerfile:2, worker/Dockerfile:1: ")


def test_what_is_locked_is_pinned() -> None:
    entry = Locked(Digest(f"sha256:{'1' * 64}"), (Platform.parse("linux/amd64"),), "")
    lock = Lock({str(name_of("busybox")): entry})
    assert messages(SPEC, lock, worker="FROM busybox\n") == []


def test_validate_and_plan_say_it_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    made = World(SPEC, {**FILES, "worker/Dockerfile": "FROM busybox\n"})
    monkeypatch.setattr(commands, "load_project", lambda *_: made.project)
    monkeypatch.setattr(commands, "adapters", lambda *_: made.adapters)
    monkeypatch.setattr(commands, "contexts", lambda: made.adapters.contexts)
    monkeypatch.chdir(tmp_path)
    said = 'warning: worker/Dockerfile:1: base image "busybox" has no tag'
    for command in (["validate"], ["validate", "--resolved"], ["plan"]):
        assert app.run(command) == 0
        captured = capsys.readouterr()
        assert said in captured.err
        assert said not in captured.out
