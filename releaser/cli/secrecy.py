"""What this run knows and must not say: kept out of everything that it prints and writes.

Engines take secrets out where output enters. This is the second ring: stdout and stderr, reports,
plans and the journal are searched once more for the values of all secrets that the spec declares,
and for logins to registries as they come to be used. GitHub's runner is told the values as well,
so that it masks what other steps print.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, TextIO, assert_never, cast

from releaser.core.facts import Concern
from releaser.core.harmless import unspoken_json
from releaser.core.redaction import Redactor
from releaser.core.secret_forms import SHORTEST, is_common
from releaser.core.steps import Secret
from releaser.errors import ReleaserError, StepError
from releaser.secret_values import values_of

if TYPE_CHECKING:
    from releaser.logins.login import Login, Logins
    from releaser.pipeline import Project

_REDACTOR: ContextVar[Redactor] = ContextVar("_REDACTOR")


def redactor() -> Redactor:
    """What knows the secrets of this run."""
    found = _REDACTOR.get(None)
    if found is None:
        found = Redactor()
        _REDACTOR.set(found)
    return found


class _Guarded:
    """A text stream that secrets do not get into; everything else of it is the inner one's."""

    def __init__(self, inner: TextIO, hide: Callable[[str], str]) -> None:
        self.inner = inner
        self._hide = hide

    def write(self, text: str) -> int:
        """Write ``text`` without secrets; JSON also without words that a CI system obeys."""
        shown = self._hide(text)
        self.inner.write(unspoken_json(shown) if shown[:1] in {"{", "["} else shown)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of ``lines``."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


@contextmanager
def guarded() -> Iterator[None]:
    """A run of its own: what it prints goes through a redactor that knows nothing yet."""
    known = Redactor()
    before = _REDACTOR.set(known)
    out, err = sys.stdout, sys.stderr
    sys.stdout = cast("TextIO", _Guarded(out, known.hide))
    sys.stderr = cast("TextIO", _Guarded(err, known.hide))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err
        _REDACTOR.reset(before)


def keep_secret(project: Project) -> tuple[Concern, ...]:
    """Let nobody say the values of the secrets that ``project`` declares; says of which it cannot.

    What stands in the spec's own names is public in every reference: with it hidden, no plan and no
    report could be read back.
    """
    declared = [
        Secret(one.id, one.env, os.path.join(project.root, one.file) if one.file else None)  # noqa: PTH118
        for image in project.spec.images.values()
        for one in image.secrets
    ]
    kept: list[bytes] = []
    concerns: list[Concern] = []
    names = _names(project)
    for secret in dict.fromkeys(declared):
        values = values_of([secret], os.environ)
        if any(_is_public(value, names) for value in values):
            concerns.append(_weak(secret))
        else:
            kept += values
    kept = list(dict.fromkeys(kept))
    redactor().learn(*kept)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        _mask(kept)
    return tuple(dict.fromkeys(concerns))


def _names(project: Project) -> str:
    """The names that references are made of, a line each."""
    spec = project.spec
    registries = (text for key, one in spec.registries.items() for text in (key, one.prefix))
    images = (text for key, one in spec.images.items() for text in (key, one.repository or ""))
    return "\n".join((spec.project, *registries, *images))


def _is_public(value: bytes, names: str) -> bool:
    text = value.decode("utf-8", "replace").strip()
    return len(text) >= SHORTEST and (is_common(text) or text in names)


def _weak(secret: Secret) -> Concern:
    return Concern(
        f'the value of secret "{secret.id}" is a common word or a name of this spec: '
        "it is not hidden in what is printed and written",
        "no secret should be so easy to guess: take another value",
    )


def _mask(values: Iterable[bytes]) -> None:
    """Tell GitHub's runner; it reads commands from stderr as well as from stdout."""
    stream = sys.stderr.inner if isinstance(sys.stderr, _Guarded) else sys.stderr
    with suppress(OSError):
        stream.write("".join(f"::add-mask::{escaped(one)}\n" for one in masked(values)))
        stream.flush()


def masked(values: Iterable[bytes]) -> list[str]:
    """What the runner is to mask: each value, and of one with several lines each line that is long
    enough not to be a word of every log."""
    found: dict[str, None] = {}
    for value in values:
        lines = [line for line in value.decode("utf-8", "replace").splitlines() if line.strip()]
        if len(lines) == 1:
            found[lines[0].strip()] = None
        found.update(dict.fromkeys(one.strip() for one in lines if len(one.strip()) >= 6))
    return list(found)


def escaped(text: str) -> str:
    """``text`` as data of a runner command (actions/runner, ActionCommand, _escapeDataMappings)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


class Remembered:
    """Logins that are kept out of what is said from the moment that they are used."""

    def __init__(self, logins: Logins, known: Redactor) -> None:
        self._logins, self._known = logins, known

    def of(self, registry: str) -> Login | None:
        """The login for a registry."""
        from releaser.logins.login import IdentityToken, Password, RegistryToken

        login = self._logins.of(registry)
        match login:
            case Password(_, secret) | IdentityToken(secret) | RegistryToken(secret):
                self._known.learn(secret.encode())
            case None:
                pass
            case _:
                assert_never(login)
        return login


def hidden(data: object) -> object:
    """Plain data as it may be written: every text in it without secrets."""
    match data:
        case str():
            return redactor().hide(data)
        case dict():
            return {key: hidden(value) for key, value in data.items()}
        case list() | tuple():
            return [hidden(value) for value in data]
        case _:
            return data


def conceal(error: ReleaserError) -> ReleaserError:
    """The same error, without secrets in what it says."""
    hide = redactor().hide
    error.message = hide(error.message)
    error.details = tuple((key, hide(value)) for key, value in error.details)
    error.hint = hide(error.hint) if error.hint else error.hint
    if isinstance(error, StepError):
        error.output = tuple(map(hide, error.output))
    return error
