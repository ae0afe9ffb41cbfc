"""A release that is killed before or after any of its writes, and run again.

The journal has an entry on each side of every write to a registry: these are the points. The
program is killed by SIGKILL there, as a machine that is switched off.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from uuid import uuid4

import pytest

from tests.e2e.conftest import EngineUnderTest, Workspace, manifest, tags

Make = Callable[[EngineUnderTest], Workspace]
IMAGES = 10
CRASHING = """\
import os, signal, sys
from releaser import journal
from releaser.__main__ import main
left = int(sys.argv.pop(1))
def point(method):
    def called(self, *arguments):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return method(self, *arguments)
    return called
for name in ("begin", "end"):
    setattr(journal.FileJournal, name, point(getattr(journal.FileJournal, name)))
sys.exit(main())
"""


def project(made: Workspace) -> str:
    """Ten images that stand on one another, for two registries; where they go."""
    place = f"crash-{uuid4().hex[:12]}"
    spec = [
        "version: 1", "project: crash",
        f"registries: {{one: REGISTRY/{place}/one, two: REGISTRY/{place}/two}}",
        'defaults: {tags: ["{{version}}", "{{major}}", latest]}', "images:",
    ]  # fmt: skip
    files = {}
    for number in range(IMAGES):
        spec.append(f"  i{number}: {{context: i{number}}}")
        base = f"i{number - 1}" if number % 3 else "scratch"
        label = f"LABEL nonce={made.nonce}"
        files[f"i{number}/Dockerfile"] = f"FROM {base}\n{label}\nCOPY f /f{number}\n"
        files[f"i{number}/f"] = f"{place} {number}"
    made.write({"images.yaml": "\n".join(spec) + "\n", **files})
    made.commit("v1.0.0")
    return place


def held(made: Workspace, place: str) -> dict[str, str]:
    """The digest of every tag in every repository of the project."""
    repositories = [
        f"{made.registry}/{place}/{r}/i{n}" for r in ("one", "two") for n in range(IMAGES)
    ]
    return {
        f"{repository}:{tag}": manifest(f"{repository}:{tag}")[0]
        for repository in repositories
        for tag in tags(repository)
    }


def crashed(made: Workspace, point: int) -> int:
    """Release, killed at a point; the exit code."""
    done = subprocess.run(
        [sys.executable, "-c", CRASHING, str(point), "release", "--push"],
        cwd=made.folder, env=made.environment(), capture_output=True, check=False, timeout=300,
    )  # fmt: skip
    time.sleep(1)  # a registry ends what it was told before its client died
    return done.returncode


def check(made: Workspace, point: int) -> bool:
    """Whether the release was still under way at the point; all else is asserted."""
    place = project(made)
    code = crashed(made, point)
    before = held(made, place)
    assert code in {-signal.SIGKILL, 0}
    ran = made.run("release", "--push", report=True)
    assert ran.code == 0, ran.err
    after = held(made, place)
    for name, image in ran.images().items():
        uploaded = [f"{made.registry}/{place}/{r}/{name}:fp-" for r in ("one", "two")]
        if all(any(tag.startswith(one) for tag in before) for one in uploaded):
            assert image["action"] != "build", f"{name} was built again at point {point}"
    stays = {tag: digest for tag, digest in before.items() if ":1.0.0" in tag}
    assert {tag: after[tag] for tag in stays} == stays
    for name in (f"i{n}" for n in range(IMAGES)):
        for registry in ("one", "two"):
            found = {
                after[f"{made.registry}/{place}/{registry}/{name}:{t}"]
                for t in ("1.0.0", "1", "latest")
            }
            assert len(found) == 1
    assert made.run("plan", "--exit-code").code == 0
    return code != 0


@pytest.mark.parametrize("point", [1, 41, 90, 150])
def test_a_release_that_is_killed_is_finished_by_the_next(
    point: int, engine: EngineUnderTest, workspace: Make
) -> None:
    assert check(workspace(engine), point)


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(3))
def test_killed_at_every_third_point(shard: int, engine: EngineUnderTest, workspace: Make) -> None:
    points = 0
    while check(workspace(engine), 1 + 3 * (3 * points + shard)):
        points += 1
    assert points >= 20
