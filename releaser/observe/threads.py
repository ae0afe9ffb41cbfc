"""Many questions at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

WORKERS = 16

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def concurrently(
    function: Callable[[_In], _Out], items: Iterable[_In], workers: int = WORKERS
) -> list[_Out]:
    """``function`` of every item, in their order; the first exception is raised."""
    asked = list(items)
    if len(asked) <= 1:
        return [function(item) for item in asked]
    with ThreadPoolExecutor(min(workers, len(asked))) as pool:
        return list(pool.map(function, asked))
