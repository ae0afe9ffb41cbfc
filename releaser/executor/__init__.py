"""Runs a plan: threads around the scheduler, results fed back, events sent out.

Nothing is decided here. The scheduler says what may start, the adapters do it, and what each step
came to is recorded. A run ends in one of three ways: everything is done, a step failed (what is
running is waited for or stopped, nothing new starts unless it may go on), or a signal came.
"""

from releaser.executor.loop import Limits, Stop, execute
from releaser.executor.work import Doers

__all__ = ["Doers", "Limits", "Stop", "execute"]
