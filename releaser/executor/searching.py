"""The gate for secrets: what was built is searched for their values before it leaves the machine.

An upload, even under a tag that nobody knows, is there for whoever may pull; and what is under a
fingerprint's tag is taken for good by the next run. So the engine's own copy is searched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from releaser.core.events import Notice
from releaser.core.inscriptions import Finding, findings
from releaser.core.oci import Reference
from releaser.core.steps import BuildStep, Secret, Step
from releaser.errors import InternalError, StepError
from releaser.interfaces import Engine, Listener, Secrets


class Gate:
    """Searches images, each once in a run; every method is called from many threads."""

    def __init__(
        self,
        steps: Mapping[str, Step],
        secrets: Secrets,
        engine: Engine | None,
        listener: Listener,
    ) -> None:
        self._steps, self._secrets = steps, secrets
        self._engine, self._listener = engine, listener
        self._passed: set[str] = set()
        self._told: set[tuple[str, str]] = set()

    def check_build(self, step: BuildStep) -> None:
        """Search what was built, also for the secrets of what it stands on, which it inherits.

        Raises:
            StepError: a secret is in it.
        """
        self.check(step.image, self._inherited(step), step.names[0])

    def check(self, image: str, secrets: Iterable[Secret], reference: Reference) -> None:
        """Search what the engine calls ``reference``, unless ``image`` was searched already.

        Raises:
            StepError: a secret is in it.
        """
        declared = tuple(dict.fromkeys(secrets))
        if image in self._passed or not declared:
            return
        sought = self._secrets.sought(declared)
        self._tell(image, sought.too_short, "is too short or too common to be searched for")
        self._tell(image, sought.absent, "is not at hand, so it cannot be searched for")
        if sought.needles:
            if self._engine is None:
                raise InternalError(f'"{image}" must be searched and there is no engine')
            found = findings(self._engine.inscriptions(reference), sought.needles)
            if found:
                raise leak(image, found)
        self._passed.add(image)

    def _inherited(self, step: BuildStep) -> tuple[Secret, ...]:
        seen: dict[str, BuildStep] = {}
        waiting = [step]
        while waiting:
            one = waiting.pop()
            if one.image not in seen:
                seen[one.image] = one
                upstream = (self._steps.get(f"build:{link.image}") for link in one.links)
                waiting += [found for found in upstream if isinstance(found, BuildStep)]
        return tuple(secret for one in seen.values() for secret in one.secrets)

    def _tell(self, image: str, ids: Iterable[str], why: str) -> None:
        """Say it once of each secret, however many images have it."""
        for secret in ids:
            if (secret, why) not in self._told:
                self._told.add((secret, why))
                message = f'secret "{secret}" of {image} {why} in what was built'
                self._listener.on(Notice(message))


def leak(image: str, found: Iterable[Finding]) -> StepError:
    """The error for secrets in an image: which and where, and never what."""
    first, *others = found
    more = f" (and {len(others)} more)" if others else ""
    places = [(one.name, one.where) for one in (first, *others)]
    return StepError(
        f'image "{image}" has the value of secret "{first.name}" in its {first.where}{more}',
        details=(*places[:20], ("uploaded", "no")),
        hint="give it to the one command that needs it: "
        f"RUN --mount=type=secret,id={first.name} …, and never as ARG, ENV or LABEL",
    )
