"""``python -m releaser`` and the ``releaser`` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
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
