"""Turns decisions into steps: what the engine, the registries and the builder are asked to do."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from releaser.core.candidate import Candidate, World
from releaser.core.facts import FINGERPRINT_LABEL, IMAGE_LABEL, LocalImage
from releaser.core.graph import Mention
from releaser.core.oci import Digest, Reference
from releaser.core.plan import ImagePlan, Mode, PlannedStep, TagAction
from releaser.core.rebuild import Build, Copy, Decision, Push, Reuse
from releaser.core.resolve import IMAGE_SCHEMES, ResolvedImage
from releaser.core.spec import is_remote
from releaser.core.steps import (
    Base,
    BuildStep,
    CopyStep,
    Link,
    NamedContext,
    NameStep,
    PushStep,
    Secret,
    TagStep,
)


@dataclass(frozen=True, slots=True)
class Stepper:
    """Makes the steps of a plan. ``root`` is the absolute folder that the spec's paths start at."""

    project: str
    candidates: tuple[Candidate, ...]
    decisions: Mapping[str, Decision]
    world: World
    mode: Mode
    root: str

    def content_steps(self, candidate: Candidate, image: ImagePlan) -> Iterable[PlannedStep]:
        """The steps that bring an image's content to where it should be."""
        decision = self.decisions[candidate.name]
        match decision:
            case Build():
                step = self._build_step(candidate)
                yield PlannedStep(step, _built_upstreams(candidate, self.decisions))
                yield from self._push_steps(candidate, tuple(candidate.published), step.key)
            case Push(_, local, missing):
                name = NameStep(candidate.name, local.image_id, _unnamed(candidate, local))
                if name.names:
                    yield PlannedStep(name)
                yield from self._push_steps(candidate, missing, name.key if name.names else None)
            case Copy(_, source, missing):
                for registry in missing:
                    reference = candidate.published[registry]
                    yield PlannedStep(CopyStep(candidate.name, registry, source, reference))
            case Reuse(_, _, local):
                names = _missing_names(image, local) if self.mode is Mode.LOCAL else ()
                if names and local:
                    yield PlannedStep(NameStep(candidate.name, local.image_id, names))
            case _:
                assert_never(decision)

    def _push_steps(
        self, candidate: Candidate, registries: Iterable[str], after: str | None
    ) -> Iterable[PlannedStep]:
        if self.mode is Mode.LOCAL:
            return
        for registry in registries:
            step = PushStep(candidate.name, registry, candidate.published[registry])
            yield PlannedStep(step, (after,) if after else ())

    def _build_step(self, candidate: Candidate) -> BuildStep:
        image, spec = candidate.image, candidate.image.spec
        names = candidate.local_names
        if self.mode is Mode.LOCAL:
            names += tuple(reference for _, _, reference in candidate.references)
        marks = (
            (FINGERPRINT_LABEL, str(candidate.fingerprint)),
            (IMAGE_LABEL, f"{self.project}/{candidate.name}"),
        )
        return BuildStep(
            image=candidate.name,
            context=image.context,
            dockerfile=image.dockerfile,
            names=names,
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
            secrets=tuple(
                Secret(one.id, one.env, self._absolute(one.file)) for one in spec.secrets
            ),
            ssh=spec.ssh,
            extra_hosts=spec.extra_hosts,
            network=spec.network,
            no_cache=spec.no_cache,
            pull=spec.pull,
            shm_size=spec.shm_size,
            provenance=spec.provenance,
            cache_from=spec.cache_from,
            cache_to=spec.cache_to,
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
        by_name = {one.name: one for one in self.candidates}
        links = []
        for edge in candidate.image.edges:
            source = _source(by_name[edge.needs], self.decisions[edge.needs])
            links.append(Link(edge.needs, edge.names, source))
        return tuple(links)

    def tag_steps(self, images: Iterable[ImagePlan]) -> Iterable[PlannedStep]:
        """The public tags: immutable before floating, narrow before wide, upstreams first."""
        widths = {
            reference: (wanted.width, candidate.name)
            for candidate in self.candidates
            for _, wanted, reference in candidate.references
        }
        level = _levels(self.candidates)
        steps = []
        for image in images:
            for one in image.references:
                if one.action in {TagAction.CREATE, TagAction.MOVE}:
                    source = one.reference.repository.tagged(image.fingerprint.tag)
                    step = TagStep(
                        image.name, one.registry, one.reference, one.kind, source, one.before
                    )
                    steps.append(((widths[one.reference][0], level[image.name]), step))
        stages = {rank: 1 + n for n, rank in enumerate(sorted({rank for rank, _ in steps}))}
        steps.sort(key=lambda ranked: ranked[0])
        return [PlannedStep(step, stage=stages[rank]) for rank, step in steps]


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


def _unnamed(candidate: Candidate, local: LocalImage) -> tuple[Reference, ...]:
    return tuple(name for name in candidate.local_names if name not in local.references)


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
