"""The commands on fakes: results on stdout, the rest on stderr, a report in every ending."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from releaser.cli import app, commands, releasing
from releaser.cli.reporting import Recording, check_writable, recording, write_atomically
from releaser.cli.signals import SignalReceived, handled
from releaser.core.events import BuildResult
from releaser.core.facts import SourceFacts
from releaser.core.steps import BuildStep
from releaser.errors import (
    EngineError,
    PlanError,
    RegistryError,
    SetupError,
    SpecError,
)
from releaser.interfaces import NO_JOURNAL, Journal, Listener
from releaser.journal import FileJournal
from tests.world import World

SPEC = """\
version: 1
project: shop
registries: {main: main.example/shop}
defaults: {tags: ["{{version}}", latest]}
images:
  base: {context: base}
  api: {context: api}
"""
FILES = {
    "base/Dockerfile": "FROM scratch\nCOPY f /\n",
    "base/f": "base",
    "api/Dockerfile": "FROM base\nCOPY f /\n",
    "api/f": "api",
}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """A world that the commands run in instead of this machine."""
    world = World(SPEC, FILES)
    for module in (commands, releasing):
        monkeypatch.setattr(module, "load_project", lambda *_: world.project)
        monkeypatch.setattr(module, "adapters", lambda *_: world.adapters)
    monkeypatch.setattr(releasing, "opened", lambda path, *_: _journal(path))
    monkeypatch.setenv("CI", "1")
    monkeypatch.delenv("RELEASER_VERSION", raising=False)
    monkeypatch.chdir(tmp_path)
    return world


def _journal(path: Path | None) -> Journal:
    """A journal where one is asked for; the world's folder is on no disk."""
    if path is None:
        return NO_JOURNAL
    journal = FileJournal(path)
    journal.open(None)
    return journal


