"""The program in a process of its own, at a test's pace: ``python -m tests.faults.program …``."""

from __future__ import annotations

import sys

from releaser.cli.app import run
from releaser.cli.compose import WAITING
from tests.faults.pace import Pace


def main() -> None:
    """Run releaser's command line."""
    WAITING.set(Pace().waiting())
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
