"""The models of ``images.yaml``: data as the user wrote it, checked and frozen.

``models`` says which keys there are, ``fields`` which forms a value may be written in, ``paths``
what a path may name, ``build_values`` which values must stay one where they become a part of an
option, and ``problems`` what is wrong between the parts that no single field shows: names that
point nowhere, two images under one tag.
"""

from __future__ import annotations

from releaser.core.spec.build_values import rooted
from releaser.core.spec.models import (
    KEEP_ALL,
    PLAN_FIELDS,
    SCHEMA_VERSION,
    ImageSpec,
    Keeping,
    SecretSpec,
    Spec,
)
from releaser.core.spec.paths import is_remote
from releaser.core.spec.problem import Problem
from releaser.core.spec.problems import problems, unknown
from releaser.core.spec.prune_fields import KEEP_NOTHING_SAID, PruneSpec, check_patterns, seconds_of
from releaser.core.spec.registry_fields import RegistrySpec
from releaser.core.spec.secret_names import looks_secret
from releaser.core.spec.tag_fields import TagPolicySpec, TagSafetySpec
from releaser.core.spec.version_fields import VersioningSpec

__all__ = [
    "KEEP_ALL",
    "KEEP_NOTHING_SAID",
    "PLAN_FIELDS",
    "SCHEMA_VERSION",
    "ImageSpec",
    "Keeping",
    "Problem",
    "PruneSpec",
    "RegistrySpec",
    "SecretSpec",
    "Spec",
    "TagPolicySpec",
    "TagSafetySpec",
    "VersioningSpec",
    "check_patterns",
    "is_remote",
    "looks_secret",
    "problems",
    "rooted",
    "seconds_of",
    "unknown",
]
