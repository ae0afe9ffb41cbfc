"""Which images differ between two states of a project: by their fingerprints, and nothing built.

The version, and base images that no lock pins, are taken to be the same in both, so that only what
lies in the repository makes a difference. Dependants differ because their upstream's fingerprint is
part of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from releaser.core import tagging
from releaser.core.comparison import differences
from releaser.core.facts import SourceFacts
from releaser.core.fingerprint import Fingerprint
from releaser.interfaces import Contexts
from releaser.pipeline import (
    Project,
    Request,
    build_graph,
    fingerprints,
    host_platform,
    locked_digests,
)


@dataclass(frozen=True, slots=True)
class Affected:
    """An image that differs: ``how`` is ``changed``, ``added`` or ``removed``."""

    name: str
    how: str
    because: str = ""

    def as_json(self) -> dict[str, str]:
        """Its entry in the JSON result."""
        return {"name": self.name, "change": self.how, "because": self.because}


def affected(
    now: Project, contexts: Contexts, before: Project | None, contexts_before: Contexts
) -> tuple[Affected, ...]:
    """The images that differ, in dependency order, those that are gone last.

    ``before`` is ``None`` where the spec did not exist: then every image is new.

    Raises:
        SpecError, PlanError: one of the two states is wrong.
    """
    prints = project_fingerprints(now, contexts)
    old = project_fingerprints(before, contexts_before) if before else {}
    found = [
        Affected(name, "changed", _because(old[name], made)) if name in old
        else Affected(name, "added")
        for name, made in prints.items()
        if name not in old or old[name].value != made.value
    ]  # fmt: skip
    return (*found, *(Affected(name, "removed") for name in old if name not in prints))


def project_fingerprints(project: Project, contexts: Contexts) -> dict[str, Fingerprint]:
    """The fingerprint of every image, upstreams first; nobody is asked about base images.

    Each has the digest that the lock pins it to; without one, as if it had one digest for ever.
    """

    def known(image: str) -> Mapping[str, str]:
        return tagging.values(None, SourceFacts(), image=image, project=project.spec.project)

    selection = build_graph(project, contexts, known, host_platform(), Request())
    images = [selection.resolved[name] for name in selection.closure]
    # What another tool generates lies in no revision; both states are looked at alike.
    bases = locked_digests(project, images)
    return fingerprints(project, contexts, images, bases, strict=False)


def _because(old: Fingerprint, new: Fingerprint) -> str:
    """The first ingredient that differs: one of the image's own before an upstream."""
    first = differences(old.ingredients, new.ingredients)[0]
    return f"{first.kind} {first.name}".rstrip()
