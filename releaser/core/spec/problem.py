"""A complaint about a spec as a whole, and where in the document it belongs."""

from __future__ import annotations

from dataclasses import dataclass

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A complaint and the path in the document that it is about.

    One that is ``about_key`` is about the name at the end of the path, else about its value. What
    stands at the path of a ``private`` one must not be shown: it may be a secret.
    """

    path: Path
    message: str
    hint: str | None = None
    details: tuple[tuple[str, str], ...] = ()
    about_key: bool = False
    private: bool = False
