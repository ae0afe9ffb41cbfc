"""The secrets of builds: whether they are there.

BuildKit says nothing when the variable of a secret is not set: the build gets an empty file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from releaser.core.steps import BuildStep, Secret
from releaser.errors import SetupError
from releaser.secret_values import LARGEST


def missing(step: BuildStep, environment: Mapping[str, str]) -> Iterator[SetupError]:
    """What ``step`` needs of the machine and does not find: variables, files, an SSH agent."""
    for secret in step.secrets:
        if secret.env is not None and secret.env not in environment:
            yield _absent(step, secret, f"variable {secret.env}, which is not set")
        if secret.file is not None and not Path(secret.file).is_file():
            wrong = "is no file" if Path(secret.file).exists() else "does not exist"
            yield _absent(step, secret, f"file {secret.file}, which {wrong}")
        elif secret.file is not None and (size := Path(secret.file).stat().st_size) > LARGEST:
            yield SetupError(
                f'secret "{secret.id}" of image "{step.image}" is too large: {secret.file}',
                details=(("size", f"{size} bytes"), ("allowed", f"{LARGEST} bytes")),
                hint="keep in it only what is secret, and the rest in the build context",
            )
    if "default" in step.ssh and not environment.get("SSH_AUTH_SOCK"):
        yield SetupError(
            f'image "{step.image}" needs an SSH agent, and SSH_AUTH_SOCK is not set',
            hint="start one: eval $(ssh-agent); ssh-add",
        )


def _absent(step: BuildStep, secret: Secret, what: str) -> SetupError:
    return SetupError(f'secret "{secret.id}" of image "{step.image}" needs {what}')
