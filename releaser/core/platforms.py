"""Whether an image exists for every platform that one built FROM it is built for.

BuildKit does not ask: it puts the layers that are there under the platform that is wanted, and the
registry then lists, say, arm64 for an image full of amd64 programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from releaser.core.dockerfile import Stage, TargetUse
from releaser.core.lock import Lock, name_of
from releaser.core.oci import Platform
from releaser.core.resolve import ResolvedImage
from releaser.errors import SpecError


def uncovered(images: Mapping[str, ResolvedImage]) -> Iterator[SpecError]:
    """A complaint for each edge whose upstream lacks a platform of its dependant.

    Only what the result is built FROM counts: a stage with a platform of its own, and what is
    copied out of an image, may be of another platform on purpose.
    """
    for image in images.values():
        for edge in image.edges:
            upstream = images[edge.needs]
            missing = [
                str(platform)
                for platform, use in image.uses
                if _stands_on(use) in edge.names and platform not in upstream.platforms
            ]
            if missing:
                yield SpecError(
                    f'"{image.name}" is built for {", ".join(missing)}, '
                    f'and "{upstream.name}", which it stands on, is not',
                    at=edge.at,
                    details=(
                        (image.name, ", ".join(map(str, image.platforms))),
                        (upstream.name, ", ".join(map(str, upstream.platforms))),
                    ),
                    hint=f'give "{upstream.name}" these platforms too',
                )


def not_offered(images: Mapping[str, ResolvedImage], lock: Lock) -> Iterator[SpecError]:
    """A complaint for each base image that is locked and lacks a platform of what stands on it."""
    for image in images.values():
        for base in image.bases:
            locked = lock.of(base.reference)
            if locked is None or not locked.platforms:
                continue
            missing = [
                str(platform)
                for platform, use in image.uses
                if _stands_on(use) == base.name
                and not any(runs_on(one, platform) for one in locked.platforms)
            ]
            if missing:
                name = name_of(base.reference)
                yield SpecError(
                    f'"{image.name}" is built for {", ".join(missing)}, '
                    f'and base image "{name}", as it is locked, is not',
                    at=base.at,
                    details=(
                        (image.name, ", ".join(map(str, image.platforms))),
                        (str(name), ", ".join(map(str, locked.platforms))),
                        ("locked", f"{locked.digest} on {locked.date}"),
                    ),
                    hint=f"if it has them by now: releaser lock --update {name}",
                )


def runs_on(offered: Platform, wanted: Platform) -> bool:
    """Whether an image for ``offered`` is what a build for ``wanted`` takes, as BuildKit chooses.

    That is containerd's ``platforms.Only``: a lower variant will do, and so will 386 for amd64 and
    arm for arm64.
    """
    if offered.os != wanted.os:
        return False
    if (offered.architecture, wanted.architecture) in {("386", "amd64"), ("arm", "arm64")}:
        return True
    lower = (offered.variant or "") <= (wanted.variant or "")
    return offered.architecture == wanted.architecture and lower


def _stands_on(use: TargetUse) -> str | None:
    """The name of the image at the bottom of the target's own stages, as its FROM means it.

    ``None`` where a stage on the way has a platform of its own.
    """
    stages = {stage.name: stage for stage in use.stages if stage.name}
    stage: Stage | None = use.stages[-1] if use.stages else None
    while stage is not None and stage.platform is None:
        below = stages.get(stage.base.lower())
        if below is None or below.index >= stage.index:
            from_images = {
                one.line: one.reference for one in use.images if one.instruction == "FROM"
            }
            return from_images.get(stage.line, stage.base)
        stage = below
    return None
