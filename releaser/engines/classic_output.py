"""What the engine's own builder says while it builds: progress, output, the result or the reason.

A build's output may hold any text. So ``Step 3/7`` counts only where the next step is due, and the
image's id is taken from ``aux`` records alone, which a command in the build cannot print.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from releaser.core.dockerfile import Instruction
from releaser.core.events import BuildFailed, BuildResult, Built, StepProgress
from releaser.core.oci import Digest
from releaser.core.steps import BuildStep
from releaser.engines.buildx_causes import hinted
from releaser.engines.buildx_where import Where
from releaser.engines.docker_errors import clean
from releaser.engines.docker_stream import Record, error_of
from releaser.engines.output_lines import Hide, OutputLines
from releaser.errors import EngineError, SpecError
from releaser.interfaces import Listener

OUTPUT_LINES = 40
_STEP = re.compile(r"Step (\d+)/(\d+) : (.*)", re.DOTALL)
_CACHED = " ---> Using cache"
_NOISE = re.compile(
    r"(?: ---> (?:Running in |Removed intermediate container )?[0-9a-f]{12}"
    r"|Removing intermediate container [0-9a-f]{12}|Successfully (?:built|tagged) \S+)"
)
_BUSY = frozenset(("RUN", "COPY", "ADD", "WORKDIR"))
_EXIT = re.compile(r"The command '.*' returned a non-zero code: (\d+)", re.DOTALL)
_LINE = re.compile(r"dockerfile parse error (?:on )?line (\d+): ")
_HINTS = (
    (re.compile(r"requires BuildKit", re.IGNORECASE), "install docker buildx"),
    (
        re.compile(r"file not found in build context|no source files were specified"),
        "check the path, and whether .dockerignore leaves it out",
    ),
    (
        re.compile(r"denied|unauthorized|insufficient_scope|authorization failed"),
        "check the name of the base image, or log in to its registry with docker login",
    ),
    (
        re.compile(r"manifest unknown|manifest for \S+ not found|failed to resolve reference"),
        "check the name and the tag that the Dockerfile gives its base image",
    ),
)
_KILLED = "137 is SIGKILL: most often memory ran out; give the engine more, or build less at once"


@dataclass
class _Step:
    """The step under way: its number (0: none yet), its text, whether it has been announced."""

    number: int = 0
    text: str = ""
    announced: bool = True


@dataclass
class BuildStream:
    """Reads the records of one build; ``instructions`` are those of the Dockerfile as sent.

    ``hide`` takes secrets out of text.
    """

    step: BuildStep
    instructions: Sequence[Instruction]
    listener: Listener
    hide: Hide = str
    output: deque[str] = field(default_factory=lambda: deque(maxlen=OUTPUT_LINES))
    _at: _Step = field(default_factory=_Step)
    _lines: OutputLines = field(init=False)
    _total: int = 0
    _image: str | None = None
    _busy: int = 0
    _cached: int = 0

    def __post_init__(self) -> None:
        self._lines = OutputLines(self.hide)

    def read(self, records: Iterable[Record]) -> BuildResult:
        """Read to the end, also behind a complaint, and say what became of the build."""
        complaint: str | None = None
        for record in records:
            complaint = complaint or error_of(record)
            self._take(record)
        self._pause()
        if complaint is not None:
            return self.failed(complaint)
        image_id = self._result()
        if image_id is None:
            return self.failed("the engine ended the build without a result")
        return Built(self.step.image, image_id, self._cached, self._busy)

    def _result(self) -> Digest | None:
        """The id of the image; every stage gives one, and only the last step's stage counts."""
        if not self._image or self._at.number != self._total:
            return None
        try:
            return Digest(self._image)
        except SpecError:
            return None

    def failed(self, complaint: str) -> BuildFailed:
        """The failure for what the engine complains of."""
        complaint = self.hide(complaint)
        code = _EXIT.fullmatch(complaint.strip())
        message = f"{_shortened(self._at.text, 200)} exited with {code[1]}" if code else complaint
        where = self._where(complaint)
        details = [("dockerfile", str(where))]
        if where.instruction:
            details.append(("instruction", _shortened(where.instruction, 400)))
        error = EngineError(
            f'build of "{self.step.image}" failed: {_shortened(message, 300)}',
            details=details,
            hint=self._hint(complaint, code[1] if code else ""),
            output=tuple(self.output),
        )
        return BuildFailed(self.step.image, error)

    def _where(self, complaint: str) -> Where:
        if parse := _LINE.match(complaint):
            return Where(self.step.dockerfile, "", int(parse[1]), int(parse[1]))
        if 0 < self._at.number <= len(self.instructions):
            found = self.instructions[self._at.number - 1]
            return Where(self.step.dockerfile, self._at.text, found.line, found.end_line)
        return Where(self.step.dockerfile, self._at.text)

    def _hint(self, complaint: str, code: str) -> str | None:
        if code == "137":
            return _KILLED
        own = (hint for pattern, hint in _HINTS if not code and pattern.search(complaint))
        return next(own, None) or hinted("\n".join((complaint, *self.output)))

    def _take(self, record: Record) -> None:
        aux, text, status = (record.get(key) for key in ("aux", "stream", "status"))
        if isinstance(aux, dict) and isinstance(aux.get("ID"), str):
            self._image = aux["ID"]
        elif isinstance(text, str):
            self._stream(text)
        elif isinstance(status, str) and status.startswith("Pulling from "):
            self._announce(f"pulling {clean(status.removeprefix('Pulling from '))}")

    def _stream(self, text: str) -> None:
        step = _STEP.fullmatch(text)
        if _NOISE.fullmatch(text.rstrip("\n")):
            self._pause()
        elif step and not text.endswith("\n") and self._is_next(int(step[1]), int(step[2])):
            self._begin(int(step[1]), step[3])
        elif not self._at.announced and text.startswith(_CACHED):
            self._announce_step(cached=True)
        elif self._at.announced or text != "\n":
            self._announce_step()
            self._print(self._lines.feed(text.encode("utf-8", "replace")))

    def _is_next(self, number: int, total: int) -> bool:
        self._total = self._total or total
        return number == self._at.number + 1 and total == self._total

    def _pause(self) -> None:
        """The engine itself speaks: what the step has printed so far is complete."""
        self._print(self._lines.end())
        self._announce_step()

    def _begin(self, number: int, text: str) -> None:
        self._pause()
        # The id so far is that of the stage before.
        self._image = None
        self._at = _Step(number, self.hide(" ".join(clean(text).split())), announced=False)

    def _announce_step(self, *, cached: bool = False) -> None:
        """The step is told when its first record shows whether the cache has it."""
        if self._at.announced:
            return
        self._at.announced = True
        if self._at.text.partition(" ")[0].upper() in _BUSY:
            self._busy += 1
            self._cached += cached
        self._announce(self._at.text, cached=cached)

    def _announce(self, activity: str, *, cached: bool = False) -> None:
        self.listener.on(
            StepProgress(self.step.key, self.step.image, activity=activity, cached=cached)
        )

    def _print(self, lines: Iterable[str]) -> None:
        for line in lines:
            if line:
                self.output.append(line)
                self.listener.on(StepProgress(self.step.key, self.step.image, line=line))


def _shortened(text: str, length: int) -> str:
    text = clean(text)
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
