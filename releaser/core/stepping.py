"""Turns decisions into steps: what the engine, the registries and the builder are asked to do."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from releaser.core.candidate import Candidate, World
from releaser.core.facts import FINGERPRINT_LABEL, IMAGE_LABEL, LocalImage
from releaser.core.graph import Mention
from releaser.core.oci import Digest, Reference
from releaser.core.plan import ImagePlan, Mode, PlannedStep, ReferencePlan, TagAction
from releaser.core.rebuild import Build, Copy, Decision, Push, Reuse, is_always_built
from releaser.core.record import record_reference
from releaser.core.resolve import IMAGE_SCHEMES, ResolvedImage
from releaser.core.spec import KEEP_ALL, Keeping, is_remote, rooted
from releaser.core.steps import (
    Base,
    BuildStep,
    CopyStep,
    Link,
    NamedContext,
    NameStep,
    PushStep,
    RecordStep,
    Secret,
    TagKind,
    TagStep,
)
from releaser.core.tagging import line_of


@dataclass(frozen=True, slots=True)
class Stepper:
    """Makes the steps of a plan from its candidates by name, upstreams first.

    ``root`` is the absolute folder that the spec's paths start at.
    """

    project: str
    candidates: Mapping[str, Candidate]
    decisions: Mapping[str, Decision]
    world: World
    mode: Mode
    root: str
    keeping: Keeping = KEEP_ALL

    def content_steps(self, candidate: Candidate, image: ImagePlan) -> Iterable[PlannedStep]:
        """The steps that bring an image's content to where it should be."""
        decision = self.decisions[candidate.name]
        match decision:
            case Build():
                step = self._build_step(candidate)
                yield PlannedStep(step, _built_upstreams(candidate, self.decisions))
                yield from self._push_steps(candidate, image, tuple(candidate.published), step.key)
            case Push(_, local, missing):
                wanted = self._names(candidate)
                unnamed = tuple(name for name in wanted if name not in local.references)
                name = NameStep(candidate.name, local.image_id, unnamed)
                if unnamed:
                    yield PlannedStep(name)
                yield from self._push_steps(
                    candidate, image, missing, name.key if unnamed else None
                )
            case Copy(_, source, missing):
                for upload in self._uploads(candidate, image, missing):
                    copy = CopyStep(image.name, upload.registry, source, upload.reference)
                    yield PlannedStep(copy, stage=self._upload_stage)
            case Reuse(_, _, local):
                names = _missing_names(image, local) if self.mode is Mode.LOCAL else ()
                if names and local:
                    yield PlannedStep(NameStep(candidate.name, local.image_id, names))
            case _:
                assert_never(decision)

    def _push_steps(
        self,
        candidate: Candidate,
        image: ImagePlan,
        registries: Iterable[str],
        after: str | None,
    ) -> Iterable[PlannedStep]:
        if self.mode is Mode.LOCAL:
            return
        for step in self._uploads(candidate, image, registries):
            yield PlannedStep(step, (after,) if after else (), self._upload_stage)

    @property
    def _upload_stage(self) -> int:
        """Content goes up while other images are built, unless that already writes public tags."""
        return 0 if self.keeping.tags else 1

    def _uploads(
        self, candidate: Candidate, image: ImagePlan, registries: Iterable[str]
    ) -> Iterable[PushStep]:
        """An upload to each registry: under the fingerprint's tag, or else under a public one."""
        secrets = self._secrets(candidate.image)
        for registry in registries:
            if self.keeping.tags:
                again = is_always_built(self.decisions[candidate.name])
                reference = candidate.published[registry]
                yield PushStep(image.name, registry, reference, overwrite=again, secrets=secrets)
            elif public := _first_public(image, registry):
                reference, before = public.reference, public.before
                yield PushStep(
                    image.name, registry, reference, public.kind, before, secrets=secrets
                )

    def _names(self, candidate: Candidate) -> tuple[Reference, ...]:
        """What the engine calls an image: also by its public names, where it is kept or uploaded
        under these."""
        if self.mode is Mode.PUBLISH and self.keeping.tags:
            return candidate.local_names
        return (*candidate.local_names, *(reference for _, _, reference in candidate.references))

    def record_steps(self, candidate: Candidate, commit: str | None) -> Iterable[PlannedStep]:
        """What the image is made of, kept in each repository once its content is there."""
        decision = self.decisions[candidate.name]
        made = candidate.fingerprint
        for registry, repository in candidate.repositories:
            step = RecordStep(
                candidate.name,
                registry,
                record_reference(repository, candidate.name),
                str(made),
                made.ingredients,
                str(candidate.version) if candidate.version else None,
                commit,
            )
            kind = "copy" if isinstance(decision, Copy) else "push"
            key = f"{kind}:{candidate.name}@{registry}"
            yield PlannedStep(step, (key,), self._upload_stage)

    def _build_step(self, candidate: Candidate) -> BuildStep:
        image, spec = candidate.image, candidate.image.spec
        marks = (
            (FINGERPRINT_LABEL, str(candidate.fingerprint)),
            (IMAGE_LABEL, f"{self.project}/{candidate.name}"),
        )
        return BuildStep(
            image=candidate.name,
            context=image.context,
            dockerfile=image.dockerfile,
            names=self._names(candidate),
            target=spec.target,
            args=spec.args,
            labels=(*spec.labels, *marks),
            platforms=spec.platforms,
            links=self._links(candidate),
            bases=tuple(
                Base(base.name, _pin(base, self.world.bases.get(base.reference)))
                for base in image.bases
            ),
            contexts=tuple(self._contexts(image)),
            secrets=self._secrets(image),
            ssh=spec.ssh,
            extra_hosts=spec.extra_hosts,
            network=spec.network,
            no_cache=spec.no_cache,
            pull=spec.pull and self.world.asked,
            shm_size=spec.shm_size,
            provenance=spec.provenance,
            cache_from=tuple(rooted(cache, self.root) for cache in spec.cache_from),
            cache_to=tuple(rooted(cache, self.root) for cache in spec.cache_to),
        )

    def _secrets(self, image: ResolvedImage) -> tuple[Secret, ...]:
        """The secrets of an image, with absolute paths."""
        return tuple(
            Secret(one.id, one.env, self._absolute(one.file)) for one in image.spec.secrets
        )

    def _absolute(self, path: str | None) -> str | None:
        return None if path is None else posixpath.normpath(posixpath.join(self.root, path))

    def _contexts(self, image: ResolvedImage) -> Iterable[NamedContext]:
        """The additional contexts that are folders or URLs; images are links or bases."""
        folders = dict(image.folders)
        for name, source in image.spec.additional_contexts:
            if name in folders:
                yield NamedContext(name, folders[name])
            elif is_remote(source) and not source.startswith(IMAGE_SCHEMES):
                yield NamedContext(name, source)

    def _links(self, candidate: Candidate) -> tuple[Link, ...]:
        return tuple(
            Link(
                edge.needs,
                edge.names,
                _source(self.candidates[edge.needs], self.decisions[edge.needs]),
            )
            for edge in candidate.image.edges
        )

    def tag_steps(self, images: Iterable[ImagePlan]) -> Iterable[PlannedStep]:
        """The public tags: immutable before floating, narrow before wide, upstreams first."""
        wants = {
            reference: (candidate, wanted)
            for candidate in self.candidates.values()
            for _, wanted, reference in candidate.references
        }
        level = _levels(self.candidates.values())
        steps = []
        for image in images:
            for one in image.references:
                if one.action in {TagAction.CREATE, TagAction.MOVE}:
                    candidate, wanted = wants[one.reference]
                    step = TagStep(
                        image.name,
                        one.registry,
                        one.reference,
                        one.kind,
                        self._tag_source(image, one),
                        one.before,
                        line_of(wanted, candidate.wanted, candidate.tagged),
                    )
                    rank = (wanted.width, level[image.name])
                    steps.append(((rank, not wanted.names_version), step))
        first = self._upload_stage + 1
        ranks = sorted({rank for (rank, _), _ in steps})
        stages = {rank: first + n for n, rank in enumerate(ranks)}
        steps.sort(key=lambda ranked: ranked[0])
        planned = (PlannedStep(step, stage=stages[rank]) for (rank, _), step in steps)
        return list(_first_alone(planned))

    def _tag_source(self, image: ImagePlan, one: ReferencePlan) -> Reference:
        """What a public tag is read from: a reference of its repository with the content."""
        repository = one.reference.repository
        held = dict(image.digests).get(one.registry)
        if held is not None:
            return repository.at(held)
        if self.keeping.tags:
            return repository.tagged(image.fingerprint.tag)
        public = _first_public(image, one.registry)
        return public.reference if public else one.reference


