"""Where the journal of a release is kept."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from releaser.cli.secrecy import redactor
from releaser.interfaces import Journal
from releaser.journal import FOLDER, NAME, FileJournal
from releaser.pipeline import Adapters, Prepared
from releaser.pipeline.taken import taker


def opened(path: Path | None, prepared: Prepared, world: Adapters) -> Journal:
    """The journal in ``path``, or where journals are kept.

    Raises:
        SetupError: it cannot be written.
    """
    found = FileJournal(path or _usual(prepared, world), hide=redactor().hide)
    found.open(prepared.plan.version)
    return found


def opened_beside(path: Path | None, root: str) -> Journal:
    """The journal of a command that builds nothing, for a spec in the folder ``root``.

    Beside the spec only where one is already: which files a build takes is not known here.

    Raises:
        SetupError: it cannot be written.
    """
    beside = Path(root) / FOLDER
    place = path or (beside / NAME if beside.is_dir() else _of_user(root))
    found = FileJournal(place, hide=redactor().hide)
    found.open(None)
    return found


def close(journal: Journal, outcome: str) -> None:
    """Note how the run ended."""
    if isinstance(journal, FileJournal):
        journal.close(outcome)


def _usual(prepared: Prepared, world: Adapters) -> Path:
    """``.releaser`` beside the spec, unless a build would take it for a file of its own.

    Then a folder of the user's, since an image must not change by having been released.
    """
    beside = Path(prepared.root) / FOLDER / NAME
    taken = taker(beside, prepared.images, world.contexts)
    return _of_user(prepared.root) if taken else beside


def _of_user(root: str) -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    key = hashlib.sha256(root.encode()).hexdigest()[:16]
    return Path(state) / "releaser" / key / NAME
