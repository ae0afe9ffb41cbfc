"""Progress on a terminal: what runs is seen, what ended scrolls by, and nothing is left over."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterable

import pytest
from rich.console import Console

from releaser.core.events import (
    Event,
    Notice,
    Outcome,
    StepFinished,
    StepProgress,
    StepStarted,
)
from releaser.reports.live import MAX_ROWS, LiveProgress

ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def console(width: int = 60, height: int = 30) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=height)


def text_of(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def picture(live: LiveProgress, width: int = 60) -> list[str]:
    """The lines of the picture as it is now."""
    plain = Console(file=io.StringIO(), width=width, color_system=None)
    plain.print(live)
    return [line.rstrip() for line in text_of(plain).splitlines()]


def after(events: Iterable[Event], steps: int = 8) -> LiveProgress:
    """The view after ``events``."""
    live = LiveProgress(console(), steps)
    for event in events:
        live.on(event)
    return live


def test_what_runs_is_seen() -> None:
    live = after(
        [
            StepStarted("build:api", "api"),
            StepStarted("build:base-image", "base-image"),
            StepProgress("build:base-image", "base-image", activity="RUN make"),
            StepStarted("push:web@ghcr", "web"),
            StepStarted("build:done", "done"),
            StepFinished("build:done", "done", Outcome.DONE, 1.0),
        ]
    )
    assert picture(live) == [
        "api         0.0 s  build",
        "base-image  0.0 s  RUN make",
        "web         0.0 s  push to ghcr",
        "1/8 steps  0 s",
    ]


def test_nothing_runs() -> None:
    assert picture(after([])) == ["0/8 steps  0 s"]


def test_a_line_of_output_is_an_activity_too() -> None:
    live = after([StepProgress("build:a", "a", line="\x1b[1mhello\x1b[0m\n")])
    assert picture(live)[0].endswith("hello")


def test_many_images_fit() -> None:
    live = after(StepStarted(f"build:i{n}", f"i{n}") for n in range(40))
    lines = picture(live)
    assert len(lines) == MAX_ROWS + 2
    assert f"{40 - MAX_ROWS} more" in lines[-2]


@pytest.mark.parametrize("width", [20, 40, 200])
def test_lines_never_wrap(width: int) -> None:
    name = "an-image-with-a-name-that-is-much-too-long-for-any-terminal"
    live = after(
        [StepStarted("build:x", name), StepProgress("build:x", name, activity="RUN " * 99)]
    )
    lines = picture(live, width)
    assert len(lines) == 2
    assert all(len(line) <= width for line in lines)


def test_what_ended_scrolls_by() -> None:
    screen = console()
    with LiveProgress(screen, 5) as live:
        live.on(StepStarted("build:a", "a"))
        live.on(StepFinished("build:a", "a", Outcome.DONE, 2.5))
        live.on(StepFinished("build:b", "b", Outcome.FAILED, 0.5))
        live.on(StepFinished("build:c", "c", Outcome.BLOCKED, blocked_by="build:b"))
        live.on(StepFinished("push:c@ghcr", "c", Outcome.BLOCKED, blocked_by="build:b"))
        live.on(StepFinished("build:d", "d", Outcome.CANCELLED))
        live.on(StepFinished("tag:x/a:1", "a", Outcome.DONE, 0.1))
        live.on(StepFinished("tag:x/a:2", "a", Outcome.CANCELLED))
        live.on(Notice("it is \x1b[31mslow", "be patient"))
    shown = ESCAPES.sub("", text_of(screen))
    for line in (
        "✓ a  build  2.5 s",
        "✗ b  build  0.5 s",
        "- c  build  blocked by build:b",
        "- d  build",
        "note: it is slow (be patient)",
    ):
        assert shown.count(f"{line}\n") == 1
    assert "push to ghcr" not in shown
    assert "tag x/a" not in shown


def test_a_step_that_ended_is_gone_at_once() -> None:
    screen = console()
    with LiveProgress(screen, 2) as live:
        live.on(StepStarted("build:a", "a"))
        live.on(StepProgress("build:a", "a", activity="RUN once"))
        time.sleep(0.3)
        live.on(StepFinished("build:a", "a", Outcome.DONE, 2.5))
    before, _, rest = ESCAPES.sub("", text_of(screen)).partition("✓ a  build")
    assert "RUN once" in before
    assert "RUN once" not in rest


def test_the_cursor_comes_back_and_the_picture_goes() -> None:
    screen = console()
    with pytest.raises(KeyError), LiveProgress(screen, 2) as live:  # noqa: PT012
        live.on(StepStarted("build:a", "a"))
        raise KeyError
    text = text_of(screen)
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    assert text.rstrip("\n").endswith("\x1b[2K")


def test_no_colour_where_nobody_wants_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen = console()
    with LiveProgress(screen, 2) as live:
        live.on(StepFinished("build:a", "a", Outcome.DONE, 2.5))
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", text_of(screen))
