"""Every folder in golden/spec is a spec of one or more files, and what comes of it.

``arguments.txt`` holds what stands on the command line behind ``releaser validate``, ``env.txt``
variables of the environment as ``NAME=value`` lines. What comes is ``resolved.txt`` (the text of
``--resolved``) with ``concerns.txt`` where something is suspicious, or ``error.txt``. Where a case
has Dockerfiles they are checked as ``validate`` does, on a real disk.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from releaser.cli.errors import format_error
from releaser.core.facts import Concern
from releaser.errors import SpecError
from releaser.loader import DiskFiles, Loaded, load, read_spec
from releaser.pipeline import Project, check
from releaser.reports.resolved import resolved_text
from releaser.sources.context import DiskContexts

CASES = Path(__file__).parent / "golden" / "spec"
NAMES = sorted(path.name for path in CASES.iterdir() if path.is_dir())
OUTCOMES = ("resolved.txt", "concerns.txt", "error.txt")


@dataclass(frozen=True)
class Given:
    """What the command line and the environment say."""

    variables: dict[str, str]
    profiles: tuple[str, ...]
    environment: dict[str, str]


def given(folder: Path) -> Given:
    words = iter(shlex.split(text_of(folder / "arguments.txt")))
    pairs = [(option, next(words)) for option in words]
    assert {option for option, _ in pairs} <= {"--var", "--profile"}
    variables = [value.partition("=") for option, value in pairs if option == "--var"]
    lines = [line.partition("=") for line in text_of(folder / "env.txt").splitlines()]
    return Given(
        {name: value for name, _, value in variables},
        tuple(value for option, value in pairs if option == "--profile"),
        {name: value for name, _, value in lines},
    )


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def loaded(folder: Path, text: bytes | None = None) -> Loaded:
    asked = given(folder)
    return load(
        read_spec(folder / "images.yaml") if text is None else text,
        "images.yaml",
        project="shop",
        variables=asked.variables,
        environment=asked.environment,
        profiles=asked.profiles,
        files=DiskFiles(folder),
    )


def checked(folder: Path, found: Loaded) -> tuple[Concern, ...]:
    """What ``validate`` warns of."""
    if not any(folder.rglob("*Dockerfile*")):
        return found.concerns
    project = Project(found.spec, str(folder), found.location, found.concerns)
    return (*found.concerns, *check(project, DiskContexts()).concerns)


def outcome(case: str) -> Iterator[tuple[str, str]]:
    """The files that a case must have, and their texts."""
    folder = CASES / case
    try:
        found = loaded(folder)
        concerns = checked(folder, found)
    except SpecError as error:
        yield "error.txt", format_error(error, read=lambda file: text_of(folder / file))
        return
    yield "resolved.txt", resolved_text(found.document, found.origin)
    lines = [f"{one.message}{f' ({one.hint})' if one.hint else ''}\n" for one in concerns]
    if lines:
        yield "concerns.txt", "".join(lines)


@pytest.mark.parametrize("case", NAMES)
def test_what_comes_of_a_spec(
    case: str, golden: Callable[[Path, str], None], request: pytest.FixtureRequest
) -> None:
    found = dict(outcome(case))
    for name in set(OUTCOMES) - found.keys():
        path = CASES / case / name
        if request.config.getoption("--update-golden"):
            path.unlink(missing_ok=True)
        assert not path.exists(), f"{path} is of another outcome"
    for name, text in found.items():
        golden(CASES / case / name, text)


@pytest.mark.parametrize("case", NAMES)
def test_errors_are_for_people(case: str) -> None:
    text = dict(outcome(case)).get("error.txt", "")
    assert str(CASES) not in text, "paths are seen from the spec's folder"
    blocks = [block.splitlines() for block in re.split(r"\n(?=error: )", text) if block]
    for first, *rest in blocks:
        assert re.match(r"error: [^ ]*(images|[a-z]+)\.ya?ml:\d+:\d+: |error: ", first)
        assert not first.endswith("."), "a message has no full stop"
        assert sum(line.startswith("hint: ") for line in rest) <= 1, "one hint"


def test_there_are_many_cases() -> None:
    assert len(NAMES) >= 60
