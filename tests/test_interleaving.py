"""Several releases at once, in every order of their calls to the registry.

There is no compare-and-swap in a registry: what makes the end right is that whoever looks last sees
all versions that are up, and puts the lines right.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from releaser.core.oci import Repository
from releaser.core.steps import Line, TagKind, TagStep
from releaser.core.version import Version
from releaser.errors import PlanError
from releaser.executor.journaled import Journaled
from releaser.executor.tags import TagWriter
from releaser.interfaces import NO_JOURNAL
from tests.fakes.registry import FakeRegistry, image
from tests.interleaving import Run, Table, every_end, some_ends
from tests.world import Heard

API = Repository.parse("main.example/x/api")
OLD = "1.0.0"


def steps(version: str, registry: FakeRegistry, lines: tuple[str, ...]) -> list[TagStep]:
    """What a release of ``version`` writes, as planned when ``registry`` was looked at."""
    source = API.at(registry.digest(API.tagged(f"fp-{version}")))  # type: ignore[arg-type]
    parsed = Version.parse(version)
    own = TagStep("api", "main", API.tagged(version), TagKind.IMMUTABLE, source)
    found = [own]
    for template in lines:
        tag = template.replace("{{major}}", str(parsed.major))
        reference = API.tagged(tag)
        line = Line(template, parsed, ("{{version}}",))
        before = registry.digest(reference)
        found.append(TagStep("api", "main", reference, TagKind.FLOATING, source, before, line))
    return found


def release(planned: list[TagStep]) -> Run:
    def run(registry: object) -> None:
        writer = TagWriter(registry, Journaled(NO_JOURNAL, Heard()))  # type: ignore[arg-type]
        for step in planned:
            writer.write(step)

    return run


def table(versions: tuple[str, ...], lines: tuple[str, ...]) -> Callable[[], Table]:
    def make() -> Table:
        registry = FakeRegistry()
        for version in (OLD, *versions):
            registry.seed(API.tagged(f"fp-{version}"), image(version))
        registry.seed(API.tagged(OLD), image(OLD))
        for line in lines:
            tag = line.replace("{{major}}", "1")
            registry.seed(API.tagged(tag), image(OLD))
        return Table(registry, [release(steps(one, registry, lines)) for one in versions])

    return make


def named(registry: FakeRegistry, tag: str) -> str | None:
    """The version of the image that a tag names."""
    held = registry.named()
    digest = held.get(f"{API}:{tag}")
    return next((v for v in held if held[v] == digest and ":fp-" in v), "").rpartition("fp-")[2]


LATEST = ("latest",)


@pytest.mark.parametrize("versions", [("1.1.0", "2.0.0"), ("2.0.0", "1.1.0"), ("1.0.1", "1.1.0")])
def test_two_releases_end_at_the_highest_version(versions: tuple[str, ...]) -> None:
    ends = 0
    for end in every_end(table(versions, LATEST)):
        assert [turn.error for turn in end.turns] == [None, None]
        assert named(end.registry, "latest") == max(versions)
        assert all(named(end.registry, version) == version for version in versions)
        ends += 1
    assert ends > 5


def test_each_line_ends_at_its_own_highest_version() -> None:
    for end in every_end(table(("1.1.0", "2.0.0"), ("{{major}}", "latest"))):
        found = [named(end.registry, tag) for tag in ("1", "2", "latest")]
        assert found == ["1.1.0", "2.0.0", "2.0.0"]


def test_three_releases_end_at_the_highest_version() -> None:
    versions = ("1.1.0", "3.0.0", "2.0.0")
    for end in some_ends(table(versions, LATEST), Random(3), 1500):  # noqa: S311
        assert [turn.error for turn in end.turns] == [None, None, None]
        assert named(end.registry, "latest") == "3.0.0"


def test_of_two_releases_of_one_version_one_is_refused() -> None:
    def make() -> Table:
        registry = FakeRegistry()
        contents = ("ours", "theirs")
        for content in contents:
            registry.seed(API.tagged(f"fp-{content}"), image(content))
        line = Line("latest", Version(1, 0, 0), ("{{version}}",))
        runs = []
        for content in contents:
            source = API.at(registry.digest(API.tagged(f"fp-{content}")))  # type: ignore[arg-type]
            own = TagStep("api", "main", API.tagged("1.0.0"), TagKind.IMMUTABLE, source)
            last = TagStep("api", "main", API.tagged("latest"), TagKind.FLOATING, source, line=line)
            runs.append(release([own, last]))
        return Table(registry, runs)

    for end in every_end(make):
        held = end.registry.named()
        errors = [turn.error for turn in end.turns if turn.error]
        # Between the look and the write there is a moment that no registry closes: then both write,
        # and the later one is what both tags name in the end or is repaired by the next run.
        assert all(isinstance(error, PlanError) for error in errors)
        assert held[f"{API}:1.0.0"] in {held[f"{API}:fp-{one}"] for one in ("ours", "theirs")}
        if errors:
            assert held[f"{API}:latest"] == held[f"{API}:1.0.0"]


def test_one_that_dies_anywhere_is_put_right_by_its_next_run() -> None:
    """A crash before every call of one release, beside another; then the first one again."""
    make = table(("2.0.0", "1.1.0"), LATEST)
    died_at = 0
    while True:
        made = make()
        for _ in range(died_at):
            if made.turns[0].over:
                break
            made.move(0)
        if made.turns[0].over:
            break
        made.move(0, kill=True)
        while not made.turns[1].over:
            made.move(1)
        again = Table(made.registry, [release(steps("2.0.0", made.registry, LATEST))])
        while again.waiting:
            again.move(0)
        assert again.turns[0].error is None
        assert named(made.registry, "latest") == "2.0.0"
        died_at += 1
    assert died_at >= 5


def test_a_mistake_would_be_seen() -> None:
    """The same with releases that decide by what was planned: some orders end wrong."""

    def careless(planned: list[TagStep]) -> Run:
        def run(registry: object) -> None:
            for step in planned:
                manifest = registry.manifest(step.source)  # type: ignore[attr-defined]
                registry.put(step.repository, step.reference.tag, manifest)  # type: ignore[attr-defined]

        return run

    def make() -> Table:
        registry = FakeRegistry()
        for version in ("1.1.0", "2.0.0"):
            registry.seed(API.tagged(f"fp-{version}"), image(version))
        return Table(registry, [careless(steps(v, registry, LATEST)) for v in ("1.1.0", "2.0.0")])

    assert {named(end.registry, "latest") for end in every_end(make)} == {"1.1.0", "2.0.0"}
