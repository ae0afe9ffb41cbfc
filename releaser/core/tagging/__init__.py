"""Which tags an image gets, and whether a tag may move: a policy, a version and an event.

Every rule of a policy becomes a template with what its names stand for. One that spells a full
version or a commit makes an *immutable* tag: it names one content for ever. Every other makes a
*floating* tag. Among those the *version lines* (``{{major}}.{{minor}}``, ``{{major}}``, ``latest``)
move only forward, and a prerelease never moves them; a branch's tag follows the branch.
"""

from __future__ import annotations

from releaser.core.tagging.evaluation import Outcome, evaluate
from releaser.core.tagging.labels import oci_annotations, oci_labels
from releaser.core.tagging.lines import (
    Goal,
    Newer,
    RolledBack,
    Stays,
    goal,
    highest_in_line,
    line_of,
    newer_in_line,
    newest_in_line,
    released,
    released_as,
)
from releaser.core.tagging.of_version import (
    asked_tags,
    full_tags,
    other_floating,
    policy_for,
    tags_of,
    version_asked,
    versions_among,
)
from releaser.core.tagging.policy import DEFAULT_TAGS, Policy, Safety, default_tags
from releaser.core.tagging.situation import PLACEHOLDERS, Situation, values
from releaser.core.tagging.tags import (
    FINGERPRINT_TAG,
    RESERVED_TAG,
    SkippedTag,
    WantedTag,
    legal,
    slug,
)

__all__ = [
    "DEFAULT_TAGS",
    "FINGERPRINT_TAG",
    "PLACEHOLDERS",
    "RESERVED_TAG",
    "Goal",
    "Newer",
    "Outcome",
    "Policy",
    "RolledBack",
    "Safety",
    "Situation",
    "SkippedTag",
    "Stays",
    "WantedTag",
    "asked_tags",
    "default_tags",
    "evaluate",
    "full_tags",
    "goal",
    "highest_in_line",
    "legal",
    "line_of",
    "newer_in_line",
    "newest_in_line",
    "oci_annotations",
    "oci_labels",
    "other_floating",
    "policy_for",
    "released",
    "released_as",
    "slug",
    "tags_of",
    "values",
    "version_asked",
    "versions_among",
]
