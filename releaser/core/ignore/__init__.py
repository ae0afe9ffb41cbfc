"""Docker's path patterns: ``.dockerignore`` and ``--exclude``, and the sources of COPY and ADD.

Two dialects live side by side, as in Docker: the rules of an ignore file (:mod:`.rules`), and the
globs of COPY (:mod:`.sources`). Both rest on Go's patterns, which :mod:`.patterns` translates.
"""

from __future__ import annotations

from releaser.core.ignore.patterns import clean
from releaser.core.ignore.rules import ROOT, IgnoreFile, Rule, Verdict
from releaser.core.ignore.sources import Glob, glob

__all__ = ["ROOT", "Glob", "IgnoreFile", "Rule", "Verdict", "clean", "glob"]
