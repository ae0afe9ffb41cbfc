"""The progress of a run as plain lines that name the image: for CI, pipes and logs.

Everything that a build prints is somebody else's text: control characters are taken out, and a line
never begins with what a CI system would act on, since the image's name stands before it.
"""

from __future__ import annotations

from typing import TextIO

from releaser.core.events import (
    Event,
    Notice,
    Outcome,
    StepFinished,
    StepProgress,
    StepStarted,
)
from releaser.reports.words import clean, is_noise, step_words


class PlainProgress:
    """Writes a line for each beginning, instruction and end; build output only if ``verbose``."""

    def __init__(self, stream: TextIO, images: tuple[str, ...], *, verbose: bool = False) -> None:
        self._stream: TextIO | _Nowhere = stream
        self._width = min(max((len(name) for name in images), default=0), 32)
        self._verbose = verbose
        self._shown: dict[str, str] = {}

    def on(self, event: Event) -> None:
        """Write what ``event`` says, if it says something new."""
        match event:
            case StepStarted(key, image):
                if not key.startswith(("tag:", "record:")):
                    self._line(image, f"{step_words(key)} …")
            case StepProgress(key, image, activity, line, cached):
                self._progress(key, image, activity, line, cached=cached)
            case StepFinished():
                self._finished(event)
            case Notice(message, hint):
                self._write(f"note: {clean(message)}" + (f" ({clean(hint)})" if hint else ""))

    def _progress(
        self, key: str, image: str, activity: str | None, line: str | None, *, cached: bool
    ) -> None:
        if line is not None and self._verbose:
            self._line(image, f"| {clean(line)}")
        if activity is not None and key.startswith("build:") and self._shown.get(key) != activity:
            self._shown[key] = activity
            self._line(image, ("cached " if cached else "") + clean(activity))

    def _finished(self, event: StepFinished) -> None:
        if is_noise(event):
            return
        words = step_words(event.key)
        match event.outcome:
            case Outcome.DONE:
                digest = f"  {event.digest.short}" if event.digest else ""
                self._line(event.image, f"{words} done in {event.seconds:.1f} s{digest}")
            case Outcome.FAILED:
                self._line(event.image, f"{words} FAILED after {event.seconds:.1f} s")
            case Outcome.BLOCKED:
                self._line(event.image, f"{words} blocked by {event.blocked_by}")
            case Outcome.CANCELLED:
                self._line(event.image, f"{words} cancelled")

    def _line(self, image: str, text: str) -> None:
        self._write(f"{image:<{self._width}}  {text}")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # a closed pipe must not end a release
            self._stream = _Nowhere()


class _Nowhere:
    """A stream that nobody reads any more."""

    def write(self, _text: str) -> int:
        """Forget the text."""
        return 0

    def flush(self) -> None:
        """Do nothing."""
