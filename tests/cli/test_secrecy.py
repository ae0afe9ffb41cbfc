"""Nothing that a run knows comes out of it: streams, reports, plans, the journal, errors."""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path

import pytest

from releaser.cli import app
from releaser.cli.compose import adapters, load_project
from releaser.cli.secrecy import (
    Remembered,
    conceal,
    escaped,
    guarded,
    hidden,
    masked,
    redactor,
)
from releaser.core.events import Event
from releaser.core.oci import Reference
from releaser.core.redaction import Redactor
from releaser.core.steps import Secret
from releaser.errors import EngineError, RegistryError
from releaser.journal import FileJournal
from releaser.logins.login import IdentityToken, Login, Password, RegistryToken
from releaser.reports.markdown import run_markdown
from releaser.reports.run import Run
from releaser.secret_values import LARGEST, SecretsAtHand, value_of, values_of
from tests.engine_server import refusal, scripted_engine

VALUE = "hunter_22-[swordfish]"
SPEC = """\
version: 1
project: shop
images:
  api:
    context: .
    args: {NOTE: "VALUE"}
    secrets: [{id: t, env: APP_TOKEN}, {id: f, file: key.pem}]
"""
PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nab%d\n-----END KEY-----\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "images.yaml").write_text(SPEC.replace("VALUE", VALUE))
    (tmp_path / "Dockerfile").write_text("FROM scratch\nARG NOTE\n")
    (tmp_path / "key.pem").write_text(PEM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APP_TOKEN", VALUE)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    for name in [name for name in os.environ if name.startswith(("GITHUB_", "CI"))]:
        monkeypatch.delenv(name)
    return tmp_path


def test_streams_of_a_run_have_no_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    with guarded():
        redactor().learn(VALUE.encode())
        sys.stdout.write(f"a {VALUE}\n")
        sys.stderr.writelines([f"b {VALUE}\n", "c\n"])
        sys.stdout.write(json.dumps({"a": "##[group]x ##[[ ###"}))
        assert sys.stdout.isatty() is False
    captured = capsys.readouterr()
    first, document = captured.out.split("\n")
    assert first == "a ***"
    assert "##[" not in document
    assert json.loads(document) == {"a": "##[group]x ##[[ ###"}
    assert captured.err == "b ***\nc\n"
    sys.stdout.write(VALUE)  # the next run knows nothing of this one
    assert capsys.readouterr().out == VALUE


@pytest.mark.parametrize("output", ["text", "json", "markdown"])
def test_a_plan_that_tells_an_argument_does_not_tell_a_secret(
    project: Path, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    app.run(["plan", "--offline", "--version", VALUE, "--format", output])
    assert app.run(["why", f"{VALUE}", "--offline"]) != 0
    assert app.run(["plan", "--offline", "-o", "plan.json", "--version", "1.0.0"]) == 0
    captured = capsys.readouterr()
    assert "***" in captured.err
    assert VALUE not in captured.out + captured.err + (project / "plan.json").read_text()
    assert "MIIEvQIBADANBgkq" not in captured.out + captured.err


def test_an_error_quotes_no_line_with_a_secret(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "images.yaml").write_text(SPEC.replace("VALUE", VALUE).replace("NOTE", "NO TE"))
    app.run(["validate"])
    (project / "images.yaml").write_text(SPEC.replace("VALUE", VALUE))
    (project / "Dockerfile").write_text(f"FROM scratch\nRUNN {VALUE}\n")
    assert app.run(["validate"]) == 2
    assert VALUE not in capsys.readouterr().err.split("RUNN")[-1]


@pytest.mark.usefixtures("project")
def test_github_is_told_what_to_mask(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app.run(["validate"])
    assert "add-mask" not in capsys.readouterr().err
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert app.run(["validate"]) == 0
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        f"::add-mask::{VALUE}",
        "::add-mask::-----BEGIN KEY-----",
        "::add-mask::MIIEvQIBADANBgkq",
        "::add-mask::-----END KEY-----",
    ]
    assert "add-mask" not in captured.out


@pytest.mark.parametrize("value", ["sha256", "fingerprint", "backend", "docker.io", "example/shop"])
def test_a_secret_that_is_a_common_word_leaves_documents_as_they_are(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    value: str,
) -> None:
    spec = "registries: {main: {prefix: reg.example/shop}}\n" + SPEC.replace("api:", "backend:")
    (project / "images.yaml").write_text(spec)
    plan = ("plan", "--offline", "--version", "1.0.0", "--format", "json")
    monkeypatch.delenv("APP_TOKEN")
    assert app.run(plan) == 0
    before = json.loads(capsys.readouterr().out)
    monkeypatch.setenv("APP_TOKEN", value)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert app.run([*plan, "-o", "plan.json"]) == 0
    captured = capsys.readouterr()
    for text in (captured.out, (project / "plan.json").read_text()):
        assert json.loads(text)["images"] == before["images"]
    assert captured.err.count('the value of secret "t" is a common word') == 1
    assert f"add-mask::{value}" not in captured.err


def test_what_is_masked_and_how() -> None:
    assert masked([b"abc\n", b"", b" \n", b"one-line-1\nx\ntwo-line-2\n"]) == [
        "abc",
        "one-line-1",
        "two-line-2",
    ]
    assert escaped("50%\r\n::x") == "50%25%0D%0A::x"


class Deaf:
    def on(self, event: Event) -> None:
        """Nobody listens."""


class Fixed:
    def __init__(self, login: Login | None) -> None:
        self.login = login

    def of(self, registry: str) -> Login | None:  # noqa: ARG002
        return self.login


@pytest.mark.parametrize(
    "login", [Password("ada", VALUE), IdentityToken(VALUE), RegistryToken(VALUE), None]
)
def test_logins_are_kept_out_from_when_they_are_used(login: Login | None) -> None:
    known = Redactor()
    logins = Remembered(Fixed(login), known)
    assert known.hide(VALUE) == VALUE
    assert logins.of("host") is login
    assert (known.hide(VALUE) == "***") is (login is not None)


def test_logins_that_the_engine_is_given_are_kept_out(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = base64.b64encode(b"ada:other-swordfish").decode()
    (project / "config.json").write_text(json.dumps({"auths": {"reg.example": {"auth": auth}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(project))
    with scripted_engine() as engine, guarded():
        monkeypatch.setenv("DOCKER_HOST", engine.host)
        engine.on("/images/reg.example/api/push", refusal("no", 401))
        store = adapters(load_project(None, None)).engine()
        with pytest.raises(RegistryError, match="cannot push"):
            store.push(Reference.parse("reg.example/api:1"), Deaf())
        assert redactor().hide("other-swordfish") == "***"


def test_reports_errors_and_journals_are_searched(tmp_path: Path) -> None:
    with guarded():
        redactor().learn(VALUE.encode())
        error = EngineError(
            f"m {VALUE}", details=[("d", VALUE)], hint=f"h {VALUE}", output=[f"o {VALUE}"]
        )
        report = hidden({"a": [f"x {VALUE}", 7, None], "b": {"c": (VALUE,)}})
        journal = FileJournal(tmp_path / "j.jsonl", hide=redactor().hide)
        journal.open("1.0.0")
        journal.end("push:a@r", Reference.parse("a:1"), f"refused: {VALUE}")
        shown = run_markdown(Run("release", pushed=True, error=RegistryError(VALUE)))
        assert redactor().hide(shown) != shown
        assert "swordfish" not in redactor().hide(shown)
        conceal(error)
    assert report == {"a": ["x ***", 7, None], "b": {"c": ["***"]}}
    assert (error.message, error.details, error.hint, error.output) == (
        "m ***", (("d", "***"),), "h ***", ("o ***",),
    )  # fmt: skip
    entries = [json.loads(line) for line in (tmp_path / "j.jsonl").read_text().splitlines()]
    assert entries[1]["error"] == "refused: ***"


def test_values_are_read_where_builds_read_them(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\x00 key")
    (tmp_path / "large").write_bytes(b"x" * (LARGEST + 7))
    os.mkfifo(tmp_path / "pipe")
    environment = {"A": "a-value", "EMPTY": ""}
    assert value_of(Secret("a", env="A"), environment) == b"a-value"
    assert value_of(Secret("a", env="NONE"), environment) is None
    assert value_of(Secret("a", file=str(tmp_path / "key")), environment) == b"\xff\x00 key"
    assert len(value_of(Secret("a", file=str(tmp_path / "large")), {}) or b"") == LARGEST
    for path in ("pipe", "none", "", "\0"):
        assert value_of(Secret("a", file=str(tmp_path / path)), {}) is None
    both = [Secret("a", env="A"), Secret("b", env="A"), Secret("c", env="EMPTY")]
    assert values_of(both, environment) == (b"a-value",)
    sought = SecretsAtHand(environment).sought(both[:1])
    assert "a-value" not in repr(sought)
    assert sought.needles.found("x a-value") == "a"
