"""Somebody else releases at the same time, or between a plan and what is made of it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.fakes.registry import Image, image
from tests.faults.actions import first, manifests
from tests.faults.exchange import Exchange
from tests.faults.outcome import OK, REFUSED, Judge
from tests.faults.project import Ended, Project


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
