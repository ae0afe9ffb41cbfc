"""The use case of verification: what is in the registries, against a report or a version."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from releaser.core.graph import select
from releaser.core.oci import Digest, Reference, Repository
from releaser.core.past_run import PastImage, PastRun
from releaser.core.places import places
from releaser.core.tagging import WantedTag, full_tags, tags_of, versions_among
from releaser.core.verification import (
    Claim,
    Content,
    Demand,
    Found,
    Named,
    Out,
    Unsaid,
    Verification,
    differences,
    line_version,
)
from releaser.core.version import Version
from releaser.core.withdrawal import withdrawal_reference
from releaser.errors import RegistryError, SpecError, UnknownError
from releaser.observe import concurrently, withdrawals
from releaser.pipeline.request import Adapters, Project

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Check:
    """What is to be looked at: the images that ``report`` says, or those of a ``version``.

    Where ``deep``, all bytes of all layers are read.
    """

    images: tuple[str, ...] = ()
    registries: tuple[str, ...] = ()
    version: str | None = None
    report: PastRun | None = None
    deep: bool = False


def verify(project: Project, adapters: Adapters, check: Check) -> Verification:
    """Ask the registries, and compare.

    Raises:
        SpecError: a name matches nothing, or there is nothing to look at.
        SetupError: a registry cannot be asked.
    """
    if check.report is not None:
        claims, demands = _reported(project, check, check.report)
    else:
        claims, demands = _declared(project, check)
    if not claims:
        raise SpecError("there is nothing to verify: no image has a tag there")
    found = _Asking(project, adapters, check.deep).found(claims)
    name = check.report.project if check.report else project.spec.project
    return Verification(name, claims, differences(name, claims, demands, found), found.unsaid)


def _declared(project: Project, check: Check) -> tuple[tuple[Claim, ...], dict[str, Demand]]:
    """What the spec says of a version."""
    spec, version = project.spec, Version.parse(check.version or "")
    claims: list[Claim] = []
    demands: dict[str, Demand] = {}
    for place in places(spec, check.images, check.registries):
        tags = tags_of(spec, place.image, version)
        full = full_tags(tags)
        if not full:
            raise SpecError(
                f'no tag of image "{place.image}" names a version, so nothing says what it was',
                hint="verify it by a report: --report FILE",
            )
        demands[place.image] = Demand(spec.images[place.image].platforms)
        claims += [
            Claim(
                place.image,
                place.registry,
                place.repository.tagged(one.tag),
                wanted=one,
                full=one in full,
            )
            for one in tags
        ]
    return tuple(claims), demands


def _reported(
    project: Project, check: Check, report: PastRun
) -> tuple[tuple[Claim, ...], dict[str, Demand]]:
    """What a report says."""
    names = select([one.name for one in report.images], check.images)
    images = [one for one in report.images if one.name in names]
    claims = tuple(claim for one in images for claim in _of_report(project, check, one))
    return claims, {one.name: Demand(one.platforms, one.fingerprint) for one in images}


def _of_report(project: Project, check: Check, image: PastImage) -> Iterable[Claim]:
    tags: Mapping[str, WantedTag] = {}
    full: Sequence[WantedTag] = ()
    if image.version is not None and image.name in project.spec.images:
        tags = {str(one.tag): one for one in tags_of(project.spec, image.name, image.version)}
        full = full_tags(tags.values())
    for one in image.references:
        asked = not check.registries or one.registry in check.registries
        if one.digest is not None and asked:
            wanted = tags.get(str(one.reference.tag))
            yield Claim(
                image.name,
                one.registry,
                one.reference,
                one.digest,
                wanted,
                full=wanted is not None and wanted in full,
            )


class _Asking:
    """Asks the registries what claims are about; what would not be said is kept, and not raised."""

    def __init__(self, project: Project, adapters: Adapters, deep: bool) -> None:  # noqa: FBT001
        self._spec = project.spec
        self._registry = adapters.registry
        self._deep = deep
        self._unsaid: list[Unsaid] = []

    def found(self, claims: Sequence[Claim]) -> Found:
        """What the registries say."""
        references = list(dict.fromkeys(claim.reference for claim in claims))
        named = self._each(references, self._named)
        contents: dict[Reference, None] = {}
        for reference, one in named.items():
            if one.digest is not None and not one.corrupt:
                contents[reference.repository.at(one.digest)] = None
        behind = self._each(list(contents), self._content)
        return Found(named, behind, self._out(claims), tuple(dict.fromkeys(self._unsaid)))

    def _each(
        self, places: Sequence[Reference], ask: Callable[[Reference], _T]
    ) -> dict[Reference, _T]:
        def one(place: Reference) -> _T | None:
            try:
                return ask(place)
            except (RegistryError, UnknownError) as error:
                self._unsaid.append(Unsaid(str(place), error.message))
                return None

        answers = zip(places, concurrently(one, places), strict=True)
        return {place: found for place, found in answers if found is not None}

    def _named(self, reference: Reference) -> Named:
        try:
            manifest = self._registry.manifest(reference)
        except RegistryError as error:
            if error.is_corruption:
                return Named(None, corrupt=True)
            raise
        return Named(manifest.digest if manifest else None)

    def _content(self, place: Reference) -> Content:
        manifest = self._registry.manifest(place)
        if manifest is None:
            raise RegistryError(f"{place} was there a moment ago")
        flaws = self._registry.flaws(place.repository, manifest, deep=self._deep)
        if flaws:
            return Content(flaws)
        platforms = self._registry.platforms(place.repository, manifest)
        return Content((), platforms, self._registry.labels(place) or {})

    def _out(self, claims: Sequence[Claim]) -> dict[tuple[str, str], Out]:
        """The versions of the images that have lines among their claims."""
        lines: dict[tuple[str, Repository], list[Claim]] = {}
        for claim in claims:
            if claim.wanted is not None and claim.wanted.is_line:
                lines.setdefault((claim.image, claim.reference.repository), []).append(claim)
        found = {}
        for (image, repository), own in lines.items():
            out = self._out_in(image, repository, own)
            if out is not None:
                found[image, own[0].registry] = out
        return found

    def _out_in(self, image: str, repository: Repository, claims: Sequence[Claim]) -> Out | None:
        try:
            tags = self._registry.tags(repository)
            kept = withdrawal_reference(repository, image)
            gone = withdrawals(self._registry, [kept], {repository: tags}).get(kept)
        except (RegistryError, UnknownError) as error:
            self._unsaid.append(Unsaid(str(repository), error.message))
            return None
        released = versions_among(tags, self._spec, image)
        out = Out(released, gone.versions if gone else frozenset())
        return replace(out, digests=self._digests(image, repository, tags, claims, out))

    def _digests(
        self,
        image: str,
        repository: Repository,
        tags: Sequence[str],
        claims: Sequence[Claim],
        out: Out,
    ) -> dict[Version, Digest]:
        """The digests of the versions that the lines should be at."""
        heads = {version for claim in claims if (version := line_version(claim, out))}
        found: dict[Version, Digest] = {}
        for version in sorted(heads):
            full = full_tags(tags_of(self._spec, image, version))
            there = [repository.tagged(one.tag) for one in full if str(one.tag) in tags]
            for one in self._each(there[:1], self._named).values():
                if one.digest is not None:
                    found[version] = one.digest
        return found