Ran = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str]) -> Ran:
    """Runs a command line: its code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = app.run(arguments)
        return code, *capsys.readouterr()

    return run


def report() -> dict[str, Any]:
    """The report that was written."""
    found: dict[str, Any] = json.loads(Path("report.json").read_text())
    return found


def test_release_and_again(made: World, ran: Ran) -> None:
    code, out, err = ran("release", "--push", "--report", "report.json")
    assert code == 0
    assert "shop 1.4.2: released in" in out
    assert "base  build …" in err
    assert report()["outcome"] == "released"
    assert len(made.public()) == 4
    code, out, err = ran("release", "--push", "--report", "report.json")
    assert (code, err) == (0, "")
    assert "nothing to do" in out
    assert report()["outcome"] == "nothing-to-do"


def test_release_without_push_shows_what_it_would_push(made: World, ran: Ran) -> None:
    code, out, err = ran("release")
    assert code == 0
    assert "+ main.example/shop/api:1.4.2" in out
    assert "api   built" in out
    assert err.endswith("nothing was pushed: add --push to publish\n")
    assert made.public() == {}


def test_build(made: World, ran: Ran) -> None:
    code, out, _ = ran("build", "base")
    assert code == 0
    assert out.startswith("base  built\n")
    assert "api" not in out
    assert made.registry.calls == []


@pytest.mark.parametrize("command", [["release", "--push"], ["release"], ["build"]])
@pytest.mark.parametrize("fails", [False, True])
def test_json_is_all_that_stdout_gets(
    made: World, ran: Ran, command: list[str], *, fails: bool
) -> None:
    if fails:
        made.builder.failures = {"base": EngineError("RUN false failed", output=["oops"])}
    code, out, err = ran(*command, "--format", "json", "--report", "report.json")
    assert code == int(fails)
    printed = json.loads(out)
    assert printed["outcome"] == report()["outcome"]
    assert printed["exit_code"] == code
    assert ("error: RUN false failed\n  | oops\n" in err) is fails


@pytest.mark.parametrize("output_format", ["text", "markdown"])
def test_a_failed_run_shows_what_became_of_each_image(
    made: World, ran: Ran, output_format: str
) -> None:
    made.builder.failures = {"base": EngineError("RUN false failed")}
    code, out, err = ran("release", "--push", "--format", output_format)
    assert code == 1
    assert "failed" in out
    assert "blocked" in out
    assert err.endswith("error: RUN false failed\n")
    assert made.public() == {}


def test_several_failures_are_all_told(made: World, ran: Ran) -> None:
    made.files["/project/api/Dockerfile"] = "FROM scratch\nCOPY f /\n"
    made.builder.batch_size = 1
    made.builder.failures = {"base": EngineError("one"), "api": EngineError("two")}
    code, _, err = ran("release", "--push", "--keep-going")
    assert code == 1
    assert "error: one\n" in err
    assert "error: two\n" in err
    assert "error: 2 steps failed\n  build:base: one\n  build:api:  two\n" in err


def test_partly_published(made: World, ran: Ran) -> None:
    error = RegistryError("the registry is full", status=507)
    made.registry.fail("put", "main.example/shop/api:latest", error)
    code, out, err = ran("release", "--push", "--report", "report.json")
    assert code == 5
    assert "partly published" in out
    assert "missing: main.example/shop/api:latest" in " ".join(err.split())
    found = report()
    assert (found["outcome"], found["exit_code"]) == ("partial", 5)
    written = [r["reference"] for i in found["images"] for r in i["references"] if r["written"]]
    assert len(written) == 3
    assert ran("release", "--push")[0] == 0


def test_refused(made: World, ran: Ran) -> None:
    assert ran("release", "--push")[0] == 0
    made.files["/project/base/f"] = "changed"
    code, out, err = ran("release", "--push", "--report", "report.json")
    assert (code, out) == (3, "")
    assert "names another content already" in err
    assert report()["outcome"] == "refused"
    code, out, _ = ran("plan")
    assert code == 3
    assert "! main.example/shop/base:1.4.2  refused" in out


def test_a_dirty_tree(made: World, ran: Ran) -> None:
    made.source = SourceFacts(commit="a" * 40, tags=("v1.0.0",), changes=("base/f",))
    code, _, err = ran("release", "--push")
    assert code == 3
    assert "base/f" in err
    assert ran("release", "--push", "--allow-dirty")[0] == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_a_run(made: World, ran: Ran, number: signal.Signals, code: int) -> None:
    build = made.builder.build

    def signalled(batch: Sequence[BuildStep], listener: Listener) -> Sequence[BuildResult]:
        signal.raise_signal(number)
        return build(batch, listener)

    made.builder.waiting = {"base"}
    made.builder.build = signalled  # type: ignore[method-assign]
    before = signal.getsignal(number)
    ended, out, err = ran("release", "--push", "--report", "report.json")
    assert ended == code
    assert "interrupted" in out
    assert f"error: interrupted by {number.name}\n" in err
    assert (report()["outcome"], report()["exit_code"]) == ("interrupted", code)
    assert signal.getsignal(number) is before
    assert made.public() == {}


def test_a_signal_before_a_run_ends_it_at_once() -> None:
    with pytest.raises(SignalReceived) as caught, handled():
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.number == signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("made")
def test_a_signal_while_a_plan_is_made_is_reported(
    ran: Ran, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def facts(*_: object, **__: object) -> SourceFacts:
        signal.raise_signal(number)
        raise AssertionError("the signal was dropped")

    monkeypatch.setattr(releasing, "prepare", facts)
    code, _, err = ran("release", "--push", "--report", "r.json")
    assert code == 128 + number
    assert err.startswith("error: interrupted by SIG")
    report = json.loads(Path("r.json").read_text())
    assert (report["exit_code"], report["error"]["message"]) == (code, err[7:].splitlines()[0])


def test_a_signal_in_an_import_waits_for_its_end(tmp_path: Path) -> None:
    (tmp_path / "signalled.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nfor _ in range(1000): pass\n"
        "DONE = True\n"
    )
    program = (
        "import sys, time\nfrom releaser.cli.signals import *\n"
        "try:\n    with handled():\n        import signalled\n"
        "        assert signalled.DONE\n        time.sleep(30)\n"
        "except SignalReceived as got:\n    sys.exit(got.number)\n"
    )
    assert run_python(program, PYTHONPATH=str(tmp_path)) == (signal.SIGTERM, b"")


def test_a_signal_in_a_finaliser_is_not_lost() -> None:
    program = (
        "import os, signal, sys, time\nfrom releaser.cli.signals import *\n"
        "class Last:\n    def __del__(self):\n        os.kill(os.getpid(), signal.SIGINT)\n"
        "        time.sleep(0.1)\n"
        "try:\n    with handled():\n        Last()\n        time.sleep(30)\n"
        "except SignalReceived as got:\n    sys.exit(got.number)\n"
    )
    assert run_python(program) == (signal.SIGINT, b"")


def run_python(program: str, **environment: str) -> tuple[int, bytes]:
    """The exit code of a program, and what it said on stderr."""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        env=os.environ | environment,
        timeout=25,
        capture_output=True,
    )
    return ended.returncode, ended.stderr


def test_a_plan_is_saved_whole_or_refused_at_once(made: World, ran: Ran) -> None:
    code, out, err = ran("plan", "-o", "nowhere/plan.json")
    assert (code, out) == (2, "")
    assert "nowhere/plan.json cannot be written" in err
    assert made.registry.calls == []
    assert ran("plan", "-o", "plan.json", "--format", "json")[0] == 0
    assert json.loads(Path("plan.json").read_text())["schema"] == 1


def test_concerns_are_told_and_cannot_play_tricks(made: World, ran: Ran) -> None:
    made.files["/project/base/Dockerfile"] = "FROM unknown.example/base:1\n"
    code, _, err = ran("plan")
    assert code == 0
    assert err.startswith('warning: the digest of base image "unknown.example/base:1"')
    assert err.count("\n") == 1


# -- the report itself


@pytest.mark.parametrize("path", ["nowhere/r.json", "."])
def test_a_report_that_cannot_be_written_is_refused_at_the_start(
    made: World, ran: Ran, path: str
) -> None:
    code, _, err = ran("build", "--report", path)
    assert code == 2
    assert "cannot be written" in err
    assert made.builder.batches == []


def test_a_full_disk_does_not_hide_how_the_run_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("releaser.cli.reporting.write_atomically", full)
    with (
        pytest.raises(PlanError, match="refused") as caught,
        recording("release", tmp_path / "r.json", pushed=True),
    ):
        raise PlanError("refused")
    assert "No space left" in dict(caught.value.details)["report"]
    with (
        pytest.raises(SetupError, match="No space left"),
        recording("release", tmp_path / "r.json", pushed=True),
    ):
        pass


def test_a_reader_that_goes_away_says_nothing_of_the_run(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    with pytest.raises(BrokenPipeError), recording("release", path, pushed=True):
        raise BrokenPipeError
    assert json.loads(path.read_text())["error"] is None


def test_a_bug_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    with pytest.raises(KeyError), recording("release", path, pushed=True):
        raise KeyError("oops")
    found = json.loads(path.read_text())
    assert (found["exit_code"], found["error"]["kind"]) == (70, "internal")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\udc80")
    assert path.read_text() == "old"
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["plan.json"]
    assert path.stat().st_mode & 0o600 == 0o600


def test_a_device_is_written_as_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    check_writable(Path("/dev/null"))
    write_atomically(Path("/dev/null"), "text")
    assert Path("/dev/null").is_char_device()
    assert capfd.readouterr().err == ""


def test_what_cannot_be_written(tmp_path: Path) -> None:
    check_writable(tmp_path / "new.json")
    for path in (tmp_path, tmp_path / "none" / "r.json"):
        with pytest.raises(SpecError, match="cannot be written"):
            check_writable(path)


def test_a_recording_knows_how_long_it_took() -> None:
    assert 0 <= Recording("build", pushed=False).run().seconds < 5


def test_a_dry_run_checks_all_that_a_release_checks_and_does_nothing(made: World, ran: Ran) -> None:
    code, out, _ = ran("release", "--push", "--dry-run", "--report", "report.json")
    assert code == 0
    assert "+ main.example/shop/api:1.4.2" in out
    assert made.registry.named() == {}
    assert report()["outcome"] == "planned"
    made.registry.fail("check_push", "main.example/shop/api", SetupError("no login"), times=None)
    assert ran("release", "--push", "--dry-run")[0] == 4
    assert ran("release", "--push")[0] == 4


def test_a_pull_request_publishes_nothing_unless_told_to(made: World, ran: Ran) -> None:
    made.source = replace(made.source, ci_request="pull_request_target")
    code, _, err = ran("release", "--push")
    assert code == 3
    assert "--allow-event" in err
    assert ran("plan")[0] == 0
    assert ran("release", "--push", "--allow-event")[0] == 0


@pytest.mark.parametrize(("ignored", "code"), [("", 2), ("*.jsonl\n", 0)])
def test_what_a_run_writes_is_no_part_of_an_image(
    made: World, ran: Ran, ignored: str, code: int
) -> None:
    made.files["/project/api/Dockerfile"] = "FROM scratch\nCOPY . /api/\n"
    made.files["/project/api/.dockerignore"] = ignored
    ended, _, err = ran("release", "--push", "--dry-run", "--journal", "/project/api/j.jsonl")
    assert ended == code
    if code:
        assert err.startswith(
            'error: --journal /project/api/j.jsonl: the build of "api" takes this file\n'
        )


@pytest.mark.usefixtures("made")
def test_a_journal_is_kept_where_it_is_asked_for(ran: Ran) -> None:
    assert ran("release", "--push", "--journal", "here.jsonl")[0] == 0
    lines = [json.loads(line) for line in Path("here.jsonl").read_text().splitlines()]
    assert lines[-1]["outcome"] == "released"
    assert any(line.get("step", "").startswith("push:api@") for line in lines)


def test_tags_stay_where_a_failed_run_put_them_if_told_so(made: World, ran: Ran) -> None:
    assert ran("release", "--push", "--version", "1.0.0")[0] == 0
    made.files["/project/base/f"] = "2"
    made.registry.fail("put", "main.example/shop/api:latest", RegistryError("full"), times=None)
    assert ran("release", "--push", "--version", "1.1.0", "--no-rollback")[0] == 5
    named = made.registry.named()
    assert named["main.example/shop/base:latest"] == named["main.example/shop/base:1.1.0"]


@pytest.mark.usefixtures("made")
def test_a_pipe_is_written_where_somebody_reads_it(ran: Ran, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for arguments in (
        ("release", "--push", "--dry-run", "--report", str(pipe)),
        ("plan", "-o", str(pipe)),
    ):
        code, _, err = ran(*arguments)
        assert code == 2
        assert "a pipe that nobody reads from" in err
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        assert ran(*arguments)[0] == 0
        assert json.loads(os.read(reader, 1 << 20))["schema"] == 1
        os.close(reader)
    code, _, err = ran("release", "--push", "--journal", str(pipe))
    assert code == 2
    assert "is no regular file" in err
    with pytest.raises(OSError, match="No such device"):
        write_atomically(pipe, "text")


@pytest.mark.usefixtures("made")
def test_a_file_that_is_no_document_of_ours_is_not_overwritten(ran: Ran) -> None:
    Path(".git").mkdir()
    for name, content in (
        ("images.yaml", "version: 1"),
        ("package.json", '{"$schema": 1}'),
        (".git/x", '{"schema": 1}'),
    ):
        Path(name).write_text(content)
        for arguments in (("release", "--push", "--report", name), ("plan", "-o", name)):
            code, _, err = ran(*arguments)
            assert code == 2
            assert "is not overwritten" in err
        assert Path(name).read_text() == content
    Path("report.json").touch()
    for _ in range(2):
        assert ran("release", "--push", "--report", "report.json")[0] == 0
        assert ran("plan", "-o", "report.json")[0] == 0
