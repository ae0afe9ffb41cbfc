"""Keeps account of a solve: which image each vertex belongs to, what it printed, how it ended.

Pure: records in, progress events out. bake prefixes the name of a vertex with its target where a
batch has several (``[api-1 build 2/5] RUN make``) and not where there is one. An image that is
linked to another one names all of *its* vertexes too: such a vertex belongs to the image furthest
upstream. Images that share a vertex without being linked both have it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from releaser.core.events import StepProgress
from releaser.core.harmless import harmless
from releaser.core.steps import BuildStep
from releaser.engines.output_lines import Hide, OutputLines
from releaser.engines.rawjson import Log, Plain, Record, Status, Vertex, clean

OUTPUT_LINES = 40
"""How many of the last lines that a vertex printed are kept for an error."""

_PLAIN_LINES = 1000
_NAME = re.compile(r"\[([^\]]*)\] (.*)", re.DOTALL)
_NUMBERED = re.compile(r"(?:.* )?\d+/\d+")
# A line that ends so was stopped from outside; the texts come from Go's context and from gRPC.
_CANCELLED = re.compile(r"context canceled$|code = Canceled(?: desc = .*)?$", re.DOTALL)
# The digest under which the engine knows the result: of the index, the manifest, or, in the
# classic store, the configuration. An index is exported after its manifests.
_EXPORTED = re.compile(r"(?:exporting manifest(?: list)?|writing image) (sha256:[0-9a-f]{64})")


@dataclass(slots=True)
class Part:
    """A vertex as far as it is known; ``names`` has what each image calls it."""

    digest: str
    names: dict[str, str] = field(default_factory=dict)
    instruction: bool = False
    announced: set[str] = field(default_factory=set)
    completed: bool = False
    cached: bool = False
    error: str = ""
    exported: str | None = None
    began: float | None = None
    ended: float | None = None
    output: deque[str] = field(default_factory=lambda: deque(maxlen=OUTPUT_LINES))
    pending: dict[int, OutputLines] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The instruction, or whatever the vertex does."""
        return next(iter(self.names.values()), "")

    @property
    def failed(self) -> bool:
        """Whether it failed by itself: not stopped from outside, and no cache that is missing."""
        cache = self.text.startswith("importing cache manifest")
        return bool(self.error) and not cache and not cancelled(self.error)


def cancelled(error: str) -> bool:
    """Whether an error says only that somebody else stopped the work."""
    return _CANCELLED.search(error.strip()) is not None


