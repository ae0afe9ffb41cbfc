"""Runs every fault and writes what came out: ``python -m tests.faults.table [--quick] [FILE]``.

``--quick`` leaves the slow ones out. ``FILE`` gets the table as Markdown, as docs/faults.md has it.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.catalogue import faults
from tests.faults.outcome import WORDS

HERE = Path(__file__).parent

INTRODUCTION = """\
# Faults

What a release comes to when something goes wrong on its way. Each row is a set of tests in
[tests/faults](../tests/faults) that release a small project through a proxy into a real registry,
with a real engine where content is uploaded by one. `python -m tests.faults.table docs/faults.md`
runs them and writes this page.

Of every run is held:

* the exit code is one of those that the fault allows;
* the registry, read past the proxy, holds what the report says, reference by reference;
* a second run without the fault ends well, and writes only what was missing;
* no password stands in any output, and the time has a bound.

A number behind an outcome counts the runs that ended so.

"""


@dataclass
class Row:
    """What the tests of one fault came to."""

    words: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The row's last column."""
        parts = [_counted(self.words)] if self.words else []
        parts += [f"**FAILED**: {name}" for name in self.failed]
        parts += [f"not run: {reason}" for reason in dict.fromkeys(self.skipped)]
        return "; ".join(parts) or "not run"


class Collector:
    """A plugin of pytest that keeps how each test ended."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {fault.number: Row() for fault in faults()}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a test's end; its set-up counts where it failed or was skipped there."""
        match = re.search(r"::test_f(\d\d)_", report.nodeid)
        if not match or (report.when != "call" and report.passed):
            return
        row = self.rows[f"F{match[1]}"]
        codes = dict(report.user_properties).get("codes", ())
        assert isinstance(codes, list | tuple)
        ends = [WORDS.get(code, f"exit code {code}") for code in codes]
        if report.failed:
            row.failed.append(report.nodeid.rpartition("::")[2])
        elif report.skipped:
            row.skipped.append(report.longreprtext.rpartition("Skipped: ")[2].strip("')"))
        else:
            row.words.update(ends)


def markdown(rows: dict[str, Row]) -> str:
    """The table."""
    lines = ["| | fault | required | observed |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {one.number} | {one.what} | {one.required} | {rows[one.number].text()} |"
        for one in faults()
    ]
    return INTRODUCTION + "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Run the tests, print the table, and write it where a file is named."""
    collector = Collector()
    chosen = ["-m", "not slow"] if "--quick" in arguments else []
    code = pytest.main([str(HERE), "-q", "--tb=short", *chosen], plugins=[collector])
    table = markdown(collector.rows)
    for path in (argument for argument in arguments if not argument.startswith("-")):
        Path(path).write_text(table, encoding="utf-8")
    sys.stdout.write(table)
    return int(code)


def _counted(words: Counter[str]) -> str:
    return "; ".join(f"{word} ({count})" for word, count in words.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
