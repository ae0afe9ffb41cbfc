"""Help in groups, and complaints about the command line in the one shape that errors have."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from releaser.cli import app
from releaser.cli.usage import usage_error


def test_help_groups_commands_by_what_people_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["--help"]) == 0
    out = capsys.readouterr().out
    headings = re.findall(r"^(\S.*):$", out, re.MULTILINE)
    assert headings == ["Options", "Look before you leap", "Build and release", "After a release"]
    look, make = out.partition("Look before")[2].split("Build and release:")
    make, after = make.split("After a release:")
    assert "  promote " in after
    assert "  plan " in look
    assert "  release " in make
    assert "..." not in make


@pytest.mark.parametrize("command", ["validate", "plan", "build", "release"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run([command, "-h"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: releaser {command} ")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["plann"], 'did you mean "plan"?'),
        (["relase"], 'did you mean "release"?'),
        (["xyzzy"], "releaser --help lists the commands"),
        (["release", "--pusch"], 'did you mean "--push"?'),
        (["plan", "--xyzzy"], "releaser plan --help lists the options"),
        (["build", "--jobs", "many"], "releaser build --help lists the options"),
        (["build", "--jobs"], "add --help to see what there is"),
        (["--xyzzy"], "releaser --help lists the commands"),
    ],
)
def test_hints(arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    first, last = err.splitlines()
    assert re.fullmatch(r"error: [a-z].*[^.]", first)
    assert last == f"hint: {hint}"


def test_what_is_no_complaint_of_the_parser() -> None:
    assert usage_error(ValueError("x"), ["plan"]) is None


@pytest.mark.parametrize("debug", [False, True])
def test_a_bug_says_so(
    *, debug: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RELEASER_DEBUG", raising=False)

    def oops() -> int:
        raise ZeroDivisionError("by zero")

    assert app.guarded(oops, debug=debug) == 70
    err = capsys.readouterr().err
    assert "error: a bug of releaser: ZeroDivisionError: by zero\n" in err
    assert "hint: please report it" in err
    assert ("Traceback" in err) is debug


def test_control_c_is_an_interruption(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> int:
        raise KeyboardInterrupt

    assert app.guarded(interrupt, debug=False) == 130
    assert capsys.readouterr().err == "error: interrupted by SIGINT\n"


def test_typer_s_own_tracebacks_never_appear() -> None:
    code = (
        "import sys\nfrom releaser.cli import commands, app\n"
        "app.commands.load_project = lambda *_: 1 // 0\n"
        "commands.load_project = lambda *_: 1 // 0\n"
        "sys.exit(app.run(['validate']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 70
    assert done.stderr.startswith("error: a bug of releaser: ZeroDivisionError")
    assert "Traceback" not in done.stderr
    assert "╭" not in done.stderr


def test_a_reader_that_goes_away() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "releaser", "--help"],
        stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_terminal_that_knows_no_arrows() -> None:
    code = (
        "import sys\nfrom releaser.cli import app\napp.guarded = lambda *_, **__: print('a → b')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + "app.run([])"], capture_output=True, check=True, timeout=60,
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
    )  # fmt: skip
    assert done.stdout == b"a ? b\n"
