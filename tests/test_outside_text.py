"""Text from outside, everywhere it is shown: nothing moves a terminal, and nobody is commanded."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from releaser.cli.errors import format_error
from releaser.core.events import Notice, StepFinished, StepProgress, StepStarted
from releaser.core.facts import SourceFacts
from releaser.core.harmless import unspoken_json
from releaser.errors import EngineError, Location, RegistryError, ReleaserError, SpecError
from releaser.interfaces import Listener
from releaser.registries.refusals import clean as said_by_registry
from releaser.reports.live import LiveProgress
from releaser.reports.markdown import plan_markdown, run_markdown
from releaser.reports.progress import PlainProgress
from releaser.reports.run import Run, as_json
from releaser.reports.text import plan_text, run_text
from releaser.reports.why import why_text
from tests.world import World

HOSTILE = (
    "a\x1b[31mb\x1b]0;t\x07c\u202ed\u2066e\x9bf\u200bg\x08h##[group]i\r::error::j\n::set-output::k"
    "\n   ##[add-mask]l\x00m<img src=x>[n](http://o)`p`|q"
)
SPEC = "version: 1\nregistries: {main: main.example/x}\nimages:\n  api: {context: api}\n"
TURNING = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def dangers(text: str) -> list[str]:
    """What a terminal or GitHub's runner would act on, line by line."""
    found = [repr(c) for c in text if (ord(c) < 32 and c not in "\t\n") or 127 <= ord(c) < 160]
    found += [repr(c) for c in text if c in TURNING]
    found += [line for line in text.splitlines() if re.match(r"\s*::", line)]
    return found + [line for line in text.splitlines() if re.search(r"##\[", line)]


def world() -> World:
    """A project whose files, branch and commit were named by somebody who means harm."""
    files = {"api/Dockerfile": "FROM busybox\nARG A\nCOPY . /\n", f"api/{HOSTILE}": "x"}
    source = SourceFacts(commit="a" * 40, branch=HOSTILE, tags=("v1.4.2",))
    return World(SPEC, files, source)


def test_the_dangers_are_dangers() -> None:
    assert len(dangers(HOSTILE)) > 8


@pytest.mark.parametrize(
    "error",
    [
        RegistryError(HOSTILE, details=[(HOSTILE, HOSTILE)], hint=HOSTILE),
        EngineError("x", output=[HOSTILE, "::set-output::x", " ##[group]y"]),
        SpecError(f'unknown field "{HOSTILE}"', at=Location("images.yaml", 1, 3)),
        SpecError("x", at=Location(HOSTILE, 1, 1)),
        SpecError.together([SpecError(HOSTILE), SpecError(HOSTILE)]),
    ],
)
def test_errors(error: ReleaserError) -> None:
    text = format_error(error, read=lambda _: "##[group]" + HOSTILE.replace("\n", " "))
    assert dangers(text) == []


@pytest.mark.parametrize("show", [plan_text, plan_markdown])
def test_plans(show: Callable[..., str]) -> None:
    plan = world().plan()
    image = plan.images[0]
    odd = replace(image, reason=replace(image.reason, detail=HOSTILE))
    assert dangers(show(replace(plan, images=(odd,)))) == []
    assert dangers(show(plan)) == []


def test_a_branch_gives_no_tag_that_says_anything() -> None:
    made = world()
    for one in made.plan().images[0].references:
        assert re.fullmatch(r"[\w.-]+", str(one.reference.tag))


def test_why() -> None:
    made = world()
    assert made.release().error is None
    made.files["/project/api/Dockerfile"] += f"LABEL a='{HOSTILE.splitlines()[0]}'\n"
    del made.files[f"/project/api/{HOSTILE}"]
    made.files["/project/api/\x1b[2Jnew##[group]"] = "y"
    plan = made.plan()
    text = why_text(plan, [image.name for image in plan.images])
    assert "new" in text
    assert dangers(text) == []


def test_what_a_run_came_to() -> None:
    made = world()
    error = RegistryError(HOSTILE, details=[("registry says", HOSTILE)])
    made.registry.fail("manifest", "*", error, times=None)
    result = made.release()
    run = Run("release", pushed=True, plan=made.plan(), result=result, error=result.error)
    assert result.error is not None
    for text in (run_text(run), run_markdown(run), json.dumps(as_json(run))):
        assert dangers(unspoken_json(text) if text.startswith("{") else text) == []
    shown = run_markdown(run)
    assert "<img" not in shown
    assert "[n](" not in shown
    assert "\\`p\\`\\|q" in shown


def test_what_a_registry_said() -> None:
    said = RegistryError("x", details=[("registry says", said_by_registry(HOSTILE))])
    assert dangers(format_error(said)) == []


def tell(listener: Listener) -> None:
    listener.on(StepStarted("build:api", "api"))
    listener.on(StepProgress("build:api", "api", line=HOSTILE))
    listener.on(StepProgress("build:api", "api", activity=HOSTILE))
    listener.on(StepProgress("push:api@main", "api", activity=HOSTILE))
    listener.on(Notice(HOSTILE, HOSTILE))
    for event in [e for e in world_events() if isinstance(e, StepFinished)]:
        listener.on(event)


def world_events() -> list[object]:
    made = world()
    made.registry.fail("manifest", "*", RegistryError(HOSTILE), times=None)
    made.release()
    return list(made.heard.events)


def test_progress_in_lines() -> None:
    stream = io.StringIO()
    tell(PlainProgress(stream, ("api",), verbose=True))
    assert "FAILED" in stream.getvalue()
    assert dangers(stream.getvalue()) == []


def test_progress_on_a_terminal() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=False, width=400)
    with LiveProgress(console, 3) as listener:
        tell(listener)
        console.print(listener)
    assert "api" in stream.getvalue()
    assert dangers(stream.getvalue()) == []
