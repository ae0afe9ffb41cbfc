"""Asks the interfaces for exactly the facts that a request needs, concurrently where it pays.

There are two rounds. The first is local: Dockerfiles, files, base images; from it the fingerprints
are computed. The second asks the registries, content first, then the tags that hang on it.
"""

from releaser.observe.contexts import all_files, missing_sources, paths_seen_from, seen_from
from releaser.observe.engine import base_digests, local_images
from releaser.observe.promotion import origin, target
from releaser.observe.registries import records, registry_facts, tag_lists, unknown, withdrawals
from releaser.observe.shelves import shelf
from releaser.observe.threads import concurrently

__all__ = [
    "all_files",
    "base_digests",
    "concurrently",
    "local_images",
    "missing_sources",
    "origin",
    "paths_seen_from",
    "records",
    "registry_facts",
    "seen_from",
    "shelf",
    "tag_lists",
    "target",
    "unknown",
    "withdrawals",
]
