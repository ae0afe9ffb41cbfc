"""An engine's store in memory: images by id, scripted failures, and a record of calls."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from releaser.core.events import StepProgress
from releaser.core.facts import EngineFacts, LocalImage
from releaser.core.inscriptions import Inscription
from releaser.core.lock import Offer
from releaser.core.oci import Digest, Platform, Reference
from releaser.errors import EngineError, RegistryError, ReleaserError
from releaser.interfaces import Listener

FACTS = EngineFacts(version="28.5.2", platform="linux/amd64", containerd_store=True)


class Upload(Protocol):
    """Where pushes go; raises :class:`RegistryError` as a registry would."""

    def __call__(
        self, reference: Reference, image_id: Digest, labels: Mapping[str, str]
    ) -> None: ...


@dataclass(frozen=True)
class Call:
    """A method's name and what it was called with, as text."""

    method: str
    subject: str = ""


@dataclass(frozen=True)
class FakeImage:
    """An image in the store."""

    labels: Mapping[str, str]
    references: frozenset[Reference] = frozenset()
    inscriptions: tuple[Inscription, ...] = ()


def _nowhere(reference: Reference, image_id: Digest, labels: Mapping[str, str]) -> None:  # noqa: ARG001
    raise RegistryError(f"cannot push {reference}: no such registry", retryable=True)


class FakeEngine:
    """Holds images and pushes them to ``upload``.

    ``bases`` are the digests that registries know base images by, ``held`` those of base images
    that are in the store. ``fail`` scripts failures;
    while ``gate`` is not set, pushes wait at it until it is, or until they are cancelled.
    """

    def __init__(
        self,
        upload: Upload = _nowhere,
        *,
        bases: Mapping[Reference, Digest] | None = None,
        facts: EngineFacts = FACTS,
    ) -> None:
        self.facts = facts
        self.bases = dict(bases or {})
        self.held: dict[Reference, Digest] = {}
        self.stored: dict[Digest, FakeImage] = {}
        self.pushed: list[Reference] = []
        self.calls: list[Call] = []
        self.gate = threading.Event()
        self.gate.set()
        self._upload = upload
        self._lock = threading.Lock()
        self._failures: dict[Call, deque[ReleaserError]] = {}
        self._under_way: set[threading.Event] = set()

    def add(
        self,
        image_id: Digest,
        labels: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        references: Iterable[Reference] = (),
        history: Iterable[str] = (),
    ) -> None:
        """Put an image into the store, as a build does."""
        said = [
            Inscription(f"label {name}", f"{name}\n{text}") for name, text in dict(labels).items()
        ]
        said += [Inscription(f"history line {n}", line) for n, line in enumerate(history, 1)]
        with self._lock:
            self.stored[image_id] = FakeImage(dict(labels), inscriptions=tuple(said))
            for reference in references:
                self._name(image_id, reference)

    def fail(self, error: ReleaserError, method: str, subject: object = "", times: int = 1) -> None:
        """Let the next ``times`` calls of ``method`` about ``subject`` raise ``error``."""
        self._failures.setdefault(Call(method, str(subject)), deque()).extend([error] * times)

    def count(self, method: str) -> int:
        """How often a method was called."""
        return sum(call.method == method for call in self.calls)

    def check(self) -> EngineFacts:
        """The facts that it was made with."""
        self._called("check")
        return self.facts

    def images(
        self, label: str, references: Sequence[Reference] | None = None
    ) -> tuple[LocalImage, ...]:
        """Every image that carries ``label``, by id; only those with any of ``references``."""
        self._called("images", label)
        wanted = None if references is None else set(references)
        with self._lock:
            return tuple(
                LocalImage(image_id, image.labels[label], tuple(sorted(image.references, key=str)))
                for image_id, image in sorted(self.stored.items())
                if label in image.labels and (wanted is None or wanted & image.references)
            )

    def resolve(self, reference: Reference) -> Digest | None:
        """The digest in ``bases``; images that are in the store only have none."""
        self._called("resolve", reference)
        return reference.digest or self.bases.get(_tagged(reference))

    def offered(self, reference: Reference) -> Offer | None:
        """The digest in ``bases``, for the engine's own platform."""
        self._called("offered", reference)
        found = self.bases.get(_tagged(reference))
        return Offer(found, (Platform.parse(self.facts.platform),)) if found else None

    def resolve_stored(self, reference: Reference) -> Digest | None:
        """The digest in ``held``, or that of an image that was pushed."""
        self._called("resolve_stored", reference)
        tagged = _tagged(reference)
        pushed = self.bases.get(tagged) if tagged in self.pushed else None
        return reference.digest or self.held.get(tagged) or pushed

    def local_id(self, reference: Reference) -> Digest | None:
        """The id of the image that the store calls ``reference``."""
        self._called("local_id", reference)
        with self._lock:
            return self._find(reference)

    def name(self, image_id: Digest, references: Sequence[Reference]) -> None:
        """Give an image further references; another image that had one loses it."""
        self._called("name", image_id)
        with self._lock:
            if image_id not in self.stored:
                raise EngineError(f"cannot name {image_id.short}: no such image")
            for reference in references:
                self._name(image_id, reference)

    def inscriptions(self, reference: Reference) -> tuple[Inscription, ...]:
        """The labels that an image was put there with, and its history."""
        self._called("inscriptions", reference)
        with self._lock:
            image_id = self._find(reference)
            if image_id is None:
                raise EngineError(f"cannot look into {reference}: no such image")
            return self.stored[image_id].inscriptions

    def push(self, reference: Reference, listener: Listener) -> None:
        """Hand the image to ``upload``."""
        cancelled = threading.Event()
        with self._lock:
            self._under_way.add(cancelled)
        try:
            self._called("push", reference)
            self._push(reference, listener, cancelled)
        finally:
            with self._lock:
                self._under_way.discard(cancelled)

    def cancel(self) -> None:
        """Stop the pushes under way."""
        with self._lock:
            for event in self._under_way:
                event.set()

    def _push(self, reference: Reference, listener: Listener, cancelled: threading.Event) -> None:
        with self._lock:
            image_id = self._find(reference)
        if image_id is None:
            raise EngineError(f"the engine has no image called {reference}")
        listener.on(StepProgress(key="", image="", activity="pushed 0.0 MB of 1.0 MB"))
        while not self.gate.wait(0.01):
            if cancelled.is_set():
                raise EngineError(f"the push of {reference} was stopped")
        self._upload(reference, image_id, self.stored[image_id].labels)
        with self._lock:
            self.pushed.append(reference)

    def _called(self, method: str, subject: object = "") -> None:
        call = Call(method, str(subject))
        with self._lock:
            self.calls.append(call)
            waiting = self._failures.get(call) or self._failures.get(Call(method))
            if waiting:
                raise waiting.popleft()

    def _find(self, reference: Reference) -> Digest | None:
        wanted = _tagged(reference)
        return next((i for i, image in self.stored.items() if wanted in image.references), None)

    def _name(self, image_id: Digest, reference: Reference) -> None:
        wanted = _tagged(reference)
        for other, image in self.stored.items():
            self.stored[other] = replace(image, references=image.references - {wanted})
        image = self.stored[image_id]
        self.stored[image_id] = replace(image, references=image.references | {wanted})


def _tagged(reference: Reference) -> Reference:
    return reference if reference.tag or reference.digest else reference.with_tag("latest")