def _first_alone(steps: Iterable[PlannedStep]) -> Iterable[PlannedStep]:
    """The tags of an image that never move: the first one, and when it is written all others.

    The first names the version where any does (a commit is not what two releases dispute): of two
    releases at once, the one that writes it decides which content all of them name. Were they
    written at once, each might win some of them.
    """
    first: dict[tuple[str, str], str] = {}
    for one in steps:
        if isinstance(one.step, TagStep) and one.step.kind is TagKind.IMMUTABLE:
            decides = first.setdefault((one.step.image, one.step.registry), one.key)
            yield one if decides == one.key else replace(one, needs=(decides,))
        else:
            yield one


def _first_public(image: ImagePlan, registry: str) -> ReferencePlan | None:
    """The public tag under which content is uploaded: one that never moves, if there is any."""
    written = (TagAction.CREATE, TagAction.MOVE)
    found = [r for r in image.references if r.registry == registry and r.action in written]
    found.sort(key=lambda one: one.kind is not TagKind.IMMUTABLE)
    return found[0] if found else None


def _levels(candidates: Iterable[Candidate]) -> dict[str, int]:
    level: dict[str, int] = {}
    for candidate in candidates:
        needed = (level[edge.needs] for edge in candidate.image.edges if edge.needs in level)
        level[candidate.name] = 1 + max(needed, default=-1)
    return level


