"""How rules for tags are written: rules, flavor, expressions, and what is legal in them.

The language is docker/metadata-action's, with releaser's bare templates as its shortest form. What
a rule gives for an event is decided in :mod:`releaser.core.tagging`.
"""

from __future__ import annotations

from releaser.core.tag_rules.flavor import Flavor
from releaser.core.tag_rules.rules import Rule, RuleType, parsed
from releaser.core.tag_rules.words import line_starts, lines_of

__all__ = ["Flavor", "Rule", "RuleType", "line_starts", "lines_of", "parsed"]
