"""Whether an image exists for every platform that one built FROM it is built for.

BuildKit does not ask: it puts the layers that are there under the platform that is wanted, and the
registry then lists, say, arm64 for an image full of amd64 programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from releaser.core.dockerfile import Stage, TargetUse
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
