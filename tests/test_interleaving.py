"""Several runs at once, in every order of their calls to the registry.

There is no compare-and-swap in a registry: what makes the end right is that whoever looks last sees
all versions that are up, and puts the lines right.

Tried in full: two releases of two lines, three of one; two releases of which any dies before any
call, once or twice, and is run again; a release beside a rollback or a promotion, one of which dies
so once; beside a restoring; and (slow) two releases, or a release and a promotion, and a rollback.
Each test says at least how many states it goes through, and how many orders these stand for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pytest

from releaser.core.oci import Manifest, Repository, Tag
from releaser.core.promoted import Destinations
from releaser.core.steps import Line, Step, TagKind, TagStep
from releaser.core.version import Version
from releaser.core.wish import GoBack, Restore, Wish, Withdraw
from releaser.core.withdrawal import Withdrawal, Withdrawals, withdrawal_reference
from releaser.errors import PlanError, UnknownError
from releaser.executor import Limits
from releaser.executor.carrying import CarryingStep, carry
from releaser.executor.journaled import Journaled
from releaser.executor.tags import TagWriter
from releaser.interfaces import NO_JOURNAL
from releaser.pipeline import Promoting, RollingBack, plan_promotion, plan_rollback, rollback
from releaser.pipeline.rolling_back import rollback_steps
from tests.fakes.registry import FakeRegistry, image
from tests.interleaving import Exploration, Run
from tests.world import Heard, World

API = Repository.parse("main.example/x/api")
STAGED = Repository.parse("staging.example/x/api")
OLD = "1.0.0"
LATEST = ("latest",)
BOTH = ("{{major}}", "latest")
SPEC = """\
version: 1
project: x
registries: {main: main.example/x, staging: staging.example/x}
defaults: {push_to: [main], tags: ["{{version}}", LINES]}
images: {api: {context: api}}
"""


def steps(version: str, registry: FakeRegistry, lines: tuple[str, ...]) -> list[Step]:
    """What a release of ``version`` writes, as planned when ``registry`` was looked at."""
    source = API.at(registry.digest(API.tagged(f"fp-{version}")))  # type: ignore[arg-type]
    parsed = Version.parse(version)
    found: list[Step] = [
        TagStep("api", "main", API.tagged(version), TagKind.IMMUTABLE, source)
    ]  # fmt: skip
    for template in lines:
        reference = API.tagged(template.replace("{{major}}", str(parsed.major)))
        line = Line(template, parsed, ("{{version}}",))
        before = registry.digest(reference)
        found.append(TagStep("api", "main", reference, TagKind.FLOATING, source, before, line))
    return found


def doing(planned: Iterable[Step]) -> Run:
    """Does steps one after another, with the functions that the executor does them with."""
    planned = list(planned)

    def run(registry: object) -> None:
        journaled = Journaled(NO_JOURNAL, Heard())
        writer = TagWriter(registry, journaled)  # type: ignore[arg-type]
        for step in planned:
            if isinstance(step, TagStep):
                writer.write(step)
            else:
                assert isinstance(step, CarryingStep)
                carry(registry, journaled, step)  # type: ignore[arg-type]

    return run


@dataclass
class Place:
    """A registry in which versions are uploaded, and the ``out`` ones released; and what may run.

    Whatever runs is planned from what the registry has before any of it begins.
    """

    uploaded: Sequence[str]
    lines: tuple[str, ...] = LATEST
    out: Sequence[str] = ()
    staged: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.registry = FakeRegistry()
        for version in (OLD, *self.out, *self.uploaded):
            self.registry.seed(API.tagged(f"fp-{version}"), image(version))
        for version in (OLD, *self.out):
            self.registry.seed(API.tagged(version), image(version))
            for line in self.lines:
                tag = line.replace("{{major}}", version.partition(".")[0])
                self.registry.seed(API.tagged(tag), image(version))
        for version in self.staged:
            self.registry.seed(STAGED.tagged(version), image(version))
        spec = SPEC.replace("LINES", ", ".join(f'"{line}"' for line in self.lines))
        self.world = World(spec, {"api/Dockerfile": "FROM scratch\n"})
        self.world.registry = self.registry

    def release(self, version: str) -> Run:
        return doing(steps(version, self.registry, self.lines))

    def rollback(self, wish: Wish) -> Run:
        request = RollingBack(wish, registries=("main",))
        plan = plan_rollback(self.world.project, self.world.adapters, request)
        return doing(one.step for one in rollback_steps(plan))

    def promotion(self, version: str) -> Run:
        request = Promoting(version, Destinations(("main",), ()), source="staging")
        plan = plan_promotion(self.world.project, self.world.adapters, request)
        assert not plan.refused
        return doing(one.step for one in plan.steps())


def withdrawn(registry: FakeRegistry) -> set[str]:
    """The versions that no line may be at, by the registry's own word."""
    kept = registry.read_record(withdrawal_reference(API, "api"))
    return {str(one) for one in Withdrawals.unpack(kept).versions} if kept else set()


