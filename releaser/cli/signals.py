"""SIGINT and SIGTERM: end the run in good order; a second one leaves at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from releaser.errors import InterruptedRunError
from releaser.executor import Stop


class Signals:
    """What a signal does: before a run it ends the program, during one it asks the run to stop."""

    def __init__(self) -> None:
        self.stop = Stop()
        self.running = False

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """The handler of both signals."""
        if self.stop.signal is not None:
            if os.isatty(2):
                os.write(2, b"\x1b[?25h")  # the live view hides the cursor
            os._exit(128 + number)
        self.stop.set(number)
        if not self.running:
            raise InterruptedRunError(number)


@contextmanager
def handled() -> Iterator[Signals]:
    """Handle both signals until the block ends."""
    signals = Signals()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, signals.handle) for number in numbers}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
