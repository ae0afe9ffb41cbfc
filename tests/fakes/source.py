"""A source repository that says what a test wants it to say."""

from __future__ import annotations

from dataclasses import replace

from releaser.core.facts import SourceFacts
from releaser.core.version import tagged_version


class FixedSource:
    """Says ``facts``; a ``last_tag`` that names no version under the template is left out.

    ``asked`` are the templates that it was asked with.
    """

    def __init__(self, facts: SourceFacts | None = None) -> None:
        self.fixed = facts or SourceFacts()
        self.asked: list[str] = []

    def facts(self, tag_template: str) -> SourceFacts:
        self.asked.append(tag_template)
        last = self.fixed.last_tag
        if last is not None and tagged_version(last, tag_template) is None:
            return replace(self.fixed, last_tag=None)
        return self.fixed
