"""Which tags go: every rule in a table, and that nothing that stays ever lacks a part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.oci import Digest, Manifest, Repository, Tag
from releaser.core.placeholder import placeholder
from releaser.core.pruning import (
    AT_ONCE,
    BEGUN,
    Pruning,
    Rules,
    Shelf,
    ShelfPruning,
    prune_shelf,
    undated,
)
from releaser.core.spec import ImageSpec, PruneSpec, Spec, seconds_of
from releaser.core.steps import RemoveStep
from releaser.core.tag_kinds import Kind, kind_of, spellings
from releaser.errors import SpecError

NOW = 1_769_860_800
DAY = 86_400
REPOSITORY = Repository("r.example", "shop/api")
TYPE = "application/vnd.oci.image.manifest.v1+json"


def spec(*tags: str) -> Spec:
    fields = {"tags": tags} if tags else {}
    return Spec(version="1", project="shop", images={"api": ImageSpec.model_validate(fields)})


def digest(text: object) -> Digest:
    return Digest.of(str(text).encode())


def shelf(
    tags: Mapping[str, object],
    manifests: Mapping[Digest, Manifest] | None = None,
    days: Mapping[object, int] | None = None,
) -> Shelf:
    """A repository; ``days`` is how many days ago a content was made."""
    named = {Tag(tag): digest(content) for tag, content in tags.items()}
    made = {digest(content): NOW - ago * DAY for content, ago in (days or {}).items()}
    return Shelf("main", REPOSITORY, ("api",), named, dict(manifests or {}), made)


def gone(found: ShelfPruning) -> set[str]:
    return {str(one.tag) for one in found.removed}


def reasons(found: ShelfPruning) -> dict[str, str]:
    return {str(one.tag): one.reason for one in found.verdicts}


@pytest.mark.parametrize(
    ("tag", "kind"),
    [
        ("1.4.2", Kind.VERSION),
        ("v1.4.2", Kind.VERSION),
        ("1.4.2-alpine", Kind.VERSION),
        ("1.5.0-rc.1", Kind.PRERELEASE),
        ("v1.5.0-beta2", Kind.PRERELEASE),
        ("1.5.0-rc.1-alpine", Kind.PRERELEASE),
        ("1.4.3-dev.7.g1a2b3c4", Kind.PRERELEASE),
        ("1.4.3-dev.7.g1a2b3c4.dirty", Kind.PRERELEASE),
        ("1.4.2-slim", Kind.OTHER),
        ("1.4.2-bookworm", Kind.OTHER),
        ("1.4.2-1", Kind.OTHER),
        ("1.4.2-20260131", Kind.OTHER),
        ("1.4.2-rca", Kind.OTHER),
        ("1.4.2-develop", Kind.OTHER),
        ("1.4.2-g1a2b3c4", Kind.OTHER),
        ("1.4", Kind.OTHER),
        ("1", Kind.OTHER),
        ("latest", Kind.OTHER),
        ("main", Kind.OTHER),
        ("x1.4.2-rc.1", Kind.OTHER),
        ("fp-0123456789abcdef", Kind.FINGERPRINT),
        ("fp-0123456789abcde", Kind.OTHER),
        ("fp-record-api", Kind.OWN),
        ("fp-rollback-api", Kind.OWN),
        ("sha-1a2b3c4", Kind.COMMIT),
        ("sha-xyz", Kind.OTHER),
        ("sha256-" + "a" * 64, Kind.ATTACHED),
        ("sha256-" + "a" * 64 + ".sig", Kind.ATTACHED),
        ("sha256-" + "a" * 63, Kind.OTHER),
    ],
)
def test_what_a_tag_is(tag: str, kind: Kind) -> None:
    around = spellings(spec("{{version}}-alpine", "latest"), ["api"])
    assert kind_of(tag, around)[0] is kind


FP = [f"fp-{n:016x}" for n in range(10)]


@pytest.mark.parametrize(
    ("tags", "days", "rules", "expected"),
    [
        pytest.param({"1.0.0": 1, FP[1]: 1, FP[2]: 2, "latest": 1}, {2: 9}, Rules(0), {FP[2]},
                     id="a content that nothing names"),
        pytest.param({"main": 1, FP[1]: 1, "sha-1a2b3c4": 2, FP[2]: 2}, {}, Rules(0), set(),
                     id="any tag that stays keeps the fingerprint"),
        pytest.param({"sha-1a2b3c4": 2, FP[2]: 2}, {2: 9}, Rules(0, commits=True),
                     {"sha-1a2b3c4", FP[2]}, id="commits may go"),
        pytest.param({"1.0.0": 2, "sha-1a2b3c4": 2, FP[2]: 2}, {}, Rules(0, commits=True), set(),
                     id="but not that of a version"),
        pytest.param({f"1.0.0-rc.{n}": n for n in (1, 2, 10)}, {}, Rules(2), {"1.0.0-rc.1"},
                     id="the last prereleases by version"),
        pytest.param({f"1.0.0-rc.{n}": n for n in (1, 2, 10)}, {}, Rules(0),
                     {"1.0.0-rc.1", "1.0.0-rc.2", "1.0.0-rc.10"}, id="no prerelease"),
        pytest.param({"1.0.0-rc.1": 1, "1.0.0-rc.1-alpine": 1, "1.0.0-beta.1": 2}, {}, Rules(1),
                     {"1.0.0-beta.1"}, id="one version in two spellings"),
        pytest.param({FP[n]: n for n in range(4)}, {0: 4, 1: 3, 2: 2, 3: 1}, Rules(2),
                     {FP[0], FP[1]}, id="the last contents by age"),
        pytest.param({FP[n]: n for n in range(3)}, {0: 4, 1: 3}, Rules(0), {FP[0], FP[1]},
                     id="what does not say its age stays"),
        pytest.param({FP[n]: n for n in range(4)}, {0: 40, 1: 31, 2: 30, 3: 1},
                     Rules(None, 30 * DAY, "30d"), {FP[0], FP[1]}, id="contents of the last days"),
        pytest.param({"1.0.0-rc.1": 1, "1.0.0-rc.2": 2, "1.0.0-rc.3": 3}, {1: 40, 2: 2},
                     Rules(None, 30 * DAY, "30d"), {"1.0.0-rc.1"}, id="prereleases by age"),
        pytest.param({"1.0.0-rc.1": 1, "1.0.0-rc.2": 2}, {1: 40, 2: 40},
                     Rules(1, 30 * DAY, "30d"), {"1.0.0-rc.1"}, id="either rule keeps"),
        pytest.param({"1.0.0-rc.1": 1, "2.0.0-rc.1": 2, FP[3]: 3}, {3: 9},
                     Rules(0, patterns=("1.*", "fp-*3")), {"2.0.0-rc.1"}, id="patterns"),
        pytest.param({"1.0.0-rc.1": 1, "1.0.0": 1, FP[1]: 1}, {}, Rules(0), {"1.0.0-rc.1"},
                     id="a prerelease that became the version"),
        pytest.param({"1.0.0-rc.1": 1, FP[1]: 1}, {1: 40}, Rules(1), set(),
                     id="the fingerprint of a prerelease that stays"),
        pytest.param({"1.0.0-rc.1": 1, FP[1]: 1}, {1: 40}, Rules(0), {"1.0.0-rc.1", FP[1]},
                     id="and of one that goes"),
        pytest.param({"fp-record-api": 7, "fp-rollback-api": 8, "odd": 9}, {}, Rules(0), set(),
                     id="what is kept for itself, and what is not known"),
    ],
)  # fmt: skip
def test_what_goes(
    tags: dict[str, object], days: dict[object, int], rules: Rules, expected: set[str]
) -> None:
    made = spec("{{version}}", "{{version}}-alpine", "latest")
    assert gone(prune_shelf(made, shelf(tags, days=days), rules, NOW)) == expected


def test_why() -> None:
    tags = {
        "1.0.0": 1, FP[1]: 1, "1.1.0-rc.1": 2, "1.1.0-rc.2": 3, "sha-1a2b3c4": 4, "x-lts": 5,
        FP[6]: 6, FP[7]: 7, FP[8]: 8, "fp-record-api": 9,
    }  # fmt: skip
    rules = Rules(1, 5 * DAY, "5d", ("*-lts",))
    found = prune_shelf(spec(), shelf(tags, days={2: 9, 6: 9, 7: 3, 8: 2}), rules, NOW)
    assert reasons(found) == {
        "1.0.0": "a full version",
        FP[1]: "1.0.0 names it too",
        "1.1.0-rc.1": "an old prerelease",
        "1.1.0-rc.2": "one of the last 1 prereleases",
        "sha-1a2b3c4": "a commit",
        "x-lts": 'matches "*-lts"',
        FP[6]: "nothing else that stays names it",
        FP[7]: "made within 5d",
        FP[8]: "one of the last 1 that nothing else names",
        "fp-record-api": "kept by releaser for itself",
    }


def test_what_is_attached_goes_with_what_it_is_attached_to() -> None:
    kept, old = digest("kept"), digest("old")
    tags = {
        "1.0.0": "kept", f"sha256-{kept.hex}.sig": "s1",
        FP[1]: "old", f"sha256-{old.hex}.sig": "s2",
        f"sha256-{old.hex}": "list", f"sha256-{digest('s2').hex}.att": "a2",
        f"sha256-{digest('elsewhere').hex}.sig": "s3",
    }  # fmt: skip
    found = prune_shelf(spec(), shelf(tags, days={"old": 9}), Rules(0), NOW)
    assert gone(found) == {
        FP[1], f"sha256-{old.hex}.sig", f"sha256-{old.hex}", f"sha256-{digest('s2').hex}.att",
    }  # fmt: skip
    assert found.spare == {old, digest("s2"), digest("list"), digest("a2")}


def test_a_part_of_a_kept_index_is_not_spare() -> None:
    part, inner, whole = digest("part"), digest("inner"), digest("whole")
    manifests = {
        whole: Manifest(TYPE, b"", None, (inner,), (inner,)),
        inner: Manifest(TYPE, b"", None, (part,)),
        part: Manifest(TYPE, b"", digest("config")),
    }
    tags = {"1.0.0": "whole", FP[1]: "part", f"sha256-{part.hex}.sig": "s"}
    found = prune_shelf(spec(), shelf(tags, manifests, {"part": 9}), Rules(0), NOW)
    assert gone(found) == {FP[1]}
    assert found.spare == frozenset()
    [one] = found.removals()
    assert (one.digest, one.spare) == (part, False)


@pytest.mark.parametrize("subject_is_kept", [True, False])
def test_a_subject_and_what_refers_to_it_stay_together(subject_is_kept: bool) -> None:
    subject, referrer = digest("subject"), digest("referrer")
    manifests = {
        subject: Manifest(TYPE, b"", digest("config")),
        referrer: Manifest(TYPE, b"", digest("blob"), subject=subject),
    }
    names = ("subject", "referrer") if subject_is_kept else ("referrer", "subject")
    tags = {"1.0.0": names[0], "1.0.0-rc.1": names[1]}
    found = prune_shelf(spec(), shelf(tags, manifests), Rules(0), NOW)
    assert gone(found) == {"1.0.0-rc.1"}
    assert found.spare == frozenset()


def test_an_age_is_asked_for_where_it_may_matter() -> None:
    tags = {
        "1.0.0": 1,
        FP[1]: 1,
        FP[2]: 2,
        "1.0.0-rc.1": 3,
        "sha-1a2b3c4": 4,
        "latest": 5,
        FP[5]: 5,
    }
    assert set(undated(spec(), shelf(tags))) == {digest(2), digest(3), digest(4)}
    assert undated(spec(), shelf(tags, days={2: 1, 3: 1, 4: 1})) == ()


def test_removals_are_done_some_at_a_time() -> None:
    tags = {f"1.0.0-rc.{n}": n for n in range(60)}
    found = prune_shelf(spec(), shelf(tags), Rules(0), NOW)
    steps = [one.step for one in Pruning("shop", (found,)).steps()]
    assert [len(one.removals) for one in steps if isinstance(one, RemoveStep)] == [
        AT_ONCE, AT_ONCE, 10,
    ]  # fmt: skip
    assert len({one.key for one in steps}) == 3


def test_what_never_moves_is_told_to_the_steps() -> None:
    moving = {"latest": 1, "1.0": 1, "main": 1, "fp-record-api": 7}
    fixed = {"1.0.0": 1, FP[1]: 1, "sha-1a2b3c4": 1, "1.0.0-rc.1": 3, FP[3]: 3}
    found = prune_shelf(spec(), shelf({**moving, **fixed}), Rules(0), NOW)
    [step] = [one.step for one in Pruning("shop", (found,)).steps()]
    assert isinstance(step, RemoveStep)
    assert step.settled == set(fixed)


def test_a_removal_that_was_begun_is_ended_whatever_the_rules_say() -> None:
    begun = ("1.0.0", "1.1.0-rc.1", "latest", FP[1], "sha-1a2b3c4", f"sha256-{'a' * 64}.sig")
    named = {Tag(tag): placeholder(Tag(tag)).digest for tag in begun}
    around = shelf({"1.2.0-rc.1": 1, "1.2.0": 2})
    before = replace(around, tags={**around.tags, **named})
    found = prune_shelf(spec(), before, Rules(9, patterns=("*",)), NOW)
    assert gone(found) == set(begun)
    assert {one.reason for one in found.removed} == {BEGUN}
    assert found.spare == frozenset()  # they go with their tags
    assert undated(spec(), before) == undated(spec(), around)
    # another tag's placeholder is an image like any other
    other = replace(around, tags={Tag(FP[2]): placeholder(Tag(FP[1])).digest})
    assert reasons(prune_shelf(spec(), other, Rules(0), NOW))[FP[2]] != BEGUN


def test_rules_need_something_to_keep() -> None:
    with pytest.raises(SpecError, match="nothing says what to keep"):
        Rules.of(PruneSpec(keep=("*",)))
    rules = Rules.of(PruneSpec(keep_last=3, keep_within="6w"))
    assert (rules.last, rules.seconds, rules.within) == (3, 42 * DAY, "6w")


@pytest.mark.parametrize(
    "text", ["", "30", "d", "0d", "-1d", "1.5d", "30 d", "30D", "1m", "9999999d"]
)
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(SpecError, match="is not an age"):
        seconds_of(text)


# -- nothing that stays ever lacks a part


@dataclass
class World:
    """A registry of the worst kind: whatever goes by its digest takes all of its tags along."""

    tags: dict[str, Digest]
    manifests: dict[Digest, Manifest]

    def apply(self, found: ShelfPruning) -> None:
        for one in found.removals():
            if one.spare:
                self.manifests.pop(one.digest, None)
                self.tags = {t: d for t, d in self.tags.items() if d != one.digest}
            for tag in one.tags:
                self.tags.pop(str(tag), None)


NAMES = st.one_of(
    st.sampled_from(["1.0.0", "1.1.0", "latest", "1", "main", "odd", "v2.0.0", "fp-record-api"]),
    st.integers(0, 9).map(lambda n: FP[n]),
    st.integers(0, 9).map(lambda n: f"1.2.0-rc.{n}"),
    st.integers(0, 3).map(lambda n: f"sha-{n:07x}"),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Manifests in an order in which each may list, or refer to, those before it."""
    manifests: dict[Digest, Manifest] = {}
    for number in range(draw(st.integers(1, 9))):
        before = list(manifests)
        children = draw(st.lists(st.sampled_from(before), max_size=3)) if before else []
        subject = draw(st.none() | st.sampled_from(before)) if before else None
        inner = tuple(one for one in children if manifests[one].children)
        body = str(number).encode()
        made = Manifest(TYPE, body, None, tuple(children), inner, subject)
        manifests[made.digest] = made
    held = st.sampled_from(list(manifests))
    tags = draw(st.dictionaries(NAMES, held, max_size=14))
    for subject in draw(st.lists(held, max_size=3)):
        suffix = draw(st.sampled_from(["", ".sig", ".att"]))
        tags[f"sha256-{subject.hex}{suffix}"] = draw(held)
    return World(tags, manifests)


