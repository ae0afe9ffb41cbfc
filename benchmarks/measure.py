"""Runs a program once and says what it took: seconds, CPU of the client, memory, how it ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LIMIT_SECONDS = 900.0
TIMED_OUT = -1


@dataclass(frozen=True)
class Sample:
    """One run. ``cpu`` and ``megabytes`` are of the program and what it started and waited for.

    What an engine does for it is in ``seconds`` only. ``code`` is ``TIMED_OUT`` where it was ended.
    ``complaint`` says why a run does not count, and is empty for one that does.
    """

    seconds: float
    cpu: float
    megabytes: float
    code: int
    complaint: str = ""

    @property
    def good(self) -> bool:
        """Whether the program did what it was asked to."""
        return not self.complaint


def run(
    argv: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    limit: float = LIMIT_SECONDS,
    output: Path | None = None,
) -> Sample:
    """Run ``argv`` in ``folder``; its standard output goes to ``output``."""
    with tempfile.TemporaryFile() as said, Path(output or os.devnull).open("wb") as out:
        begin = time.monotonic()
        child = subprocess.Popen(
            argv,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=said,
            start_new_session=True,
        )
        late = threading.Event()
        timer = threading.Timer(limit, _end, (child.pid, late))
        timer.start()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - begin
        timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)  # it is waited for already
        code = TIMED_OUT if late.is_set() else child.returncode
        complaint = f"exit {code}: {_last_line(said)}" if code else ""
        cpu = usage.ru_utime + usage.ru_stime
        return Sample(seconds, cpu, usage.ru_maxrss / 1024, code, complaint)


def _end(group: int, late: threading.Event) -> None:
    late.set()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _last_line(file: IO[bytes]) -> str:
    file.seek(0)
    text = file.read().decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["it said nothing"])[-1][:200]
