"""What the documents say is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from releaser import errors, loader
from releaser.core.spec import ImageSpec, PruneSpec, Spec

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def helped(*arguments: str) -> str:
    """What ``releaser … --help`` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "releaser", *arguments, "--help"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout


def commands() -> list[str]:
    """The commands of the program."""
    return re.findall(r"^  ([a-z]+)  ", helped().partition("Commands:")[2], re.MULTILINE) or (
        re.findall(r"^  ([a-z]+) +\S", helped().partition("before you leap:")[2], re.MULTILINE)
    )


def test_the_table_of_commands_is_whole() -> None:
    named = re.findall(r"^\| `releaser ([a-z]+)", README, re.MULTILINE)
    assert sorted(set(named)) == sorted(commands())


def test_every_option_that_the_readme_names_exists() -> None:
    known = helped() + "".join(helped(command) for command in commands())
    text = re.sub(r"`(COPY|RUN|git) [^`]*`", "", README.partition("## What people run")[2])
    named = set(re.findall(r"`?(--[a-z][a-z-]+)", text))
    assert named
    assert {option for option in named if option not in known} == set()


def test_every_option_that_is_described_exists() -> None:
    text = (ROOT / "docs" / "publishing.md").read_text()
    known = "".join(helped(one) for one in ("promote", "rollback", "verify", "prune", "plan"))
    named = set(re.findall(r"(--[a-z][a-z-]+)", text))
    assert len(named) > 10
    assert {option for option in named if option not in known} == set()
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_the_exit_codes_are_those_of_the_program() -> None:
    table = README.partition("## Exit codes")[2].partition("##")[0]
    told = {int(code) for code in re.findall(r"\b(\d+)\b(?=[^|]*\|)", table)}
    classes = (
        errors.StepError, errors.SpecError, errors.PlanError, errors.SetupError,
        errors.PartialError, errors.UnknownError, errors.InternalError,
    )  # fmt: skip
    assert {0, 10, 130, 143, *(one.exit_code for one in classes)} == told


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("examples/*/images.yaml")), ids=lambda path: path.parent.name
)
def test_the_examples_load(path: Path) -> None:
    loaded = loader.load(path.read_bytes(), str(path), project="example")
    assert loaded.concerns == ()


def test_the_readme_s_first_file_loads() -> None:
    block = README.partition("```yaml\n")[2].partition("```")[0]
    assert len(block.splitlines()) <= 10
    assert set(loader.load(block.encode(), "README.md", project="x").spec.images) == {
        "base", "api", "worker",
    }  # fmt: skip


def test_the_example_file_names_every_key() -> None:
    text = (ROOT / "images.yaml.example").read_text()
    models = (Spec, ImageSpec, PruneSpec)
    names = (name for model in models for name in model.model_fields)
    assert [name for name in names if f"{name}:" not in text] == []


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs/decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_make_help_lists_what_the_readme_names() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"`?make (?:-s )?([a-z-]+)", README)):
        assert f"\n{target}:" in makefile


def test_nothing_is_left_to_do() -> None:
    folders = ("releaser", "tests", "docs", "examples", "benchmarks", ".ci", ".github")
    files = [path for name in folders for path in (ROOT / name).rglob("*") if path.is_file()]
    mark = re.compile(rb"\b(TO" + rb"DO|FIX" + rb"ME|X" + rb"XX)\b")
    texts = [path for path in [*files, *ROOT.glob("*.*")] if path.suffix not in {".pyc", ".bin"}]
    assert [path for path in texts if path.is_file() and mark.search(path.read_bytes())] == []
