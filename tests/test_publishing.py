"""How a release ends between public tags: put back, confirmed, journaled, refused beforehand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from releaser.core.events import RunResult
from releaser.core.facts import EngineFacts
from releaser.core.oci import Manifest, Reference, Repository, Tag
from releaser.errors import (
    InterruptedRunError,
    PartialError,
    PlanError,
    RegistryError,
    SetupError,
    UnknownError,
)
from releaser.executor import Limits, Stop
from releaser.journal import FileJournal
from releaser.pipeline import Allowed, preflight, refuse, run
from releaser.reports.run import Run, as_json
from tests.fakes.registry import FakeRegistry
from tests.world import World

SPEC = """
version: 1
project: shop
registries: {main: main.example/x}
defaults: {tags: ["{{version}}", "{{major}}", latest]}
images:
  a: {context: a}
  b: {context: b}
"""
FILES = {f"{name}/Dockerfile": f"FROM scratch\nCOPY {name} /\n" for name in "ab"} | {
    "a/a": "1", "b/b": "1",
}  # fmt: skip
FULL = RegistryError("the registry is full", status=507)
A, B = "main.example/x/a", "main.example/x/b"


@pytest.fixture
def second() -> World:
    """A project of which 1.0.0 is out, and 1.1.0 is to be."""
    made = World(SPEC, FILES)
    assert made.release(version="1.0.0").error is None
    for name in "ab":
        made.files[f"/project/{name}/{name}"] = "2"
    return made


def run_with(made: World, *, rollback: bool = True, **more: object) -> RunResult:
    prepared = made.prepare(version="1.1.0")
    adapters = replace(made.adapters, **more)  # type: ignore[arg-type]
    builder = preflight(prepared, prepared.plan, adapters, Allowed(push=True))
    return run(
        prepared, prepared.plan, adapters, builder, made.heard, Limits(), rollback=rollback
    )  # fmt: skip


class Mute(FakeRegistry):
    """A registry that does not list the tags of a repository while its ``latest`` is new."""

    def __init__(self, inner: FakeRegistry, path: str) -> None:
        super().__init__()
        self.__dict__.update(inner.__dict__)
        self.path, self.is_mute = path, False

    def put(self, repository: Repository, tag: Tag, manifest: Manifest) -> None:
        super().put(repository, tag, manifest)
        self.is_mute |= f"{repository}:{tag}" == f"{self.path}:latest"

    def tags(self, repository: Repository) -> tuple[str, ...]:
        if self.is_mute and str(repository) == self.path:
            raise RegistryError("the registry would not list its tags", status=500)
        return super().tags(repository)


def test_a_tag_that_was_written_by_a_step_that_failed_is_told_as_written(second: World) -> None:
    second.registry = mute = Mute(second.registry, B)
    prepared = second.prepare(version="1.1.0")
    result = run_with(second, rollback=False)
    mute.is_mute = False
    assert isinstance(result.error, PartialError)
    assert ("not settled", f"{B}:latest") in result.error.details
    report = as_json(Run("release", True, prepared.plan, result))
    told = {
        one["reference"]: one["digest"] if one["written"] else one["before"]
        for image in report["images"]  # type: ignore[attr-defined]
        for one in image["references"]
    }
    now = second.public()
    assert {tag: now.get(tag) for tag in told} == told
    assert now[f"{B}:latest"] == now[f"{B}:1.1.0"]


# -- put back


def test_tags_that_a_failed_run_moved_are_put_back(second: World) -> None:
    before = second.public()
    second.registry.fail("put", f"{B}:latest", FULL)
    result = run_with(second)
    assert isinstance(result.error, PartialError)
    now = second.public()
    assert {tag for tag in now if now[tag] != before.get(tag)} == {f"{A}:1.1.0", f"{B}:1.1.0"}
    assert {str(one) for one in result.undone} == {f"{A}:latest", f"{A}:1", f"{B}:1"}
    details = dict(result.error.details)
    assert ("put back", f"{A}:latest") in result.error.details
    assert "written" in details
    second.registry.heal()
    assert second.release(version="1.1.0").error is None
    assert len(set(second.public().values())) == 4


def test_unless_told_not_to(second: World) -> None:
    second.registry.fail("put", f"{B}:latest", FULL)
    result = run_with(second, rollback=False)
    assert result.undone == ()
    moved = second.registry.named()
    assert moved[f"{A}:latest"] == moved[f"{A}:1.1.0"]


def test_what_cannot_be_put_back_is_said(second: World) -> None:
    made = World(SPEC, FILES)
    made.registry.fail("put", f"{B}:latest", FULL)
    result = made.release(version="1.1.0")
    assert isinstance(result.error, PartialError)
    left = [value for key, value in result.error.details if key == "not put back"]
    assert any(one.startswith(f"{A}:latest: ") for one in left)
    second.registry.fail("put", f"{B}:latest", FULL)
    lost = second.registry.tag_of(f"{A}:1.0.0")
    assert lost is not None
    repository = Reference.parse(A).repository
    del second.registry.repositories[repository].manifests[lost]
    result = run_with(second)
    assert result.error is not None
    left = [value for key, value in result.error.details if key == "not put back"]
    assert any(one.startswith(f"{A}:latest: ") for one in left)


def test_what_somebody_else_has_moved_since_is_left_alone(second: World) -> None:
    theirs: list[object] = []

    def fail_and_move(made: World) -> None:
        put = made.registry.put

        def failing(repository: object, tag: object, manifest: object) -> None:
            if f"{repository}:{tag}" == f"{B}:latest":
                theirs.append(made.registry.seed_image(f"{A}:latest", "theirs"))
                raise FULL
            put(repository, tag, manifest)  # type: ignore[arg-type]

        made.registry.put = failing  # type: ignore[method-assign]

    fail_and_move(second)
    result = run_with(second)
    assert second.registry.tag_of(f"{A}:latest") == theirs[0]
    assert result.error is not None
    left = [value for key, value in result.error.details if key == "not put back"]
    assert f"{A}:latest: somebody else has moved it since" in left


def test_nothing_public_has_changed_where_only_lines_were_moved_and_put_back(
    second: World,
) -> None:
    second.spec = SPEC.replace('"{{version}}", ', "")
    before = second.public()
    second.registry.fail("put", f"{B}:latest", FULL)
    result = run_with(second)
    assert second.public() == before
    assert result.error is not None
    assert result.error.code == 1


def test_an_interrupted_run_puts_nothing_back(second: World) -> None:
    stop = Stop()
    put = second.registry.put

    def interrupted(repository: object, tag: object, manifest: object) -> None:
        put(repository, tag, manifest)  # type: ignore[arg-type]
        if str(tag) == "1":
            stop.set(15)

    second.registry.put = interrupted  # type: ignore[method-assign]
    prepared = second.prepare(version="1.1.0")
    builder = preflight(prepared, prepared.plan, second.adapters, Allowed(push=True))
    adapters = second.adapters
    result = run(prepared, prepared.plan, adapters, builder, second.heard, Limits(), stop)
    assert isinstance(result.error, InterruptedRunError)
    assert result.error.code == 143
    assert ("written", f"{A}:1.1.0") in result.error.details
    assert result.undone == ()


# -- confirmed


def test_the_last_look_is_not_fooled(second: World) -> None:
    class Stale(FakeRegistry):
        """What another connection sees."""

    elsewhere = Stale()
    result = run_with(second, fresh_registry=lambda: elsewhere)
    assert isinstance(result.error, UnknownError)
    assert result.error.code == 6
    assert dict(result.error.details)[f"{A}:1.1.0"].startswith("is not there, and not sha256:")


def test_a_line_that_a_newer_release_has_moved_on_is_confirmed(second: World) -> None:
    def moved_on() -> FakeRegistry:
        second.registry.seed_image(f"{A}:latest", "newer")
        return second.registry

    assert run_with(second, fresh_registry=moved_on).error is None


# -- the journal


def test_every_write_is_noted_before_and_after(second: World, tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / ".releaser" / "journal.jsonl", clock=lambda: 0)
    journal.open("1.1.0")
    assert run_with(second, journal=journal).error is None
    journal.close("released")
    text = (tmp_path / ".releaser" / "journal.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [lines[0]["event"], lines[-1]["event"]] == ["run", "end"]
    writes = [one["step"] for one in lines if one["event"] == "write"]
    assert sorted(writes) == sorted(one["step"] for one in lines if one["event"] == "done")
    assert {one["run"] for one in lines} == {journal.run}
    moved = next(o for o in lines if o["event"] == "write" and o["step"] == f"tag:{A}:latest")
    assert moved["before"] != moved["after"]
    assert (tmp_path / ".releaser" / ".gitignore").read_text() == "*\n"


def test_what_cannot_be_noted_is_not_written(second: World, tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "journal.jsonl")
    journal.open("1.1.0")
    before = second.registry.named()
    begin = journal.begin

    def full(key: str, *rest: object) -> None:
        if key == f"tag:{A}:1.1.0":
            raise SetupError("the journal cannot be written: No space left on device")
        begin(key, *rest)  # type: ignore[arg-type]

    journal.begin = full  # type: ignore[method-assign, assignment]
    result = run_with(second, journal=journal)
    assert result.error is not None
    public = {tag: digest for tag, digest in second.registry.named().items() if ":fp-" not in tag}
    assert {tag for tag in public if before.get(tag) != public[tag]} <= {f"{B}:1.1.0"}


def test_a_journal_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="journal"):
        FileJournal(tmp_path / "file" / "journal.jsonl").open(None)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with pytest.raises(SetupError, match="journal"):
        FileJournal(tmp_path / "link").open(None)


def test_a_long_journal_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"x" * (8 * 1024 * 1024 + 1))
    journal = FileJournal(path)
    journal.open(None)
    journal.close("released")
    assert len(path.read_text().splitlines()) == 2
    assert (tmp_path / "journal.1.jsonl").stat().st_size > 8 * 1024 * 1024


# -- refused beforehand


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target"])
def test_a_strangers_event_publishes_nothing(second: World, event: str) -> None:
    second.source = replace(second.source, ci_request=event)
    prepared = second.prepare(version="1.1.0")
    with pytest.raises(PlanError, match=event):
        refuse(prepared, Allowed(push=True))
    refuse(prepared, Allowed(push=True, event=True))
    refuse(prepared, Allowed())


def test_all_that_stands_in_the_way_is_said_at_once(second: World) -> None:
    second.source = replace(second.source, changes=("f",), ci_request="pull_request")
    second.registry.fail("check_push", A, RegistryError("denied", status=403))
    prepared = second.prepare(version="1.0.0")
    full = replace(prepared, engine_facts=EngineFacts("28", "linux/amd64", True, free=1024))
    with pytest.raises(PlanError) as caught:
        preflight(full, full.plan, second.adapters, Allowed(push=True))
    assert "names another content already" in caught.value.message
    also = [value for key, value in caught.value.details if key == "also"]
    assert len(also) == 4
    assert "the engine has only 0 MiB left on its disk" in also[2]
    assert "denied" in also[3]
