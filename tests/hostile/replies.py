"""What tests of hostile answers share: how a refusal must read, whoever answered what."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from releaser.errors import ReleaserError
from releaser.logins.login import Login
from releaser.registries.distribution import Distribution
from releaser.registries.retry import Patience
from tests.registry_client import distribution, told

QUICK = Patience(tries=2, settle=2.0)
"""Two tries: enough to see that there is another one."""

LONGEST = 1500
"""Characters that a message may have."""

MEGABYTE = 1024 * 1024


def refused(
    action: Callable[[], object], *says: str, kind: type[ReleaserError] = ReleaserError
) -> ReleaserError:
    """The error of ``action``, which must be ours, in time, legible and to the point."""
    began = time.monotonic()
    with pytest.raises(kind) as caught:
        action()
    assert time.monotonic() - began < 20
    text = told(caught.value)
    for part in says:
        assert part in text
    assert caught.value.hint, text
    assert len(text) < LONGEST
    for line in text.splitlines():
        assert line.isprintable(), repr(line)
        assert not line.lstrip().startswith(("::", "##["))
    return caught.value


def quick(login: Login | None = None, *, insecure: frozenset[str] = frozenset()) -> Distribution:
    """The adapter, without much patience."""
    return distribution(login, patience=QUICK, idle=2.0, insecure=insecure)


@contextmanager
def flat(most: int) -> Iterator[None]:
    """What happens inside takes no more than ``most`` bytes of memory at any time."""
    gc.collect()
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most, f"{peak} bytes"
