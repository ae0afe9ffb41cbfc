"""The use cases: the only package that knows the order of the phases.

load → observe → plan → execute → report. It sees interfaces and no adapter, so that the whole
product runs in memory on fakes.
"""

from releaser.pipeline.bases import locked_digests
from releaser.pipeline.checkout import Seen, see, template_of
from releaser.pipeline.exporting import Described, describe
from releaser.pipeline.locking import Relocked, check_lock, relock
from releaser.pipeline.preflight import Allowed, of_strangers, preflight, refuse
from releaser.pipeline.preparation import prepare
from releaser.pipeline.promoting import Promoting, plan_promotion, promote, refuse_promotion
from releaser.pipeline.pruning import PruneRequest, plan_pruning, prune
from releaser.pipeline.request import Adapters, Prepared, Project, Request
from releaser.pipeline.rolling_back import (
    RollingBack,
    plan_rollback,
    refuse_rollback,
    rollback,
)
from releaser.pipeline.running import outcome_error, run
from releaser.pipeline.selection import Selection, build_graph, check, fingerprints, host_platform
from releaser.pipeline.tagging import tags_at
from releaser.pipeline.verifying import Check, verify

__all__ = [
    "Adapters",
    "Allowed",
    "Check",
    "Described",
    "Prepared",
    "Project",
    "Promoting",
    "PruneRequest",
    "Relocked",
    "Request",
    "RollingBack",
    "Seen",
    "Selection",
    "build_graph",
    "check",
    "check_lock",
    "describe",
    "fingerprints",
    "host_platform",
    "locked_digests",
    "of_strangers",
    "outcome_error",
    "plan_promotion",
    "plan_pruning",
    "plan_rollback",
    "preflight",
    "prepare",
    "promote",
    "prune",
    "refuse",
    "refuse_promotion",
    "refuse_rollback",
    "relock",
    "rollback",
    "run",
    "see",
    "tags_at",
    "template_of",
    "verify",
]