def public(registry: FakeRegistry) -> dict[str, str]:
    """What the public tags name."""
    named = registry.named()
    tags = {ref.rpartition(":")[2]: named[ref] for ref in named if ref.startswith(f"{API}:")}
    return {tag: digest for tag, digest in tags.items() if not tag.startswith("fp-")}


def is_right(registry: FakeRegistry) -> bool:
    """Whether each line is at the highest version of its own that is out and not withdrawn."""
    tags, gone = public(registry), withdrawn(registry)
    out = {tag: [int(n) for n in tag.split(".")] for tag in tags if tag.count(".") == 2}
    for tag in tags.keys() - out.keys():
        own = [one for one in out if tag in {"latest", one.partition(".")[0]} and one not in gone]
        if tags[tag] != tags[max(own, key=out.__getitem__)]:
            return False
    return all(tags[one] == str(image(one).digest) for one in out)


def all_right(found: Exploration, *, states: int, orders: int) -> None:
    """Every end is right, nothing failed, only lines ever moved; and it was not a handful."""
    for end in found.ends():
        assert set(end.errors) == {None}, end.errors
        assert is_right(end.registry), public(end.registry)
    own = f"{withdrawal_reference(API, 'api')}"
    assert {tag for tag in found.moved() if tag.count(".") > 2} == set()
    assert found.moved() <= {f"{API}:{tag}" for tag in ("latest", "1", "2")} | {own}
    assert found.states >= states, found.states
    assert found.orders >= orders, found.orders


# -- releases


@pytest.mark.parametrize("versions", [("1.1.0", "2.0.0"), ("2.0.0", "1.1.0"), ("1.0.1", "1.1.0")])
def test_two_releases(versions: tuple[str, str]) -> None:
    place = Place(versions)
    found = Exploration(place.registry, [place.release(one) for one in versions])
    all_right(found, states=500, orders=600_000)
    assert all(set(versions) < public(end.registry).keys() for end in found.ends())


def test_two_releases_of_several_lines() -> None:
    versions = ("1.1.0", "2.0.0")
    place = Place(versions, BOTH)
    found = Exploration(place.registry, [place.release(one) for one in versions])
    all_right(found, states=2_500, orders=200_000_000)


def test_three_releases() -> None:
    versions = ("1.1.0", "3.0.0", "2.0.0")
    place = Place(versions)
    found = Exploration(place.registry, [place.release(one) for one in versions])
    all_right(found, states=500_000, orders=33_000_000_000_000_000)


def test_two_releases_of_one_version() -> None:
    """Between a look and a write is a moment that no registry closes: there, both may write."""
    contents = ("ours", "theirs")
    place = Place(contents)
    line = Line("latest", Version(1, 1, 0), ("{{version}}",))
    runs = []
    for content in contents:
        source = API.at(image(content).digest)
        own = TagStep("api", "main", API.tagged("1.1.0"), TagKind.IMMUTABLE, source)
        last = TagStep("api", "main", API.tagged("latest"), TagKind.FLOATING, source, line=line)
        runs.append(doing([own, last]))
    found = Exploration(place.registry, runs)
    refused = 0
    for end in found.ends():
        tags = public(end.registry)
        errors = [error for error in end.errors if error]
        assert all(isinstance(error, PlanError) for error in errors)
        assert tags["1.1.0"] in {str(image(one).digest) for one in contents}
        if errors:
            assert tags["latest"] == tags["1.1.0"]
        refused += end.orders if errors else 0
    assert refused > 0
    assert found.states > 300


# -- deaths


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_release_that_dies_anywhere_and_is_run_again(deaths: int) -> None:
    """Before each call of either, beside the other; the next run comes at any time after that."""
    versions = ("1.1.0", "2.0.0")
    place = Place(versions)
    runs = [place.release(one) for one in versions]
    again = dict(enumerate(runs))
    found = Exploration(place.registry, runs, again=again, deaths=deaths)
    all_right(found, states=5_000, orders=10_000_000)


def test_a_release_that_dies_for_good_is_put_right_by_the_next() -> None:
    versions = ("2.0.0", "1.1.0")
    place = Place((*versions, "1.1.1"))
    runs = [place.release(one) for one in versions]
    found = Exploration(place.registry, runs, again={0: doing([]), 1: doing([])}, deaths=2)
    wrong = [end for end in found.ends() if not is_right(end.registry)]
    assert wrong, "what is tried here must be needed"
    assert f"{API}:1.1.0" not in found.moved()
    for end in found.ends():
        for version in (*versions, "1.1.1"):
            all_right(Exploration(end.registry, [place.release(version)]), states=3, orders=1)


# -- what else moves lines


ROLLBACKS: dict[str, tuple[Wish, tuple[str, ...], str]] = {
    "everything newer": (GoBack(Version(1, 0, 0)), ("1.1.0",), "2.0.0"),
    "one of several": (Withdraw((Version(1, 1, 0),)), ("1.0.1", "1.1.0"), "1.0.2"),
    "what is just released": (Withdraw((Version(2, 0, 0),)), ("2.0.0",), "2.0.0"),
    "what is released again": (Withdraw((Version(1, 1, 0),)), ("1.1.0",), "1.1.0"),
}


