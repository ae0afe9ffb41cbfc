"""The plan: everything that a run will do, as a value, before anything is done.

A plan is the difference between what the spec asks for and what the registries (or, for a local
build, the engine) hold. Its JSON form is stable: sorted, with no times in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import Enum

from releaser.core.comparison import Comparison
from releaser.core.facts import Concern
from releaser.core.fingerprint import Fingerprint
from releaser.core.oci import Digest, Platform, Reference
from releaser.core.rebuild import Reason
from releaser.core.steps import BuildStep, NameStep, Step, TagKind
from releaser.core.tagging import SkippedTag

SCHEMA = 1


class Mode(Enum):
    """What the plan is measured against: the registries, or the engine's store."""

    PUBLISH = "publish"
    LOCAL = "local"


class Action(Enum):
    """What happens to an image."""

    BUILD = "build"
    PUSH = "push"
    COPY = "copy"
    RETAG = "retag"
    UP_TO_DATE = "up-to-date"


class TagAction(Enum):
    """What happens to a reference."""

    CREATE = "create"
    MOVE = "move"
    KEEP = "keep"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class ReferencePlan:
    """A public reference: what happens to it, the digest that it has now, and why."""

    reference: Reference
    registry: str
    kind: TagKind
    action: TagAction
    before: Digest | None
    reason: str = ""

    def as_json(self) -> dict[str, object]:
        """Its entry in the plan's JSON."""
        return {
            "reference": str(self.reference),
            "kind": self.kind.value,
            "action": self.action.value,
            "from": str(self.before) if self.before else None,
        }


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """What happens to one image, and why. ``digest`` is ``None`` until it is built or pushed.

    ``comparison`` is what differs from its last release, where it must be built and that is known.
    ``version`` is that of an image with versions of its own; a person may have ``commanded`` it.
    """

    name: str
    needs: tuple[str, ...]
    action: Action
    reason: Reason
    fingerprint: Fingerprint
    platforms: tuple[Platform, ...]
    digest: Digest | None
    references: tuple[ReferencePlan, ...]
    digests: tuple[tuple[str, Digest], ...] = ()
    skipped: tuple[SkippedTag, ...] = ()
    comparison: Comparison | None = None
    version: str | None = None
    commanded: bool = False

    @property
    def changes(self) -> bool:
        """Whether anything will be done for it."""
        return self.action is not Action.UP_TO_DATE

    def as_json(self) -> dict[str, object]:
        """Its entry in the plan's JSON."""
        return {
            "name": self.name,
            **({"version": self.version} if self.version else {}),
            **({"commanded": True} if self.commanded else {}),
            "needs": sorted(self.needs),
            "action": self.action.value,
            "reason": {"code": self.reason.code.value, "detail": self.reason.detail},
            "fingerprint": str(self.fingerprint),
            "platforms": sorted(map(str, self.platforms)),
            "digest": str(self.digest) if self.digest else None,
            "references": [
                one.as_json() for one in sorted(self.references, key=lambda r: str(r.reference))
            ],
        }


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step, the keys of the steps that it needs, and its stage.

    No step of a stage begins before every step of the stages below has ended well: stage 0 uploads
    content that nobody sees yet, and the stages above move public tags.
    """

    step: Step
    needs: tuple[str, ...] = ()
    stage: int = 0

    @property
    def key(self) -> str:
        """The key of the step."""
        return self.step.key


@dataclass(frozen=True, slots=True)
class Plan:
    """Images in dependency order, and the steps that bring the world to what the spec asks for.

    One made ``offline`` has not asked the registries, and says so in its JSON. There is no
    ``version`` where every image has one of its own.
    """

    project: str
    version: str | None
    mode: Mode
    images: tuple[ImagePlan, ...]
    steps: tuple[PlannedStep, ...]
    concerns: tuple[Concern, ...] = ()
    offline: bool = False

    @property
    def refused(self) -> tuple[ReferencePlan, ...]:
        """The references that stand in the way: an immutable tag that names something else."""
        return tuple(
            reference
            for image in self.images
            for reference in image.references
            if reference.action is TagAction.REFUSE
        )

    @property
    def changes(self) -> bool:
        """Whether anything will be done at all."""
        return any(image.changes for image in self.images)

    def without_push(self) -> Plan:
        """The same plan with nothing in it that leaves the engine."""
        kept = tuple(one for one in self.steps if isinstance(one.step, BuildStep | NameStep))
        return replace(self, steps=kept)

    def as_json(self) -> dict[str, object]:
        """The plan as plain data."""
        return {
            "schema": SCHEMA,
            "project": self.project,
            "version": self.version,
            **({"offline": True} if self.offline else {}),
            "images": [image.as_json() for image in sorted(self.images, key=lambda i: i.name)],
        }

    def to_json(self) -> str:
        """The plan as text: two spaces, a final newline, the same for the same plan."""
        return json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n"