def _missing_names(image: ImagePlan, local: LocalImage | None) -> tuple[Reference, ...]:
    return tuple(
        one.reference for one in image.references if one.action is TagAction.CREATE and local
    )


def _built_upstreams(candidate: Candidate, decisions: Mapping[str, Decision]) -> tuple[str, ...]:
    return tuple(
        f"build:{edge.needs}"
        for edge in candidate.image.edges
        if isinstance(decisions[edge.needs], Build)
    )


def _source(upstream: Candidate, decision: Decision) -> Reference | None:
    """Where a build finds an image that it stands on; ``None`` while that is built too."""
    match decision:
        case Build():
            return None
        case Copy(_, source, _):
            return source
        case Push(_, local, _):
            return _local_name(upstream, local)
        case Reuse(_, digests, local):
            if digests:
                registry, digest = digests[0]
                return dict(upstream.repositories)[registry].at(digest)
            return _local_name(upstream, local) if local else None
        case _:
            assert_never(decision)


def _local_name(upstream: Candidate, local: LocalImage) -> Reference:
    """A name of an image in the engine: its own for this content, where it still has it."""
    own = [name for name in upstream.local_names if name in local.references]
    return (own or local.references)[0]


def _pin(base: Mention, digest: Digest | None) -> Reference | None:
    """What a build uses for a base image; a named context has a source even without a digest."""
    if digest is not None:
        return Reference.parse(base.reference).repository.at(digest)
    return None if base.name == base.reference else Reference.parse(base.reference)
