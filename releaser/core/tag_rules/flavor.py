"""What is common to all rules of a policy: whether ``latest`` is given, a prefix and a suffix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from releaser.core.tag_rules import expressions
from releaser.core.tag_rules.words import check_word, fields_of, joined
from releaser.errors import SpecError

KEYS = ("latest", "prefix", "suffix", "onlatest")


@dataclass(frozen=True, slots=True)
class Flavor:
    """``latest`` is ``auto``, ``true`` or ``false``; the others stand around every tag.

    ``latest`` itself has the prefix or the suffix only where ``prefix_latest``, ``suffix_latest``.
    """

    latest: str = "auto"
    prefix: str = ""
    prefix_latest: bool = False
    suffix: str = ""
    suffix_latest: bool = False

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Flavor:
        """The flavor of metadata-action's lines; a later one changes what an earlier one said.

        Raises:
            SpecError: a line is not legal.
        """
        flavor = cls()
        for line in lines:
            flavor = flavor._with(line)
        return flavor

    def _with(self, line: str) -> Flavor:
        found, about = self, ""
        for key, value in fields_of(line):
            if key is None:
                raise SpecError(f'"{value}" is not NAME=value', hint="write latest=auto")
            check_word("attribute of a flavor", key, KEYS)
            if key == "latest":
                check_word("value of latest", value, ("auto", "true", "false"))
                found = replace(found, latest=value)
            elif key == "prefix":
                expressions.check(value, expressions.GLOBAL)
                found, about = replace(found, prefix=value), key
            elif key == "suffix":
                expressions.check(value, expressions.GLOBAL)
                found, about = replace(found, suffix=value), key
            else:
                found = _only(found, about, value)
        return found

    def lines(self) -> tuple[str, ...]:
        """The lines that :func:`parse` reads as this flavor."""
        return (
            joined([("latest", self.latest)]),
            joined([("prefix", self.prefix), ("onlatest", _said(self.prefix_latest))]),
            joined([("suffix", self.suffix), ("onlatest", _said(self.suffix_latest))]),
        )


def _only(flavor: Flavor, about: str, value: str) -> Flavor:
    check_word("value of onlatest", value, ("true", "false"))
    match about:
        case "prefix":
            return replace(flavor, prefix_latest=value == "true")
        case "suffix":
            return replace(flavor, suffix_latest=value == "true")
        case _:
            raise SpecError(
                '"onlatest" follows no prefix or suffix', hint="write prefix=x-,onlatest=true"
            )


def _said(value: bool) -> str:  # noqa: FBT001 - it is the value itself
    return "true" if value else "false"