@pytest.mark.parametrize("deaths", [0, 1])
@pytest.mark.parametrize("name", ROLLBACKS)
def test_a_rollback_against_a_release(name: str, deaths: int) -> None:
    wish, out, version = ROLLBACKS[name]
    place = Place((version,), out=out)
    place.registry.seed(API.tagged("latest"), image(OLD if version in out else out[-1]))
    runs = [place.rollback(wish), place.release(version)]
    found = Exploration(place.registry, runs, again={1: runs[1]}, deaths=deaths)
    all_right(found, states=100, orders=1_000)


def test_a_restoring_against_a_release() -> None:
    place = Place(("1.0.1",), out=("1.1.0",))
    alone = Exploration(place.registry, [place.rollback(Withdraw((Version(1, 1, 0),)))])
    [end] = alone.ends()
    place.registry.repositories = end.registry.repositories
    assert withdrawn(place.registry) == {"1.1.0"}
    runs = [place.rollback(Restore((Version(1, 1, 0),))), place.release("1.0.1")]
    found = Exploration(place.registry, runs)
    all_right(found, states=100, orders=1_000)
    assert {str(image("1.1.0").digest)} == {public(e.registry)["latest"] for e in found.ends()}


def test_two_rollbacks() -> None:
    """Both may have looked before either keeps its list; then one list is lost, and lines are
    where the other one says. Whoever is not done by then is told (the next test)."""
    place = Place((), out=("1.0.1", "1.1.0", "2.0.0"))
    wishes = [Withdraw((Version.parse(one),)) for one in ("1.1.0", "2.0.0")]
    found = Exploration(place.registry, [place.rollback(wish) for wish in wishes])
    refused = 0
    for end in found.ends():
        assert is_right(end.registry)
        assert len(withdrawn(end.registry)) == 1
        errors = [error for error in end.errors if error]
        assert all("changed by another rollback" in str(error) for error in errors)
        refused += end.orders if errors else 0
    assert found.orders > refused > 0
    assert found.states > 500


def test_a_rollback_whose_list_was_written_over_says_so() -> None:
    place = Place((), out=("1.0.1", "1.1.0", "2.0.0"))
    request = RollingBack(Withdraw((Version(2, 0, 0),)), registries=("main",))
    plan = plan_rollback(place.world.project, place.world.adapters, request)
    kept = withdrawal_reference(API, "api")
    theirs = Withdrawals("api").adding([Withdrawal(Version(1, 1, 0))])
    put = place.registry.put

    def write_over(repository: Repository, tag: Tag, manifest: Manifest) -> None:
        place.registry.write_record(kept, theirs.pack())
        put(repository, tag, manifest)

    place.registry.put = write_over  # type: ignore[method-assign]
    result = rollback(plan, place.world.adapters, Heard(), Limits())
    assert isinstance(result.error, UnknownError)
    assert [reference for reference, _ in result.error.details] == [str(kept)]


@pytest.mark.slow
def test_two_releases_and_a_rollback() -> None:
    versions = ("2.0.0", "1.0.1")
    place = Place(versions, out=("1.1.0",))
    runs = [place.release(one) for one in versions]
    runs.append(place.rollback(Withdraw((Version(1, 1, 0),))))
    all_right(Exploration(place.registry, runs), states=900_000, orders=10**26)


@pytest.mark.slow
def test_a_release_a_promotion_and_a_rollback() -> None:
    place = Place(("2.0.0",), out=("1.1.0",), staged=("3.0.0",))
    runs = [place.release("2.0.0"), place.promotion("3.0.0")]
    runs.append(place.rollback(Withdraw((Version(1, 1, 0),))))
    all_right(Exploration(place.registry, runs), states=900_000, orders=10**28)


@pytest.mark.parametrize("promoted", ["1.1.0", "3.0.0"])
def test_a_promotion_against_a_release(promoted: str) -> None:
    place = Place(("2.0.0",), staged=(promoted,))
    runs = [place.promotion(promoted), place.release("2.0.0")]
    found = Exploration(place.registry, runs, again=dict(enumerate(runs)), deaths=1)
    all_right(found, states=2_000, orders=1_000_000)
    assert all({promoted, "2.0.0"} < public(end.registry).keys() for end in found.ends())


def test_a_mistake_would_be_seen() -> None:
    """The same with releases that decide by what was planned: some orders end wrong."""

    def careless(planned: list[Step]) -> Run:
        def run(registry: object) -> None:
            for step in planned:
                assert isinstance(step, TagStep)
                manifest = registry.manifest(step.source)  # type: ignore[attr-defined]
                registry.put(step.repository, step.reference.tag, manifest)  # type: ignore[attr-defined]

        return run

    versions = ("1.1.0", "2.0.0")
    place = Place(versions)
    runs = [careless(steps(one, place.registry, LATEST)) for one in versions]
    found = list(Exploration(place.registry, runs).ends())
    assert sorted(is_right(end.registry) for end in found) == [False, True]
