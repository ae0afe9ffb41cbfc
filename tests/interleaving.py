"""Every order in which the calls of several runs can come to a registry, each tried.

The functions under test are the real ones. A run is a function of what the registry answers, so its
next call is found by running it anew with the answers that it had; no threads, no time. What can
happen next depends on the registry and on each run's answers alone. So orders that lead to the same
state are one from there on: states are visited once, and orders only counted.

One thing is left out because it changes nothing: where a run reads by digest what is there, it goes
on at once. Nothing here deletes, so that answer is the same for ever and nobody is touched by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from releaser.core.oci import Manifest, Reference
from releaser.errors import ReleaserError
from tests.fakes.registry import FakeRegistry

Run = Callable[[object], None]
"""Calls the registry that it is given, and does the same whenever it is answered the same."""

SETTLED = ("digest", "manifest", "labels")
"""Reads whose answer, once it is there, never changes if they ask for a digest."""


@dataclass(frozen=True)
class Ask:
    """A call that a run is about to make."""

    method: str
    arguments: tuple[Hashable, ...]
    named: tuple[tuple[str, Hashable], ...]


class _NextError(BaseException):
    """Ends a run where it makes a call whose answer is not known."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self.ask = ask


class _Replay:
    """A registry that gives the answers that it was given."""

    def __init__(self, answers: Sequence[object]) -> None:
        self._answers = iter(answers)

    def __getattr__(self, method: str) -> object:
        def called(*arguments: Hashable, **named: Hashable) -> object:
            ask = Ask(method, arguments, tuple(sorted(named.items())))
            for answer in self._answers:
                if isinstance(answer, ReleaserError):
                    raise answer.with_traceback(None)
                return answer
            raise _NextError(ask)

        return called


@dataclass(eq=False)
class Point:
    """A run that waits before its next call, ``ask``, or is over and maybe has failed."""

    run: Run
    answers: tuple[object, ...] = ()
    ask: Ask | None = None
    error: BaseException | None = None
    onward: dict[Hashable, Point] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            self.run(_Replay(self.answers))
        except _NextError as stopped:
            self.ask = stopped.ask
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def answered(self, answer: object) -> Point:
        """The point that an answer leads to."""
        key = _key(answer)
        if key not in self.onward:
            self.onward[key] = Point(self.run, (*self.answers, answer))
        return self.onward[key]


def _key(answer: object) -> Hashable:
    if isinstance(answer, Manifest):
        return answer.digest
    if isinstance(answer, Mapping):
        return tuple(sorted(answer.items()))
    if isinstance(answer, ReleaserError):
        return type(answer), str(answer)
    assert isinstance(answer, Hashable)
    return answer


@dataclass(eq=False)
class World:
    """What registries hold at one moment, and what comes of each call then."""

    registry: FakeRegistry
    after: dict[Ask, tuple[object, World]] = field(default_factory=dict)
    steps: dict[Point, tuple[World, Point]] = field(default_factory=dict)
    """What comes of a run's next call: known once, since it comes up in many states."""

    @property
    def tags(self) -> dict[str, str]:
        """What every tag names."""
        return self.registry.named()


State = tuple[World, tuple[Point, ...], int]
"""What registries hold, where each run is, and how many may still die."""


@dataclass(frozen=True)
class End:
    """An end that runs came to in a number of ``orders``; what failed, run by run."""

    registry: FakeRegistry
    errors: tuple[BaseException | None, ...]
    orders: int


class Exploration:
    """All that can come of some runs at a registry.

    ``again`` says for runs that may die, by number, who then takes their place; ``deaths`` how
    often that may happen at all, before any call of theirs.
    """

    def __init__(
        self,
        registry: FakeRegistry,
        runs: Sequence[Run],
        *,
        again: Mapping[int, Run] | None = None,
        deaths: int = 0,
    ) -> None:
        self._worlds: dict[Hashable, World] = {}
        self._again = {number: Point(run) for number, run in (again or {}).items()}
        self.states = 0
        self.orders = 0
        self._ends: Counter[tuple[World, tuple[Point, ...]]] = Counter()
        world = self._known(registry)
        points = tuple(self._settled(world, Point(run)) for run in runs)
        self._explore((world, points, deaths))

    def ends(self) -> Iterator[End]:
        """Each end that differs from the others in what registries hold or in what failed."""
        found: Counter[tuple[World, tuple[str, ...]]] = Counter()
        errors: dict[tuple[str, ...], tuple[BaseException | None, ...]] = {}
        for (world, points), orders in self._ends.items():
            said = tuple(f"{type(one.error)} {one.error}" for one in points)
            errors.setdefault(said, tuple(one.error for one in points))
            found[world, said] += orders
        for (world, said), orders in found.items():
            yield End(world.registry, errors[said], orders)

    def moved(self) -> set[str]:
        """The tags that at any moment of any order named something, and then something else."""
        found = set()
        for world in self._worlds.values():
            before = world.tags
            for _, later in world.after.values():
                if later is not world:
                    now = later.tags
                    found |= {tag for tag in before if now.get(tag) != before[tag]}
        return found

    def _explore(self, first: State) -> None:
        """Step by step: each round has the states that so many calls lead to."""
        layer: dict[State, int] = {first: 1}
        while layer:
            self.states += len(layer)
            following: Counter[State] = Counter()
            for state, orders in layer.items():
                steps = list(self._steps(state))
                for step in steps:
                    following[step] += orders
                if not steps:
                    self._ends[state[:2]] += orders
                    self.orders += orders
            layer = following

    def _steps(self, state: State) -> Iterator[State]:
        """What can happen next: each run's next call, and each death."""
        world, points, deaths = state
        for number, point in enumerate(points):
            if point.ask is None:
                continue
            later, here = world.steps.get(point) or self._step(world, point, point.ask)
            yield later, (*points[:number], here, *points[number + 1 :]), deaths
            if deaths and number in self._again:
                here = self._settled(world, self._again[number])
                yield world, (*points[:number], here, *points[number + 1 :]), deaths - 1

    def _step(self, world: World, point: Point, ask: Ask) -> tuple[World, Point]:
        answer, later = self._call(world, ask)
        world.steps[point] = later, self._settled(later, point.answered(answer))
        return world.steps[point]

    def _settled(self, world: World, point: Point) -> Point:
        """The same run where it has read what can be read at any time."""
        while point.ask is not None and _is_settled(point.ask):
            answer, _ = self._call(world, point.ask)
            if answer is None or isinstance(answer, ReleaserError):
                break
            point = point.answered(answer)
        return point

    def _call(self, world: World, ask: Ask) -> tuple[object, World]:
        if ask not in world.after:
            registry = world.registry.twin()
            answer: object
            try:
                answer = getattr(registry, ask.method)(*ask.arguments, **dict(ask.named))
            except ReleaserError as error:
                answer = error
            world.after[ask] = answer, self._known(registry)
        return world.after[ask]

    def _known(self, registry: FakeRegistry) -> World:
        held = registry.repositories.items()
        key = frozenset(
            (name, frozenset(one.tags.items()), frozenset(one.manifests), frozenset(one.blobs))
            for name, one in held
        )
        return self._worlds.setdefault(key, World(registry))


def _is_settled(ask: Ask) -> bool:
    place = ask.arguments[0] if ask.arguments else None
    return ask.method in SETTLED and isinstance(place, Reference) and place.digest is not None
