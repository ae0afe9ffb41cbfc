"""Writes to registries, each noted in the journal before it begins and when it has ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from releaser.core.events import Notice
from releaser.core.oci import Digest, Reference
from releaser.errors import ReleaserError
from releaser.interfaces import Journal, Listener


@dataclass(frozen=True, slots=True)
class Journaled:
    """A journal, and somebody to tell where it fails."""

    journal: Journal
    listener: Listener

    @contextmanager
    def writing(
        self, key: str, reference: Reference, before: Digest | None, after: Digest | None
    ) -> Iterator[None]:
        """A write of the step ``key``.

        Raises:
            SetupError: it cannot be noted, and so must not begin.
        """
        self.journal.begin(key, reference, before, after)
        try:
            yield
        except BaseException as error:
            self._ended(key, reference, str(error) or type(error).__name__)
            raise
        self._ended(key, reference, None)

    def _ended(self, key: str, reference: Reference, error: str | None) -> None:
        """The end of a write: that it cannot be noted undoes nothing."""
        try:
            self.journal.end(key, reference, error)
        except ReleaserError as failure:
            self.listener.on(Notice(failure.message, failure.hint))
