"""Somebody else releases at the same time, or between a plan and what is made of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.fakes.registry import Image, image
from tests.faults.actions import first, manifests
from tests.faults.direct import Direct
from tests.faults.exchange import Exchange
from tests.faults.outcome import OK, REFUSED, Judge
from tests.faults.project import Ended, Project
from tests.faults.proxy import start_proxy


def publish(project: Project, content: Image, *tags: str) -> None:
    """Write tags as another release would."""
    for tag in tags:
        project.write_tag(tag, content)


def test_f38_a_newer_version_takes_latest_meanwhile(tagging: Judge) -> None:
    project = tagging.project
    newer = image("newer")
    tags = ("2.0.0", "2.0", "2", "latest")
    project.proxy.rule(
        "PUT", manifests("1.0.0"), first(lambda: publish(project, newer, *tags)), times=1
    )
    tagging.expect(OK, foreign=tags)
    assert project.digest("latest") == str(newer.digest)


def test_f39_latest_is_moved_back_after_our_write(tagging: Judge) -> None:
    project = tagging.project
    older = image("older")
    publish(project, older, "0.9.0")

    def moved_back(exchange: Exchange) -> None:
        reply = exchange.served()
        project.write_tag("latest", older)
        exchange.reply(reply)

    project.proxy.rule("GET", manifests("latest"), moved_back)
    ran = project.release()
    tagging.note(ran.code)
    assert ran.code == 0
    assert project.digest("latest") != str(older.digest)


def test_f40_another_release_takes_our_version_first(tagging: Judge) -> None:
    project = tagging.project
    fault = first(lambda: project.write_tag("1.0.0", image("other")))
    project.proxy.rule("HEAD", manifests("1.0.0"), fault, skip=1)
    tagging.expect(REFUSED, again=REFUSED, foreign={"1.0.0"})


def test_f41_an_older_release_writes_latest_last(tagging: Judge) -> None:
    """The one moment that no looking beforehand can see: between our look and our write."""
    project = tagging.project
    newer = image("newer")
    tags = ("1.1.0", "1.1", "1", "latest")
    fault = first(lambda: publish(project, newer, *tags))
    project.proxy.rule("PUT", manifests("latest"), fault)
    ran = project.release()
    tagging.note(ran.code)
    assert project.digest("latest") == str(newer.digest)


def test_f42_one_version_from_two_processes(tagging: Judge) -> None:
    project = tagging.project
    before = project.state()
    began = time.monotonic()
    processes = [project.start(), project.start()]
    ended = [project.end(process, began) for process in processes]
    assert {one.code for one in ended} <= {0, 3}, [one.err for one in ended]
    assert 0 in {one.code for one in ended}
    for one in ended:
        tagging.note(one.code)
        tagging.no_secret(one)
    assert project.digest("1.0.0") == str(project.seeded["app"].digest), before
    tagging.repeat()


@pytest.fixture
def other(tagging: Judge, registry: str) -> Iterator[Project]:
    """Somebody else's checkout, who releases to the same registry through a proxy of their own."""
    ours = tagging.project
    with start_proxy(registry) as proxy:
        proxy.clock = ours.pace.now
        direct = {**ours.direct, proxy.host: Direct(registry)}
        targets = {"r": f"{proxy.host}/{ours.name}"}
        folder = ours.folder.parent / "other" / "project"
        yield replace(ours, folder=folder, proxy=proxy, direct=direct, targets=targets, seeded={})


def checked_out(project: Project, version: str) -> str:
    """Let a checkout have a content that only ``version`` has; the digest of its image."""
    project.nonce = f"{project.name}-{version}"
    project.write()
    project.seed()
    return str(project.seeded["app"].digest)


@dataclass
class Round:
    """Two releases, each by a process and of a version of its own."""

    projects: tuple[Project, Project]
    versions: tuple[str, str]

    def run(self, first: int, pause: float) -> tuple[list[Ended], list[str]]:
        """Start one and, ``pause`` seconds later, the other; how they end, and their digests."""
        digests = [checked_out(*one) for one in zip(self.projects, self.versions, strict=True)]
        began, running = time.monotonic(), {}
        for number in (first, 1 - first):
            running[number] = self.projects[number].start(self.versions[number])
            time.sleep(pause)
        return [self.projects[n].end(running[n], began) for n in (0, 1)], digests

    @property
    def highest(self) -> int:
        """Whose version is higher."""
        numbers = [[int(part) for part in one.split(".")] for one in self.versions]
        return numbers.index(max(numbers))

    @property
    def is_mixed(self) -> bool:
        """Whether each of them had asked its registry before the other one was done."""
        logs = [one.proxy.asked() for one in self.projects]
        return max(log[0].at for log in logs) < min(log[-1].at for log in logs)


@pytest.mark.parametrize("rounds", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_two_processes_at_once(tagging: Judge, other: Project, rounds: int) -> None:
    """Who is higher, who is started first, and how soon the other one follows, all change."""
    one, mixed = tagging.project, 0
    for number in range(1, rounds + 1):
        versions = (f"{number}.1.0", f"{number}.{number % 3}.1")
        both = Round((one, other), versions)
        ended, digests = both.run(number % 2, 0.03 * (number % 5))
        assert [end.code for end in ended] == [0, 0], [end.err for end in ended]
        highest = digests[both.highest]
        wanted = {str(number): highest, "latest": highest}
        for at in (1 - both.highest, both.highest):
            wanted |= {versions[at]: digests[at], versions[at].rpartition(".")[0]: digests[at]}
        assert {tag: one.digest(tag) for tag in wanted} == wanted
        mixed += both.is_mixed
        for end in ended:
            tagging.no_secret(end)
    tagging.note(0)
    assert mixed >= rounds / 2, "the releases were hardly ever under way at once"


def saved(project: Project) -> Path:
    """A plan of version 1.0.0, saved."""
    path = project.folder.parent / "plan.json"
    ran = project.run("plan", "--version", "1.0.0", "-o", str(path))
    assert ran.code == 0, ran.text
    return path


def apply(project: Project, path: Path) -> Ended:
    return project.run("release", "--push", "--plan", str(path))


def test_f43_the_registry_changes_after_the_plan(tagging: Judge) -> None:
    project = tagging.project
    path = saved(project)
    publish(project, image("other"), "1.0.0")
    before = project.state()
    ran = apply(project, path)
    tagging.judge(ran, REFUSED, before)
    assert "1.0.0" in ran.err


@pytest.mark.parametrize("what", ["file", "spec", "plan"])
def test_f44_the_plan_is_of_something_else(tagging: Judge, what: str) -> None:
    project = tagging.project
    path = saved(project)
    if what == "file":
        (project.folder / "app" / "data").write_text("changed")
    elif what == "spec":
        spec = project.folder / "images.yaml"
        spec.write_text(spec.read_text().replace("project: ", "project: x"))
    else:
        document = json.loads(path.read_text())
        text = json.dumps(document).replace(":latest", ":newest")
        path.write_text(text)
    before = project.state()
    ran = apply(project, path)
    tagging.judge(ran, REFUSED | {2}, before)
