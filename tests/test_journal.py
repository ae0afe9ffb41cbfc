"""The journal's promise: a line is on the disk before the call returns, for every thread."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from releaser.core.oci import Reference
from releaser.errors import SetupError
from releaser.journal import FileJournal

TAG = Reference.parse("main.example/x/api:1.0.0")


def at_once(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)


@pytest.fixture
def journal(tmp_path: Path) -> FileJournal:
    made = FileJournal(tmp_path / "journal.jsonl")
    made.open("1.0.0")
    return made


def test_no_call_returns_before_its_line_is_synced(
    journal: FileJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, reached, early = os.fsync, [0], []

    def slow(descriptor: int) -> None:
        size = journal.path.stat().st_size
        time.sleep(0.01)
        real(descriptor)
        reached.append(size)

    monkeypatch.setattr(os, "fsync", slow)

    def write(number: int) -> None:
        journal.begin(f"step {number}", TAG, None, None)
        synced = journal.path.read_bytes()[: reached[-1]].decode()
        if f'"step {number}"' not in synced:
            early.append(number)

    at_once(40, write)
    assert early == []
    assert len(reached) - 1 < 40, "lines that came together were synced one by one"
    lines = [json.loads(line) for line in journal.path.read_text().splitlines()]
    assert {line["step"] for line in lines[1:]} == {f"step {number}" for number in range(40)}


def test_all_lines_of_a_sync_that_failed_are_lost(
    journal: FileJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system tells of an error once; the next sync ends well and has not kept what was lost."""
    real, calls, failed = os.fsync, [], []
    arrived = threading.Event()

    def once(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            arrived.wait(10)
            raise OSError(5, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", once)

    def write(number: int) -> None:
        try:
            journal.begin(f"step {number}", TAG, None, None)
        except SetupError as error:
            failed.append((number, error.message))

    threading.Timer(0.2, arrived.set).start()
    at_once(1, write)
    assert [number for number, _ in failed] == [0]
    assert "Input/output error" in failed[0][1]
    write(7)
    assert len(failed) == 1
    journal._lost = (journal._written + 1, OSError(5, "Input/output error"))
    write(8)
    assert [number for number, _ in failed] == [0, 8]
