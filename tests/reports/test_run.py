"""What a run came to, in every ending: as JSON for machines, as text and Markdown for people.

Every case is a file of each kind in golden/reports. Times are set and digests are numbered, so that
they change with what is reported and with nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from releaser.core.events import Outcome, RunResult
from releaser.core.plan import Mode
from releaser.errors import (
    EngineError,
    InterruptedRunError,
    Location,
    RegistryError,
    ReleaserError,
    SpecError,
    UnknownError,
)
from releaser.executor import Limits, Stop
from releaser.pipeline import Allowed, outcome_error, refuse
from releaser.reports.markdown import plan_markdown, run_markdown
from releaser.reports.run import Run, as_json
from releaser.reports.text import plan_text, run_text
from tests.world import World

GOLDEN = Path(__file__).parents[1] / "golden" / "reports"
SPEC = """\
version: 1
project: shop
registries: {ghcr: ghcr.io/acme/shop, hub: docker.io/acme}
defaults: {tags: ["{{version}}", latest]}
images:
  base: {context: base, push_to: [ghcr]}
  api: {context: api}
  tool: {context: tool, push_to: []}
"""
FILES = {
    "base/Dockerfile": "FROM busybox:latest\nCOPY f /\n",
    "base/f": "base",
    "api/Dockerfile": "FROM base\nCOPY f /\n",
    "api/f": "api",
    "tool/Dockerfile": "FROM busybox:latest\nCOPY f /\n",
    "tool/f": "tool",
}
Golden = Callable[[Path, str], None]
ONE = Limits(jobs=1, transfers={"ghcr": 1, "hub": 1})


def world() -> World:
    return World(SPEC, FILES)


def ran(made: World, command: str = "release", *, pushed: bool = True, **fields: object) -> Run:
    """A run of this world as it is reported, with times that stay the same."""
    limits = fields.pop("limits", ONE)
    stop = fields.pop("stop", None)
    plan = made.plan(**fields)
    shown = plan if pushed or plan.mode is Mode.LOCAL else plan.without_push()
    prepared = made.prepare(**fields)
    result = made.carry_out(prepared, shown, limits, stop)  # type: ignore[arg-type]
    return Run(command, pushed, plan, timed(result), result.error, 12.3456)


def timed(result: RunResult) -> RunResult:
    """The same with each step half a second after the last, for as long as it was begun at all."""
    return RunResult(
        {
            key: replace(record, started=n / 2, seconds=0.25 if record.seconds else 0.0)
            for n, (key, record) in enumerate(result.records.items())
        },
        result.error,
        result.undone,
    )


def released() -> Run:
    return ran(world())


def again() -> Run:
    made = world()
    made.release()
    return ran(made)


def moved() -> Run:
    made = world()
    made.release()
    made.files["/project/api/f"] = "changed"
    return ran(made, version="1.5.0")


def unpushed() -> Run:
    return ran(world(), pushed=False)


def built() -> Run:
    return ran(world(), "build", pushed=False, mode=Mode.LOCAL)


def pushed() -> Run:
    made = world()
    made.build()
    made.engine.stored = {
        image_id: replace(
            image,
            references=frozenset(
                sorted((r for r in image.references if "fp-" in str(r)), key=str)[:1]
            ),
        )
        for image_id, image in made.engine.stored.items()
    }
    return ran(made)


def copied() -> Run:
    made = world()
    made.spec = SPEC.replace(", hub: docker.io/acme", "")
    made.release()
    made.spec = SPEC
    made.engine.stored.clear()
    return ran(made)


def failed() -> Run:
    made = world()
    made.builder.failures = {
        "base": EngineError(
            "RUN make failed with exit code 2",
            at=Location("base/Dockerfile", 2),
            details=[("instruction", "RUN make")],
            output=["cc: error", "\x1b[31mmake: *** [all] Error 2"],
        )
    }
    return ran(made, limits=replace(ONE, keep_going=True))


def refused() -> Run:
    made = world()
    made.release()
    made.files["/project/base/f"] = "changed"
    prepared = made.prepare()
    with pytest.raises(ReleaserError) as caught:
        refuse(prepared, Allowed(push=True))
    return Run("release", True, prepared.plan, None, caught.value, 1.0)


def partial() -> Run:
    made = world()
    error = RegistryError("the registry is full", status=507)
    made.registry.fail("put", "docker.io/acme/api:latest", error)
    return ran(made)


def unknown() -> Run:
    made = world()
    plan = made.plan()
    result = made.release(limits=ONE)
    (first, *rest) = [key for key in result.records if key.startswith("tag:")]
    lost = UnknownError("it is unknown whether ghcr.io/acme/shop/base:1.4.2 was written")
    records = dict(result.records)
    bare = {key: replace(records[key], digest=None, write=None) for key in (first, *rest)}
    records[first] = replace(bare[first], outcome=Outcome.FAILED, error=lost)
    records |= {
        key: replace(bare[key], outcome=Outcome.BLOCKED, blocked_by=first, seconds=0)
        for key in rest
    }
    outcome = outcome_error(plan, RunResult(records, lost))
    return Run("release", True, plan, timed(RunResult(records, outcome)), outcome, 12.0)


def interrupted() -> Run:
    made = world()
    stop = Stop()
    stop.set(15)
    return ran(made, stop=stop)


def wrong_file() -> Run:
    first = SpecError(
        'unknown field "taggs"', at=Location("images.yaml", 3, 5), hint='did you mean "tags"?'
    )
    other = SpecError("no image is declared", at=Location("images.yaml", 9))
    return Run("release", True, error=SpecError.together([first, other]), seconds=0.04)


CASES: dict[str, tuple[Callable[[], Run], str, int]] = {
    "released": (released, "released", 0),
    "again": (again, "nothing-to-do", 0),
    "moved": (moved, "released", 0),
    "unpushed": (unpushed, "built", 0),
    "built": (built, "built", 0),
    "pushed": (pushed, "released", 0),
    "copied": (copied, "released", 0),
    "failed": (failed, "failed", 1),
    "refused": (refused, "refused", 3),
    "partial": (partial, "partial", 5),
    "unknown": (unknown, "unknown", 6),
    "interrupted": (interrupted, "interrupted", 143),
    "wrong-file": (wrong_file, "failed", 2),
}


def numbered(text: str) -> str:
    """``text`` with each digest and fingerprint tag replaced by its number in order."""
    known: dict[str, str] = {}
    for full in re.findall(r"sha256:([0-9a-f]{64})", text):
        known.setdefault(full, f"{len(known) + 1:04x}" * 16)
    for full, number in known.items():
        text = text.replace(full, number).replace(full[:16], number[:16])
        text = text.replace(full[:12], number[:12])
    # What is only shown short has no full digest to be known by.
    for short in dict.fromkeys(re.findall(r"sha256:([0-9a-f]{12})\b|fp-([0-9a-f]{16})", text)):
        found = short[0] or short[1]
        if not re.fullmatch(r"([0-9a-f]{4})\1*", found):
            known[found] = f"{len(known) + 1:04x}" * 4
            text = text.replace(found, known[found][: len(found)])
    return text


@pytest.mark.parametrize("case", CASES)
def test_endings(case: str, golden: Golden) -> None:
    make, outcome, code = CASES[case]
    run = make()
    assert (run.outcome, run.exit_code) == (outcome, code)
    golden(GOLDEN / f"{case}.json", numbered(json.dumps(as_json(run), indent=2) + "\n"))
    golden(GOLDEN / f"{case}.txt", numbered(run_text(run)))
    golden(GOLDEN / f"{case}.md", numbered(run_markdown(run)))


@pytest.mark.parametrize("case", ["released", "moved", "again", "refused"])
def test_plans(case: str, golden: Golden) -> None:
    plan = CASES[case][0]().plan
    assert plan is not None
    golden(GOLDEN / f"{case}.plan.txt", numbered(plan_text(plan)))
    golden(GOLDEN / f"{case}.plan.md", numbered(plan_markdown(plan)))


def test_a_line_that_stays_where_it_is_says_why(golden: Golden) -> None:
    made = world()
    made.release(version="2.0.0")
    made.files["/project/api/f"] = "a backport"
    plan = made.plan(version="1.9.1")
    golden(GOLDEN / "backport.plan.txt", numbered(plan_text(plan)))
    assert "stays at" in plan_text(plan)
    assert "2.0.0 is newer" in plan_text(plan)


@pytest.mark.parametrize("case", CASES)
def test_the_report_has_what_it_promises(case: str) -> None:
    report = json.loads(json.dumps(as_json(CASES[case][0]())))
    assert report["schema"] == 1
    assert set(report) == {
        "schema", "command", "project", "version", "pushed", "outcome", "exit_code", "error",
        "seconds", "images", "concerns",
    }  # fmt: skip
    for image in report["images"]:
        assert {
            "name", "needs", "action", "reason", "outcome", "fingerprint", "platforms", "digest",
            "digests", "references", "gates", "steps",
        } == set(image)  # fmt: skip
        for reference in image["references"]:
            assert {"reference", "kind", "action", "written", "before", "digest"} <= set(reference)
            assert reference["outcome"] in {"done", "failed"} or not reference["written"]
            if reference["written"] and report["pushed"]:
                assert reference["digest"]
                assert reference["digest"] != reference["before"]
        for step in image["steps"]:
            assert {"step", "outcome", "started", "seconds"} <= set(step)


def test_written_references_have_the_digest_of_their_registry() -> None:
    report = json.loads(json.dumps(as_json(moved())))
    (api,) = [image for image in report["images"] if image["name"] == "api"]
    latest = {one["reference"]: one for one in api["references"] if "latest" in one["reference"]}
    assert set(latest) == {"ghcr.io/acme/shop/api:latest", "docker.io/acme/api:latest"}
    for one in latest.values():
        assert one["action"] == "move"
        assert one["digest"] == api["digests"][one["registry"]]
        assert one["before"] not in {None, one["digest"]}


def test_an_interruption_says_so_in_the_report() -> None:
    error = as_json(Run("build", False, error=InterruptedRunError(2)))["error"]
    assert error == {
        "kind": "interrupted",
        "message": "interrupted by SIGINT",
        "details": [],
        "hint": None,
        "others": [],
    }
