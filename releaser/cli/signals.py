"""SIGINT and SIGTERM: end the run in good order; a second one leaves at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from releaser.executor import Stop

if TYPE_CHECKING:
    from collections.abc import Callable
    from sys import UnraisableHookArgs

    Hook = Callable[[UnraisableHookArgs], object]

NUMBERS = (signal.SIGINT, signal.SIGTERM)
_AGAIN_SECONDS = 0.02


class SignalReceived(BaseException):
    """A signal ends the program: raised where it meets the main thread, and caught at the top.

    No ``except Exception`` on the way takes it for a failure that can be lived with.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Signals:
    """What a signal does: before a run it ends the program, during one it asks the run to stop."""

    def __init__(self) -> None:
        self.stop = Stop()
        self.running = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The handler of both signals."""
        if self.stop.signal is not None:
            if os.isatty(2):
                os.write(2, b"\x1b[?25h")  # the live view hides the cursor
            os._exit(128 + number)
        self.stop.set(number)
        self.leave(frame)

    def leave(self, frame: FrameType | None) -> None:
        """End the program with what was received, unless a run sees to it; now or very soon.

        What is raised in the import system may be dropped there with the lock of all imports held
        (in the callback of a module's lock), and then whatever thread imports next waits for ever.
        """
        if self.running or self.stop.signal is None:
            return
        if _importing(frame):
            self._again_soon()
        else:
            raise SignalReceived(self.stop.signal)

    def dropped(self, what: UnraisableHookArgs, otherwise: Hook) -> None:
        """Told of what was raised where nobody could catch it, such as in a finaliser."""
        if what.exc_type is SignalReceived:
            self._again_soon()
        else:
            otherwise(what)

    def _again_soon(self) -> None:
        before = signal.getsignal(signal.SIGALRM)

        def again(_number: int, frame: FrameType | None) -> None:
            signal.signal(signal.SIGALRM, before)
            self.leave(frame)

        signal.signal(signal.SIGALRM, again)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)


_handling: list[Signals] = []
"""The one that handles the signals of the process, if any does."""


@contextmanager
def handled() -> Iterator[Signals]:
    """Handle both signals until the block ends; in a block of this kind, go on handling them."""
    if _handling or threading.current_thread() is not threading.main_thread():
        yield _handling[0] if _handling else Signals()
        return
    signals = Signals()
    hook = sys.unraisablehook
    _handling.append(signals)
    before = {number: signal.signal(number, signals.handle) for number in NUMBERS}
    sys.unraisablehook = lambda what: signals.dropped(what, hook)
    try:
        yield signals
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)
        _handling.clear()


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
