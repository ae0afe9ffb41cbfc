"""The secrets of builds: whether they are there, and that their values reach no log.

BuildKit says nothing when the variable of a secret is not set: the build gets an empty file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from releaser.core.steps import BuildStep, Secret
from releaser.errors import SetupError

_SHORTEST = 6
_LARGEST = 512 * 1024  # BuildKit takes no larger secret (session/secrets/secretsprovider)
_MASKED = "***"


class Mask:
    """Hides values in text. Shorter ones than six characters would hide half of every line."""

    def __init__(self, values: Iterable[str]) -> None:
        found = {line.strip() for value in values for line in value.splitlines()}
        self._values = sorted((v for v in found if len(v) >= _SHORTEST), key=len, reverse=True)

    @classmethod
    def of(cls, batch: Sequence[BuildStep], environment: Mapping[str, str]) -> Self:
        """The mask for the secrets of ``batch``, each line of theirs on its own."""
        return cls(_value(secret, environment) for step in batch for secret in step.secrets)

    def hide(self, text: str) -> str:
        """``text`` with every value replaced by asterisks."""
        for value in self._values:
            text = text.replace(value, _MASKED)
        return text


def missing(step: BuildStep, environment: Mapping[str, str]) -> Iterator[SetupError]:
    """What ``step`` needs of the machine and does not find: variables, files, an SSH agent."""
    for secret in step.secrets:
        if secret.env is not None and secret.env not in environment:
            yield _absent(step, secret, f"variable {secret.env}, which is not set")
        if secret.file is not None and not Path(secret.file).is_file():
            wrong = "is no file" if Path(secret.file).exists() else "does not exist"
            yield _absent(step, secret, f"file {secret.file}, which {wrong}")
    if "default" in step.ssh and not environment.get("SSH_AUTH_SOCK"):
        yield SetupError(
            f'image "{step.image}" needs an SSH agent, and SSH_AUTH_SOCK is not set',
            hint="start one: eval $(ssh-agent); ssh-add",
        )


def _absent(step: BuildStep, secret: Secret, what: str) -> SetupError:
    return SetupError(f'secret "{secret.id}" of image "{step.image}" needs {what}')


def _value(secret: Secret, environment: Mapping[str, str]) -> str:
    if secret.env is not None:
        return environment.get(secret.env, "")
    try:
        with Path(secret.file or "").open("rb") as file:
            return file.read(_LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""
