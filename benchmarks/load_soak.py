"""A soak: four releases at a time, faults in 30 % of requests, kills, a registry that restarts."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load_place import Counted, Work, folder, registries
from benchmarks.load_results import Figure
from benchmarks.place import ROOT, environment
from releaser.core.facts import FINGERPRINT_LABEL
from releaser.core.fingerprint import tag_of
from tests.fakes.registry import image
from tests.faults.actions import after, answer, at_times, close, halve, reset
from tests.faults.direct import Direct
from tests.faults.proxy import Proxy, start_proxy

RELEASES = 4
SHARE = 0.3
NOISE = (
    answer(500), answer(503), answer(429), reset, close, after(reset), after(answer(500)), halve,
)  # fmt: skip
NOISY = "/manifests/|/tags/"
GARBAGE_SECONDS = 60.0
TAGS = ("{{version}}", "{{major}}.{{minor}}", "{{major}}", "latest")


@dataclass
class Soak:
    """What a soak has seen so far: how runs ended, and what was wrong."""

    store: Counted
    proxy: Proxy
    work: Work
    chance: random.Random
    codes: Counter[int] = field(default_factory=Counter)
    killed: int = 0
    wrong: list[str] = field(default_factory=list)
    number: int = 0
    restarted: float = field(default_factory=time.monotonic)

    def round(self) -> None:
        """Four releases of new versions at once, some killed; then each again, undisturbed."""
        versions = [f"1.{self.number}.{n}" for n in range(RELEASES)]
        self.number += 1
        places = [self._prepare(version) for version in versions]
        noise = at_times(SHARE, self.number, *NOISE)
        self.proxy.rule(".*", NOISY, noise, times=None)
        started = [self._start(*one) for one in zip(places, versions, strict=True)]
        for process in started:
            if self.chance.random() < 0.3:
                time.sleep(self.chance.uniform(0.2, 2.0))
                self._kill(process)
        if time.monotonic() - self.restarted > GARBAGE_SECONDS:
            self._restart()
        for process, place, version in zip(started, places, versions, strict=True):
            self._ended(process, place, version)
        self.proxy.calm()
        self._settle(places, versions)

    def _prepare(self, version: str) -> Path:
        """A checkout of a version, whose content is in the registry under its fingerprint."""
        home = self.work.home.parent / version
        Work(home, self.work.targets, tags=TAGS, settings=self.work.settings).write()
        planned = self._run(home, "plan", "--version", version, "--format", "json")
        fingerprint = json.loads(planned.stdout)["images"][0]["fingerprint"]
        content = image(version, labels={FINGERPRINT_LABEL: fingerprint})
        Direct(self.store.host).write("load/app", tag_of(fingerprint), content)
        return home

    def _start(self, home: Path, version: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            _command("release", "--push", "--version", version, "--report", "report.json"),
            cwd=home, env=self._environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _restart(self) -> None:
        """The registry ends under its clients, its garbage is collected, and it comes back."""
        self.restarted = time.monotonic()
        self.store.process.end()
        self.store.process.collect_garbage()
        self.store.process.start()
        self.proxy.upstream = self.store.host

    def _kill(self, process: subprocess.Popen[str]) -> None:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
            self.killed += 1

    def _ended(self, process: subprocess.Popen[str], home: Path, version: str) -> None:
        code = process.wait(600)
        self.codes[code] += 1
        if code == 0 and not self._names_own(home, version):
            self.wrong.append(f"{version} ended in 0 and is not there")

    def _names_own(self, home: Path, version: str) -> bool:
        """Whether the version's own tag is there, and the report has it."""
        report = json.loads((home / "report.json").read_text())
        told = [one["reference"] for image in report["images"] for one in image["references"]]
        there = Direct(self.store.host).digest("load/app", version)
        return there is not None and any(one.endswith(f":{version}") for one in told)

    def _settle(self, places: list[Path], versions: list[str]) -> None:
        """Release again without faults: all of it must be right then, ``latest`` the highest."""
        for home, version in zip(places, versions, strict=True):
            done = self._run(home, "release", "--push", "--version", version)
            if done.returncode:
                self.wrong.append(f"{version} again: {done.returncode}: {done.stderr[-500:]}")
        direct = Direct(self.store.host)
        found, highest = (direct.digest("load/app", tag) for tag in ("latest", versions[-1]))
        if found != highest or found is None:
            self.wrong.append(f"latest is {found}, and {versions[-1]} is {highest}")

    def _run(self, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            _command(*arguments),
            cwd=home, env=self._environment(), capture_output=True, text=True, check=False,
            timeout=600,
        )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        nowhere = "unix:///nowhere/docker.sock"
        return {**self.work.settings, "DOCKER_HOST": nowhere, "PYTHONPATH": str(ROOT)}


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.faults.program", *arguments]


def soak(minutes: float, seed: int = 7) -> Iterator[Figure]:
    """Round after round for so many minutes; the registry restarts once in each."""
    load = f"{minutes:g} minutes of {RELEASES} releases at once, 30 % faults, kills"
    with registries(1) as found, start_proxy(found[0].host) as proxy, folder() as place:
        work = Work(place / "project", {"r": f"{proxy.host}/load"}, settings=environment())
        chance = random.Random(seed)  # noqa: S311 - the same in every run
        seen = Soak(found[0], proxy, work, chance)
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            seen.round()
        yield Figure(load, "releases", sum(seen.codes.values()), "")
        yield Figure(load, "of these killed", seen.killed, "")
        for code, count in sorted(seen.codes.items()):
            yield Figure(load, f"ended with {code}", count, "")
        for line in seen.wrong:
            sys.stderr.write(f"soak: {line}\n")
        yield Figure(load, "wrong ends", len(seen.wrong), "", most=0)