RULES = st.builds(
    Rules,
    st.integers(0, 4),
    st.none() | st.integers(0, 20 * DAY),
    st.just("some days"),
    st.sets(st.sampled_from(["1.*", "fp-*1", "sha*", "*rc.3"])).map(tuple),
    st.booleans(),
)


def seen(world: World) -> dict[Digest, Manifest]:
    """What is read of a repository: the manifests that tags name, and the indexes below them."""
    found: dict[Digest, Manifest] = {}
    waiting = list(world.tags.values())
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = world.manifests[one]
            waiting += found[one].indexes
    return found


def reachable(world: World, roots: set[Digest]) -> set[Digest]:
    """Everything that is needed by what roots name, or attached to it by its subject and a tag."""
    known = seen(world)
    found: set[Digest] = set()
    waiting = list(roots)
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found.add(one)
        manifest = world.manifests[one]
        waiting += manifest.children
        waiting += [manifest.subject] if manifest.subject and one in known else []
        waiting += [d for d in set(world.tags.values()) if world.manifests[d].subject == one]
    return found


@given(worlds(), RULES, st.dictionaries(st.integers(0, 8), st.integers(0, 40)))
def test_nothing_that_stays_lacks_a_part(world: World, rules: Rules, days: dict[int, int]) -> None:
    named = {Tag(tag): one for tag, one in world.tags.items()}
    made = {digest(number): NOW - ago * DAY for number, ago in days.items()}
    before = Shelf("main", REPOSITORY, ("api",), named, seen(world), made)
    found = prune_shelf(spec(), before, rules, NOW)
    assert {one.tag for one in found.verdicts} == set(named)

    kept = {str(tag): one for tag, one in found.kept.items()}
    needed = reachable(world, set(kept.values()))
    world.apply(found)
    assert world.tags == kept
    assert needed <= world.manifests.keys()
    for one in found.removed:
        assert one.kind not in {Kind.VERSION, Kind.OTHER, Kind.OWN}
        assert rules.commits or one.kind is not Kind.COMMIT
        assert not (one.kind is Kind.FINGERPRINT and one.digest in set(kept.values()) - {
            d for tag, d in kept.items() if tag.startswith("sha256-")})  # fmt: skip


@given(worlds(), RULES)
def test_again_changes_nothing(world: World, rules: Rules) -> None:
    def look() -> ShelfPruning:
        named = {Tag(tag): one for tag, one in world.tags.items()}
        made = dict.fromkeys(world.manifests, NOW)
        before = Shelf("main", REPOSITORY, ("api",), named, seen(world), made)
        return prune_shelf(spec(), before, rules, NOW + 30 * DAY)

    world.apply(look())
    assert look().removed == ()
