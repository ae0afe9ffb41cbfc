"""Every folder in golden/errors is a file that is wrong in one way, and what its author is told.

``env.txt`` holds ``NAME=value`` lines of an environment and ``--var`` for those of the command
line, where a case needs them. ``images.yaml`` is read as bytes: some are wrong in their encoding.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from releaser.cli.errors import format_error
from releaser.errors import SpecError
from releaser.loader import load, read_spec

ERRORS = Path(__file__).parent / "golden" / "errors"
CASES = sorted(path.name for path in ERRORS.iterdir() if path.is_dir())
WITHOUT_PLACE = {"unknown-var-on-the-command-line", "placeholder-in-a-given-variable"}


def failure(case: str) -> tuple[SpecError, str]:
    folder = ERRORS / case
    given, environment = settings_of(folder)
    content = read_spec(folder / "images.yaml")
    with pytest.raises(SpecError) as caught:
        load(content, "images.yaml", project="shop", variables=given, environment=environment)
    text = content.decode("utf-8", "replace")
    return caught.value, format_error(caught.value, read=lambda _file: text)


def settings_of(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    given: dict[str, str] = {}
    environment: dict[str, str] = {}
    path = folder / "env.txt"
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        name, _, value = line.partition("=")
        of = given if name.startswith("--var ") else environment
        of[name.removeprefix("--var ")] = value
    return given, environment


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_file_is_explained(case: str, golden: Callable[[Path, str], None]) -> None:
    error, text = failure(case)
    assert error.code == 2
    if case not in WITHOUT_PLACE:
        placed = [one for one in error.problems if not one.message.startswith("and ")]
        assert all(one.at and one.at.line for one in placed), "an error without a place"
        assert re.search(r"images\.yaml:\d+", text)
    golden(ERRORS / case / "error.txt", text)


@pytest.mark.parametrize("case", CASES)
def test_no_error_speaks_like_a_program(case: str) -> None:
    _, text = failure(case)
    for line in text.splitlines():
        said = line.partition(": ")[2]
        assert not re.search(r"pydantic|Input should|valid dictionary|NoneType|Traceback", line), (
            line
        )
        if line.startswith("error: "):
            assert not said.endswith("."), "a message has no full stop"


def test_there_are_many_cases() -> None:
    assert len(CASES) >= 60


def test_secrets_are_not_repeated() -> None:
    for case in CASES:
        _, text = failure(case)
        assert "hunter2" not in text, case
