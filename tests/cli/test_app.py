"""The command line: exit codes, one shape of error, results on stdout and the rest on stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from releaser.cli.app import run

SPEC = (
    "version: 1\nproject: shop\nimages:\n  api: {context: .}\n  web: {context: ., needs: [api]}\n"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that needs neither engine nor registry."""
    (tmp_path / "images.yaml").write_text(SPEC)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if name.startswith(("RELEASER_", "GITHUB_", "CI")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    return tmp_path


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        ("no such option", ["plan", "--nonsense"]),
        ("no such command", ["plann"]),
        ("--jobs", ["build", "--jobs", "0"]),
        ("--jobs", ["build", "--jobs", "two"]),
        ('"1.2" is not a version', ["plan", "--version", "1.2"]),
        ('"" is not a version', ["plan", "--version", ""]),
        ('did you mean "api"?', ["plan", "apy"]),
        ("no image matches", ["plan", "x*"]),
        ("NAME=VALUE", ["plan", "--var", "x"]),
        ("unknown variable", ["plan", "--var", "x=1"]),
        ("does not exist", ["plan", "-f", "nowhere.yaml"]),
        ("a folder", ["plan", "-f", "."]),
        ("cannot be written", ["build", "--report", "nowhere/report.json"]),
        ("no registry", ["release", "--push", "--version", "1.0.0"]),
        ("--format", ["plan", "--format", "xml"]),
    ],
)
def test_a_wrong_command_line(
    project: Path, capsys: pytest.CaptureFixture[str], said: str, arguments: list[str]
) -> None:
    assert project.is_dir()
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert said in err
    assert "Traceback" not in err


def test_validate(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert project.is_dir()
    assert run(["validate"]) == 0
    assert capsys.readouterr().out == "shop: 2 images, 1 edge, ok\n"


def test_plan_as_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--format", "json", "--version", "1.0.0", "-o", "plan.json"]) == 0
    out = capsys.readouterr().out
    plan = json.loads(out)
    assert (project / "plan.json").read_text() == out
    assert (plan["schema"], plan["project"], plan["version"]) == (1, "shop", "1.0.0")
    assert [image["name"] for image in plan["images"]] == ["api", "web"]
    assert plan["images"][1]["needs"] == ["api"]
    assert plan["images"][0]["action"] == "build"


def test_plan_tells_changes_by_its_exit_code(project: Path) -> None:
    assert project.is_dir()
    assert run(["plan", "--exit-code"]) == 10
    assert run(["plan"]) == 0


@pytest.mark.parametrize("output_format", ["text", "markdown"])
def test_plan_for_people(
    project: Path, capsys: pytest.CaptureFixture[str], output_format: str
) -> None:
    assert project.is_dir()
    assert run(["plan", "--format", output_format, "--version", "1.0.0"]) == 0
    out = capsys.readouterr().out
    assert "shop 1.0.0" in out
    assert "api" in out


def test_the_version_of_the_environment(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project.is_dir()
    monkeypatch.setenv("RELEASER_VERSION", "3.2.1")
    assert run(["plan"]) == 0
    assert capsys.readouterr().out.startswith("shop 3.2.1")


@pytest.mark.parametrize(
    ("code", "outcome", "spec"),
    [(2, "failed", "version: 1\nimages: {a: {contxt: .}}\n"), (4, "failed", SPEC)],
)
def test_a_report_is_written_in_every_ending(
    project: Path, code: int, outcome: str, spec: str
) -> None:
    (project / "images.yaml").write_text(spec)
    assert run(["build", "--report", "report.json"]) == code
    report = json.loads((project / "report.json").read_text())
    assert (report["schema"], report["exit_code"], report["outcome"]) == (1, code, outcome)
    assert report["error"]["message"]


def test_a_traceback_is_shown_only_on_request(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert project.is_dir()
    assert run(["plan", "nobody"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert run(["plan", "nobody", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_cycle_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "images.yaml").write_text(
        "version: 1\nproject: p\nimages:\n"
        "  a: {context: ., needs: [b]}\n  b: {context: ., needs: [a]}\n"
    )
    assert run(["plan"]) == 3
    err = capsys.readouterr().err
    assert "a → b → a" in err
    assert "images.yaml:4" in err


def test_the_program_s_version_is_quick() -> None:
    code = (
        "import sys; sys.argv = ['releaser', '--version']\n"
        "from releaser.__main__ import main; main()\n"
        "print([m for m in ('typer', 'pydantic', 'docker', 'git', 'yaml') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    first, second = done.stdout.splitlines()
    assert first.startswith("releaser ")
    assert second == "[]"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom releaser.cli.app import run\nrun(['plan', '--help'])\n"
        "print([m for m in ('docker', 'git', 'requests', 'yaml', 'rich.live') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "--exit-code" in done.stdout


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert capsys.readouterr().out.startswith("Usage: releaser")
