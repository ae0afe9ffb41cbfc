"""Filters that a checkout itself brings along: programs that git would run on its files.

Those of the user and of the system are in force, and Git LFS wherever it is set up, which
actions/checkout does in the checkout. What else a configuration of the checkout names is a program
of whoever wrote that, and none of it is run: the files that it is about look modified then.
"""

from __future__ import annotations

import re

from releaser.errors import SetupError
from releaser.sources.git_program import GitProgram

_OWN = frozenset({"local", "worktree"})
_LFS = re.compile(r"git-lfs (?:clean|smudge|filter-process)(?: --skip)?(?: -- %f)?")
_KEYS = r"^filter\..*\.(clean|smudge|process)$"


def without_own_filters(git: GitProgram) -> tuple[str, ...]:
    """The options of git that turn such filters off; none where there are none.

    Raises:
        SetupError: a filter has a name that no option can hold.
    """
    answer = git.ask("config", "--null", "--show-scope", "--get-regexp", _KEYS)
    words = answer.out.split("\0")
    found: set[str] = set()
    for scope, pair in zip(words[::2], words[1::2], strict=False):
        key, _, program = pair.partition("\n")
        if scope in _OWN and not _LFS.fullmatch(program):
            found.add(key.rpartition(".")[0])
    options = []
    for name in sorted(found):
        if "=" in name or "\n" in name:
            raise SetupError(
                "the configuration of the git checkout sets up a program that git would run",
                details=(("setting", name),),
                hint="remove it: git config --local --edit",
            )
        for setting in ("clean=", "smudge=", "process=", "required=false"):
            options += ["-c", f"{name}.{setting}"]
    return tuple(options)
