"""A policy: rules, what is common to them, and how safe their tags are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from releaser.core.tag_rules import Flavor, Rule, parsed
from releaser.core.version import Version

DEFAULT_TAGS = (
    "{{version}}",
    "{{major}}.{{minor}}",
    "{{major}}",
    "latest",
    "sha-{{sha}}",
    "{{branch}}",
)


def default_tags(version: Version | None) -> tuple[str, ...]:
    """The rules of an image that names none. Without a version nothing says what is latest."""
    return DEFAULT_TAGS if version else tuple(rule for rule in DEFAULT_TAGS if rule != "latest")


@dataclass(frozen=True, slots=True)
class Safety:
    """``immutable``: full versions and commits never move. ``forward``: lines move only forward."""

    immutable: bool = True
    forward: bool = True


SAFE = Safety()
PLAIN = Flavor()


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules in the order that they are written in.

    ``behind`` stands behind every tag, whatever its rule and the flavor say; ``others`` stand
    behind those of other images, for which none of these tags may be taken.
    """

    rules: tuple[Rule, ...]
    flavor: Flavor = PLAIN
    safety: Safety = SAFE
    behind: str = ""
    others: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rules: Iterable[str], flavor: Iterable[str] = (), safety: Safety = SAFE) -> Policy:
        """The policy of some texts.

        Raises:
            SpecError: one of them is not legal.
        """
        return cls(tuple(parsed(rule) for rule in rules), Flavor.parse(flavor), safety)

    @property
    def ordered(self) -> tuple[Rule, ...]:
        """The rules by priority, and among equals as they are written."""
        return tuple(sorted(self.rules, key=lambda rule: -rule.priority))
