"""Runs tests with a mistake planted, each in a fork: what they all import is imported once.

A request is a line of JSON on stdin, ``{"plant": NAME or null, "tests": […]}``; the answer is one
on stdout: ``{"code": …, "said": …}``.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import traceback
from typing import NoReturn

import pytest

SHARED = ("docker", "hypothesis", "requests", "releaser.cli.app", "releaser.pipeline")
PLUGIN = "tests.negative.planting"
# hypothesis, a plugin of pytest too, is imported before pytest could rewrite it
IMPORTED = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
ARGUMENTS = ("-q", "-x", "-p", PLUGIN, "-p", "no:cacheprovider", "--timeout", "60", *IMPORTED)


def main() -> None:
    """Answer until nobody asks any more."""
    for name in SHARED:
        importlib.import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        plant = ("--plant", request["plant"]) if request["plant"] else ()
        code, said = _forked([*ARGUMENTS, *plant, *request["tests"]])
        sys.stdout.write(json.dumps({"code": code, "said": said}) + "\n")
        sys.stdout.flush()


def _forked(arguments: list[str]) -> tuple[int, str]:
    with tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if child == 0:
            _run(arguments, said.fileno())
        _, status = os.waitpid(child, 0)
        said.seek(0)
        return os.waitstatus_to_exitcode(status), said.read()


def _run(arguments: list[str], to: int) -> NoReturn:
    code = 70
    try:
        for descriptor in (1, 2):
            os.dup2(to, descriptor)
        code = int(pytest.main(arguments))
    except BaseException:  # noqa: BLE001 - nothing may go back to the loop of the parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
