"""Says why a solve failed: which images are to blame, in whose words, at which lines.

buildx ends with one ``ERROR:`` line, which names one target (not always the one whose vertex
failed: an image that is linked to the culprit may be quicker), and prints the Dockerfile's lines
before it. Everything here is a pure function of what :class:`Solve` collected, but for a look into
the Dockerfile of a failed step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from releaser.core.steps import BuildStep
from releaser.engines import buildx_where
from releaser.engines.buildx_causes import hinted, said
from releaser.engines.buildx_solve import Part, Solve, cancelled
from releaser.errors import EngineError

_TARGET = re.compile(r"target ([A-Za-z0-9_-]+): ")
_NOISE = re.compile(
    r"^(?:failed to solve: |failed to compute cache key: |dockerfile parse error on line \d+: )+"
)
# The engine went away or lost the solve: the same build may well succeed when it is asked again.
# "no such job" is what a solve of very many targets ends in (docker/buildx, "failed to receive
# status"), graceful_stop and "closing" are a builder that is being restarted; "already exists" is
# the containerd store when two builds give one name to their results in the same moment.
_TRANSIENT = re.compile(
    r"no such job|graceful_stop|unexpected EOF|\bEOF$|connection reset by peer|transport is closing"
    r"|image \".*\": already exists"
    r"|error reading from server|client connection is closing|code = Unavailable"
)

_OLD = re.compile(r"unknown flag|unknown shorthand flag|progress mode|is not a docker command")
_OLD_HINT = "install a newer buildx: 0.13 is the first that tells its progress as JSON"


def transient(solve: Solve, batch: Sequence[BuildStep]) -> bool:
    """Whether the engine gave up on the solve and may do better when it is asked again."""
    failed = [part for step in batch for part in solve.failures(step.image)]
    ran = any("did not complete successfully" in part.error for part in failed)
    return not ran and _TRANSIENT.search(_last_error(solve)) is not None


def failures(
    solve: Solve, batch: Sequence[BuildStep], targets: Mapping[str, str]
) -> dict[str, EngineError]:
    """The images of ``batch`` that are to blame, each with its error.

    Raises :class:`EngineError` where no image is: the engine or buildx itself gave up.
    """
    parts = {step.image: solve.failures(step.image) for step in batch}
    blamed = {image: failed[0] for image, failed in parts.items() if failed}
    error = _last_error(solve)
    named = _named(error, batch, targets)
    if named is not None and not cancelled(error):
        innocent = blamed.keys().isdisjoint(solve.upstreams(named) | {named})
        culprits: dict[str, Part | None] = {**blamed, **({named: None} if innocent else {})}
    else:
        culprits = dict(blamed)
    if not culprits:
        raise engine_failure(solve)
    steps = {step.image: step for step in batch}
    return {image: _failure(steps[image], part, solve) for image, part in culprits.items()}


def engine_failure(solve: Solve) -> EngineError:
    """The error of a solve that failed without any image being to blame."""
    error = _last_error(solve)
    return EngineError(
        f"docker buildx gave up: {_shortened(_NOISE.sub('', error), 300)}",
        hint=_OLD_HINT if _OLD.search(error) else "check that the engine runs: docker info",
        output=solve.plain[-40:],
    )


def _last_error(solve: Solve) -> str:
    """What stands behind the last ``ERROR:``, or else the last line that buildx printed."""
    lines = solve.plain
    starts = [n for n, line in enumerate(lines) if line.startswith("ERROR: ")]
    if not starts:
        return next((line for line in reversed(lines) if line), "it printed no reason")
    return " ".join(line for line in lines[starts[-1] :] if line).removeprefix("ERROR: ")


def _named(error: str, batch: Sequence[BuildStep], targets: Mapping[str, str]) -> str | None:
    """The image that an error of buildx is about."""
    images = {target: image for image, target in targets.items()}
    if match := _TARGET.match(error):
        return images.get(match[1])
    for step in batch:
        if any(path in error for path in _paths(step)):
            return step.image
    return batch[0].image if len(batch) == 1 and error.startswith("failed to solve: ") else None


def _paths(step: BuildStep) -> Iterator[str]:
    """The paths in quotes or between blanks, as buildx complains of them before it builds."""
    secrets = [secret.file for secret in step.secrets if secret.file]
    for path in (step.context, step.dockerfile, *secrets):
        yield from (f'path "{path}" ', f"stat {path}:", f"open {path}:")


def _failure(step: BuildStep, part: Part | None, solve: Solve) -> EngineError:
    error = part.error if part else _NOISE.sub("", _TARGET.sub("", _last_error(solve)))
    output = tuple(part.output) if part else ()
    known = part.text if part and part.instruction else ""
    where = buildx_where.find(step.dockerfile, known, solve.plain)
    subject = f"{part.text}\n{error}" if part else error
    message, hint = said(subject, _shortened(where.instruction, 60)) or (error, None)
    details = [("dockerfile", str(where))]
    if where.instruction:
        details.append(("instruction", _shortened(where.instruction, 400)))
    return EngineError(
        f'build of "{step.image}" failed: {_shortened(message, 300)}',
        details=details,
        hint=hint or hinted("\n".join((subject, *output))),
        output=output,
    )


def _shortened(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
