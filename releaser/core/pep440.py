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
    """A version in its parts; one that it does not have is ``None``, an epoch that it lacks is 0.

    ``pre`` is a letter in its normal form (``a``, ``b``, ``rc``) with its number.
    """

    release: tuple[int, ...]
    epoch: int = 0
    pre: tuple[str, int] | None = None
    post: int | None = None
    dev: int | None = None
    local: str | None = None

    @classmethod
    def find(cls, text: str) -> PythonVersion | None:
        """The version that ``text`` spells, or ``None``."""
        found = _PEP440.fullmatch(text) if len(text) <= 128 else None
        if not found:
            return None
        release = tuple(int(part) for part in found["release"].split("."))
        epoch = int(found["epoch"] or 0)
        return cls(release, epoch, _pre(found), _post(found), _dev(found), _local(found))

    @property
    def clean(self) -> str:
        """The version in its normal form."""
        epoch = f"{self.epoch}!" if self.epoch else ""
        pre = f"{self.pre[0]}{self.pre[1]}" if self.pre else ""
        post = "" if self.post is None else f".post{self.post}"
        dev = "" if self.dev is None else f".dev{self.dev}"
        local = "" if self.local is None else f"+{self.local}"
        return f"{epoch}{'.'.join(map(str, self.release))}{pre}{post}{dev}{local}"

    @property
    def is_final(self) -> bool:
        """Whether it is no pre, post or dev release."""
        return not self.is_early and self.post is None

    @property
    def is_early(self) -> bool:
        """Whether it comes before the release that it is one of: a pre or dev release."""
        return self.pre is not None or self.dev is not None

    @property
    def numbers(self) -> tuple[int, int, int]:
        """Major, minor and patch."""
        major, minor, patch, *_ = (*self.release, 0, 0)
        return major, minor, patch

    @property
    def version(self) -> Version:
        """The semantic version that stands in the same place, to compare it with others."""
        return Version(*self.numbers, "pre" if self.is_early else None)


def _pre(found: re.Match[str]) -> tuple[str, int] | None:
    letter = (found["pre"] or "").lower()
    return (_LETTERS.get(letter, letter), int(found["pre_number"] or 0)) if letter else None


def _post(found: re.Match[str]) -> int | None:
    number = found["post_implied"] or found["post_number"] or 0
    return int(number) if found["post"] else None


def _dev(found: re.Match[str]) -> int | None:
    return int(found["dev_number"] or 0) if found["dev"] else None


def _local(found: re.Match[str]) -> str | None:
    if not found["local"]:
        return None
    parts = re.split("[-_.]", found["local"].lower())
    return ".".join(str(int(part)) if part.isdigit() else part for part in parts)
