"""Where loads are measured: registries that count what they are asked, and the program watched."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.place import environment
from tests.registry_process import RegistryProcess

RELEASER = str(Path(sys.executable).with_name("releaser"))
WRITES = frozenset({"PUT", "POST", "PATCH", "DELETE"})
VERSION = "1.0.0"
LIMIT_SECONDS = 900.0
_LINE = re.compile(r'"([A-Z]+) (\S+) HTTP/[0-9.]+" (\d{3}) \d+ "[^"]*" "([^"]*)"')


@dataclass(frozen=True)
class Asked:
    """A request, as the registry's own log has it."""

    method: str
    path: str
    status: int
    agent: str

    @property
    def tag(self) -> str:
        """The tag or the digest of the manifest that it is about; empty for anything else."""
        return self.path.partition("/manifests/")[2].partition("?")[0]

    @property
    def by_us(self) -> bool:
        """Whether releaser sent it, and not the engine."""
        return self.agent.startswith("releaser/")


@dataclass
class Counted:
    """A registry of its own, and what it has been asked since the last look."""

    process: RegistryProcess
    log: Path
    read: int = 0

    @property
    def host(self) -> str:
        """Where it answers."""
        return self.process.host

    def asked(self) -> list[Asked]:
        """The requests since the last call, in the order in which they were answered."""
        with self.log.open("rb") as file:
            file.seek(self.read)
            said = file.read()
        self.read += len(said)
        found = (_LINE.search(line) for line in said.decode(errors="replace").splitlines())
        return [Asked(m[1], m[2], int(m[3]), m[4]) for m in found if m]


@contextmanager
def registries(count: int) -> Iterator[list[Counted]]:
    """So many registries, each with a log of its requests; they end with the context."""
    with folder() as place, ExitStack() as stack:
        found = []
        for number in range(count):
            home = place / f"registry-{number}"
            process = RegistryProcess(home)
            process.start()
            stack.callback(process.end)
            found.append(Counted(process, home / "log"))
        for one in found:
            one.asked()
        yield found


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="load-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True)
class Ran:
    """How a run of releaser ended: ``memory`` are the MB that releaser alone had, at most, and
    ``cpu`` the seconds of processor that it alone took."""

    code: int
    seconds: float
    memory: float
    cpu: float
    said: str

    def must(self, code: int = 0) -> Ran:
        """Itself, where it ended as it should.

        Raises:
            RuntimeError: it did not.
        """
        if self.code != code:
            raise RuntimeError(f"exit {self.code} instead of {code}: {self.said[-2000:]}")
        return self


@dataclass
class Work:
    """A project in ``home``: images ``FROM scratch`` with one file each.

    ``targets`` are prefixes by name; everything in it is new, so that no cache knows it.
    """

    home: Path
    targets: Mapping[str, str]
    images: Sequence[str] = ("app",)
    tags: Sequence[str] = ("{{version}}",)
    size: int = 0
    settings: Mapping[str, str] = field(default_factory=environment)
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def prefix(self) -> str:
        """The label's value by which the engine knows what was built of it."""
        return f"load={self.nonce}"

    def write(self) -> None:
        """Write its files: ``size`` random bytes for each image, or a line of text."""
        tags = ", ".join(f'"{tag}"' for tag in self.tags)
        targets = ", ".join(f"{name}: {prefix}" for name, prefix in self.targets.items())
        lines = "".join(f"  {name}: {{context: {name}}}\n" for name in self.images)
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "images.yaml").write_text(
            f"version: 1\nproject: load\nregistries: {{{targets}}}\n"
            f"defaults: {{tags: [{tags}]}}\nimages:\n{lines}"
        )
        for name in self.images:
            context = self.home / name
            context.mkdir(exist_ok=True)
            label = f"LABEL load={self.nonce}"
            (context / "Dockerfile").write_text(f"FROM scratch\n{label}\nCOPY data /data\n")
            text = f"{name} {self.nonce}\n".encode()
            (context / "data").write_bytes(os.urandom(self.size) if self.size else text)

    def release(self, *more: str) -> Ran:
        """Release it."""
        return self.run("release", "--push", "--version", VERSION, *more)

    def run(self, *arguments: str, **settings: str) -> Ran:
        """Run a command, watched."""
        return run([RELEASER, *arguments], self.home, {**self.settings, **settings})

    def forget(self) -> None:
        """Remove what the engine keeps of it."""
        listed = self._docker("image", "ls", "--all", "--quiet", "--filter", f"label={self.prefix}")
        found = list(dict.fromkeys(listed.split()))
        for start in range(0, len(found), 50):
            self._docker("image", "rm", "--force", *found[start : start + 50])

    def _docker(self, *arguments: str) -> str:
        return subprocess.run(
            ["docker", *arguments],
            env=dict(self.settings), capture_output=True, text=True, check=False, timeout=300,
        ).stdout  # fmt: skip


@contextmanager
def project(
    targets: Mapping[str, str],
    images: Sequence[str] = ("app",),
    tags: Sequence[str] = ("{{version}}",),
    size: int = 0,
) -> Iterator[Work]:
    """A :class:`Work`, written; the engine keeps nothing of it."""
    with folder() as home:
        made = Work(home / "project", targets, images, tags, size)
        made.write()
        try:
            yield made
        finally:
            made.forget()


def names(count: int) -> list[str]:
    """The names of so many images."""
    return [f"image-{number:03}" for number in range(count)]


def methods(asked: Sequence[Asked]) -> Counter[str]:
    """How often each method was used."""
    return Counter(one.method for one in asked)


def writes(asked: Sequence[Asked]) -> int:
    """How many requests would change something, or begin to."""
    return sum(one.method in WRITES for one in asked)


def run(argv: Sequence[str], where: Path, settings: Mapping[str, str]) -> Ran:
    """Run a program and watch its memory; what it says goes to a file, as in a CI's log."""
    with tempfile.TemporaryFile() as said:
        begin = time.monotonic()
        child = subprocess.Popen(
            argv, cwd=where, env=dict(settings), stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        seen = _Seen()
        watcher = threading.Thread(target=_watch, args=(child, seen), daemon=True)
        watcher.start()
        try:
            code = child.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
        seconds = time.monotonic() - begin
        watcher.join()
        said.seek(0)
        return Ran(code, seconds, seen.memory, seen.cpu, said.read().decode(errors="replace"))


@dataclass
class _Seen:
    memory: float = 0.0
    cpu: float = 0.0


def _watch(child: subprocess.Popen[bytes], seen: _Seen) -> None:
    """What a process has used so far, again and again: its own, without what it starts."""
    place = Path(f"/proc/{child.pid}")
    tick = os.sysconf("SC_CLK_TCK")
    while child.poll() is None:
        try:
            found = re.search(r"VmHWM:\s+(\d+) kB", (place / "status").read_text())
            times = (place / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return
        if found:
            seen.memory = max(seen.memory, int(found[1]) / 1024)
            seen.cpu = max(seen.cpu, (int(times[11]) + int(times[12])) / tick)
        time.sleep(0.02)
