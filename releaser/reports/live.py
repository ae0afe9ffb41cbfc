"""The progress of a run on a terminal: what is under way, drawn anew several times a second."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from releaser.core.events import (
    Event,
    Notice,
    Outcome,
    StepFinished,
    StepProgress,
    StepStarted,
)
from releaser.reports.words import clean, is_noise, step_words

MAX_ROWS = 12


class LiveProgress:
    """A listener and a context manager: finished steps scroll by above a table of running ones."""

    def __init__(self, console: Console, steps: int) -> None:
        self._console = console
        self._steps = steps
        self._ended = 0
        self._running: dict[str, tuple[str, float, str]] = {}
        self._began = time.monotonic()
        self._live = Live(self, console=console, refresh_per_second=8)

    def __rich__(self) -> Group:
        """The picture as it is now: also where a line is printed above it between two refreshes."""
        return self._picture()

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.clear()
        self._live.transient = True
        self._live.stop()

    def on(self, event: Event) -> None:
        """Note what ``event`` says; a step that ended is printed above the table."""
        match event:
            case StepStarted(key, image):
                self._running[key] = (image, time.monotonic(), "")
            case StepProgress(key, image, activity, line):
                began = self._running.get(key, (image, time.monotonic(), ""))[1]
                self._running[key] = (image, began, clean(activity or line or ""))
            case StepFinished():
                self._finished(event)
            case Notice(message, hint):
                more = f" ({clean(hint)})" if hint else ""
                self._console.print(Text(f"note: {clean(message)}{more}", style="yellow"))

    def _finished(self, event: StepFinished) -> None:
        self._ended += 1
        self._running.pop(event.key, None)
        if is_noise(event) or (event.key.startswith("tag:") and event.outcome is Outcome.DONE):
            return
        mark, style = _MARKS[event.outcome]
        line = Text.assemble(
            (f"{mark} ", style), (event.image, "bold"), f"  {step_words(event.key)}"
        )
        if event.outcome is Outcome.BLOCKED:
            line.append(f"  blocked by {event.blocked_by}", style="dim")
        elif event.seconds:
            line.append(f"  {event.seconds:.1f} s", style="dim")
        self._console.print(line)

    def _picture(self) -> Group:
        now = time.monotonic()
        rows = list(self._running.items())
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, max_width=32)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True, overflow="ellipsis")
        for key, (image, began, activity) in rows[:MAX_ROWS]:
            name = Text(image, style="bold cyan")
            table.add_row(name, f"{now - began:.1f} s", Text(activity or step_words(key)))
        if len(rows) > MAX_ROWS:
            table.add_row("…", "", f"{len(rows) - MAX_ROWS} more")
        spent = now - self._began
        footer = Text(f"{self._ended}/{self._steps} steps  {spent:.0f} s", style="dim")
        return Group(table, footer) if rows else Group(footer)


_MARKS = {
    Outcome.DONE: ("✓", "green"),
    Outcome.FAILED: ("✗", "bold red"),
    Outcome.BLOCKED: ("-", "yellow"),
    Outcome.CANCELLED: ("-", "dim"),
}