class Solve:
    """One run of bake, as its progress tells it. ``hide`` takes secrets out of text."""

    def __init__(
        self,
        batch: Sequence[BuildStep],
        targets: Mapping[str, str],
        hide: Hide = str,
    ) -> None:
        self._images = {target: image for image, target in targets.items()}
        self._single = batch[0].image if len(batch) == 1 else None
        self._upstreams = upstreams(batch)
        self._hide = hide
        self._parts: dict[str, Part] = {}
        self._plain: deque[str] = deque(maxlen=_PLAIN_LINES)

    def take(self, record: Record) -> Iterator[StepProgress]:
        """Take notice of ``record``; what the images' listeners want to know of it."""
        match record:
            case Vertex():
                yield from self._vertex(record)
            case Log():
                yield from self._log(record)
            case Status():
                self._status(record)
            case Plain(text):
                self._plain.append(self._hide(clean(text)))

    @property
    def plain(self) -> tuple[str, ...]:
        """The last lines that were no progress."""
        return tuple(self._plain)

    def failures(self, image: str) -> list[Part]:
        """The vertexes of ``image`` that failed by themselves."""
        return [part for part in self._of(image) if part.failed]

    def lost_caches(self) -> dict[str, str]:
        """Why caches could not be written, by image; the build goes on without them."""
        parts = [p for p in self._parts.values() if p.text.startswith("exporting cache")]
        return {image: p.error for p in parts if p.error for image in self._owners(p)}

    def instructions(self, image: str) -> list[Part]:
        """The instructions of ``image`` that are done, without its FROMs."""
        return [p for p in self._of(image) if p.instruction and p.completed and not p.error]

    def seconds(self, image: str) -> float | None:
        """From the beginning of the first vertex of ``image`` to the end of the last."""
        times = [(p.began, p.ended) for p in self._of(image)]
        begun = [began for began, _ in times if began is not None]
        ended = [end for _, end in times if end is not None]
        return max(max(ended) - min(begun), 0.0) if begun and ended else None

    def exported(self, image: str) -> str | None:
        """The digest that the engine's store has for ``image``, where its export has ended."""
        done = [p.exported for p in self._of(image) if p.completed and not p.error and p.exported]
        return done[0] if len(done) == 1 else None

    def upstreams(self, image: str) -> frozenset[str]:
        """The images of the batch that ``image`` stands on, near and far."""
        return self._upstreams[image]

    def _of(self, image: str) -> list[Part]:
        return [part for part in self._parts.values() if image in self._owners(part)]

    def _owners(self, part: Part) -> list[str]:
        """The images that a vertex belongs to: those without an upstream that has it as well."""
        return [i for i in part.names if self._upstreams[i].isdisjoint(part.names)]

    def _vertex(self, vertex: Vertex) -> Iterator[StepProgress]:
        image, place, text = self._placed(vertex.name)
        if image is None:
            return
        part = self._parts.setdefault(vertex.digest, Part(vertex.digest))
        part.names[image] = text
        part.instruction = bool(_NUMBERED.fullmatch(place)) and not text.startswith("FROM ")
        part.completed |= vertex.completed
        part.cached |= vertex.cached
        part.began, part.ended = vertex.began or part.began, vertex.ended or part.ended
        if not part.error or cancelled(part.error):  # another image may only hear of the end
            part.error = self._hide(harmless(vertex.error)) or part.error
        if vertex.completed:
            yield from self._flush(part)
        if vertex.started and _worth_telling(place, text):
            yield from self._announce(part)

    def _placed(self, name: str) -> tuple[str | None, str, str]:
        """The image, the place in it (``build 2/5``, ``internal``) and the text of a vertex."""
        match = _NAME.fullmatch(name)
        place, text = (match[1], match[2]) if match else ("", name)
        text = self._hide(clean(" ".join(text.split())))
        if self._single is not None:
            return self._single, place, text
        target, _, place = place.partition(" ")
        return self._images.get(target), place, text

    def _announce(self, part: Part) -> Iterator[StepProgress]:
        for image in self._owners(part):
            if image not in part.announced:
                part.announced.add(image)
                yield StepProgress(
                    f"build:{image}", image, activity=part.names[image], cached=part.cached
                )

    def _log(self, log: Log) -> Iterator[StepProgress]:
        part = self._parts.get(log.vertex)
        if part is not None:
            lines = part.pending.setdefault(log.stream, OutputLines(self._hide))
            yield from self._print(part, lines.feed(log.data))

    def _flush(self, part: Part) -> Iterator[StepProgress]:
        for lines in part.pending.values():
            yield from self._print(part, lines.end())

    def _print(self, part: Part, lines: Sequence[str]) -> Iterator[StepProgress]:
        part.output.extend(lines)
        owners = [(f"build:{image}", image) for image in self._owners(part)]
        for line in lines:
            for key, image in owners:
                yield StepProgress(key, image, line=line)

    def _status(self, status: Status) -> None:
        part = self._parts.get(status.vertex)
        match = _EXPORTED.fullmatch(status.id)
        if part is not None and match and part.text == "exporting to image":
            part.exported = match[1]


def upstreams(batch: Sequence[BuildStep]) -> dict[str, frozenset[str]]:
    """For each image of ``batch`` those of the batch that it stands on, near and far."""
    known: dict[str, frozenset[str]] = {}
    for step in batch:
        near = [link.image for link in step.links if link.image in known]
        known[step.image] = frozenset(near).union(*(known[image] for image in near))
    return known


def _worth_telling(place: str, text: str) -> bool:
    phases = ("load metadata for ", "resolve image config for ", "exporting to ")
    return _NUMBERED.fullmatch(place) is not None or text.startswith(phases)
