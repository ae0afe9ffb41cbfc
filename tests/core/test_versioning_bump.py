"""Which version comes next."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from releaser.core.history import Commit
from releaser.core.version import Version, between_tags
from releaser.core.versioning import (
    USUAL,
    Bump,
    Bumping,
    Change,
    Since,
    bump_of,
    change_of,
    next_version,
    section_of,
)
from releaser.errors import SpecError
from tests.build import prereleases, versions

CAUTIOUS = Bumping(major_on_zero=False)


def change(message: str) -> Change:
    found = change_of(Commit("a" * 40, message=message))
    assert found is not None
    return found


def version(text: str | None) -> Version | None:
    return Version.parse(text) if text else None


def following(
    last: str | None,
    bump: Bump,
    final: str | None = None,
    prerelease: str | None = None,
    taken: tuple[str, ...] = (),
    bumping: Bumping = USUAL,
) -> str | None:
    """What comes next where the same was changed since ``last`` and since ``final``."""
    found = next_version(
        Since(version(last), bump),
        Since(version(final or last), bump),
        bumping,
        prerelease=prerelease,
        taken=[Version.parse(one) for one in taken],
    )
    return str(found) if found else None


# -- what changes ask for


@pytest.mark.parametrize(
    ("message", "bump"),
    [
        ("feat: x", Bump.MINOR),
        ("deprecate: x", Bump.MINOR),
        ("fix: x", Bump.PATCH),
        ("perf: x", Bump.PATCH),
        ("revert: x", Bump.PATCH),
        ("remove: x", Bump.PATCH),
        ("deps: x", Bump.PATCH),
        ("security: x", Bump.PATCH),
        ("chore(deps): x", Bump.PATCH),
        ("build(Deps-Dev): x", Bump.PATCH),
        ("feat(deps): x", Bump.MINOR),
        *(
            (f"{one}: x", Bump.NONE)
            for one in ["docs", "chore", "ci", "test", "style", "build", "refactor", "wip"]
        ),
        ("docs!: x", Bump.MAJOR),
        ("chore: x\n\nBREAKING CHANGE: y", Bump.MAJOR),
    ],
)
def test_what_a_change_asks_for(message: str, bump: Bump) -> None:
    found = change(message)
    assert bump_of([found]) is bump
    # What makes a version is told in its changelog, and nothing else is.
    assert (section_of(found) is None) == (bump is Bump.NONE)


def test_changes_ask_for_what_the_greatest_does() -> None:
    assert bump_of([]) is Bump.NONE
    assert bump_of([change("fix: x"), change("feat: x"), change("docs: x")]) is Bump.MINOR
    assert Bump.NONE < Bump.PATCH < Bump.MINOR < Bump.MAJOR


# -- the next version


@pytest.mark.parametrize(
    ("last", "bump", "expected"),
    [
        ("1.2.3", Bump.NONE, None),
        ("1.2.3", Bump.PATCH, "1.2.4"),
        ("1.2.3", Bump.MINOR, "1.3.0"),
        ("1.2.3", Bump.MAJOR, "2.0.0"),
        ("1.2.3+build.5", Bump.PATCH, "1.2.4"),
        ("0.3.1", Bump.MAJOR, "1.0.0"),
        ("0.3.1", Bump.MINOR, "0.4.0"),
        (None, Bump.NONE, None),
        (None, Bump.PATCH, "0.1.0"),
        (None, Bump.MAJOR, "0.1.0"),
    ],
)
def test_the_next_version(last: str | None, bump: Bump, expected: str | None) -> None:
    assert following(last, bump) == expected


@pytest.mark.parametrize(
    ("last", "expected"), [("0.3.1", "0.4.0"), ("1.3.1", "2.0.0"), ("0.0.1", "0.1.0")]
)
def test_a_breaking_change_below_one(last: str, expected: str) -> None:
    assert following(last, Bump.MAJOR, bumping=CAUTIOUS) == expected


@pytest.mark.parametrize(
    ("last", "final", "bump", "expected"),
    [
        ("2.0.0-rc.1", "1.4.2", Bump.PATCH, "2.0.0"),
        ("2.0.0-rc.1", "1.4.2", Bump.MAJOR, "2.0.0"),
        ("1.5.0-rc.1", "1.4.2", Bump.MINOR, "1.5.0"),
        ("1.5.0-rc.1", "1.4.2", Bump.MAJOR, "2.0.0"),
        ("1.4.3-rc.1", "1.4.2", Bump.MINOR, "1.5.0"),
        ("1.4.3-rc.1", "1.4.2", Bump.NONE, None),
    ],
)
def test_the_final_version_after_a_prerelease(
    last: str, final: str, bump: Bump, expected: str | None
) -> None:
    assert following(last, bump, final) == expected


def test_the_first_final_version_after_a_prerelease() -> None:
    last = Since(Version.parse("1.0.0-rc.2"), Bump.NONE)
    assert next_version(last, Since(None, Bump.PATCH)) == Version(1, 0, 0)
    early = Since(Version.parse("0.0.1-rc.2"), Bump.NONE)
    assert next_version(early, Since(None, Bump.PATCH)) == Version(0, 1, 0)


@pytest.mark.parametrize(
    ("last", "final", "bump", "prerelease", "taken", "expected"),
    [
        ("1.4.2", None, Bump.MINOR, "rc", (), "1.5.0-rc.1"),
        (None, None, Bump.MINOR, "rc", (), "0.1.0-rc.1"),
        ("1.5.0-rc.1", "1.4.2", Bump.PATCH, "rc", (), "1.5.0-rc.2"),
        ("1.5.0-rc.1", "1.4.2", Bump.MAJOR, "rc", (), "2.0.0-rc.1"),
        ("1.5.0-rc.1", "1.4.2", Bump.MINOR, "rc", ("1.5.0-rc.9", "1.6.0-rc.20"), "1.5.0-rc.10"),
        ("1.5.0-rc.1.dev.3", "1.4.2", Bump.MINOR, "rc", (), "1.5.0-rc.2"),
        ("1.5.0-rc", "1.4.2", Bump.MINOR, "rc", ("1.5.0-rcc.4",), "1.5.0-rc.1"),
        ("1.5.0-rc.x", "1.4.2", Bump.MINOR, "rc", (), "1.6.0-rc.1"),
        ("1.5.0-alpha.4", "1.4.2", Bump.MINOR, "rc", (), "1.5.0-rc.1"),
        ("1.5.0-rc.1", "1.4.2", Bump.MINOR, "alpha", (), "1.6.0-alpha.1"),
        ("1.4.2", None, Bump.NONE, "rc", (), None),
        ("1.4.2", None, Bump.MINOR, "rc", ("1.5.0",), "1.6.0-rc.1"),
        ("1.4.2", None, Bump.PATCH, "rc.canary", (), "1.4.3-rc.canary.1"),
        ("1.4.2", None, Bump.PATCH, "", (), "1.4.3"),
    ],
)
def test_prereleases(
    last: str | None,
    final: str | None,
    bump: Bump,
    prerelease: str,
    taken: tuple[str, ...],
    expected: str | None,
) -> None:
    assert following(last, bump, final, prerelease, taken) == expected


def test_a_prerelease_is_asked_for_by_what_is_new_since_the_last() -> None:
    last, final = Version.parse("1.5.0-rc.1"), Version.parse("1.4.2")
    seen = Since(final, Bump.MINOR)
    assert next_version(Since(last, Bump.NONE), seen, prerelease="rc") is None
    assert next_version(Since(last, Bump.NONE), seen) == Version(1, 5, 0)
    # What was new is reverted: the revert is a change since the last prerelease alone.
    reverted = next_version(Since(last, Bump.PATCH), Since(final, Bump.NONE), prerelease="rc")
    assert str(reverted) == "1.5.0-rc.2"


@pytest.mark.parametrize("prerelease", ["r c", "rc_1", "é", "rc.", ".rc", "01", "a+b", "a" * 200])
def test_a_prerelease_must_fit_in_a_version(prerelease: str) -> None:
    with pytest.raises(SpecError, match="cannot stand in a version"):
        following("1.4.2", Bump.PATCH, prerelease=prerelease)


def test_a_version_that_is_taken_is_passed() -> None:
    assert following("1.4.2", Bump.PATCH, taken=("1.4.3", "1.4.4")) == "1.4.5"
    assert following("1.4.2", Bump.MINOR, taken=("1.5.0+b",)) == "1.6.0"
    assert following("2.0.0-rc.1", Bump.PATCH, "1.4.2", taken=("2.0.0",)) == "2.0.1"


bumps = st.sampled_from([Bump.PATCH, Bump.MINOR, Bump.MAJOR])
bumpings = st.sampled_from([USUAL, CAUTIOUS])
names = st.none() | st.sampled_from(["rc", "alpha", "dev"])
several = st.lists(versions | prereleases, max_size=8)
small = st.builds(
    Version, *[st.integers(0, 2)] * 3, st.sampled_from([None, "rc.1", "rc.2", "dev.1"])
)
crowded = st.lists(small, max_size=40)


@given(several | crowded, crowded, bumps, bumps, bumpings, names)
def test_the_next_version_is_new_and_above(
    out: list[Version],
    elsewhere: list[Version],
    bump: Bump,
    more: Bump,
    bumping: Bumping,
    name: str | None,
) -> None:
    last = max(out, default=None)
    final = max((one for one in out if not one.prerelease), default=None)

    def following(since: Bump) -> Version:
        found = next_version(
            Since(last, since), Since(final, since), bumping, prerelease=name, taken=elsewhere
        )
        assert found is not None
        return found

    low, high = sorted((bump, more))
    found = following(low)
    assert found not in {*out, *elsewhere}
    assert all(one < found for one in out)
    assert found.build is None
    assert (found.prerelease or "").rpartition(".")[0] == (name or "")
    assert found <= following(high)


@given(versions | prereleases, bumps, bumpings, st.integers(1, 10**6))
def test_the_next_version_is_above_every_commit_before_it(
    last: Version, bump: Bump, bumping: Bumping, distance: int
) -> None:
    final = None if last.prerelease else last
    found = next_version(Since(last, bump), Since(final, bump), bumping)
    assert found is not None
    assert last < between_tags(last, distance, "abc1234") < found


@given(prereleases, bumps, st.integers(1, 10**6))
def test_so_is_the_next_prerelease(last: Version, bump: Bump, distance: int) -> None:
    assume(last.prerelease == "rc.1")
    found = next_version(Since(last, bump), Since(None, bump), prerelease="rc")
    assert found is not None
    assert between_tags(last, distance, "abc1234") < found


@given(st.integers(1, 10**6))
def test_the_first_version_is_above_every_commit_before_it(distance: int) -> None:
    assert between_tags(None, distance, "abc1234") < Version(0, 1, 0)
