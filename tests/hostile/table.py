"""Writes what releaser makes of hostile inputs: ``python -m tests.hostile.table [FILE]``.

It runs the tests. ``FILE`` gets the page as Markdown, as docs/hostile-inputs.md has it.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.hostile.catalogue import GROUPS, HERE, inputs, numbers_of

INTRODUCTION = """\
# Hostile inputs

What releaser makes of files, command lines, repositories and answers that are wrong, broken or
meant to harm. Each row is a set of tests in [tests/hostile](../tests/hostile);
`python -m tests.hostile.table docs/hostile-inputs.md` runs them and writes this page. The last
column counts them.

No input ends in a traceback. An exit code of 2 means that the spec or the command line is wrong, 3
that a request was refused, 4 that something is missing in the set-up; nothing was changed then.
"""


class Collector:
    """A plugin of pytest that counts how the tests of each input ended."""

    def __init__(self) -> None:
        self.passed: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test's end; its set-up counts where it failed there."""
        if report.when == "call" or report.failed:
            ends = self.passed if report.passed else self.failed
            ends.update(numbers_of(report.nodeid))


def markdown(passed: Mapping[str, int], failed: Mapping[str, int]) -> str:
    """The page."""
    lines = [INTRODUCTION]
    group = ""
    for one in inputs():
        if one.number[0] != group:
            group = one.number[0]
            lines += [f"\n## {GROUPS[group]}\n", "| | input | comes to | tests |"]
            lines += ["| --- | --- | --- | --- |"]
        bad = f"**{failed[one.number]} FAILED**" if failed.get(one.number) else ""
        count = bad or str(passed.get(one.number, 0))
        cells = (one.number, one.what, one.required, count)
        lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Run the tests, print the page, and write it where a file is named."""
    collector = Collector()
    code = pytest.main([str(HERE), "-q", "--tb=short"], plugins=[collector])
    page = markdown(collector.passed, collector.failed)
    for path in arguments:
        Path(path).write_text(page, encoding="utf-8")
    sys.stdout.write(page)
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
