"""The journal of a release: a line of JSON before and after each write to a registry, synced.

After a crash it says what was under way. Nothing is decided by it: the next run looks at the
registries themselves.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from releaser.core.oci import Digest, Reference
from releaser.errors import SetupError, SpecError

FOLDER = ".releaser"
NAME = "journal.jsonl"
MAX_BYTES = 8 * 1024 * 1024
"""A journal longer than this is put aside when the next run begins: one older one is kept."""


class FileJournal:
    """A journal in a file, which several runs may append to at once; each line names its run.

    ``hide`` takes secrets out of what went wrong.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.time,
        hide: Callable[[str], str] = str,
    ) -> None:
        self.path = path
        self._hide = hide
        self.run = secrets.token_hex(4)
        self._clock = clock
        self._lock = threading.Lock()
        self._syncing = threading.Lock()
        self._written = self._synced = 0
        self._lost: tuple[int, OSError] | None = None
        self._file: IO[bytes] | None = None

    def open(self, version: str | None) -> None:
        """Begin: the folder and the file are made.

        Raises:
            SetupError: they cannot be.
            SpecError: it is a folder, a pipe or a device.
        """
        try:
            if self.path.exists() and not self.path.is_file():
                raise SpecError(
                    f'the journal "{self.path}" is no regular file',
                    hint="name a file: --journal FILE",
                )
            _make_folder(self.path.parent)
            if self.path.exists() and self.path.stat().st_size > MAX_BYTES:
                self.path.replace(self.path.with_suffix(".1.jsonl"))
            descriptor = os.open(
                self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644
            )
            self._file = os.fdopen(descriptor, "ab", buffering=0)
        except OSError as error:
            raise _failure(self.path, error) from error
        self._write({"event": "run", "version": version})

    def close(self, outcome: str) -> None:
        """The end of the run; that it cannot be noted is no failure any more."""
        if self._file is not None:
            try:
                self._write({"event": "end", "outcome": outcome})
                self._file.close()
            except (SetupError, OSError):
                pass

    def begin(
        self, key: str, reference: Reference, before: Digest | None, after: Digest | None
    ) -> None:
        """See :class:`releaser.interfaces.Journal`."""
        entry = {"before": str(before) if before else None, "after": str(after) if after else None}
        self._write({"event": "write", "step": key, "reference": str(reference), **entry})

    def end(self, key: str, reference: Reference, error: str | None) -> None:
        """See :class:`releaser.interfaces.Journal`."""
        outcome = "failed" if error else "done"
        why = self._hide(error)[:500] if error else None
        self._write({"event": outcome, "step": key, "reference": str(reference), "error": why})

    def _write(self, entry: dict[str, str | None]) -> None:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))
        line = json.dumps({"at": at, "run": self.run, **entry}) + "\n"
        if self._file is None:
            return
        try:
            with self._lock:
                self._file.write(line.encode())
                self._written += 1
                own = self._written
            self._sync(self._file, own)
        except OSError as error:
            raise _failure(self.path, error) from error

    def _sync(self, file: IO[bytes], own: int) -> None:
        """Return when the line with the number ``own`` is on the disk.

        Lines that came while another one was synced are synced together; the system says only once
        that this failed, so that it has failed for all of them.
        """
        with self._syncing:
            if self._lost and own <= self._lost[0]:
                raise self._lost[1]
            if self._synced < own:
                reached = self._written
                try:
                    os.fsync(file.fileno())
                except OSError as error:
                    self._lost = (reached, error)
                    raise
                self._synced = reached


def _make_folder(folder: Path) -> None:
    """The folder; one of our own is made so that git does not see what is in it."""
    is_new = folder.name == FOLDER and not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    if is_new:
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")


def _failure(path: Path, error: OSError) -> SetupError:
    return SetupError(
        f'the journal "{path}" cannot be written: {error.strerror or error}',
        hint="name another file: --journal FILE",
    )
