"""``python -m releaser`` and the ``releaser`` command."""

from __future__ import annotations

import os
import signal
import sys


def leave(number: int, _frame: object) -> None:
    """End at a signal while nothing is under way but reading the program itself."""
    os.write(2, f"error: interrupted by {signal.Signals(number).name}\n".encode())
    os._exit(128 + number)


def main() -> None:
    """Run the command line and leave with its exit code."""
    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    arguments = sys.argv[1:]
    if arguments == ["--version"]:  # answered before anything heavy is imported
        from releaser import __version__

        print(f"releaser {__version__}")  # noqa: T201
        return
    import gc

    # Much is made and little thrown away: looking for garbage as often as usual costs a tenth of a
    # short command (measured), and memory is bounded by what a spec can hold.
    gc.set_threshold(100_000, 20, 50)
    from releaser.cli.app import run

    sys.exit(run(arguments))


if __name__ == "__main__":
    main()
