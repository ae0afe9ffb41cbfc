"""The shape of the house: imports point inwards, functions and files stay small, names are told."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "releaser"
FILES = sorted(PACKAGE.rglob("*.py"))
CORE = PACKAGE / "core"
LONGEST_FILE = 350
EXCEPTIONS: dict[str, str] = {}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of a file with the lines of its body, its docstring left out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", lines


def test_imports_point_inwards() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_sizes(path: Path) -> None:
    if path.name not in EXCEPTIONS:
        assert len(path.read_text().splitlines()) <= LONGEST_FILE
    most = 40 if path.is_relative_to(CORE) else 50
    assert [(name, lines) for name, lines in functions(path) if lines > most] == []


def test_core_functions_are_short_in_the_median() -> None:
    lengths = [lines for path in FILES if path.is_relative_to(CORE) for _, lines in functions(path)]
    assert median(lengths) <= 10


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_public_thing_is_described(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "the module"
    public = [
        node
        for node in tree.body
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_")
    ]
    assert [node.name for node in public if not ast.get_docstring(node)] == []


def test_modules_are_named_for_what_they_hold() -> None:
    banned = {"utils", "helpers", "common", "manager", "handler", "misc", "types"}
    allowed = {PACKAGE / "logins" / "helpers.py"}  # credential helpers: Docker's own word
    assert [path for path in FILES if path.stem in banned and path not in allowed] == []
