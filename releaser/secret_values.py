"""Reads the values of secrets, where builds read them: from variables and files.

Values are bytes, as BuildKit gives them to a build, and are kept in nothing that shows itself.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence

from releaser.core.redaction import Sought
from releaser.core.steps import Secret

LARGEST = 500 * 1024
"""Bytes of a secret at most; BuildKit takes no larger one (session/secrets/secretsprovider)."""


def value_of(secret: Secret, environment: Mapping[str, str]) -> bytes | None:
    """The value of ``secret``; ``None`` where there is none, or it cannot be read.

    Of files only regular ones are read: a pipe would be empty for the build afterwards.
    """
    if secret.env is not None:
        text = environment.get(secret.env)
        return None if text is None else text.encode("utf-8", "surrogateescape")
    try:
        descriptor = os.open(secret.file or "", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            return file.read(LARGEST) if regular else None
    except (OSError, ValueError):
        return None


def values_of(secrets: Iterable[Secret], environment: Mapping[str, str]) -> tuple[bytes, ...]:
    """The values of ``secrets`` that can be read, each place read once."""
    places = {(one.env, None if one.env is not None else one.file): one for one in secrets}
    found = (value_of(one, environment) for one in places.values())
    return tuple(value for value in found if value)


class SecretsAtHand:
    """:class:`releaser.interfaces.Secrets` of this machine's variables and files."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def sought(self, secrets: Sequence[Secret]) -> Sought:
        """What to look for in an image; values are read anew, and kept in what it returns alone."""
        return Sought.of({one.id: value_of(one, self._environment) for one in secrets})
