"""Versions of Python packages, as PEP 440 writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from releaser.core.version import Version

_PEP440 = re.compile(
    r"""\s*v?
    (?:(?P<epoch>[0-9]+)!)?
    (?P<release>[0-9]+(?:\.[0-9]+)*)
    (?:[-_.]?(?P<pre>alpha|beta|preview|pre|a|b|c|rc)[-_.]?(?P<pre_number>[0-9]+)?)?
    (?P<post>-(?P<post_implied>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>[0-9]+)?)?
    (?P<dev>[-_.]?dev[-_.]?(?P<dev_number>[0-9]+)?)?
    (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?
    \s*""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_LETTERS = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}


@dataclass(frozen=True, slots=True)
class PythonVersion:
    """A version in its normal form; ``is_final`` tells that it is no pre, post or dev release."""

    clean: str
    release: tuple[int, ...]
    is_final: bool
    is_early: bool

    @classmethod
    def find(cls, text: str) -> PythonVersion | None:
        """The version that ``text`` spells, or ``None``."""
        found = _PEP440.fullmatch(text) if len(text) <= 128 else None
        if not found:
            return None
        release = tuple(int(part) for part in found["release"].split("."))
        pre, post, dev = _pre(found), _post(found), _dev(found)
        epoch = f"{int(found['epoch'])}!" if int(found["epoch"] or 0) else ""
        clean = f"{epoch}{'.'.join(map(str, release))}{pre}{post}{dev}{_local(found)}"
        return cls(clean, release, not (pre or post or dev), bool(pre or dev))

    @property
    def numbers(self) -> tuple[int, int, int]:
        """Major, minor and patch."""
        major, minor, patch, *_ = (*self.release, 0, 0)
        return major, minor, patch

    @property
    def version(self) -> Version:
        """The semantic version that stands in the same place, to compare it with others."""
        return Version(*self.numbers, "pre" if self.is_early else None)


def _pre(found: re.Match[str]) -> str:
    letter = (found["pre"] or "").lower()
    return f"{_LETTERS.get(letter, letter)}{int(found['pre_number'] or 0)}" if letter else ""


def _post(found: re.Match[str]) -> str:
    number = found["post_implied"] or found["post_number"] or 0
    return f".post{int(number)}" if found["post"] else ""


def _dev(found: re.Match[str]) -> str:
    return f".dev{int(found['dev_number'] or 0)}" if found["dev"] else ""


def _local(found: re.Match[str]) -> str:
    parts = re.split("[-_.]", (found["local"] or "").lower())
    plain = (str(int(part)) if part.isdigit() else part for part in parts)
    return "+" + ".".join(plain) if found["local"] else ""
