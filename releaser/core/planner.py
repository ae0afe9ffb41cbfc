"""Makes the plan: a pure function of resolved images and of what the registries and engine hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from releaser.core.candidate import Candidate, World
from releaser.core.explain import Explainer, always_built, root_cause
from releaser.core.facts import Concern, LocalImage
from releaser.core.oci import Digest, Reference, Repository
from releaser.core.plan import (
    Action,
    ImagePlan,
    Mode,
    Plan,
    PlannedStep,
    ReferencePlan,
    TagAction,
)
from releaser.core.rebuild import (
    Build,
    Copy,
    Decision,
    Push,
    Reason,
    ReasonCode,
    Reuse,
    decide_local,
    decide_published,
    decide_unasked,
    is_always_built,
)
from releaser.core.spec import KEEP_ALL, Keeping
from releaser.core.stepping import Stepper
from releaser.core.steps import TagKind
from releaser.core.tagging import WantedTag, newest_in_line, released_as
from releaser.core.version import Version
from releaser.core.withdrawal import withdrawal_reference
from releaser.errors import PlanError


def make_plan(
    project: str,
    version: Version | None,
    candidates: Iterable[Candidate],
    world: World,
    mode: Mode,
    concerns: tuple[Concern, ...] = (),
    root: str = "/",
    commit: str | None = None,
    keeping: Keeping = KEEP_ALL,
) -> Plan:
    """The plan for ``candidates`` (upstreams first), at ``commit`` of the source.

    ``keeping`` is what may be kept in the repositories besides the public tags.

    Raises:
        PlanError: an upstream that the request leaves alone does not exist.
    """
    planner = _Planner(project, version, tuple(candidates), world, mode, root, commit, keeping)
    return planner.plan(concerns)


@dataclass(frozen=True, slots=True)
class _Planner:
    project: str
    version: Version | None
    candidates: tuple[Candidate, ...]
    world: World
    mode: Mode
    root: str
    commit: str | None
    keeping: Keeping

    def plan(self, concerns: tuple[Concern, ...]) -> Plan:
        decisions = self._decide_all()
        stepper = Stepper(
            self.project,
            {candidate.name: candidate for candidate in self.candidates},
            decisions,
            self.world,
            self.mode,
            self.root,
            self.keeping,
        )
        images: list[ImagePlan] = []
        steps: list[PlannedStep] = []
        for candidate in self.candidates:
            if not candidate.chosen:
                continue
            decision = decisions[candidate.name]
            image = self._image(candidate, decision)
            images.append(image)
            steps.extend(stepper.content_steps(candidate, image))
            if image.changes and self.mode is Mode.PUBLISH and self.keeping.records:
                steps.extend(stepper.record_steps(candidate, self.commit))
        if self.mode is Mode.PUBLISH:
            steps.extend(stepper.tag_steps(images))
        return Plan(
            self.project,
            _text(self.version),
            self.mode,
            tuple(images),
            tuple(steps),
            concerns,
            offline=not self.world.asked,
        )

    def _decide_all(self) -> dict[str, Decision]:
        decisions: dict[str, Decision] = {}
        for candidate in self.candidates:
            decisions[candidate.name] = self._decide(candidate, decisions)
        self._drop_unneeded(decisions)
        for candidate in self.candidates:
            if not candidate.chosen:
                _must_exist(candidate.name, decisions, self.candidates)
        return decisions

    def _decide(self, candidate: Candidate, upstream: Mapping[str, Decision]) -> Decision:
        explain = Explainer(self.world, self.root)
        local = self.world.local.get(str(candidate.fingerprint))
        if local is not None and not local.references:
            local = None  # an image without a name cannot be stood on
        always = self._always_built(candidate, upstream)
        if always is not None:
            return Build(always, unpinned=True)
        if self.mode is Mode.LOCAL or not candidate.repositories:
            return decide_local(local, explain.local(candidate))
        if not self.world.asked:
            return decide_unasked(candidate.published, local)
        digests = self.world.registries.digests
        build = explain.published(candidate, upstream)
        return decide_published(candidate.published, digests, local, build)

    def _always_built(
        self, candidate: Candidate, upstream: Mapping[str, Decision]
    ) -> Reason | None:
        """Why an image is built whatever there is already, or ``None`` where it is not."""
        reason = always_built(candidate)
        if reason is not None and (self.mode is Mode.LOCAL or not candidate.is_of_one_release):
            return reason
        for edge in candidate.image.edges:
            if is_always_built(upstream[edge.needs]):
                return Reason(ReasonCode.UPSTREAM_CHANGED, root_cause(edge.needs, upstream))
        return None

    def _drop_unneeded(self, decisions: dict[str, Decision]) -> None:
        """An image that goes nowhere is built only where something that is built stands on it."""
        if self.mode is Mode.LOCAL:
            return
        users: dict[str, list[str]] = {}
        for candidate in self.candidates:
            for edge in candidate.image.edges:
                users.setdefault(edge.needs, []).append(candidate.name)
        for candidate in reversed(self.candidates):
            used_by = users.get(candidate.name, [])
            if any(isinstance(decisions[user], Build) for user in used_by):
                continue
            why = self._why_unneeded(candidate, has_users=bool(used_by))
            if why and not isinstance(decisions[candidate.name], Reuse):
                decisions[candidate.name] = Reuse(Reason(ReasonCode.NOT_NEEDED, why))

    def _why_unneeded(self, candidate: Candidate, *, has_users: bool) -> str | None:
        """Why nothing is to be done for an image that no build needs, if so."""
        if not candidate.repositories:
            return "it goes to no registry, and no build needs it" if has_users else None
        held = self.world.registries.digests
        tags = candidate.references
        settled = candidate.keeps and all(wanted.names_version for _, wanted, _ in tags)
        if settled and tags and all(held.get(reference) for _, _, reference in tags):
            return f"{candidate.version} is out, and nothing of the image has changed since"
        return None

    def _image(self, candidate: Candidate, decision: Decision) -> ImagePlan:
        # What is built now has no digest yet, whatever is there under its fingerprint.
        digests = {} if isinstance(decision, Build) else self._digests(candidate)
        references = self._references(candidate, decision, digests)
        return ImagePlan(
            name=candidate.name,
            needs=tuple(edge.needs for edge in candidate.image.edges),
            action=_action(decision, references),
            reason=_reason(decision, references),
            fingerprint=candidate.fingerprint,
            platforms=candidate.image.platforms,
            digest=next(iter(digests.values()), None),
            references=references,
            digests=tuple(digests.items()),
            skipped=candidate.skipped,
            comparison=decision.comparison if isinstance(decision, Build) else None,
            version=None if self.version else _text(candidate.version),
            commanded=candidate.commanded,
        )

    def _digests(self, candidate: Candidate) -> dict[str, Digest]:
        """The digest of the image in each registry that holds it already."""
        if self.mode is Mode.LOCAL:
            return {}
        held = self.world.registries.digests
        found = {name: held.get(reference) for name, reference in candidate.published.items()}
        return {name: digest for name, digest in found.items() if digest is not None}

    def _references(
        self, candidate: Candidate, decision: Decision, digests: Mapping[str, Digest]
    ) -> tuple[ReferencePlan, ...]:
        if self.mode is Mode.LOCAL:
            local = decision.local if isinstance(decision, Reuse) else None
            return tuple(_local_reference(*one, local) for one in candidate.references)
        if not candidate.repositories:
            return ()
        copied = decision.source.digest if isinstance(decision, Copy) else None
        held = self._released(candidate)
        places = {
            registry: _Place(
                digests.get(registry, copied),
                held[registry],
                candidate.keeps and self._has_other_content(candidate, registry, digests),
                self._withdrawn(candidate, repository),
            )
            for registry, repository in candidate.repositories
        }
        return tuple(
            self._public_reference(candidate, registry, wanted, reference, places[registry])
            for registry, wanted, reference in candidate.references
        )

    def _has_other_content(
        self, candidate: Candidate, registry: str, digests: Mapping[str, Digest]
    ) -> bool:
        """Whether the version that an image keeps is the name of something else in a registry."""
        held = self.world.registries.digests
        found = (
            held.get(reference)
            for name, wanted, reference in candidate.references
            if name == registry and wanted.names_version and wanted.kind is TagKind.IMMUTABLE
        )
        return any(one is not None and one != digests.get(registry) for one in found)

    def _public_reference(
        self,
        candidate: Candidate,
        registry: str,
        wanted: WantedTag,
        reference: Reference,
        place: _Place,
    ) -> ReferencePlan:
        before = self.world.registries.digests.get(reference)
        newer = newest_in_line(wanted, place.released, candidate.tagged, place.withdrawn)
        action, reason = TagAction.MOVE, ""
        if before is not None and before == place.digest:
            action = TagAction.KEEP
        elif place.is_settled and wanted.names_version:
            action, reason = TagAction.KEEP, f"{candidate.version} stays as it was released"
        elif before is not None and wanted.kind is TagKind.IMMUTABLE:
            action, reason = TagAction.REFUSE, "it names another content already"
        elif newer is not None:
            action, reason = TagAction.KEEP, str(newer)
        elif before is None:
            action = TagAction.CREATE
        return ReferencePlan(reference, registry, wanted.kind, action, before, reason)

    def _withdrawn(self, candidate: Candidate, repository: Repository) -> frozenset[Version]:
        """The versions of the image that were rolled back in a repository."""
        kept = withdrawal_reference(repository, candidate.name)
        found = self.world.registries.withdrawn.get(kept)
        return found.versions if found else frozenset()

    def _released(self, candidate: Candidate) -> dict[str, tuple[Version, ...]]:
        """The versions of the image that each registry holds, in order."""
        tags = self.world.registries.tags
        return {
            registry: released_as(
                candidate.wanted,
                tags.get(repository, ()),
                image=candidate.name,
                project=self.project,
            )
            for registry, repository in candidate.repositories
        }


@dataclass(frozen=True, slots=True)
class _Place:
    """A registry as one image sees it: what it has of the content, and the versions that are out.

    It ``is_settled`` where the version that the image keeps has another content there;
    ``withdrawn`` are the versions that were rolled back.
    """

    digest: Digest | None
    released: Sequence[Version]
    is_settled: bool
    withdrawn: frozenset[Version] = frozenset()


def _text(version: Version | None) -> str | None:
    return str(version) if version else None


def _must_exist(
    name: str, decisions: Mapping[str, Decision], candidates: Iterable[Candidate]
) -> None:
    users = [
        one.name
        for one in candidates
        if one.chosen
        and isinstance(decisions[one.name], Build)
        and any(edge.needs == name for edge in one.image.edges)
    ]
    if users and isinstance(decisions[name], Build):
        raise PlanError(
            f'"{users[0]}" needs "{name}", which is not built yet',
            hint="leave out --only, so that what it stands on is built too",
        )


def _action(decision: Decision, references: Iterable[ReferencePlan]) -> Action:
    match decision:
        case Build():
            return Action.BUILD
        case Push():
            return Action.PUSH
        case Copy():
            return Action.COPY
        case Reuse():
            same = all(one.action is TagAction.KEEP for one in references)
            return Action.UP_TO_DATE if same else Action.RETAG
        case _:
            assert_never(decision)


def _reason(decision: Decision, references: Iterable[ReferencePlan]) -> Reason:
    if not isinstance(decision, Reuse):
        return decision.reason
    tags = [str(one.reference.tag) for one in references if one.action is not TagAction.KEEP]
    if not tags:
        return decision.reason
    return Reason(ReasonCode.TAGS_DIFFER, ", ".join(dict.fromkeys(tags)))


def _local_reference(
    registry: str, wanted: WantedTag, reference: Reference, local: LocalImage | None
) -> ReferencePlan:
    there = local is not None and reference in local.references
    action = TagAction.KEEP if there else TagAction.CREATE
    return ReferencePlan(reference, registry, wanted.kind, action, None)
